"""The demonstration (`make demo`): a packaged strategy over a made-up market, in a few seconds.

It needs no account, no network and no data, and leaves nothing behind. Everything it does can be done with
`tradingd backtest`; it only makes the data first.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from tradingd.core.graph.loading import parse
from tradingd.core.indicators.catalog import CATALOG
from tradingd.core.indicators.declaration import declare
from tradingd.examples import FOLDER
from tradingd.examples.market import minute_bars
from tradingd.research import report
from tradingd.research.backtest import DataFile, Request, run

SEED = 42
BARS = 30 * 1440
STRATEGY = FOLDER / "rsi_reversal.json"


def main() -> None:
    """Run the demonstration."""
    document = parse(STRATEGY.read_bytes(), CATALOG, declare)
    sys.stdout.write(f"{document.name}, over 30 made-up days of one-minute bars (seed {SEED}).\n\n")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "demo.npz"
        np.savez(path, **minute_bars(BARS, SEED))
        result = run(Request(documents=[document], data=[DataFile(symbol="DEMO", kind="bars", path=path)]))
    report.show(result.as_dict(), sys.stdout)


if __name__ == "__main__":
    main()
