"""Compiled, walked, and worked out by hand: three ways to the truth of a condition, which must be one.

The third is written here, apart: values are `Fraction`s or None, truths True, False or None.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from hypothesis import given, reject
from hypothesis import strategies as st

from tests.stories import document, drawing, entry, start
from tests.unit.core.runs import M1, when
from tradingd.core.graph.arithmetic import SCOPE
from tradingd.core.graph.conditions import Evaluator, Writer
from tradingd.core.graph.document import Signal
from tradingd.core.graph.expressions import Candle, Condition, Constant, Group, IndicatorValue, Logic, Op
from tradingd.core.graph.plan import plan
from tradingd.core.graph.source import bind
from tradingd.core.indicators.series import Series
from tradingd.model.errors import DocumentError
from tradingd.model.market import MINUTE, Bar

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradingd.core.graph.arithmetic import Value
    from tradingd.core.graph.expressions import Operand

TICK = Fraction(1, 20)
BARS, BACK = 7, 4
PRICES, INDICATORS = ("open", "high", "low", "close"), ("fast", "slow")
Columns = dict[str, list[float]]

# Few different values, some of them off the grid but nearer to one tick than to any other: equality happens often.
numbers = st.builds(
    lambda ticks, off: round(ticks * 0.05 + off, 2), st.integers(0, 6), st.sampled_from([0.0, 0.01, -0.02])
)
values = st.integers(0, 15).flatmap(lambda die: numbers if die else st.just(math.nan))
columns = st.fixed_dictionaries(
    {name: st.lists(values, min_size=BARS, max_size=BARS) for name in (*PRICES, "volume", *INDICATORS)}
)
backs = st.integers(0, BACK)
prices = st.builds(Candle, st.sampled_from(PRICES), backs)
others = st.builds(Candle, st.just("volume"), backs) | st.builds(
    lambda n, b: IndicatorValue(n, "sma", b), st.sampled_from(INDICATORS), backs
)
constants = numbers.map(Constant)
operands = prices | prices | others | constants
COMPARING = (Op.LT, Op.GT, Op.LE, Op.GE, Op.EQ, Op.NE, Op.CROSSES_ABOVE, Op.CROSSES_BELOW)
lists = st.lists(prices | constants, min_size=1, max_size=3) | st.lists(others | constants, min_size=1, max_size=3)
conditions = st.one_of(
    st.builds(lambda a, op, b: Condition("c", a, op, (b,)), operands, st.sampled_from(COMPARING), operands),
    st.builds(lambda a, op, b: Condition("c", a, op, tuple(b)), operands, st.sampled_from([Op.IN, Op.NOT_IN]), lists),
    st.builds(
        lambda a, op, b, c: Condition("c", a, op, (b, c)), operands, st.sampled_from([Op.BETWEEN, Op.NOT_BETWEEN]),
        operands, operands,
    ),
)  # fmt: skip


def joined(members: st.SearchStrategy[Any]) -> st.SearchStrategy[Group]:
    several = st.lists(members, min_size=1, max_size=3).map(tuple)
    alone = members.map(lambda member: Group(Logic.NOT, (member,)))
    return st.builds(Group, st.sampled_from([Logic.AND, Logic.OR]), several) | alone


groups = joined(st.recursive(conditions, joined, max_leaves=8))


# --- by hand -----------------------------------------------------------------------------------------------------


def name(operand: Operand) -> str:
    return operand.field if isinstance(operand, Candle) else operand.key  # type: ignore[union-attr] # never a constant


def read(columns: Columns, operand: Operand, back: int) -> Fraction | None:
    if isinstance(operand, Constant):
        return Fraction(repr(operand.value))
    assert isinstance(operand, Candle | IndicatorValue)
    column = columns[name(operand)]
    value = column[len(column) - 1 - operand.back - back]
    return None if math.isnan(value) else Fraction(repr(value))


def is_price(operand: Operand) -> bool:
    return isinstance(operand, Candle) and operand.field != "volume"


def by_hand(columns: Columns, member: Group | Condition) -> bool | None:
    if isinstance(member, Condition):
        return compared(columns, member)
    truths = [by_hand(columns, one) for one in member.members]
    if member.logic is Logic.NOT:
        return None if truths == [None] else truths == [False]
    for decisive, logic in ((False, Logic.AND), (True, Logic.OR)):
        if member.logic is logic and any(truth is decisive for truth in truths):
            return decisive
    return None if any(truth is None for truth in truths) else member.logic is Logic.AND


def compared(columns: Columns, condition: Condition) -> bool | None:
    sides = [condition.left, *condition.right]
    now = [read(columns, side, 0) for side in sides]
    crossing = condition.op in (Op.CROSSES_ABOVE, Op.CROSSES_BELOW)
    before = [read(columns, side, 1) for side in sides] if crossing else []
    if any(value is None for value in now + before):
        return None
    left, *right = (value for value in now if value is not None)
    was = [value for value in before if value is not None]
    if all(is_price(side) or isinstance(side, Constant) for side in sides) and any(map(is_price, sides)):
        same = any(round(left / TICK) == round(value / TICK) for value in right)
    else:
        same = left in right
    answers: dict[Op, bool] = {
        Op.LT: left < right[0],
        Op.GT: left > right[0],
        Op.LE: left <= right[0],
        Op.GE: left >= right[0],
        Op.EQ: same,
        Op.NE: not same,
        Op.IN: same,
        Op.NOT_IN: not same,
        Op.BETWEEN: right[0] <= left <= right[-1],
        Op.NOT_BETWEEN: left < right[0] or left > right[-1],
    }
    if crossing:
        rose = was[0] <= was[1] and left > right[0]
        fell = was[0] >= was[1] and left < right[0]
        return rose if condition.op is Op.CROSSES_ABOVE else fell
    return answers[condition.op]


def walked(columns: Columns, group: Group) -> bool | None:
    def value(operand: Operand, back: int) -> Value:
        if isinstance(operand, Constant):
            return operand.value
        assert isinstance(operand, Candle | IndicatorValue)
        return columns[name(operand)][-1 - operand.back - back]

    return Evaluator(value, float(TICK), []).group(group)


def test_three_ways_to_one_truth(record_property: Callable[[str, object], None]) -> None:
    met = {True: 0, False: 0, None: 0}

    @given(group=groups, columns=columns)
    def check(group: Group, columns: Columns) -> None:
        truth = by_hand(columns, group)
        met[truth] += 1
        assert walked(columns, group) is truth
        scope = {**SCOPE, "tick": float(TICK), **columns}
        writer = Writer(name)
        assert eval(writer.true(group), scope) is (truth is True)  # noqa: S307 - what is under test writes Python
        assert eval(writer.false(group), scope) is (truth is False)  # noqa: S307

    check()
    record_property("told", f"conditions: {met[True]} true, {met[False]} false, {met[None]} unknown")
    assert min(met.values()) >= 0.1 * sum(met.values()), f"too tame: {met}"


# --- from a drawing to its functions, over a series that moves ---------------------------------------------------


def drawn(member: Group | Condition) -> dict[str, Any]:
    if isinstance(member, Group):
        return {"type": "group", "operator": member.logic.value, "conditions": [drawn(m) for m in member.members]}
    left, *right = (drawn_operand(o) for o in (member.left, *member.right))
    said = {"lhs": left, "operator": member.op.value, "rhs": right[0]}
    if member.op in (Op.IN, Op.NOT_IN):
        said["rhs"] = {"type": "list", "items": right}
    elif len(right) > 1:
        said["rhsUpper"] = right[1]
    return said


def drawn_operand(operand: Operand) -> dict[str, Any]:
    if isinstance(operand, Constant):
        return {"type": "constant", "value": operand.value}
    if isinstance(operand, Candle):
        return {"type": "market_data", "field": operand.field, "offset": -operand.back}
    assert isinstance(operand, IndicatorValue)
    return {"type": "indicator", "name": operand.key, "output": operand.output, "offset": operand.back}


def has_market(member: Group | Condition) -> bool:
    if isinstance(member, Group):
        return all(map(has_market, member.members))
    return any(not isinstance(o, Constant) for o in (member.left, *member.right))


rows = st.lists(st.tuples(numbers, numbers, numbers, numbers, numbers), min_size=1, max_size=12)


@given(group=groups.filter(has_market), rows=rows)
def test_a_drawing_means_what_it_says_at_every_bar(group: Group, rows: list[tuple[float, ...]]) -> None:
    """The whole way: JSON, import, plan, compiled over the lists of a series that grows, unknown at first."""
    begin = start(indicators={"fast": {"type": "sma", "period": 2}, "slow": {"type": "sma", "period": 3}})
    signal = when("A", drawn(group), trigger="edge")
    try:
        parsed = document(drawing([begin, signal, entry("e", "p")], ["start > A > e"]))
    except DocumentError:  # a contradiction, as it must be refused
        reject()
    prepared = plan(parsed)
    node = next(n for n in parsed.nodes if isinstance(n, Signal))
    series = Series("X", M1, "run")
    declared = dict(parsed.lines[0].indicators)
    lists: dict[Operand, list[float]] = {}
    for operand, back in prepared.look_back.items():
        if isinstance(operand, Candle):
            lists[operand] = series.column(operand.field, back)
        elif isinstance(operand, IndicatorValue):
            lists[operand] = series.indicator(declared[operand.key], operand.output, back)
    known = {name(operand): values for operand, values in lists.items()}
    functions = bind(prepared, lists, float(TICK))["A"]
    assert functions.is_false is not None
    series.begin_session()
    for i, (open_, high, low, close, volume) in enumerate(rows):
        series.push(Bar("X", M1, i * MINUTE, (i + 1) * MINUTE, open_, high, low, close, volume))
        truth = by_hand(known, node.condition)
        assert functions.is_true() is (truth is True)
        assert functions.is_false() is (truth is False)
