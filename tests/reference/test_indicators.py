"""Indicators against values that nobody here computed.

`excel` are spreadsheets that compute step by step by hand, `skender`, `lean` and `tulip` come from other libraries and
charting tools. A case's `tolerance` is relative to the largest reference value: 1e-12 where the reference is printed in
full, its precision where it is rounded. `settle` leaves out that many values at the start where the
reference seeds another way, and `why` says which; after it both agree, which is what shows that only the seed differs.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import openpyxl
import pytest

from tests.shared import shared
from tradingd.core.indicators.catalog import CATALOG
from tradingd.core.indicators.computation import Column, batch
from tradingd.core.indicators.declaration import declare

if TYPE_CHECKING:
    from collections.abc import Callable

EXACT = 1e-12
SKENDER = ("open", "high", "low", "close", "volume")
HLC = ("high", "low", "close")


@dataclass(frozen=True)
class Case:
    """One entry against one file: `outputs` maps ours to the file's column, `count` is how many values are compared."""

    entry: str
    read: Callable[[str], dict[str, Column]]
    file: str
    outputs: dict[str, str]
    count: int
    tolerance: float = EXACT
    params: dict[str, object] = field(default_factory=dict)
    source: str | None = None
    settle: int = 0
    differences: bool = False
    why: str = ""

    def __str__(self) -> str:
        return f"{self.entry}-{self.read.__name__}-{self.file}"


def number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def excel(file: str) -> dict[str, Column]:
    """Read a sheet, named `Book/Sheet`, by its header; of equal headers the first counts."""
    book, sheet = file.split("/")
    path = shared(f"data/indicators/skender_excel/{book}.Calc.xlsx")
    workbook = openpyxl.load_workbook(path, data_only=True, read_only=True)
    head, *rows = workbook[sheet].iter_rows(values_only=True)
    workbook.close()
    body = [row for row in rows if row[0] is not None]
    return {
        name: np.array([number(row[i]) if i < len(row) else np.nan for row in body])
        for i, name in reversed(list(enumerate(head)))
        if name is not None
    }


def skender(file: str) -> dict[str, Column]:
    """Read the bars and, beside them, the results of one indicator, its columns in brackets."""
    with shared("data/indicators/skender_quotes/default.csv").open(encoding="utf-8") as quotes:
        rows = list(csv.DictReader(quotes))
    packed = shared(f"data/indicators/skender_results/{file}.standard.json.gz").read_bytes()
    results: list[dict[str, Any]] = json.loads(gzip.decompress(packed))
    columns = {name: np.array([float(row[name]) for row in rows]) for name in SKENDER}
    return columns | {f"[{name}]": np.array([number(row[name]) for row in results]) for name in results[0]}


def skender_tema(file: str) -> dict[str, Column]:
    """Read tema by its definition from that library's double and triple ema of 14 bars.

    With e the ema, its ema ee and its eee: eee moves 2 / 15 of the way to ee at each bar, and dema is 2 e - ee.
    """
    columns = skender(file)
    dema, eee = skender("dema")["[dema]"], columns["[ema3]"]
    before = np.concatenate(([np.nan], eee[:-1]))
    ee = before + (eee - before) * 15 / 2
    e = (dema + ee) / 2
    return columns | {"tema": 3 * e - 3 * ee + eee}


def lean(file: str) -> dict[str, Column]:
    """Read bars and values from one table; names of its columns in small letters."""
    with shared(f"data/indicators/lean/{file}").open(encoding="utf-8") as table:
        rows = [{k.strip().lower(): v for k, v in row.items() if k} for row in csv.DictReader(table)]
    return {name: np.array([number(row[name]) for row in rows]) for name in rows[0]}


def tulip(file: str) -> dict[str, Column]:
    """Read one block of vectors: inputs, then outputs that end with them, as `0`, `1`, ..."""
    text = shared("data/indicators/tulip/untest.txt").read_text(encoding="utf-8")
    block = next(b for b in re.split(r"\n\s*\n", text) if b.strip().startswith(f"{file}\n"))
    vectors = [[float(x) for x in line.strip("{}").split(",")] for line in block.strip().splitlines()[1:]]
    size = len(vectors[0])
    return {str(i): np.array([np.nan] * (size - len(v)) + v) for i, v in enumerate(vectors)}


def tulip_closes(file: str) -> dict[str, Column]:
    columns = tulip(file)
    return columns | {"close": columns["0"]}


def tulip_seeded(file: str) -> dict[str, Column]:
    """Read closes with the first one repeated before them: then a mean is what the reference seeds with, that close."""
    return {
        name: np.concatenate((np.full(100, column[0] if name in {"0", "close"} else np.nan), column))
        for name, column in tulip_closes(file).items()
    }


def tulip_bars(file: str) -> dict[str, Column]:
    columns = tulip(file)
    return columns | dict(zip(HLC, (columns["0"], columns["1"], columns["2"]), strict=True))


def tulip_volumes(file: str) -> dict[str, Column]:
    columns = tulip(file)
    return columns | {"close": columns["0"], "volume": columns["1"]}


MEAN_OF_EMAS = "an ema of emas is seeded with the first of them, not with a mean"
MACD_SEED = "the fast ema is seeded with its own first bars, not with those before the slow one's"
ADX_SEED = "the sums are seeded with `period` bars, not with one less"
OBV_SEED = "starts with 0, not with the first volume"
SIX_DIGITS = "printed with more digits than the six that are exact"
ATR_SEED = "the first range counts, though no close is before it"
DI = {"adx": "[adx]", "plus_di": "[pdi]", "minus_di": "[mdi]"}
MACD = {"macd": "MACD", "signal": "Signal", "histogram": "Histo"}

CASES = [
    Case("sma", excel, "Sma/SMA - Close", {"sma": "SMA"}, 483),
    Case("sma", excel, "Sma/SMA - Close", {"sma": "SMA(O)"}, 483, source="open"),
    Case("sma", excel, "Sma/SMA - Volume", {"sma": "sma"}, 483, source="volume"),
    Case("sma", skender, "sma", {"sma": "[sma]"}, 483),
    Case("sma", lean, "spy_with_indicators.txt", {"sma": "sma14"}, 487, 5e-7, {"period": 14}),
    Case("sma", tulip_closes, "sma 5", {"sma": "1"}, 11, 1e-5, {"period": 5}),
    Case("ema", excel, "Ema/EMA", {"ema": "ema"}, 483),
    Case("ema", excel, "Ema/EMA", {"ema": "ema(O)"}, 483, source="open"),
    Case("ema", skender, "ema", {"ema": "[ema]"}, 483),
    Case("ema", lean, "spy_ema.csv", {"ema": "ema14"}, 351, EXACT, {"period": 14}),
    Case("ema", lean, "spy_with_indicators.txt", {"ema": "ema14"}, 487, 5e-7, {"period": 14}),
    Case("ema", tulip_seeded, "ema 5", {"ema": "1"}, 15, 1e-5, {"period": 5}),
    Case("wma", skender, "wma", {"wma": "[wma]"}, 489, EXACT, {"period": 14}),
    Case("wma", tulip_closes, "wma 5", {"wma": "1"}, 11, 1e-5, {"period": 5}),
    Case("hma", skender, "hma", {"hma": "[hma]"}, 487, EXACT, {"period": 14}),
    Case("hma", lean, "spy_hma.txt", {"hma": "hma_16"}, 482, 1e-9, {"period": 16}),
    Case("hma", tulip_closes, "hma 5", {"hma": "1"}, 10, 1e-5, {"period": 5}),
    Case("dema", lean, "spy_dema.txt", {"dema": "dema_5"}, 356, EXACT, {"period": 5}),
    Case(
        "dema", skender, "dema", {"dema": "[dema]"}, 276, EXACT, {"period": 14}, settle=200,
        why=MEAN_OF_EMAS,
    ),
    Case("tema", tulip_seeded, "tema 5", {"tema": "1"}, 3, 1e-3, {"period": 5}, why=MEAN_OF_EMAS),
    Case("tema", skender_tema, "trix", {"tema": "tema"}, 263, EXACT, {"period": 14}, settle=200, why=MEAN_OF_EMAS),
    Case("rsi", excel, "Rsi/RSI", {"rsi": "RSI(14)"}, 488),
    Case("rsi", skender, "rsi", {"rsi": "[rsi]"}, 488),
    Case("rsi", lean, "spy_with_indicators.txt", {"rsi": "rsi 14 wilder"}, 486, 1e-7),
    Case("rsi", tulip_closes, "rsi 5", {"rsi": "1"}, 10, 1e-5, {"period": 5}),
    Case("macd", excel, "Macd/MACD", MACD, 269, settle=200, why=MACD_SEED),
    Case(
        "macd", skender, "macd", {"macd": "[macd]", "signal": "[signal]", "histogram": "[histogram]"}, 269, settle=200,
        why=MACD_SEED,
    ),
    Case(
        "macd", lean, "spy_with_macd.txt", {"macd": "macd", "signal": "signal", "histogram": "histogram"}, 183, 1e-6,
        why=f"{MACD_SEED}; it begins after 179 bars, where that is forgotten",
    ),
    Case("macd", lean, "spy_with_indicators.txt", {"macd": "macd 12 26"}, 367, 1e-6, settle=100, why=MACD_SEED),
    Case("bbands", excel, "BollingerBands/Bollinger Bands", {"middle": "sma", "upper": "upper", "lower": "lower"}, 483),
    Case("bbands", skender, "bb", {"middle": "[sma]", "upper": "[upperBand]", "lower": "[lowerBand]"}, 483),
    Case(
        "bbands", lean, "spy_bollinger_bands.txt",
        {"middle": "moving average 20", "upper": "bollinger bands® 20 2 top", "lower": "bollinger bands® 20 2 bottom"},
        481, 5e-7,
    ),
    Case("bbands", tulip_closes, "bbands 5 2", {"lower": "1", "middle": "2", "upper": "3"}, 11, 1e-5, {"period": 5}),
    Case("atr", excel, "Atr/ATR", {"atr": "ATR"}, 488),
    Case("atr", skender, "atr", {"atr": "[atr]"}, 488),
    Case(
        "atr", lean, "spy_atr_wilder.txt", {"atr": "average true range 14"}, 337, 2e-6, settle=150, why=ATR_SEED,
    ),
    Case("atr", tulip_bars, "atr 5", {"atr": "3"}, 10, 6e-2, {"period": 5}, why=f"{ATR_SEED}; 10 bars do not forget"),
    Case(
        "adx", excel, "Adx/ADX", {"adx": "ADX", "plus_di": "+DI14", "minus_di": "-DI14"}, 75, EXACT, settle=400,
        why=ADX_SEED,
    ),
    Case("adx", skender, "adx", DI, 75, EXACT, settle=400, why=ADX_SEED),
    Case(
        "adx", lean, "spy_with_adx.txt", {"adx": "adx 14", "plus_di": "+di14", "minus_di": "-di14"}, 277, 2e-6,
        settle=200, why=ADX_SEED,
    ),
    Case("stoch", excel, "Stoch/STO(14,3,3) (2)", {"k": "%K", "d": "%D"}, 485),
    Case("stoch", skender, "stoch", {"k": "[k]", "d": "[d]"}, 485),
    Case(
        "stoch", lean, "spy_with_stoch12k3.txt", {"k": "stochastics 12 %k 3", "d": "%d 5"}, 484, 5e-6,
        {"k": 12, "smooth_k": 3, "d": 5}, why=SIX_DIGITS,
    ),
    Case("stoch", tulip_bars, "stoch 5 3 3", {"k": "3", "d": "4"}, 7, 1e-5, {"k": 5}),
    Case("cci", skender, "cci", {"cci": "[cci]"}, 483),
    Case(
        "cci", lean, "spy_with_cci.txt", {"cci": "commodity channel index (cci) 14"}, 488, 1e-5, {"period": 14},
        why=SIX_DIGITS,
    ),
    Case("cci", tulip_bars, "cci 5", {"cci": "3"}, 7, 1e-5, {"period": 5}),
    Case("obv", excel, "Obv/OBV", {"obv": "obv"}, 501, differences=True, why=OBV_SEED),
    Case("obv", skender, "obv", {"obv": "[obv]"}, 501, differences=True, why=OBV_SEED),
    Case("obv", lean, "spy_with_obv.txt", {"obv": "obv"}, 500, 1e-6),
    Case("obv", tulip_volumes, "obv", {"obv": "2"}, 14, differences=True, why=OBV_SEED),
    Case("vwap", excel, "Vwap/VWAP", {"vwap": "VWAP"}, 391),
    Case("vwap", skender, "vwap", {"vwap": "[vwap]"}, 502),
    Case("supertrend", skender, "supertrend", {"supertrend": "[superTrend]"}, 492),
    Case(
        "supertrend", lean, "dwac_supertrend.txt", {"supertrend": "super"}, 18, 5e-5, settle=50,
        why=f"{ATR_SEED}; 68 bars do not forget",
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_reference(case: Case, record_property: Callable[[str, object], None]) -> None:
    columns = case.read(case.file)
    ours = batch(declare(case.entry, case.params, case.source), columns)
    worst = 0.0
    for output, name in case.outputs.items():
        mine, theirs = ours[output], columns[name]
        if case.differences:
            mine, theirs = np.diff(mine), np.diff(theirs)
        both = np.flatnonzero(np.isfinite(mine) & np.isfinite(theirs))
        compared = both[both >= both[0] + case.settle]
        error = np.abs(mine - theirs)[compared].max() / np.abs(theirs[compared]).max()
        assert error <= case.tolerance, output
        worst = max(worst, error)
        if output == next(iter(case.outputs)):
            assert len(compared) == case.count
    record_property("told", f"{case.count} values, off by {worst:.1e} at most (allowed {case.tolerance:.0e})")


def test_every_entry_has_a_reference() -> None:
    assert {case.entry for case in CASES} == set(CATALOG)


def test_supertrend_is_on_the_reference_s_side() -> None:
    """Its line still carries another seed here, but its direction is right at every one of the 68 values."""
    columns = lean("dwac_supertrend.txt")
    ours = batch(declare("supertrend", {}), columns)["direction"]
    known = np.isfinite(ours)
    theirs = np.where(columns["close"] > columns["super"], 1.0, -1.0)
    assert known.sum() == 68
    assert np.array_equal(ours[known], theirs[known])
