"""Bars as Binance makes them: UTC-aligned, without a pause, flat where nothing was traded.

One `Kline` is formed trade by trade for a stream; many are summed over columns for a request. Both follow the rule
of the core's bars: a late trade of the forming bar counts for its high, low and volume, of a closed one not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tradingd.model.market import Timeframe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tradingd.venues.trades import Trades

_NAMES = ("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d")
INTERVALS = {name: Timeframe.parse(name).ns for name in _NAMES}
"""Widths in ns by Binance's names; of weeks and months, which are no timeframes, there are none."""


@dataclass(slots=True)
class Kline:
    """One bar `[ts_open, ts_open + width)`; ids are -1 while there is no trade."""

    ts_open: int
    open: float
    high: float
    low: float
    close: float
    volume: float = 0.0
    quote_volume: float = 0.0
    count: int = 0
    buy_volume: float = 0.0
    buy_quote_volume: float = 0.0
    first_id: int = -1
    last_id: int = -1

    @classmethod
    def flat(cls, ts_open: int, price: float) -> Kline:
        """Return a bar in which nothing was traded yet."""
        return cls(ts_open, price, price, price, price)

    def add(self, number: int, price: float, quantity: float, *, is_sell: bool, is_late: bool) -> None:
        """Take a trade in."""
        if self.count == 0:
            self.open = self.high = self.low = self.close = price
            self.first_id = number
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        if not is_late:
            self.close = price
        self.volume += quantity
        self.quote_volume += price * quantity
        if not is_sell:
            self.buy_volume += quantity
            self.buy_quote_volume += price * quantity
        self.count += 1
        self.last_id = number


def klines(trades: Trades, width: int, first: int, last: int) -> list[Kline]:
    """Return the bars number `first` to `last`, counted in widths since the epoch; none before the first trade."""
    if len(trades) == 0:
        return []
    first = max(first, int(trades.ts_market[0]) // width)
    start, stop = np.searchsorted(trades.ts_market, (first * width, (last + 1) * width)).tolist()
    formed = {bar.ts_open: bar for bar in _formed(trades.part(start, stop), width)}
    price = float(_latest_prices(trades.part(0, start))[-1]) if start else 0.0
    bars = []
    for ts_open in range(first * width, (last + 1) * width, width):
        bar = formed.get(ts_open) or Kline.flat(ts_open, price)
        price = bar.close
        bars.append(bar)
    return bars


def _formed(trades: Trades, width: int) -> list[Kline]:
    """Return the bars in which something was traded."""
    slot = trades.ts_market // width
    close = _latest_prices(trades)
    counted = trades.ts // width == slot
    trades, slot, close = _where(counted, trades), slot[counted], close[counted]
    if len(trades) == 0:
        return []
    starts = np.flatnonzero(np.diff(slot, prepend=slot[0] - 1))
    ends = np.append(starts[1:], len(slot)) - 1
    traded = trades.price * trades.quantity
    buys = ~trades.is_sell
    columns: Sequence[NDArray[np.int64] | NDArray[np.float64]] = (
        slot[starts] * width,
        trades.price[starts],
        np.maximum.reduceat(trades.price, starts),
        np.minimum.reduceat(trades.price, starts),
        close[ends],
        np.add.reduceat(trades.quantity, starts),
        np.add.reduceat(traded, starts),
        ends - starts + 1,
        np.add.reduceat(trades.quantity * buys, starts),
        np.add.reduceat(traded * buys, starts),
        trades.number[starts],
        trades.number[ends],
    )
    return [Kline(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def _latest_prices(trades: Trades) -> NDArray[np.float64]:
    """Return the price at each row: that of the last row that is not late."""
    current = trades.ts == trades.ts_market
    return trades.price[np.maximum.accumulate(np.where(current, np.arange(len(trades)), 0))]


def _where(mask: NDArray[np.bool_], trades: Trades) -> Trades:
    return type(trades)(*(column[mask] for column in trades.columns))
