from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from tradingd.core.positions import HISTORY_MAX, Positions
from tradingd.model.errors import InvariantError
from tradingd.model.instrument import Instrument
from tradingd.model.trading import Fill, Order, OrderType, Position, PositionStatus, Product, Purpose, Side, Slot

DATE = dt.date(2024, 1, 2)


class Book:
    """Positions, and orders for them said shortly."""

    def __init__(self, multiplier: str = "1") -> None:
        self.positions = Positions("s", [("p", "t"), ("q", "")])
        self.instrument = Instrument("SIM", "X", multiplier=Decimal(multiplier))
        self._count = 0

    def order(self, side: Side, quantity: str, purpose: Purpose = Purpose.ENTRY, vpi: str = "p") -> Order:
        self._count += 1
        node = "e" if purpose is Purpose.ENTRY else "x"
        order = Order(
            f"o{self._count}", "s", node, vpi, purpose, self.instrument, side, OrderType.MARKET, Product.CARRY_FORWARD,
            Decimal(quantity), 1, 0, 100,
        )  # fmt: skip
        self.positions.on_submitted(order)
        return order

    def fill(self, order: Order, quantity: str, price: str, ts: int = 5) -> Position:
        self._count += 1
        order.filled += Decimal(quantity)
        told = Fill(f"f{self._count}", order.id, ts, Decimal(price), Decimal(quantity))
        return self.positions.apply(order, told, told.quantity, told.quantity, DATE)

    def trade(
        self, side: Side, quantity: str, price: str, purpose: Purpose = Purpose.ENTRY, vpi: str = "p"
    ) -> Position:
        order = self.order(side, quantity, purpose, vpi)
        position = self.fill(order, quantity, price)
        self.positions.on_final(order)
        return position


def amounts(slot: Slot) -> tuple[int, int, int]:
    """Return what is opening, open and closing."""
    return int(slot.opening), int(slot.open), int(slot.closing)


def test_a_round_trip() -> None:
    book = Book()
    position = book.trade(Side.BUY, "10", "100.10")
    assert position.id == "s-20240102-p-r1"
    assert (position.tag, position.entry_node, position.entry_ts, position.exit_ts) == ("t", "e", 5, None)
    assert book.positions.cash == Decimal("-1001.00")
    assert book.positions.open() == [position]
    book.trade(Side.SELL, "10", "100.25", Purpose.EXIT)
    assert (position.status, position.exit_node, position.exit_ts) == (PositionStatus.CLOSED, "x", 5)
    assert position.pnl == book.positions.cash == book.positions.realized == Decimal("1.50")
    assert book.positions.open() == []
    assert book.positions.closed == list(book.positions.history) == [position]


def test_a_short_earns_what_the_price_falls() -> None:
    book = Book(multiplier="50")
    book.trade(Side.SELL, "2", "100")
    assert book.positions.cash == 10_000
    book.trade(Side.BUY, "2", "97", Purpose.EXIT)
    assert book.positions.realized == book.positions.cash == 300


def test_partial_entries_and_exits_average_exactly() -> None:
    book = Book()
    order = book.order(Side.BUY, "7")
    book.fill(order, "3", "10.01", ts=5)
    position = book.fill(order, "4", "10.08", ts=6)
    assert position.entry_price == Decimal("10.05")
    assert position.entry_ts == 5
    out = book.order(Side.SELL, "7", Purpose.EXIT)
    book.fill(out, "5", "11", ts=7)
    assert (int(position.quantity), int(position.exited)) == (2, 5)
    assert position.status is PositionStatus.OPEN
    assert position.pnl == 5 * (Decimal(11) - Decimal("10.05"))
    book.fill(out, "2", "9", ts=8)
    assert position.exit_ts == 8
    assert position.exit_price == Decimal(73) / 7
    assert position.pnl == book.positions.realized == Decimal("2.65")


def test_what_is_opening_open_and_closing() -> None:
    book = Book()
    slot = book.positions.slots["p"]
    order = book.order(Side.BUY, "5")
    assert amounts(slot) == (5, 0, 0)
    assert not slot.flat
    book.fill(order, "2", "10")
    assert amounts(slot) == (3, 2, 0)
    out = book.order(Side.SELL, "2", Purpose.EXIT)
    assert amounts(slot) == (3, 2, 2)
    assert slot.free == 0
    book.fill(out, "1", "10")
    assert amounts(slot) == (3, 1, 1)
    book.positions.on_final(out)
    assert amounts(slot) == (3, 1, 0)
    assert slot.free == 1


def test_more_than_is_free_cannot_be_closed() -> None:
    book = Book()
    book.trade(Side.BUY, "5", "10")
    book.order(Side.SELL, "3", Purpose.EXIT)
    with pytest.raises(InvariantError, match="p: closing 3 of 5 open with 3 closing already"):
        book.order(Side.SELL, "3", Purpose.EXIT)
    assert book.positions.slots["p"].closing == 3


def test_nothing_reverses_a_position_or_moves_money_in_trying() -> None:
    book = Book()
    position = book.trade(Side.BUY, "2", "10")
    out = book.order(Side.SELL, "2", Purpose.EXIT)
    with pytest.raises(InvariantError, match="3 is more than the 2 open in p"):
        book.fill(out, "3", "10")
    assert book.positions.cash == -20
    assert (int(position.quantity), int(position.exited)) == (2, 0)
    stray = Order(
        "o9", "s", "x", "q", Purpose.EXIT, book.instrument, Side.SELL, OrderType.MARKET, Product.INTRADAY,
        Decimal(1), 1, 0, 9,
    )  # fmt: skip
    with pytest.raises(InvariantError, match="1 is more than the 0 open in q"):
        book.fill(stray, "1", "10")
    assert book.positions.cash == -20


def test_flat_while_the_entry_still_works_is_not_closed_until_its_rest_is_withdrawn() -> None:
    book = Book()
    order = book.order(Side.BUY, "5")
    position = book.fill(order, "2", "10")
    book.trade(Side.SELL, "2", "11", Purpose.EXIT)
    assert book.positions.closed == []
    book.positions.on_final(order)
    assert position.status is PositionStatus.CLOSED
    assert book.positions.closed == [position]
    assert book.positions.realized == 2
    assert book.positions.slots["p"].flat


def test_flat_while_the_entry_still_works_and_then_fills_is_the_same_position() -> None:
    book = Book()
    order = book.order(Side.BUY, "5")
    position = book.fill(order, "2", "10")
    book.trade(Side.SELL, "2", "11", Purpose.EXIT)
    assert book.fill(order, "3", "12") is position
    assert position.quantity == 3
    book.positions.on_final(order)
    assert position.status is PositionStatus.OPEN
    book.trade(Side.SELL, "3", "11", Purpose.EXIT)
    assert position.pnl == -1
    assert len(book.positions.closed) == 1


def test_an_entry_that_never_filled_leaves_nothing() -> None:
    book = Book()
    book.positions.on_final(book.order(Side.BUY, "5"))
    assert book.positions.slots["p"].flat
    assert book.positions.open() == []
    assert book.positions.cash == 0


def test_openings_of_a_slot_are_numbered_within_the_session() -> None:
    book = Book()
    ids = []
    for _ in range(2):
        ids.append(book.trade(Side.BUY, "1", "1").id)
        book.trade(Side.SELL, "1", "1", Purpose.EXIT)
    ids.append(book.trade(Side.BUY, "1", "1", vpi="q").id)
    book.positions.begin_session()
    ids.append(book.trade(Side.BUY, "1", "1").id)
    assert ids == ["s-20240102-p-r1", "s-20240102-p-r2", "s-20240102-q-r1", "s-20240102-p-r1"]


def test_only_a_flat_slot_is_closed() -> None:
    book = Book()
    book.trade(Side.BUY, "1", "1")
    for vpi in ("p", "q"):
        with pytest.raises(InvariantError, match=f"{vpi} is not flat"):
            book.positions.close(book.positions.slots[vpi])


def test_the_history_is_bounded_and_the_realized_sum_is_not() -> None:
    book = Book()
    for _ in range(HISTORY_MAX + 5):
        book.trade(Side.BUY, "1", "1")
        book.trade(Side.SELL, "1", "1.01", Purpose.EXIT)
    assert len(book.positions.history) == HISTORY_MAX
    assert book.positions.realized == Decimal("0.01") * (HISTORY_MAX + 5)
