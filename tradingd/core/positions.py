"""Station 5, fills to positions: the slots of one strategy, its realized P&L and its cash, in exact decimal.

Nothing here decides. Entry value and exit value are kept as sums of price x quantity, so that P&L is exact;
a fill that would reverse a position is an error of the program, never a position.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from tradingd.model.errors import InvariantError
from tradingd.model.trading import ZERO, Order, Position, PositionStatus, Purpose, Slot

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable
    from decimal import Decimal

    from tradingd.model.trading import Fill

HISTORY_MAX = 1_000


class Positions:
    """Slots and positions of one strategy.

    `realized` is the P&L of everything closed so far, `cash` the sum of all money that moved (buys negative),
    both in the instruments' currency. `history` keeps the last closed positions, `closed` those since the
    owner last took them.
    """

    def __init__(self, strategy: str, slots: Iterable[tuple[str, str]]) -> None:
        """Make an empty slot for each (vpi, tag)."""
        self.strategy = strategy
        self.slots = {vpi: Slot(vpi, tag) for vpi, tag in slots}
        self.cash = ZERO
        self.realized = ZERO
        self.history: deque[Position] = deque(maxlen=HISTORY_MAX)
        self.closed: list[Position] = []

    def begin_session(self) -> None:
        """Number the openings of a session from one again."""
        for slot in self.slots.values():
            slot.count = 0

    def inherit(self, before: Positions) -> None:
        """Take over what a flat predecessor earned, and the numbers of its openings."""
        self.cash, self.realized = before.cash, before.realized
        self.history, self.closed = before.history, before.closed
        for vpi, slot in self.slots.items():
            if vpi in before.slots:
                slot.count = before.slots[vpi].count

    def open(self) -> list[Position]:
        """Return the open positions, in the order of the slots."""
        return [s.position for s in self.slots.values() if s.position is not None]

    def on_submitted(self, order: Order) -> None:
        """Reserve what an order opens or closes."""
        slot = self.slots[order.vpi]
        if order.purpose is Purpose.ENTRY:
            slot.opening += order.quantity
            return
        if slot.closing + order.quantity > slot.open:
            msg = f"{order.vpi}: closing {order.quantity} of {slot.open} open with {slot.closing} closing already"
            raise InvariantError(msg)
        slot.closing += order.quantity

    def on_final(self, order: Order) -> None:
        """Free what a final order did not fill."""
        slot = self.slots[order.vpi]
        if order.purpose is Purpose.ENTRY:
            slot.opening -= order.remaining
            if slot.position is not None and not slot.position.quantity and not slot.opening:
                self.close(slot)
        else:
            slot.closing -= order.remaining

    def apply(self, order: Order, fill: Fill, session: dt.date) -> Position:
        """Book one fill of an order and return the position it belongs to."""
        slot = self.slots[order.vpi]
        value = fill.price * fill.quantity
        if order.purpose is Purpose.ENTRY:
            position = self._enter(slot, order, fill, value, session)
        else:
            position = self._leave(slot, order, fill, value)
        self.cash -= value * order.side.sign * order.instrument.multiplier
        return position

    def _enter(self, slot: Slot, order: Order, fill: Fill, value: Decimal, session: dt.date) -> Position:
        position = slot.position
        if position is None:
            slot.count += 1
            identity = f"{self.strategy}-{session:%Y%m%d}-{slot.vpi}-r{slot.count}"
            position = slot.position = Position(
                identity, self.strategy, slot.vpi, slot.tag, order.instrument, order.side, order.product,
                session, order.node, fill.ts,
            )  # fmt: skip
        slot.opening -= fill.quantity
        slot.open += fill.quantity
        position.entered += fill.quantity
        position.quantity += fill.quantity
        position.entry_value += value
        return position

    def _leave(self, slot: Slot, order: Order, fill: Fill, value: Decimal) -> Position:
        position = slot.position
        if position is None or fill.quantity > slot.open:
            msg = f"fill {fill.id} closes {fill.quantity} of {slot.open} open in {slot.vpi}"
            raise InvariantError(msg)
        slot.closing -= fill.quantity
        slot.open -= fill.quantity
        position.quantity -= fill.quantity
        position.exited += fill.quantity
        position.exit_value += value
        position.exit_ts, position.exit_node = fill.ts, order.node
        if not position.quantity and not slot.opening:
            self.close(slot)
        return position

    def close(self, slot: Slot) -> None:
        """Move a flat position to the history."""
        position = slot.position
        if position is None or position.quantity:
            msg = f"{slot.vpi} is not flat"
            raise InvariantError(msg)
        position.status = PositionStatus.CLOSED
        self.realized += position.pnl
        slot.position = None
        self.history.append(position)
        self.closed.append(position)
