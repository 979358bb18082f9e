from __future__ import annotations

import dataclasses
import datetime as dt
import tomllib
from decimal import Decimal
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingd.core.markets.sessions import Hours, default_instrument, market
from tradingd.model.instrument import InstrumentKind
from tradingd.model.market import DAY, HOUR, MINUTE, SECOND, Timeframe, TradingSession

IST = dt.timezone(dt.timedelta(hours=5, minutes=30))
INDIAN = ("NSE", "NFO", "BSE", "BFO")


def ts(text: str) -> int:
    """`2021-05-28 09:15` in Indian time."""
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=IST).timestamp()) * SECOND


FRIDAY = TradingSession(dt.date(2021, 5, 28), ts("2021-05-28 09:15"), ts("2021-05-28 15:30"))
MONDAY = TradingSession(dt.date(2021, 5, 31), ts("2021-05-31 09:15"), ts("2021-05-31 15:30"))


@pytest.mark.parametrize("exchange", INDIAN)
def test_indian_exchanges_trade_from_0915_to_1530(exchange: str) -> None:
    assert market(exchange).session_at(ts("2021-05-28 12:00")) == FRIDAY


@pytest.mark.parametrize(
    ("when", "session"),
    [
        (FRIDAY.ts_open - 1, None),
        (FRIDAY.ts_open, FRIDAY),
        (FRIDAY.ts_close - 1, FRIDAY),
        (FRIDAY.ts_close, None),
        (ts("2021-05-29 12:00"), None),
        (ts("2021-05-30 12:00"), None),
    ],
)
def test_a_session_holds_its_open_and_not_its_end(when: int, session: TradingSession | None) -> None:
    assert market("NSE").session_at(when) == session


@pytest.mark.parametrize(
    ("when", "session"),
    [
        ("2021-05-28 00:00", FRIDAY),
        ("2021-05-28 15:29", FRIDAY),
        ("2021-05-28 15:30", MONDAY),
        ("2021-05-29 09:15", MONDAY),
        ("2021-05-31 09:14", MONDAY),
    ],
)
def test_session_from_is_the_running_or_the_next_one(when: str, session: TradingSession) -> None:
    assert market("NSE").session_from(ts(when)) == session


def test_the_date_is_that_of_the_exchange_not_of_utc() -> None:
    assert market("NSE").session_from(ts("2021-05-28 02:00")) == FRIDAY  # still the 27th in UTC


@pytest.mark.parametrize("exchange", ["SIM", "BINANCE"])
def test_a_continuous_market_has_one_session_a_utc_day(exchange: str) -> None:
    venue = market(exchange)
    saturday = 18_776 * DAY  # 2021-05-29T00:00Z
    session = TradingSession(dt.date(2021, 5, 29), saturday, saturday + DAY)
    assert venue.continuous
    assert [venue.session_at(when) for when in (saturday, saturday + DAY - 1)] == [session, session]
    assert venue.session_from(saturday + DAY).ts_open == session.ts_close


@given(st.integers(0, 4_000_000_000 * SECOND), st.sampled_from(["NSE", "BFO", "SIM"]))
def test_sessions_follow_one_another_without_overlap(when: int, exchange: str) -> None:
    venue = market(exchange)
    session = venue.session_from(when)
    assert when < session.ts_close
    assert venue.session_at(when) == (session if session.ts_open <= when else None)
    assert venue.session_from(session.ts_close).ts_open >= session.ts_close


def test_of_hours_by_date_the_last_begun_hold() -> None:
    weekdays = frozenset(range(5))
    early = Hours(dt.date(2010, 1, 4), weekdays, dt.time(9, 15), dt.time(15, 30))
    late = Hours(dt.date(2026, 8, 3), weekdays, dt.time(9, 15), dt.time(15, 40))
    venue = dataclasses.replace(market("NFO"), hours=(early, late))
    closes = {
        date: venue.session_on(dt.date.fromisoformat(date)) for date in ("2009-12-31", "2026-07-31", "2026-08-03")
    }
    assert closes["2009-12-31"] is None
    assert [s.ts_close for s in closes.values() if s] == [ts("2026-07-31 15:30"), ts("2026-08-03 15:40")]


def test_an_unknown_exchange_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="exchange 'NSEE' is not known; did you mean NSE"):
        market("NSEE")
    with pytest.raises(ValueError, match="known are SIM, BINANCE, NSE"):
        market("qqqq")


def test_derivatives_are_listed_by_their_segment() -> None:
    listed = {name: market(name).derivatives for name in ("NSE", "NFO", "BSE", "BFO", "BINANCE")}
    assert listed == {"NSE": "NFO", "NFO": "NFO", "BSE": "BFO", "BFO": "BFO", "BINANCE": ""}


def test_every_rule_by_date_names_its_source() -> None:
    text = resources.files("tradingd.core.markets").joinpath("venues.toml").read_text(encoding="utf-8")
    venues = {name: row for name, row in tomllib.loads(text).items() if name != "indices"}
    assert all(row["source"] for venue in venues.values() for row in venue.get("hours", ()))
    assert [name for name in venues if not (market(name).continuous or market(name).hours)] == []


@pytest.mark.parametrize(
    ("exchange", "symbol", "kind", "tick", "step"),
    [
        ("SIM", "ABC", InstrumentKind.SPOT, "0.01", "0.00000001"),
        ("BINANCE", "BTCUSDT", InstrumentKind.SPOT, "0.00000001", "0.00000001"),
        ("NSE", "RELIANCE", InstrumentKind.EQUITY, "0.05", "1"),
        ("NSE", "NIFTYBEES", InstrumentKind.EQUITY, "0.05", "1"),
        ("NSE", "NIFTY", InstrumentKind.INDEX, "0.05", "1"),
        ("NSE", "India VIX", InstrumentKind.INDEX, "0.05", "1"),
        ("BSE", "SENSEX", InstrumentKind.INDEX, "0.05", "1"),
        ("SIM", "NIFTY", InstrumentKind.SPOT, "0.01", "0.00000001"),
    ],
)
def test_an_unlisted_symbol_gets_the_grid_of_its_venue(
    exchange: str, symbol: str, kind: InstrumentKind, tick: str, step: str
) -> None:
    instrument = default_instrument(exchange, symbol)
    assert (instrument.id, instrument.kind) == (f"{exchange}:{symbol}", kind)
    assert (instrument.tick_size, instrument.quantity_step) == (Decimal(tick), Decimal(step))
    assert instrument.lot_size == 1


# Bars of a regular session: how many, where the last opens, how long it is.
@pytest.mark.parametrize(
    ("timeframe", "count", "last", "minutes"),
    [
        ("5m", 75, "15:25", 5),
        ("15m", 25, "15:15", 15),
        ("30m", 13, "15:15", 15),
        ("1h", 7, "15:15", 15),
        ("1d", 1, "09:15", 375),
    ],
)
def test_bars_are_anchored_at_the_open_and_truncated_at_the_end(
    timeframe: str, count: int, last: str, minutes: int
) -> None:
    width = Timeframe.parse(timeframe)
    bars = sorted({FRIDAY.bar_bounds(width, when) for when in range(FRIDAY.ts_open, FRIDAY.ts_close, MINUTE)})
    assert len(bars) == count
    assert bars[-1] == (ts(f"2021-05-28 {last}"), ts(f"2021-05-28 {last}") + minutes * MINUTE)


def test_hourly_bars_open_at_a_quarter_past() -> None:
    bounds = FRIDAY.bar_bounds(Timeframe(HOUR), ts("2021-05-28 11:00"))
    assert bounds == (ts("2021-05-28 10:15"), ts("2021-05-28 11:15"))


def test_a_tick_on_the_boundary_belongs_to_the_later_bar() -> None:
    five = Timeframe(5 * MINUTE)
    assert FRIDAY.bar_bounds(five, ts("2021-05-28 09:20"))[0] == ts("2021-05-28 09:20")
    assert FRIDAY.bar_bounds(five, ts("2021-05-28 09:20") - 1)[0] == ts("2021-05-28 09:15")


@given(st.integers(1, DAY), st.integers(0, FRIDAY.ts_close - FRIDAY.ts_open - 1))
def test_bars_tile_the_session(width: int, offset: int) -> None:
    when = FRIDAY.ts_open + offset
    opened, closed = FRIDAY.bar_bounds(Timeframe(width), when)
    assert FRIDAY.ts_open <= opened <= when < closed <= FRIDAY.ts_close
    assert closed == FRIDAY.ts_close or FRIDAY.bar_bounds(Timeframe(width), closed)[0] == closed


def test_a_time_of_day_is_that_of_the_exchange() -> None:
    assert market("NSE").ts_of(FRIDAY.date, dt.time(15, 10)) == ts("2021-05-28 15:10")
    assert market("BINANCE").ts_of(dt.date(1970, 1, 2), dt.time(1)) == DAY + HOUR
