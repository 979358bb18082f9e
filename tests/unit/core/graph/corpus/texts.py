"""STRATEGY 1: the text, the envelope, the two dialects, the limits, and that every key is accounted for."""

from __future__ import annotations

from typing import Any

from tests.unit.core.graph.corpus.case import (
    REMOVE,
    Case,
    Text,
    candle,
    condition,
    group,
    indicator,
    make_options,
    number,
)

START, SIGNAL, ALERT, ENTRY, EXIT = (f"/nodes/{i}/data" for i in (0, 1, 2, 3, 5))
POSITION = f"{ENTRY}/positions/0"
FIRST = f"{SIGNAL}/conditions/conditions/0"
ORDER = f"{EXIT}/exitNodeData/orderConfig"


def _nested(depth: int) -> dict[str, Any]:
    here = condition(indicator("rsi_14"), "<", number(30))
    for _ in range(depth):
        here = group("and", here)
    return here


def _many(count: int) -> dict[str, Any]:
    return group("or", *(condition(candle("close"), ">", number(i + 1)) for i in range(count)))


def _alerts(count: int) -> dict[str, Any]:
    nodes = [{"id": f"a{i}", "type": "alertNode", "data": {"alertMessage": "m"}} for i in range(count)]
    return {
        **{f"/nodes/{6 + i}": node for i, node in enumerate(nodes)},
        **{f"/edges/{5 + i}": {"source": "signal-1", "target": node["id"]} for i, node in enumerate(nodes)},
    }


def _appended(edits: dict[str, Any]) -> dict[str, Any]:
    """Return edits that append, in order: a dict has one `/nodes/-` only, so positions are given."""
    return edits


def _doubled(count: int) -> dict[str, Any]:
    return {"/edges": [{"source": s, "target": t} for s, t in _EDGES] + [{"source": "start-1", "target": "signal-1"}] * count}


_EDGES = (
    ("start-1", "signal-1"), ("signal-1", "alert-1"), ("signal-1", "entry-1"), ("entry-1", "signal-2"),
    ("signal-2", "exit-1"),
)  # fmt: skip

SYMBOL = '"symbol": "RELIANCE"'
