"""What TA-Lib is asked and how its answers are read: floats by output name, NaN where there is no value.

Whole columns and open handles come from the same declaration through the same `Call`, so that one can be the
other's oracle. Bars and sessions are unknown here.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tradingd.core.indicators.catalog import CATALOG
from tradingd.core.indicators.library import TALIB
from tradingd.core.indicators.sources import column

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tradingd.core.indicators.catalog import Function
    from tradingd.model.indicator import IndicatorDecl

Column = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Call:
    """A function of TA-Lib with the parameters of one declaration."""

    function: Function
    arguments: tuple[Any, ...]
    warm_up: int

    @classmethod
    def of(cls, decl: IndicatorDecl) -> tuple[Call, ...]:
        """Return the calls that compute a declaration, in the order of its catalogue entry."""
        entry = CATALOG[decl.name]
        values = entry.values(decl)
        return tuple(
            cls(f, tuple(values[a] if isinstance(a, str) else a for a in f.arguments), f.warm_up(values))
            for f in entry.functions
        )

    def whole(self, inputs: Sequence[Column]) -> dict[str, Column]:
        """Return the outputs over whole columns."""
        return self._read(getattr(TALIB, self.function.name)(*inputs, *self.arguments))

    def open(self, inputs: Sequence[Column]) -> tuple[Callable[..., Any], dict[str, Column]]:
        """Return the update of a handle opened over columns longer than the warm-up, and the outputs on them."""
        handle, answer = getattr(TALIB.stream, self.function.name).open_and_fill(*inputs, *self.arguments)
        return handle.update, self._read(answer)

    def _read(self, answer: Any) -> dict[str, Column]:
        arrays = answer if isinstance(answer, tuple) else (answer,)
        outputs = {o: np.array(a, np.float64) for o, a in zip(self.function.outputs, arrays, strict=True)}
        for array in outputs.values():
            array[: self.warm_up] = nan
            if self.function.zero_is_unknown:
                array[array == 0.0] = nan
        return outputs


def batch(decl: IndicatorDecl, columns: Mapping[str, Column]) -> dict[str, Column]:
    """Return every output over whole columns of bars: open, high, low, close, volume.

    They are one stretch from one anchor: nothing resets inside.
    """
    inputs = [column(name, columns) for name in CATALOG[decl.name].reads(decl)]
    return {output: array for call in Call.of(decl) for output, array in call.whole(inputs).items()}
