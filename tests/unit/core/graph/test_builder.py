"""The builder's documents: what its editor saves loads unchanged, and every value it can emit has its meaning."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import jsonschema
import pytest

from tests.builders import (
    NOW,
    again,
    candle,
    clock,
    compare,
    entry,
    exit_,
    leg,
    live,
    modify,
    number,
    position,
    root,
    signal,
    square_off,
    start,
)
from tests.shared import shared
from tests.stories import drawing
from tests.unit.core.graph.loaded import errors, loaded, of_severity
from tradingd.core.graph.dialects import builder_schema, seed_schema, spellings
from tradingd.core.graph.dialects.builder_expressions import READS
from tradingd.core.graph.document import Clock, Document, Entry, Level, Measure, Protection, Signal, SquareOff, Trail
from tradingd.core.graph.explain import in_words, mermaid
from tradingd.core.graph.expressions import (
    POSITION_TYPES,
    Candle,
    Constant,
    Gathered,
    Gathering,
    IndicatorValue,
    Logic,
    NodeVariable,
)
from tradingd.core.graph.loading import schema
from tradingd.core.graph.plan import plan
from tradingd.model.errors import Severity

SAVED = ("my_new_strategy5_5708424d.json", "my_new_strategy5_config_full.json")


def sound(*nodes: dict[str, Any], paths: tuple[str, ...] = (), **envelope: Any) -> Document:
    result = loaded(drawing(nodes, paths) | envelope)
    assert result.document is not None, result.findings
    assert plan(result.document).source is not None
    assert in_words(result.document)
    assert mermaid(result.document)
    return result.document


def drawn(*members: dict[str, Any], begin: dict[str, Any] | None = None, **data: Any) -> dict[str, Any]:
    """Draw a signal with these conditions, on the way into a position and out again."""
    nodes = [
        begin or start(),
        signal("A", *members, **data),
        entry("e", "p"),
        signal("B", compare(NOW, ">", clock("9:20"))),
    ]
    return drawing([*nodes, exit_("x", "p")], ["start > A > e > B > x"])


def accepted(*members: dict[str, Any], begin: dict[str, Any] | None = None, **data: Any) -> Signal:
    result = loaded(drawn(*members, begin=begin, **data))
    assert result.document is not None, [f for f in result.findings if f.severity is Severity.ERROR]
    assert plan(result.document).source
    assert in_words(result.document)
    return next(n for n in result.document.nodes if isinstance(n, Signal) and n.id == "A")


# --- what was saved ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SAVED)
def test_what_the_editor_saved_loads_unchanged(name: str) -> None:
    text = shared(f"strategies/builder/{name}").read_text("utf-8")
    result = loaded(text)
    assert result.document is not None, of_severity(result, Severity.ERROR)
    assert result.document.symbol == "NIFTY"
    assert len(result.document.nodes) == 18
    assert len(result.document.way_back) == 4
    assert result.document.square_offs == (Clock(before_close=5 * 60 * 10**9),)


def test_a_row_of_the_database_and_the_engines_form_are_one_strategy() -> None:
    one, other = (loaded(shared(f"strategies/builder/{name}").read_bytes()).document for name in SAVED)
    assert one is not None
    assert other is not None
    assert one.id == other.id
    assert [node.id for node in one.nodes] == [node.id for node in other.nodes]
    assert one.nodes[1:3] == other.nodes[1:3]


def test_the_preview_is_refused_for_each_signal_without_conditions() -> None:
    document = json.loads(shared("strategies/builder/rsi_reversal_homepage_preview.json").read_bytes())
    result = loaded(document)
    assert result.document is None
    signals = [node["id"] for node in document["nodes"] if node["type"].lower().endswith("signalnode")]
    blamed = {f.node for f in of_severity(result, Severity.ERROR) if f.pointer.endswith("/conditions")}
    assert blamed == set(signals)
    assert len(signals) == 10


# --- every value it can emit -------------------------------------------------------------------------------------

EXPRESSIONS: dict[str, list[dict[str, Any]]] = {
    "indicator": [{"type": "indicator", "name": "rsi_1", "parameter": None, "offset": o} for o in (0, -1, 1, -2)],
    "candle_data": [
        *(candle(name) for name in ("Open", "High", "Low", "Close", "Volume")),
        candle(candleSelectionMode="offset"),
        candle(candleSelectionMode="by_time", candleTime="09:20"),
        candle(candleSelectionMode="by_number", candleNumber=1),
    ],
    "market_data": [{"type": "market_data", "field": "Close", "offset": -1}],
    "live_data": [
        *(live(name) for name in ("underlying_ltp", "ltp", "bid", "ask", "volume", "oi")),
        live("position_ltp", vpi="p"),
    ],
    "constant": [number(5)],
    "position_data": [position("p", name) for name, kind in POSITION_TYPES.items() if kind == "number"],
    "pnl_data": [
        {"type": "pnl_data", "pnlType": part, "scope": scope, "vpi": "p"}
        for part in ("realized", "unrealized", "total") for scope in ("position", "overall")
    ],
    "underlying_pnl": [{"type": "underlying_pnl", "pnlType": "total", "scope": "position", "vpi": "p"}],
    "trailing_variable": [
        {"type": "trailing_variable", "variableId": "p", "trailingField": name}
        for name in ("trailingPosition", "trailingUnderlying")
    ],
    "node_variable": [{"type": "node_variable", "nodeId": "A", "variableName": "v"}],
    "global_variable": [{"type": "global_variable", "globalVariableId": "g", "globalVariableName": "G"}],
    "math_expression": [
        {"type": "math_expression", "items": [{"expression": candle()}, {"operator": op, "expression": number(2)}]}
        for op in ("+", "-", "*", "/", "+%", "-%")
    ],
    "expression": [{"type": "expression", "operation": "+", "left": candle(), "right": number(1)}],
    "function": [
        {"type": "function", "functionName": name, "expressions": [candle()]} for name in ("min", "max", "abs")
    ],
    "candle_range": [
        *(
            {"type": "candle_range", "aggregationType": how, "ohlcvField": "high", **more}
            for how in ("min", "max", "avg", "sum", "first", "last", "count")
            for more in (
                {"rangeType": "by_count", "startIndex": 1, "endIndex": 5},
                {"rangeType": "by_time", "startTime": "09:15", "endTime": "09:30"},
            )
        ),
        *(
            {"type": "candle_range", "aggregationType": "max", "ohlcvField": "high", **reference, **more}
            for reference in (
                {"referenceType": "time", "referenceTime": "09:30"},
                {"referenceType": "candle_number", "referenceCandleNumber": 3},
                {"referenceType": "position_entry", "referenceVpi": "p"},
                {"referenceType": "position_exit", "referenceVpi": "p"},
            )
            for more in (
                {"rangeType": "relative", "candleCount": 3, "direction": "before"},
                {"rangeType": "relative", "candleCount": 3, "direction": "after"},
                {"rangeType": "to_current"},
            )
        ),
        {
            "type": "candle_range", "aggregationType": "max", "ohlcvField": "high", "rangeType": "relative",
            "referenceType": "current_candle", "candleCount": 3, "direction": "before",
        },
    ],
    "aggregation": [
        {"type": "aggregation", "aggregationType": "avg", "sourceType": "expression_list", "expressions": [candle()]},
    ],
    "list": [{"type": "list", "items": [candle(), number(2)], "aggregationType": "max"}],
}  # fmt: skip
OTHERS: dict[str, dict[str, Any]] = {
    "current_time": compare(NOW, ">=", clock("09:17")),
    "time_function": compare(clock("09:17"), "<", NOW),
    "position_time": compare(NOW, ">", {"type": "position_time", "vpi": "p", "timeField": "exitTime"}),
    "external_trigger": compare(
        {"type": "external_trigger", "triggerId": "t", "triggerType": "webhook", "parameters": {}}, "==",
        {"type": "constant", "valueType": "boolean", "value": True},
    ),
    **{
        f"time_offset {unit} {way}": compare(NOW, ">", {
            "type": "time_offset", "baseTime": {"type": "position_time", "vpi": "p", "timeField": "entryTime"},
            "offsetType": unit, "offsetValue": 3, "direction": way, "candleTimeframe": "1m", "candleInstrument": "TI",
        })
        for unit in ("days", "hours", "minutes", "seconds", "candles") for way in ("before", "after")
    },
    **{
        f"position {name}": compare(
            position("p", name), "==", {"type": "constant", "valueType": "string", "value": "x"}
        )
        for name, kind in POSITION_TYPES.items() if kind == "text" and name != "status"
    },
    **{
        f"status {value}": compare(
            position("p", "status"), "==", {"type": "constant", "valueType": "status", "statusValue": value}
        )
        for value in ("Open", "Close", "Partially closed")
    },
}  # fmt: skip


def reading_all() -> dict[str, Any]:
    parts = [{"id": "1m", "timeframe": "1m", "unit": "minutes", "number": 1, "indicators": {
        "rsi_1": {"indicator_name": "rsi", "length": 14, "price_field": "close", "display_name": "rsi(14,close)"},
    }}]  # fmt: skip
    return start(tradingInstrumentConfig={"symbol": "XYZ", "type": "stock", "timeframes": parts})


def test_every_expression_type_is_tried_here() -> None:
    assert {*EXPRESSIONS, *(name.split(" ")[0] for name in OTHERS)} >= READS.keys()


@pytest.mark.parametrize(("kind", "n"), [(kind, n) for kind, all_ in EXPRESSIONS.items() for n in range(len(all_))])
def test_every_number_the_editor_can_emit_is_read(kind: str, n: int) -> None:
    kept = {"id": "v", "name": "v", "nodeId": "stale", "expression": candle()}
    document = drawn(compare(EXPRESSIONS[kind][n], ">", candle("Open", -9)), begin=reading_all(), variables=[kept])
    document["globalVariables"] = [{"id": "g", "name": "G", "initialValue": 1}]
    result = loaded(document)
    assert result.document is not None, of_severity(result, Severity.ERROR)
    assert plan(result.document).source
    assert in_words(result.document)


@pytest.mark.parametrize("name", OTHERS)
def test_every_other_value_the_editor_can_emit_is_read(name: str) -> None:
    accepted(OTHERS[name])


@pytest.mark.parametrize("operator", [">", "<", ">=", "<=", "==", "!=", "crosses_above", "crosses_below"])
def test_every_operator(operator: str) -> None:
    accepted(compare(candle(), operator, candle("Open")))


def test_ranges_and_lists() -> None:
    for operator in ("between", "not_between"):
        accepted(compare(candle(), operator, 1, rhsUpper=number(2)))
    for operator in ("in", "not_in"):
        accepted(compare(candle(), operator, {"type": "list", "items": [number(1), candle("Open")]}))


@pytest.mark.parametrize("action", ["entry", "exit", "alert", "modify"])
def test_an_action_node_is_what_its_action_says(action: str) -> None:
    made = {
        "entry": entry("n", "q"), "exit": exit_("n", "p"),
        "modify": modify("n", "p", stopLoss={"type": "price", "value": 1}),
        "alert": {"id": "n", "data": {"actionType": "alert", "alertMessage": "m", "alertType": "info"}},
    }[action]  # fmt: skip
    nodes = [start(), signal("A", compare(candle(), ">", 1)), entry("e", "p"), signal("B", compare(candle(), "<", 1))]
    document = sound(*nodes, made | {"type": "actionNode"}, paths=("start > A > e > B > n",))
    assert document.nodes[-1].kind.value == action


def test_every_node_type_of_the_editor_has_a_model() -> None:
    assert set(builder_schema.NODES) == {
        "startNode", "signalNode", "entrySignalNode", "exitSignalNode", "reEntrySignalNode", "retryNode", "entryNode",
        "exitNode", "alertNode", "modifyNode", "squareOffNode", "forceEndNode", "endNode",
    }  # fmt: skip


# --- what it means -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("offset", "back"), [(0, -1), (-1, 0), (1, 0), (-2, 1), (2, 1), (-7, 6)])
def test_a_look_back_is_counted_from_the_forming_bar(offset: int, back: int) -> None:
    condition = accepted(compare(candle(offset=offset), ">", 5)).condition.members[0]
    assert condition.left == Candle("close", back)  # type: ignore[union-attr] # a condition


def test_the_value_of_a_constant_counts_and_never_its_stale_number() -> None:
    condition = accepted(compare(candle(), ">", 30)).condition.members[0]
    assert condition.right == (Constant(30.0),)  # type: ignore[union-attr]
    absent = {"type": "constant", "valueType": "number", "numberValue": 7}
    assert errors(drawn(compare(candle(), ">", absent))) == [
        ("missing-key", "/nodes/1/data/conditions/0/conditions/0/rhs/valueType")
    ]


def test_several_roots_must_all_hold() -> None:
    node = signal("A", compare(candle(), ">", 5))
    node["data"]["conditions"].append(root(compare(candle(), "<", 9), compare(candle(), ">", 20), logic="OR"))
    nodes = [start(), node, entry("e", "p")]
    group = next(n for n in sound(*nodes, paths=("start > A > e",)).nodes if isinstance(n, Signal)).condition
    assert group.logic is Logic.AND
    assert [member.logic for member in group.members] == [Logic.AND, Logic.OR]  # type: ignore[union-attr]


def test_a_range_by_count_is_the_bars_it_names() -> None:
    counted = {
        "type": "candle_range", "rangeType": "by_count", "startIndex": 3, "endIndex": 1, "aggregationType": "max",
        "ohlcvField": "high",
    }  # fmt: skip
    left = accepted(compare(counted, ">", 5)).condition.members[0].left  # type: ignore[union-attr]
    assert left == Gathered(Gathering.MAX, tuple(Candle("high", back) for back in (2, 1, 0)))


def test_the_node_that_holds_a_variable_counts() -> None:
    kept = {"id": "v", "name": "v", "nodeId": "stale", "expression": candle("Low")}
    reads = {"type": "node_variable", "nodeId": "A", "variableName": "v"}
    nodes = [
        start(), signal("A", compare(candle(), ">", 1), variables=[kept]), entry("e", "p"),
        signal("B", compare(candle(), "<", reads), kind="exit"), exit_("x", "p"),
    ]  # fmt: skip
    document = sound(*nodes, paths=("start > A > e > B > x",))
    signals = [n for n in document.nodes if isinstance(n, Signal)]
    assert signals[0].variables == (("v", Candle("low")),)
    assert signals[1].condition.members[0].right == (NodeVariable("A", "v"),)  # type: ignore[union-attr]


def test_stops_of_entry_leg_and_exit_are_the_positions() -> None:
    trailing = {"enabled": True, "priceMove": 2, "trailPrice": 1, "units": "percentage", "trailType": "underlying"}
    post = {
        "stopLoss": {"enabled": True, "triggerType": "pnl", "stopPnl": 500, "waitTime": 5, "limitBuffer": 0.5},
        "takeProfit": {"enabled": False, "triggerType": "percentage", "targetPercentage": 5},
    }
    nodes = [
        start(), signal("A", compare(candle(), ">", 1)), entry("e", leg("p", trailingConfig=trailing)),
        signal("B", compare(candle(), "<", 1)), exit_("x", "p", post),
    ]  # fmt: skip
    document = sound(*nodes, paths=("start > A > e > B > x",))
    (one,) = next(n for n in document.nodes if isinstance(n, Entry)).legs
    trail = one.protection.trail
    assert one.protection.stop == Level(Measure.PNL, post["stopLoss"]["stopPnl"])  # type: ignore[arg-type] # equal as a Decimal
    assert isinstance(trail, Trail)
    assert trail.underlying
    assert trail.distance is None
    assert one.protection.target is None
    assert one.protection != Protection()


def test_a_square_off_by_percent_is_of_the_capital() -> None:
    performance = {
        "enabled": True,
        "dailyPnLTarget": {"enabled": True, "targetAmount": 2, "targetType": "percentage", "initialCapital": 50_000},
        "dailyLossLimit": {"enabled": True, "limitAmount": 300, "limitType": "absolute"},
    }
    nodes = [start(), square_off("S", performanceBasedExit=performance)]
    ending = next(n for n in sound(*nodes, paths=("start > S",)).nodes if isinstance(n, SquareOff))
    assert (ending.profit, ending.loss) == (Decimal(1000), Decimal(300))


def test_a_second_instrument_and_several_timeframes_are_lines() -> None:
    frames: list[Any] = [{"id": name, "timeframe": name, "indicators": {}} for name in ("15m", "1m")]
    second = {"symbol": "ABC", "type": "stock", "timeframes": [{"id": "5m", "timeframe": "5m", "indicators": {
        "ema_1": {"indicator_name": "ema", "length": 9},
    }}]}  # fmt: skip
    begin = start(
        tradingInstrumentConfig={"symbol": "XYZ", "type": "stock", "timeframes": frames},
        supportingInstrumentEnabled=True, supportingInstrumentConfig=second,
    )  # fmt: skip
    average = {"type": "indicator", "name": "ema_1", "offset": -1, "timeframeId": "5m", "instrumentType": "SI"}
    nodes = [begin, signal("A", compare(average, ">", candle(timeframeId="15m"))), entry("e", "p")]
    document = sound(*nodes, paths=("start > A > e",))
    assert [(line.symbol, str(line.timeframe)) for line in document.lines] == [
        ("XYZ", "1m"),
        ("XYZ", "15m"),
        ("ABC", "5m"),
    ]
    condition = next(n for n in document.nodes if isinstance(n, Signal)).condition.members[0]
    assert condition.left == IndicatorValue("ema_1", "ema", 0, 2)  # type: ignore[union-attr]
    assert condition.right == (Candle("close", 0, 1),)  # type: ignore[union-attr]


# --- what is refused ---------------------------------------------------------------------------------------------

SIDE = "/nodes/1/data/conditions/0/conditions/0/lhs"
WRONG = [
    ("unknown-expression", f"{SIDE}/type", {"type": "candle_dta", "field": "Close"}),
    ("unknown-instrument", f"{SIDE}/timeframeId", candle(instrumentType="SI")),
    ("unknown-timeframe", f"{SIDE}/timeframeId", candle(timeframeId="7m")),
    ("unknown-indicator", f"{SIDE}/name", {"type": "indicator", "name": "rsi_9", "offset": -1}),
    ("unknown-value", f"{SIDE}/field", live("ltpp")),
    ("missing-key", f"{SIDE}/vpi", live("position_ltp")),
    ("missing-key", f"{SIDE}/candleTime", candle(candleSelectionMode="by_time")),
    ("bad-time", f"{SIDE}/candleTime", candle(candleSelectionMode="by_time", candleTime="25:00")),
    ("contradiction", f"{SIDE}/dataField", candle() | {"dataField": "Open"}),
    ("unknown-value", f"{SIDE}/positionField", position("p", "entryPrise")),
    ("type-mismatch", f"{SIDE}", {"type": "list", "items": [number(1)]}),
    ("empty", f"{SIDE}/items", {"type": "math_expression", "items": []}),
    ("missing-key", f"{SIDE}/direction", {"type": "candle_range", "rangeType": "by_count", "aggregationType": "max"}),
    ("unknown-key", f"{SIDE}/offfset", candle() | {"offfset": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "pointer", "side"), WRONG)
def test_what_cannot_be_meant_is_told_at_its_place(code: str, pointer: str, side: dict[str, Any]) -> None:
    assert errors(drawn(compare(side, ">", 5))) == [(code, pointer)]


def test_times_and_numbers_are_not_compared() -> None:
    assert errors(drawn(compare(NOW, ">", 5))) == [("type-mismatch", f"{SIDE.removesuffix('lhs')}rhs")]


def test_several_timeframes_must_be_told_apart() -> None:
    frames: list[Any] = [{"id": name, "timeframe": name, "indicators": {}} for name in ("15m", "1m")]
    begin = start(tradingInstrumentConfig={"symbol": "XYZ", "type": "stock", "timeframes": frames})
    assert errors(drawn(compare(candle(), ">", 5), begin=begin)) == [("missing-key", f"{SIDE}/timeframeId")]


def test_running_variables_are_known_and_not_executed() -> None:
    begin = start(runningVariables={"variables": {"v": {"id": "v"}}})
    assert errors(drawn(compare(candle(), ">", 5), begin=begin)) == [
        ("not-supported", "/nodes/0/data/runningVariables")
    ]


def test_a_cycle_that_is_no_re_entry_is_printed() -> None:
    nodes = [
        start(), signal("A", compare(candle(), ">", 1)), entry("e", "p"), signal("B", compare(candle(), "<", 1)),
        exit_("x", "p"), again("R", "e", compare(candle(), ">", 2), maxReEntries=1),
    ]  # fmt: skip
    good = drawing(nodes, ["start > A > e > B > x > R > e"])
    assert errors(good) == []
    bad = drawing(nodes, ["start > A > e > B > x > R > e", "x > B"])
    assert [code for code, _ in errors(bad)] == ["cycle"]


# --- the tables --------------------------------------------------------------------------------------------------


def test_every_key_has_one_role() -> None:
    parts = seed_schema.parts_of(builder_schema.BuilderStrategy) | seed_schema.parts_of(builder_schema.Row)
    for name, part in parts.items():
        read = {field.alias or key for key, field in part.model_fields.items()}
        assert not (part.carried() | part.inert().keys()) & read, name
        for key, field in part.model_fields.items():
            assert field.description, f"{name}.{key}"
    roles = builder_schema.keys()
    assert roles["BuilderStartData"]["runningVariables"] == "inert"
    assert roles["VariablePart"]["nodeId"] == "carried"
    assert roles["IndicatorRead"]["offset"] == "read"


def test_the_schema_accepts_what_the_editor_saved_and_refuses_what_it_did_not() -> None:
    judge = jsonschema.Draft202012Validator(builder_schema.schema())
    judge.check_schema(judge.schema)
    saved = json.loads(shared(f"strategies/builder/{SAVED[0]}").read_bytes())
    saved["nodes"] = [node for node in saved["nodes"][:4] if node["type"] != "strategyOverview"]
    assert judge.is_valid(saved)
    saved["nodes"][1]["data"]["colour_of_money"] = "red"
    assert not judge.is_valid(saved)
    assert len(schema()["anyOf"]) == 2


def test_a_status_has_its_spellings_in_the_table() -> None:
    assert spellings.STATUSES.find("partially closed") == "partially_closed"
