from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.core.graph.corpus.case import (
    DETAILS,
    GROUP,
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
from tests.unit.core.graph.loaded import loaded
from tradingd.core.graph.explain import in_words, mermaid

if TYPE_CHECKING:
    from tradingd.core.graph.document import Document

LOW, HIGH = condition(candle("low"), "<", number(2)), condition(candle("low"), ">", number(9))
ITEMS = {"type": "list", "items": [number(1), number(2)]}


def read(edits: dict[str, Any] | None = None, base: dict[str, Any] | None = None) -> Document:
    document = loaded(edited(base or make_document(), edits or {})).document
    assert document is not None
    return document


def test_a_strategy_reads_as_a_person_would_say_it() -> None:
    assert in_words(read()) == (
        "Buy the dip\n"
        "  watches closed 5m bars of NSE:RELIANCE, trades RELIANCE\n"
        "  macd_1 is macd(12, 26, 9, close)\n"
        "  rsi_14 is rsi(14, close)\n"
        "  intraday: flat before the end of each session\n"
        "\n"
        "  0  start-1   begins each session -> signal-1\n"
        "  1  signal-1  waits until rsi_14 < 30 and close > open [1 bar before] -> alert-1, entry-1\n"
        "  2  alert-1   alerts (info): RSI is low\n"
        "  2  entry-1   buys 10 lots at market, intraday (position share, tag dip) -> signal-2\n"
        "  3  signal-2  waits until rsi_14 > 55 -> exit-1\n"
        "  4  exit-1    closes all positions at market; then may enter again, at most 2 times (group 1)\n"
    )


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        (
            group(
                "or",
                condition(indicator("macd_1", output="signal"), "crosses_below", number(-0.5)),
                condition(candle("close"), "==", number(100)),
            ),
            "macd_1.signal crosses below -0.5 or close == 100",
        ),
        (
            group("not", condition(indicator("rsi_14"), "not_between", number(30), rhsUpper=number(70))),
            "not (rsi_14 not between 30 and 70)",
        ),
        (
            group("and", LOW, group("not", group("or", condition(candle("open", offset=2), "<", number(1)), HIGH))),
            "low < 2 and not (open [2 bars before] < 1 or low > 9)",
        ),
        (
            group("and", condition(candle("close"), "in", ITEMS), group("or", LOW, HIGH)),
            "close in (1, 2) and (low < 2 or low > 9)",
        ),
    ],
)
def test_conditions_read_with_the_brackets_they_need(conditions: dict[str, Any], words: str) -> None:
    assert f"waits until {words} ->" in in_words(read({GROUP: conditions}))


def test_a_signal_by_edge_says_so() -> None:
    assert "waits until becomes true: rsi_14 < 30" in in_words(read({f"{SIGNAL}/trigger": "edge"}))


def test_positions_say_side_contract_price_and_stage() -> None:
    edits = {
        f"{POSITION}/positionType": "sell",
        f"{POSITION}/orderType": "limit",
        f"{POSITION}/limitPrice": 12.50,
        f"{POSITION}/priority": 2,
        f"{POSITION}/multiplier": 50,
        f"{POSITION}/maxEntries": 3,
        f"{POSITION}/productType": "NRML",
        f"{POSITION}/vpt": "",
        f"{DETAILS}/strikeType": "OTM2",
        f"{START}/strategyType": REMOVE,
    }
    words = in_words(read(edits, make_options()))
    assert (
        "stage 2: sells 1 lot of W0 OTM2 CE at 12.5 or better, carry forward, lot size 50 expected (position share),"
        " at most 3 times a session" in words
    )
    assert "intraday" not in words
    assert "trades options of NIFTY" in words


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ({f"{ORDER}/targetPositionVpi": "share"}, "closes position share at market"),
        ({f"{ORDER}/targetTag": "dip"}, "closes positions with tag dip at market"),
        (
            {f"{ORDER}/quantity": "percentage", f"{ORDER}/partialQuantityPercentage": 25},
            "closes 25 % of all positions at market",
        ),
        (
            {
                f"{ORDER}/quantity": "specific",
                f"{ORDER}/specificQuantity": 3,
                f"{ORDER}/orderType": "limit",
                f"{ORDER}/limitPrice": 7,
            },
            "closes 3 lots of all positions at 7 or better",
        ),
        ({"/nodes/5/data/exitNodeData/reEntryConfig/maxReEntries": None}, "may enter again, without limit (group 1)"),
    ],
)
def test_exits_say_what_they_close(order: dict[str, Any], words: str) -> None:
    assert words in in_words(read(order))


def test_a_drawing_has_every_node_and_edge() -> None:
    lines = mermaid(read()).splitlines()
    assert lines[0] == "flowchart TD"
    assert [line.strip() for line in lines if "-->" in line] == [
        "n0 --> n1", "n1 --> n2", "n1 --> n3", "n3 --> n4", "n4 --> n5",
    ]  # fmt: skip
    assert lines[1] == '    n0(["Begin<br/>begins each session"])'
    assert lines[4] == '    n3["entry-1<br/>buys 10 lots at market, intraday #40;position share, tag dip#41;"]'


def test_names_cannot_break_out_of_the_drawing() -> None:
    hostile = '"]; click n0 "javascript:x" %% <b>`'
    document = read({f"{SIGNAL}/label": hostile, "/nodes/2/data/alertMessage": f"{hostile}\nn0 --> n9"})
    lines = mermaid(document).splitlines()
    assert len(lines) == 1 + len(document.nodes) + len(document.edges)
    assert all(line.count('"') in (0, 2) for line in lines)
    assert not any("<b>" in line for line in lines)


def test_a_long_condition_is_cut_in_the_drawing_only() -> None:
    many = group("or", *(condition(candle("close"), ">", number(i)) for i in range(100)))
    document = read({GROUP: many})
    assert "close > 99" in in_words(document)
    assert max(map(len, mermaid(document).splitlines())) < 400


def test_texts_and_truths_are_quoted() -> None:
    text = {"type": "constant", "value": "a"}
    conditions = group(
        "or", condition(indicator("rsi_14"), "<", number(3)), condition(text, "==", {"type": "constant", "value": "b"})
    )
    assert "rsi_14 < 3 or 'a' == 'b'" in in_words(read({GROUP: conditions}))
