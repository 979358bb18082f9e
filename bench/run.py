"""Speed and memory of a backtest through the public interface (`make bench`): one JSON line for each measurement.

Every work is measured in turns with its limit, the bare loop of `limits.py`, each in a process of its own, so that
the peak of memory is its own and both meet the same machine; of several rounds the median counts. `ratio` is our
rate as a share of the limit's. Answers are checked before times are believed. `--rounds`, `--work` and `--scale`
make it shorter; a scaled run checks that its answer is the limit's.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import limits
import numpy as np
from series import FIRST_NS, MINUTE_NS

HERE = Path(__file__).resolve()


@dataclass(frozen=True)
class Work:
    """What is done: so many events of a kind, no signal before bar `quiet`; `trades` and `pnl` are the right ones."""

    unit: str
    count: int
    quiet: int
    trades: int
    pnl: float | None


WORKS = {"w1": Work("bars", 1_000_000, 1000, 3453, 275.21), "w2": Work("ticks", 5_000_000, 500, 50, None)}

STRATEGY: dict[str, Any] = {
    "id": "rsi",
    "nodes": [
        {
            "id": "start",
            "type": "startNode",
            "data": {
                "symbol": "BENCH",
                "exchange": "SIM",
                "timeframe": "1m",
                "indicators": {"rsi": {"type": "rsi", "period": limits.PERIOD}},
            },
        },
        {"id": "oversold", "type": "signalNode", "data": {"conditions": {
            "lhs": {"type": "indicator", "name": "rsi"},
            "operator": "<",
            "rhs": {"type": "constant", "value": limits.OVERSOLD},
        }}},
        {"id": "buy", "type": "entryNode", "data": {"positions": [{
            "vpi": "long", "positionType": "buy", "orderType": "market", "quantity": 1, "productType": "carryForward",
        }]}},
        {"id": "overbought", "type": "signalNode", "data": {"conditions": {
            "lhs": {"type": "indicator", "name": "rsi"},
            "operator": ">",
            "rhs": {"type": "constant", "value": limits.OVERBOUGHT},
        }}},
        {"id": "sell", "type": "exitNode", "data": {"exitNodeData": {
            "reEntryConfig": {"enabled": True, "groupNumber": 1, "maxReEntries": None},
        }}},
    ],
    "edges": [
        {"source": "start", "target": "oversold"},
        {"source": "oversold", "target": "buy"},
        {"source": "buy", "target": "overbought"},
        {"source": "overbought", "target": "sell"},
    ],
}  # fmt: skip


def ours(work: Work, path: Path) -> dict[str, Any]:
    """Measure a backtest, as anybody would run it; its seconds begin when the arrays are in memory."""
    from tradingd.core.graph.loading import parse  # noqa: PLC0415 - the limit's process must not hold our memory
    from tradingd.core.indicators.catalog import CATALOG  # noqa: PLC0415
    from tradingd.core.indicators.declaration import declare  # noqa: PLC0415
    from tradingd.core.settings import CoreSettings, RiskSettings  # noqa: PLC0415
    from tradingd.research.backtest import DataFile, Request, run  # noqa: PLC0415

    request = Request(
        documents=[parse(json.dumps(STRATEGY), CATALOG, declare)],
        data=[DataFile(symbol="BENCH", kind=work.unit, path=path)],  # type: ignore[arg-type] # bars or ticks
        settings=CoreSettings(risk=RiskSettings(max_entries_per_session="none")),
        start=str(FIRST_NS + work.quiet * MINUTE_NS),
    )
    result = run(request)
    metrics = result.metrics
    return {"seconds": result.run_s, "trades": metrics.total_trades, "pnl": float(metrics.total_pnl)}


def limit(work: Work, path: Path) -> dict[str, Any]:
    """Measure the bare loop."""
    with np.load(path) as columns:
        over = limits.over_bars if work.unit == "bars" else limits.over_ticks
        seconds, strategy = over({name: columns[name] for name in columns.files}, work.quiet)
    return {"seconds": seconds, "trades": strategy.trades, "pnl": round(strategy.pnl, 2)}


CONTESTANTS = {"limit": limit, "tradingd": ours}


def measure(name: str, contestant: str, path: Path) -> dict[str, Any]:
    """Measure in a process of its own."""
    command = [sys.executable, str(HERE), "--one", contestant, "--work", name, str(path)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - this very file
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def compare(name: str, scale: float, rounds: int) -> None:
    """Make the data, measure both in turns, check the answers, print a line for each."""
    work = WORKS[name]
    count = int(work.count * scale)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "series.npz"
        subprocess.run([sys.executable, str(HERE.with_name("series.py")), work.unit, str(count), str(path)], check=True)  # noqa: S603 - our own file
        told = [{one: measure(name, one, path) for one in CONTESTANTS} for _ in range(rounds)]
    seconds = {one: median(row[one]["seconds"] for row in told) for one in CONTESTANTS}
    for one in CONTESTANTS:
        trades, pnl = told[0][one]["trades"], told[0][one]["pnl"]
        assert all((row[one]["trades"], row[one]["pnl"]) == (trades, pnl) for row in told), told
        assert trades == (work.trades if scale == 1 else told[0]["limit"]["trades"]), (one, trades)
        assert work.pnl is None or pnl == (work.pnl if scale == 1 else told[0]["limit"]["pnl"]), (one, pnl)
        line = {
            "name": f"{name}/{one}",
            "work": count,
            "unit": work.unit,
            "seconds": round(seconds[one], 4),
            "rate": round(count / seconds[one]),
            "ratio": round(seconds["limit"] / seconds[one], 4),
            "peak_rss_mb": max(row[one]["peak_rss_mb"] for row in told),
            "trades": trades,
            "pnl": pnl,
        }
        print(json.dumps(line), flush=True)


def main() -> None:
    """Measure what is asked for; without a name also the decoders, which have limits of their own."""
    parser = argparse.ArgumentParser(description="Measure backtests against a bare Python loop.")
    parser.add_argument("--work", choices=WORKS, help="this one only")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the events")
    parser.add_argument("--one", choices=CONTESTANTS, help=argparse.SUPPRESS)
    parser.add_argument("path", nargs="?", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        measured = CONTESTANTS[asked.one](WORKS[asked.work], asked.path)
        peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps(measured | {"peak_rss_mb": round(peak_kb / 1024, 1)}))
        return
    for name in [asked.work] if asked.work else WORKS:
        compare(name, asked.scale, asked.rounds)
    if not asked.work:
        subprocess.run([sys.executable, str(HERE.with_name("kite.py"))], check=True)  # noqa: S603 - our own file


if __name__ == "__main__":
    main()
