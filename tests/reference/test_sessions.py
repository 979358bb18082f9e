"""Our calendars against data that were recorded, against another package, and against the clocks of New York."""

from __future__ import annotations

import datetime as dt
import gzip
from collections import Counter
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pandas_market_calendars as other
import pytest

from tests.shared import shared
from tests.unit.research.requests import backtest, bars, reversal
from tradingd.adapters.feeds.aggregation import cut
from tradingd.adapters.feeds.files import read_bars
from tradingd.core.markets.sessions import default_instrument, market
from tradingd.model.market import SECOND, Timeframe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tradingd.model.instrument import Instrument
    from tradingd.model.market import TradingSession

IST = ZoneInfo("Asia/Kolkata")
NIFTY_2024 = "data/nse_bars/NIFTY_1min_2024.csv.gz"


def d(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def session_of(instrument: Instrument, ts: int) -> TradingSession:
    return market(instrument.exchange).session_from(ts)


def hours(ts_open: int, ts_close: int) -> str:
    return "-".join(f"{dt.datetime.fromtimestamp(ts // SECOND, IST):%H:%M}" for ts in (ts_open, ts_close))


# --- minute bars of 2024, with three Saturdays -----------------------------------------------------------------------

MISSING = ["2024-02-01", "2024-03-04", "2024-04-05", "2024-05-07", "2024-07-10"]
FULL = {"5m": 75, "15m": 25, "30m": 13, "1h": 7, "1d": 1}
SPLIT = {"5m": 21, "15m": 7, "30m": 4, "1h": 2, "1d": 1}


@pytest.mark.parametrize("timeframe", FULL)
def test_a_year_of_minutes_gives_the_bars_that_each_session_has(timeframe: str) -> None:
    nifty = default_instrument("NSE", "NIFTY")
    rows = read_bars(shared(NIFTY_2024), IST)
    columns = (rows.ts_open, rows.open, rows.high, rows.low, rows.close)
    pieces = ((ts, *prices, 0.0, 1) for ts, *prices in zip(*(c.tolist() for c in columns), strict=True))
    made = cut(nifty, Timeframe.parse(timeframe), pieces, session_of)
    counted = Counter(dt.datetime.fromtimestamp(bar.ts_open // SECOND, IST).date() for bar in made)
    split = {d("2024-03-02"), d("2024-05-18")}
    assert len(counted) == 156
    assert {date: count for date, count in counted.items() if date in split} == dict.fromkeys(split, SPLIT[timeframe])
    assert {count for date, count in counted.items() if date not in split} == {FULL[timeframe]}
    assert counted[d("2024-01-20")] == FULL[timeframe]


def test_days_without_data_are_told_apart_from_holidays() -> None:
    found = backtest([reversal("NIFTY", "NSE")], bars("NIFTY", shared(NIFTY_2024)))
    assert found.anomalies.missing_sessions == len(MISSING)
    assert found.anomalies.outside_session == 167  # the Saturday's repeats of the close
    told = [note for note in found.notes if "missing data" in note]
    assert told == [
        f"NSE:NIFTY: no row in 5 session(s) of NSE, which are missing data, not holidays: {', '.join(MISSING)}"
    ]


# --- six years of bars -----------------------------------------------------------------------------------------------

NOT_RECORDED = [
    "2018-02-08", "2018-04-18", "2018-04-19", "2018-04-20", "2019-10-25", "2022-03-07",  # days that the file lacks
    "2018-11-07", "2019-10-27", "2020-11-14", "2021-11-04", "2022-10-24",  # Muhurat, left out by who recorded it
    "2020-03-13", "2020-03-23",  # halted for an hour: left out too
    "2021-02-24",  # the outage: left out too
]  # fmt: skip


def test_every_day_on_which_banknifty_traded_is_a_session_and_no_other_is() -> None:
    with gzip.open(shared("data/nse_bars/BANKNIFTY_15min_2018_2023.csv.gz"), "rt") as file:
        next(file)
        stamps = [int(line.partition(",")[0]) for line in file]
    traded = {dt.datetime.fromtimestamp(stamp, IST).date() for stamp in stamps}
    known = {session.date for session in market("NSE").sessions(min(traded), max(traded))}
    assert traded - known == set()
    assert known - traded == set(map(d, NOT_RECORDED))
    assert all(market("NSE").session_at(stamp * SECOND) for stamp in stamps)


# --- another package -------------------------------------------------------------------------------------------------

WEEKEND = "ours: it generates sessions from Monday to Friday only"
WEEKENDS = dict.fromkeys(
    [
        "2019-10-27", "2020-11-14", "2023-11-12", "2026-11-08",  # Muhurat
        "2020-02-01", "2025-02-01", "2026-02-01",  # Union Budget
        "2024-01-20", "2024-03-02", "2024-05-18",  # special sessions
    ],
    WEEKEND,
)  # fmt: skip
MUHURAT = "ours: it takes Muhurat for a holiday"
OURS_ONLY = {
    "NSE": WEEKENDS,
    "BSE": WEEKENDS
    | dict.fromkeys(["2021-11-04", "2022-10-24", "2024-11-01", "2025-10-21"], MUHURAT)
    | {"2020-07-31": "ours: both exchanges have one list, and the NSE traded (bars of BANKNIFTY)"},
}
"""Sessions that it does not have, and who is right."""

THEIRS_ONLY: dict[str, dict[str, str]] = {
    "NSE": {},
    "BSE": {"2020-05-25": "ours: Id-ul-Fitr, in the one list of both exchanges, as its own NSE has it"},
}
"""Sessions that we do not have, and who is right."""

OTHER_HOURS: dict[str, dict[str, tuple[str, str, str]]] = {
    "NSE": {},
    "BSE": {
        "2018-11-07": ("17:30-18:30", "09:15-15:30", "ours: Muhurat"),
        "2021-02-24": ("09:15-17:00", "09:15-15:30", "ours: the hours were extended when the NSE failed"),
    },
}
"""Sessions with other hours, ours and theirs, and who is right; the era of the closing auction is tested apart."""


def schedule(name: str) -> Iterator[tuple[dt.date, str]]:
    table = other.get_calendar(name).schedule("2018-01-01", "2026-12-31")
    for date, row in table.iterrows():
        yield date.date(), "-".join(f"{row[edge].tz_convert(IST):%H:%M}" for edge in ("market_open", "market_close"))


@pytest.mark.parametrize("name", ["NSE", "BSE"])
def test_where_we_differ_from_pandas_market_calendars_it_is_known_who_is_right(name: str) -> None:
    theirs = dict(schedule(name))
    ours = {s.date: hours(s.ts_open, s.ts_close) for s in market(name).sessions(d("2018-01-01"), d("2026-12-31"))}
    assert {str(date) for date in ours.keys() - theirs.keys()} == OURS_ONLY[name].keys()
    assert {str(date) for date in theirs.keys() - ours.keys()} == THEIRS_ONLY[name].keys()
    both = ours.keys() & theirs.keys()
    differ = {str(x): (ours[x], theirs[x]) for x in both if x < d("2026-08-03") and ours[x] != theirs[x]}
    assert differ == {date: told[:2] for date, told in OTHER_HOURS[name].items()}
    era = {(ours[x], theirs[x]) for x in both if d("2026-08-03") <= x < d("2026-12-07")}
    assert era == {("09:15-15:15", "09:15-15:30")}  # ours: it does not know the closing auction


# --- New York's clocks -----------------------------------------------------------------------------------------------


def test_the_evening_of_commodities_ends_by_the_daylight_saving_time_of_new_york() -> None:
    venue, new_york = market("MCX"), ZoneInfo("America/New_York")
    ends: dict[str, set[bool]] = {}
    for session in venue.sessions(d("2024-01-01"), d("2026-12-31")):
        end = dt.datetime.fromtimestamp(session.ts_close // SECOND, IST)
        if end.hour == 23:  # neither Muhurat nor a morning alone
            summer = bool(dt.datetime.combine(session.date, dt.time(12), new_york).dst())
            ends.setdefault(f"{end:%H:%M}", set()).add(summer)
    assert ends == {"23:30": {True}, "23:55": {False}}
