"""STRATEGY 5, and what STRATEGY 2 says of conditions: groups, operators, expressions, contradictions."""

from __future__ import annotations

from tests.unit.core.graph.corpus.case import (
    FIRST,
    GROUP,
    REMOVE,
    SIGNAL,
    Case,
    candle,
    condition,
    group,
    indicator,
    number,
)

RSI, CLOSE = indicator("rsi_14"), candle("close")
LOW, HIGH = condition(RSI, "<", number(30)), condition(RSI, ">", number(70))
ITEMS = {"type": "list", "items": [number(10), number(20)]}

CASES = [
    # --- groups
    Case("no conditions", "missing-key", GROUP, {GROUP: REMOVE}, {GROUP: group("and", LOW)}),
    Case("conditions in a list", "wrong-type", GROUP, {GROUP: [group("and", LOW)]}, {GROUP: LOW}),
    Case("empty group", "empty-group", f"{GROUP}/conditions", {GROUP: group("and")}, {GROUP: group("or", LOW)}),
    Case(
        "empty group inside", "empty-group", f"{GROUP}/conditions/1/conditions",
        {GROUP: group("and", LOW, group("or"))}, {GROUP: group("and", LOW, group("or", condition(CLOSE, ">", number(5))))},
    ),
    Case("group without operator", "missing-key", f"{GROUP}/operator", {f"{GROUP}/operator": REMOVE}, {f"{GROUP}/operator": "AND"}),
    Case("unknown logic", "unknown-value", f"{GROUP}/operator", {f"{GROUP}/operator": "xor"}, {f"{GROUP}/operator": "or"}),
    Case("group without type", "missing-key", f"{GROUP}/type", {f"{GROUP}/type": REMOVE}),
    Case("unknown member", "unknown-member", f"{FIRST}/type", {f"{FIRST}/type": "rule"}, {f"{FIRST}/type": "condition"}),
    Case("not of two", "not-takes-one", f"{GROUP}/conditions", {GROUP: group("not", LOW, HIGH)}, {GROUP: group("not", LOW)}),
    Case("unknown key of a group", "unknown-key", f"{GROUP}/groupLogic", {f"{GROUP}/groupLogic": "AND"}, {f"{GROUP}/id": "root"}),
    Case("unknown key of a condition", "unknown-key", f"{FIRST}/rhsLower", {f"{FIRST}/rhsLower": number(1)}, {f"{FIRST}/rhsUpper": None}),
    Case("unknown trigger", "unknown-value", f"{SIGNAL}/trigger", {f"{SIGNAL}/trigger": "pulse"}, {f"{SIGNAL}/trigger": "edge"}),
    Case(
        "conditions for re-entries", "not-supported", f"{SIGNAL}/hasReEntryConditions",
        {f"{SIGNAL}/hasReEntryConditions": True},
        {f"{SIGNAL}/hasReEntryConditions": False, f"{SIGNAL}/reEntryConditions": [group("and", LOW)]},
    ),
    Case(
        "exit conditions in a signal", "not-supported", f"{SIGNAL}/exitConditions",
        {f"{SIGNAL}/exitConditions": group("and", HIGH)},
        {f"{SIGNAL}/exitConditions": [{"id": "root", "groupLogic": "AND", "conditions": []}]},
    ),
    # --- operators
    Case("no operator", "missing-key", f"{FIRST}/operator", {f"{FIRST}/operator": REMOVE}, {f"{FIRST}/operator": "lt"}),
    Case("unknown operator", "unknown-operator", f"{FIRST}/operator", {f"{FIRST}/operator": "<<"}, {f"{FIRST}/operator": "<="}),
    Case("misspelt operator", "unknown-operator", f"{FIRST}/operator", {f"{FIRST}/operator": "crosses_abov"}, {f"{FIRST}/operator": "crossesAbove"}),
    Case("operator as a number", "wrong-type", f"{FIRST}/operator", {f"{FIRST}/operator": 1}),
    Case("no left side", "missing-key", f"{FIRST}/lhs", {f"{FIRST}/lhs": REMOVE}, {f"{FIRST}/lhs": CLOSE}),
    Case("no right side", "missing-key", f"{FIRST}/rhs", {f"{FIRST}/rhs": REMOVE}, {f"{FIRST}/rhs": CLOSE}),
    Case("between without upper", "missing-key", f"{FIRST}/rhsUpper", {f"{FIRST}/operator": "between"}, {FIRST: condition(RSI, "between", number(20), rhsUpper=number(30))}),
    Case("upper without between", "unexpected-key", f"{FIRST}/rhsUpper", {f"{FIRST}/rhsUpper": number(40)}, {FIRST: condition(RSI, "not_between", number(20), rhsUpper=number(40))}),
    Case(
        "between turned round", "empty-range", f"{FIRST}/rhsUpper",
        {FIRST: condition(RSI, "between", number(30), rhsUpper=number(20))}, {FIRST: condition(RSI, "between", number(30), rhsUpper=number(30))},
    ),
    Case("in without list", "type-mismatch", f"{FIRST}/rhs", {f"{FIRST}/operator": "in"}, {FIRST: condition(RSI, "in", ITEMS)}),
    Case("list without in", "type-mismatch", f"{FIRST}/rhs", {f"{FIRST}/rhs": ITEMS}, {FIRST: condition(RSI, "not_in", ITEMS)}),
    Case("list on the left", "type-mismatch", f"{FIRST}/lhs", {f"{FIRST}/lhs": ITEMS}),
    Case("empty list", "empty", f"{FIRST}/rhs/items", {FIRST: condition(RSI, "in", {"type": "list", "items": []})}, {FIRST: condition(RSI, "notIn", ITEMS)}),
    # --- expressions
    Case("unknown expression", "unknown-expression", f"{FIRST}/lhs/type", {f"{FIRST}/lhs/type": "indicators"}, {f"{FIRST}/lhs/displayName": "RSI"}),
    Case("expression of the other dialect", "unknown-expression", f"{FIRST}/lhs/type", {f"{FIRST}/lhs": {"type": "candle_data", "field": "Close"}}, {f"{FIRST}/lhs": candle("Close")}),
    Case("expression without type", "missing-key", f"{FIRST}/lhs/type", {f"{FIRST}/lhs/type": REMOVE}),
    Case("number as an expression", "wrong-type", f"{FIRST}/rhs", {f"{FIRST}/rhs": 30}, {f"{FIRST}/rhs": number(30)}),
    Case("list inside a list", "unknown-expression", f"{FIRST}/rhs/items/0/type", {FIRST: condition(RSI, "in", {"type": "list", "items": [ITEMS]})}),
    Case("undeclared indicator", "unknown-indicator", f"{FIRST}/lhs/name", {f"{FIRST}/lhs/name": "rsi_15"}, {f"{FIRST}/lhs/name": "macd_1"}),
    Case("unknown output", "unknown-output", f"{FIRST}/lhs/output", {f"{FIRST}/lhs": indicator("macd_1", output="hist")}, {f"{FIRST}/lhs": indicator("macd_1", output="Histogram")}),
    Case("unknown parameter of an operand", "unknown-output", f"{FIRST}/lhs/parameter", {f"{FIRST}/lhs/parameter": "upper"}, {f"{FIRST}/lhs/parameter": None}),
    Case("two outputs", "contradiction", f"{FIRST}/lhs/parameter", {f"{FIRST}/lhs": indicator("macd_1", output="macd", parameter="signal")}, {f"{FIRST}/lhs": indicator("macd_1", output="signal", parameter="signal")}),
    Case("unknown field", "unknown-value", f"{FIRST}/lhs/field", {f"{FIRST}/lhs": candle("ltp")}, {f"{FIRST}/lhs": candle("Volume")}),
    Case("look-back of a half", "wrong-type", f"{FIRST}/lhs/offset", {f"{FIRST}/lhs/offset": 0.5}, {f"{FIRST}/lhs/offset": -1}),
    Case("look-back too far", "out-of-range", f"{FIRST}/lhs/offset", {f"{FIRST}/lhs/offset": -501}, {f"{FIRST}/lhs/offset": 500}),
    Case("look-back as text", "wrong-type", f"{FIRST}/lhs/offset", {f"{FIRST}/lhs/offset": "1"}),
    Case("another timeframe", "not-supported", f"{FIRST}/lhs/timeframeId", {f"{FIRST}/lhs/timeframeId": "15m"}, {f"{FIRST}/lhs/timeframeId": None}),
    Case("another instrument", "not-supported", f"{FIRST}/lhs/instrumentType", {f"{FIRST}/lhs/instrumentType": "SI"}, {f"{FIRST}/lhs/instrumentType": "TI"}),
    Case("constant without value", "missing-key", f"{FIRST}/rhs/value", {f"{FIRST}/rhs": {"type": "constant", "numberValue": 30}}, {f"{FIRST}/rhs/numberValue": 0}),
    Case("null as a constant", "wrong-type", f"{FIRST}/rhs/value", {f"{FIRST}/rhs/value": None}),
    Case("value of another type", "type-mismatch", f"{FIRST}/rhs/valueType", {f"{FIRST}/rhs/valueType": "string"}, {f"{FIRST}/rhs/valueType": "number"}),
    Case("unknown value type", "unknown-value", f"{FIRST}/rhs/valueType", {f"{FIRST}/rhs/valueType": "numeric"}),
    Case("text against a number", "type-mismatch", f"{FIRST}/rhs", {f"{FIRST}/rhs/value": "30"}),
    Case("truth against a number", "type-mismatch", f"{FIRST}/rhs", {FIRST: condition(RSI, "==", {"type": "constant", "value": True})}, {FIRST: condition(RSI, "==", number(50))}),
    Case("text in a list of numbers", "type-mismatch", f"{FIRST}/rhs/items/1", {FIRST: condition(RSI, "in", {"type": "list", "items": [number(1), {"type": "constant", "value": "2"}]})}, {FIRST: condition(RSI, "in", ITEMS)}),
    Case("order among texts", "type-mismatch", f"{FIRST}/lhs", {FIRST: condition({"type": "constant", "value": "a"}, "<", {"type": "constant", "value": "b"})}, {FIRST: condition(number(1), "<", RSI)}),
    # --- what can never be
    Case("below 30 and above 70", "never-true", GROUP, {GROUP: group("and", LOW, HIGH)}, {GROUP: group("or", LOW, HIGH)}),
    Case("contradiction in a group inside", "never-true", GROUP, {GROUP: group("and", LOW, group("and", condition(CLOSE, ">", number(1)), HIGH))}, {GROUP: group("and", LOW, group("and", condition(CLOSE, ">", number(1)), condition(RSI, ">", number(20))))}),
    Case("below and at once at", "never-true", GROUP, {GROUP: group("and", LOW, condition(RSI, ">=", number(30)))}, {GROUP: group("and", condition(RSI, "<=", number(30)), condition(RSI, ">=", number(30)))}),
    Case("constant on the left", "never-true", GROUP, {GROUP: group("and", LOW, condition(number(40), "<", RSI))}, {GROUP: group("and", LOW, condition(number(20), "<", RSI))}),
    Case("in a list and above it", "never-true", GROUP, {GROUP: group("and", condition(RSI, "in", ITEMS), HIGH)}, {GROUP: group("and", condition(RSI, "in", ITEMS), condition(RSI, ">", number(15)))}),
    Case("false constants", "never-true", FIRST, {FIRST: condition(number(2), "<", number(1))}, {FIRST: condition(number(1), "<", number(2))}),
    Case("above itself", "never-true", FIRST, {FIRST: condition(RSI, ">", RSI)}, {FIRST: condition(RSI, ">", indicator("rsi_14", offset=1))}),
    Case("crosses itself", "never-true", FIRST, {FIRST: condition(CLOSE, "crosses_above", CLOSE)}, {FIRST: condition(CLOSE, "crosses_above", candle("open"))}),
    Case("not of what always holds", "never-true", GROUP, {GROUP: group("not", condition(RSI, "==", RSI))}, {GROUP: group("not", condition(RSI, "==", number(3)))}),
    Case("or of nothing possible", "never-true", f"{GROUP}/conditions/0", {GROUP: group("or", condition(RSI, "!=", RSI))}, {GROUP: group("or", condition(RSI, "!=", RSI), LOW)}),
]  # fmt: skip
