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
import functools
import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tradingd.core.bars import LATE, OPENED
from tradingd.core.clearing import Clearing
from tradingd.core.feed import Feed, Feeds, Line
from tradingd.core.markets.sessions import market
from tradingd.core.roster import Roster
from tradingd.model.errors import InvariantError
from tradingd.model.events import (
    BarMoved,
    BarOpened,
    Deadline,
    FeedGap,
    FlattenRequested,
    HistoryLoaded,
    Pulse,
    StrategiesReplaced,
)
from tradingd.model.market import FOREVER, SECOND, Bar, FoldedTick, Tick, Timeframe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tradingd.core.account import Row
    from tradingd.core.graph.document import Document
    from tradingd.core.graph.plan import Plan
    from tradingd.core.graph.strategy import StrategyRuntime
    from tradingd.core.graph.trace import TraceRecord
    from tradingd.core.joint import Joint
    from tradingd.core.markets.contracts import Contracts
    from tradingd.core.markets.sessions import Market
    from tradingd.core.performance import EquityCurve
    from tradingd.core.settings import CoreSettings
    from tradingd.model.commands import Command
    from tradingd.model.events import Event
    from tradingd.model.instrument import Instrument
    from tradingd.model.market import TradingSession

NOTHING: tuple[Command, ...] = ()

# Deadlines of one time go in this order; ties by name.
_BAR, _OPEN, _START, _CLEARING, _SQUARE_OFF, _WAKE = range(6)


@dataclass(slots=True)
class Counts:
    """What was met and is not normal: ticks of closed bars, ticks outside sessions, prices no option can have."""

    late: int = 0
    outside_session: int = 0
    quarantined: int = 0


class Engine:
    """All strategies of one account, over one stream of events.

    `instruments` are those there is market data for; `contracts` what options and futures are resolved
    against. Trading begins with the first bar that opens at or after `trade_from` (ns); what comes earlier warms
    up. `load` turns a document's text into a plan, for strategies that come later. `curve` is marked at every
    bar that closes from then on; `on_trace` is called with every trace record, `on_ledger` with every row of the
    account's ledger.

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
        on_ledger: Callable[[Row], None] | None = None,
    ) -> None:
        """Build the line; nothing happens before the first event."""
        self.settings = settings
        self.contracts = contracts
        self.now = 0
        self.next_deadline = FOREVER
        self.out: list[Command] = []
        self.counts = Counts()
        self.market = functools.partial(market, calendar=settings.calendar)
        self.feeds = Feeds((i.id, Feed(i, self.market(i.exchange))) for i in instruments)
        self._deadlines: list[tuple[int, int, str, str]] = []
        self.clearing = Clearing(self, self._ask_clearing, on_ledger)
        self.roster = Roster(self, on_trace)
        self.strategies, self.desks = self.roster.strategies, self.roster.desks
        self._load = load
        self._trade_from = trade_from
        self._curve = curve
        self._curve_until = 0
        self._grace = settings.bars.bar_grace_ms * SECOND // 1000
        self._begun = False
        self._watched: set[str] = set()
        self._open: dict[str, TradingSession] = {}
        self.eager = False
        self.quoting = self.paths = False
        self.waiting: dict[str, Joint] = {}
        self._cash = float(settings.simulation.starting_cash)
        self._held: list[tuple[float, Feed]] = []
        for plan in sorted(plans, key=lambda p: p.document.id):
            self.roster.add(self.roster.build(plan))
        self._steps: dict[type, Callable[[Any], None]] = {
            Tick: self._on_tick, FoldedTick: self._on_fold, Bar: self._on_bar, BarOpened: self._on_open,
            BarMoved: self._on_move, Pulse: self._on_pulse,
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
            self.clearing.on_report(event)  # type: ignore[arg-type] # all that is left of the union
        return self._said() if self.out else NOTHING

    def step_bar(self, bar: Bar) -> tuple[Command, ...]:
        """Take a bar in: `step`, for rows of bars of which there are many, once something else was stepped."""
        ts = bar.ts_close
        if ts > self.now:  # noqa: PLR1730 - as in `step`
            self.now = ts
        self._on_bar(bar)
        return self._said() if self.out else NOTHING

    def _said(self) -> tuple[Command, ...]:
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
        if (feed.guarded and self.clearing.quarantined(feed, tick.price)) or (
            not feed.ts_open <= ts < feed.ts_close and not self._rolled(feed, ts)
        ):
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
        if (feed.guarded and self.clearing.quarantined(feed, tick.price)) or (
            not feed.ts_open <= ts < feed.ts_close and not self._rolled(feed, ts)
        ):
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
        if (feed.guarded and self.clearing.quarantined(feed, event.price)) or (
            not feed.ts_open <= ts < feed.ts_close and not self._rolled(feed, ts)
        ):
            return
        feed.price, feed.ts = event.price, ts
        for line in feed.lines:
            if ts >= line.builder.ts_end:
                self._close_lines(feed, ts)
                break
        if self.quoting:
            self._form(feed, ts, event.price)
        if self.eager:
            self._tell(feed)

    def _on_move(self, event: BarMoved) -> None:
        """Take a price on the way through a bar, for those who look inside bars; the bar itself is yet to come."""
        feed = self.feeds[event.instrument]
        ts = event.ts
        if not feed.ts_open <= ts < feed.ts_close or (feed.guarded and self.clearing.quarantined(feed, event.price)):
            return
        feed.price, feed.ts = event.price, ts
        if self.quoting:
            self._form(feed, ts, event.price)
        for strategy in self.strategies:
            if strategy.eager and strategy.plan.moving:
                strategy.on_market(event.instrument)

    def _form(self, feed: Feed, ts: int, price: float) -> None:
        for line in feed.lines:
            line.move(ts, price)

    def _on_pulse(self, event: Pulse) -> None:
        for strategy in self.strategies:
            strategy.on_pulse(event.name)

    def read_quotes(self) -> None:
        """Some strategy reads more of a tick than its price: keep it."""
        self.quoting = True
        self._steps[Tick] = functools.partial(self._on_quote, self._on_tick)
        self._steps[FoldedTick] = functools.partial(self._on_quote, self._on_fold)

    def _on_quote(self, then: Callable[[Any], None], tick: Tick | FoldedTick) -> None:
        feed = self.feeds[tick.instrument]
        if tick.ts >= feed.ts:
            feed.quote = tick
        if feed.session is None or tick.ts >= feed.session.ts_close:
            feed.traded = 0.0
        feed.traded += tick.volume
        then(tick)

    def _tell(self, feed: Feed) -> None:
        """Give the market event to the strategies that wait for one."""
        for joint in tuple(self.waiting.values()):
            joint.settle()
        for strategy in self.strategies:
            if strategy.eager and (not strategy.starting or self.desks[strategy.id].feed is feed):
                strategy.on_market(feed.instrument.id)

    # --- several lines ---------------------------------------------------------------------------------------

    def over(self, ts: int) -> bool:
        """Whether the time in which a bar that ended at `ts` may still get a tick is over."""
        return self.now >= ts + self._grace

    def await_bars(self, joint: Joint, instruments: Iterable[str], due: int) -> None:
        """Look again at every event until bars that ended at `due` have settled, at the latest after the grace."""
        if joint.id not in self.waiting:
            self.waiting[joint.id] = joint
            self.waiting = dict(sorted(self.waiting.items()))
            self.eager = True
            for name in sorted(instruments):
                self._ask(due + self._grace, _BAR, name)

    def _on_bar(self, bar: Bar) -> None:
        feed = self.feeds[bar.instrument]
        if feed.guarded and self.clearing.quarantined(feed, bar.close):
            return
        if not feed.ts_open <= bar.ts_open < feed.ts_close:
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
        readers = dict.fromkeys(reader for line in trading for reader in line.strategies)
        for reader in sorted(readers, key=lambda r: r.id):
            reader.on_bar()

    def _rolled(self, feed: Feed, ts: int) -> bool:
        """Begin the session, or the period after a pause, that contains `ts`; count the event where there is none."""
        session = feed.market.session_at(ts, feed.instrument)
        if session is None:
            self.counts.outside_session += 1
            return False
        if feed.session is not None and session.ts_open < feed.session.ts_open:
            self.counts.late += 1
            return False
        self._close_lines(feed, ts)
        feed.roll(session, ts)
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
            self.clearing.derived.forget(instrument.id)
            feed = self.feeds.setdefault(instrument.id, Feed(instrument, self.market(instrument.exchange)))
            self._watch(feed.market, self.now)
        self.roster.want([self._load(source) for source in event.sources], event.history)
        self._switch()

    def _on_flatten(self, event: FlattenRequested) -> None:
        strategy = self.roster.by_id.get(event.strategy)
        if strategy is None:
            msg = (
                f"no strategy {event.strategy!r} runs that could be flattened; running: {', '.join(self.roster.by_id)}"
            )
            raise InvariantError(msg)
        strategy.on_flatten()

    def switch(self) -> None:
        """Let a reload go on, where one waits for strategies to be flat."""
        if self.roster.pending:
            self._switch()

    def _switch(self) -> None:
        """Let those successors begin whose predecessors are flat by now, in the session that is open."""
        for seat in self.roster.switch():
            session = self._open.get(seat.desk.feed.market.name)
            if session is not None and self.now < session.ts_close:
                self._start_one(seat.strategy, session, self.now)
            seat.inherit()
        self.recount()

    def _on_gap(self, event: FeedGap) -> None:
        feed = self.feeds[event.instrument]
        self._close_lines(feed, event.ts)  # what has ended is whole: the hole is in what comes
        for line in feed.lines:
            line.builder.mark_gap()

    # --- deadlines -------------------------------------------------------------------------------------------

    def wake(self, ts: int, strategy: str, node: str) -> None:
        """Have a node of a strategy woken at `ts`."""
        self._ask(ts, _WAKE, strategy, node)

    def _ask_clearing(self, ts: int, name: str, what: str) -> None:
        self._ask(ts, _CLEARING, name, what)

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
                for joint in tuple(self.waiting.values()):
                    joint.settle()
            elif kind == _OPEN:
                self._open_session(self.market(name), due)
            elif kind == _START:
                self._start(self.market(name), due)
            elif kind == _CLEARING:
                self.clearing.on_time(due, name, node)
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
                own = venue.session_on(session.date, feed.instrument)
                if feed.market is venue and own is not None and feed.session is not own:
                    feed.roll(own, ts)
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
        desk.redate(session.date)
        until = self._square_off(document, desk.feed, session.date)
        if document.intraday and until is not None and until <= ts:
            return
        if strategy.begin_session():
            desk.begin_session()
        if document.squared_off and until is not None:
            self._ask(until, _SQUARE_OFF, strategy.id)

    def _square_off(self, document: Document, feed: Feed, date: dt.date) -> int | None:
        """Return when a strategy's intraday positions are closed out: when it is drawn to, else as the settings say."""
        text = self.settings.session.intraday_exit
        session = feed.market.session_on(date, feed.instrument)
        if document.square_offs and session is not None:
            return min(self.desks[document.id].sight.time_of(clock) for clock in document.square_offs)
        if text == "none" or session is None:
            return None
        if ":" not in text:
            return session.ts_close - Timeframe.parse(text).ns
        at = feed.market.ts_of(date, dt.time.fromisoformat(text))
        return at if session.ts_open < at < session.ts_close else session.ts_close - Timeframe.parse("15m").ns

    # --- equity ----------------------------------------------------------------------------------------------

    def recount(self) -> None:
        """Money moved: look again at the cash, and at what is held."""
        self._cash = float(self.clearing.account.cash)
        self._held = [(weight, self.feeds[name]) for d in self.desks.values() for weight, name in d.exposure]

    def _mark(self, curve: EquityCurve, ts: int) -> None:
        if ts > self._curve_until:
            if self._curve_until:
                curve.end_session()
            venue = next(iter(self.feeds.values())).market
            self._curve_until = venue.session_from(ts - 1).ts_close
        equity, held = self._cash, self._held  # `equity`, spelled out for every bar
        for weight, feed in held:
            equity += weight * feed.price
        curve.mark(ts, equity, bool(held))

    @property
    def equity(self) -> float:
        """Cash, and open positions at the last price."""
        equity = self._cash
        for weight, feed in self._held:
            equity += weight * feed.price
        return equity
