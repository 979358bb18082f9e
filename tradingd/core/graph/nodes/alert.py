"""The alert node: tells a person, with the market as it is; it touches no position."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradingd.core.graph.nodes.node import Node
from tradingd.model.trading import AlertKind

if TYPE_CHECKING:
    from tradingd.core.graph.document import AlertNode as AlertSpec
    from tradingd.core.graph.plan import Plan
    from tradingd.core.graph.strategy import StrategyRuntime


class AlertNode(Node):
    """Publishes one alert when armed, at most one a bar; `suppressed` counts the others."""

    def __init__(self, spec: AlertSpec, plan: Plan) -> None:
        super().__init__(spec, plan)
        self.spec = spec
        self.bar = -1
        self.suppressed = 0

    def step(self, strategy: StrategyRuntime) -> bool:
        """Publish, then arm the children."""
        scope = self.scope
        strategy.disarm(self)
        bar = strategy.desk.bars()
        if bar == self.bar:
            self.suppressed += 1
            self.held(strategy, "one alert a bar")
        else:
            self.bar = bar
            self.gate = ""
            number = strategy.record(self, alert_generated=True)
            strategy.desk.alert(
                AlertKind.ALERT, self.id, self.spec.message, self.spec.type,
                strategy.operands_of(self.parent), cause=number,
            )  # fmt: skip
        strategy.arm_children(self, scope)
        return True
