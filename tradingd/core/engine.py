"""The line: one event in, the commands it causes out.

    market event -> bars -> values -> strategies -> intents -> orders
    order report -> orders -> positions -> strategies -> ...

`Engine.step` is the whole of it, synchronous, without clock or I/O: market time is the running maximum of
event times, and what must happen at a time is asked for through `next_deadline`, which the caller answers
with a `Deadline` event before the first event at or after it. Strategies take an event in the order of their
ids, each finishing before the next begins.
"""

from __future__ import annotations

import datetime as dt
import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tradingd.core.bars import FOREVER, LATE, OPENED
from tradingd.core.feed import Feed, Line
from tradingd.core.markets.sessions import market
from tradingd.core.roster import Roster
from tradingd.model.errors import InvariantError
from tradingd.model.events import (
    BarOpened,
    Deadline,
    FeedGap,
    FlattenRequested,
    HistoryLoaded,
    OrderAccepted,
    OrderFilled,
    StrategiesReplaced,
)
from tradingd.model.market import SECOND, Bar, FoldedTick, Tick, Timeframe
from tradingd.model.trading import ZERO, AlertKind, AlertType, Order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tradingd.core.desk import Desk
    from tradingd.core.graph.plan import Plan
    from tradingd.core.graph.strategy import StrategyRuntime
    from tradingd.core.graph.trace import TraceRecord
    from tradingd.core.markets.contracts import Contracts
    from tradingd.core.markets.sessions import Market
    from tradingd.core.performance import EquityCurve
    from tradingd.core.settings import CoreSettings
    from tradingd.model.commands import Command
    from tradingd.model.events import Event, OrderReport
    from tradingd.model.instrument import Instrument
    from tradingd.model.market import TradingSession

NOTHING: tuple[Command, ...] = ()

# Deadlines of one time go in this order; ties by name.
_BAR, _OPEN, _START, _SQUARE_OFF, _WAKE = range(5)


@dataclass(slots=True)
class Counts:
    """What was met and is not normal: ticks of closed bars, ticks outside sessions."""

    late: int = 0
    outside_session: int = 0


class Engine:
    """All strategies of one account, over one stream of events.

    `instruments` are those there is market data for; `contracts` what options and futures are resolved
    against. Trading begins with the first bar that opens at or after `trade_from` (ns); what comes earlier warms
    up. `load` turns a document's text into a plan, for strategies that come later. `curve` is marked at every
    bar that closes from then on; `on_trace` is called with every trace record.

    Raises:
        InvariantError: an event contradicts the engine's state.
    """

    def __init__(  # noqa: PLR0913 - all that makes two engines differ
        self,
        plans: Iterable[Plan],
        instruments: Iterable[Instrument],
        contracts: Contracts,
        settings: CoreSettings,
        *,
        trade_from: int = 0,
        load: Callable[[str], Plan] | None = None,
        curve: EquityCurve | None = None,
        on_trace: Callable[[TraceRecord], None] | None = None,
    ) -> None:
        """Build the line; nothing happens before the first event."""
        self.settings = settings
        self.contracts = contracts
        self.now = 0
        self.next_deadline = FOREVER
        self.out: list[Command] = []
        self.counts = Counts()
        self.feeds = {i.id: Feed(i, market(i.exchange)) for i in instruments}
        self.roster = Roster(self, on_trace)
        self.strategies, self.desks = self.roster.strategies, self.roster.desks
        self._load = load
        self._trade_from = trade_from
        self._curve = curve
        self._curve_until = 0
        self._grace = settings.bars.bar_grace_ms * SECOND // 1000
        self._owners: dict[str, Desk] = {}
        self._deadlines: list[tuple[int, int, str, str]] = []
        self._begun = False
        self._watched: set[str] = set()
        self._open: dict[str, TradingSession] = {}
        self.eager = False
        self._cash = float(settings.simulation.starting_cash)
        self._held: list[tuple[float, Feed]] = []
        for plan in sorted(plans, key=lambda p: p.document.id):
            self.roster.add(self.roster.build(plan))
        self._steps: dict[type, Callable[[Any], None]] = {
            Tick: self._on_tick, FoldedTick: self._on_fold, Bar: self._on_bar, BarOpened: self._on_open,
            Deadline: self._on_deadline, HistoryLoaded: self._on_history, FeedGap: self._on_gap,
            StrategiesReplaced: self._on_replaced, FlattenRequested: self._on_flatten,
        }  # fmt: skip

    # --- the step --------------------------------------------------------------------------------------------

    def step(self, event: Event) -> tuple[Command, ...]:
        """Take one event in; return the commands it causes, the shared empty tuple where there are none."""
        ts = event.ts
        if ts > self.now:  # noqa: PLR1730 - max() costs as much as the rest of the step
            self.now = ts
        if not self._begun:
            self._begin(ts)
        on_event = self._steps.get(event.__class__)
        if on_event is not None:
            on_event(event)
        else:
            self._on_report(event)  # type: ignore[arg-type] # all that is left of the union
        if not self.out:
            return NOTHING
        commands = tuple(self.out)
        self.out.clear()
        return commands

    def _begin(self, ts: int) -> None:
        """Ask for the sessions to be opened, on the first event; what is due already happens now."""
        self._begun = True
        for feed in self.feeds.values():
            self._watch(feed.market, ts)
        self._due(ts)

    def _watch(self, venue: Market, ts: int) -> None:
        """Ask for the sessions of a venue, from the one on that is open at `ts` or opens next."""
        if venue.name not in self._watched:
            self._watched.add(venue.name)
            self._ask(venue.session_from(ts).ts_open, _OPEN, venue.name)

    # --- market events ---------------------------------------------------------------------------------------

    def _on_tick(self, tick: Tick) -> None:
        feed = self.feeds[tick.instrument]
        ts = tick.ts
        session = feed.session
        if (session is None or not session.ts_open <= ts < session.ts_close) and not self._rolled(feed, ts):
            return
        if ts >= feed.ts:
            feed.price, feed.ts = tick.price, ts
        late = False
        for line in feed.lines:
            if ts >= line.builder.ts_end:
                self._close_lines(feed, ts)
                break
        for line in feed.lines:
            outcome = line.builder.add(ts, tick.price, tick.volume)
            if outcome == OPENED:
                self._ask(line.builder.ts_end + self._grace, _BAR, tick.instrument)
            elif outcome == LATE:
                late = True
        if late:
            self.counts.late += 1
        if self.eager:
            self._tell(feed)

    def _on_fold(self, tick: FoldedTick) -> None:
        feed = self.feeds[tick.instrument]
        ts = tick.ts
        session = feed.session
        if (session is None or not session.ts_open <= ts < session.ts_close) and not self._rolled(feed, ts):
            return
        if ts >= feed.ts:
            feed.price, feed.ts = tick.price, ts
        self._close_lines(feed, tick.ts_first)
        outcomes = [line.builder.add_fold(tick) for line in feed.lines]
        for line, outcome in zip(feed.lines, outcomes, strict=True):
            if outcome == OPENED:
                self._ask(line.builder.ts_end + self._grace, _BAR, tick.instrument)
        if LATE in outcomes:
            self.counts.late += tick.count
        if self.eager:
            self._tell(feed)

    def _on_open(self, event: BarOpened) -> None:
        feed = self.feeds[event.instrument]
        ts = event.ts
        session = feed.session
        if (session is None or not session.ts_open <= ts < session.ts_close) and not self._rolled(feed, ts):
            return
        feed.price, feed.ts = event.price, ts
        for line in feed.lines:
            if ts >= line.builder.ts_end:
                self._close_lines(feed, ts)
                break
        if self.eager:
            self._tell(feed)

    def _tell(self, feed: Feed) -> None:
        """Give the market event to the strategies that wait for one."""
        for strategy in self.strategies:
            if strategy.eager and (not strategy.starting or self.desks[strategy.id].feed is feed):
                strategy.on_market()

    def _on_bar(self, bar: Bar) -> None:
        feed = self.feeds[bar.instrument]
        session = feed.session
        if session is None or not session.ts_open <= bar.ts_open < session.ts_close:
            return  # its `BarOpened` was counted
        feed.price, feed.ts = bar.close, bar.ts_close
        if len(feed.lines) == 1 and feed.lines[0].timeframe is bar.timeframe:
            feed.lines[0].series.push(bar)
            self._evaluate(feed.lines, bar.ts_close)
            return
        closed = []
        for line in feed.lines:
            if line.timeframe == bar.timeframe:
                line.series.push(bar)
                closed.append(line)
                continue
            if line.builder.add_bar(bar) == OPENED:
                self._ask(line.builder.ts_end + self._grace, _BAR, bar.instrument)
            if bar.ts_close >= line.builder.ts_end:
                line.series.push(line.builder.close())
                closed.append(line)
        self._evaluate(closed, bar.ts_close)

    def _close_lines(self, feed: Feed, ts: int) -> None:
        """Close every bar of a feed that ended at or before `ts`, then evaluate."""
        closed = []
        for line in feed.lines:
            if ts >= line.builder.ts_end:
                line.series.push(line.builder.close())
                closed.append(line)
        if closed:
            self._evaluate(closed, ts)

    def _evaluate(self, closed: Sequence[Line], ts: int) -> None:
        """Mark equity and let the strategies that read the closed bars look at them, in id order."""
        if self._curve is not None and ts > self._trade_from:
            self._mark(self._curve, ts)
        if len(closed) == 1:
            if closed[0].series.last.ts_open >= self._trade_from:  # type: ignore[union-attr] # just pushed
                for strategy in closed[0].strategies:
                    strategy.on_bar()
            return
        trading = [line for line in closed if line.series.last.ts_open >= self._trade_from]  # type: ignore[union-attr]
        for strategy in sorted((s for line in trading for s in line.strategies), key=lambda s: s.id):
            strategy.on_bar()

    def _rolled(self, feed: Feed, ts: int) -> bool:
        """Begin the session that contains `ts`, at its first own event; count the event where there is none."""
        session = feed.market.session_at(ts)
        if session is None:
            self.counts.outside_session += 1
            return False
        if feed.session is not None and session.ts_open < feed.session.ts_open:
            self.counts.late += 1
            return False
        self._close_lines(feed, ts)
        feed.roll(session)
        return True

    def _on_history(self, event: HistoryLoaded) -> None:
        feed = self.feeds[event.instrument]
        for line in feed.lines:
            if line.timeframe == event.timeframe:
                line.warm_up(event.bars)
                if feed.session is not None:  # open before its history came
                    line.roll(feed.session)

    def _on_replaced(self, event: StrategiesReplaced) -> None:
        """Take the strategies that are wanted from here on; what is not flat yet goes on until it is."""
        if self._load is None:
            msg = "this engine was built without a way to load strategies"
            raise InvariantError(msg)
        for instrument in event.instruments:
            feed = self.feeds.setdefault(instrument.id, Feed(instrument, market(instrument.exchange)))
            self._watch(feed.market, self.now)
        self.roster.want([self._load(source) for source in event.sources], event.history)
        self._switch()

    def _on_flatten(self, event: FlattenRequested) -> None:
        self.roster.by_id[event.strategy].on_flatten()

    def _switch(self) -> None:
        """Let those successors begin whose predecessors are flat by now, in the session that is open."""
        for seat in self.roster.switch():
            session = self._open.get(seat.desk.feed.market.name)
            if session is not None and self.now < session.ts_close:
                self._start_one(seat.strategy, session, self.now)
            seat.inherit()
        self._recount()

    def _on_gap(self, event: FeedGap) -> None:
        feed = self.feeds[event.instrument]
        self._close_lines(feed, event.ts)  # what has ended is whole: the hole is in what comes
        for line in feed.lines:
            line.builder.mark_gap()

    # --- deadlines -------------------------------------------------------------------------------------------

    def wake(self, ts: int, strategy: str, node: str) -> None:
        """Have a node of a strategy woken at `ts`."""
        self._ask(ts, _WAKE, strategy, node)

    def _ask(self, ts: int, kind: int, name: str, node: str = "") -> None:
        heapq.heappush(self._deadlines, (ts, kind, name, node))
        self.next_deadline = self._deadlines[0][0]

    def _on_deadline(self, event: Deadline) -> None:
        self._due(event.ts)

    def _due(self, ts: int) -> None:
        while self._deadlines and self._deadlines[0][0] <= ts:
            due, kind, name, node = heapq.heappop(self._deadlines)
            self.next_deadline = self._deadlines[0][0] if self._deadlines else FOREVER
            if kind == _BAR:
                self._close_lines(self.feeds[name], due - self._grace)
            elif kind == _OPEN:
                self._open_session(market(name), due)
            elif kind == _START:
                self._start(market(name), due)
            elif name in self.roster.by_id:  # it may have been taken out since it asked
                strategy = self.roster.by_id[name]
                if kind == _SQUARE_OFF:
                    strategy.on_square_off()
                else:
                    strategy.on_wake(node)

    def _open_session(self, venue: Market, ts: int) -> None:
        """Anchor the venue's feeds, and let its strategies start: now, or when trading begins."""
        session = venue.session_from(ts)
        self._ask(venue.session_from(session.ts_close).ts_open, _OPEN, venue.name)
        if not venue.continuous:
            for feed in self.feeds.values():
                if feed.market is venue and feed.session is not session:
                    feed.roll(session)
        start = max(ts, self._trade_from)
        if start < session.ts_close:
            self._ask(start, _START, venue.name)

    def _start(self, venue: Market, ts: int) -> None:
        """Begin the session of the venue's strategies, unless their square-off has passed already."""
        session = self._open[venue.name] = venue.session_from(ts)
        for strategy in self.strategies:
            if self.desks[strategy.id].feed.market is venue:
                self._start_one(strategy, session, ts)

    def _start_one(self, strategy: StrategyRuntime, session: TradingSession, ts: int) -> None:
        desk, document = self.desks[strategy.id], strategy.plan.document
        until = self._square_off(desk.feed.market, session)
        if document.intraday and until is not None and until <= ts:
            return
        if strategy.begin_session():
            desk.begin_session()
        if document.squared_off and until is not None:
            self._ask(until, _SQUARE_OFF, strategy.id)

    def _square_off(self, venue: Market, session: TradingSession) -> int | None:
        """Return when intraday strategies are closed out: so long before the end, or at a time of day."""
        text = self.settings.session.intraday_exit
        if text == "none":
            return None
        if ":" not in text:
            return session.ts_close - Timeframe.parse(text).ns
        at = venue.ts_of(session.date, dt.time.fromisoformat(text))
        return at if session.ts_open < at < session.ts_close else session.ts_close - Timeframe.parse("15m").ns

    # --- order reports ---------------------------------------------------------------------------------------

    def send(self, command: Command, order: Order, desk: Desk) -> None:
        """Let an order go out, and remember whose it is."""
        self._owners[order.id] = desk
        self.out.append(command)

    def _on_report(self, report: OrderReport) -> None:
        desk = self._owners.get(report.order)
        order = desk.book.apply(report) if desk is not None else None
        if desk is None or order is None:
            return
        filled = ZERO
        if isinstance(report, OrderFilled):
            filled = report.fill.quantity
            date = desk.feed.market.session_from(order.ts).date
            desk.positions.apply(order, report.fill, date)
            text = f"{order.purpose} {order.side} {filled:f} {order.instrument.symbol} at {report.fill.price:f}"
            desk.alert(AlertKind.FILL, order.node, text, AlertType.INFO, {}, cause=order.cause)
            self._recount()
        if order.id not in desk.book.working:
            desk.positions.on_final(order)
            del self._owners[order.id]
        if not isinstance(report, OrderAccepted):
            self.roster.by_id[order.strategy].on_report(order, filled)
            if self.roster.pending:
                self._switch()

    # --- equity ----------------------------------------------------------------------------------------------

    def _recount(self) -> None:
        self._cash = float(self.settings.simulation.starting_cash) + self.roster.retired_cash
        self._cash += sum(d.cash for d in self.desks.values())
        self._held = [(weight, self.feeds[name]) for d in self.desks.values() for weight, name in d.exposure]

    def _mark(self, curve: EquityCurve, ts: int) -> None:
        if ts > self._curve_until:
            if self._curve_until:
                curve.end_session()
            venue = next(iter(self.feeds.values())).market
            self._curve_until = venue.session_from(ts - 1).ts_close
        if self._held:
            curve.mark(ts, self.equity, True)  # noqa: FBT003 - positional, called on every bar
        else:
            curve.mark(ts, self._cash, False)  # noqa: FBT003

    @property
    def equity(self) -> float:
        """Cash, and open positions at the last price."""
        equity = self._cash
        for weight, feed in self._held:
            equity += weight * feed.price
        return equity
