"""The file provider: stored ticks and bars, streamed as if they happened now.

Rows come as `files` reads them, in the order in which a backtest of the same files takes them, so that both decide
the same. Its time is that of the rows: it reads no clock of ours but to keep a pace, and never looks ahead.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tradingd.adapters.feeds.aggregation import cut
from tradingd.adapters.feeds.merge import BarRows, merged
from tradingd.model.errors import FeedError
from tradingd.model.market import DAY, SECOND, Bar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Sequence

    from tradingd.adapters.feeds.aggregation import Sessions
    from tradingd.adapters.feeds.merge import Rows
    from tradingd.model.events import MarketEvent
    from tradingd.model.instrument import Instrument
    from tradingd.model.market import Tick, Timeframe

_TURN = 256  # events between two chances for others to run


class RecordedProvider:
    """Streams the rows from `ts_from` on; those before are history.

    `speed` is how many times as fast as they happened, none as fast as they are taken: the stream waits for whoever
    iterates over it.
    """

    def __init__(
        self, sources: Iterable[Rows], sessions: Sessions, *, ts_from: int = 0, speed: float | None = None
    ) -> None:
        self._rows = {rows.instrument: rows for rows in sources}
        self._sessions = sessions
        self._ts_from = self._now = ts_from
        self._speed = speed

    async def history(self, instrument: Instrument, timeframe: Timeframe, count: int, until: int) -> Sequence[Bar]:
        """Return at most `count` closed bars that end at or before `until` and the stream's present, oldest first.

        Raises:
            FeedError: there are no data of the instrument, or only of bars that do not make up such ones.
        """
        rows = self._of(instrument)
        if isinstance(rows, BarRows) and timeframe.ns % rows.timeframe.ns and timeframe.ns != DAY:
            msg = f"{instrument.id}: bars of {timeframe} cannot be made of the stored bars of {rows.timeframe}"
            raise FeedError(msg)
        return await asyncio.to_thread(self._history, rows, instrument, timeframe, count, min(until, self._now))

    async def last(self, instrument: Instrument) -> tuple[Tick, int] | None:
        """Return the last tick, or close of a bar, before the stream's present, and its age in ns.

        Raises:
            FeedError: there are no data of the instrument.
        """
        tick = self._of(instrument).last(self._now)
        return None if tick is None else (tick, self._now - tick.ts)

    async def subscribe(self, instruments: Sequence[Instrument]) -> AsyncGenerator[MarketEvent, None]:
        """Yield the events of the instruments in their one order, until the data end.

        Raises:
            FeedError: there are no data of an instrument.
        """
        wanted = {instrument.id: self._of(instrument).since(self._ts_from) for instrument in instruments}
        if not wanted:
            return
        loop = asyncio.get_running_loop()
        began, ts_began = loop.time(), 0
        turn = 0
        for _, events in merged(list(wanted.values())):
            for event in events:
                self._now = max(self._now, event.ts)
                if self._speed is not None:
                    ts_began = ts_began or event.ts
                    ahead_s = (event.ts - ts_began) / SECOND / self._speed - (loop.time() - began)
                    if ahead_s > 0:
                        await asyncio.sleep(ahead_s)
                turn += 1
                if turn % _TURN == 0:
                    await asyncio.sleep(0)
                yield event

    def _of(self, instrument: Instrument) -> Rows:
        if instrument.id not in self._rows:
            msg = f"{instrument.id}: there are no stored data of it; there are of {', '.join(sorted(self._rows))}"
            raise FeedError(msg)
        return self._rows[instrument.id]

    def _history(
        self, rows: Rows, instrument: Instrument, timeframe: Timeframe, count: int, until: int
    ) -> Sequence[Bar]:
        bars = cut(instrument, timeframe, rows.pieces(until), self._sessions)
        closed = [bar for bar in bars if bar.ts_close <= until]
        return closed[-count:] if count > 0 else []
