"""How fast plain Python can be at best: the strategy of the benchmarks, written out by hand, a call for each event.

No engine can beat it in the same language, so what we measure is told as a share of it: two machines, or two
moods of one, differ in both alike. It does the least that gives the right trades and nothing else - no P&L to
the cent, no orders, no hash, no record of why.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from series import MINUTE_NS

if TYPE_CHECKING:
    from collections.abc import Callable

    from series import Columns

PERIOD, OVERSOLD, OVERBOUGHT = 14, 30.0, 70.0


class Rsi:
    """Wilder's relative strength index, a value at a time; its seed is a running mean."""

    __slots__ = ("changes", "down", "last", "up", "value")

    def __init__(self) -> None:
        self.changes = -1
        self.up = self.down = self.last = 0.0
        self.value = 50.0

    def push(self, price: float) -> None:
        """Take the next price."""
        change = price - self.last
        self.last = price
        self.changes += 1
        if self.changes == 0:
            return
        up, down = (change, 0.0) if change > 0 else (0.0, -change)
        if self.changes <= PERIOD:
            self.up += up / PERIOD
            self.down += down / PERIOD
            if self.changes < PERIOD:
                return
        else:
            self.up += (up - self.up) / PERIOD
            self.down += (down - self.down) / PERIOD
        moved = self.up + self.down
        self.value = 100.0 * self.up / moved if moved else 50.0


class Reversal:
    """Buys one when oversold, sells it when overbought, each at the next bar's open; nothing before `quiet` bars."""

    __slots__ = ("bars", "entry", "holds", "pnl", "quiet", "rsi", "trades", "wants")

    def __init__(self, quiet: int) -> None:
        self.quiet = quiet
        self.rsi = Rsi()
        self.bars = self.wants = self.trades = 0
        self.holds = False
        self.entry = self.pnl = 0.0

    def on_bar(self, open_: float, high: float, low: float, close: float, volume: float) -> None:  # noqa: ARG002 - a bar is given whole
        """Fill what was wanted, then look at the bar."""
        wants = self.wants
        if wants:
            if wants > 0:
                self.holds, self.entry = True, open_
            else:
                self.holds = False
                self.pnl += open_ - self.entry
                self.trades += 1
            self.wants = 0
        rsi = self.rsi
        rsi.push(close)
        if self.bars >= self.quiet:
            if self.holds:
                if rsi.value > OVERBOUGHT:
                    self.wants = -1
            elif rsi.value < OVERSOLD:
                self.wants = 1
        self.bars += 1


class Minutes:
    """Cuts prints into one-minute bars and hands each over when the next begins."""

    __slots__ = ("close", "end", "high", "low", "on_bar", "open", "volume")

    def __init__(self, on_bar: Callable[[float, float, float, float, float], None]) -> None:
        self.on_bar = on_bar
        self.end = 0
        self.open = self.high = self.low = self.close = self.volume = 0.0

    def on_tick(self, ts: int, price: float, volume: float) -> None:
        """Take the next print."""
        if ts >= self.end:
            if self.end:
                self.on_bar(self.open, self.high, self.low, self.close, self.volume)
            self.end = ts - ts % MINUTE_NS + MINUTE_NS
            self.open = self.high = self.low = self.close = price
            self.volume = volume
            return
        if price > self.high:
            self.high = price
        elif price < self.low:
            self.low = price
        self.close = price
        self.volume += volume


def over_bars(columns: Columns, quiet: int) -> tuple[float, Reversal]:
    """Run over bars; return the seconds of the loop alone, and what came of it."""
    strategy = Reversal(quiet)
    on_bar = strategy.on_bar
    rows = [columns[name].tolist() for name in ("open", "high", "low", "close", "volume")]
    began = perf_counter()
    for open_, high, low, close, volume in zip(*rows, strict=True):
        on_bar(open_, high, low, close, volume)
    return perf_counter() - began, strategy


def over_ticks(columns: Columns, quiet: int) -> tuple[float, Reversal]:
    """Run over prints; return the seconds of the loop alone, and what came of it."""
    strategy = Reversal(quiet)
    on_tick = Minutes(strategy.on_bar).on_tick
    rows = [columns[name].tolist() for name in ("timestamp", "price", "volume")]
    began = perf_counter()
    for ts, price, volume in zip(*rows, strict=True):
        on_tick(ts, price, volume)
    return perf_counter() - began, strategy
