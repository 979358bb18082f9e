"""Columns to events: the rows of data files as market events, in the one order that every run of them has.

Real files step backwards and share their times, so the order is decided here and nowhere else: by the running
maximum of time within a file, closes before opens and ticks, then by instrument id, then by row. It never depends
on the order in which files are named. Objects are built as they are taken, since columns are small and objects not.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tradingd.adapters.feeds.instants import wall_clock
from tradingd.model.events import BarOpened
from tradingd.model.market import DAY, Bar, Tick, Timeframe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from tradingd.adapters.feeds.files import Bars, Ticks
    from tradingd.core.markets.sessions import Market
    from tradingd.core.session import Session
    from tradingd.model.events import MarketEvent

_ROWS_AT_ONCE = 16_384
_EPOCH_DATE = dt.date(1970, 1, 1)
_NEVER = -1


@dataclass(frozen=True, slots=True, eq=False)
class TickRows:
    """The ticks of one instrument, in the order of their file; `columns` are those of a tick after the instrument."""

    instrument: str
    columns: tuple[NDArray[Any], ...]

    @classmethod
    def of(cls, instrument: str, ticks: Ticks, ts_end: int | None) -> TickRows:
        """Take the rows of a file up to the first at or after `ts_end`: there its time is over."""
        over = None if ts_end is None else int(np.searchsorted(np.maximum.accumulate(ticks.ts), ts_end))
        columns = (ticks.ts, ticks.price, ticks.volume, ticks.bid, ticks.ask)
        return cls(instrument, tuple(column[:over] for column in columns))

    def __len__(self) -> int:
        return len(self.columns[0])

    @property
    def ts_closes(self) -> NDArray[np.int64]:
        """When its bars close: a tick closes none."""
        return self.columns[0][:0]

    @property
    def ts_others(self) -> NDArray[np.int64]:
        """When its other events happen, in market time."""
        return np.maximum.accumulate(self.columns[0])

    def events(self) -> Iterator[Tick]:
        """Build the events one by one."""
        for rows in _chunks(self.columns):
            for ts, price, volume, bid, ask in rows:
                yield Tick(self.instrument, ts, price, volume, bid, ask)

    def play(self, session: Session) -> Iterator[int]:
        """Give all rows to a session that takes no other; yield how many, chunk by chunk."""
        for rows in _chunks(self.columns):
            session.ticks(self.instrument, rows)
            yield len(rows)


@dataclass(frozen=True, slots=True, eq=False)
class BarRows:
    """The bars of one instrument; `columns` are ts_open, ts_close, open, high, low, close and volume."""

    instrument: str
    timeframe: Timeframe
    columns: tuple[NDArray[Any], ...]

    @classmethod
    def of(cls, instrument: str, bars: Bars, timeframe: Timeframe, venue: Market, ts_end: int | None) -> BarRows:
        """Take the bars stamped before `ts_end`, and find their ends in the sessions of their venue."""
        over = None if ts_end is None else int(np.searchsorted(bars.ts_open, ts_end))
        prices = (bars.open, bars.high, bars.low, bars.close, bars.volume)
        bounds = _bounds(bars.ts_open[:over], timeframe, venue)
        return cls(instrument, timeframe, (*bounds, *(column[:over] for column in prices)))

    def __len__(self) -> int:
        return len(self.columns[0])

    @property
    def ts_closes(self) -> NDArray[np.int64]:
        """When the bars close."""
        return self.columns[1]

    @property
    def ts_others(self) -> NDArray[np.int64]:
        """When they open."""
        return self.columns[0]

    def events(self) -> Iterator[BarOpened | Bar]:
        """Build the events one by one: an opening and a close for each bar."""
        instrument, timeframe = self.instrument, self.timeframe
        for rows in _chunks(self.columns):
            for ts_open, ts_close, open_, high, low, close, volume in rows:
                yield BarOpened(instrument, ts_open, open_)
                yield Bar(instrument, timeframe, ts_open, ts_close, open_, high, low, close, volume)

    def play(self, session: Session) -> Iterator[int]:
        """Give all rows to a session that takes no other; yield how many, chunk by chunk."""
        for rows in _chunks(self.columns):
            session.bars(self.instrument, self.timeframe, rows)
            yield len(rows)


Rows = TickRows | BarRows


def play(session: Session, sources: Sequence[Rows]) -> Iterator[float]:
    """Give all rows of all sources to a session, in order; yield the share done, chunk by chunk."""
    if len(sources) == 1:
        done = 0
        for count in sources[0].play(session):
            done += count
            yield done / len(sources[0])
        return
    step = session.step
    for share, events in merged(sources):
        for event in events:
            step(event)
        yield share


def merged(sources: Sequence[Rows]) -> Iterator[tuple[float, list[MarketEvent]]]:
    """Merge the events of several sources, chunk by chunk, each with the share of all that it completes.

    A source's own events are in order already, so what is sorted is whose turn it is.
    """
    ordered = sorted(sources, key=lambda rows: rows.instrument)
    times = [*(rows.ts_closes for rows in ordered), *(rows.ts_others for rows in ordered)]
    turns = np.repeat(np.tile(np.arange(len(ordered), dtype=np.int32), 2), [len(part) for part in times])
    turns = turns[np.argsort(np.concatenate(times), kind="stable")]
    take: list[Callable[[], MarketEvent]] = [rows.events().__next__ for rows in ordered]
    for start in range(0, len(turns), _ROWS_AT_ONCE):
        chunk = turns[start : start + _ROWS_AT_ONCE].tolist()
        yield (start + len(chunk)) / len(turns), [take[turn]() for turn in chunk]


def _chunks(columns: Sequence[NDArray[Any]]) -> Iterator[list[Any]]:
    """Yield rows as plain numbers, so many at once."""
    for start in range(0, len(columns[0]), _ROWS_AT_ONCE):
        yield list(zip(*(column[start : start + _ROWS_AT_ONCE].tolist() for column in columns), strict=True))


def _bounds(
    stamps: NDArray[np.int64], timeframe: Timeframe, venue: Market
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return when the bars open and close.

    A bar of a day is the session of its date, whatever the hour of its stamp; any other ends with its session at
    the latest. A bar that opens outside of every session keeps its stamp and its width: the engine will count it.
    """
    days, at = np.unique(wall_clock(stamps, venue.zone) // DAY, return_inverse=True)
    sessions = [venue.session_on(_EPOCH_DATE + dt.timedelta(days=day)) for day in days.tolist()]
    opens = np.array([session.ts_open if session else _NEVER for session in sessions], np.int64)[at]
    closes = np.array([session.ts_close if session else _NEVER for session in sessions], np.int64)[at]
    if timeframe.ns == DAY:
        inside = closes != _NEVER
        return np.where(inside, opens, stamps), np.where(inside, closes, stamps + DAY)
    inside = (opens <= stamps) & (stamps < closes)
    ends = stamps + timeframe.ns
    return stamps, np.where(inside, np.minimum(ends, closes), ends)
