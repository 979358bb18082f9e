"""The signal node: waits until its condition is true, then arms its children.

It is stepped at each bar evaluation, and once at the first market event after an order report armed it. A
signal that can do nothing does not fire: if it leads straight to entries and exits and none of them can act
now, it stays armed and the trace names the gate. A signal that leads to alerts only stays armed and fires at
each rising edge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradingd.core.graph.arithmetic import NAN
from tradingd.core.graph.document import Kind, Signal, Trigger
from tradingd.core.graph.nodes.node import Node, State
from tradingd.model.trading import AlertKind, AlertType

if TYPE_CHECKING:
    from tradingd.core.graph.expressions import Group
    from tradingd.core.graph.plan import Plan
    from tradingd.core.graph.source import Bound
    from tradingd.core.graph.strategy import StrategyRuntime

ACTING = (Kind.ENTRY, Kind.EXIT, Kind.MODIFY, Kind.SQUARE_OFF)
"""Kinds of children without which a signal does not fire when none of them can act."""


class SignalNode(Node):
    """One waiting condition.

    `due` is set when the node was armed outside a bar evaluation and has not been looked at since. `risen`
    says whether the condition has been false since arming (edge) or since the last firing (alerts only).
    """

    def __init__(self, spec: Signal, plan: Plan, bound: Bound) -> None:
        super().__init__(spec, plan)
        self.spec = spec
        self._first = bound
        self.repeating = spec.id in plan.repeating
        self.edge = spec.trigger is Trigger.EDGE
        self.acts = tuple(c for c in self.children if plan.nodes[c].kind in ACTING)
        self.entries = tuple(c for c in self.children if plan.nodes[c].kind is Kind.ENTRY)
        self.live = plan.live.get(spec.id)
        self.clocks = plan.clocks.get(spec.id, ())
        self.pulses = plan.pulses.get(spec.id, frozenset())
        self.due = False
        self.risen = True
        self._told = False
        self._asked: set[int] = set()
        self._use(bound, spec.condition)

    def _use(self, bound: Bound, condition: Group) -> None:
        """Take one of the signal's conditions."""
        self.condition = condition
        self._is_true, self._is_false = bound.is_true, bound.is_false
        self._may_be_blind, self._remembers, self.before = bound.stirs, bound.remembers, bound.before
        # A falling edge must not be missed, nor what a crossing goes by, nor a time that is to be asked for.
        self._always = bound.is_false is not None or bound.remembers is not None or bool(self.clocks)
        if not self._always:
            self.stirs = bound.stirs or bound.is_true

    @property
    def eager(self) -> bool:  # type: ignore[override] # a signal wants market events while due, or where it reads prices
        """Whether the next market event is to be looked at."""
        return self.due or self.live is not None

    def on_armed(self, strategy: StrategyRuntime, *, by_start: bool) -> None:
        """Wait for the next bar, or, where an event other than a bar armed it, for the next market event."""
        self.due = not strategy.bar and not by_start
        self.risen = not self.edge
        if self.spec.again is not None and self._first.again is not None:
            again = strategy.granting or (self.scope is not None and self.scope.again)
            self._use(self._first.again if again else self._first, self.spec.again if again else self.spec.condition)
        elif self._told and not self._always:
            self.stirs = self._may_be_blind or self._is_true
        self._told = False
        for sides in self.before.values():
            sides[:] = (NAN, NAN)
        self.on_session(strategy)

    def on_session(self, strategy: StrategyRuntime) -> None:
        """Ask for the times that the condition compares the time with."""
        self._asked.clear()
        self._ask(strategy)

    def _ask(self, strategy: StrategyRuntime) -> None:
        now = strategy.desk.now
        for clock in self.clocks:
            ts = strategy.reading.expression(clock)
            if isinstance(ts, int) and ts not in self._asked and ts + 1 > now:
                self._asked.add(ts)
                for at in (ts, ts + 1):  # what is true only after a time is looked at right after it
                    if at >= now:
                        strategy.desk.wake(at, self.id)

    def on_wake(self, strategy: StrategyRuntime) -> None:  # noqa: ARG002 - the signature of all who ask to be woken
        """A time has come that the condition compares the time with."""
        self.due = self.state is State.ARMED

    def on_disarmed(self, strategy: StrategyRuntime) -> None:  # noqa: ARG002 - the signature all nodes share
        """Stop waiting."""
        self.due = False

    def step(self, strategy: StrategyRuntime) -> bool:
        """Evaluate the condition if this is an instant for it, and fire where it is true and free to."""
        if not strategy.bar:
            if strategy.reporting or not (self.due or self._concerned(strategy)):
                return False
            self.due = False
        if self.live is not None and not self.live.lines.isdisjoint(strategy.sight.unsettled()):
            return self.held(strategy, "bar pending")
        if self.clocks:
            self._ask(strategy)
        changed = self._evaluate(strategy)
        if self._remembers is not None:
            self._remembers()
        return changed

    def _concerned(self, strategy: StrategyRuntime) -> bool:
        """Whether the market event is of something that the condition reads as it is."""
        if self.live is None or not strategy.event:
            return False
        if strategy.event in self.live.instruments:
            return True
        slots = strategy.desk.slots
        held = (slots[vpi].position for vpi in self.live.slots if vpi in slots)
        return any(position is not None and position.instrument.id == strategy.event for position in held)

    def _evaluate(self, strategy: StrategyRuntime) -> bool:
        if not self._is_true():
            if self._is_false is not None and self._is_false():
                self.risen = True
            if self._may_be_blind is not None and not self._told and self._may_be_blind():
                self._tell_unknown(strategy)
            return False
        if self._is_false is not None and not self.risen:
            return False if self.repeating else self.held(strategy, "edge")
        gate = strategy.entry_warm_up(self) or self._nothing_to_do(strategy)
        if gate:
            return self.held(strategy, gate)
        self._fire(strategy)
        return True

    def _tell_unknown(self, strategy: StrategyRuntime) -> None:
        """Tell a person, once an arming, that a way out of an open position cannot be judged."""
        if all(slot.open == 0 for slot in strategy.desk.slots.values()):
            return
        self._told = True
        if not self._always:
            self.stirs = self._is_true
        text = f"{self.id} cannot be judged while a position is open: an operand has no value"
        strategy.desk.alert(AlertKind.ALERT, self.id, text, AlertType.CRITICAL, {}, cause=self.parent)

    def _nothing_to_do(self, strategy: StrategyRuntime) -> str:
        """Return why none of the acting children can act now; empty where one can, or there are none."""
        gates = [self._gate(strategy, c) for c in self.acts]
        return "" if not all(gates) or not gates else "; ".join(dict.fromkeys(gates))

    def _gate(self, strategy: StrategyRuntime, child: str) -> str:
        node: Any = strategy.nodes[child]
        again = self.spec.re_entry
        if again is None or child not in self.entries:
            return str(node.cannot_act(strategy))
        if again.limit is not None and strategy.used(child, again.group) >= again.limit:
            return "budget"
        return str(node.cannot_act(strategy, granted=True))

    def _fire(self, strategy: StrategyRuntime) -> None:
        self.gate = ""
        number = strategy.record(self, conditions_met=True, signal_triggered=True)
        scope = self.scope
        for name, operand in self.spec.variables:
            strategy.kept[self.id, name] = strategy.reading.expression(operand)
        for name, operand in self.spec.updates:
            strategy.variables[name] = strategy.reading.expression(operand)
        if self.repeating:
            self.risen = False
        else:
            strategy.disarm(self)
        self.parent = number
        if self.spec.re_entry is not None:
            for entry in self.entries:
                if not self._gate(strategy, entry):
                    strategy.grant(entry, self.spec.re_entry.group)
        strategy.arm_children(self, scope)
