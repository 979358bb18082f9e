"""What a case of the corpus is: a sound document, one edit that breaks one rule, and the same edit done right."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

REMOVE, UNTOUCHED = object(), object()
Edits = dict[str, Any]


@dataclass(frozen=True)
class Text:
    """An edit of the document's text, for what no JSON value can say: `old` becomes `new`, once."""

    old: str
    new: str


@dataclass(frozen=True)
class Case:
    """`broken` is refused with `code` at `pointer` and nothing else; `sound`, its twin, is accepted.

    Edits are values by JSON pointer; an index one past the end appends, `REMOVE` removes.
    """

    name: str
    code: str
    pointer: str
    broken: Edits | Text
    sound: Edits | Text = field(default_factory=dict)
    base: Callable[[], dict[str, Any]] | None = None

    def texts(self) -> tuple[str, str]:
        """Return the broken document and its twin."""
        make = self.base or make_document
        return edited(make(), self.broken), edited(make(), self.sound)


def at(
    name: str,
    code: str,
    pointer: str,
    broken: Any,
    sound: Any = UNTOUCHED,
    base: Callable[[], dict[str, Any]] | None = None,
) -> Case:
    """Return the case of one wrong value, told at its own place; `sound` is a right one."""
    return Case(name, code, pointer, {pointer: broken}, {} if sound is UNTOUCHED else {pointer: sound}, base)


def edited(document: dict[str, Any], edits: Edits | Text) -> str:
    """Return the document's text with the edits made."""
    if isinstance(edits, Text):
        text = json.dumps(document)
        assert text.count(edits.old) == 1, edits.old
        return text.replace(edits.old, edits.new)
    for pointer, value in edits.items():
        *way, last = pointer.split("/")[1:]
        here: Any = document
        for token in way:
            here = here[int(token)] if isinstance(here, list) else here[token]
        key: Any = int(last) if isinstance(here, list) else last
        if value is REMOVE:
            del here[key]
        elif key == len(here):
            here.append(copy.deepcopy(value))
        else:
            here[key] = copy.deepcopy(value)
    return json.dumps(document)


def number(value: float) -> dict[str, Any]:
    return {"type": "constant", "value": value}


def indicator(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "indicator", "name": name, **more}


def candle(field_: str, **more: Any) -> dict[str, Any]:
    return {"type": "market_data", "field": field_, **more}


def condition(lhs: Any, operator: str, rhs: Any, **more: Any) -> dict[str, Any]:
    return {"lhs": lhs, "operator": operator, "rhs": rhs, **more}


def group(operator: str, *members: Any) -> dict[str, Any]:
    return {"type": "group", "operator": operator, "conditions": list(members)}


def make_document() -> dict[str, Any]:
    """Return a share bought and sold by RSI, with an alert and re-entry."""
    return {
        "id": "rsi-share",
        "name": "Buy the dip",
        "nodes": [
            {
                "id": "start-1",
                "type": "startNode",
                "data": {
                    "label": "Begin",
                    "symbol": "RELIANCE",
                    "timeframe": "5MIN",
                    "exchange": "NSE",
                    "tradingInstrument": {"type": "stock"},
                    "strategyType": "intraday",
                    "indicators": {
                        "rsi_14": {"type": "rsi", "period": 14, "source": "close", "overbought": 70, "oversold": 30},
                        "macd_1": {"type": "macd", "fast": 12, "slow": 26, "signal": 9},
                    },
                },
            },
            {
                "id": "signal-1",
                "type": "signalNode",
                "data": {
                    "label": "Oversold",
                    "conditions": group(
                        "and",
                        condition(indicator("rsi_14", offset=0), "<", number(30), id="cond-1"),
                        condition(candle("close"), ">", candle("open", offset=1), id="cond-2"),
                    ),
                },
            },
            {
                "id": "alert-1",
                "type": "alertNode",
                "data": {"actionType": "alert", "alertMessage": "RSI is low", "alertType": "info"},
            },
            {
                "id": "entry-1",
                "type": "entryNode",
                "data": {
                    "actionType": "entry",
                    "positions": [
                        {
                            "id": "pos-1",
                            "vpi": "share",
                            "vpt": "dip",
                            "priority": 1,
                            "positionType": "buy",
                            "orderType": "market",
                            "quantity": 10,
                            "productType": "intraday",
                        }
                    ],
                },
            },
            {
                "id": "signal-2",
                "type": "signalNode",
                "data": {"conditions": group("or", condition(indicator("rsi_14"), ">", number(55)))},
            },
            {
                "id": "exit-1",
                "type": "exitNode",
                "data": {
                    "actionType": "exit",
                    "exitNodeData": {
                        "orderConfig": {"orderType": "market", "quantity": "all"},
                        "reEntryConfig": {"enabled": True, "groupNumber": 1, "maxReEntries": 2},
                    },
                },
            },
        ],
        "edges": [
            {"id": "e1", "source": "start-1", "target": "signal-1"},
            {"id": "e2", "source": "signal-1", "target": "alert-1"},
            {"id": "e3", "source": "signal-1", "target": "entry-1"},
            {"id": "e4", "source": "entry-1", "target": "signal-2"},
            {"id": "e5", "source": "signal-2", "target": "exit-1"},
        ],
    }


def make_options() -> dict[str, Any]:
    """Return the same, trading a call on an index."""
    document = make_document()
    start, entry = document["nodes"][0]["data"], document["nodes"][3]["data"]
    start |= {"symbol": "NIFTY", "tradingInstrument": {"type": "options", "underlyingType": "index"}}
    entry["positions"][0] |= {"quantity": 1, "optionDetails": {"expiry": "W0", "strikeType": "ATM", "optionType": "CE"}}
    return document


def make_two_entries() -> dict[str, Any]:
    """Return the same with a second entry beside the first: vpi `swing`, tag `slow`, closed with the rest."""
    document = make_document()
    position = {**document["nodes"][3]["data"]["positions"][0], "id": "pos-2", "vpi": "swing", "vpt": "slow"}
    document["nodes"].append({"id": "entry-2", "type": "entryNode", "data": {"positions": [position]}})
    document["edges"].append({"id": "e6", "source": "signal-1", "target": "entry-2"})
    return document


START, SIGNAL, ALERT, ENTRY, EXIT = (f"/nodes/{i}/data" for i in (0, 1, 2, 3, 5))
INDICATORS = f"{START}/indicators"
GROUP = f"{SIGNAL}/conditions"
FIRST = f"{GROUP}/conditions/0"
POSITION = f"{ENTRY}/positions/0"
DETAILS = f"{POSITION}/optionDetails"
ORDER = f"{EXIT}/exitNodeData/orderConfig"
AGAIN = f"{EXIT}/exitNodeData/reEntryConfig"
