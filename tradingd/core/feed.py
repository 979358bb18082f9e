"""One instrument's market inside the engine, and the timeframes of it that strategies read.

A `Line` ties a bar builder to the values that its closed bars move; a `Feed` ties the lines of one instrument
to its last price and its session. They hold state and roll it over sessions; what happens when is the engine's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tradingd.core.bars import BarBuilder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tradingd.core.graph.strategy import StrategyRuntime
    from tradingd.core.indicators.series import Series
    from tradingd.core.markets.sessions import Market
    from tradingd.model.instrument import Instrument
    from tradingd.model.market import Bar, Timeframe, TradingSession


class Line:
    """One timeframe of a feed: its builder, its values, and the strategies that read them, in id order."""

    __slots__ = ("builder", "feed", "series", "session", "strategies", "timeframe")

    def __init__(self, feed: Feed, timeframe: Timeframe, series: Series) -> None:
        self.feed = feed
        self.timeframe = timeframe
        self.series = series
        self.session: TradingSession | None = None
        self.builder = BarBuilder(feed.instrument.id, timeframe)
        self.strategies: list[StrategyRuntime] = []

    def roll(self, session: TradingSession) -> None:
        """Anchor the indicators at a session's open, once."""
        if self.session is not session:
            self.session = session
            self.series.begin_session()

    def warm_up(self, bars: Iterable[Bar]) -> None:
        """Push closed bars of the past, oldest first; they cause no evaluation."""
        for bar in bars:
            session = self.feed.market.session_at(bar.ts_open)
            if session is not None:
                self.roll(session)
                self.series.push(bar)
                self.builder.ts_closed = bar.ts_close


@dataclass(slots=True, eq=False)
class Feed:
    """One instrument's market: last price, session, and the timeframes read. `ts` is 0 before the first price."""

    instrument: Instrument
    market: Market
    session: TradingSession | None = None
    price: float = 0.0
    ts: int = 0
    lines: list[Line] = field(default_factory=list)

    @property
    def fresh(self) -> bool:
        """Whether the last price is of the session that is open, or ended at its very beginning."""
        return self.session is not None and self.ts >= self.session.ts_open

    def roll(self, session: TradingSession) -> None:
        """Begin a session: anchor bars and indicators."""
        self.session = session
        for line in self.lines:
            line.builder.begin_session(session)
            line.roll(session)
