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
from tradingd.core.graph.document import Candle, IndicatorValue
from tradingd.core.graph.strategy import StrategyRuntime
from tradingd.core.indicators.series import Series
from tradingd.model.errors import InvariantError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tradingd.core.engine import Engine
    from tradingd.core.graph.document import Operand
    from tradingd.core.graph.plan import Plan
    from tradingd.core.graph.trace import TraceRecord
    from tradingd.model.events import HistoryLoaded


@dataclass(slots=True, eq=False)
class Seat:
    """A strategy, its desk, the line it reads, and the one it takes the place of."""

    strategy: StrategyRuntime
    desk: Desk
    line: Line
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
        self.retired_cash = 0.0
        self._seats: dict[str, Seat] = {}
        self._engine = engine
        self._on_trace = on_trace

    def build(self, plan: Plan, history: Sequence[HistoryLoaded] = ()) -> Seat:
        """Build a strategy: on a line that is there and knows its indicators, else on one of its own, warmed up."""
        document = plan.document
        instrument = f"{document.exchange}:{document.symbol}"
        feed = self._engine.feeds[instrument]
        for line in feed.lines:
            if line.timeframe == document.timeframe and self._known(plan, line):
                return self._seat(plan, line)
        anchor = self._engine.settings.indicators.anchor
        if anchor == "auto":
            anchor = "run" if feed.market.continuous else "session"
        fresh = Line(feed, document.timeframe, Series(instrument, document.timeframe, anchor))
        seat = self._seat(plan, fresh)
        sibling = next((line for line in feed.lines if line.timeframe == document.timeframe), None)
        for loaded in history:
            if loaded.instrument == instrument and loaded.timeframe == document.timeframe:
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
        return seat

    def add(self, seat: Seat) -> None:
        """Let a strategy take its place in the order of ids."""
        strategy = seat.strategy
        if strategy.id in self.by_id:
            msg = f"two strategies have the id {strategy.id!r}"
            raise InvariantError(msg)
        self.strategies.append(strategy)
        self.strategies.sort(key=lambda s: s.id)
        self.by_id[strategy.id], self.desks[strategy.id], self._seats[strategy.id] = strategy, seat.desk, seat
        seat.line.strategies.append(strategy)
        seat.line.strategies.sort(key=lambda s: s.id)

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
                if before is not None:
                    self.retired_cash += before.desk.cash
                continue
            seat.before = before
            self.add(seat)
            begun.append(seat)
        self._sweep()
        return begun

    def _remove(self, seat: Seat) -> None:
        self.strategies.remove(seat.strategy)
        seat.line.strategies.remove(seat.strategy)
        del self.by_id[seat.strategy.id], self.desks[seat.strategy.id], self._seats[seat.strategy.id]

    def _sweep(self) -> None:
        """Drop lines that nobody reads or is about to read."""
        awaited = {id(seat.line) for seat in self.pending.values() if seat is not None}
        for feed in self._engine.feeds.values():
            feed.lines[:] = [line for line in feed.lines if line.strategies or id(line) in awaited]

    def _known(self, plan: Plan, line: Line) -> bool:
        """Whether the line's series can serve the plan: nothing pushed yet, or everything declared already."""
        declared = dict(plan.document.indicators)
        return line.series.count == 0 or all(
            line.series.serves(o.field, "", back)
            if isinstance(o, Candle)
            else line.series.serves(declared[o.key], o.output, back)
            for o, back in plan.look_back.items()
            if isinstance(o, Candle | IndicatorValue)
        )

    def _seat(self, plan: Plan, line: Line) -> Seat:
        document = plan.document
        declared = dict(document.indicators)
        lists: dict[Operand, list[float]] = {}
        for operand, back in plan.look_back.items():
            if isinstance(operand, Candle):
                lists[operand] = line.series.column(operand.field, back)
            elif isinstance(operand, IndicatorValue):
                lists[operand] = line.series.indicator(declared[operand.key], operand.output, back)
        slots = [(leg.vpi, leg.tag) for leg in document.legs]
        desk = Desk(self._engine, document, line, list(lists.values()), slots)
        desk.indicators = {plan.columns[o]: v for o, v in lists.items() if isinstance(o, IndicatorValue)}
        incomplete = self._engine.settings.orders.incomplete_entry
        tick_size = float(line.feed.instrument.tick_size)
        strategy = StrategyRuntime(
            plan, desk, lists, tick_size, close_incomplete=incomplete == "close", on_trace=self._on_trace
        )
        return Seat(strategy, desk, line)
