"""Edge cases of sessions: a function for each row that is built, in `ROWS` by its number."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from tradingd.core.markets.sessions import market
from tradingd.model.instrument import Instrument, InstrumentKind
from tradingd.model.market import MINUTE, SECOND, Timeframe, TradingSession

if TYPE_CHECKING:
    from collections.abc import Callable

INDIA = ZoneInfo("Asia/Kolkata")
NFO, NSE = market("NFO"), market("NSE")


def _ts(moment: str) -> int:
    return int(dt.datetime.fromisoformat(moment).replace(tzinfo=INDIA).timestamp()) * SECOND


def _session(day: str, name: str = "NFO") -> TradingSession:
    found = market(name).session_on(dt.date.fromisoformat(day))
    assert found is not None
    return found


def _bars(session: TradingSession, minutes: int) -> list[str]:
    """Return the bars of a session, as the minutes of the day between which they lie."""
    told, ts, width = [], session.ts_open, Timeframe(minutes * MINUTE)
    while ts < session.ts_close:
        if session.holds(ts):
            first, last = session.bar_bounds(width, ts)
            told.append("-".join(f"{dt.datetime.fromtimestamp(t // SECOND, INDIA):%H:%M}" for t in (first, last)))
        ts += MINUTE
    return list(dict.fromkeys(told))


def close_of_autumn_2026() -> None:
    ts = _ts("2026-10-22 15:35")
    session = NFO.session_at(ts)
    assert session is not None
    assert session.bar_bounds(Timeframe(5 * MINUTE), ts) == (ts, ts + 5 * MINUTE)


def same_minute_before() -> None:
    assert NFO.session_at(_ts("2026-07-22 15:35")) is None


def expiring_contract() -> None:
    ts = _ts("2026-12-08 15:31")
    ending, next_one = (
        Instrument(
            "NFO", f"NIFTY{expiry:%d%b}", InstrumentKind.OPTION, underlying="NIFTY", expiry=expiry,
            strike=Decimal(24500), right="CE",
        )
        for expiry in (dt.date(2026, 12, 8), dt.date(2026, 12, 15))
    )  # fmt: skip
    assert NFO.session_at(ts, ending) is None
    assert NFO.session_at(ts, next_one) is not None


def bars_of_an_hour() -> None:
    whole = [f"{hour:02}:15-{hour + 1:02}:15" for hour in range(9, 15)]
    assert _bars(_session("2026-07-22"), 60) == [*whole, "15:15-15:30"]
    assert _bars(_session("2026-10-22"), 60) == [*whole, "15:15-15:40"]


def last_quarter_of_an_hour() -> None:
    assert _bars(_session("2026-10-22"), 15)[-1] == "15:30-15:40"


def spot_in_the_auction() -> None:
    assert _bars(_session("2026-10-22", "NSE"), 5)[-1] == "15:10-15:15"
    assert NSE.session_at(_ts("2026-10-22 15:20")) is None


def muhurat() -> None:
    session = _session("2025-10-21")
    assert len(_bars(session, 5)) == 12
    assert (session.ts_open, session.ts_close) == (_ts("2025-10-21 13:45"), _ts("2025-10-21 14:45"))
    assert NFO.calendar is not None
    assert not NFO.calendar.regular(session.date)


def sunday() -> None:
    assert NFO.session_at(_ts("2026-02-01 12:00")) is not None


def split_session() -> None:
    told = _bars(_session("2024-05-18", "NSE"), 15)
    assert told == [
        "09:15-09:30", "09:30-09:45", "09:45-10:00", "11:30-11:45", "11:45-12:00", "12:00-12:15", "12:15-12:30",
    ]  # fmt: skip


ROWS: dict[int, Callable[[], None]] = {
    32: close_of_autumn_2026,
    33: same_minute_before,
    34: expiring_contract,
    35: bars_of_an_hour,
    36: last_quarter_of_an_hour,
    37: spot_in_the_auction,
    46: muhurat,
    47: sunday,
    48: split_session,
}
