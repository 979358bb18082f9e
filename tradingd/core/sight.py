"""What one strategy can see of its markets at a moment: prices, forming bars, times, and the session's P&L.

It is the engine's side of `graph.strategy.Sight`, as the desk is that of orders; it only looks, and what is not there
is NaN. Nothing in it is paid for by a strategy that reads closed bars alone.
"""

from __future__ import annotations

import datetime as dt
from math import nan
from typing import TYPE_CHECKING

from tradingd.model.trading import ZERO

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from tradingd.core.desk import Desk
    from tradingd.core.engine import Engine
    from tradingd.core.feed import Feed, Line
    from tradingd.core.graph.document import Clock, Document
    from tradingd.model.market import TradingSession
    from tradingd.model.trading import Position

NOTHING: frozenset[int] = frozenset()


class Sight:
    """The lines of one strategy, in the order of its document.

    `pending` are the lines of which a bar is over and not settled, while a bar evaluation waits for them.
    """

    def __init__(self, engine: Engine, document: Document, lines: Sequence[Line], desk: Desk) -> None:
        self.pending = NOTHING
        self._engine = engine
        self._indicators = [dict(watched.indicators) for watched in document.lines]
        self._lines = tuple(lines)
        self._feed = lines[0].feed
        self._desk = desk
        self._carried = ZERO

    def begin_session(self) -> None:
        """Count profit and loss from here."""
        self._carried = self._results()

    # --- times -----------------------------------------------------------------------------------------------

    @property
    def _session(self) -> TradingSession:
        return self._feed.session or self._feed.market.session_from(self._engine.now)

    @property
    def ts_open(self) -> int:
        """When the session opened."""
        return self._session.ts_open

    @property
    def bar_end(self) -> int:
        """When the bars ended that closed last."""
        return max(line.series.last.ts_close for line in self._lines if line.series.last is not None)

    def time_of_day(self, second: int) -> int:
        """Return a time of the session's day, in seconds after midnight, as ns UTC."""
        hours, rest = divmod(second, 3600)
        return self._feed.market.ts_of(self._session.date, dt.time(hours, rest // 60, rest % 60))

    def time_of(self, clock: Clock) -> int:
        """Return a time of the session as ns UTC."""
        if clock.second is not None:
            return self.time_of_day(clock.second)
        return self._session.ts_close - (clock.before_close or 0)

    # --- bars ------------------------------------------------------------------------------------------------

    def width(self, line: int) -> int:
        """Return the width of a line's bars, in ns."""
        return self._lines[line].timeframe.ns

    def bars_of(self, line: int) -> int:
        """Return how many bars of a line have closed."""
        return self._lines[line].series.count

    def unsettled(self) -> frozenset[int]:
        """Return the lines of which a bar is over and not settled."""
        return self.pending

    def forming(self, line: int, name: str) -> float:
        """Return a field of the bar that forms, NaN before its first tick."""
        bar = self._lines[line].forming(self._engine.now)
        return nan if bar is None else float(getattr(bar, name))

    def forming_indicator(self, line: int, key: str, output: str) -> float:
        """Return an indicator's value with the bar that forms as the last, NaN before its first tick."""
        bar = self._lines[line].forming(self._engine.now)
        return nan if bar is None else self._lines[line].series.peek(self._indicators[line][key], output, bar)

    # --- prices ----------------------------------------------------------------------------------------------

    def live(self, line: int, name: str) -> float:
        """Return a live figure of a line's instrument: ltp, bid, ask, oi, volume; NaN where unknown."""
        return _figure(self._lines[line].feed, name)

    def live_of(self, position: Position, name: str) -> float:
        """Return a live figure of what a position holds."""
        feed = self._engine.feeds.get(position.instrument.id)
        return nan if feed is None else _figure(feed, name)

    def session_pnl(self) -> Decimal:
        """Return the session's profit and loss, realized and unrealized, after charges."""
        return self._results() - self._carried

    def _results(self) -> Decimal:
        total = self._desk.positions.realized - self._desk.charges.total
        for position in self._desk.positions.open():
            feed = self._engine.feeds.get(position.instrument.id)
            total += position.pnl
            if feed is not None and feed.ts:
                held = position.quantity * position.side.sign * position.instrument.multiplier
                total += (position.instrument.price(feed.price) - position.entry_price) * held
        return total


def _figure(feed: Feed, name: str) -> float:
    if not feed.fresh:
        return nan
    if name == "ltp":
        return feed.price
    if name == "volume":
        return feed.traded
    quote = feed.quote
    return nan if quote is None or quote.ts < feed.ts_open else (float(getattr(quote, name)) or nan)
