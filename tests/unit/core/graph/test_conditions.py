"""Conditions, evaluated plainly and compiled: every test asks both."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from tradingd.core.graph.arithmetic import SCOPE, Value
from tradingd.core.graph.conditions import Evaluator, Leaf, Writer, look_back
from tradingd.core.graph.expressions import Candle, Condition, Constant, Group, IndicatorValue, Logic, Op, comparisons

if TYPE_CHECKING:
    from tradingd.core.graph.expressions import Operand

NAN = math.nan
CLOSE, OPEN, VOLUME = Candle("close"), Candle("open"), Candle("volume")
RSI, MA = IndicatorValue("rsi", "rsi"), IndicatorValue("ma", "sma")


def name(operand: Operand) -> str:
    return operand.field if isinstance(operand, Candle) else operand.key  # type: ignore[union-attr] # never a constant


class Market:
    """Columns by name, oldest first; the last item is the last closed bar's."""

    def __init__(self, tick: float = 0.05, **columns: list[float]) -> None:
        self.columns = columns
        self.tick = tick

    def value(self, operand: Operand, back: int) -> Value:
        if isinstance(operand, Constant):
            return operand.value
        assert isinstance(operand, Candle | IndicatorValue)
        return self.columns[name(operand)][-1 - operand.back - back]

    def truth(self, member: Group | Condition) -> bool | None:
        """Return the truth of the plain evaluator, having seen that the compiled one agrees."""
        group = member if isinstance(member, Group) else Group(Logic.AND, (member,))
        truth = Evaluator(self.value, self.tick, []).group(group)
        writer = Writer(name)
        scope = {**SCOPE, "tick": self.tick, **self.columns}
        assert eval(writer.true(group), scope) is (truth is True)  # noqa: S307 - what is under test writes Python
        assert eval(writer.false(group), scope) is (truth is False)  # noqa: S307
        return truth


def condition(left: Operand, op: Op, *right: Operand | float | str | bool) -> Condition:
    return Condition("c", left, op, tuple(Constant(r) if isinstance(r, float | str | bool | int) else r for r in right))


@pytest.mark.parametrize(
    ("op", "below", "equal", "above"),
    [
        (Op.LT, True, False, False),
        (Op.LE, True, True, False),
        (Op.EQ, False, True, False),
        (Op.NE, True, False, True),
        (Op.GE, False, True, True),
        (Op.GT, False, False, True),
    ],
)
def test_comparisons(op: Op, below: bool, equal: bool, above: bool) -> None:
    for value, expected in ((29.0, below), (30.0, equal), (31.0, above), (NAN, None)):
        assert Market(rsi=[value]).truth(condition(RSI, op, 30.0)) is expected


@pytest.mark.parametrize(
    ("before", "now", "above", "below"),
    [
        ((9.0, 10.0), (11.0, 10.0), True, False),
        ((10.0, 10.0), (11.0, 10.0), True, False),  # on the line before is below it
        ((11.0, 10.0), (12.0, 10.0), False, False),
        ((9.0, 10.0), (10.0, 10.0), False, False),  # on the line now is not yet above
        ((11.0, 10.0), (9.0, 10.0), False, True),
        ((10.0, 10.0), (9.0, 10.0), False, True),
        ((9.0, 10.0), (9.5, 9.0), True, False),  # the other side moved
    ],
)
def test_crossing(before: tuple[float, float], now: tuple[float, float], above: bool, below: bool) -> None:
    market = Market(close=[before[0], now[0]], ma=[before[1], now[1]])
    assert market.truth(condition(CLOSE, Op.CROSSES_ABOVE, MA)) is above
    assert market.truth(condition(CLOSE, Op.CROSSES_BELOW, MA)) is below


@pytest.mark.parametrize("missing", ["close before", "close now", "ma before", "ma now"])
def test_a_crossing_needs_all_four_values(missing: str) -> None:
    columns = {"close": [9.0, 11.0], "ma": [10.0, 10.0]}
    which, _, moment = missing.partition(" ")
    columns[which][0 if moment == "before" else 1] = NAN
    market = Market(close=columns["close"], ma=columns["ma"])
    assert market.truth(condition(CLOSE, Op.CROSSES_ABOVE, MA)) is None
    assert market.truth(condition(CLOSE, Op.CROSSES_BELOW, MA)) is None


def test_a_crossing_of_a_constant_and_with_look_back() -> None:
    market = Market(rsi=[29.0, 31.0, 20.0])
    assert market.truth(condition(IndicatorValue("rsi", "rsi", 1), Op.CROSSES_ABOVE, 30.0)) is True
    assert market.truth(condition(RSI, Op.CROSSES_BELOW, 30.0)) is True


def test_between_has_both_its_ends() -> None:
    for value, inside in ((9.0, False), (10.0, True), (15.0, True), (20.0, True), (21.0, False), (NAN, None)):
        market = Market(rsi=[value])
        assert market.truth(condition(RSI, Op.BETWEEN, 10.0, 20.0)) is inside
        assert market.truth(condition(RSI, Op.NOT_BETWEEN, 10.0, 20.0)) is (None if inside is None else not inside)


def test_bounds_the_wrong_way_round_hold_nothing() -> None:
    assert Market(rsi=[15.0]).truth(condition(RSI, Op.BETWEEN, 20.0, 10.0)) is False
    assert Market(rsi=[15.0]).truth(condition(RSI, Op.NOT_BETWEEN, 20.0, 10.0)) is True


def test_an_unknown_bound_makes_between_unknown_even_where_the_other_decides() -> None:
    assert Market(rsi=[5.0], ma=[NAN]).truth(condition(RSI, Op.BETWEEN, 10.0, MA)) is None
    assert Market(rsi=[5.0], ma=[NAN]).truth(condition(RSI, Op.NOT_BETWEEN, 10.0, MA)) is None


def test_in_a_list() -> None:
    for value, found in ((1.0, True), (2.0, False), (3.0, True), (NAN, None)):
        market = Market(volume=[value])
        assert market.truth(condition(VOLUME, Op.IN, 1.0, 3.0)) is found
        assert market.truth(condition(VOLUME, Op.NOT_IN, 1.0, 3.0)) is (None if found is None else not found)
    assert Market(volume=[1.0], ma=[NAN]).truth(condition(VOLUME, Op.IN, 1.0, MA)) is None


def test_prices_are_equal_when_their_ticks_are() -> None:
    noisy = Market(close=[100.10000000000001], open=[100.1])
    for market, equal in (
        (noisy, True),
        (Market(close=[100.12], open=[100.1]), True),
        (Market(close=[100.13], open=[100.1]), False),
    ):
        assert market.truth(condition(CLOSE, Op.EQ, OPEN)) is equal
        assert market.truth(condition(CLOSE, Op.NE, OPEN)) is not equal
        assert market.truth(condition(CLOSE, Op.IN, 1.0, OPEN)) is equal
        assert market.truth(condition(CLOSE, Op.EQ, 100.1)) is equal
    assert Market(close=[NAN], open=[1.0]).truth(condition(CLOSE, Op.EQ, OPEN)) is None


def test_only_prices_are_rounded_and_only_for_equality() -> None:
    assert Market(volume=[100.01]).truth(condition(VOLUME, Op.EQ, 100.0)) is False
    assert Market(rsi=[100.01]).truth(condition(RSI, Op.EQ, 100.0)) is False
    assert Market(close=[100.01], ma=[100.0]).truth(condition(CLOSE, Op.EQ, MA)) is False
    assert Market(close=[100.01]).truth(condition(CLOSE, Op.GT, 100.0)) is True


def test_texts_and_truth_values_are_only_equal_or_not() -> None:
    market = Market(close=[1.0])
    assert market.truth(condition(CLOSE, Op.EQ, "abc")) is False
    assert market.truth(condition(CLOSE, Op.NE, 'it\'s "quoted"\n')) is True
    assert market.truth(condition(Constant("a"), Op.IN, "b", "a")) is True
    assert market.truth(condition(Constant(1.0), Op.GT, 2.0)) is False


def test_look_back_counts_closed_bars_before_the_last() -> None:
    market = Market(close=[1.0, 2.0, 3.0])
    assert market.truth(condition(Candle("close", 2), Op.EQ, 1.0)) is True
    assert market.truth(condition(CLOSE, Op.EQ, 3.0)) is True


# --- groups ------------------------------------------------------------------------------------------------------

TRUE, FALSE, UNKNOWN = (
    condition(Constant(1.0), Op.LT, 2.0),
    condition(Constant(1.0), Op.GT, 2.0),
    condition(RSI, Op.GT, 0.0),
)
COLD = Market(rsi=[NAN])
LEAVES = {True: TRUE, False: FALSE, None: UNKNOWN}


@pytest.mark.parametrize("a", LEAVES)
@pytest.mark.parametrize("b", LEAVES)
def test_and_or_of_three_values(a: bool | None, b: bool | None) -> None:
    members = (LEAVES[a], LEAVES[b])
    both = False if False in (a, b) else None if None in (a, b) else True
    either = True if True in (a, b) else None if None in (a, b) else False
    assert COLD.truth(Group(Logic.AND, members)) is both
    assert COLD.truth(Group(Logic.OR, members)) is either
    assert COLD.truth(Group(Logic.NOT, (Group(Logic.AND, members),))) is (None if both is None else not both)


@pytest.mark.parametrize(("member", "truth"), [(TRUE, False), (FALSE, True), (UNKNOWN, None)])
def test_not_of_unknown_is_unknown(member: Condition, truth: bool | None) -> None:
    once = Group(Logic.NOT, (member,))
    assert COLD.truth(once) is truth
    assert COLD.truth(Group(Logic.NOT, (once,))) is (None if truth is None else not truth)


def test_thirty_two_levels_of_not() -> None:
    group = Group(Logic.NOT, (condition(RSI, Op.GT, 50.0),))
    for _ in range(31):
        group = Group(Logic.NOT, (group,))
    assert Market(rsi=[60.0]).truth(group) is True
    assert Market(rsi=[40.0]).truth(group) is False
    assert COLD.truth(group) is None


# --- what is seen ------------------------------------------------------------------------------------------------


def test_every_comparison_is_seen_also_after_the_group_is_decided() -> None:
    seen: list[Leaf] = []
    first, second = condition(RSI, Op.GT, 50.0), condition(CLOSE, Op.BETWEEN, 1.0, MA)
    market = Market(rsi=[40.0], close=[5.0], ma=[NAN])
    inner = Group(Logic.OR, (second,))
    assert Evaluator(market.value, 0.05, seen).group(Group(Logic.AND, (first, inner))) is False
    assert [(leaf.condition, leaf.truth) for leaf in seen] == [(first, False), (second, None)]
    assert seen[0].values == (40.0, 50.0)
    assert list(comparisons(Group(Logic.AND, (first, inner)))) == [first, second]


def test_how_far_back_a_group_reads() -> None:
    crossing = condition(Candle("close", 2), Op.CROSSES_ABOVE, MA)
    again = condition(Candle("close", 2), Op.GT, 1.0)
    reach = look_back([Group(Logic.AND, (Group(Logic.NOT, (crossing,)), again))])
    assert reach == {Candle("close", 2): 3, MA: 1}
