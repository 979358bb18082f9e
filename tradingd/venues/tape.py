"""The trades of all symbols in the one order in which they are told, and how far the telling has come.

The order is that of a backtest of the same data: by market time, then by symbol, then by row. What has been told is
history, and may be asked for; what is still to come cannot be seen from outside. A tape knows no clock and no client.
"""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from tradingd.model.errors import ConfigError
from tradingd.venues.trades import joined, step

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from tradingd.venues.trades import Trades

Row = tuple[int, int, int, int, float, float, bool, float, float, float, float, bool]
"""One trade: the index of its symbol, then the columns of `Trades`."""


class Tape:
    """Tells trades in order, from `ts_open` on; what lies before is history from the start.

    `blocks` are successive stretches of time, each with the trades of every symbol by its name. Blocks that ended
    more than `history_ns` ago are forgotten, so that an endless market takes bounded memory.
    """

    def __init__(
        self, blocks: Iterable[Mapping[str, Trades]], *, ts_open: int | None = None, history_ns: int | None = None
    ) -> None:
        self._blocks = iter(blocks)
        self._past: deque[_Block] = deque()
        self._history_ns = history_ns
        self._block = _Block(next(self._blocks))
        self.symbols = self._block.symbols
        self.steps = {
            symbol: (f"{step(trades.price):.8f}", f"{step(trades.quantity):.8f}")
            for symbol, trades in zip(self.symbols, self._block.trades, strict=True)
        }
        """The smallest changes of each symbol's price and quantity, as they show in its first trades."""
        self.ts = self._block.ts_first if ts_open is None else ts_open
        """Market time: that of the latest trade told."""
        self._told = self._block.count_before(self.ts)
        self._turn()
        if self.ts_next is None:
            msg = f"no trade is at or after the start, {self.ts} ns"
            raise ConfigError(msg)

    @property
    def ts_next(self) -> int | None:
        """When the next trade happens, none where the data are over."""
        return int(self._block.ts[self._told]) if self._told < len(self._block.ts) else None

    def take(self, count: int, until: int | None = None) -> list[Row]:
        """Tell the next trades, at most `count`, of those that happen at or before `until`."""
        stop = min(self._told + count, len(self._block.ts))
        if until is not None:
            stop = min(stop, int(np.searchsorted(self._block.ts, until, side="right")))
        rows = self._block.rows(self._told, stop)
        if rows:
            self._told = stop
            self.ts = rows[-1][3]
            self._turn()
        return rows

    def trades(self, symbol: int) -> Trades:
        """Return the trades of a symbol that have been told and are not forgotten, by the symbol's index."""
        told = self._block.told(symbol, self._told)
        return joined([*(block.trades[symbol] for block in self._past), told])

    def latest(self, symbol: int) -> Trades:
        """Return the last trade of a symbol that has been told, none where there is none."""
        told = self._block.told(symbol, self._told)
        parts = (block.trades[symbol] for block in reversed(self._past))
        last = told if len(told) else next((trades for trades in parts if len(trades)), told)
        return last.part(max(len(last) - 1, 0), len(last))

    def _turn(self) -> None:
        """Go on to the block that has the next trade, and forget what is too old."""
        while self._told == len(self._block.ts):
            following = next(self._blocks, None)
            if following is None:
                return
            self._past.append(self._block)
            self._block = _Block(following)
            self._told = self._block.count_before(self.ts)
        while self._history_ns is not None and self._past and self._past[0].ts_last < self.ts - self._history_ns:
            self._past.popleft()


class _Block:
    """A stretch of time, with its trades symbol by symbol and in the order of the telling."""

    def __init__(self, parts: Mapping[str, Trades]) -> None:
        self.symbols = tuple(sorted(parts))
        whole = joined([parts[symbol] for symbol in self.symbols])
        self._bounds = np.cumsum([0, *(len(parts[symbol]) for symbol in self.symbols)]).tolist()
        self.trades = [whole.part(start, stop) for start, stop in pairwise(self._bounds)]
        self._order: NDArray[np.int64] = np.argsort(whole.ts_market, kind="stable")
        self.ts = whole.ts_market[self._order]
        index = np.repeat(np.arange(len(self.symbols)), np.diff(self._bounds))
        self._columns = (index, *whole.columns)

    @property
    def ts_first(self) -> int:
        """When its first trade happens."""
        return int(self.ts[0]) if len(self.ts) else 0

    @property
    def ts_last(self) -> int:
        """When its last trade happens."""
        return int(self.ts[-1]) if len(self.ts) else 0

    def count_before(self, ts: int) -> int:
        """Return how many trades happen before `ts`."""
        return int(np.searchsorted(self.ts, ts))

    def rows(self, start: int, stop: int) -> list[Row]:
        """Return rows `[start, stop)` in the order of the telling."""
        chosen = self._order[start:stop]
        return list(zip(*(column[chosen].tolist() for column in self._columns), strict=True))

    def told(self, symbol: int, count: int) -> Trades:
        """Return those of the first `count` trades that are of a symbol."""
        first, end = self._bounds[symbol], self._bounds[symbol + 1]
        chosen = self._order[:count]
        return self.trades[symbol].part(0, int(np.count_nonzero((chosen >= first) & (chosen < end))))
