from __future__ import annotations

from typing import Any

import pytest

from tests.unit.core.graph.corpus.case import (
    AGAIN,
    FIRST,
    GROUP,
    INDICATORS,
    ORDER,
    POSITION,
    REMOVE,
    START,
    candle,
    condition,
    edited,
    group,
    indicator,
    make_document,
    make_two_entries,
    number,
)
from tests.unit.core.graph.loaded import errors, loaded, of_severity, warnings
from tradingd.core.graph.verify import ranks, verify
from tradingd.core.indicators.catalog import CATALOG
from tradingd.model.errors import Severity

RSI = indicator("rsi_14")
LOW, HIGH = condition(RSI, "<", number(30)), condition(RSI, ">", number(70))
CARRIED = {f"{START}/strategyType": "carryforward", f"{POSITION}/productType": "carryForward"}


def warned(edits: dict[str, Any], base: dict[str, Any] | None = None) -> list[tuple[str, str]]:
    text = edited(base or make_document(), edits)
    assert errors(text) == []
    return warnings(text)


def told(edits: dict[str, Any], code: str) -> list[str]:
    findings = of_severity(loaded(edited(make_document(), edits)), Severity.INFO)
    return [finding.message for finding in findings if finding.code == code]


# --- the drawing ---------------------------------------------------------------------------------------------


def test_a_cycle_is_printed_from_its_first_node() -> None:
    text = edited(make_document(), {"/edges/5": {"source": "exit-1", "target": "signal-1"}})
    finding = loaded(text).findings[0]
    assert "signal-1 -> entry-1 -> signal-2 -> exit-1 -> signal-1" in finding.message
    assert finding.node == "signal-1"


def test_cycles_apart_are_told_apart() -> None:
    more = {
        "/nodes/6": {"id": "s-8", "type": "signalNode", "data": {"conditions": LOW}},
        "/nodes/7": {"id": "s-9", "type": "signalNode", "data": {"conditions": HIGH}},
        "/edges/5": {"source": "s-8", "target": "s-9"},
        "/edges/6": {"source": "s-9", "target": "s-8"},
        "/edges/7": {"source": "start-1", "target": "s-8"},
        "/edges/8": {"source": "exit-1", "target": "entry-1"},
    }
    assert errors(edited(make_document(), more)) == [("cycle", "/edges/6"), ("cycle", "/edges/8")]


def test_an_edge_drawn_twice_counts_once() -> None:
    assert warned({"/edges/5": {"source": "start-1", "target": "signal-1"}}) == [("duplicate-edge", "/edges/5")]


def test_a_node_that_nothing_reaches_is_an_error_only_where_it_trades() -> None:
    alert = {"/nodes/6": {"id": "a-9", "type": "alertNode", "data": {"alertMessage": "m"}}}
    assert warned(alert) == [("unreachable", "/nodes/6")]
    assert errors(edited(make_document(), {"/edges/2": REMOVE})) == [
        ("unreachable", "/nodes/3"),
        ("unreachable", "/nodes/5"),
    ]


def test_a_signal_that_leads_to_nothing_is_warned_of() -> None:
    more = {
        "/nodes/6": {"id": "s-9", "type": "signalNode", "data": {"conditions": LOW}},
        "/edges/5": {"source": "start-1", "target": "s-9"},
    }
    assert warned(more) == [("leads-nowhere", "/nodes/6")]


def test_ranks_are_longest_paths() -> None:
    assert ranks("abcd", [("a", "b"), ("b", "c"), ("a", "c"), ("c", "d")]) == {"a": 0, "b": 1, "c": 2, "d": 3}


# --- entries and exits ---------------------------------------------------------------------------------------


def test_an_exit_without_target_closes_all_entries() -> None:
    assert warned({}, make_two_entries()) == [("closes-all", "/nodes/5")]
    assert warned({f"{ORDER}/targetPositionVpi": "share"}, make_two_entries()) == []


def test_an_exit_under_start_never_has_anything_to_close() -> None:
    more = {
        "/nodes/6": {"id": "x-9", "type": "exitNode", "data": {}},
        "/edges/5": {"source": "start-1", "target": "x-9"},
    }
    assert warned(more) == [("nothing-to-close", "/nodes/6")]


def test_an_exit_without_any_entry_never_has_anything_to_close() -> None:
    without = {
        "/nodes/3": {"id": "entry-1", "type": "alertNode", "data": {"alertMessage": "m"}},
        f"{AGAIN}/enabled": False,
    }
    assert warned(without) == [("nothing-to-close", "/nodes/5")]


def test_an_exit_that_hangs_on_an_entry_closes_at_once() -> None:
    assert warned({"/edges/5": {"source": "entry-1", "target": "exit-1"}}) == [("closes-at-once", "/nodes/5")]


def test_a_carried_position_that_no_exit_closes_is_warned_of() -> None:
    other = {f"{ORDER}/targetPositionVpi": "swing"}
    swing = {"/nodes/6/data/positions/0/productType": "carryForward"}
    assert warned({**CARRIED, **other, **swing}, make_two_entries()) == [("never-closed", "/nodes/3/data/positions/0")]
    assert warned(CARRIED) == []


def test_an_intraday_position_is_closed_by_the_sessions_end() -> None:
    without = {"/nodes/5": REMOVE, "/edges/4": REMOVE}
    assert warned(without) == [("leads-nowhere", "/nodes/4")]


def test_re_entry_finds_its_signals_beside_the_path_of_the_exit() -> None:
    beside = {"/edges/3": {"source": "start-1", "target": "signal-2"}}
    assert warned(beside) == []
    without = {**beside, "/edges/2": {"source": "start-1", "target": "entry-1"}}
    assert errors(edited(make_document(), without)) == [("re-entry-without-signal", AGAIN)]


def test_groups_apart_may_have_limits_apart() -> None:
    second = {
        "/nodes/6": {"id": "s-9", "type": "signalNode", "data": {"conditions": LOW}},
        "/nodes/7": {
            "id": "x-9",
            "type": "exitNode",
            "data": {"exitNodeData": {"reEntryConfig": {"enabled": True, "groupNumber": 2, "maxReEntries": 5}}},
        },
        "/edges/5": {"source": "entry-1", "target": "s-9"},
        "/edges/6": {"source": "s-9", "target": "x-9"},
    }
    assert warned(second) == []


def test_an_intraday_strategy_on_daily_bars_never_trades() -> None:
    assert warned({f"{START}/timeframe": "1d"}) == [("intraday-on-daily", f"{START}/timeframe")]
    assert warned({f"{START}/timeframe": "1d", **CARRIED}) == []


def test_alerts_on_an_index_need_no_contract() -> None:
    alone = make_document()
    alone["nodes"], alone["edges"] = alone["nodes"][:3], alone["edges"][:2]
    assert warned({f"{START}/symbol": "NIFTY", f"{START}/tradingInstrument": REMOVE}, alone) == []


# --- conditions ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (group("or", LOW, group("and", LOW, HIGH)), [("never-true", f"{GROUP}/conditions/1")]),
        (group("and", LOW, condition(number(1), "<", number(2))), [("always-true", f"{GROUP}/conditions/1")]),
        (group("and", condition(RSI, "<=", RSI)), [("always-true", GROUP)]),
        (group("not", group("and", LOW, HIGH)), [("always-true", GROUP)]),
        (group("and", LOW, group("or", HIGH, condition(candle("close"), ">", candle("open")))), []),
        (group("and", condition(RSI, "crosses_above", number(30)), condition(RSI, "<", number(40))), []),
        (group("and", condition(RSI, "<", number(30)), condition(indicator("rsi_14", offset=1), ">", number(70))), []),
        (group("and", condition(RSI, "!=", number(30)), condition(RSI, "==", number(30.5))), []),
    ],
)
def test_what_decides_nothing_is_warned_of(conditions: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert warned({GROUP: conditions}) == expected


def test_equality_of_prices_is_left_to_the_tick() -> None:
    close = candle("close")
    assert (
        warned({GROUP: group("and", condition(close, "==", number(100.02)), condition(close, "<", number(100.01)))})
        == []
    )


# --- facts ---------------------------------------------------------------------------------------------------


def test_the_warm_up_counts_the_bars_of_the_slowest_operand() -> None:
    assert told({}, "warm-up") == ["the strategy needs 15 closed 5m bars before every condition is known"]
    slow = {
        FIRST: condition(candle("close"), "crosses_above", indicator("sma_50", offset=2)),
        f"{INDICATORS}/sma_50": {"type": "sma", "period": 50},
    }
    assert told(slow, "warm-up") == ["the strategy needs 53 closed 5m bars before every condition is known"]


def test_each_signal_says_what_it_reads() -> None:
    assert told({}, "reads") == [
        "signal-1 reads rsi_14, close, open of closed 5m bars; no forming bar, no live price",
        "signal-2 reads rsi_14 of closed 5m bars; no forming bar, no live price",
    ]


def test_orders_at_one_instant_are_bounded() -> None:
    assert told({}, "orders-per-instant") == ["the strategy sends at most 1 orders at one instant"]
    half = {"exitNodeData": {"orderConfig": {"quantity": "percentage", "partialQuantityPercentage": 50}}}
    more = {
        "/nodes/6": {"id": "x-9", "type": "exitNode", "data": half},
        "/edges/5": {"source": "signal-2", "target": "x-9"},
    }
    assert told(more, "orders-per-instant") == ["the strategy sends at most 2 orders at one instant"]


def test_a_document_made_elsewhere_is_verified_the_same_way() -> None:
    document = loaded(make_document()).document
    assert document is not None
    assert [f.code for f in verify(document, {}, CATALOG)] == ["reads", "reads", "warm-up", "orders-per-instant"]
