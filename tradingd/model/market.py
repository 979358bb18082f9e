"""What the market says: ticks and bars, and the timeframes bars are cut by.

These are the hot objects: slotted, built once by whoever reads the outside, never changed afterwards.
Times are int nanoseconds since the epoch, UTC. Prices and volumes are floats.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import datetime as dt

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
FOREVER = 1 << 62
"""A time that never comes."""

_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_SPELLINGS = {
    "s": "s", "sec": "s", "second": "s", "seconds": "s",
    "m": "m", "min": "m", "mins": "m", "minute": "m", "minutes": "m",
    "h": "h", "hr": "h", "hour": "h", "hours": "h",
    "d": "d", "day": "d", "days": "d",
}  # fmt: skip
_PATTERN = re.compile(r"^\s*(\d{1,5})\s*([A-Za-z]+)\s*$")


@dataclass(frozen=True, slots=True, order=True)
class Timeframe:
    """The width of a bar in ns; `1d` means one bar a session, whatever the session's length."""

    ns: int

    @classmethod
    def parse(cls, text: str) -> Timeframe:
        """Read `5MIN`, `5m`, `1h`, `1d`, `30s`.

        Raises:
            ValueError: not a width, or one that does not fit a day.
        """
        match = _PATTERN.match(text)
        unit = _SPELLINGS.get(match.group(2).lower()) if match else None
        if match is None or unit is None:
            msg = f"timeframe {text!r} is not a width; write a number and a unit, as 5MIN, 1m, 1h or 1d"
            raise ValueError(msg)
        ns = int(match.group(1)) * _UNITS[unit]
        if not 0 < ns <= DAY:
            msg = f"timeframe {text!r} is out of range; it must be more than zero and at most 1d"
            raise ValueError(msg)
        return cls(ns)

    def __str__(self) -> str:
        """Return the shortest spelling, as `5m`."""
        for letter in "dhms":
            if self.ns % _UNITS[letter] == 0:
                return f"{self.ns // _UNITS[letter]}{letter}"
        return f"{self.ns}ns"


@dataclass(frozen=True, slots=True)
class TradingSession:
    """The hours `[ts_open, ts_close)` in which a market trades on `date`, a day of the market's own zone.

    In `pauses`, each `[from, to)` inside the hours and in order, it does not trade; a date has one session even so.
    """

    date: dt.date
    ts_open: int
    ts_close: int
    pauses: tuple[tuple[int, int], ...] = ()

    @property
    def periods(self) -> list[tuple[int, int]]:
        """The hours without the pauses, in order."""
        edges = [self.ts_open, *(edge for pause in self.pauses for edge in pause), self.ts_close]
        return list(zip(edges[::2], edges[1::2], strict=True))

    def period_at(self, ts: int) -> tuple[int, int]:
        """Return the period that holds `ts`, else the next one, else the last."""
        begin = self.ts_open
        for ts_from, ts_to in self.pauses:
            if ts < ts_from:
                return begin, ts_from
            begin = ts_to
        return begin, self.ts_close

    def holds(self, ts: int) -> bool:
        """Whether the market trades at `ts`."""
        begin, end = self.period_at(ts)
        return begin <= ts < end

    def bar_bounds(self, timeframe: Timeframe, ts: int) -> tuple[int, int]:
        """Return `(ts_open, ts_close)` of the bar that holds `ts`, a time at which the market trades.

        Bars are anchored at the open of their period and the last is truncated at its end, so that no bar spans two
        sessions or a pause; `1d` is the whole of a session.
        """
        begin, end = (self.ts_open, self.ts_close) if timeframe.ns == DAY else self.period_at(ts)
        ts_open = ts - (ts - begin) % timeframe.ns
        return ts_open, min(ts_open + timeframe.ns, end)


class Quality(enum.StrEnum):
    """How much a bar can be trusted."""

    COMPLETE = "complete"
    SPARSE = "sparse"  # made of a single tick
    GAP = "gap"  # the feed was lost while it formed
    BACKFILLED = "backfilled"  # taken from history after a gap


class Depth(NamedTuple):
    """What is offered in the book, (price, units) a level, the best first."""

    bids: tuple[tuple[float, float], ...]
    asks: tuple[tuple[float, float], ...]


class Tick:
    """One print or quote of an instrument.

    `volume` is the volume of this print in units, 0 where the feed tells none; `bid` and `ask` are 0 where
    unknown, and so is the open interest `oi`; `depth` is there where the feed sends the book. A feed that tells
    cumulative day volume is turned into prints before this.
    """

    __slots__ = ("ask", "bid", "depth", "instrument", "oi", "price", "ts", "volume")

    def __init__(  # noqa: PLR0913 - hot object, described by the class
        self,
        instrument: str,
        ts: int,
        price: float,
        volume: float = 0.0,
        bid: float = 0.0,
        ask: float = 0.0,
        oi: float = 0.0,
        depth: Depth | None = None,
    ) -> None:
        self.instrument = instrument
        self.ts = ts
        self.price = price
        self.volume = volume
        self.bid = bid
        self.ask = ask
        self.oi = oi
        self.depth = depth

    def __repr__(self) -> str:
        return f"Tick({self.instrument!r}, {self.ts}, {self.price}, {self.volume})"


def way_through(  # noqa: PLR0913 - the parts of a bar
    ts_open: int, ts_close: int, open_: float, high: float, low: float, close: float
) -> tuple[tuple[int, float], ...]:
    """Return the assumed way through a bar after its opening, as (ts, price).

    The extreme nearer to the open after a third of its time, the other after two thirds, the close 1 ns before its end.
    """
    first, second = (high, low) if high - open_ < open_ - low else (low, high)
    width = ts_close - ts_open
    return (ts_open + width // 3, first), (ts_open + 2 * width // 3, second), (ts_close - 1, close)


class FoldedTick:
    """Waiting ticks of one instrument, made one by a full queue: bars stay exact, live values skip prices.

    `price` is the last price and `ts` its time; `open` the first, at `ts_first`; `volume` is summed, `count` says
    how many ticks it is. A fold never spans a boundary of the bars that are read.
    """

    __slots__ = (
        "ask", "bid", "count", "depth", "high", "instrument", "low", "oi", "open", "price", "ts", "ts_first", "volume",
    )  # fmt: skip
    bid: float
    ask: float
    oi: float
    depth: Depth | None

    def __init__(self, tick: Tick) -> None:
        self.instrument = tick.instrument
        self.ts = self.ts_first = tick.ts
        self.price = self.open = self.high = self.low = tick.price
        self.volume = tick.volume
        self.count = 1
        self._quote(tick)

    def fold(self, tick: Tick | FoldedTick) -> None:
        """Take one more tick, or fold, in; a backward one adds its high, low and volume only."""
        low, high, count = (
            (tick.low, tick.high, tick.count) if isinstance(tick, FoldedTick) else (tick.price, tick.price, 1)
        )
        self.high = max(self.high, high)
        self.low = min(self.low, low)
        self.volume += tick.volume
        self.count += count
        if tick.ts >= self.ts:
            self.ts, self.price = tick.ts, tick.price
            self._quote(tick)

    def _quote(self, tick: Tick | FoldedTick) -> None:
        self.bid, self.ask, self.oi, self.depth = tick.bid, tick.ask, tick.oi, tick.depth

    def __repr__(self) -> str:
        return f"FoldedTick({self.instrument!r}, {self.ts}, {self.price}, n={self.count})"


class Bar:
    """Prices of one interval `[ts_open, ts_close)`, stamped with its open; as an event it happens at `ts_close`."""

    __slots__ = (
        "close", "high", "instrument", "low", "open", "quality",
        "tick_count", "timeframe", "ts_close", "ts_open", "volume",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - hot object, described by the class
        self,
        instrument: str,
        timeframe: Timeframe,
        ts_open: int,
        ts_close: int,
        open: float,  # noqa: A002 - the field's own word
        high: float,
        low: float,
        close: float,
        volume: float = 0.0,
        tick_count: int = 0,
        quality: Quality = Quality.COMPLETE,
    ) -> None:
        self.instrument = instrument
        self.timeframe = timeframe
        self.ts_open = ts_open
        self.ts_close = ts_close
        self.open = open
        self.high = high
        self.low = low
        self.close = close
        self.volume = volume
        self.tick_count = tick_count
        self.quality = quality

    @property
    def ts(self) -> int:
        """When the bar happens as an event: at its close."""
        return self.ts_close

    def __repr__(self) -> str:
        ohlc = f"{self.open} {self.high} {self.low} {self.close}"
        return f"Bar({self.instrument!r}, {self.timeframe}, {self.ts_open}, {ohlc}, v={self.volume})"
