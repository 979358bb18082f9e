"""One instrument's market inside the engine, and the timeframes of it that strategies read.

A `Line` ties a bar builder to the values that its closed bars move; a `Feed` ties the lines of one instrument
to its last price and its session. They hold state and roll it over sessions; what happens when is the engine's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tradingd.core.bars import BarBuilder
from tradingd.model.errors import InvariantError
from tradingd.model.market import FOREVER

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tradingd.core.indicators.series import Series
    from tradingd.core.joint import Reader
    from tradingd.core.markets.sessions import Market
    from tradingd.model.instrument import Instrument
    from tradingd.model.market import Bar, FoldedTick, Tick, Timeframe, TradingSession


class Line:
    """One timeframe of a feed: its builder, its values, and the strategies that read them, in id order."""

    __slots__ = ("builder", "feed", "path", "series", "session", "strategies", "timeframe")

    def __init__(self, feed: Feed, timeframe: Timeframe, series: Series) -> None:
        self.feed = feed
        self.timeframe = timeframe
        self.series = series
        self.session: TradingSession | None = None
        self.builder = BarBuilder(feed.instrument.id, timeframe)
        self.path: BarBuilder | None = None
        self.strategies: list[Reader] = []

    def forming(self, now: int) -> Bar | None:
        """Return the bar that forms as it is, none before its first price."""
        builder = self.path or self.builder
        return builder.so_far() if now < builder.ts_end < FOREVER else None

    def move(self, ts: int, price: float) -> None:
        """Take a price inside a bar that comes whole, for those who read the bar that forms."""
        if self.path is None:
            self.path = BarBuilder(self.feed.instrument.id, self.timeframe)
        if self.session is not None:
            self.path.begin_session(self.session)
        if ts >= self.path.ts_end:
            self.path.close()
        self.path.add(ts, price, 0.0)

    def roll(self, session: TradingSession) -> None:
        """Anchor the indicators at a session's open, once."""
        if self.session is not session:
            self.session = session
            self.series.begin_session()

    def warm_up(self, bars: Iterable[Bar]) -> None:
        """Push closed bars of the past, oldest first; they cause no evaluation."""
        for bar in bars:
            session = self.feed.market.session_at(bar.ts_open, self.feed.instrument)
            if session is not None:
                self.roll(session)
                self.series.push(bar)
                self.builder.ts_closed = bar.ts_close


@dataclass(slots=True, eq=False)
class Feed:
    """One instrument's market: last price, session, and the timeframes read. `ts` is 0 before the first price.

    A `guarded` one is of an option, whose prices are looked at before they are used; `suspected` says that one was
    none, and that this was told. `[ts_open, ts_close)` is the period of the session that is on, all of it where it has
    no pause: nothing that is stamped outside gets in without a look at the market.
    """

    instrument: Instrument
    market: Market
    session: TradingSession | None = None
    ts_open: int = 0
    ts_close: int = 0
    price: float = 0.0
    ts: int = 0
    lines: list[Line] = field(default_factory=list)
    quote: Tick | FoldedTick | None = None
    traded: float = 0.0
    guarded: bool = field(init=False)
    suspected: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        """Find out whether a price of it can be told from an underlying's."""
        self.guarded = self.instrument.strike is not None

    @property
    def fresh(self) -> bool:
        """Whether the last price is of the session that is open, or ended at its very beginning."""
        return self.session is not None and self.ts >= self.session.ts_open

    def paused(self, ts: int) -> bool:
        """Whether the session that is on has a pause at `ts`."""
        session = self.session
        return session is not None and session.ts_open <= ts < session.ts_close and not session.holds(ts)

    def roll(self, session: TradingSession, ts: int) -> None:
        """Begin a session, or its period at `ts`: anchor bars and indicators."""
        self.session = session
        self.ts_open, self.ts_close = session.period_at(ts)
        for line in self.lines:
            line.builder.begin_session(session)
            line.roll(session)


class Feeds(dict[str, Feed]):
    """Feeds by the ids of their instruments; to ask for one that is not there is an error of its own."""

    def __missing__(self, instrument: str) -> Feed:
        """Say what was asked for, and what there is."""
        msg = f"there is no feed of {instrument}; there are {', '.join(self) or 'none'}"
        raise InvariantError(msg)
