from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.stories import Story, alert, document, drawing, entry, exit_, leg, signal, start
from tests.unit.core.runs import compare, when
from tradingd.core.graph.document import Signal
from tradingd.core.graph.expressions import Candle, Constant, IndicatorValue, comparisons
from tradingd.core.graph.plan import OuterExit, Plan, plan
from tradingd.core.graph.source import bind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradingd.core.graph.expressions import Operand


def prepared(nodes: Sequence[dict[str, Any]], paths: Sequence[str]) -> Plan:
    return plan(document(drawing(nodes, paths)))


def test_a_rank_is_the_longest_way_from_start() -> None:
    nodes = [start(), signal("A"), signal("B"), entry("e", "p")]
    ranks = {i: rank for i, (rank, *_) in prepared(nodes, ["start > A > B > e", "start > e"]).key.items()}
    assert ranks == {"start": 0, "A": 1, "B": 2, "e": 3}


def test_within_a_rank_exits_go_before_signals_before_entries_before_alerts_then_by_id() -> None:
    nodes = [
        start(), signal("s"), alert("a"), entry("e2", "q"), entry("e1", "p"), signal("m2"), signal("m1"),
        exit_("x2", targetPositionVpi="p"), exit_("x1", targetPositionVpi="q"),
    ]  # fmt: skip
    drawn = prepared(nodes, [f"start > s > {n}" for n in ("a", "e2", "e1", "m2", "m1", "x2", "x1")])
    order = ["x1", "x2", "m1", "m2", "e1", "e2", "a"]
    assert sorted((i for i in drawn.key if drawn.key[i][0] == 2), key=drawn.key.__getitem__) == order
    assert drawn.children["s"] == tuple(order)


def test_ids_of_one_rank_and_kind_go_by_code_points() -> None:
    names = ["b", "a10", "a9", "B", "ä", "a"]
    drawn = prepared([start(), *(signal(n) for n in names)], [f"start > {n}" for n in names])
    assert drawn.children["start"] == ("B", "a", "a10", "a9", "b", "ä")


def test_the_order_does_not_depend_on_how_nodes_and_edges_are_written() -> None:
    nodes = [start(), signal("A"), signal("B"), entry("e", "p"), signal("C"), exit_("x", {"maxReEntries": 1})]
    paths = ["start > A > e > C > x", "start > B > e"]
    one, other = prepared(nodes, paths), prepared([nodes[0], *reversed(nodes[1:])], paths[::-1])
    assert one.key == other.key
    assert one.children == other.children
    assert one.first_signals == other.first_signals
    assert one.source == other.source


def test_a_diamond_has_one_child_each() -> None:
    nodes = [start(), signal("A"), signal("B"), signal("C"), entry("e", "p")]
    drawn = prepared(nodes, ["start > A > C > e", "start > B > C"])
    assert drawn.children == {"start": ("A", "B"), "A": ("C",), "B": ("C",), "C": ("e",), "e": ()}


@pytest.mark.parametrize(
    ("paths", "first"),
    [
        (["start > A > e"], ("A",)),
        (["start > A > B > e"], ("A",)),
        (["start > A > e", "start > B > e"], ("A", "B")),
        (["start > A > C > e", "start > B > C"], ("A", "B")),
        (["start > A > B > e", "start > B"], ("A", "B")),  # B is a first one too, by its own way
        (["start > e", "start > A > B > C"], ()),
        (["start > say > A > e"], ("A",)),
    ],
)
def test_a_re_entry_arms_the_first_signals_of_every_way(paths: list[str], first: tuple[str, ...]) -> None:
    nodes = {n: signal(n) for n in "ABC"} | {"say": alert("say"), "e": entry("e", "p"), "start": start()}
    used = dict.fromkeys(name.strip() for path in paths for name in path.split(">"))
    assert prepared([nodes[n] for n in used], paths).first_signals["e"] == first


def test_first_signals_of_an_entry_behind_an_exit_begin_at_the_exit() -> None:
    nodes = [
        start(),
        signal("A"),
        entry("e1", "p"),
        signal("B"),
        exit_("x", targetPositionVpi="p"),
        signal("C"),
        entry("e2", "q"),
    ]
    drawn = prepared(nodes, ["start > A > e1 > B > x > C > e2"])
    assert drawn.first_signals == {"e1": ("A",), "e2": ("C",)}


def test_exits_that_hang_on_start_are_known_to_the_entries_they_close() -> None:
    nodes = [
        start(), signal("A"), entry("e", "p"), signal("B"), signal("C"), exit_("x", targetPositionVpi="p"),
        signal("D"), exit_("inner", targetPositionVpi="p"), signal("E"), exit_("y", targetPositionVpi="q"),
        signal("F"), entry("f", "q"),
    ]  # fmt: skip
    paths = ["start > A > e > D > inner", "start > B > C > x", "start > E > y", "start > F > f"]
    drawn = prepared(nodes, paths)
    assert drawn.outer_exits["e"] == (OuterExit("x", ("B",), ("B", "C", "x")),)
    assert drawn.outer_exits["f"] == (OuterExit("y", ("E",), ("E", "y")),)


@pytest.mark.parametrize(
    ("target", "hit"), [({}, {"e", "f"}), ({"targetTag": "t"}, {"e"}), ({"targetPositionVpi": "q"}, {"f"})]
)
def test_an_exit_closes_all_or_a_tag_or_a_slot(target: dict[str, Any], hit: set[str]) -> None:
    nodes = [
        start(), signal("A"), entry("e", leg("p", vpt="t")), signal("F"), entry("f", "q"), signal("B"),
        exit_("x", **target),
    ]  # fmt: skip
    drawn = prepared(nodes, ["start > A > e", "start > F > f", "start > B > x"])
    assert {e for e, outer in drawn.outer_exits.items() if outer} == hit


def test_signals_to_alerts_only_repeat_and_only_the_first_of_a_chain() -> None:
    nodes = [
        start(), signal("A"), signal("B"), alert("say"), signal("C"), alert("tell"),
        signal("D"), entry("e", "p"), signal("E"),
    ]  # fmt: skip
    drawn = prepared(nodes, ["start > A > B > say", "start > C > tell", "C > D > e", "start > E"])
    assert drawn.repeating == {"A"}  # C leads to an entry too, E to nothing


def test_an_alert_chain_inside_a_run_repeats_too() -> None:
    nodes = [start(), signal("A"), entry("e", "p"), signal("W"), alert("warn"), signal("B"), exit_("x")]
    assert prepared(nodes, ["start > A > e > W > warn", "e > B > x"]).repeating == {"W"}


def test_the_entry_side_is_what_leads_to_an_entry_without_an_exit_between() -> None:
    nodes = [
        start(indicators={"ma": {"type": "sma", "period": 3}}),
        when("A", compare("close@2", "crosses_above", "$ma")), when("B", compare("close", ">", 1)), entry("e", "p"),
        when("C", compare("close@4", ">", 1)), exit_("x"),
    ]  # fmt: skip
    drawn = prepared(nodes, ["start > A > B > e > C > x"])
    assert drawn.entry_side == {"A": 3, "B": 0}
    assert drawn.look_back == {
        Candle("close", 2): 3,
        IndicatorValue("ma", "sma"): 1,
        Candle("close"): 0,
        Candle("close", 4): 4,
    }


def test_falling_edges_are_compiled_only_where_they_matter() -> None:
    nodes = [start(), signal("A"), signal("B", trigger="edge"), entry("e", "p"), signal("C"), alert("say")]
    functions = prepared(nodes, ["start > A > B > e", "start > C > say"]).functions
    assert {i: written.is_false is not None for i, written in functions.items()} == {"A": False, "B": True, "C": True}


def test_the_source_reads_like_the_drawing() -> None:
    cheap = compare("close@1", "between", 10, rhsUpper={"type": "constant", "value": 20})
    oversold = when("oversold", compare("$rsi_14", "<", 30), cheap, label="RSI is low")
    nodes = [start(indicators={"rsi_14": {"type": "rsi", "period": 14}}), oversold, entry("e", "p")]
    assert prepared(nodes, ["start > oversold > e"]).source == (
        "# oversold: RSI is low\n"
        "def signal_1_is_true():\n"
        "    return (rsi_14[-1] < 30.0 and 10.0 <= close[-2] <= 20.0)\n"
    )


# --- names -------------------------------------------------------------------------------------------------------

AWKWARD = [
    "class", "None", "True", "round", "tick", "signal_1_is_true", "__builtins__", "_", "c_class", "close", "close_",
    "volume", "rsi 14", "rsi-14", "rsi_14", "14", "ä", "é", "print", "match", "def f():", "x\"y'z", "a#b",
    "macd_signal",
]  # fmt: skip


def test_whatever_an_indicator_is_called_it_is_itself_in_the_code() -> None:
    """Every operand is held against a number of its own, so that none can stand in for another."""
    indicators = {key: {"type": "sma", "period": n} for n, key in enumerate(AWKWARD, 2)} | {"macd": {"type": "macd"}}
    said = [compare(f"${key}", "==", n) for n, key in enumerate(AWKWARD)]
    said += [compare("close", "==", 101), compare("volume", "==", 102)]
    said += [compare("$macd", "==", 103) | {"lhs": {"type": "indicator", "name": "macd", "output": "signal"}}]
    drawn = prepared([start(indicators=indicators), when("A", *said), entry("e", "p")], ["start > A > e"])
    node = drawn.nodes["A"]
    assert isinstance(node, Signal)
    values = {c.left: c.right[0].value for c in comparisons(node.condition) if isinstance(c.right[0], Constant)}
    assert len(set(drawn.columns.values())) == len(values) == len(said)

    def holds(values: dict[Operand, Any]) -> bool:
        return bind(drawn, {operand: [value] for operand, value in values.items()}, 0.01)["A"].is_true()

    assert holds(values)
    for operand in values:
        assert not holds(values | {operand: 999.0}), drawn.columns[operand]


@pytest.mark.parametrize(
    "label",
    [
        "two\nlines",
        "a\x00b",
        "\r\nimport os",
        "x\u2028y",
        "-*- coding: utf-7 -*-",
        '"""',
        "\\",
        "\x0c",
        "\u202e",
        "\U0001f600",
    ],
)
def test_whatever_a_label_says_it_stays_a_comment(label: str) -> None:
    told = signal("A", 1, label=label)
    story = Story(drawing([start(), told, entry("e", "p")], ["start > A > e"])).run(2)
    assert story.orders() == ["1 entry buy p 1"]
    lines = story.strategy.plan.source.splitlines()
    assert lines[0].startswith("# A")
    assert lines[1] == "def signal_1_is_true():"


@pytest.mark.parametrize("own", ["square_off", "e:incomplete"])
def test_a_drawn_node_may_have_the_id_of_the_strategys_own_exits(own: str) -> None:
    """It closes what it was drawn to close, and no more."""
    nodes = [
        start(), signal("A", 0), entry("e", "p", "q"),
        signal("B", 2), exit_(own, targetPositionVpi="p"), signal("C", 5), exit_("x"),
    ]  # fmt: skip
    story = Story(drawing(nodes, [f"start > A > e > B > {own}", "e > C > x"])).run(7)
    assert story.orders()[2:] == ["2 exit sell p 1", "5 exit sell q 1"]


def test_bound_functions_read_lists_that_grow() -> None:
    drawn = prepared([start(), when("A", compare("close", ">", "close@1")), entry("e", "p")], ["start > A > e"])
    closes = [1.0, 2.0]
    bound = bind(drawn, dict.fromkeys(drawn.columns, closes), 0.01)
    assert bound["A"].is_true()
    closes.append(1.5)
    assert not bound["A"].is_true()
