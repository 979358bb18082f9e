"""A made-up market: one instrument whose prices swing, fall hard now and then, and come back.

For demonstrations, where real data would need an account or a licence. Equal seeds give equal bars, on every
machine; nothing about them should be taken for a real market's behaviour.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import numpy as np

MINUTE_NS = 60_000_000_000
START_NS = 1_735_776_000_000_000_000  # 2025-01-02T00:00:00Z
_PULL = 0.002  # share of its distance from the usual price that the price comes back in a minute
_NOISE = 0.0006
_SHOCK, _SHOCKS_PER_BAR = 0.006, 1 / 400


def minute_bars(count: int, seed: int) -> dict[str, Any]:
    """Return `count` one-minute bars as arrays named as the columns of a data file, prices on a grid of 0.01."""
    rng = np.random.Generator(np.random.PCG64(seed))
    shocks = np.where(rng.random(count) < _SHOCKS_PER_BAR, -_SHOCK * rng.random(count), 0.0)
    moves = rng.standard_normal(count) * _NOISE + shocks
    level = np.fromiter(accumulate(moves.tolist(), lambda x, move: x + move - _PULL * x), np.float64, count)
    close = np.round(1000.0 * np.exp(level), 2)
    open_ = np.concatenate(([1000.0], close[:-1]))
    reach = np.abs(rng.standard_normal((2, count))) * _NOISE * 500.0
    return {
        "timestamp": START_NS + MINUTE_NS * np.arange(count, dtype=np.int64),
        "open": open_,
        "high": np.round(np.maximum(open_, close) + reach[0], 2),
        "low": np.round(np.minimum(open_, close) - reach[1], 2),
        "close": close,
        "volume": np.floor(rng.exponential(50.0, count)) + 1.0,
    }
