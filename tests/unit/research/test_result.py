"""How a position, an amount and a time are written."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from tests.unit.core.runs import ist
from tradingd.model.instrument import Instrument, InstrumentKind
from tradingd.model.trading import Position, PositionStatus, Product, Side
from tradingd.research.result import COLUMNS, iso, money, plain, record

INDIA = ZoneInfo("Asia/Kolkata")


def make_position(*, closed: bool) -> Position:
    call = Instrument(
        "NFO", "NIFTY26JUL24300CE", InstrumentKind.OPTION, Decimal("0.05"), Decimal(65), Decimal(65),
        underlying="NIFTY", expiry=dt.date(2026, 7, 21), strike=Decimal(24300), right="CE",
    )  # fmt: skip
    opened = ist("2026-07-15 09:20")
    position = Position(
        "s-20260715-leg-r1", "s", "leg", "tag", call, Side.SELL, Product.INTRADAY, dt.date(2026, 7, 15), "enter", opened
    )
    position.entered, position.entry_value = Decimal(195), Decimal(195) * 100
    position.exited = Decimal(195) if closed else Decimal(65)
    position.quantity = position.entered - position.exited
    position.exit_value = position.exited * Decimal("90.05")
    position.exit_ts, position.exit_node = ist("2026-07-15 10:00"), "leave"
    position.status = PositionStatus.CLOSED if closed else PositionStatus.OPEN
    return position


def test_a_closed_position_in_the_words_of_the_strategy_page() -> None:
    told = record(make_position(closed=True))
    assert tuple(told) == COLUMNS
    assert told == {
        "strategy_id": "s",
        "id": "s-20260715-leg-r1",
        "vpi": "leg",
        "vpt": "tag",
        "instrument": "NIFTY26JUL24300CE",
        "position_type": "sell",
        "quantity": "3",
        "multiplier": "1",
        "lot_size": "65",
        "product_type": "intraday",
        "status": "closed",
        "entry_time": "2026-07-15T09:20:00+05:30",
        "entry_price": "100",
        "entry_node": "enter",
        "exit_time": "2026-07-15T10:00:00+05:30",
        "exit_price": "90.05",
        "exit_node": "leave",
        "pnl": "1940.25",
        "charges": "0",
    }


def test_an_open_position_has_no_exit_but_what_it_realized() -> None:
    told = record(make_position(closed=False))
    assert [told[name] for name in ("exit_time", "exit_price", "exit_node")] == [None] * 3
    assert (told["quantity"], told["status"], told["pnl"]) == ("2", "open", "646.75")


@pytest.mark.parametrize(
    ("amount", "exact", "rounded"),
    [
        ("1E+3", "1000", "1000"),
        ("0E-8", "0", "0"),
        ("-0", "0", "0"),
        ("275.210", "275.21", "275.21"),
        ("0.00000001", "0.00000001", "0.00000001"),
        ("0.3333333333333", "0.3333333333333", "0.33333333"),
    ],
)
def test_amounts_are_plain(amount: str, exact: str, rounded: str) -> None:
    assert (plain(Decimal(amount)), money(Decimal(amount))) == (exact, rounded)


@pytest.mark.parametrize(
    ("rest", "written"),
    [
        (0, "2026-07-15T09:20:00+05:30"),
        (500_000_000, "2026-07-15T09:20:00.500+05:30"),
        (10_000, "2026-07-15T09:20:00.000010+05:30"),
        (1, "2026-07-15T09:20:00.000000001+05:30"),
    ],
)
def test_times_have_the_decimals_they_need(rest: int, written: str) -> None:
    assert iso(ist("2026-07-15 09:20") + rest, INDIA) == written
    assert dt.datetime.fromisoformat(written).utcoffset() == dt.timedelta(hours=5, minutes=30)
