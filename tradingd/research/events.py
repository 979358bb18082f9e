"""Rows of data files, played to a session: a backtest's market.

In which order rows become events is decided by `adapters.feeds.merge`, for every reader alike. What is added here is
the short way: a session that takes a single file is given its rows and not an object for each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tradingd.adapters.feeds import merge
from tradingd.adapters.feeds.merge import bar_bounds, chunks, merged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tradingd.adapters.feeds.files import Bars
    from tradingd.core.markets.sessions import Market
    from tradingd.core.session import Session
    from tradingd.model.instrument import Instrument
    from tradingd.model.market import Timeframe

__all__ = ["BarRows", "Rows", "TickRows", "merged", "play"]


@dataclass(frozen=True, slots=True, eq=False)
class TickRows(merge.TickRows):
    """The ticks of one instrument, for a session."""

    def play(self, session: Session) -> Iterator[int]:
        """Give all rows to a session that takes no other; yield how many, chunk by chunk."""
        for rows in chunks(self.columns):
            session.ticks(self.instrument, rows)
            yield len(rows)


@dataclass(frozen=True, slots=True, eq=False)
class BarRows(merge.BarRows):
    """The bars of one instrument, for a session."""

    @classmethod
    def of(  # noqa: PLR0913 - the bars, and all that says when they end
        cls,
        instrument: str,
        bars: Bars,
        timeframe: Timeframe,
        venue: Market,
        ts_end: int | None,
        row: Instrument | None = None,
    ) -> BarRows:
        """Take the bars stamped before `ts_end`, and find their ends in the sessions of their venue, or their own."""
        over = None if ts_end is None else int(np.searchsorted(bars.ts_open, ts_end))
        prices = (bars.open, bars.high, bars.low, bars.close, bars.volume)
        bounds = bar_bounds(bars.ts_open[:over], timeframe, venue.zone, lambda date: venue.session_on(date, row))
        return cls(instrument, timeframe, (*bounds, *(column[:over] for column in prices)))

    def play(self, session: Session) -> Iterator[int]:
        """Give all rows to a session that takes no other; yield how many, chunk by chunk."""
        for rows in chunks(self.columns):
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
