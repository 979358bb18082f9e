"""When each exchange trades, and what a symbol of it is by default.

The rules are rows of `venues.toml`, read once from the package; zones are known here and at the display, nowhere
else. A market answers a few times a session, not per tick: the engine keeps the session it was given and compares
integers. It never asks what time it is.
"""

from __future__ import annotations

import datetime as dt
import difflib
import functools
import tomllib
from dataclasses import dataclass, field
from decimal import Decimal
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

from tradingd.model.instrument import Instrument, InstrumentKind
from tradingd.model.market import SECOND, TradingSession

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_ONE_DAY = dt.timedelta(days=1)
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True)
class Hours:
    """Daily trading hours in the market's zone, on weekdays `days` (Monday 0), from `valid_from` on."""

    valid_from: dt.date
    days: frozenset[int]
    open: dt.time
    close: dt.time

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Hours:
        """Read one `hours` row of the data file."""
        days = frozenset(_WEEKDAYS.index(day) for day in row["days"])
        return cls(row.get("valid_from", dt.date.min), days, row["open"], row["close"])


@dataclass(frozen=True, slots=True, eq=False)
class Market:
    """One exchange or segment: its zone, its sessions, its default grid.

    A `continuous` market's session is the day of its zone; no session crosses midnight. `hours` are ordered by
    `valid_from`. `derivatives` is the segment that lists the futures and options of its symbols, empty for none.
    """

    name: str
    zone: ZoneInfo
    kind: InstrumentKind
    tick_size: Decimal
    quantity_step: Decimal
    derivatives: str
    sessions_per_year: int
    continuous: bool
    hours: tuple[Hours, ...]
    _sessions: dict[dt.date, TradingSession | None] = field(default_factory=dict, init=False, repr=False)

    def session_on(self, date: dt.date) -> TradingSession | None:
        """Return the session of `date`, none where the market is closed that day."""
        if date not in self._sessions:
            self._sessions[date] = self._build(date)
        return self._sessions[date]

    def session_at(self, ts: int) -> TradingSession | None:
        """Return the session that contains `ts`, none outside trading hours."""
        session = self.session_on(self._date(ts))
        return session if session and session.ts_open <= ts < session.ts_close else None

    def session_from(self, ts: int) -> TradingSession:
        """Return the session that contains `ts`, else the next one to open after it."""
        date = self._date(ts)
        while True:
            session = self.session_on(date)
            if session and ts < session.ts_close:
                return session
            date += _ONE_DAY

    def _build(self, date: dt.date) -> TradingSession | None:
        if self.continuous:
            return TradingSession(date, self.ts_of(date, dt.time.min), self.ts_of(date + _ONE_DAY, dt.time.min))
        valid = [row for row in self.hours if row.valid_from <= date]
        if not valid or date.weekday() not in valid[-1].days:
            return None
        return TradingSession(date, self.ts_of(date, valid[-1].open), self.ts_of(date, valid[-1].close))

    def ts_of(self, date: dt.date, time: dt.time) -> int:
        """Return when a time of day of the market's zone is, in ns UTC."""
        return (dt.datetime.combine(date, time, self.zone) - _EPOCH) // _MICROSECOND * 1000

    def _date(self, ts: int) -> dt.date:
        return dt.datetime.fromtimestamp(ts // SECOND, self.zone).date()


def market(exchange: str) -> Market:
    """Return the market named `exchange`.

    Raises:
        ValueError: no such market; the message names the nearest, and all.
    """
    markets = _venues()[0]
    if exchange not in markets:
        near = difflib.get_close_matches(exchange.upper(), markets, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}? " if near else ""
        msg = f"exchange {exchange!r} is not known; {hint}known are {', '.join(markets)}"
        raise ValueError(msg)
    return markets[exchange]


def default_instrument(exchange: str, symbol: str) -> Instrument:
    """Return what `symbol` is taken for where no instrument list has it: the venue's grid, lots of one unit.

    Raises:
        ValueError: no such exchange.
    """
    venue = market(exchange)
    index = venue.kind is InstrumentKind.EQUITY and symbol.upper() in _venues()[1]
    return Instrument(
        exchange=exchange,
        symbol=symbol,
        kind=InstrumentKind.INDEX if index else venue.kind,
        tick_size=venue.tick_size,
        quantity_step=venue.quantity_step,
    )


@functools.cache
def _venues() -> tuple[dict[str, Market], frozenset[str]]:
    """Return the markets by name, and the names of indices."""
    rows = tomllib.loads(resources.files(__package__).joinpath("venues.toml").read_text(encoding="utf-8"))
    indices = frozenset(rows.pop("indices"))
    return {name: _market(name, row) for name, row in rows.items()}, indices


def _market(name: str, row: dict[str, Any]) -> Market:
    return Market(
        name=name,
        zone=ZoneInfo(row["zone"]),
        kind=InstrumentKind(row["kind"]),
        tick_size=Decimal(row["tick_size"]),
        quantity_step=Decimal(row["quantity_step"]),
        derivatives=row.get("derivatives", ""),
        sessions_per_year=row["sessions_per_year"],
        continuous=row.get("continuous", False),
        hours=tuple(Hours.from_row(hours) for hours in row.get("hours", ())),
    )
