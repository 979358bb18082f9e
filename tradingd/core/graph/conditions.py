"""Three-valued conditions: the plain evaluator, and the same meaning written as Python source.

A comparison with an operand that is not ready is *unknown*; only *true* fires. The evaluator walks the tree
and is the oracle. The source is made by pushing negations down to the comparisons: without negations left,
a Kleene formula is true exactly when it is true with every unknown comparison taken as false, and a
comparison with NaN is false in Python already. `is true` and `is false` are two such formulas, so unknown is
neither. Nothing here knows where the numbers come from.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from tradingd.core.graph.arithmetic import NAN, SOURCE, compute, gather
from tradingd.core.graph.expressions import (
    PRICE_FIELDS,
    Asked,
    Candle,
    Column,
    Condition,
    Constant,
    CurrentTime,
    Gathered,
    Group,
    Live,
    Logic,
    Math,
    Op,
    Operand,
    TimeOffset,
    comparisons,
    live,
    walk,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tradingd.core.graph.arithmetic import Value

ORDERINGS: dict[Op, Callable[[Any, Any], bool]] = {
    Op.LT: operator.lt, Op.GT: operator.gt, Op.LE: operator.le, Op.GE: operator.ge,
}  # fmt: skip
CROSSES = (Op.CROSSES_ABOVE, Op.CROSSES_BELOW)
NEGATED = {
    Op.LT: Op.GE, Op.GE: Op.LT, Op.GT: Op.LE, Op.LE: Op.GT, Op.EQ: Op.NE, Op.NE: Op.EQ,
    Op.BETWEEN: Op.NOT_BETWEEN, Op.NOT_BETWEEN: Op.BETWEEN, Op.IN: Op.NOT_IN, Op.NOT_IN: Op.IN,
}  # fmt: skip

Before = Mapping[Condition, Sequence["Value"]]
"""What the sides of a crossing were at a node's previous evaluation, where a live operand makes that count."""


class Leaf(NamedTuple):
    """What one comparison saw: its operands' values, left first, and whether it held (none: unknown)."""

    condition: Condition
    values: tuple[Value, ...]
    truth: bool | None


def operands(condition: Condition) -> tuple[Operand, ...]:
    """Return the operands of a comparison, left first."""
    return (condition.left, *condition.right)


def crosses_live(condition: Condition) -> bool:
    """Whether it is a crossing whose "previous" is the node's previous evaluation, not the bar before."""
    if condition.op not in CROSSES:
        return False
    return any(live(o) or any(isinstance(leaf, CurrentTime) for leaf in walk(o)) for o in operands(condition))


def look_back(groups: Iterable[Group], others: Iterable[Operand] = ()) -> dict[Column, int]:
    """Return how many bars before the last each column is read at most, by these groups and expressions."""
    reach: dict[Column, int] = {}

    def note(operand: Operand, further: int) -> None:
        for leaf in walk(operand):
            if isinstance(leaf, Column) and leaf.back >= 0:
                reach[leaf] = max(reach.get(leaf, 0), leaf.back + further)

    for group in groups:
        for condition in comparisons(group):
            for operand in operands(condition):
                note(operand, condition.op in CROSSES and not crosses_live(condition))
    for operand in others:
        note(operand, 0)
    return reach


def by_tick(condition: Condition) -> bool:
    """Whether equality is between prices of one instrument, which are compared after rounding to the tick."""
    kinds = operands(condition)
    prices = [_is_price(o) for o in kinds]
    numbers = [isinstance(o, Constant) and isinstance(o.value, float) for o in kinds]
    equality = condition.op in (Op.EQ, Op.NE, Op.IN, Op.NOT_IN)
    return equality and any(prices) and all(p or n for p, n in zip(prices, numbers, strict=True))


def _is_price(operand: Operand) -> bool:
    """Whether it is a price of the instrument that is traded, or its underlying."""
    if isinstance(operand, Candle):
        return operand.line == 0 and operand.field in PRICE_FIELDS
    return (
        isinstance(operand, Live) and not operand.vpi and operand.line == 0 and operand.field in ("ltp", "bid", "ask")
    )


# --- the plain evaluator -------------------------------------------------------------------------------------


@dataclass(slots=True)
class Evaluator:
    """Evaluates groups by walking them; `seen` collects a `Leaf` for each comparison met.

    `value(leaf, back)` gives the value of what is not made of other expressions, so many bars further back.
    """

    value: Callable[[Operand, int], Value]
    tick_size: float
    seen: list[Leaf]
    before: Before = field(default_factory=dict)

    def group(self, group: Group) -> bool | None:
        """Return the truth of a group; every member is evaluated, so that the trace shows them all."""
        truths = [self.group(m) if isinstance(m, Group) else self.condition(m) for m in group.members]
        if group.logic is Logic.NOT:
            return None if truths[0] is None else not truths[0]
        decisive = group.logic is Logic.OR
        if decisive in truths:
            return decisive
        return None if None in truths else not decisive

    def condition(self, condition: Condition) -> bool | None:
        """Return the truth of one comparison."""
        values = tuple(self.operand(o, 0) for o in operands(condition))
        truth = None if any(_unknown(v) for v in values) else self._compare(condition, values)
        self.seen.append(Leaf(condition, values, truth))
        return truth

    def operand(self, operand: Operand, back: int = 0) -> Value:
        """Return the value of an expression, so many bars further back."""
        match operand:
            case Constant(value):
                return value
            case Math(first, rest):
                return compute(self.operand(first, back), [(op, self.operand(part, back)) for op, part in rest])
            case Gathered(how, parts):
                return gather(how, [self.operand(part, back) for part in parts])
            case TimeOffset(base, ns):
                return compute(self.operand(base, back), [("+", ns)])
            case _:
                return self.value(operand, back)

    def _compare(self, condition: Condition, values: tuple[Value, ...]) -> bool | None:
        op, left, right = condition.op, values[0], values[1:]
        if op in ORDERINGS:
            return ORDERINGS[op](left, right[0])
        if op in CROSSES:
            return self._crosses(condition, left, right[0])
        if op in (Op.BETWEEN, Op.NOT_BETWEEN):
            inside = right[0] <= left <= right[1]  # type: ignore[operator] # the verifier lets only like be compared
            return inside is (op is Op.BETWEEN)
        found = any(self._equal(condition, left, r) for r in right)
        return found is (op in (Op.EQ, Op.IN))

    def _crosses(self, condition: Condition, left: Value, right: Value) -> bool | None:
        if crosses_live(condition):
            left_before, right_before = self.before.get(condition, (NAN, NAN))
        else:
            left_before, right_before = (self.operand(o, 1) for o in operands(condition))
        if _unknown(left_before) or _unknown(right_before):
            return None
        before, now = (operator.le, operator.gt) if condition.op is Op.CROSSES_ABOVE else (operator.ge, operator.lt)
        return bool(before(left_before, right_before) and now(left, right))

    def _equal(self, condition: Condition, a: Value, b: Value) -> bool:
        if by_tick(condition) and isinstance(a, float) and isinstance(b, float):
            return round(a / self.tick_size) == round(b / self.tick_size)
        return a == b


def _unknown(value: Value) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


# --- the same, as source -------------------------------------------------------------------------------------


class Writer:
    """Writes conditions as Python expressions over named columns (lists whose last item is the last closed bar).

    `name(leaf)` gives the name of a column's list, or of the function that answers what is asked for at the moment;
    `before(condition)` that of the two values its sides had before. `tick` is the name the tick size goes by; what
    else the source calls is `arithmetic.SCOPE`.
    """

    def __init__(self, name: Callable[[Operand], str], before: Callable[[Condition], str] = lambda _: "") -> None:
        self._name = name
        self._before = before

    def true(self, member: Group | Condition) -> str:
        """Return an expression that holds exactly when the member is true."""
        return self._write(member, wanted=True)

    def false(self, member: Group | Condition) -> str:
        """Return an expression that holds exactly when the member is false, not unknown."""
        return self._write(member, wanted=False)

    def known(self, group: Group) -> str:
        """Return an expression that holds exactly when every operand of the group has a value."""
        names: dict[str, None] = {}
        for condition in comparisons(group):
            names |= dict.fromkeys(self._texts(condition, memory=False))
        return " and ".join(f"{name} == {name}" for name in names) or "True"

    def operand(self, operand: Operand, back: int = 0) -> str:
        """Return an expression for the value of an operand, so many bars further back."""
        match operand:
            case Constant(value):
                return repr(value)
            case Math(first, rest):
                text = self.operand(first, back)
                for op, part in rest:
                    text = SOURCE[op].format(text, self.operand(part, back))
                return f"finite({text})"
            case Gathered(how, parts):
                return f"{how.value}_of({', '.join(self.operand(part, back) for part in parts)})"
            case TimeOffset(base, ns):
                return f"({self.operand(base, back)} {'-' if ns < 0 else '+'} {abs(ns)})"
            case _ if isinstance(operand, Asked) or operand.back < 0:
                return f"{self._name(operand)}()"
            case _:
                return f"{self._name(operand)}[-{1 + operand.back + back}]"

    def _write(self, member: Group | Condition, *, wanted: bool) -> str:
        if isinstance(member, Condition):
            return self._comparison(member, wanted=wanted)
        if member.logic is Logic.NOT:
            return self._write(member.members[0], wanted=not wanted)
        joint = " and " if (member.logic is Logic.AND) is wanted else " or "
        parts = [self._write(m, wanted=wanted) for m in member.members]
        return parts[0] if len(parts) == 1 else f"({joint.join(parts)})"

    def _comparison(self, condition: Condition, *, wanted: bool) -> str:
        if not any(isinstance(leaf, Column | Asked) for o in operands(condition) for leaf in walk(o)):
            return self._constant(condition, wanted=wanted)
        left, *right = (self.operand(o) for o in operands(condition))
        op = condition.op if wanted or condition.op in CROSSES else NEGATED[condition.op]
        if op in ORDERINGS:
            return f"{left} {op.value} {right[0]}"
        if op is Op.BETWEEN:
            return f"{right[0]} <= {left} <= {right[1]}"
        if op is Op.NOT_BETWEEN:
            return self._known(condition, f"({left} < {right[0]} or {left} > {right[1]})")
        if op in CROSSES:
            return self._crossing(condition, wanted=wanted)
        if by_tick(condition):
            left, right = f"round({left} / tick)", [f"round({r} / tick)" for r in right]
        equal = " or ".join(f"{left} == {r}" for r in right)
        return self._known(condition, f"({equal})" if op in (Op.EQ, Op.IN) else f"not ({equal})")

    def _crossing(self, condition: Condition, *, wanted: bool) -> str:
        before, now = ("<=", ">") if condition.op is Op.CROSSES_ABOVE else (">=", "<")
        left, right = operands(condition)
        left_before, right_before = self._sides_before(condition)
        crossed = f"{left_before} {before} {right_before} and {self.operand(left)} {now} {self.operand(right)}"
        return f"({crossed})" if wanted else self._known(condition, f"not ({crossed})")

    def _sides_before(self, condition: Condition) -> tuple[str, str]:
        if crosses_live(condition):
            name = self._before(condition)
            return f"{name}[0]", f"{name}[1]"
        left, right = operands(condition)
        return self.operand(left, 1), self.operand(right, 1)

    def _texts(self, condition: Condition, *, memory: bool = True) -> list[str]:
        """Return what must have a value for the comparison to be true or false, constants left out."""
        varying = [o for o in operands(condition) if not isinstance(o, Constant)]
        texts = [self.operand(o) for o in varying]
        if crosses_live(condition):
            texts += self._sides_before(condition) if memory else ()
        elif condition.op in CROSSES:
            texts += [self.operand(o, 1) for o in varying]
        return texts

    def _known(self, condition: Condition, text: str) -> str:
        names = dict.fromkeys(self._texts(condition))
        return "(" + " and ".join([*(f"{n} == {n}" for n in names), text]) + ")"

    def _constant(self, condition: Condition, *, wanted: bool) -> str:
        return str(Evaluator(lambda _o, _b: NAN, 1.0, []).condition(condition) is wanted)
