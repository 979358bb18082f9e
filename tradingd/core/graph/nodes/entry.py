"""The entry node: opens its legs, stage by stage, and begins a run.

It runs on its first arming of the session, or with a re-entry grant, which the run consumes. Legs of one
priority go together; the next stage follows when the one before is filled whole. Its children are armed at
the first fill of any leg and belong to the run. A leg refused or short ends the later stages; what filled
stays, with its exits armed, and a person is told.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from tradingd.core.graph.nodes.node import Node, State
from tradingd.model.trading import AlertKind, AlertType, Intent, OrderState, Purpose

if TYPE_CHECKING:
    from tradingd.core.graph.document import Entry, Leg
    from tradingd.core.graph.plan import Plan
    from tradingd.core.graph.strategy import Run, StrategyRuntime
    from tradingd.model.trading import Order

FINAL = (OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.EXPIRED)


class EntryNode(Node):
    """One place to enter.

    `spent` says that it ran in this session; `grant` is the re-entry group whose permission it holds, none
    without; `entered` counts the openings of each leg.
    """

    def __init__(self, spec: Entry, plan: Plan) -> None:
        super().__init__(spec, plan)
        self.legs = spec.legs
        by_priority = sorted(spec.legs, key=lambda leg: leg.priority)
        self.stages = tuple(tuple(legs) for _, legs in groupby(by_priority, key=lambda leg: leg.priority))
        self.outer_exits = plan.outer_exits[spec.id]
        self.vpis = tuple(leg.vpi for leg in spec.legs)
        self._closed_out = any(vpi in plan.document.squared_off for vpi in self.vpis)
        self.begin_session()

    def begin_session(self) -> None:
        """Forget the session before."""
        super().begin_session()
        self.spent = False
        self.grant: int | None = None
        self.entered = dict.fromkeys((leg.vpi for leg in self.legs), 0)
        self.run: Run | None = None
        self._stage = 0
        self._orders: list[Order] = []
        self._short = False

    def inherit(self, before: EntryNode) -> None:
        """Take over what counts entries in a session."""
        self.spent, self.grant = before.spent, before.grant
        self.entered |= {vpi: n for vpi, n in before.entered.items() if vpi in self.entered}

    def on_disarmed(self, strategy: StrategyRuntime) -> None:  # noqa: ARG002 - the signature all nodes share
        """Stop caring for the orders of the last run: what they still fill is not followed up."""
        self.run = None
        self._orders = []

    def cannot_act(self, strategy: StrategyRuntime, *, granted: bool = False) -> str:
        """Return the gate that keeps the entry from running now, even if granted a re-entry; empty where it can."""
        if self.state is State.WORKING or any(not strategy.slot(v).flat for v in self.vpis):
            return "occupied"
        if self.spent and self.grant is None and not granted:
            return "spent"
        if all(self._used_up(leg) for leg in self.legs):
            return "budget"
        if strategy.squared_off and self._closed_out:
            return "square-off"
        return strategy.desk.entry_gate()

    def _used_up(self, leg: Leg) -> bool:
        return leg.max_entries is not None and self.entered[leg.vpi] >= leg.max_entries

    def step(self, strategy: StrategyRuntime) -> bool:
        """Begin a run, or say which gate kept it from running."""
        scope = self.scope
        strategy.disarm(self)
        gate = self.cannot_act(strategy)
        if gate:
            self.held(strategy, gate)
            return True
        self.gate = ""
        self.spent = True
        again = strategy.consume(self)
        self.parent = strategy.record(self, positions_created=[leg.vpi for leg in self.legs if not self._used_up(leg)])
        self.run = strategy.begin_run(self, scope, again=again)
        self._stage, self._orders, self._short = 0, [], False
        self.state = State.WORKING
        strategy.desk.count_entry()
        self._submit(strategy, self.stages[0])
        self._advance(strategy)
        strategy.settle()
        return True

    def _submit(self, strategy: StrategyRuntime, legs: tuple[Leg, ...]) -> None:
        for leg in legs:
            if self._used_up(leg):
                continue
            intent = Intent(
                strategy.id, self.id, leg.vpi, Purpose.ENTRY, leg.side, leg.order_type, leg.product,
                lots=leg.quantity, limit_price=leg.limit_price, choice=leg.choice, multiplier=leg.multiplier,
                tag=leg.tag, cause=self.parent,
            )  # fmt: skip
            orders = strategy.desk.submit(intent)
            if isinstance(orders, str):
                self._short = True
            else:
                self.entered[leg.vpi] += 1
                self._orders += orders

    def on_report(self, strategy: StrategyRuntime, order: Order) -> None:
        """Arm the children at the first fill; go on to the next stage, or come to an end."""
        if self.run is None or not any(o is order for o in self._orders):
            return
        if order.filled and not self.run.filled:
            self.run.filled = True
            strategy.arm_children(self, self.run)
        if order.state in FINAL and order.remaining and not order.cancelling:
            self._short = True
            strategy.desk.alert(
                AlertKind.ORDER, self.id, f"entry order {order.id} for {order.vpi} {order.state}: {order.reason}",
                AlertType.CRITICAL, {}, cause=self.parent,
            )  # fmt: skip
        self._advance(strategy)

    def _advance(self, strategy: StrategyRuntime) -> None:
        """Submit the next stage when the one before is filled whole; be idle when every order is final."""
        while all(o.state in FINAL for o in self._orders):
            whole = not self._short and all(o.state is OrderState.FILLED for o in self._orders)
            self._stage += 1
            if not whole or self._stage >= len(self.stages):
                self._finish(strategy)
                return
            self._submit(strategy, self.stages[self._stage])

    def _finish(self, strategy: StrategyRuntime) -> None:
        self.state = State.IDLE
        filled = any(o.filled for o in self._orders)
        if not filled:
            strategy.desk.alert(
                AlertKind.ORDER, self.id, f"entry {self.id} opened nothing", AlertType.WARNING, {}, cause=self.parent
            )
        elif self._short:
            strategy.desk.alert(
                AlertKind.ORDER, self.id, f"entry {self.id} is incomplete", AlertType.CRITICAL, {}, cause=self.parent
            )
            strategy.on_incomplete(self)
