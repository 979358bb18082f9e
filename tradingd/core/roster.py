"""Who trades: the strategies of an engine with their desks, and how one takes another's place.

A strategy whose document did not change keeps everything. One that changed or is not wanted any more goes on
until it is flat with nothing working; then its successor, built and warm since, takes over its books and its
session counters, by node id, so that a reload grants no new entry.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradingd.core.desk import Desk
from tradingd.core.feed import Line
from tradingd.core.graph.expressions import Candle, IndicatorValue
from tradingd.core.graph.strategy import StrategyRuntime
from tradingd.core.indicators.series import Series
from tradingd.core.joint import Joint
from tradingd.core.sight import Sight
from tradingd.model.errors import InvariantError
from tradingd.model.market import DAY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tradingd.core.engine import Engine
    from tradingd.core.feed import Feed
    from tradingd.core.graph.document import Watched
    from tradingd.core.graph.expressions import Operand
    from tradingd.core.graph.plan import Plan
    from tradingd.core.graph.trace import TraceRecord
    from tradingd.core.joint import Reader
    from tradingd.model.events import HistoryLoaded


@dataclass(slots=True, eq=False)
class Seat:
    """A strategy, its desk, the lines it reads, who is told of their bars, and the one it takes the place of."""

    strategy: StrategyRuntime
    desk: Desk
    lines: tuple[Line, ...]
    reader: Reader
    before: Seat | None = None

    def inherit(self) -> None:
        """Take over books and counters of the one before, once the new session state is set up."""
        if self.before is not None:
            self.strategy.inherit(self.before.strategy)
            self.desk.inherit(self.before.desk)


class Roster:
    """The strategies in id order. `pending` maps ids to the successor that waits, none for a mere removal."""

    def __init__(self, engine: Engine, on_trace: Callable[[TraceRecord], None] | None) -> None:
        self.strategies: list[StrategyRuntime] = []
        self.desks: dict[str, Desk] = {}
        self.by_id: dict[str, StrategyRuntime] = {}
        self.pending: dict[str, Seat | None] = {}
        self._seats: dict[str, Seat] = {}
        self._engine = engine
        self._on_trace = on_trace

    def build(self, plan: Plan, history: Sequence[HistoryLoaded] = ()) -> Seat:
        """Build a strategy on lines that are there and know its indicators, or on ones of its own, warmed up."""
        found: list[Line] = []
        fresh: list[Line] = []
        for i, watched in enumerate(plan.document.lines):
            feed = self._engine.feeds[watched.instrument]
            line = next((n for n in feed.lines if n.timeframe == watched.timeframe and self._known(plan, i, n)), None)
            if line is None:
                line = self._fresh(feed, watched)
                fresh.append(line)
            found.append(line)
        seat = self._seat(plan, found)
        for line in fresh:
            self._warm(line, history)
        return seat

    def _fresh(self, feed: Feed, watched: Watched) -> Line:
        anchor = self._engine.settings.indicators.anchor
        if anchor == "auto":
            anchor = "run" if feed.market.continuous else "session"
        return Line(feed, watched.timeframe, Series(feed.instrument.id, watched.timeframe, anchor))

    def _warm(self, fresh: Line, history: Sequence[HistoryLoaded]) -> None:
        """Let a new line catch up with the bars that were, and with the bar that forms."""
        feed = fresh.feed
        sibling = next((line for line in feed.lines if line.timeframe == fresh.timeframe), None)
        for loaded in history:
            if loaded.instrument == feed.instrument.id and loaded.timeframe == fresh.timeframe:
                fresh.warm_up(loaded.bars)
        if feed.session is not None:
            fresh.roll(feed.session)
            if sibling is not None:
                fresh.builder = copy.copy(sibling.builder)
            else:
                fresh.builder.begin_session(feed.session)
                fresh.builder.mark_gap()  # the bar that forms began before we listened
        feed.lines.append(fresh)
        feed.lines.sort(key=lambda line: line.timeframe)

    def add(self, seat: Seat) -> None:
        """Let a strategy take its place in the order of ids."""
        strategy = seat.strategy
        if strategy.id in self.by_id:
            msg = f"two strategies have the id {strategy.id!r}"
            raise InvariantError(msg)
        self.strategies.append(strategy)
        self.strategies.sort(key=lambda s: s.id)
        self.by_id[strategy.id], self.desks[strategy.id], self._seats[strategy.id] = strategy, seat.desk, seat
        for line in dict.fromkeys(seat.lines):
            line.strategies.append(seat.reader)
            line.strategies.sort(key=lambda s: s.id)
        self._engine.paths = self._engine.paths or strategy.plan.moving
        if strategy.plan.quoting:
            self._engine.read_quotes()

    def want(self, plans: Iterable[Plan], history: Sequence[HistoryLoaded]) -> None:
        """Say which strategies are wanted from here on; an earlier wish that still waits is forgotten."""
        wanted = {p.document.id: p for p in plans}
        self.pending.clear()
        for name in sorted(wanted.keys() | self.by_id.keys()):
            plan, running = wanted.get(name), self.by_id.get(name)
            if plan is None:
                self.pending[name] = None
            elif running is None or running.plan.document.hash != plan.document.hash:
                self.pending[name] = self.build(plan, history)
        self._sweep()

    def switch(self) -> list[Seat]:
        """Put those in their places whose predecessors are flat with nothing working; return them."""
        begun = []
        for name, seat in tuple(self.pending.items()):
            before = self._seats.get(name)
            if before is not None and not before.strategy.idle:
                continue
            del self.pending[name]
            if before is not None:
                self._remove(before)
            if seat is None:
                continue
            seat.before = before
            self.add(seat)
            begun.append(seat)
        self._sweep()
        return begun

    def _remove(self, seat: Seat) -> None:
        self.strategies.remove(seat.strategy)
        for line in dict.fromkeys(seat.lines):
            line.strategies.remove(seat.reader)
        self._engine.waiting.pop(seat.strategy.id, None)
        del self.by_id[seat.strategy.id], self.desks[seat.strategy.id], self._seats[seat.strategy.id]

    def _sweep(self) -> None:
        """Drop lines that nobody reads or is about to read."""
        awaited = {id(line) for seat in self.pending.values() if seat is not None for line in seat.lines}
        for feed in self._engine.feeds.values():
            feed.lines[:] = [line for line in feed.lines if line.strategies or id(line) in awaited]

    def _known(self, plan: Plan, i: int, line: Line) -> bool:
        """Whether a line's series can serve the plan: nothing pushed yet, or everything declared already."""
        declared = dict(plan.document.lines[i].indicators)
        if line.series.count == 0:
            return True
        deep = _bars_a_session(line)
        return all(line.series.serves(name, "", deep) for name in plan.searched.get(i, ())) and all(
            line.series.serves(o.field, "", back)
            if isinstance(o, Candle)
            else line.series.serves(declared[o.key], o.output, back)
            for o, back in plan.needs(i)
        )

    def _seat(self, plan: Plan, lines: Sequence[Line]) -> Seat:
        document = plan.document
        lists: dict[Operand, list[float]] = {}
        history: dict[tuple[int, str], list[float]] = {}
        for i, line in enumerate(lines):
            declared = dict(document.lines[i].indicators)
            for operand, back in plan.needs(i):
                if isinstance(operand, Candle):
                    values = line.series.column(operand.field, max(back, 0))
                else:
                    values = line.series.indicator(declared[operand.key], operand.output, max(back, 0))
                if operand.back >= 0:
                    lists[operand] = values
            for name in sorted(plan.searched.get(i, ())):
                history[i, name] = line.series.column(name, _bars_a_session(line))
        slots = [(leg.vpi, leg.tag) for leg in document.legs]
        desk = Desk(self._engine, document, lines[0], list(lists.values()), slots)
        desk.indicators = {plan.columns[o]: v for o, v in lists.items() if isinstance(o, IndicatorValue)}
        desk.sight = Sight(self._engine, document, lines, desk)
        incomplete = self._engine.settings.orders.incomplete_entry
        tick_size = float(lines[0].feed.instrument.tick_size)
        strategy = StrategyRuntime(
            plan, desk, desk.sight, lists, tick_size, close_incomplete=incomplete == "close", on_trace=self._on_trace,
            history=history,
        )  # fmt: skip
        reader = strategy if len(lines) == 1 else Joint(self._engine, strategy, desk.sight, lines)
        return Seat(strategy, desk, tuple(lines), reader)


def _bars_a_session(line: Line) -> int:
    """Return how many bars a session can have at most."""
    return DAY // line.timeframe.ns + 1
