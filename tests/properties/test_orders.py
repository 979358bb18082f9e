"""Whatever a venue says, in whatever order and however often, an order ends where the truth ends."""

from __future__ import annotations

import datetime as dt
from dataclasses import astuple, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from tradingd.core.orders import FINAL, Applied, OrderBook, base36, serial
from tradingd.model.errors import InvariantError
from tradingd.model.events import (
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from tradingd.model.instrument import Instrument
from tradingd.model.trading import Fill, Order, OrderState, OrderType, Product, Purpose, Side

if TYPE_CHECKING:
    from tradingd.model.events import OrderReport

QUANTITY = 5
ORDERS = ("a", "b")
names = st.sampled_from([*ORDERS, "never"])
fills = st.builds(
    lambda order, number, quantity: OrderFilled(Fill(f"{order}{number}", order, 1, Decimal(100), Decimal(quantity))),
    names, st.integers(0, 5), st.integers(0, QUANTITY),
)  # fmt: skip
others = st.builds(
    lambda make, order: make(order, 1, "why") if make is not OrderAccepted else make(order, 1),
    st.sampled_from([OrderAccepted, OrderAccepted, OrderUnknown, OrderCancelled, OrderRejected, OrderExpired]), names,
)  # fmt: skip
reports = st.lists(st.one_of(fills, fills, others), max_size=25)


def make_book() -> tuple[OrderBook, dict[str, Order]]:
    book = OrderBook()
    orders = {}
    for name in ORDERS:
        orders[name] = Order(
            name, "s", "e", "p", Purpose.ENTRY, Instrument("SIM", "X"), Side.BUY, OrderType.MARKET, Product.INTRADAY,
            Decimal(QUANTITY), 1, 0, 100,
        )  # fmt: skip
        book.add(orders[name])
    return book, orders


def apply(book: OrderBook, report: OrderReport) -> Applied | None:
    """Return what a report did; none where nothing, also where it was impossible."""
    try:
        return book.apply(report)
    except InvariantError:
        return None


def state_of(order: Order) -> tuple[object, ...]:
    """Return what no report moves that the order has no room for; its value grows with all that was traded."""
    return astuple(replace(order, value=Decimal(0)))


@given(reports)
def test_an_order_moves_only_forward_and_only_by_what_moved_it(told: list[OrderReport]) -> None:
    book, orders = make_book()
    counted: dict[str, Applied] = {}
    for report in told:
        before = {name: state_of(order) for name, order in orders.items()}
        working = set(book.working)
        applied = apply(book, report)
        for name, order in orders.items():
            if applied is None or order is not applied.order or name not in working:
                assert state_of(order) == before[name]
            else:
                assert name == report.order
            assert (name in book.working) is (order.state not in FINAL)
        if applied is not None and isinstance(report, OrderFilled):
            assert report.fill.id not in counted
            assert applied.filled + applied.beyond == report.fill.quantity
            assert applied.filled == 0 or report.order in working
            counted[report.fill.id] = applied
    for name, order in orders.items():
        of_it = [applied for number, applied in counted.items() if number.startswith(name)]
        assert order.filled == sum(applied.filled for applied in of_it) <= order.quantity
        assert order.value == 100 * sum(applied.filled + applied.beyond for applied in of_it)
        assert (order.state is OrderState.FILLED) is (order.filled == order.quantity)
        assert order.state is not OrderState.REJECTED or not order.filled


@given(reports)
def test_telling_everything_twice_changes_nothing_more(told: list[OrderReport]) -> None:
    """Each report right after itself, as a venue repeats what it fears was lost."""
    (once, orders), (twice, again) = make_book(), make_book()
    for report in told:
        apply(once, report)
        apply(twice, report)
        apply(twice, report)
    ends = {name: (order.state, order.filled) for name, order in orders.items()}
    assert {name: (order.state, order.filled) for name, order in again.items()} == ends
    assert list(twice.working) == list(once.working)


@given(st.integers(0, 36**8 - 1), st.dates(dt.date(2000, 1, 1), dt.date(2099, 12, 31)), st.text(min_size=1))
def test_an_id_is_short_plain_and_can_be_read_back(count: int, date: dt.date, strategy: str) -> None:
    number = serial(strategy, date, count)
    assert len(number) <= 20
    assert number.isalnum()
    assert number.isascii()
    assert (number[6:12], int(number[12:], 36)) == (f"{date:%y%m%d}", count)
    assert base36(count) == number[12:]
