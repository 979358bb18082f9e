"""The market data of the benchmarks, from a fixed seed: the same on every machine and in every year.

Bars are a random walk whose volatility swells and fades, with a small gap between a close and the next open, so
that a fill at either gives another P&L; a weak pull keeps a million of them near 1000. Ticks come in bursts, five
a second on average. Both are the series other backtesters were measured on: changing a draw or its order makes
every figure told before meaningless.
"""

from __future__ import annotations

import sys
from itertools import accumulate
from typing import Any

import numpy as np

SEED = 20240607
FIRST_NS = 1_704_067_200_000_000_000  # 2024-01-01T00:00:00Z
MINUTE_NS = 60_000_000_000

_VOLATILITY, _SWELL_BARS = 4e-4, 7000.0
_PULL = 1e-6
_GRID_PLACES = 2

Columns = dict[str, Any]


def minute_bars(count: int) -> Columns:
    """Return one-minute bars as arrays named as the columns of a data file."""
    rng = _generator(SEED)
    volatility = _VOLATILITY * np.exp(0.5 * np.sin(np.arange(count) / _SWELL_BARS))
    inside = rng.standard_normal(count) * volatility
    gap = rng.standard_normal(count) * volatility * 0.1
    path = accumulate((inside + gap).tolist(), lambda level, step: level + (step - _PULL * level), initial=0.0)
    level = np.fromiter(path, np.float64, count + 1)
    opened, closed = 1000.0 * np.exp(level[:-1] + gap), 1000.0 * np.exp(level[1:])
    wick = np.abs(rng.standard_normal((2, count))) * volatility * 0.5
    volume = np.floor(np.exp(rng.standard_normal(count) * 0.6 + 6.0)) + 1.0
    open_, close = _on_grid(opened), _on_grid(closed)
    high = _on_grid(np.maximum(opened, closed) * np.exp(wick[0]))
    low = _on_grid(np.minimum(opened, closed) * np.exp(-wick[1]))
    return {
        "timestamp": FIRST_NS + MINUTE_NS * np.arange(count, dtype=np.int64),
        "open": open_,
        "high": np.maximum.reduce([high, open_, close]),
        "low": np.minimum.reduce([low, open_, close]),
        "close": close,
        "volume": volume,
    }


def ticks(count: int) -> Columns:
    """Return prints as arrays named as the columns of a data file."""
    rng = _generator(SEED + 1)
    mean_s = np.where(rng.random(count) < 0.7, 0.02, 0.62)  # noqa: PLR2004 - the share of short gaps
    gap_ns = (rng.exponential(1.0, count) * mean_s * 1e9).astype(np.int64) + 1
    walk = np.cumsum(rng.standard_normal(count) * 2e-5)
    volume = np.floor(np.exp(rng.standard_normal(count) * 0.8 + 1.0)) + 1.0
    return {"timestamp": FIRST_NS + 1 + np.cumsum(gap_ns), "price": _on_grid(1000.0 * np.exp(walk)), "volume": volume}


def _generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def _on_grid(prices: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.round(prices, _GRID_PLACES)


if __name__ == "__main__":
    _, kind, number, path = sys.argv
    np.savez(path, **{"bars": minute_bars, "ticks": ticks}[kind](int(number)))
