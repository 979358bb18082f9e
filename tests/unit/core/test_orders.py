from __future__ import annotations

import datetime as dt
import itertools
import re
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tradingd.core.orders import FINAL, KEPT_MAX, TABLE, OrderBook, base36, serial
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

S = OrderState
WORKING = (S.SUBMITTED, S.ACCEPTED, S.PARTIAL, S.UNKNOWN)
DATE = dt.date(2024, 1, 2)


def make_order(
    state: OrderState = S.SUBMITTED, number: str = "o1", vpi: str = "p", purpose: Purpose = Purpose.ENTRY
) -> Order:
    order = Order(
        number, "s", "e", vpi, purpose, Instrument("SIM", "X"), Side.BUY, OrderType.MARKET, Product.INTRADAY,
        Decimal(10), 1, 0, 100,
    )  # fmt: skip
    order.state = state
    order.filled = Decimal(4) if state is S.PARTIAL else Decimal(0)
    return order


def applied(book: OrderBook, report: OrderReport) -> tuple[int, int]:
    """Apply a report that changes something; return the units it filled, and those beyond the order."""
    moved = book.apply(report)
    assert moved is not None
    return int(moved.filled), int(moved.beyond)


def make_book(order: Order) -> OrderBook:
    book = OrderBook()
    book.add(order)
    return book


def fill(quantity: int, number: str = "t1", order: str = "o1") -> OrderFilled:
    return OrderFilled(Fill(number, order, 2, Decimal(100), Decimal(quantity)))


REPORTS: dict[str, OrderReport] = {
    "accepted": OrderAccepted("o1", 2),
    "filled in part": fill(3),
    "filled whole": fill(0),  # what is left, below
    "cancelled": OrderCancelled("o1", 2, "why"),
    "rejected": OrderRejected("o1", 2, "why"),
    "expired": OrderExpired("o1", 2, "why"),
    "unknown": OrderUnknown("o1", 2, "why"),
}
ENDS = {"cancelled": S.CANCELLED, "expired": S.EXPIRED}
FILLS = {"filled in part": S.PARTIAL, "filled whole": S.FILLED}
EXPECTED: dict[OrderState, dict[str, OrderState | None]] = {
    S.SUBMITTED: {"accepted": S.ACCEPTED, "rejected": S.REJECTED, "unknown": S.UNKNOWN, **FILLS, **ENDS},
    S.ACCEPTED: {"accepted": None, "rejected": S.REJECTED, "unknown": S.UNKNOWN, **FILLS, **ENDS},
    S.PARTIAL: {"accepted": None, "rejected": S.CANCELLED, "unknown": S.UNKNOWN, **FILLS, **ENDS},
    S.UNKNOWN: {"accepted": S.ACCEPTED, "rejected": S.REJECTED, "unknown": None, **FILLS, **ENDS},
    S.FILLED: {},
    S.CANCELLED: {},
    S.REJECTED: {},
    S.EXPIRED: {},
}
"""Where every report leads from every state; none: known already, nothing changes; absent: impossible."""


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("state", S)
def test_every_report_in_every_state(state: OrderState, name: str) -> None:
    order = make_order(state)
    book = make_book(order)
    report = fill(int(order.remaining)) if name == "filled whole" else REPORTS[name]
    before = replace(order)

    if name not in EXPECTED[state]:
        with pytest.raises(InvariantError, match=f"order o1 is {state}; {type(report).__name__} is not possible"):
            book.apply(report)
        assert (order.state, order.filled, order.reason) == (before.state, before.filled, "")
        assert list(book.working) == ["o1"]
        return
    after = EXPECTED[state][name]
    if after is None:
        assert book.apply(report) is None
        assert (order.state, order.filled) == (before.state, before.filled)
        return
    assert applied(book, report) == (int(report.fill.quantity) if isinstance(report, OrderFilled) else 0, 0)
    assert order.state is after
    assert order.filled - before.filled == (report.fill.quantity if isinstance(report, OrderFilled) else 0)
    assert order.reason == ("why" if after in (S.CANCELLED, S.REJECTED, S.EXPIRED, S.UNKNOWN) else "")
    assert ("o1" in book.working) is (after not in FINAL)


def test_the_table_has_no_way_out_of_a_final_state() -> None:
    assert not {state for state, _ in TABLE} & FINAL


@pytest.mark.parametrize(
    ("report", "after"),
    [
        (OrderAccepted("o1", 4), S.PARTIAL),
        (OrderRejected("o1", 4, "why"), S.CANCELLED),
        (fill(6, "t9"), S.FILLED),
        (OrderExpired("o1", 4, "why"), S.EXPIRED),
    ],
)
def test_an_order_that_is_lost_sight_of_keeps_what_it_filled(report: OrderReport, after: OrderState) -> None:
    order = make_order(S.ACCEPTED)
    book = make_book(order)
    book.apply(fill(4))
    book.apply(OrderUnknown("o1", 3, "no answer"))
    assert book.apply(OrderUnknown("o1", 3, "no answer")) is None  # it was heard of
    book.apply(report)
    assert order.state is after
    assert order.filled == (10 if after is S.FILLED else 4)


def test_a_fill_counts_once_however_often_it_is_told() -> None:
    order = make_order(S.ACCEPTED)
    book = make_book(order)
    assert applied(book, fill(3)) == (3, 0)
    assert book.apply(fill(3)) is None
    assert applied(book, fill(3, "t2")) == (3, 0)
    assert order.filled == 6
    assert order.remaining == 4


@pytest.mark.parametrize("quantity", [0, -1])
def test_nothing_at_all_is_no_fill(quantity: int) -> None:
    order = make_order(S.ACCEPTED)
    book = make_book(order)
    with pytest.raises(InvariantError, match=f"fill t1 of {quantity}: order o1 has 10 left"):
        book.apply(fill(quantity))
    assert (order.state, order.filled) == (S.ACCEPTED, Decimal(0))
    assert applied(book, fill(10)) == (10, 0)  # the id was not used up by the wrong one
    assert order.state is S.FILLED


def test_what_fills_beyond_the_order_is_handed_back() -> None:
    order = make_order()
    book = make_book(order)
    assert applied(book, fill(7)) == (7, 0)
    assert applied(book, fill(4, "t2")) == (3, 1)
    assert (order.state, order.filled, order.value) == (S.FILLED, Decimal(10), Decimal(1100))


def test_a_fill_of_an_order_that_is_over_is_beyond_it_and_told_once() -> None:
    order = make_order()
    book = make_book(order)
    book.apply(fill(4))
    book.apply(OrderCancelled("o1", 3))
    assert book.apply(fill(4)) is None
    assert applied(book, fill(2, "t2")) == (0, 2)
    assert book.apply(fill(2, "t2")) is None
    assert (order.state, order.filled) == (S.CANCELLED, Decimal(4))


def test_so_many_orders_that_are_over_are_remembered() -> None:
    book = OrderBook()
    for number in range(KEPT_MAX + 1):
        book.add(make_order(number=f"o{number}"))
        book.apply(fill(10, order=f"o{number}"))
    assert book.apply(fill(1, "late", "o0")) is None
    assert applied(book, fill(1, "late", "o1")) == (0, 1)


def test_a_report_about_an_order_that_is_over_or_never_was_changes_nothing() -> None:
    book = make_book(make_order())
    book.apply(fill(10))
    assert not book.working
    assert book.apply(OrderCancelled("o1", 3)) is None
    assert book.apply(OrderAccepted("o9", 3)) is None


def test_an_order_is_taken_in_once() -> None:
    book = make_book(make_order())
    with pytest.raises(InvariantError, match="order o1 exists already"):
        book.add(make_order())


def test_working_orders_are_found_by_slot_and_purpose_oldest_first() -> None:
    book = OrderBook()
    kinds = [
        ("o3", "p", Purpose.ENTRY),
        ("o1", "q", Purpose.ENTRY),
        ("o2", "p", Purpose.EXIT),
        ("o0", "p", Purpose.ENTRY),
    ]
    for number, vpi, purpose in kinds:
        book.add(make_order(number=number, vpi=vpi, purpose=purpose))
    assert [o.id for o in book.of(("p",), Purpose.ENTRY)] == ["o3", "o0"]
    assert [o.id for o in book.of(("p", "q"), Purpose.ENTRY)] == ["o3", "o1", "o0"]
    assert [o.id for o in book.of(("p", "q"), Purpose.EXIT)] == ["o2"]


# --- ids ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0"), (9, "9"), (10, "a"), (35, "z"), (36, "10"), (1295, "zz"), (1296, "100")]
)
def test_base_36(number: int, text: str) -> None:
    assert base36(number) == text
    assert int(text, 36) == number


def test_an_order_id_is_hash_date_and_counter() -> None:
    """SHA-256 of the strategy's id, so that it can be found again by anybody."""
    assert serial("story", DATE, 1) == "c478362401021"
    assert serial("story", DATE, 36) == "c4783624010210"
    assert serial("story", DATE, 36, "-a") == "c47836240102-a10"


@pytest.mark.parametrize("strategy", ["s", "x" * 200, "\u0938\u094d\u091f", "a b/c"])
@pytest.mark.parametrize("count", [1, 10**6, 36**8 - 1])
def test_every_broker_takes_an_order_id_as_a_tag(strategy: str, count: int) -> None:
    assert re.fullmatch(r"[0-9a-f]{6}240102[0-9a-z]{1,8}", serial(strategy, DATE, count))
    assert serial(strategy, DATE, count) == serial(strategy, DATE, count)


def test_a_counter_that_does_not_fit_is_an_error_and_no_longer_id() -> None:
    with pytest.raises(InvariantError, match="do not fit an order id of 20 characters"):
        serial("s", DATE, 36**8)


def test_no_two_of_strategy_session_counter_and_kind_share_an_id() -> None:
    dates = [DATE, dt.date(2024, 1, 3), dt.date(2024, 11, 2)]
    parts = itertools.product(["a", "b", "c"], dates, range(1, 80), ["", "-a"])
    made = [serial(*part) for part in parts]
    assert len(made) == len(set(made))
