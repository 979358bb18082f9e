"""From what a person wrote to a declaration: parameters by any of their names, checked, completed, in order.

Two documents that mean the same instance must give equal declarations, or it would be computed twice; a wrong
one must say what is wrong, the value, and what would be right. Nothing is guessed, rounded or clamped.
"""

from __future__ import annotations

import math
from decimal import Decimal
from difflib import get_close_matches
from typing import TYPE_CHECKING

from tradingd.core.indicators.catalog import CATALOG
from tradingd.model.indicator import PRICE_SOURCES, IndicatorDecl

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tradingd.core.indicators.catalog import Entry
    from tradingd.model.indicator import Parameter


def declare(name: str, params: Mapping[str, object], source: str | None = None) -> IndicatorDecl:
    """Return the declaration of an indicator, defaults filled in; `source` is `close` where it can be chosen.

    Raises:
        ValueError: the indicator, a parameter or the source is unknown, or a value is out of its bounds.
    """
    entry = CATALOG.get(name)
    if entry is None:
        msg = f"indicator {name!r} is unknown; {_nearest(name, CATALOG)}"
        raise ValueError(msg)
    given = _by_name(entry, params)
    values = tuple((p.name, _checked(entry, p, given[p.name]) if p.name in given else p.default) for p in entry.params)
    if entry.ascending is not None:
        low, high = entry.ascending
        if dict(values)[low] >= dict(values)[high]:
            msg = f"{name}: {low} {dict(values)[low]} must be less than {high} {dict(values)[high]}"
            raise ValueError(msg)
    return IndicatorDecl(name, values, _source(entry, source))


def _by_name(entry: Entry, params: Mapping[str, object]) -> dict[str, object]:
    """Return the given values by the parameters' own names."""
    names = {alias: p.name for p in entry.params for alias in (p.name, *p.aliases)}
    given: dict[str, object] = {}
    for key, value in params.items():
        parameter = names.get(key)
        if parameter is None:
            takes = f"it takes {', '.join(p.name for p in entry.params)}" if entry.params else "it takes none"
            msg = f"{entry.name}: parameter {key!r} ({value!r}) is unknown; {takes}"
            raise ValueError(msg)
        if parameter in given and given[parameter] != value:
            msg = f"{entry.name}: {parameter} is given twice, as {given[parameter]!r} and, by {key!r}, as {value!r}"
            raise ValueError(msg)
        given[parameter] = value
    return given


def _checked(entry: Entry, parameter: Parameter, value: object) -> float:
    number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    whole = "a whole number" if parameter.integer else "a number"
    right = f"it must be {whole} from {parameter.minimum:g} to {parameter.maximum:g}"
    msg = f"{entry.name}: {parameter.name} {value!r} is not right; {right}"
    if not number or not math.isfinite(value):  # type: ignore[arg-type]  # `number` has seen to it
        raise ValueError(msg)
    found = float(value)  # type: ignore[arg-type]
    if not parameter.minimum <= found <= parameter.maximum or (parameter.integer and not found.is_integer()):
        raise ValueError(msg)
    return int(found) if parameter.integer else found


def _source(entry: Entry, source: str | None) -> str:
    if not entry.takes_source:
        if source:
            msg = f"{entry.name}: source {source!r} cannot be chosen; it is computed from {', '.join(entry.inputs)}"
            raise ValueError(msg)
        return ""
    if source is None:
        return "close"
    if source not in PRICE_SOURCES:
        msg = f"{entry.name}: source {source!r} is unknown; {_nearest(source, PRICE_SOURCES)}"
        raise ValueError(msg)
    return source


def _nearest(name: str, known: Iterable[str]) -> str:
    known = list(known)
    near = get_close_matches(name.lower(), known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(known)}"
