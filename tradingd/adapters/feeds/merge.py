"""Columns to events: the rows of data files as market events, in the one order that every reader of them has.

Real files step backwards and share their times, so the order is decided here and nowhere else: by the running
maximum of time within a file, closes before opens and ticks, then by instrument id, then by row. It never depends
on the order in which files are named. Objects are built as they are taken, since columns are small and objects not.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tradingd.adapters.feeds.instants import wall_clock
from tradingd.model.events import BarOpened
from tradingd.model.market import DAY, Bar, Tick, Timeframe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import tzinfo
    from typing import Self

    from numpy.typing import NDArray

    from tradingd.adapters.feeds.aggregation import Piece
    from tradingd.adapters.feeds.files import Ticks
    from tradingd.model.events import MarketEvent
    from tradingd.model.market import TradingSession

_ROWS_AT_ONCE = 16_384
_EPOCH_DATE = dt.date(1970, 1, 1)
_NEVER = -1


@dataclass(frozen=True, slots=True, eq=False)
class TickRows:
    """The ticks of one instrument, in the order of their file; `columns` are those of a tick after the instrument."""

    instrument: str
    columns: tuple[NDArray[Any], ...]

    @classmethod
    def of(cls, instrument: str, ticks: Ticks, ts_end: int | None) -> Self:
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

    def since(self, ts_from: int) -> Self:
        """Leave out the rows that happen before `ts_from`."""
        begin = int(np.searchsorted(self.ts_others, ts_from))
        return replace(self, columns=tuple(column[begin:] for column in self.columns))

    def events(self) -> Iterator[Tick]:
        """Build the events one by one."""
        for rows in chunks(self.columns):
            for ts, price, volume, bid, ask in rows:
                yield Tick(self.instrument, ts, price, volume, bid, ask)

    def pieces(self, until: int) -> Iterator[Piece]:
        """Yield what happens before `until` as prices of a moment."""
        over = int(np.searchsorted(self.ts_others, until))
        for rows in chunks([column[:over] for column in self.columns[:3]]):
            for ts, price, volume in rows:
                yield ts, price, price, price, price, volume, 1

    def last(self, now: int) -> Tick | None:
        """Return the latest tick that has happened at `now`."""
        row = int(np.searchsorted(self.ts_others, now, side="right")) - 1
        if row < 0:
            return None
        latest = int(np.flatnonzero(self.columns[0][: row + 1] == self.ts_others[row])[-1])
        return Tick(self.instrument, *(column[latest].item() for column in self.columns))


@dataclass(frozen=True, slots=True, eq=False)
class BarRows:
    """The bars of one instrument; `columns` are ts_open, ts_close, open, high, low, close and volume."""

    instrument: str
    timeframe: Timeframe
    columns: tuple[NDArray[Any], ...]

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

    def since(self, ts_from: int) -> Self:
        """Leave out the bars that open before `ts_from`."""
        begin = int(np.searchsorted(self.ts_others, ts_from))
        return replace(self, columns=tuple(column[begin:] for column in self.columns))

    def events(self) -> Iterator[BarOpened | Bar]:
        """Build the events one by one: an opening and a close for each bar."""
        instrument, timeframe = self.instrument, self.timeframe
        for rows in chunks(self.columns):
            for ts_open, ts_close, open_, high, low, close, volume in rows:
                yield BarOpened(instrument, ts_open, open_)
                yield Bar(instrument, timeframe, ts_open, ts_close, open_, high, low, close, volume)

    def pieces(self, until: int) -> Iterator[Piece]:
        """Yield the bars that have closed at `until`, by their open."""
        over = int(np.searchsorted(self.ts_closes, until, side="right"))
        for rows in chunks([column[:over] for column in self.columns]):
            for ts_open, _, open_, high, low, close, volume in rows:
                yield ts_open, open_, high, low, close, volume, 1

    def last(self, now: int) -> Tick | None:
        """Return the close of the latest bar that has closed at `now`, as a tick."""
        row = int(np.searchsorted(self.ts_closes, now, side="right")) - 1
        if row < 0:
            return None
        return Tick(self.instrument, int(self.columns[1][row]), float(self.columns[5][row]))


Rows = TickRows | BarRows


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


def chunks(columns: Sequence[NDArray[Any]]) -> Iterator[list[Any]]:
    """Yield rows as plain numbers, so many at once."""
    for start in range(0, len(columns[0]), _ROWS_AT_ONCE):
        yield list(zip(*(column[start : start + _ROWS_AT_ONCE].tolist() for column in columns), strict=True))


def bar_bounds(
    stamps: NDArray[np.int64],
    timeframe: Timeframe,
    zone: tzinfo,
    session_on: Callable[[dt.date], TradingSession | None],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return when the bars stamped so open and close, in a market whose days are those of `zone`.

    A bar of a day is the session of its date, whatever the hour of its stamp; any other ends with its period of the
    session at the latest. A bar that opens outside of every session, or in a pause, keeps its stamp and its width: the
    engine will count it.
    """
    days, at = np.unique(wall_clock(stamps, zone) // DAY, return_inverse=True)
    sessions = [session_on(_EPOCH_DATE + dt.timedelta(days=day)) for day in days.tolist()]
    if timeframe.ns == DAY:
        opens = np.array([session.ts_open if session else _NEVER for session in sessions], np.int64)[at]
        closes = np.array([session.ts_close if session else _NEVER for session in sessions], np.int64)[at]
        inside = closes != _NEVER
        return np.where(inside, opens, stamps), np.where(inside, closes, stamps + DAY)
    spans = [(_NEVER, _NEVER), *(span for session in sessions if session for span in session.periods)]
    begins, finishes = np.array(spans, np.int64).T
    closes = finishes[np.searchsorted(begins, stamps, side="right") - 1]
    ends = stamps + timeframe.ns
    return stamps, np.where(stamps < closes, np.minimum(ends, closes), ends)
