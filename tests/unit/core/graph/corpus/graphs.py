"""STRATEGY 2: the drawing itself."""

from __future__ import annotations

from typing import Any

from tests.unit.core.graph.corpus.case import AGAIN, ALERT, REMOVE, Case, at, condition, indicator, number

SECOND_EXIT: dict[str, Any] = {
    "/nodes/6": {
        "id": "signal-3",
        "type": "signalNode",
        "data": {"conditions": condition(indicator("rsi_14"), "<", number(10))},
    },
    "/nodes/7": {
        "id": "exit-2",
        "type": "exitNode",
        "data": {"exitNodeData": {"reEntryConfig": {"enabled": True, "maxReEntries": 5}}},
    },
    "/edges/5": {"source": "entry-1", "target": "signal-3"},
    "/edges/6": {"source": "signal-3", "target": "exit-2"},
}


def _edge(source: str, target: str) -> dict[str, Any]:
    return {"/edges/5": {"source": source, "target": target}}


def _node(kind: str, data: Any) -> dict[str, Any]:
    return {"/nodes/6": {"id": "more-1", "type": kind, "data": data}}


ALARM = {"alertMessage": "m"}
ENTRY = {"positions": [{"vpi": "b", "positionType": "buy", "orderType": "market", "quantity": 1}]}

CASES = [
    Case(
        "no start",
        "no-start",
        "/nodes",
        {"/nodes": [{"id": "alert-1", "type": "alertNode", "data": ALARM}], "/edges": []},
        {"/nodes/0/id": "begin", "/edges/0/source": "begin"},
    ),
    Case(
        "two starts",
        "several-starts",
        "/nodes/6",
        {
            "/nodes/6": {
                "id": "start-2",
                "type": "startNode",
                "data": {"symbol": "TCS", "timeframe": "1m", "exchange": "NSE"},
            }
        },
        {**_node("alertNode", ALARM), **_edge("start-1", "more-1")},
    ),
    Case(
        "id twice",
        "duplicate-id",
        "/nodes/6/id",
        {**_node("alertNode", ALARM), "/nodes/6/id": "alert-1"},
        {**_node("alertNode", ALARM), **_edge("signal-1", "more-1")},
    ),
    at("edge from nowhere", "unknown-node", "/edges/1/source", "signal-9", "signal-2"),
    at("edge to nowhere", "unknown-node", "/edges/1/target", "alert-2"),
    Case("edge to itself", "self-loop", "/edges/5", _edge("signal-1", "signal-1"), _edge("start-1", "alert-1")),
    Case("edge into start", "edge-into-start", "/edges/5", _edge("exit-1", "start-1"), _edge("exit-1", "alert-1")),
    Case("cycle", "cycle", "/edges/5", _edge("exit-1", "entry-1"), _edge("start-1", "entry-1")),
    Case("cycle of signals", "cycle", "/edges/5", _edge("exit-1", "signal-1"), _edge("start-1", "signal-2")),
    Case(
        "entry that nothing reaches",
        "unreachable",
        "/nodes/6",
        _node("entryNode", ENTRY),
        {**_node("entryNode", ENTRY), **_edge("signal-1", "more-1")},
    ),
    Case(
        "exit that nothing reaches",
        "unreachable",
        "/nodes/6",
        _node("exitNode", {}),
        {**_node("exitNode", {}), **_edge("signal-2", "more-1")},
    ),
    Case(
        "one group, two limits",
        "re-entry-limits-differ",
        "/nodes/7/data/exitNodeData/reEntryConfig",
        SECOND_EXIT,
        {**SECOND_EXIT, f"{AGAIN}/maxReEntries": 5},
    ),
    Case(
        "editor's node misspelt",
        "unknown-node-type",
        "/nodes/6/type",
        {"/nodes/6": {"id": "o", "type": "strategyView", "data": {}}},
        {"/nodes/6": {"id": "o", "type": "strategyOverview", "data": {"isVirtual": True}}},
    ),
    Case("alert without its message and its kind", "missing-key", f"{ALERT}/alertMessage", {ALERT: {}}, {ALERT: ALARM}),
    at("edges lost", "missing-key", "/edges", REMOVE),
]
