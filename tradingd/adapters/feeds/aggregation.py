"""Cuts prints and small bars into larger bars of the past, where a venue or a file offers no such bars itself.

History must look as if it had been built live, so the rules are those of live bars: half-open, anchored at the
session's open, truncated at its end; a backward piece of the forming bar counts, one of a bar that was left does
not; a quiet interval makes no bar. Nothing here knows where the pieces come from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradingd.model.market import Bar, Quality

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tradingd.model.instrument import Instrument
    from tradingd.model.market import Timeframe, TradingSession

    Piece = tuple[int, float, float, float, float, float, int]  # time, open, high, low, close, volume, tick count
    Sessions = Callable[[Instrument, int], TradingSession]  # the session that contains a time, else the next


def cut(instrument: Instrument, timeframe: Timeframe, pieces: Iterable[Piece], sessions: Sessions) -> list[Bar]:
    """Return the bars of pieces in the order in which they happened; the last is as far as the pieces go."""
    bars: list[Bar] = []
    bar: Bar | None = None
    last = 0
    for ts, open_, high, low, close, volume, count in pieces:
        if bar is None or ts >= bar.ts_close:
            session = sessions(instrument, ts)
            if not session.holds(ts):
                continue
            bounds = session.bar_bounds(timeframe, ts)
            bar = Bar(instrument.id, timeframe, *bounds, open_, high, low, close, volume, count)
            bars.append(bar)
            last = ts
        elif ts >= bar.ts_open:
            bar.high = max(bar.high, high)
            bar.low = min(bar.low, low)
            bar.volume += volume
            bar.tick_count += count
            if ts >= last:
                bar.close = close
                last = ts
    for bar in bars:
        if bar.tick_count == 1:
            bar.quality = Quality.SPARSE
    return bars
