"""The exit node: closes what it was drawn to close, and does not give up.

It targets the slots of one vpi, of a tag, or all; it withdraws what of their entries is unfilled, then closes
what is free, never more: open quantity >= working closing orders, always. Refused, cancelled or expired with
quantity left, it tries again after 1, 2, 5, 10, then every 30 s, and tells a person each time. One that finds
everything being closed by others stays armed until that is settled.
"""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

from tradingd.core.graph.document import Exit, ExitQuantity
from tradingd.core.graph.nodes.node import Node, State
from tradingd.model.market import SECOND
from tradingd.model.trading import AlertKind, AlertType, Intent, Order, OrderState, OrderType, Purpose, Slot

if TYPE_CHECKING:
    from tradingd.core.graph.plan import Plan
    from tradingd.core.graph.strategy import StrategyRuntime

RETRY_S = (1, 2, 5, 10, 30)
FAILED = (OrderState.REJECTED, OrderState.CANCELLED, OrderState.EXPIRED)


class ExitNode(Node):
    """One way out of `vpis`.

    `asked` maps each slot it is closing to the units it still has to close, none for all; `done` says that
    everything asked for is closed, `asleep` that a retry is waiting for its time.
    """

    def __init__(self, spec: Exit, plan: Plan, vpis: tuple[str, ...]) -> None:
        super().__init__(spec, plan)
        self.spec = spec
        self.vpis = vpis
        self.asked: dict[str, Decimal | None] = {}
        self.done = False
        self.asleep = False
        self._failures = 0

    @property
    def closing_at_market(self) -> bool:
        """Whether market orders of this exit are on their way: nothing can close faster."""
        return self.state is State.WORKING and not self.asleep and self.spec.order_type is OrderType.MARKET

    def begin_session(self) -> None:
        """Forget the session before."""
        super().begin_session()
        self._forget()

    def _forget(self) -> None:
        self.asked = {}
        self.done = self.asleep = False
        self._failures = 0

    def cannot_act(self, strategy: StrategyRuntime) -> str:
        """Return the gate that keeps the exit from acting now; empty where it can."""
        if self.state is State.WORKING or self.asleep:
            return "already closing"
        live = [s for s in (strategy.slot(v) for v in self.vpis) if not s.flat]
        if not live:
            return "nothing to close"
        return "" if self._mine(strategy, live) else "already closing"

    def _mine(self, strategy: StrategyRuntime, live: list[Slot]) -> list[Slot]:
        """Return the slots it may act on now: not opened at this very instant, and not all being closed by others."""
        return [s for s in live if strategy.opened_at(s.vpi) != strategy.instant and (s.free > 0 or s.opening > 0)]

    def on_disarmed(self, strategy: StrategyRuntime) -> None:
        """Withdraw closing orders that are still working: what they closed is closed already."""
        for order in strategy.desk.working(self.vpis, Purpose.EXIT):
            if order.node == self.id:
                strategy.desk.cancel(order)
        self._forget()

    def step(self, strategy: StrategyRuntime) -> bool:
        """Close, wait for others that are closing, or find that there is nothing left to close."""
        live = [s for s in (strategy.slot(v) for v in self.vpis) if not s.flat]
        if not live:
            self.held(strategy, "nothing to close")
            strategy.disarm(self)
            return True
        mine = self._mine(strategy, live)
        if not mine:
            return self.held(strategy, "already closing")
        self.gate = ""
        self.parent = strategy.record(self, positions_closed=[s.vpi for s in mine])
        self.asked = {s.vpi: self._ask(s) for s in mine}
        strategy.work(self)
        for slot in mine:
            for order in strategy.desk.working((slot.vpi,), Purpose.ENTRY):
                if not order.cancelling:
                    strategy.desk.cancel(order)
        for slot in mine:
            self._close(strategy, slot)
        self.advance(strategy)
        return True

    def _ask(self, slot: Slot) -> Decimal | None:
        """Return how many units of the slot to close, none for all there is and will be."""
        if self.spec.quantity is ExitQuantity.ALL or self.spec.amount is None or slot.position is None:
            return None
        lot = slot.position.instrument.lot_size
        if self.spec.quantity is ExitQuantity.SPECIFIC:
            return min(self.spec.amount * lot, slot.open)
        lots = (slot.open * self.spec.amount / 100 / lot).to_integral_value(ROUND_FLOOR)
        return min(max(lots, Decimal(1)) * lot, slot.open)

    def _close(self, strategy: StrategyRuntime, slot: Slot) -> None:
        """Send a closing order for what is free and asked for."""
        asked = self.asked[slot.vpi]
        quantity = slot.free if asked is None else min(asked - self._working(strategy, slot), slot.free)
        if quantity <= 0 or slot.position is None:
            return
        position = slot.position
        intent = Intent(
            strategy.id, self.id, slot.vpi, Purpose.EXIT, position.side.opposite, self.spec.order_type,
            position.product, quantity=quantity, limit_price=self.spec.limit_price, tag=slot.tag, cause=self.parent,
        )  # fmt: skip
        refused = strategy.desk.submit(intent)
        if isinstance(refused, str):
            self._fail(strategy, f"closing {slot.vpi} refused: {refused}")

    def _working(self, strategy: StrategyRuntime, slot: Slot) -> Decimal:
        orders = strategy.desk.working((slot.vpi,), Purpose.EXIT)
        return sum((o.remaining for o in orders if o.node == self.id), Decimal(0))

    def on_report(self, strategy: StrategyRuntime, order: Order) -> None:
        """Count what was closed; where the venue ended the order early, plan the next try."""
        if self.state is not State.WORKING or order.purpose is not Purpose.EXIT:
            return
        asked = self.asked.get(order.vpi)
        if asked is not None:
            self.asked[order.vpi] = asked - strategy.filled_now
        if order.state in FAILED and order.remaining and not order.cancelling:
            self._fail(strategy, f"exit order {order.id} for {order.vpi} {order.state}: {order.reason}")

    def _fail(self, strategy: StrategyRuntime, message: str) -> None:
        delay_s = RETRY_S[min(self._failures, len(RETRY_S) - 1)]
        self._failures += 1
        text = f"{message}; trying again in {delay_s} s"
        strategy.desk.alert(AlertKind.ORDER, self.id, text, AlertType.CRITICAL, {}, cause=self.parent)
        if not self.asleep:
            self.asleep = True
            strategy.desk.wake(strategy.desk.now + delay_s * SECOND, self.id)

    def on_wake(self, strategy: StrategyRuntime) -> None:
        """The time of a retry has come: close again what is still asked for."""
        if not self.asleep:
            return
        self.asleep = False
        if all(strategy.slot(vpi).flat for vpi in self.asked):
            strategy.disarm(self)  # somebody else closed it
            return
        for vpi in tuple(self.asked):
            self._close(strategy, strategy.slot(vpi))
        self.advance(strategy)

    def release(self, strategy: StrategyRuntime, vpi: str) -> None:
        """Somebody else closed a slot: withdraw what still works to close it, and do not count it as closed by us."""
        if vpi not in self.asked:
            return
        del self.asked[vpi]
        for order in strategy.desk.working((vpi,), Purpose.EXIT):
            if order.node == self.id and not order.cancelling:
                strategy.desk.cancel(order)
        if not self.asked:
            strategy.disarm(self)

    def advance(self, strategy: StrategyRuntime) -> None:
        """Close what became free since, as a fill that raced its cancel; see whether all is closed."""
        if self.state is not State.WORKING or self.asleep:
            return
        finished = True
        for vpi, asked in tuple(self.asked.items()):
            slot = strategy.slot(vpi)
            if asked is None:
                self._close(strategy, slot)
                finished = finished and slot.flat
            else:
                finished = finished and (asked <= 0 or slot.flat)
        self.done = finished and not self.asleep


def square_off(identity: str) -> Exit:
    """Return the exit that the end of an intraday session is: everything, at the market."""
    return Exit(identity, "square off", None, None, ExitQuantity.ALL, None, OrderType.MARKET, None, None)
