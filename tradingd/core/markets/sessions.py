"""When each exchange trades, and what a symbol of it is by default.

What an exchange is are rows of `venues.toml`, when it trades those of `calendars/` and an operator's over them; zones
are known here and at the display, nowhere else. A market answers a few times a session, not per tick: the engine keeps
the session it was given and compares integers. It never asks what time it is.
"""

from __future__ import annotations

import datetime as dt
import difflib
import functools
import tomllib
from dataclasses import dataclass, field
from decimal import Decimal
from importlib import resources
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tradingd.core.markets import calendar as calendars
from tradingd.model.instrument import Instrument, InstrumentKind
from tradingd.model.market import FOREVER, SECOND, TradingSession

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tradingd.core.markets.calendar import Calendar, Period

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_ONE_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True, eq=False)
class Market:
    """One exchange or segment: its zone, its sessions, its default grid.

    Without a `calendar` a market is continuous: its session is the day of its zone. No session crosses midnight.
    `derivatives` is the segment that lists the futures and options of its symbols, empty for none. Where an instrument
    may be named, its own hours count, those of a contract on the day it expires among them.
    """

    name: str
    zone: ZoneInfo
    kind: InstrumentKind
    tick_size: Decimal
    quantity_step: Decimal
    derivatives: str
    sessions_per_year: int
    calendar: Calendar | None
    _sessions: dict[tuple[dt.date, tuple[Period, ...]], TradingSession] = field(
        default_factory=dict, init=False, repr=False
    )

    @property
    def continuous(self) -> bool:
        """Whether it trades without a pause."""
        return self.calendar is None

    @property
    def horizon(self) -> dt.date | None:
        """The last date of which it is known whether it trades, none for a continuous market; later, it never does."""
        return self.calendar.known_to if self.calendar is not None else None

    def session_on(self, date: dt.date, instrument: Instrument | None = None) -> TradingSession | None:
        """Return the session of `date`, none where the market is closed that day."""
        periods = ((dt.time.min, dt.time.min),) if self.calendar is None else self.calendar.periods(date, instrument)
        if not periods:
            return None
        if (date, periods) not in self._sessions:
            self._sessions[date, periods] = self._build(date, periods)
        return self._sessions[date, periods]

    def session_at(self, ts: int, instrument: Instrument | None = None) -> TradingSession | None:
        """Return the session in which there is trading at `ts`, none outside trading hours and in a pause."""
        session = self.session_on(self.date_of(ts), instrument)
        return session if session and session.holds(ts) else None

    def session_from(self, ts: int, instrument: Instrument | None = None) -> TradingSession:
        """Return the session whose hours contain `ts`, else the next one to open after it.

        After the last that is known it is one that never opens.
        """
        date = self.date_of(ts)
        while self.horizon is None or date <= self.horizon:
            session = self.session_on(date, instrument)
            if session and ts < session.ts_close:
                return session
            date += _ONE_DAY
        return TradingSession(date, FOREVER, FOREVER)

    def sessions(self, first: dt.date, last: dt.date, instrument: Instrument | None = None) -> Iterator[TradingSession]:
        """Yield the sessions from one date to another, both included."""
        for days in range((last - first).days + 1):
            session = self.session_on(first + days * _ONE_DAY, instrument)
            if session is not None:
                yield session

    def ts_of(self, date: dt.date, time: dt.time) -> int:
        """Return when a time of day of the market's zone is, in ns UTC."""
        return (dt.datetime.combine(date, time, self.zone) - _EPOCH) // _MICROSECOND * 1000

    def date_of(self, ts: int) -> dt.date:
        """Return which day it is in the market's zone."""
        return dt.datetime.fromtimestamp(ts // SECOND, self.zone).date()

    def _build(self, date: dt.date, periods: tuple[Period, ...]) -> TradingSession:
        if self.calendar is None:
            return TradingSession(date, self.ts_of(date, dt.time.min), self.ts_of(date + _ONE_DAY, dt.time.min))
        spans = [(self.ts_of(date, begin), self.ts_of(date, end)) for begin, end in periods]
        pauses = tuple((before[1], after[0]) for before, after in pairwise(spans))
        return TradingSession(date, spans[0][0], spans[-1][1], pauses)


def market(exchange: str, calendar: str = "") -> Market:
    """Return the market named `exchange`; `calendar` are an operator's own rows, as TOML.

    Raises:
        ValueError: no such market; the message names the nearest, and all. Or the rows cannot be read.
    """
    markets = _markets(calendar)
    if exchange not in markets:
        near = difflib.get_close_matches(exchange.upper(), markets, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}? " if near else ""
        msg = f"exchange {exchange!r} is not known; {hint}known are {', '.join(markets)}"
        raise ValueError(msg)
    return markets[exchange]


def calendar_faults(calendar: str) -> list[str]:
    """Return all that is wrong with an operator's calendar, each with its place and what would be right."""
    return calendars.examine(_dated(), calendar)


def default_instrument(exchange: str, symbol: str) -> Instrument:
    """Return what `symbol` is taken for where no instrument list has it: the venue's grid, lots of one unit.

    Raises:
        ValueError: no such exchange.
    """
    venue = market(exchange)
    index = venue.kind is InstrumentKind.EQUITY and symbol.upper() in _indices()
    return Instrument(
        exchange=exchange,
        symbol=symbol,
        kind=InstrumentKind.INDEX if index else venue.kind,
        tick_size=venue.tick_size,
        quantity_step=venue.quantity_step,
    )


@functools.cache
def _venues() -> Mapping[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("venues.toml").read_text(encoding="utf-8"))


@functools.cache
def _indices() -> frozenset[str]:
    return frozenset(_venues()["indices"])


def _dated() -> list[str]:
    """Return the names of the markets that have a calendar."""
    return [name for name, row in _venues().items() if name != "indices" and not row.get("continuous", False)]


@functools.lru_cache(maxsize=16)
def _markets(calendar: str) -> dict[str, Market]:
    dated = calendars.calendars(_dated(), calendar)
    return {name: _market(name, row, dated.get(name)) for name, row in _venues().items() if name != "indices"}


def _market(name: str, row: dict[str, Any], calendar: Calendar | None) -> Market:
    return Market(
        name=name,
        zone=ZoneInfo(row["zone"]),
        kind=InstrumentKind(row["kind"]),
        tick_size=Decimal(row["tick_size"]),
        quantity_step=Decimal(row["quantity_step"]),
        derivatives=row.get("derivatives", ""),
        sessions_per_year=row["sessions_per_year"],
        calendar=calendar,
    )
