"""Conditions as Python source, and that source bound to what it reads.

Written once for a plan, from the canonical document alone: `tradingd explain --code` prints exactly what will be
executed. Names are a person's where Python allows. Binding gives each running strategy functions of its own; what
they answer is `conditions.Evaluator`'s to dispute, in tests.
"""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from tradingd.core.graph.arithmetic import NAN, SCOPE
from tradingd.core.graph.conditions import Writer, crosses_live
from tradingd.core.graph.document import Trigger
from tradingd.core.graph.expressions import FORMING, Asked, Candle, Column, IndicatorValue, comparisons

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tradingd.core.graph.arithmetic import Value
    from tradingd.core.graph.document import Document, Signal
    from tradingd.core.graph.expressions import Condition, Group, Operand
    from tradingd.core.graph.plan import Plan

_RESERVED = re.compile(r"_|c_|tick$|signal_\d+_|before_\d+$|" + "|".join(f"{name}$" for name in SCOPE))
"""Names the generated source uses itself, or that Python gives a meaning."""


@dataclass(frozen=True, slots=True)
class Functions:
    """Names of the functions of one condition; what is none is not needed.

    `is_false` is there where falling edges matter; `stirs`, whether it is true or an operand has no value, before an
    exit; `remembers`, which keeps what the crossings in `before` go by, where there are such. `again` are those of a
    signal's other condition.
    """

    is_true: str
    is_false: str | None
    stirs: str | None
    remembers: str | None
    before: tuple[tuple[Condition, str], ...]
    again: Functions | None = None


@dataclass(frozen=True, slots=True)
class Bound:
    """A condition's functions, bound to what they read; `before` is emptied (NaN) at every arming."""

    is_true: Callable[[], bool]
    is_false: Callable[[], bool] | None
    stirs: Callable[[], bool] | None
    remembers: Callable[[], None] | None
    before: Mapping[Condition, list[Value]]
    again: Bound | None


def bind(
    prepared: Plan,
    lists: Mapping[Operand, list[float]],
    tick_size: float,
    asked: Callable[[Operand], Callable[[], Value]] | None = None,
) -> dict[str, Bound]:
    """Compile the plan's source; the last item of each list is the last closed bar's.

    `asked` gives the function of what is asked for at the moment.
    """
    scope: dict[str, Any] = {**SCOPE, "tick": tick_size}
    scope |= {prepared.columns[operand]: values for operand, values in lists.items() if operand in prepared.columns}
    if asked is not None:
        scope |= {name: asked(operand) for operand, name in prepared.asked.items()}

    def bound(functions: Functions) -> Bound:
        before: dict[Condition, list[Value]] = {}
        for condition, name in functions.before:
            before[condition] = scope[name] = [NAN, NAN]
        names = (functions.is_true, functions.is_false, functions.stirs, functions.remembers)
        is_true, is_false, stirs, remembers = (scope[name] if name else None for name in names)
        again = bound(functions.again) if functions.again else None
        return Bound(is_true, is_false, stirs, remembers, before, again)  # type: ignore[arg-type] # the first is there

    exec(compile(prepared.source, f"<strategy {prepared.document.id}>", "exec"), scope)  # noqa: S102 - our own text, from a validated tree
    return {node: bound(functions) for node, functions in prepared.functions.items()}


# --- names -------------------------------------------------------------------------------------------------------


def names(document: Document, columns: Iterable[Operand]) -> tuple[dict[Operand, str], dict[Operand, str]]:
    """Name a list for every column and a function for all that is asked for; look-backs of one column share a list."""
    taken: dict[str, Operand] = {}
    lists = {operand: _name(_wish(operand, document), _bare(operand), taken) for operand in columns}
    leaves = dict.fromkeys(document.operands())
    asked = [leaf for leaf in leaves if isinstance(leaf, Asked) or (isinstance(leaf, Column) and leaf.back == FORMING)]
    return lists, {operand: _name(_wish(operand, document), operand, taken) for operand in asked}


def _name(wish: str, operand: Operand, taken: dict[str, Operand]) -> str:
    wish = re.sub(r"\W", "_", wish, flags=re.ASCII)
    if not wish.isidentifier() or keyword.iskeyword(wish) or _RESERVED.match(wish):
        wish = f"c_{wish}"
    while taken.setdefault(wish, operand) != operand:
        wish += "_"
    return wish


def _bare(operand: Operand) -> Operand:
    return replace(operand, back=0) if isinstance(operand, Column) else operand


def _wish(operand: Operand, document: Document) -> str:
    """Return what a person would call it."""
    match operand:
        case Candle(name, back, line):
            told = name
        case IndicatorValue(key, output, back, line):
            told = key if output == dict(document.lines[line].indicators)[key].name else f"{key}_{output}"
        case _:
            given = [getattr(operand, f.name) for f in fields(operand)]
            return "_".join([type(operand).__name__.lower(), *(v for v in given if isinstance(v, str) and v)])
    told = f"{told}_{document.lines[line].name}" if line else told
    return f"{told}_forming" if back == FORMING else told


# --- functions ---------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Text:
    """The functions of all signals, as they are written."""

    named: Mapping[Operand, str]
    lines: list[str] = field(default_factory=list)
    _memories: int = 0

    def add(self, number: int, signal: Signal, *, tracks: bool, guard: bool) -> Functions:
        """Write the functions of a signal; `tracks` where falling edges matter, `guard` before an exit."""
        comment = f"# {signal.id}" + (f": {signal.label}" if signal.label else "")
        comment = "".join(c if c.isprintable() else " " for c in comment)  # one line of Python, whatever the label
        self.lines.append(" ".join(comment.split()))
        tracks = tracks or signal.trigger is Trigger.EDGE
        first = self._write(f"signal_{number}", signal.condition, tracks=tracks, guard=guard)
        if signal.again is None:
            return first
        return replace(first, again=self._write(f"signal_{number}_again", signal.again, tracks=tracks, guard=guard))

    def _write(self, stem: str, group: Group, *, tracks: bool, guard: bool) -> Functions:
        before: dict[Condition, str] = {}
        for condition in comparisons(group):
            if crosses_live(condition) and condition not in before:
                self._memories += 1
                before[condition] = f"before_{self._memories}"
        writer = Writer(self.named.__getitem__, before.__getitem__)
        sides = [f"{name}[:] = {writer.operand(c.left)}, {writer.operand(c.right[0])}" for c, name in before.items()]
        return Functions(
            self._function(f"{stem}_is_true", f"return {writer.true(group)}"),
            self._function(f"{stem}_is_false", f"return {writer.false(group)}") if tracks else None,
            self._function(f"{stem}_stirs", f"return {writer.true(group)} or not ({writer.known(group)})")
            if guard
            else None,
            self._function(f"{stem}_remembers", *sides) if sides else None,
            tuple(before.items()),
        )

    def _function(self, name: str, *body: str) -> str:
        self.lines += [f"def {name}():", *(f"    {line}" for line in body), ""]
        return name
