"""What every decision leaves behind: one record an evaluation that fired, or was held by a gate.

Evaluations that were simply not true leave nothing; they can be recomputed from the bars. A gate that goes
on holding is recorded when it begins to hold, not at every instant.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tradingd.core.graph.conditions import Leaf


@dataclass(frozen=True, slots=True)
class TraceRecord:
    """One evaluation of an armed node.

    `number` counts the strategy's records; orders and alerts name it as their `cause`. `parent` is the record
    that armed the node. `gate` is empty where the node acted. `data` says what it did, with the keys of the
    node's result: conditions_met, signal_triggered, positions_created, positions_closed, re_entry_triggered,
    alert_generated, contract_resolved.
    """

    number: int
    ts: int
    strategy: str
    node: str
    kind: str
    parent: int
    gate: str = ""
    leaves: tuple[Leaf, ...] = ()
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def first_not_true(self) -> str:
        """Id of the first comparison that was not true, empty where all were."""
        return next((leaf.condition.id for leaf in self.leaves if leaf.truth is not True), "")

    def as_dict(self) -> dict[str, Any]:
        """Return the record as plain data; unknown values are null."""
        return {
            "number": self.number,
            "ts": self.ts,
            "strategy": self.strategy,
            "node": self.node,
            "kind": self.kind,
            "parent": self.parent,
            "gate": self.gate,
            "first_not_true": self.first_not_true,
            "leaves": [
                {
                    "id": leaf.condition.id,
                    "operator": leaf.condition.op,
                    "values": [None if v != v else v for v in leaf.values],  # noqa: PLR0124 - NaN is the unknown
                    "truth": leaf.truth,
                }
                for leaf in self.leaves
            ],
            "data": self.data,
        }
