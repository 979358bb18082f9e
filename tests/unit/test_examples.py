"""What the packaged examples promise: each is clean, runs, and does what its name says; the demonstration is quick."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tradingd.core.graph.loading import load
from tradingd.core.indicators.catalog import CATALOG
from tradingd.core.indicators.declaration import declare
from tradingd.examples import strategies
from tradingd.examples.market import minute_bars
from tradingd.model.errors import Severity
from tradingd.research.backtest import DataFile, Request, Result, run

if TYPE_CHECKING:
    from pathlib import Path

    from tradingd.core.graph.document import Document

TEN_DAYS = 10 * 1440


def document(path: Path) -> Document:
    loaded = load(path.read_bytes(), CATALOG, declare)
    assert loaded.document is not None
    return loaded.document


def ran(path: Path, folder: Path, out: Path | None = None) -> Result:
    bars = folder / "bars.npz"
    np.savez(bars, **minute_bars(TEN_DAYS, 3))
    data = [DataFile(symbol="DEMO", kind="bars", path=bars)]
    return run(Request(documents=[document(path)], data=data, out=out))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return {path.stem: ran(path, tmp_path_factory.mktemp("run")) for path in strategies()}


def test_there_are_three() -> None:
    assert [path.name for path in strategies()] == ["ema_crossover.json", "rsi_reversal.json", "volatility_alert.json"]


@pytest.mark.parametrize("path", strategies(), ids=lambda path: path.stem)
def test_each_is_without_a_warning(path: Path) -> None:
    findings = load(path.read_bytes(), CATALOG, declare).findings
    assert [finding for finding in findings if finding.severity is not Severity.INFO] == []


def test_the_crossover_trades_as_often_as_the_averages_cross(results: dict[str, Result]) -> None:
    trades = results["ema_crossover"].trades
    assert len(trades) > 20
    assert {trade["exit_node"] for trade in trades} == {"sell"}


def test_the_reversal_takes_profits_stops_losses_and_comes_back(results: dict[str, Result]) -> None:
    trades = results["rsi_reversal"].trades
    assert {"take-profit", "stop-loss"} <= {trade["exit_node"] for trade in trades}
    days = [str(trade["entry_time"])[:10] for trade in trades]
    assert max(map(days.count, days)) == 4  # the first entry of a day and three re-entries


def test_the_alert_trades_nothing_and_tells(results: dict[str, Result], tmp_path: Path) -> None:
    assert not results["volatility_alert"].positions
    [path] = [path for path in strategies() if path.stem == "volatility_alert"]
    ran(path, tmp_path, tmp_path)
    commands = [json.loads(line) for line in (tmp_path / "commands.jsonl").read_text("utf-8").splitlines()]
    assert {command["command"] for command in commands} == {"alert"}
    assert {command["message"] for command in commands} == {"The price closed outside its bands"}


def test_a_seed_gives_the_same_market_every_time() -> None:
    first, again, other = minute_bars(500, 1), minute_bars(500, 1), minute_bars(500, 2)
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["close"], other["close"])
    assert (first["high"] >= np.maximum(first["open"], first["close"])).all()
    assert (first["low"] <= np.minimum(first["open"], first["close"])).all()


def test_the_demonstration_prints_trades_metrics_and_the_same_hash_every_time() -> None:
    command = [sys.executable, "-W", "error", "-m", "tradingd.examples.demo"]
    first, again = (subprocess.run(command, check=True, capture_output=True, text=True) for _ in range(2))
    assert first.stderr == ""
    assert "total_pnl" in first.stdout
    assert "take-profit" in first.stdout
    assert re.search(r"decisions_sha256: [0-9a-f]{64}\n", first.stdout)
    assert first.stdout.rpartition("seconds:")[0] == again.stdout.rpartition("seconds:")[0]
