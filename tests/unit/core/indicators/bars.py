"""Bars for the tests of indicators: columns made from a seed, and the same columns as bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tradingd.core.indicators.declaration import declare
from tradingd.model.market import MINUTE, Bar, Quality, Timeframe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from tradingd.core.indicators.computation import Column
    from tradingd.core.indicators.series import Series

M1 = Timeframe(MINUTE)

# Short parameters, so that anchors are short too and a test can afford many sessions.
SHORT: dict[str, dict[str, object]] = {
    "sma": {"period": 5},
    "ema": {"period": 4},
    "wma": {"period": 5},
    "hma": {"period": 9},
    "dema": {"period": 3},
    "tema": {"period": 2},
    "rsi": {"period": 3},
    "macd": {"fast": 2, "slow": 4, "signal": 3},
    "bbands": {"period": 5},
    "atr": {"period": 3},
    "adx": {"period": 2},
    "stoch": {"k": 5, "smooth_k": 3, "d": 2},
    "cci": {"period": 5},
    "obv": {},
    "vwap": {},
    "supertrend": {"period": 3, "multiplier": 1.5},
}
DECLARED = {name: declare(name, params) for name, params in SHORT.items()}


def make_columns(closes: Column, seed: int = 0) -> dict[str, Column]:
    """Return bars around the closes: each opens at the close before, with some range and volume, at times none."""
    rng = np.random.default_rng(seed)
    opens = np.concatenate((closes[:1], closes[:-1]))
    flat = rng.random(len(closes)) < 0.3
    width = np.where(flat, 0.0, np.round(rng.random(len(closes)) * 2, 2))
    return {
        "open": opens,
        "high": np.maximum(opens, closes) + width,
        "low": np.minimum(opens, closes) - width,
        "close": closes,
        "volume": rng.integers(0, 4, len(closes)) * 25.0,
    }


def make_walk(count: int, seed: int = 0) -> dict[str, Column]:
    """Return a random walk around 1000, on no grid, so that every sum rounds."""
    steps = np.random.default_rng(seed).normal(scale=0.7, size=count)
    return make_columns(1000 + np.cumsum(steps), seed)


def make_bar(close: float, index: int = 0, quality: Quality = Quality.COMPLETE) -> Bar:
    return Bar("X", M1, index * MINUTE, (index + 1) * MINUTE, close, close, close, close, quality=quality)


def make_bars(columns: dict[str, Column]) -> list[Bar]:
    rows = zip(*(columns[k].tolist() for k in ("open", "high", "low", "close", "volume")), strict=True)
    return [Bar("X", M1, i * MINUTE, (i + 1) * MINUTE, *row) for i, row in enumerate(rows)]


def feed(series: Series, bars: Iterable[Bar]) -> None:
    for bar in bars:
        series.push(bar)


def cut(columns: dict[str, Column], start: int, end: int) -> dict[str, Column]:
    return {name: column[start:end].copy() for name, column in columns.items()}


def bits(values: Column | list[float]) -> NDArray[np.int64]:
    """Return the bit patterns, so that 0.0 is not -0.0; every NaN is one."""
    array = np.array(values, np.float64)
    array[np.isnan(array)] = np.nan
    return array.view(np.int64)
