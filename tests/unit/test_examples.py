"""What the packaged examples promise: each is clean, runs, and does what its name says; the demonstration is quick."""

from __future__ import annotations

import datetime as dt
import json
import re
import subprocess
import sys
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tradingd.core.graph.loading import load
from tradingd.core.indicators.catalog import CATALOG
from tradingd.core.indicators.declaration import declare
from tradingd.examples import strategies
from tradingd.examples.market import minute_bars
from tradingd.model.errors import Severity
from tradingd.model.instrument import Instrument, InstrumentKind
from tradingd.research.backtest import DataFile, Request, Result, run

if TYPE_CHECKING:
    from pathlib import Path

    from tradingd.core.graph.document import Document

TEN_DAYS = 10 * 1440
OPTIONS = "nifty_rsi_call"


def document(path: Path, *, index: bool = False) -> Document:
    kind = InstrumentKind.INDEX if index else InstrumentKind.SPOT
    loaded = load(path.read_bytes(), CATALOG, declare, lambda _exchange, _symbol: kind)
    assert loaded.document is not None
    return loaded.document


def ran(path: Path, folder: Path, out: Path | None = None) -> Result:
    bars = folder / "bars.npz"
    np.savez(bars, **minute_bars(TEN_DAYS, 3))
    data = [DataFile(symbol="DEMO", kind="bars", path=bars)]
    return run(Request(documents=[document(path)], data=data, out=out))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return {path.stem: ran(path, tmp_path_factory.mktemp("run")) for path in strategies() if path.stem != OPTIONS}


def test_there_are_six() -> None:
    assert [path.stem for path in strategies()] == [
        "ema_crossover", "nifty_rsi_call", "rsi_reversal", "scaled_breakout", "stop_and_reverse", "volatility_alert",
    ]  # fmt: skip


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


def test_the_breakout_enters_in_two_stages_and_leaves_in_two(results: dict[str, Result]) -> None:
    trades = results["scaled_breakout"].trades
    assert {trade["vpi"] for trade in trades} == {"first", "second"}
    assert any(trade["exit_node"] == "rest" for trade in trades)
    starts = {vpi: [trade["entry_time"] for trade in trades if trade["vpi"] == vpi] for vpi in ("first", "second")}
    assert all(a < b for a, b in zip(*starts.values(), strict=True) if a and b)


def test_the_reverse_is_long_or_short_but_never_both(results: dict[str, Result]) -> None:
    trades = results["stop_and_reverse"].trades
    assert {trade["position_type"] for trade in trades} == {"buy", "sell"}
    assert len(trades) > 20


def test_the_call_is_bought_at_the_money_of_the_nearest_expiry(tmp_path: Path) -> None:
    [path] = [path for path in strategies() if path.stem == OPTIONS]
    made = minute_bars(TEN_DAYS, 3)
    np.savez(tmp_path / "index.npz", **made)
    scaled = {name: column / 20 for name, column in made.items() if name in ("open", "high", "low", "close")}
    np.savez(tmp_path / "calls.npz", **(made | scaled))
    series = {"NIFTY25116": dt.date(2025, 1, 16), "NIFTY25JAN": dt.date(2025, 1, 30)}  # a weekly one, and the month's
    listed = [
        Instrument(
            "NFO", f"{stem}{strike}CE", InstrumentKind.OPTION, Decimal("0.05"), Decimal(75), Decimal(75),
            underlying="NIFTY", expiry=expiry, strike=Decimal(strike), right="CE",
        )
        for stem, expiry in series.items()
        for strike in range(850, 1200, 50)
    ]  # fmt: skip
    data = [DataFile(symbol="NIFTY", exchange="NSE", kind="bars", path=tmp_path / "index.npz")]
    data += [DataFile(symbol=i.symbol, exchange="NFO", kind="bars", path=tmp_path / "calls.npz") for i in listed]
    result = run(Request(documents=[document(path, index=True)], data=data, instruments=listed))
    assert result.trades
    for trade in result.trades:
        entered = np.searchsorted(
            made["timestamp"], dt.datetime.fromisoformat(trade["entry_time"] or "").timestamp() * 1e9
        )
        spot = made["close"][entered - 1]
        assert (trade["instrument"] or "").startswith("NIFTY25116")
        strike = int((trade["instrument"] or "")[10:-2])
        assert abs(strike - spot) <= 25
        assert trade["lot_size"] == "75"


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
