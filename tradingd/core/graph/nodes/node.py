"""What all running nodes share: a place in the order, a state, and the run they belong to.

A node is stepped at an instant only while it is armed, at most once an instant. It never touches another
node: it tells the strategy what it wants (arm my children, submit this order).
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tradingd.core.graph.document import Node as Spec
    from tradingd.core.graph.plan import Plan
    from tradingd.core.graph.strategy import Run, StrategyRuntime
    from tradingd.model.errors import Finding
    from tradingd.model.trading import Order


class State(enum.StrEnum):
    """Where a node stands."""

    IDLE = "idle"
    ARMED = "armed"
    WORKING = "working"


class Node:
    """One running node.

    `ran` is the last instant it was stepped at; `scope` the run it belongs to, none outside any; `parent` the
    trace record that armed it. `eager` nodes want to be stepped at every market event while armed. Where
    `stirs()` is false at a bar evaluation, a step would change nothing.
    """

    eager = True
    stirs: Callable[[], bool] = staticmethod(lambda: True)

    def __init__(self, spec: Spec, plan: Plan) -> None:
        self.id = spec.id
        self.kind = spec.kind
        self.key = plan.key.get(spec.id, (-1, 0, spec.id))
        self.children = plan.children.get(spec.id, ())
        self.state = State.IDLE
        self.scope: Run | None = None
        self.ran = 0
        self.parent = 0
        self.gate = ""

    def findings(self, findings: Sequence[Finding]) -> list[Finding]:
        """Return those of a document's findings that are about this node."""
        return [f for f in findings if f.node == self.id]

    def begin_session(self) -> None:
        """Forget the session before."""
        self.state = State.IDLE
        self.scope = None
        self.gate = ""

    def on_armed(self, strategy: StrategyRuntime, *, by_start: bool) -> None:
        """Prepare to wait."""

    def on_session(self, strategy: StrategyRuntime) -> None:
        """A session opens and the node stays armed: ask again for its times."""

    def on_disarmed(self, strategy: StrategyRuntime) -> None:
        """Let go of what the node was doing."""

    def step(self, strategy: StrategyRuntime) -> bool:  # noqa: ARG002 - the signature all nodes share
        """Act, if this is the instant for it; return whether any node changed state."""
        return False

    def on_report(self, strategy: StrategyRuntime, order: Order) -> None:
        """Take note of what became of an order of this node."""

    def held(self, strategy: StrategyRuntime, gate: str) -> bool:
        """Record that a gate holds the node, once for as long as the same gate holds; return False, no change."""
        if gate != self.gate:
            self.gate = gate
            strategy.record(self, gate=gate)
        return False
