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
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from tradingd.core.graph.document import Candle, Condition, Constant, Group, IndicatorValue, Logic, Op, Operand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAN = math.nan
PRICE_FIELDS = ("open", "high", "low", "close")
ORDERINGS: dict[Op, Callable[[Any, Any], bool]] = {
    Op.LT: operator.lt, Op.GT: operator.gt, Op.LE: operator.le, Op.GE: operator.ge,
}  # fmt: skip
CROSSES = (Op.CROSSES_ABOVE, Op.CROSSES_BELOW)
NEGATED = {
    Op.LT: Op.GE, Op.GE: Op.LT, Op.GT: Op.LE, Op.LE: Op.GT, Op.EQ: Op.NE, Op.NE: Op.EQ,
    Op.BETWEEN: Op.NOT_BETWEEN, Op.NOT_BETWEEN: Op.BETWEEN, Op.IN: Op.NOT_IN, Op.NOT_IN: Op.IN,
}  # fmt: skip

Value = float | str | bool


class Leaf(NamedTuple):
    """What one comparison saw: its operands' values, left first, and whether it held (none: unknown)."""

    condition: Condition
    values: tuple[Value, ...]
    truth: bool | None


def leaves(group: Group) -> Iterator[Condition]:
    """Yield the comparisons of a group, in the order drawn."""
    for member in group.members:
        if isinstance(member, Group):
            yield from leaves(member)
        else:
            yield member


def operands(condition: Condition) -> tuple[Operand, ...]:
    """Return the operands of a comparison, left first."""
    return (condition.left, *condition.right)


def look_back(group: Group) -> dict[Operand, int]:
    """Return how many bars before the last each operand of the group is read at most."""
    reach: dict[Operand, int] = {}
    for condition in leaves(group):
        for operand in operands(condition):
            if not isinstance(operand, Constant):
                back = operand.back + (condition.op in CROSSES)
                reach[operand] = max(reach.get(operand, 0), back)
    return reach


def by_tick(condition: Condition) -> bool:
    """Whether equality is between prices of one instrument, which are compared after rounding to the tick."""
    kinds = operands(condition)
    prices = [isinstance(o, Candle) and o.field in PRICE_FIELDS for o in kinds]
    numbers = [isinstance(o, Constant) and isinstance(o.value, float) for o in kinds]
    equality = condition.op in (Op.EQ, Op.NE, Op.IN, Op.NOT_IN)
    return equality and any(prices) and all(p or n for p, n in zip(prices, numbers, strict=True))


# --- the plain evaluator -------------------------------------------------------------------------------------


@dataclass(slots=True)
class Evaluator:
    """Evaluates groups by walking them; `seen` collects a `Leaf` for each comparison met."""

    value: Callable[[Operand, int], Value]
    tick_size: float
    seen: list[Leaf]

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
        values = tuple(self.value(o, 0) for o in operands(condition))
        truth = None if any(_unknown(v) for v in values) else self._compare(condition, values)
        self.seen.append(Leaf(condition, values, truth))
        return truth

    def _compare(self, condition: Condition, values: tuple[Value, ...]) -> bool | None:
        op, left, right = condition.op, values[0], values[1:]
        if op in ORDERINGS:
            return ORDERINGS[op](left, right[0])
        if op in CROSSES:
            return self._crosses(condition, left, right[0])
        if op in (Op.BETWEEN, Op.NOT_BETWEEN):
            inside = right[0] <= left <= right[1]  # type: ignore[operator] # the importer lets numbers only be ordered
            return inside is (op is Op.BETWEEN)
        found = any(self._equal(condition, left, r) for r in right)
        return found is (op in (Op.EQ, Op.IN))

    def _crosses(self, condition: Condition, left: Value, right: Value) -> bool | None:
        left_before, right_before = (self.value(o, 1) for o in operands(condition))
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

    `column(operand)` gives the name of an operand's list. `tick` is the name the tick size goes by.
    """

    def __init__(self, column: Callable[[Operand], str]) -> None:
        self._column = column

    def true(self, member: Group | Condition) -> str:
        """Return an expression that holds exactly when the member is true."""
        return self._write(member, wanted=True)

    def false(self, member: Group | Condition) -> str:
        """Return an expression that holds exactly when the member is false, not unknown."""
        return self._write(member, wanted=False)

    def known(self, group: Group) -> str:
        """Return an expression that holds exactly when every operand of the group has a value."""
        names: dict[str, None] = {}
        for condition in leaves(group):
            backs = (0, 1) if condition.op in CROSSES else (0,)
            names |= {self._at(o, b): None for o in operands(condition) if not isinstance(o, Constant) for b in backs}
        return " and ".join(f"{name} == {name}" for name in names) or "True"

    def _write(self, member: Group | Condition, *, wanted: bool) -> str:
        if isinstance(member, Condition):
            return self._comparison(member, wanted=wanted)
        if member.logic is Logic.NOT:
            return self._write(member.members[0], wanted=not wanted)
        joint = " and " if (member.logic is Logic.AND) is wanted else " or "
        parts = [self._write(m, wanted=wanted) for m in member.members]
        return parts[0] if len(parts) == 1 else f"({joint.join(parts)})"

    def _comparison(self, condition: Condition, *, wanted: bool) -> str:
        texts = [self._at(o, 0) for o in operands(condition)]
        if not any(isinstance(o, Candle | IndicatorValue) for o in operands(condition)):
            return self._constant(condition, wanted=wanted)
        op = condition.op if wanted or condition.op in CROSSES else NEGATED[condition.op]
        left, right = texts[0], texts[1:]
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
        left, right = operands(condition)
        before, now = ("<=", ">") if condition.op is Op.CROSSES_ABOVE else (">=", "<")
        crossed = (
            f"{self._at(left, 1)} {before} {self._at(right, 1)} and {self._at(left, 0)} {now} {self._at(right, 0)}"
        )
        return f"({crossed})" if wanted else self._known(condition, f"not ({crossed})", backs=(0, 1))

    def _known(self, condition: Condition, text: str, backs: tuple[int, ...] = (0,)) -> str:
        names = dict.fromkeys(self._at(o, b) for o in operands(condition) if not isinstance(o, Constant) for b in backs)
        return "(" + " and ".join([*(f"{n} == {n}" for n in names), text]) + ")"

    def _constant(self, condition: Condition, *, wanted: bool) -> str:
        truth = Evaluator(lambda o, _: o.value if isinstance(o, Constant) else NAN, 1.0, []).condition(condition)
        return str(truth is wanted)

    def _at(self, operand: Operand, back: int) -> str:
        if isinstance(operand, Constant):
            return repr(operand.value)
        return f"{self._column(operand)}[-{1 + operand.back + back}]"
