"""Engine and simulated exchange together: the sequencer of a backtest, in one synchronous object.

It answers the engine's deadlines before each event, matches the orders that were working before, lets the
engine take the event, and performs the commands, whose bytes it hashes. Where a contract has no market of its own,
its price as of an event goes before that event. Paper trading does the same with a feed in front and a journal
between; live has a broker in the simulator's place.
"""

from __future__ import annotations

import hashlib
from collections import deque
from typing import TYPE_CHECKING

from tradingd.model.commands import CancelOrder, ModifyOrder, SubmitOrder, canonical
from tradingd.model.events import BarMoved, BarOpened, Deadline
from tradingd.model.market import FOREVER, Bar, Tick, way_through

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tradingd.core.engine import Engine
    from tradingd.core.simulator import Simulator
    from tradingd.model.commands import Command
    from tradingd.model.events import Event, MarketEvent
    from tradingd.model.market import Timeframe


class Session:
    """One run: feed it market events in order, then `finish`.

    `on_event` is told of every event before the engine takes it, `on_command` of every command with its canonical
    bytes, in order.
    """

    def __init__(
        self,
        engine: Engine,
        simulator: Simulator,
        on_command: Callable[[Command, bytes], None] | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        self.engine = engine
        self.simulator = simulator
        self.commands = 0
        self._on_command = on_command
        self._take = engine.step if on_event is None else self._told(on_event)
        self._take_bar = engine.step_bar if on_event is None else self._take
        self._hash = hashlib.sha256()
        self._waiting: deque[Event] = deque()
        self._derived = engine.clearing.derived

    @property
    def decisions_sha256(self) -> str:
        """SHA-256 over the commands so far, one a line, in hex."""
        return self._hash.hexdigest()

    def step(self, event: MarketEvent) -> None:
        """Take one market event through deadlines, matching, engine and commands.

        A bar's inside lies before its end: orders meet it before the deadlines that fall on the end itself.
        """
        derived = self._derived
        if derived.contracts:
            if event.instrument in derived.contracts:
                return  # it was made here before, and recorded
            for tick in derived.ticks(event):
                self._market(tick)
        self._market(event)

    def _market(self, event: MarketEvent) -> None:
        engine, simulator = self.engine, self.simulator
        ts = event.ts
        inside = event.__class__ is Bar
        if engine.next_deadline <= ts - inside:
            self._until(ts - inside)
        if simulator.busy and self._matched(event, ts - inside):
            self._perform((), simulator.match(event))
        if inside and engine.next_deadline <= ts:
            self._until(ts)
        commands = self._take(event)
        if commands:
            self._perform(commands)

    def _matched(self, event: MarketEvent, ts: int) -> bool:
        """Whether orders meet an event: not in a pause, nor a price that is none."""
        feed = self.engine.feeds[event.instrument]
        if feed.paused(ts):
            return False
        price = event.close if isinstance(event, Bar) else event.price
        return not (feed.guarded and self.engine.clearing.implausible(feed, price))

    def advance(self, ts: int) -> None:
        """Market time has come to `ts` by a clock: let happen what is due."""
        if self.engine.next_deadline <= ts:
            self._until(ts)

    def tell(self, event: Event) -> None:
        """Take an event that is none of the market's: history, a lost feed, other strategies."""
        self.advance(event.ts)
        self._perform(self._take(event))

    def _told(self, on_event: Callable[[Event], None]) -> Callable[[Event], tuple[Command, ...]]:
        def take(event: Event) -> tuple[Command, ...]:
            on_event(event)
            return self.engine.step(event)

        return take

    def bars(
        self, instrument: str, timeframe: Timeframe, rows: Iterable[tuple[int, int, float, float, float, float, float]]
    ) -> None:
        """Take bars of one instrument, as (ts_open, ts_close, open, high, low, close, volume), in order.

        The same as an opening and a closing event for each; an opening that nobody waits for is not spelled out,
        since the bar that follows overwrites all it would change.
        """
        engine, simulator, step = self.engine, self.simulator, self.step
        feed = engine.feeds[instrument]
        take, out = self._take_bar, self._perform
        active = self._derived.active
        wider = [line.builder for line in feed.lines if line.timeframe != timeframe]
        for ts_open, ts_close, open_, high, low, close, volume in rows:
            if (
                engine.eager
                or engine.paths
                or simulator.busy
                or active
                or engine.next_deadline < ts_close
                or ts_open >= feed.ts_close
                or (wider and any(builder.ts_end <= ts_open for builder in wider))
            ):
                step(BarOpened(instrument, ts_open, open_))
            if engine.paths:
                for ts, price in way_through(ts_open, ts_close, open_, high, low, close):
                    step(BarMoved(instrument, ts, price))
            bar = Bar(instrument, timeframe, ts_open, ts_close, open_, high, low, close, volume)
            if simulator.busy or active or engine.next_deadline <= ts_close:
                step(bar)
            else:
                commands = take(bar)
                if commands:
                    out(commands)

    def ticks(self, instrument: str, rows: Iterable[tuple[int, float, float, float, float]]) -> None:
        """Take ticks of one instrument, as (ts, price, volume, bid, ask), in order.

        The same as an event for each. Between an event and the next deadline or end of a forming bar, where nobody
        waits for a price, all a tick can do is to be merged into those bars: then that is all that is done.
        """
        engine, simulator = self.engine, self.simulator
        feed = engine.feeds[instrument]
        builders = [line.builder for line in feed.lines]
        active = self._derived.active
        quiet_until = 0
        for ts, price, volume, bid, ask in rows:
            if engine.now <= ts < quiet_until:
                engine.now = feed.ts = ts
                feed.price = price
                for builder in builders:
                    builder.add(ts, price, volume)
                continue
            self.step(Tick(instrument, ts, price, volume, bid, ask))
            ends = [builder.ts_end for builder in builders]
            if engine.eager or simulator.busy or active or feed.guarded or not ends or max(ends) == FOREVER:
                quiet_until = 0
            else:
                quiet_until = min(engine.next_deadline, feed.ts_close, *ends)

    def finish(self) -> None:
        """The data are over: let the bars that still form come to their end, and what is due by then happen."""
        engine = self.engine
        ends = [line.builder.ts_end for feed in engine.feeds.values() for line in feed.lines]
        last = max((end for end in ends if end != FOREVER), default=engine.now)
        self._until(max(last, engine.now) + engine.settings.bars.bar_grace_ms * 1_000_000)

    def _until(self, ts: int) -> None:
        engine, simulator = self.engine, self.simulator
        while engine.next_deadline <= ts:
            deadline = Deadline(engine.next_deadline)
            if simulator.busy:
                self._perform((), simulator.match(deadline))
            self._perform(self._take(deadline))

    def _perform(self, commands: tuple[Command, ...], reports: Iterable[Event] = ()) -> None:
        """Perform commands, and take in what the exchange says about them, until it says no more."""
        waiting = self._waiting
        waiting.extend(reports)
        while True:
            for command in commands:
                content = canonical(command)
                self._hash.update(content)
                self._hash.update(b"\n")
                self.commands += 1
                if self._on_command is not None:
                    self._on_command(command, content)
                if isinstance(command, SubmitOrder):
                    waiting.extend(self.simulator.submit(command.order))
                elif isinstance(command, ModifyOrder):
                    self.simulator.modify(command.order, command.ts)
                elif isinstance(command, CancelOrder):
                    waiting.extend(self.simulator.cancel(command.order, command.ts))
            if not waiting:
                return
            commands = self._take(waiting.popleft())
