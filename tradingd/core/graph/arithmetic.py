"""What expressions compute: arithmetic and gatherings over values of which some may be unknown.

Unknown is NaN and makes everything that is made of it unknown; so does a division by zero, and what is not finite.
The plain evaluator calls `compute` and `gather`, compiled conditions the functions of `SCOPE` by the patterns of
`SOURCE`. Nothing here knows where values come from.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tradingd.core.graph.expressions import Gathering

NAN = math.nan
PERCENT = 100.0

Value = float | str | bool
"""A value of any type; a time is an int, in ns."""

SOURCE: Mapping[str, str] = {
    "+": "({} + {})",
    "-": "({} - {})",
    "*": "({} * {})",
    "/": "quotient({}, {})",
    "+%": "raised({}, {})",
    "-%": "lowered({}, {})",
}
"""How each operator is written in compiled conditions."""


def finite(value: float) -> float:
    """Return a number, unknown where it is not finite."""
    return value if math.isfinite(value) else NAN


def quotient(a: float, b: float) -> float:
    """Return a / b, unknown where b is zero."""
    return a / b if b else NAN


def raised(a: float, percent: float) -> float:
    """Return a and so many percent of it more."""
    return a + a * percent / PERCENT


def lowered(a: float, percent: float) -> float:
    """Return a and so many percent of it less."""
    return a - a * percent / PERCENT


_OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": quotient, "+%": raised,
    "-%": lowered,
}  # fmt: skip


def compute(first: Value, rest: Iterable[tuple[str, Value]]) -> Value:
    """Return what the operators make of the values, from left to right."""
    value: Any = first
    for op, operand in rest:
        value = _OPERATIONS[op](value, operand)
    return finite(value) if isinstance(value, float) else value


def gather(how: Gathering, values: Sequence[Value]) -> Value:
    """Return one number made of several, unknown if one of them is."""
    return SCOPE[f"{how.value}_of"](*values)  # type: ignore[no-any-return] # the table holds functions of floats


def _each(function: Callable[[tuple[float, ...]], float]) -> Callable[..., float]:
    """Return a function of known values as one of values that may be unknown; of no values it is unknown."""

    def of(*values: float) -> float:
        return finite(function(values)) if values and all(v == v for v in values) else NAN  # noqa: PLR0124 - NaN

    return of


def _sum(values: Sequence[float]) -> float:
    total = 0.0
    for value in values:
        total += value  # in order: a compensated sum would differ between Pythons
    return total


SCOPE: Mapping[str, Any] = {
    "round": round,
    "finite": finite,
    "quotient": quotient,
    "raised": raised,
    "lowered": lowered,
    "min_of": _each(min),
    "max_of": _each(max),
    "sum_of": _each(_sum),
    "avg_of": _each(lambda values: _sum(values) / len(values)),
    "first_of": _each(lambda values: values[0]),
    "last_of": _each(lambda values: values[-1]),
    "count_of": _each(lambda values: float(len(values))),
    "abs_of": _each(lambda values: abs(values[0])),
}
"""What compiled conditions may call."""
