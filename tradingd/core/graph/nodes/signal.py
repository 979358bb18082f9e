"""The signal node: waits until its condition is true, then arms its children.

It is stepped at each bar evaluation, and once at the first market event after an order report armed it. A
signal that can do nothing does not fire: if it leads straight to entries and exits and none of them can act
now, it stays armed and the trace names the gate. A signal that leads to alerts only stays armed and fires at
each rising edge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradingd.core.graph.document import Kind, Signal, Trigger
from tradingd.core.graph.nodes.node import Node
from tradingd.model.trading import AlertKind, AlertType

if TYPE_CHECKING:
    from tradingd.core.graph.plan import Bound, Plan
    from tradingd.core.graph.strategy import StrategyRuntime


class SignalNode(Node):
    """One waiting condition.

    `due` is set when the node was armed outside a bar evaluation and has not been looked at since. `risen`
    says whether the condition has been false since arming (edge) or since the last firing (alerts only).
    """

    def __init__(self, spec: Signal, plan: Plan, bound: Bound) -> None:
        super().__init__(spec, plan)
        self.condition = spec.condition
        self._is_true, self._is_false = bound.is_true, bound.is_false
        self._may_be_blind = bound.stirs
        self._always = bound.is_false is not None  # a falling edge must not be missed
        if not self._always:
            self.stirs = bound.stirs or bound.is_true
        self.repeating = spec.id in plan.repeating
        self.edge = spec.trigger is Trigger.EDGE
        self.acts = tuple(c for c in self.children if plan.nodes[c].kind in (Kind.ENTRY, Kind.EXIT))
        self.due = False
        self.risen = True
        self._told = False

    @property
    def eager(self) -> bool:  # type: ignore[override] # a signal wants market events only while due
        """Whether the next market event is the one to be looked at."""
        return self.due

    def on_armed(self, strategy: StrategyRuntime, *, by_start: bool) -> None:
        """Wait for the next bar, or, where an event other than a bar armed it, for the next market event."""
        self.due = not strategy.bar and not by_start
        self.risen = not self.edge
        if self._told and not self._always:
            self.stirs = self._may_be_blind or self._is_true
        self._told = False

    def on_disarmed(self, strategy: StrategyRuntime) -> None:  # noqa: ARG002 - the signature all nodes share
        """Stop waiting."""
        self.due = False

    def step(self, strategy: StrategyRuntime) -> bool:
        """Evaluate the condition if this is an instant for it, and fire where it is true and free to."""
        if not strategy.bar:
            if strategy.reporting or not self.due:
                return False
            self.due = False
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
        gates = [strategy.nodes[c].cannot_act(strategy) for c in self.acts]  # type: ignore[attr-defined] # entries and exits
        return "" if not all(gates) or not gates else "; ".join(dict.fromkeys(gates))

    def _fire(self, strategy: StrategyRuntime) -> None:
        self.gate = ""
        number = strategy.record(self, conditions_met=True, signal_triggered=True)
        scope = self.scope
        if self.repeating:
            self.risen = False
        else:
            strategy.disarm(self)
        self.parent = number
        strategy.arm_children(self, scope)
