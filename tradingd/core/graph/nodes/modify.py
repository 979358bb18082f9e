"""The modify node: sets where a position is closed by its price, and touches no order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradingd.core.graph.nodes.node import Node

if TYPE_CHECKING:
    from tradingd.core.graph.document import Modify
    from tradingd.core.graph.plan import Plan
    from tradingd.core.graph.strategy import StrategyRuntime


class ModifyNode(Node):
    """Changes the guard of one slot while a position is open in it."""

    def __init__(self, spec: Modify, plan: Plan) -> None:
        super().__init__(spec, plan)
        self.spec = spec

    def cannot_act(self, strategy: StrategyRuntime) -> str:
        """Return the gate that keeps it from acting now; empty where it can."""
        return "" if strategy.slot(self.spec.vpi).open else "nothing to modify"

    def step(self, strategy: StrategyRuntime) -> bool:
        """Set the levels, then arm the children; where nothing is open, say so."""
        scope = self.scope
        strategy.disarm(self)
        gate = self.cannot_act(strategy)
        if gate:
            self.held(strategy, gate)
        else:
            self.gate = ""
            self.parent = strategy.record(self, position_modified=self.spec.vpi)
            strategy.guard(self.spec.vpi, self.spec.protection)
        strategy.arm_children(self, scope)
        return True
