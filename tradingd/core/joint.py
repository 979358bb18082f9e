"""Bar evaluations of a strategy that reads several lines: once a time, when the last bar due then has settled.

A bar has settled when it closed, or when its own instrument has told a price at or after its end, or when the grace is
over: then it was empty. Until then the evaluation waits, and the engine looks again at every event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradingd.core.engine import Engine
    from tradingd.core.feed import Line
    from tradingd.core.graph.strategy import StrategyRuntime
    from tradingd.core.sight import Sight


class Reader(Protocol):
    """Who is told that a line's bar has closed."""

    id: str

    def on_bar(self) -> None:
        """A bar has closed."""


class Joint:
    """The lines of one strategy; takes a strategy's place among the readers of each."""

    def __init__(self, engine: Engine, strategy: StrategyRuntime, sight: Sight, lines: Sequence[Line]) -> None:
        self.id = strategy.id
        self._engine = engine
        self._strategy = strategy
        self._sight = sight
        self._lines = tuple(lines)
        self._due = 0

    def on_bar(self) -> None:
        """A bar of one line has closed: evaluate, or wait for the others that are due."""
        self._due = max(self._due, self._sight.bar_end)
        self.settle()

    def settle(self) -> None:
        """Evaluate if every bar due has settled, else wait on."""
        waiting = frozenset(i for i, line in enumerate(self._lines) if not self._settled(line))
        self._sight.pending = waiting
        if waiting:
            self._engine.await_bars(self, {self._lines[i].feed.instrument.id for i in waiting}, self._due)
            return
        self._engine.waiting.pop(self.id, None)
        self._strategy.on_bar()

    def _settled(self, line: Line) -> bool:
        due, feed, session = self._due, line.feed, line.feed.session
        if session is None or not session.ts_open < due <= session.ts_close:
            return True
        if due < session.ts_close and (due - session.ts_open) % line.timeframe.ns:
            return True  # no bar of this width ends then
        if line.series.last is not None and line.series.last.ts_close >= due:
            return True
        return line.builder.ts_end > due and (feed.ts >= due or self._engine.over(due))
