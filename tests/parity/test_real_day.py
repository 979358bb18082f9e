"""A whole day of the exchange, 62 instruments and 1.1 million ticks: who trades, and that it is always the same."""

from __future__ import annotations

import csv
import gzip
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.shared import shared
from tests.unit.research.requests import backtest, reversal, ticks

if TYPE_CHECKING:
    from pathlib import Path

    from tradingd.core.graph.document import Document
    from tradingd.research.backtest import DataFile, Result

TRADED = ("AXISBANK", "HDFCBANK", "ICICIBANK", "INFY", "ITC", "LT", "RELIANCE", "SBIN", "TATASTEEL", "TCS")


def strategies() -> list[Document]:
    return [reversal(name, "NSE", low=40, high=60, productType="intraday") for name in TRADED]


def day(*symbols: str) -> list[DataFile]:
    """Name the files of the day, all of them without symbols."""
    paths = sorted(shared("data/nse_ticks/day_2021-05-28").iterdir())
    found = {path.name.partition(".")[0]: path for path in paths}
    return [ticks(symbol, found[symbol], exchange="NSE") for symbol in symbols or found]


@pytest.fixture(scope="module")
def whole() -> Result:
    return backtest(strategies(), *day())


@pytest.fixture(scope="module")
def ten() -> Result:
    return backtest(strategies(), *day(*TRADED))


def decided(result: Result) -> dict[str, Any]:
    """Return all that a result says, without the time it took."""
    return result.as_dict() | {"seconds": None}


def test_each_of_ten_strategies_trades(whole: Result) -> None:
    assert {trade["strategy_id"] for trade in whole.trades} == {f"rsi-{name.lower()}" for name in TRADED}
    assert whole.metrics.total_pnl == sum(Decimal(trade["pnl"] or "") for trade in whole.trades)
    assert whole.ticks == 1_100_470


def test_what_is_wrong_with_the_day_is_counted_as_published(whole: Result) -> None:
    met = whole.anomalies
    published = (55_230, 4_701, 28_437, 6_892, 17_128, 548.0)
    assert published == (
        met.equal_ts, met.backwards, met.equal_rows, met.volume_decreases, met.outside_session, met.max_gap_s,
    )  # fmt: skip
    assert met.late > 0


def test_the_other_way_round_is_the_same_run(whole: Result) -> None:
    again = backtest(strategies()[::-1], *day()[::-1])
    assert again.decisions_sha256 == whole.decisions_sha256
    assert decided(again) == decided(whole)


def test_twice_is_the_same_run(ten: Result) -> None:
    again = backtest(strategies(), *day(*TRADED))
    assert decided(again) == decided(ten)


def test_instruments_that_nobody_reads_decide_nothing(ten: Result, whole: Result) -> None:
    traded = [(trade["id"], trade["entry_time"], trade["pnl"]) for trade in whole.trades]
    assert traded == [(trade["id"], trade["entry_time"], trade["pnl"]) for trade in ten.trades]


def rows_of(symbol: str | None) -> list[list[str]]:
    with gzip.open(shared(f"data/nse_ticks/day_2021-05-28/{symbol}.csv.gz"), "rt") as file:
        return list(csv.reader(file))


def filled_by(trade: dict[str, str | None], rows: list[list[str]]) -> list[list[str]]:
    """Return the rows at which the trade can have been opened: its time and its price."""
    stamp, price = (trade["entry_time"] or "")[:19].replace("T", " "), Decimal(trade["entry_price"] or "")
    return [row for row in rows[1:] if row[0] == stamp and Decimal(row[1]) == price]


def test_one_traded_tick_moved_by_one_tick_size_changes_the_hash(ten: Result, tmp_path: Path) -> None:
    trade = next(trade for trade in ten.trades if len(filled_by(trade, rows_of(trade["instrument"]))) == 1)
    rows = rows_of(symbol := trade["instrument"] or "")
    (moved,) = filled_by(trade, rows)
    moved[1] = str(Decimal(moved[1]) + Decimal("0.05"))
    with (tmp_path / "moved.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    others = day(*(name for name in TRADED if name != symbol))
    result = backtest(strategies(), *others, ticks(symbol, tmp_path / "moved.csv", exchange="NSE"))
    assert result.decisions_sha256 != ten.decisions_sha256
    again = next(one for one in result.trades if one["id"] == trade["id"])
    assert Decimal(again["entry_price"] or "") == Decimal(trade["entry_price"] or "") + Decimal("0.05")
