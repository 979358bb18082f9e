"""The catalogue: every indicator there is, as one table.

A row says what TA-Lib computes and by which conventions, because two programs that both say "RSI 14" may seed,
smooth or divide differently, and a person comparing them must be able to see why. Nothing here holds state,
reads a bar, or judges a declaration (`declaration.py` does).

N, the anchor (`anchor_bars`), is how many bars before a session its values are computed from:

    N = warm-up + 1 + settling + LOOK_BACK

Settling is how long the seed of a recursion stays visible in a double. A smoothing that keeps 1 - 1/m of its
past per bar keeps less than 2**-60 of it after 60 ln 2 m < 41.6 m bars: m is the period for Wilder's,
(period + 1) / 2 for an EMA. Smoothings of smoothings add up. A window forgets at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from tradingd.model.indicator import IndicatorDecl, IndicatorSpec, Parameter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LOOK_BACK = 100
"""How far before a session a look-back finds values that are settled and computed from the session's anchor."""

_HLC = ("high", "low", "close")

Values = dict[str, Any]  # a declaration's parameters as TA-Lib takes them: int where whole, else float


@dataclass(frozen=True, slots=True)
class Function:
    """A function of TA-Lib: how it is called, and what it answers.

    `arguments` are names of the entry's parameters, or constants. The first value is that of the bar with index
    `warm_up`, from 0. Where `zero_is_unknown`, TA-Lib writes 0 for what cannot be computed.
    """

    name: str
    outputs: tuple[str, ...]
    arguments: tuple[str | int, ...]
    warm_up: Callable[[Values], int]
    zero_is_unknown: bool = False


@dataclass(frozen=True, slots=True)
class Entry(IndicatorSpec):
    """A row of the catalogue with what computes it; `ascending` names two parameters, the smaller first."""

    functions: tuple[Function, ...]
    ascending: tuple[str, str] | None

    def values(self, decl: IndicatorDecl) -> Values:
        """Return the parameters of a declaration as TA-Lib takes them."""
        given = dict(decl.params)
        return {p.name: int(given[p.name]) if p.integer else float(given[p.name]) for p in self.params}

    def reads(self, decl: IndicatorDecl) -> tuple[str, ...]:
        """Return the columns that a declaration is computed from, in TA-Lib's order."""
        return (decl.source,) if self.takes_source else self.inputs


def _whole(name: str, default: int, minimum: int, *aliases: str) -> Parameter:
    return Parameter(name, default, minimum, 10_000, aliases=aliases)


def _period(default: int, minimum: int) -> tuple[Parameter, ...]:
    return (_whole("period", default, minimum, "length", "timeperiod", "window"),)


def _factor(name: str, default: float, *aliases: str) -> Parameter:
    return Parameter(name, default, 0.01, 100.0, integer=False, aliases=aliases)


def _at_once(_: Values) -> int:
    return 0


def _wilder(period: int) -> int:
    return (416 * period + 9) // 10


def _ema(period: int) -> int:
    return (208 * (period + 1) + 9) // 10


def _entry(  # noqa: PLR0913 - the columns of the table
    name: str,
    title: str,
    *functions: Function,
    convention: str,
    source: str,
    params: tuple[Parameter, ...] = (),
    inputs: tuple[str, ...] = (),
    settling: Callable[[Values], int] = _at_once,
    outputs: tuple[str, ...] = (),
    ascending: tuple[str, str] | None = None,
    resets: bool = False,
) -> Entry:
    """Return a row; its first function needs the most bars. `outputs` where the default one is not its first."""

    def warm_up(decl: IndicatorDecl) -> int:
        return functions[0].warm_up(entry.values(decl))

    def anchor_bars(decl: IndicatorDecl) -> int:
        return warm_up(decl) + 1 + settling(entry.values(decl)) + LOOK_BACK

    entry = Entry(
        name=name,
        title=title,
        inputs=inputs,
        params=params,
        outputs=outputs or tuple(output for function in functions for output in function.outputs),
        takes_source=not inputs,
        resets=resets,
        convention=convention,
        source=source,
        warm_up=warm_up,
        anchor_bars=anchor_bars,
        functions=functions,
        ascending=ascending,
    )
    return entry


_ROWS = (
    _entry(
        "sma", "Simple moving average",
        Function("SMA", ("sma",), ("period",), lambda p: p["period"] - 1),
        params=_period(20, 1),
        convention="The mean of the last `period` values.",
        source="TA-Lib SMA",
    ),
    _entry(
        "ema", "Exponential moving average",
        Function("EMA", ("ema",), ("period",), lambda p: p["period"] - 1),
        params=_period(20, 1),
        settling=lambda p: _ema(p["period"]),
        convention="Smoothing 2 / (period + 1); seeded with the mean of the first `period` values.",
        source="TA-Lib EMA",
    ),
    _entry(
        "wma", "Weighted moving average",
        Function("WMA", ("wma",), ("period",), lambda p: p["period"] - 1),
        params=_period(20, 1),
        convention="Weights 1, 2, ... `period`, the newest the heaviest.",
        source="TA-Lib WMA",
    ),
    _entry(
        "hma", "Hull moving average",
        Function("HMA", ("hma",), ("period",), lambda p: p["period"] + isqrt(p["period"]) - 2),
        params=_period(20, 1),
        convention="wma(2 wma(period / 2) - wma(period), sqrt(period)); half and root are rounded down.",
        source="A. Hull, Hull Moving Average (2005); TA-Lib HMA",
    ),
    _entry(
        "dema", "Double exponential moving average",
        Function("DEMA", ("dema",), ("period",), lambda p: 2 * (p["period"] - 1)),
        params=_period(20, 1),
        settling=lambda p: 2 * _ema(p["period"]),
        convention="2 ema - ema(ema); each ema is seeded with the mean of its first `period` values.",
        source="P. Mulloy, Smoothing Data with Faster Moving Averages, TASC 12:1 (1994); TA-Lib DEMA",
    ),
    _entry(
        "tema", "Triple exponential moving average",
        Function("TEMA", ("tema",), ("period",), lambda p: 3 * (p["period"] - 1)),
        params=_period(20, 1),
        settling=lambda p: 3 * _ema(p["period"]),
        convention="3 ema - 3 ema(ema) + ema(ema(ema)); each seeded with the mean of its first `period` values.",
        source="P. Mulloy, Smoothing Data with Less Lag, TASC 12:2 (1994); TA-Lib TEMA",
    ),
    _entry(
        "rsi", "Relative strength index",
        Function("RSI", ("rsi",), ("period",), lambda p: p["period"]),
        params=_period(14, 2),
        settling=lambda p: _wilder(p["period"]),
        convention="Wilder's smoothing, seeded with the mean of the first `period` changes; 0 while no value ever "
        "changed.",
        source="J. W. Wilder, New Concepts in Technical Trading Systems (1978); TA-Lib RSI",
    ),
    _entry(
        "macd", "Moving average convergence/divergence",
        Function(
            "MACD", ("macd", "signal", "histogram"), ("fast", "slow", "signal"), lambda p: p["slow"] + p["signal"] - 2
        ),
        params=(
            _whole("fast", 12, 2, "fast_period", "fastperiod", "fast_length"),
            _whole("slow", 26, 3, "slow_period", "slowperiod", "slow_length"),
            _whole("signal", 9, 1, "signal_period", "signalperiod", "signal_length"),
        ),
        ascending=("fast", "slow"),
        settling=lambda p: _ema(p["slow"]) + _ema(p["signal"]),
        convention="ema(fast) - ema(slow), both seeded at the slow one's first bar, each with the mean of its own "
        "number of values up to it; signal is the ema of macd, histogram = macd - signal. All three begin together.",
        source="G. Appel (1979); TA-Lib MACD",
    ),
    _entry(
        "bbands", "Bollinger bands",
        Function("BBANDS", ("upper", "middle", "lower"), ("period", "std", "std", 0), lambda p: p["period"] - 1),
        params=(*_period(20, 2), _factor("std", 2.0, "multiplier", "stddev", "nbdev", "nbdevup", "nbdevdn")),
        outputs=("middle", "upper", "lower"),
        convention="middle = sma(period), the bands `std` standard deviations of the population (divided by `period`, "
        "not by `period` - 1) around it.",
        source="J. Bollinger, Bollinger on Bollinger Bands (2001); TA-Lib BBANDS",
    ),
    _entry(
        "atr", "Average true range",
        Function("ATR", ("atr",), ("period",), lambda p: p["period"]),
        params=_period(14, 1),
        inputs=_HLC,
        settling=lambda p: _wilder(p["period"]),
        convention="Wilder's smoothing of the true range, seeded with the mean of the first `period` ranges that have "
        "a close before them.",
        source="J. W. Wilder, New Concepts in Technical Trading Systems (1978); TA-Lib ATR",
    ),
    _entry(
        "adx", "Average directional index",
        Function("ADX", ("adx",), ("period",), lambda p: 2 * p["period"] - 1),
        Function("PLUS_DI", ("plus_di",), ("period",), lambda p: p["period"]),
        Function("MINUS_DI", ("minus_di",), ("period",), lambda p: p["period"]),
        params=_period(14, 2),
        inputs=_HLC,
        settling=lambda p: 2 * _wilder(p["period"]),
        convention="Wilder's smoothing throughout; the sums of movement and range are seeded with `period` - 1 bars, "
        "adx with the mean of the first `period` indices.",
        source="J. W. Wilder, New Concepts in Technical Trading Systems (1978); TA-Lib ADX, PLUS_DI, MINUS_DI",
    ),
    _entry(
        "stoch", "Stochastic oscillator",
        Function(
            "STOCH", ("k", "d"), ("k", "smooth_k", 0, "d", 0), lambda p: p["k"] + p["smooth_k"] + p["d"] - 3
        ),
        params=(
            _whole("k", 14, 1, "k_period", "fastk_period", "period", "length"),
            _whole("smooth_k", 3, 1, "slowk_period", "smooth"),
            _whole("d", 3, 1, "d_period", "slowd_period"),
        ),
        inputs=_HLC,
        convention="The slow stochastic: k is the sma over `smooth_k` of the close's place in the range of the last "
        "`k` bars, in percent, d the sma of k; 0 where that range is empty. Both begin together.",
        source="G. Lane, Lane's Stochastics, TASC 2:3 (1984); TA-Lib STOCH with simple averages",
    ),
    _entry(
        "cci", "Commodity channel index",
        Function("CCI", ("cci",), ("period",), lambda p: p["period"] - 1),
        params=_period(20, 2),
        inputs=_HLC,
        convention="(hlc3 - its mean) / (0.015 mean deviation), both over `period` bars; 0 where nothing deviates.",
        source="D. Lambert, Commodity Channel Index, Commodities (1980); TA-Lib CCI",
    ),
    _entry(
        "obv", "On-balance volume",
        Function("OBV", ("obv",), (), _at_once),
        inputs=("close", "volume"),
        convention="Cumulative from its anchor, whose volume it starts with: only differences mean anything. Under the "
        "session anchor each session counts from its own, so compare within one session and its look-back.",
        source="J. Granville, New Key to Stock Market Profits (1963); TA-Lib OBV",
    ),
    _entry(
        "vwap", "Volume-weighted average price",
        Function("VWAP", ("vwap",), (), _at_once, zero_is_unknown=True),
        inputs=("high", "low", "close", "volume"),
        resets=True,
        convention="hlc3 weighted by volume, cumulative from the session's open; unknown before the first volume, and "
        "in a session whose open was not seen.",
        source="TA-Lib VWAP",
    ),
    _entry(
        "supertrend", "SuperTrend",
        Function("SUPERTREND", ("supertrend", "direction"), ("period", "multiplier"), lambda p: p["period"]),
        params=(*_period(10, 2), _factor("multiplier", 3.0, "factor", "mult")),
        inputs=_HLC,
        settling=lambda p: 2 * _wilder(p["period"]),
        convention="hl2 -/+ multiplier atr(period), ratcheted; direction is 1 above the line, -1 below. The direction "
        "is carried from bar to bar, so no number of bars forgets its seed for certain: values of two anchors agree "
        "from the first reversal that both see with a settled atr.",
        source="O. Seban; TA-Lib SUPERTREND",
    ),
)  # fmt: skip

CATALOG: Mapping[str, Entry] = MappingProxyType({entry.name: entry for entry in _ROWS})
"""Every indicator by its name."""
