"""A real day through the real processes: what paper decided is what the backtest says, and what a replay repeats."""

from __future__ import annotations

import csv
import gzip
import signal
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tests.daemon.running import daemon, venue
from tests.shared import shared
from tests.unit.research.requests import backtest, drawn_reversal, reversal, ticks
from tradingd.daemon import state, wiring

if TYPE_CHECKING:
    from pathlib import Path

TRADED = ("AXISBANK", "HDFCBANK", "ICICIBANK", "INFY", "ITC", "LT", "RELIANCE", "SBIN", "TATASTEEL", "TCS")
DRAWN: dict[str, Any] = {"low": 48, "high": 52, "productType": "intraday"}


def files() -> dict[str, Path]:
    return {name: shared(f"data/nse_ticks/day_2021-05-28/{name}.csv.gz") for name in TRADED}


def rows(paths: dict[str, Path]) -> int:
    count = 0
    for path in paths.values():
        with gzip.open(path, "rt") as file:
            count += sum(1 for _ in csv.reader(file)) - 1
    return count


def test_paper_over_sockets_equals_backtest_recording_and_replay(tmp_path: Path) -> None:
    paths = files()
    drawings = {name: drawn_reversal(name, "NSE", **DRAWN) for name in TRADED}
    options = [f"--ticks={name}={path}" for name, path in paths.items()]
    with (
        venue(*options, "--timezone", "Asia/Kolkata", "--speed", "max") as port,
        daemon(tmp_path / "d", drawings, port, extra='[risk]\nmax_entries_per_session = "none"') as paper,
    ):
        expected = rows(paths)
        met = paper.until(lambda status: status["feed"]["ticks"] >= expected, bound_s=120)
        assert met["queue"]["folded"] == 0
        assert met["feed"]["ticks"] == expected
        status = paper.status()
        assert paper.stop(signal.SIGTERM) == 0

    recording = state.recording(paper.state_dir)
    replayed = wiring.replay(recording)
    assert replayed.divergence is None
    assert replayed.decisions_sha256 == status["decisions_sha256"]
    assert wiring.again(recording).session.decisions_sha256 == status["decisions_sha256"]

    from tradingd.core.settings import CoreSettings, RiskSettings  # noqa: PLC0415 - the settings of the file above

    unlimited = CoreSettings(risk=RiskSettings(max_entries_per_session="none"))
    stored = [ticks(name, path, exchange="NSE") for name, path in paths.items()]
    result = backtest([reversal(name, "NSE", **DRAWN) for name in TRADED], *stored, settings=unlimited)
    assert result.decisions_sha256 == status["decisions_sha256"]

    traded = {row["id"] for row in status["strategies"] if row["trades"]}
    assert len(traded) >= 5
    assert 2 * sum(row["trades"] for row in status["strategies"]) >= 200
    realized = sum((Decimal(row["realized_pnl"]) for row in status["strategies"]), Decimal(0))
    assert realized == sum((Decimal(trade["pnl"] or "") for trade in result.trades), Decimal(0))
