"""The command line as a test runs it, and documents and data to give it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from typer.testing import CliRunner, Result

from tradingd.daemon.cli.main import app
from tradingd.examples import FOLDER
from tradingd.examples.market import minute_bars

if TYPE_CHECKING:
    from pathlib import Path

RSI = FOLDER / "rsi_reversal.json"
EMA = FOLDER / "ema_crossover.json"


def run(*arguments: object, env: dict[str, str] | None = None) -> Result:
    """Run `tradingd` with the arguments; what it does not tell in words is an error of the test."""
    result = CliRunner().invoke(app, list(map(str, arguments)), env=env, prog_name="tradingd")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def make_bars(folder: Path, count: int = 3000, seed: int = 7) -> Path:
    """Write made-up one-minute bars."""
    path = folder / "bars.npz"
    np.savez(path, **minute_bars(count, seed))
    return path


def make_document(folder: Path, name: str = "changed.json", **start: Any) -> Path:
    """Write the RSI example with keys of its start node changed."""
    document = json.loads(RSI.read_text("utf-8"))
    document["nodes"][0]["data"].update(start)
    path = folder / name
    path.write_text(json.dumps(document), "utf-8")
    return path
