"""Station 1, ticks to bars: one builder per instrument and timeframe.

A bar is half-open, anchored at the session's open and truncated at its end. A backward tick of the forming
bar is merged (high, low, volume), one of a closed bar is refused as late and never merged; a quiet interval
makes no bar. The builder knows no clock: it is told when a bar's time is over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradingd.model.market import FOREVER, Bar, Quality

if TYPE_CHECKING:
    from tradingd.model.market import FoldedTick, Timeframe, TradingSession

LATE, MERGED, OPENED = -1, 0, 1
"""What became of a tick: it belongs to a closed bar, it went into the forming bar, it opened one."""


class BarBuilder:
    """Builds the bars of one instrument and timeframe from ticks, or from smaller bars.

    `ts_end` is the end of the forming bar, `FOREVER` where none forms.
    """

    __slots__ = (
        "_close", "_count", "_gap", "_high", "_last", "_low", "_open", "_session", "_start", "_volume",
        "instrument", "timeframe", "ts_closed", "ts_end",
    )  # fmt: skip

    def __init__(self, instrument: str, timeframe: Timeframe) -> None:
        self.instrument = instrument
        self.timeframe = timeframe
        self.ts_end = FOREVER
        self.ts_closed = 0
        self._session: TradingSession | None = None
        self._start = self._last = 0
        self._open = self._high = self._low = self._close = self._volume = 0.0
        self._count = 0
        self._gap = False

    def begin_session(self, session: TradingSession) -> None:
        """Anchor the bars that follow at this session's open."""
        self._session = session

    def add(self, ts: int, price: float, volume: float) -> int:
        """Fold one tick in; return LATE, MERGED or OPENED.

        A tick at or after `ts_end` may not come here: close the bar first.
        """
        if ts >= self._start and self._count:
            if price > self._high:
                self._high = price
            elif price < self._low:
                self._low = price
            if ts >= self._last:
                self._close = price
                self._last = ts
            self._volume += volume
            self._count += 1
            return MERGED
        return self._begin(ts, ts, price, price, price, price, volume, 1)

    def add_fold(self, tick: FoldedTick) -> int:
        """Fold many ticks in that were made one; return LATE, MERGED or OPENED."""
        if tick.ts_first >= self._start and self._count:
            self._high = max(self._high, tick.high)
            self._low = min(self._low, tick.low)
            if tick.ts >= self._last:
                self._close = tick.price
                self._last = tick.ts
            self._volume += tick.volume
            self._count += tick.count
            return MERGED
        return self._begin(tick.ts_first, tick.ts, tick.open, tick.high, tick.low, tick.price, tick.volume, tick.count)

    def add_bar(self, bar: Bar) -> int:
        """Fold a smaller bar in, by its own open time; return LATE, MERGED or OPENED."""
        if bar.ts_open >= self._start and self._count:
            self._high = max(self._high, bar.high)
            self._low = min(self._low, bar.low)
            self._close = bar.close
            self._volume += bar.volume
            self._count += max(bar.tick_count, 1)
            self._gap = self._gap or bar.quality is Quality.GAP
            return MERGED
        ts, count = bar.ts_open, max(bar.tick_count, 1)
        opened = self._begin(ts, ts, bar.open, bar.high, bar.low, bar.close, bar.volume, count)
        self._gap = self._gap or bar.quality is Quality.GAP
        return opened

    def _begin(  # noqa: PLR0913 - the parts of a bar
        self, ts: int, ts_last: int, open_: float, high: float, low: float, close: float, volume: float, count: int
    ) -> int:
        session = self._session
        if session is None or ts < self.ts_closed or self._count:
            return LATE
        self._start, self.ts_end = session.bar_bounds(self.timeframe, ts)
        self._open, self._high, self._low, self._close = open_, high, low, close
        self._last = ts_last
        self._volume = volume
        self._count = count
        return OPENED

    def so_far(self) -> Bar:
        """Return the forming bar as it is."""
        return Bar(
            self.instrument, self.timeframe, self._start, self.ts_end,
            self._open, self._high, self._low, self._close, self._volume, self._count,
        )  # fmt: skip

    def mark_gap(self) -> None:
        """Remember that the feed was lost while the bar forms, or before the next one opens."""
        self._gap = True

    def close(self) -> Bar:
        """End the forming bar and return it."""
        quality = Quality.GAP if self._gap else Quality.SPARSE if self._count == 1 else Quality.COMPLETE
        bar = Bar(
            self.instrument, self.timeframe, self._start, self.ts_end,
            self._open, self._high, self._low, self._close, self._volume, self._count, quality,
        )  # fmt: skip
        self.ts_closed = self.ts_end
        self.ts_end = FOREVER
        self._count = 0
        self._gap = False
        return bar
