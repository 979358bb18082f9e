"""What can be said of a condition before any data: types that do not go together, and what it can never be.

A comparison is judged by its constants alone, a group by its members and by the ranges it leaves to each
operand: `rsi < 30 and rsi > 70` leaves none. Nothing is claimed that data could refute.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tradingd.core.graph.conditions import Evaluator, by_tick, operands
from tradingd.core.graph.expressions import (
    Asked,
    Column,
    Condition,
    Constant,
    Group,
    Logic,
    Op,
    Operand,
    Type,
    Variables,
    type_of,
    walk,
)
from tradingd.model.errors import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tradingd.core.graph.document import Signal
    from tradingd.core.graph.draft import Draft

    Path = tuple[str | int, ...]

_EQUALITIES = (Op.EQ, Op.NE, Op.IN, Op.NOT_IN)
_RANGES = (Op.BETWEEN, Op.NOT_BETWEEN)
_BELOW = (Op.LT, Op.LE, Op.CROSSES_BELOW)
_ABOVE = (Op.GT, Op.GE, Op.CROSSES_ABOVE)
_MIRRORED = {
    Op.LT: Op.GT, Op.GT: Op.LT, Op.LE: Op.GE, Op.GE: Op.LE, Op.EQ: Op.EQ, Op.CROSSES_ABOVE: Op.LT,
    Op.CROSSES_BELOW: Op.GT,
}  # fmt: skip
"""What `constant op operand` says of the operand."""


def judge(draft: Draft, node: int, signal: Signal, variables: Variables) -> Iterator[Finding]:
    """Yield what is wrong with the conditions of the signal, which is the draft's node of that index."""
    for name, group in (("condition", signal.condition), ("again", signal.again)):
        if group is None:
            continue
        root: Path = ("nodes", node, name)
        faults = [
            Finding(Severity.ERROR, code, draft.at(*path), message, signal.id)
            for condition, place in _leaves(group, root)
            for code, path, message in _faults(condition, place, variables)
        ]
        yield from faults
        if not faults:
            for severity, code, path, message in _certainties(group, root):
                yield Finding(severity, code, draft.at(*path), message, signal.id)


def _leaves(group: Group, path: Path) -> Iterator[tuple[Condition, Path]]:
    for i, member in enumerate(group.members):
        if isinstance(member, Group):
            yield from _leaves(member, (*path, i))
        else:
            yield member, (*path, i)


def _faults(condition: Condition, path: Path, variables: Variables) -> Iterator[tuple[str, Path, str]]:
    """Yield why a comparison makes no sense whatever the data."""
    places: list[Path] = [(*path, "left"), *((*path, "right", i) for i in range(len(condition.right)))]
    types = [type_of(operand, variables) for operand in operands(condition)]
    ordered = Type.TIME if Type.TIME in types[:1] else Type.NUMBER
    wanted = types[0] if condition.op in _EQUALITIES else ordered
    for found, place in zip(types, places, strict=True):
        if found is None:
            yield "type-mismatch", place, "this puts values together that do not go together: it is never known"
            return
        if found != wanted:
            message = f"{condition.op.value} compares a {wanted} here, this is a {found}: they never match"
            yield "type-mismatch", place, message
            return
    if condition.op in _RANGES:
        low, high = (o.value if isinstance(o, Constant) else None for o in condition.right)
        if isinstance(low, float) and isinstance(high, float) and low > high:
            message = f"{condition.op.value} {low:g} and {high:g} is no range: the lower bound comes first"
            yield "empty-range", places[2], message


def _decided_by_constants(condition: Condition) -> bool:
    leaves = [leaf for operand in operands(condition) for leaf in walk(operand)]
    return not any(isinstance(leaf, Asked | Column) for leaf in leaves)


def _certainties(group: Group, root: Path) -> Iterator[tuple[Severity, str, Path, str]]:
    can_be_true, can_be_false = _can(group)
    if not can_be_true:
        for path in _dead(group, root):
            message = "this can never be true, so the signal never fires"
            yield Severity.ERROR, "never-true", path, message
    elif not can_be_false:
        message = "this is true whenever its operands are known"
        yield Severity.WARNING, "always-true", root, message
    else:
        yield from _superfluous(group, root)


def _superfluous(group: Group, path: Path) -> Iterator[tuple[Severity, str, Path, str]]:
    """Yield the members of a group that decide nothing; what a `not` holds is left alone."""
    if group.logic is Logic.NOT:
        return
    for i, member in enumerate(group.members):
        can_be_true, can_be_false = _can(member)
        if not can_be_true:
            for dead in _dead(member, (*path, i)):
                yield Severity.WARNING, "never-true", dead, "this can never be true; the rest of the group decides"
        elif not can_be_false:
            yield Severity.WARNING, "always-true", (*path, i), "this is always true and decides nothing"
        elif isinstance(member, Group):
            yield from _superfluous(member, (*path, i))


def _can(member: Condition | Group) -> tuple[bool, bool]:
    """Return whether it can be true and whether it can be false, once its operands are known."""
    if isinstance(member, Condition):
        return _decided(member)
    trues, falses = zip(*map(_can, member.members), strict=True)
    match member.logic:
        case Logic.NOT:
            return falses[0], trues[0]
        case Logic.AND:
            return all(trues) and not _leaves_nothing(member), any(falses)
        case Logic.OR:
            return any(trues), all(falses)


def _decided(condition: Condition) -> tuple[bool, bool]:
    left, right = condition.left, condition.right[0]
    if _decided_by_constants(condition):
        truth = Evaluator(lambda _o, _b: math.nan, 1.0, []).condition(condition)
        return bool(truth), not truth
    if left == right and condition.op not in (*_RANGES, Op.IN, Op.NOT_IN):
        truth = condition.op in (Op.LE, Op.GE, Op.EQ)
        return truth, not truth
    return True, True


def _dead(member: Condition | Group, path: Path) -> Iterator[Path]:
    """Yield the smallest parts to blame for a member that can never be true."""
    below = [(m, (*path, i)) for i, m in enumerate(member.members)] if isinstance(member, Group) else []
    dead = [(m, place) for m, place in below if not _can(m)[0]]
    if isinstance(member, Condition) or member.logic is Logic.NOT or not dead:
        yield path
    else:
        for m, place in dead:
            yield from _dead(m, place)


def _leaves_nothing(group: Group) -> bool:
    """Whether an `and` asks of one operand what no number can be."""
    spans: dict[Operand, tuple[tuple[float, int], tuple[float, int]]] = {}
    for operand, low, high in _spans(group):
        lowest, highest = spans.get(operand, (low, high))
        spans[operand] = max(low, lowest), min(high, highest)
    return any(low > high for low, high in spans.values())


def _spans(group: Group) -> Iterator[tuple[Operand, tuple[float, int], tuple[float, int]]]:
    """Yield operand, lower and upper bound of each comparison with constants; an open bound is one step inside."""
    for member in group.members:
        if isinstance(member, Group):
            if member.logic is Logic.AND:
                yield from _spans(member)
            continue
        operand, op, bounds = member.left, member.op, member.right
        if isinstance(operand, Constant) and len(bounds) == 1 and op in _MIRRORED:
            operand, op, bounds = bounds[0], _MIRRORED[op], (operand,)
        values = [o.value for o in bounds if isinstance(o, Constant) and isinstance(o.value, float)]
        if isinstance(operand, Constant) or len(values) < len(bounds) or by_tick(member):
            continue
        if op in _BELOW:
            yield operand, (-math.inf, 0), (values[0], 0 if op is Op.LE else -1)
        elif op in _ABOVE:
            yield operand, (values[0], 0 if op is Op.GE else 1), (math.inf, 0)
        elif op in (Op.EQ, Op.IN, Op.BETWEEN):
            yield operand, (min(values), 0), (max(values), 0)
