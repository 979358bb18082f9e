"""Drawings of the builder dialect, as its editor saves them, for tests that tell stories with them.

As in `stories`, a signal is true at the events given: the volume of the bar that closed last is one of them.
"""

from __future__ import annotations

from typing import Any

NODES = {
    "entry": "entrySignalNode", "exit": "exitSignalNode", "again": "reEntrySignalNode", "signal": "signalNode",
}  # fmt: skip


def number(value: float) -> dict[str, Any]:
    return {"type": "constant", "valueType": "number", "value": value, "numberValue": 0}


def candle(field: str = "Close", offset: int = -1, **more: Any) -> dict[str, Any]:
    return {
        "type": "candle_data", "field": field, "dataField": field, "offset": offset, "instrumentType": "TI", **more,
    }  # fmt: skip


def live(field: str = "underlying_ltp", **more: Any) -> dict[str, Any]:
    return {"type": "live_data", "field": field, "instrumentType": "TI", **more}


def position(vpi: str, field: str) -> dict[str, Any]:
    return {"type": "position_data", "vpi": vpi, "positionField": field}


NOW: dict[str, Any] = {"type": "current_time"}


def clock(text: str) -> dict[str, Any]:
    return {"type": "time_function", "timeValue": text}


def compare(lhs: dict[str, Any], operator: str, rhs: Any, **more: Any) -> dict[str, Any]:
    right = number(rhs) if isinstance(rhs, int | float) else rhs
    return {"id": "c", "lhs": lhs, "operator": operator, "rhs": right, **more}


def at(*events: int) -> dict[str, Any]:
    """Return a condition that is true at the bars of these numbers."""
    return compare(candle("Volume"), "in", {"type": "list", "items": [number(e) for e in events or (-1,)]})


def root(*members: dict[str, Any], logic: str = "AND") -> dict[str, Any]:
    return {"id": "root", "groupLogic": logic, "conditions": list(members)}


def start(**data: Any) -> dict[str, Any]:
    config = {"symbol": "XYZ", "type": "stock", "timeframes": [{"id": "1m", "timeframe": "1m", "indicators": {}}]}
    base = {"label": "Start", "exchange": "SIM", "tradingInstrumentConfig": config}
    return {"id": "start", "type": "startNode", "data": base | data}


def signal(name: str, *members: dict[str, Any], kind: str = "entry", **data: Any) -> dict[str, Any]:
    return {"id": name, "type": NODES[kind], "data": {"label": name, "conditions": [root(*members)], **data}}


def again(name: str, entry: str, *members: dict[str, Any], **retry: Any) -> dict[str, Any]:
    """Draw a re-entry."""
    more = {"retryConfig": {"groupNumber": 1} | retry, "targetEntryNodeId": entry}
    return signal(name, *members, kind="again", **more)


def leg(vpi: str, **data: Any) -> dict[str, Any]:
    base = {
        "vpi": vpi, "vpt": "", "priority": 1, "quantity": 1, "orderType": "market", "positionType": "buy",
        "productType": "carryForward",
    }  # fmt: skip
    return base | data


def entry(name: str, *legs: dict[str, Any] | str, **data: Any) -> dict[str, Any]:
    positions = [leg(one) if isinstance(one, str) else one for one in legs]
    return {"id": name, "type": "entryNode", "data": {"actionType": "entry", "positions": positions, **data}}


def exit_(name: str, vpi: str | None = None, post: dict[str, Any] | None = None, **order: Any) -> dict[str, Any]:
    config: dict[str, Any] = {"orderType": "market", **order}
    inner: dict[str, Any] = {"orderConfig": config, "reEntryConfig": {"enabled": False, "maxReEntries": 1}}
    if vpi is not None:
        config["targetPositionVpi"] = vpi
    if post is not None:
        inner["postExecutionConfig"] = post
    kind = "all" if vpi is None and "targetTag" not in order else "specific"
    return {"id": name, "type": "exitNode", "data": {"actionType": "exit", "exitType": kind, "exitNodeData": inner}}


def square_off(name: str, **conditions: Any) -> dict[str, Any]:
    return {"id": name, "type": "squareOffNode", "data": {"endConditions": conditions}}


def modify(name: str, vpi: str, **modifications: Any) -> dict[str, Any]:
    data = {"actionType": "modify", "targetPositionId": vpi, "modifications": modifications}
    return {"id": name, "type": "modifyNode", "data": data}
