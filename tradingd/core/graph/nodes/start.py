"""The start node: arms its children once a session, when the strategy has a price and is warm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradingd.core.graph.nodes.node import Node

if TYPE_CHECKING:
    from tradingd.core.graph.strategy import StrategyRuntime


class StartNode(Node):
    """Armed at the session's open; acts at the first evaluation with warm-up done and a price of the session."""

    def step(self, strategy: StrategyRuntime) -> bool:
        """Arm the children when ready; signals among them wait for their next bar."""
        if strategy.reporting:
            return False
        if not strategy.desk.ready():
            return self.held(strategy, "warm-up")
        strategy.disarm(self)
        strategy.arm_children(self, None, by_start=True)
        return True
