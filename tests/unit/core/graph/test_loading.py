from __future__ import annotations

import itertools
import json
from decimal import Decimal
from typing import Any

import jsonschema
import pytest

from tests.shared import shared
from tests.unit.core.graph.corpus import CASES
from tests.unit.core.graph.corpus.case import (
    AGAIN,
    DETAILS,
    EXIT,
    FIRST,
    GROUP,
    INDICATORS,
    ORDER,
    POSITION,
    REMOVE,
    SIGNAL,
    START,
    candle,
    condition,
    edited,
    group,
    indicator,
    make_document,
    make_options,
    number,
)
from tests.unit.core.graph.loaded import errors, kind_of, loaded, warnings
from tradingd.core.graph.dialects import seed_schema, spellings
from tradingd.core.graph.dialects.text import BYTES_MAX
from tradingd.core.graph.document import Document, Entry, Exit, ExitQuantity, ReEntry, Signal, Trigger
from tradingd.core.graph.expressions import Candle, Condition, Constant, Group, IndicatorValue, Logic, Op
from tradingd.core.graph.loading import parse, schema
from tradingd.core.indicators.catalog import CATALOG
from tradingd.core.indicators.declaration import declare
from tradingd.model.errors import DocumentError
from tradingd.model.instrument import InstrumentKind
from tradingd.model.trading import AlertType, OptionChoice, OrderType, Product, Side

SEED_FILES = ("nifty_rsi_call.json", "nifty_rsi_call_multiplier_50.json")


def read(edits: dict[str, Any] | None = None, base: dict[str, Any] | None = None) -> Document:
    document = loaded(edited(base or make_document(), edits or {})).document
    assert document is not None
    return document


def signal_of(document: Document) -> Signal:
    return next(node for node in document.nodes if isinstance(node, Signal))


def comparison_of(document: Document) -> Condition:
    member = signal_of(document).condition.members[0]
    assert isinstance(member, Condition)
    return member


def exit_of(document: Document) -> Exit:
    return next(node for node in document.nodes if isinstance(node, Exit))


def entry_of(document: Document) -> Entry:
    return next(node for node in document.nodes if isinstance(node, Entry))


# --- the customer's documents --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SEED_FILES)
def test_the_customers_documents_load_without_errors(name: str) -> None:
    text = shared(f"strategies/seed/{name}").read_bytes()
    result = loaded(text)
    assert errors(text) == []
    assert warnings(text) == []
    assert result.document is not None
    assert result.document.symbol == "NIFTY"
    assert result.document.instrument_kind is InstrumentKind.OPTION
    assert str(result.document.timeframe) == "5m"
    assert [str(decl) for _, decl in result.document.lines[0].indicators] == ["rsi(14, close)", "sma(20, close)"]
    leg = entry_of(result.document).legs[0]
    assert leg.choice == OptionChoice("W0", "ATM", "CE")
    assert (leg.multiplier is None) == (name == SEED_FILES[0])
    assert exit_of(result.document).re_entry == ReEntry(1, 2)


# --- all at once ---------------------------------------------------------------------------------------------


def test_all_errors_of_a_document_are_reported_at_once() -> None:
    text = edited(
        make_document(),
        {
            f"{START}/exchang": "NSE",
            f"{INDICATORS}/rsi_14/period": 0,
            f"{FIRST}/operator": "=<=",
            f"{FIRST}/lhs/name": "rsi14",
            f"{SIGNAL}/conditions/conditions/1/rhsUpper": number(3),
            f"{POSITION}/orderType": "limit",
            f"{POSITION}/quantity": 0,
            f"{ORDER}/targetPositionVpi": "shares",
            "/nodes/4/data/conditions": group("and"),
            "/nodes/6": {"id": "alert-1", "type": "alertNode", "data": {"alertMessage": "x", "alertType": "loud"}},
            "/edges/5": {"source": "signal-2", "target": "signal-2"},
            "/edges/6": {"source": "signal-2", "target": "nobody"},
        },
    )
    assert errors(text) == [
        ("self-loop", "/edges/5"),
        ("unknown-node", "/edges/6/target"),
        ("unknown-key", f"{START}/exchang"),
        ("out-of-range", f"{INDICATORS}/rsi_14/period"),
        ("unknown-indicator", f"{FIRST}/lhs/name"),
        ("unknown-operator", f"{FIRST}/operator"),
        ("unexpected-key", f"{SIGNAL}/conditions/conditions/1/rhsUpper"),
        ("missing-key", f"{POSITION}/limitPrice"),
        ("out-of-range", f"{POSITION}/quantity"),
        ("empty-group", "/nodes/4/data/conditions/conditions"),
        ("unknown-value", "/nodes/6/data/alertType"),
        ("duplicate-id", "/nodes/6/id"),
    ]


def test_a_target_is_not_called_unknown_while_an_entry_cannot_be_read() -> None:
    text = edited(make_document(), {f"{POSITION}/quantity": 0, f"{ORDER}/targetPositionVpi": "share"})
    assert errors(text) == [("out-of-range", f"{POSITION}/quantity")]


def test_a_start_node_that_cannot_be_read_hides_no_other_fault() -> None:
    text = edited(make_document(), {f"{START}/timeframe": "soon", f"{FIRST}/lhs/name": "rs_14", f"{POSITION}/vpt": 5})
    assert errors(text) == [
        ("bad-timeframe", f"{START}/timeframe"),
        ("unknown-indicator", f"{FIRST}/lhs/name"),
        ("wrong-type", f"{POSITION}/vpt"),
    ]


@pytest.mark.parametrize(
    ("edits", "suggestion"),
    [
        ({f"{FIRST}/operator": "croses_above"}, "crosses_above"),
        ({f"{FIRST}/lhs/name": "rsi14"}, "rsi_14"),
        ({f"{POSITION}/orderType": "LIMT"}, "limit"),
        ({f"{POSITION}/postionType": "buy"}, "positionType"),
        ({f"{INDICATORS}/rsi_14/perid": 9}, "period"),
        ({f"{FIRST}/lhs": {"type": "candle_data", "field": "close"}}, "market_data"),
        ({"/nodes/1/type": "entrySignalNode"}, "signalNode"),
        ({"/edges/0/target": "signl-1"}, "signal-1"),
        ({f"{ORDER}/targetPositionVpi": "shares"}, "share"),
    ],
)
def test_the_nearest_allowed_word_is_suggested(edits: dict[str, Any], suggestion: str) -> None:
    assert suggestion in [finding.suggestion for finding in loaded(edited(make_document(), edits)).findings]


def test_a_message_names_the_value_and_what_is_allowed() -> None:
    finding = loaded(edited(make_document(), {f"{START}/exchange": "NASDAQ"})).findings[0]
    assert finding.node == "start-1"
    assert finding.message == 'exchange "NASDAQ" is unknown; allowed: NSE, BSE, NFO, BFO, BINANCE, SIM'


def test_a_document_with_endless_faults_is_told_the_first_of_them() -> None:
    text = edited(make_document(), {GROUP: group("or", *(condition(candle("x"), "<", number(i)) for i in range(1500)))})
    found = errors(text)
    assert len(found) == 501
    assert found[-1] == ("too-many", "")


def test_parse_raises_with_every_finding() -> None:
    with pytest.raises(DocumentError, match="2 error") as caught:
        parse(edited(make_document(), {"/id": 5, f"{POSITION}/quantity": 0}), CATALOG, declare, kind_of)
    assert [f.code for f in caught.value.findings] == ["wrong-type", "out-of-range"]
    assert parse(json.dumps(make_document()), CATALOG, declare, kind_of).id == "rsi-share"


# --- what each field becomes ---------------------------------------------------------------------------------


def test_numbers_and_spellings_come_out_canonical() -> None:
    document = read(
        {
            f"{START}/timeframe": "1H",
            f"{START}/exchange": " nse ",
            f"{START}/strategyType": "carryForward",
            f"{POSITION}/positionType": "SHORT",
            f"{POSITION}/orderType": "Limit",
            f"{POSITION}/limitPrice": 100.05,
            f"{POSITION}/quantity": 2.0,
            f"{POSITION}/productType": REMOVE,
            "/nodes/2/data/alertType": None,
        }
    )
    leg = entry_of(document).legs[0]
    assert (str(document.timeframe), document.exchange) == ("1h", "NSE")
    assert (leg.side, leg.order_type, leg.product) == (Side.SELL, OrderType.LIMIT, Product.CARRY_FORWARD)
    assert (leg.limit_price, leg.quantity) == (Decimal("100.05"), Decimal(2))
    assert leg.max_entries is None
    assert leg.choice is None
    assert next(n for n in document.nodes if n.id == "alert-1").type is AlertType.INFO  # type: ignore[union-attr] # it is the alert


def test_every_spelling_of_an_operator_means_the_same() -> None:
    for op, spelled in spellings.OPERATORS.words.items():
        rhs = {"type": "list", "items": [number(1)]} if op in (Op.IN, Op.NOT_IN) else number(1)
        upper = {"rhsUpper": number(2)} if op in (Op.BETWEEN, Op.NOT_BETWEEN) else {}
        for spelling in (*spelled, *(s.upper() for s in spelled)):
            document = read({GROUP: group("and", condition(candle("close"), spelling, rhs, **upper))})
            assert comparison_of(document).op is op, spelling


@pytest.mark.parametrize("vocabulary", spellings.VOCABULARIES, ids=lambda v: v.what)
def test_no_spelling_means_two_things(vocabulary: spellings.Vocabulary[Any]) -> None:
    folded = [s.casefold() for s in (*vocabulary.spellings, *vocabulary.later)]
    assert len(set(folded)) == len(folded)


def test_look_back_counts_closed_bars_whatever_its_sign() -> None:
    for offset, back in ((0, 0), (1, 1), (-1, 1), (-500, 500), (None, 0), (2.0, 2)):
        assert comparison_of(read({f"{FIRST}/lhs/offset": offset})).left == IndicatorValue("rsi_14", "rsi", back)


def test_operands_name_their_output_and_field() -> None:
    document = read(
        {
            FIRST: condition(
                indicator("macd_1", parameter="SIGNAL"),
                "between",
                candle("LOW", offset=-3),
                rhsUpper=indicator("macd_1"),
            )
        }
    )
    assert comparison_of(document) == Condition(
        "1", IndicatorValue("macd_1", "signal"), Op.BETWEEN, (Candle("low", 3), IndicatorValue("macd_1", "macd"))
    )


def test_the_value_of_a_constant_wins_over_a_stale_number() -> None:
    stale = {"type": "constant", "valueType": "number", "value": 30, "numberValue": 0}
    assert comparison_of(read({f"{FIRST}/rhs": stale})).right == (Constant(30.0),)


def test_a_list_becomes_the_right_side() -> None:
    items = {"type": "list", "items": [number(1), candle("open"), number(-0.0)]}
    document = read({FIRST: condition(candle("close"), "not_in", items)})
    assert comparison_of(document).right == (Constant(1.0), Candle("open"), Constant(0.0))
    assert b"-0.0" not in document.canonical()


def test_a_lone_condition_is_a_group_of_one() -> None:
    lone = condition(indicator("rsi_14"), "<", number(30), id="c")
    assert read({GROUP: lone}) == read({GROUP: group("and", lone)})


def test_groups_nest_and_conditions_without_id_are_named_by_their_place() -> None:
    low, high = condition(indicator("rsi_14"), "<", number(30)), condition(candle("close"), ">", number(70))
    nested = signal_of(read({GROUP: group("OR", low, group("not", group("&&", low, high)))})).condition
    assert nested.logic is Logic.OR
    negated = nested.members[1]
    assert isinstance(negated, Group)
    assert negated.logic is Logic.NOT
    inner = negated.members[0]
    assert isinstance(inner, Group)
    assert [m.id for m in inner.members if isinstance(m, Condition)] == ["2.1.1", "2.1.2"]


def test_trigger_is_level_unless_said_otherwise() -> None:
    assert signal_of(read()).trigger is Trigger.LEVEL
    assert signal_of(read({f"{SIGNAL}/trigger": "edge"})).trigger is Trigger.EDGE


@pytest.mark.parametrize(
    ("config", "limit"),
    [
        ({"maxReEntries": 2}, 2),
        ({"maxEntries": 3}, 2),
        ({"maxReEntries": None}, None),
        ({"maxEntries": None}, None),
        ({"maxReEntries": 10, "maxEntries": 1}, 10),
        ({}, 0),
    ],
)
def test_the_limit_counts_re_entries(config: dict[str, Any], limit: int | None) -> None:
    assert exit_of(read({AGAIN: {"enabled": True, **config}})).re_entry == ReEntry(1, limit)


@pytest.mark.parametrize("config", [None, {}, {"enabled": False, "maxReEntries": 3}, {"maxReEntries": 3}])
def test_re_entry_that_is_not_switched_on_is_none(config: Any) -> None:
    assert exit_of(read({AGAIN: config})).re_entry is None


def test_re_entry_that_never_happens_and_limits_that_disagree_are_warned_of() -> None:
    assert warnings(edited(make_document(), {AGAIN: {"enabled": True}})) == [("re-entry-never", AGAIN)]
    two = {"enabled": True, "maxReEntries": 10, "maxEntries": 1}
    assert warnings(edited(make_document(), {AGAIN: two})) == [("re-entry-limits", AGAIN)]


def test_an_exit_closes_all_a_part_or_lots_of_its_target() -> None:
    assert (exit_of(read()).quantity, exit_of(read()).amount) == (ExitQuantity.ALL, None)
    half = exit_of(read({f"{ORDER}/quantity": "percentage", f"{ORDER}/partialQuantityPercentage": 50}))
    assert (half.quantity, half.amount) == (ExitQuantity.PERCENTAGE, Decimal(50))
    two = exit_of(read({f"{ORDER}/quantity": "specific", f"{ORDER}/specificQuantity": 2, f"{ORDER}/targetTag": "dip"}))
    assert (two.quantity, two.amount) == (ExitQuantity.SPECIFIC, Decimal(2))
    assert (two.tag, two.vpi) == ("dip", None)
    bare = exit_of(read({EXIT: {}}))
    assert (bare.order_type, bare.quantity, bare.re_entry) == (OrderType.MARKET, ExitQuantity.ALL, None)


def test_contracts_of_options_and_futures() -> None:
    put = read(
        {f"{DETAILS}/optionType": "put", f"{DETAILS}/strikeType": "itm3", f"{DETAILS}/expiry": "m1"}, make_options()
    )
    assert entry_of(put).legs[0].choice == OptionChoice("M1", "ITM3", "PE")
    futures = {f"{START}/tradingInstrument/type": "futures", DETAILS: {"expiry": "M0"}}
    assert entry_of(read(futures, make_options())).legs[0].choice == OptionChoice("M0", "", "FUT")


def test_what_a_symbol_is_follows_the_market_where_the_drawing_is_silent() -> None:
    bare = {f"{START}/tradingInstrument": REMOVE}
    assert read(bare).instrument_kind is InstrumentKind.EQUITY
    assert read({**bare, f"{START}/exchange": "BINANCE"}).instrument_kind is InstrumentKind.SPOT


def test_a_contract_can_be_named_by_its_own_symbol() -> None:
    def listed(_exchange: str, _symbol: str) -> InstrumentKind:
        return InstrumentKind.FUTURE

    edits = {f"{START}/symbol": "NIFTY24OCTFUT", f"{START}/exchange": "NFO", f"{START}/tradingInstrument": REMOVE}
    document = parse(edited(make_document(), edits), CATALOG, declare, listed)
    assert document.instrument_kind is InstrumentKind.FUTURE
    assert entry_of(document).legs[0].choice is None


def test_the_editors_own_node_is_left_out() -> None:
    overview = {
        "id": "strategy-overview-virtual",
        "type": "strategyOverview",
        "hidden": True,
        "data": {"isVirtual": True},
    }
    document = make_document()
    document["nodes"].insert(0, overview)
    result = loaded(document)
    assert result.document == loaded(make_document()).document
    document["nodes"][4]["data"]["positions"][0]["quantity"] = 0
    assert errors(document) == [("out-of-range", "/nodes/4/data/positions/0/quantity")]


# --- what does not matter ------------------------------------------------------------------------------------


def test_the_hash_is_of_what_runs_and_nothing_else() -> None:
    original = read()
    assert (
        read({"/name": "Other", f"{START}/label": "Other", f"{FIRST}/_x": 1, "/nodes/0/position": {"x": 1}}).hash
        == original.hash
    )
    assert read({f"{FIRST}/rhs/value": 31}).hash != original.hash
    assert read({"/edges/5": {"source": "start-1", "target": "signal-1"}}).hash == original.hash


def test_every_key_is_accounted_for_once() -> None:
    table = seed_schema.keys()
    assert {role for keys in table.values() for role in keys.values()} == {"read", "inert", "carried"}
    for name, part in seed_schema.parts_of(seed_schema.Strategy).items():
        read = {field.alias or key for key, field in part.model_fields.items()}
        assert not (part.carried() | part.inert().keys()) & read, name
    assert table["ReEntryConfig"] == {
        "enabled": "read", "groupNumber": "read", "maxReEntries": "read", "maxEntries": "read",
        "currentReEntryCount": "carried",
    }  # fmt: skip
    assert table["AlertData"]["sendEmail"] == "inert"


def test_every_field_that_is_read_says_what_it_is() -> None:
    for part in seed_schema.parts_of(seed_schema.Strategy).values():
        for name, field in part.model_fields.items():
            assert field.description, f"{part.__name__}.{name}"


def _every_object(value: Any) -> list[dict[str, Any]]:
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return ([value] if isinstance(value, dict) else []) + [o for item in inner for o in _every_object(item)]


def test_an_unknown_key_is_refused_wherever_it_stands() -> None:
    for make in (make_document, make_options):
        for i in range(len(_every_object(make()))):
            document = make()
            here = _every_object(document)[i]
            indicators = document["nodes"][0]["data"]["indicators"]
            here["zzz"] = {"type": "sma"} if here is indicators else 1
            found = errors(document)
            if here is indicators:
                assert found == []  # its keys are names
            else:
                assert [code for code, _ in found] == ["unknown-key"], here
                assert found[0][1].endswith("/zzz")


# --- the schema ----------------------------------------------------------------------------------------------


def test_the_schema_is_valid_and_accepts_what_loads() -> None:
    validator = jsonschema.Draft202012Validator(schema())
    jsonschema.Draft202012Validator.check_schema(schema())
    for document in (make_document(), make_options()):
        assert list(validator.iter_errors(document)) == []
    for name in SEED_FILES:
        assert list(validator.iter_errors(json.loads(shared(f"strategies/seed/{name}").read_text()))) == []


def test_the_schema_refuses_unknown_keys_and_words() -> None:
    validator = jsonschema.Draft202012Validator(schema())
    for edits in ({f"{FIRST}/operator": "<<"}, {f"{START}/exchang": 1}, {f"{POSITION}/quantity": -1}, {"/id": REMOVE}):
        assert not validator.is_valid(json.loads(edited(make_document(), edits))), edits


# --- hostile text --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "[" * 1_000_000,
        '{"a":' * 200_000,
        '"' + "\\" * 1_000_000,
        '{"nodes":[' + '{"type":' * 50 + "1" + "}" * 50 + "]}",
        b"\xff\xfe\x00",
        b"\xef\xbb\xbf[]",
        "",
        "null",
        '{"id":"a","nodes":{"0":1},"edges":3}',
        '{"id":[],"nodes":[[],null,{"id":{},"type":[]}],"edges":[null,{}]}',
        '{"id":"a","nodes":[{"id":"s","type":"startNode","data":[]}],"edges":[]}',
        "[" + "0," * 500_000 + "0]",
        " " * (BYTES_MAX + 1),
    ],
    ids=itertools.count(),
)
def test_hostile_text_is_a_finding(text: str | bytes) -> None:
    result = loaded(text)
    assert result.document is None
    assert result.findings


def test_a_byte_order_mark_is_no_fault() -> None:
    assert errors(b"\xef\xbb\xbf" + json.dumps(make_document()).encode()) == []


def test_every_kind_of_error_has_its_case() -> None:
    assert {case.code for case in CASES} >= {
        "bad-text", "bad-timeframe", "carry-in-intraday", "contradiction", "cycle", "dialect-ambiguous",
        "dialect-unknown", "duplicate-id", "duplicate-key", "duplicate-vpi", "edge-into-start",
        "empty", "empty-group", "empty-range", "fraction-of-lot", "index-not-tradable", "missing-key",
        "missing-target", "never-true", "no-start", "not-finite", "not-json", "not-supported", "not-takes-one",
        "out-of-range", "re-entry-limits-differ", "re-entry-without-signal", "self-loop", "several-starts",
        "too-deep", "too-large", "too-many", "two-targets", "type-mismatch", "unexpected-key", "unknown-expression",
        "unknown-indicator", "unknown-key", "unknown-member", "unknown-node", "unknown-node-type", "unknown-operator",
        "unknown-output", "unknown-target", "unknown-value", "unreachable", "wrong-type",
    }  # fmt: skip
