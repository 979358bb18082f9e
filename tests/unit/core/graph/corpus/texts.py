"""STRATEGY 1: the text, the envelope, the two dialects, the limits."""

from __future__ import annotations

from typing import Any

from tests.unit.core.graph.corpus.case import (
    FIRST,
    GROUP,
    INDICATORS,
    POSITION,
    REMOVE,
    SIGNAL,
    START,
    Case,
    Text,
    at,
    candle,
    condition,
    group,
    indicator,
    number,
)


def _nested(depth: int) -> dict[str, Any]:
    here = condition(indicator("rsi_14"), "<", number(30))
    for _ in range(depth):
        here = group("and", here)
    return here


def _any_of(count: int) -> dict[str, Any]:
    return group("or", *(condition(candle("close"), ">", number(i + 1)) for i in range(count)))


def _alerts(count: int) -> dict[str, Any]:
    """Return edits that hang so many alerts on the first signal."""
    nodes = {
        f"/nodes/{6 + i}": {"id": f"a{i}", "type": "alertNode", "data": {"alertMessage": "m"}} for i in range(count)
    }
    return nodes | {f"/edges/{5 + i}": {"source": "signal-1", "target": f"a{i}"} for i in range(count)}


def _repeated(count: int) -> dict[str, Any]:
    return {f"/edges/{5 + i}": {"source": "start-1", "target": "signal-1"} for i in range(count)}


def _padded(size: int) -> Text:
    return Text('"Buy the dip"', '"Buy the dip"' + " " * size)


def _deep(depth: int) -> dict[str, Any]:
    here: Any = 1
    for _ in range(depth):
        here = [here]
    return {"/nodes/0/position": here}


CASES = [
    # --- the text
    Case("comma at the end", "not-json", "", Text('"Begin"', '"Begin",'), Text('"Begin"', '"Begin" ')),
    Case("comment", "not-json", "", Text('{"id": "rsi-share"', '/* mine */ {"id": "rsi-share"')),
    Case("two documents", "not-json", "", Text('{"id": "rsi-share"', '{} {"id": "rsi-share"')),
    Case("control character", "not-json", "", Text('"Begin"', '"Be\ngin"'), Text('"Begin"', '"Be\\ngin"')),
    Case("megabyte", "too-large", "", _padded(1 << 20), _padded(1 << 19)),
    Case("long key", "too-large", "/nodes/0/data", {f"{START}/{'_' * 201}": 1}, {f"{START}/{'_' * 200}": 1}),
    Case("deep text", "too-deep", "", _deep(126), _deep(120)),
    Case(
        "key twice",
        "duplicate-key",
        "/nodes/0/data/symbol",
        Text('"symbol": "RELIANCE"', '"symbol": "TCS", "symbol": "RELIANCE"'),
        Text('"RELIANCE"', '"TCS"'),
    ),
    Case(
        "ignored key twice",
        "duplicate-key",
        "/nodes/0/position",
        Text('"type": "startNode"', '"position": 1, "position": 2, "type": "startNode"'),
        Text('"type": "startNode"', '"position": 2, "type": "startNode"'),
    ),
    Case(
        "NaN",
        "not-finite",
        f"{FIRST}/rhs/value",
        Text('"value": 30', '"value": NaN'),
        Text('"value": 30', '"value": 31'),
    ),
    Case("infinity", "not-finite", f"{POSITION}/quantity", Text('"quantity": 10', '"quantity": Infinity')),
    Case(
        "overflow",
        "not-finite",
        f"{FIRST}/rhs/value",
        Text('"value": 30', '"value": 1e999'),
        Text('"value": 30', '"value": 3e1'),
    ),
    Case("endless digits", "not-finite", f"{FIRST}/rhs/value", Text('"value": 30', '"value": 1' + "0" * 5000)),
    Case(
        "half a character",
        "bad-text",
        f"{START}/label",
        Text('"Begin"', '"\\ud83d"'),
        Text('"Begin"', '"\\ud83d\\ude00"'),
    ),
    Case(
        "half a character in a key",
        "bad-text",
        "/nodes/0",
        Text('"type": "startNode"', r'"_\ud83d": 1, "type": "startNode"'),
    ),
    Case(
        "key of the envelope twice", "duplicate-key", "/id", Text('"id": "rsi-share"', '"id": "a", "id": "rsi-share"')
    ),
    # --- the envelope
    Case("no id", "missing-key", "/id", {"/id": REMOVE}, {"/name": REMOVE}),
    at("blank id", "empty", "/id", " ", "a b"),
    at("number as id", "wrong-type", "/id", 5, "5"),
    at("unprintable id", "bad-text", "/id", "a\x07b", "ä-β"),
    at("long id", "out-of-range", "/id", "x" * 201, "x" * 200),
    Case("unknown key beside nodes", "unknown-key", "/edge", {"/edge": []}, {"/description": "mine"}),
    at("global variables", "not-supported", "/globalVariables", [{"id": "g"}], []),
    Case("node that is none", "wrong-type", "/nodes/6", {"/nodes/6": "alert"}, _alerts(1)),
    at("node without type", "missing-key", "/nodes/2/type", REMOVE),
    at("unknown node type", "unknown-node-type", "/nodes/2/type", "alarmNode"),
    at("node of the other dialect", "unknown-node-type", "/nodes/1/type", "entrySignalNode"),
    Case(
        "node without id",
        "missing-key",
        "/nodes/2/id",
        {"/nodes/2/id": REMOVE, "/edges/1": {"source": "signal-1", "target": "entry-1"}},
    ),
    Case("node without data", "missing-key", "/nodes/2/data", {"/nodes/2/data": REMOVE}, {"/nodes/5/data": REMOVE}),
    Case(
        "unknown key of a node",
        "unknown-key",
        "/nodes/2/datas",
        {"/nodes/2/datas": {}},
        {"/nodes/2/measured": {"width": 1}},
    ),
    Case(
        "unknown key of an edge", "unknown-key", "/edges/0/when", {"/edges/0/when": "true"}, {"/edges/0/animated": True}
    ),
    at("edge without target", "missing-key", "/edges/1/target", REMOVE),
    at("edge that is none", "wrong-type", "/edges/5", 1, {"source": "signal-2", "target": "alert-1"}),
    # --- the start node, and which dialect it speaks
    at("no symbol", "dialect-unknown", f"{START}/symbol", REMOVE, "TCS"),
    at("both dialects", "dialect-ambiguous", f"{START}/tradingInstrumentConfig", {}),
    at("no timeframe", "missing-key", f"{START}/timeframe", REMOVE, "1h"),
    at("odd timeframe", "bad-timeframe", f"{START}/timeframe", "5 ticks", "5m"),
    at("timeframe of a week", "bad-timeframe", f"{START}/timeframe", "7d", "30s"),
    at("timeframe as a number", "wrong-type", f"{START}/timeframe", 5),
    at("no exchange", "missing-key", f"{START}/exchange", REMOVE, "nse"),
    at("unknown exchange", "unknown-value", f"{START}/exchange", "NSEE", "BSE"),
    Case(
        "misspelt key", "unknown-key", f"{START}/timeFrame", {f"{START}/timeFrame": "1m"}, {f"{START}/_timeFrame": "1m"}
    ),
    at("unknown instrument", "unknown-value", f"{START}/tradingInstrument/type", "bond", "Equity"),
    at("strike from a future", "not-supported", f"{START}/tradingInstrument/underlyingType", "indexFuture", "stock"),
    Case(
        "second instrument",
        "not-supported",
        f"{START}/supportingInstrumentEnabled",
        {f"{START}/supportingInstrumentEnabled": True},
        {f"{START}/supportingInstrumentEnabled": False, f"{START}/supportingInstrumentConfig": {"symbol": "TCS"}},
    ),
    at(
        "square-off by the start node",
        "not-supported",
        f"{START}/endConditions",
        {"timeBasedExit": {"enabled": True}, "positionClosure": {"orderType": "market"}},
        {"timeBasedExit": {"enabled": False}, "positionClosure": {"orderType": "market"}},
    ),
    at(
        "running variables",
        "not-supported",
        f"{START}/runningVariables",
        {"variables": {"a": {"id": "a"}}},
        {"variables": {}},
    ),
    # --- indicators
    at("unknown indicator type", "unknown-indicator", f"{INDICATORS}/rsi_14/type", "rsii", "RSI"),
    Case(
        "unknown parameter",
        "unknown-key",
        f"{INDICATORS}/rsi_14/perod",
        {f"{INDICATORS}/rsi_14/perod": 9},
        {f"{INDICATORS}/rsi_14": {"type": "rsi", "length": 9}},
    ),
    at("period of one", "out-of-range", f"{INDICATORS}/rsi_14/period", 1, 2),
    at("period of a half", "out-of-range", f"{INDICATORS}/rsi_14/period", 2.5, 14.0),
    at("period as text", "wrong-type", f"{INDICATORS}/rsi_14/period", "14"),
    at(
        "slow not above fast",
        "out-of-range",
        f"{INDICATORS}/macd_1",
        {"type": "macd", "fast": 20, "slow": 20},
        {"type": "macd", "fast": 20, "slow": 30},
    ),
    at("unknown source", "unknown-value", f"{INDICATORS}/rsi_14/source", "last", "HLC3"),
    at("two sources", "contradiction", f"{INDICATORS}/rsi_14/price_field", "open", "close"),
    Case(
        "source without choice",
        "unknown-value",
        f"{INDICATORS}/atr_1/source",
        {f"{INDICATORS}/atr_1": {"type": "atr", "source": "close"}},
        {f"{INDICATORS}/atr_1": {"type": "atr"}},
    ),
    # --- limits
    Case("501 nodes", "too-many", "/nodes", _alerts(495), _alerts(494)),
    Case("2001 edges", "too-many", "/edges", _repeated(1996), _repeated(1995)),
    Case("33 groups deep", "too-deep", GROUP + "/conditions/0" * 32, {GROUP: _nested(33)}, {GROUP: _nested(32)}),
    Case("2001 conditions", "too-many", "/nodes", {GROUP: _any_of(2000)}, {GROUP: _any_of(1999)}),
    at("inert key of a signal", "not-supported", f"{SIGNAL}/variables", [{"id": "v"}], []),
]
