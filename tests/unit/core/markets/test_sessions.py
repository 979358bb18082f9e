from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingd.core.markets.sessions import default_instrument, market
from tradingd.model.instrument import Instrument, InstrumentKind
from tradingd.model.market import DAY, FOREVER, HOUR, MINUTE, SECOND, Timeframe, TradingSession

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


@given(st.integers(0, ts("2026-12-31 15:00")), st.sampled_from(["NSE", "BFO", "MCX", "CDS", "SIM"]))
def test_sessions_follow_one_another_without_overlap(when: int, exchange: str) -> None:
    venue = market(exchange)
    session = venue.session_from(when)
    assert when < session.ts_close
    assert venue.session_at(when) == (session if session.holds(when) else None)
    assert venue.session_from(session.ts_close).ts_open >= session.ts_close


def hours(exchange: str, date: str, instrument: Instrument | None = None) -> list[str]:
    """Return the periods of a session in Indian time, as `09:15-15:30`."""
    session = market(exchange).session_on(dt.date.fromisoformat(date), instrument)
    spans = [] if session is None else session.periods
    return ["-".join(f"{dt.datetime.fromtimestamp(t // SECOND, IST):%H:%M}" for t in span) for span in spans]


@pytest.mark.parametrize(
    ("date", "cash", "derivatives"),
    [
        ("2021-05-28", ["09:15-15:30"], ["09:15-15:30"]),
        ("2026-07-31", ["09:15-15:30"], ["09:15-15:30"]),
        ("2026-08-03", ["09:15-15:15"], ["09:15-15:40"]),  # the closing auction begins
        ("2026-12-04", ["09:15-15:15"], ["09:15-15:40"]),
        ("2026-12-07", ["09:15-15:30"], ["09:15-15:45"]),
        ("2026-01-15", [], []),  # municipal elections, announced late
        ("2026-11-24", [], []),
        ("2025-10-21", ["13:45-14:45"], ["13:45-14:45"]),  # Muhurat on a Tuesday
        ("2023-11-12", ["18:15-19:15"], ["18:15-19:15"]),  # and on a Sunday
        ("2026-02-01", ["09:15-15:30"], ["09:15-15:30"]),  # the Budget, on a Sunday
        ("2024-01-20", ["09:15-15:30"], ["09:15-15:30"]),
        ("2024-01-22", [], []),
        ("2024-05-18", ["09:15-10:00", "11:30-12:30"], ["09:15-10:00", "11:30-12:30"]),
        ("2021-02-24", ["09:15-11:40", "15:45-17:00"], ["09:15-11:40", "15:45-17:00"]),
        ("2024-05-19", [], []),
    ],
)
def test_the_nse_trades_by_the_rules_of_the_day(date: str, cash: list[str], derivatives: list[str]) -> None:
    assert (hours("NSE", date), hours("NFO", date)) == (cash, derivatives)


def test_an_outage_of_one_exchange_is_none_of_the_other() -> None:
    assert hours("BSE", "2021-02-24") == hours("BFO", "2021-02-24") == ["09:15-17:00"]


@pytest.mark.parametrize(
    ("date", "periods"),
    [
        ("2025-07-01", ["09:00-23:30"]),
        ("2025-12-01", ["09:00-23:55"]),  # New York's winter
        ("2026-03-06", ["09:00-23:55"]),
        ("2026-03-09", ["09:00-23:30"]),
        ("2026-05-01", ["17:00-23:30"]),
        ("2026-11-10", ["17:00-23:55"]),
        ("2026-01-01", ["09:00-17:00"]),
        ("2026-01-26", []),
        ("2025-02-01", ["09:00-17:00"]),
        ("2024-11-01", ["18:00-19:00"]),
    ],
)
def test_commodities_have_evenings_that_follow_new_york(date: str, periods: list[str]) -> None:
    assert hours("MCX", date) == periods


@pytest.mark.parametrize(
    ("date", "periods"), [("2026-11-23", ["09:00-17:00"]), ("2026-08-26", []), ("2026-04-01", []), ("2025-09-08", [])]
)
def test_currencies_rest_when_banks_do(date: str, periods: list[str]) -> None:
    assert hours("CDS", date) == periods
    assert hours("NSE", date) != []


def contract(exchange: str, underlying: str, expiry: str) -> Instrument:
    return Instrument(
        exchange, f"{underlying}X", InstrumentKind.OPTION, underlying=underlying, right="CE", strike=Decimal(24500),
        expiry=dt.date.fromisoformat(expiry),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("exchange", "underlying", "expiry", "date", "close"),
    [
        ("NFO", "NIFTY", "2026-12-08", "2026-12-08", "15:30"),
        ("NFO", "NIFTY", "2026-12-15", "2026-12-08", "15:45"),
        ("NFO", "RELIANCE", "2026-12-29", "2026-12-29", "15:45"),  # on a share: to the end
        ("BFO", "SENSEX", "2026-12-10", "2026-12-10", "15:30"),
        ("NFO", "NIFTY", "2026-12-01", "2026-12-01", "15:40"),  # before the rule
        ("NFO", "NIFTY", "2025-10-20", "2025-10-20", "15:30"),
    ],
)
def test_an_index_contract_stops_early_on_the_day_it_expires(
    exchange: str, underlying: str, expiry: str, date: str, close: str
) -> None:
    assert hours(exchange, date, contract(exchange, underlying, expiry)) == [f"09:15-{close}"]


def test_the_hours_of_a_contract_are_asked_for_by_time_too() -> None:
    venue, expiring = market("NFO"), contract("NFO", "NIFTY", "2026-12-08")
    when = ts("2026-12-08 15:31")
    assert venue.session_at(when, expiring) is None
    assert venue.session_at(when, contract("NFO", "NIFTY", "2026-12-15")) == venue.session_at(when)
    assert venue.session_from(when, expiring).date == dt.date(2026, 12, 9)


@pytest.mark.parametrize(("exchange", "last"), [("NSE", "2026-12-31"), ("MCX", "2026-12-31"), ("CDS", "2026-12-31")])
def test_after_the_last_day_known_there_is_no_session(exchange: str, last: str) -> None:
    venue = market(exchange)
    assert venue.horizon == dt.date.fromisoformat(last)
    after = venue.session_on(dt.date.fromisoformat(last))
    assert after is not None
    assert venue.session_on(dt.date(2027, 1, 4)) is None
    assert venue.session_from(after.ts_close) == TradingSession(dt.date(2027, 1, 1), FOREVER, FOREVER)
    assert venue.session_at(ts("2027-01-04 12:00")) is None


def test_a_continuous_market_has_no_horizon() -> None:
    assert market("BINANCE").horizon is None
    assert market("BINANCE").session_from(4_000_000_000 * SECOND).ts_open < FOREVER


def test_an_unknown_exchange_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="exchange 'NSEE' is not known; did you mean NSE"):
        market("NSEE")
    with pytest.raises(ValueError, match="known are SIM, BINANCE, NSE"):
        market("qqqq")


def test_derivatives_are_listed_by_their_segment() -> None:
    listed = {name: market(name).derivatives for name in ("NSE", "NFO", "BSE", "BFO", "MCX", "CDS", "BINANCE")}
    expected = {"NSE": "NFO", "NFO": "NFO", "BSE": "BFO", "BFO": "BFO", "MCX": "MCX", "CDS": "CDS", "BINANCE": ""}
    assert listed == expected


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
        ("MCX", "GOLD", InstrumentKind.FUTURE, "0.05", "1"),
        ("CDS", "USDINR", InstrumentKind.FUTURE, "0.0025", "1"),
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


# Bars of a session: how many, where the last opens, how long it is.
@pytest.mark.parametrize(
    ("exchange", "date", "timeframe", "count", "last", "minutes"),
    [
        ("NSE", "2021-05-28", "5m", 75, "15:25", 5),
        ("NSE", "2021-05-28", "15m", 25, "15:15", 15),
        ("NSE", "2021-05-28", "30m", 13, "15:15", 15),
        ("NSE", "2021-05-28", "1h", 7, "15:15", 15),
        ("NSE", "2021-05-28", "1d", 1, "09:15", 375),
        ("NSE", "2026-10-22", "5m", 72, "15:10", 5),
        ("NSE", "2026-10-22", "15m", 24, "15:00", 15),
        ("NSE", "2026-10-22", "30m", 12, "14:45", 30),
        ("NSE", "2026-10-22", "1h", 6, "14:15", 60),
        ("NFO", "2026-10-22", "5m", 77, "15:35", 5),
        ("NFO", "2026-10-22", "15m", 26, "15:30", 10),
        ("NFO", "2026-10-22", "30m", 13, "15:15", 25),
        ("NFO", "2026-10-22", "1h", 7, "15:15", 25),
        ("NFO", "2026-12-07", "5m", 78, "15:40", 5),
        ("NFO", "2026-12-07", "15m", 26, "15:30", 15),
        ("NFO", "2026-12-07", "30m", 13, "15:15", 30),
        ("NFO", "2026-12-07", "1h", 7, "15:15", 30),
        ("NSE", "2025-10-21", "5m", 12, "14:40", 5),
        ("NSE", "2024-05-18", "5m", 21, "12:25", 5),
        ("NSE", "2024-05-18", "30m", 4, "12:00", 30),
        ("NSE", "2024-05-18", "1h", 2, "11:30", 60),
        ("NSE", "2024-05-18", "1d", 1, "09:15", 195),
    ],
)
def test_bars_are_anchored_at_the_open_and_truncated_at_the_end(
    exchange: str, date: str, timeframe: str, count: int, last: str, minutes: int
) -> None:
    width = Timeframe.parse(timeframe)
    session = market(exchange).session_on(dt.date.fromisoformat(date))
    assert session is not None
    bars = sorted({session.bar_bounds(width, t) for begin, end in session.periods for t in range(begin, end, MINUTE)})
    assert len(bars) == count
    assert bars[-1] == (ts(f"{date} {last}"), ts(f"{date} {last}") + minutes * MINUTE)


def test_a_bar_before_a_pause_ends_with_it_and_the_next_one_opens_after_it() -> None:
    session = market("NFO").session_from(ts("2024-05-18 00:00"))
    hour = Timeframe(HOUR)
    assert session.bar_bounds(hour, ts("2024-05-18 09:20")) == (ts("2024-05-18 09:15"), ts("2024-05-18 10:00"))
    assert session.bar_bounds(hour, ts("2024-05-18 11:45")) == (ts("2024-05-18 11:30"), ts("2024-05-18 12:30"))
    held = [
        session.holds(ts(f"2024-05-18 {at}")) for at in ("09:14", "09:15", "09:59", "10:00", "11:29", "11:30", "12:30")
    ]
    assert held == [False, True, True, False, False, True, False]


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
