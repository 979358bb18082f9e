"""Station 5, fills to positions: the slots of one strategy, its realized P&L and its cash, in exact decimal.

Nothing here decides. Entry value and exit value are kept as sums of price x quantity, so that P&L is exact.
What fills beyond all that was asked for never reverses a position: it is one of its own, in a stray slot.
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
STRAY = "!"
"""Joins a vpi and the id of the order whose fill was too much, in the name of a stray slot."""


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
        """Number the openings of a session from one again; forget stray slots that are flat."""
        for vpi, slot in tuple(self.slots.items()):
            slot.count = 0
            if STRAY in vpi and slot.flat:
                del self.slots[vpi]

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
        order.position = slot.position.id if slot.position is not None else ""

    def on_final(self, order: Order) -> None:
        """Free what a final order did not fill."""
        slot = self.slots[order.vpi]
        if order.purpose is Purpose.ENTRY:
            slot.opening -= order.remaining
            if slot.position is not None and not slot.position.quantity and not slot.opening:
                self.close(slot)
        elif self._closes(order, slot):
            slot.closing -= order.remaining

    def room(self, order: Order, filled: Decimal, beyond: Decimal) -> Decimal:
        """Return how much of a fill belongs to the order's slot.

        All that the order had room for; of an exit also what it closes beyond that and no other order is closing.
        """
        slot = self.slots.get(order.vpi)  # of a predecessor's order it may be gone
        if order.purpose is Purpose.ENTRY or slot is None:
            return filled
        return filled + min(beyond, slot.free) if self._closes(order, slot) else ZERO

    @staticmethod
    def _closes(order: Order, slot: Slot) -> bool:
        """Whether what an exit was sent for is still there: not closed by others since, nor opened anew."""
        return slot.position is not None and slot.position.id == order.position

    def apply(self, order: Order, fill: Fill, quantity: Decimal, reserved: Decimal, session: dt.date) -> Position:
        """Book so much of a fill in its order's slot and return the position; `reserved` of it the order had taken."""
        slot = self.slots[order.vpi]
        if order.purpose is Purpose.ENTRY:
            slot.opening -= reserved
            position = self._enter(slot, order, fill, quantity, session)
        else:
            slot.closing -= reserved
            position = self._leave(slot, fill.price, quantity, fill.ts, order.node)
        self._book(position, order, fill, quantity)
        return position

    def stray(self, order: Order, fill: Fill, quantity: Decimal, session: dt.date) -> Position:
        """Book what nobody asked for as a position of its own."""
        vpi = f"{order.vpi}{STRAY}{order.id}"
        slot = self.slots.setdefault(vpi, Slot(vpi, order.tag))
        position = self._enter(slot, order, fill, quantity, session)
        self._book(position, order, fill, quantity)
        return position

    def settle(self, vpi: str, price: Decimal, ts: int, node: str) -> Position:
        """Close what is open in a slot by no order of ours: orders that were to close it have nothing left to close."""
        slot = self.slots[vpi]
        position = slot.position
        if position is None or not position.quantity:
            msg = f"nothing is open in {vpi}"
            raise InvariantError(msg)
        slot.closing = ZERO
        quantity = position.quantity
        self._leave(slot, price, quantity, ts, node)
        self.cash += price * quantity * position.side.sign * position.instrument.multiplier
        return position

    def _book(self, position: Position, order: Order, fill: Fill, quantity: Decimal) -> None:
        scale = quantity * order.instrument.multiplier
        self.cash -= fill.price * scale * order.side.sign
        if fill.best is not None and fill.worst is not None:
            position.optimism += abs(fill.price - fill.best) * scale
            position.pessimism += abs(fill.worst - fill.price) * scale

    def _enter(self, slot: Slot, order: Order, fill: Fill, quantity: Decimal, session: dt.date) -> Position:
        position = slot.position
        if position is None:
            slot.count += 1
            identity = f"{self.strategy}-{session:%Y%m%d}-{slot.vpi}-r{slot.count}"
            position = slot.position = Position(
                identity, self.strategy, slot.vpi, slot.tag, order.instrument, order.side, order.product,
                session, order.node, fill.ts,
            )  # fmt: skip
        slot.open += quantity
        position.entered += quantity
        position.quantity += quantity
        position.entry_value += fill.price * quantity
        return position

    def _leave(self, slot: Slot, price: Decimal, quantity: Decimal, ts: int, node: str) -> Position:
        position = slot.position
        if position is None or quantity > slot.open:
            msg = f"{quantity} is more than the {slot.open} open in {slot.vpi}"
            raise InvariantError(msg)
        slot.open -= quantity
        position.quantity -= quantity
        position.exited += quantity
        position.exit_value += price * quantity
        position.exit_ts, position.exit_node = ts, node
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
