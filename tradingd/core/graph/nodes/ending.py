"""The nodes that end something: the square-off ends the strategy for the session, the end a path.

An armed square-off is looked at before everything else at every instant: at its deadline, and where it goes by
profit or loss, whenever a price or a fill may have changed that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradingd.core.graph.nodes.node import Node
from tradingd.model.trading import AlertKind, AlertType

if TYPE_CHECKING:
    from tradingd.core.graph.document import SquareOff
    from tradingd.core.graph.nodes.exit import ExitNode
    from tradingd.core.graph.plan import Plan
    from tradingd.core.graph.strategy import StrategyRuntime


class SquareOffNode(Node):
    """Closes everything, if it is drawn to, and ends the strategy for the session."""

    def __init__(self, spec: SquareOff, plan: Plan) -> None:
        super().__init__(spec, plan)
        self.spec = spec
        self.closing: ExitNode | None = None
        self.at: int | None = None
        self._by_results = spec.profit is not None or spec.loss is not None
        if not (self._by_results or spec.immediate):
            self.stirs = lambda: False

    @property
    def eager(self) -> bool:  # type: ignore[override] # only results change with every price
        """Whether every market event is to be looked at."""
        return self._by_results

    def on_armed(self, strategy: StrategyRuntime, *, by_start: bool) -> None:  # noqa: ARG002 - the signature all share
        """Ask for the time it goes by."""
        self.on_session(strategy)

    def on_session(self, strategy: StrategyRuntime) -> None:
        """Ask for the time it goes by, in the session that is open."""
        self.at = None if self.spec.at is None else strategy.sight.time_of(self.spec.at)
        if self.at is not None:
            strategy.desk.wake(max(self.at, strategy.desk.now), self.id)

    def cannot_act(self, strategy: StrategyRuntime) -> str:
        """Return the gate that keeps it from being armed; empty where none does."""
        return "ended" if strategy.ended else ""

    def step(self, strategy: StrategyRuntime) -> bool:
        """End the strategy if a condition of this node holds."""
        why = self._why(strategy)
        if not why:
            return False
        number = strategy.record(self, ended=why)
        if self.spec.message:
            strategy.desk.alert(
                AlertKind.ALERT, self.id, self.spec.message, AlertType.WARNING, {}, cause=number
            )  # fmt: skip
        self.parent = number
        strategy.end(self.closing)
        return True

    def _why(self, strategy: StrategyRuntime) -> str:
        if self.spec.immediate:
            return "immediate"
        if self._by_results:
            pnl = strategy.sight.session_pnl()
            if self.spec.profit is not None and pnl >= self.spec.profit:
                return "profit"
            if self.spec.loss is not None and pnl <= -self.spec.loss:
                return "loss"
        return "time" if self.at is not None and strategy.time >= self.at else ""


class EndNode(Node):
    """Where a path is finished."""

    def step(self, strategy: StrategyRuntime) -> bool:
        """Leave a record."""
        strategy.disarm(self)
        strategy.record(self, finished=True)
        return True
