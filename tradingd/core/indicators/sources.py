"""The price sources: what an indicator, or a condition, can read of a bar.

One expression serves one bar and whole columns of bars, so that both give the same bits: IEEE arithmetic does
not know how many numbers it is applied to. Nothing else may derive a price.
"""

from __future__ import annotations

from operator import attrgetter
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

READ: Mapping[str, Callable[[Any], Any]] = MappingProxyType({
    "open": attrgetter("open"),
    "high": attrgetter("high"),
    "low": attrgetter("low"),
    "close": attrgetter("close"),
    "volume": attrgetter("volume"),
    "ts_open": attrgetter("ts_open"),  # by which bars are found again
    "hl2": lambda bar: (bar.high + bar.low) / 2,
    "hlc3": lambda bar: (bar.high + bar.low + bar.close) / 3,
    "ohlc4": lambda bar: (bar.open + bar.high + bar.low + bar.close) / 4,
})  # fmt: skip


def column(name: str, columns: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the price source `name` of bars given as columns: open, high, low, close, volume."""
    values: NDArray[np.float64] = READ[name](SimpleNamespace(**columns))
    return values
