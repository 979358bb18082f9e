"""How an indicator is named: the declaration a document makes, and the entry of the catalogue that answers it.

The catalogue itself lives in `core.indicators`; the graph needs only to know what exists, which parameters it
takes, and which outputs it gives, so those words stand here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PRICE_SOURCES = ("open", "high", "low", "close", "volume", "hl2", "hlc3", "ohlc4")


@dataclass(frozen=True, slots=True)
class IndicatorDecl:
    """An indicator as declared: equal declarations on one series are one instance, shared by all strategies.

    `params` holds every parameter of the catalogue entry in its order, defaults filled in. `source` is one of
    `PRICE_SOURCES`, empty where the entry takes fixed inputs (high, low, close).
    """

    name: str
    params: tuple[tuple[str, float], ...] = ()
    source: str = ""

    def __str__(self) -> str:
        """Return it as a person writes it: `rsi(14, close)`."""
        parts = [f"{v:g}" for _, v in self.params] + ([self.source] if self.source else [])
        return f"{self.name}({', '.join(parts)})"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a catalogue entry: bounds are inclusive."""

    name: str
    default: float
    minimum: float
    maximum: float
    integer: bool = True
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IndicatorSpec:
    """One entry of the catalogue.

    `outputs[0]` is the default output. `takes_source` says whether the price source can be chosen; otherwise
    `inputs` names the fixed columns. `resets` entries begin afresh
    at every session open, whatever the anchor. `warm_up(decl)` is the number of bars before the first value (the value
    of the bar with that index, from 0, is the first); `anchor_bars(decl)` is N, the number of bars before the
    session from which a value no longer depends on its seed.
    """

    name: str
    title: str
    inputs: tuple[str, ...]
    params: tuple[Parameter, ...]
    outputs: tuple[str, ...]
    takes_source: bool
    resets: bool
    convention: str
    source: str
    warm_up: Callable[[IndicatorDecl], int]
    anchor_bars: Callable[[IndicatorDecl], int]
