from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
import tradingd.core.indicators.series
assert "pandas" not in sys.modules and "polars" not in sys.modules
import importlib.util
sys.exit(importlib.util.find_spec("talib") is None)
"""


def test_indicators_bring_no_data_frames() -> None:
    """Also where they are installed, as they are here: pandas comes with an oracle of the tests."""
    subprocess.run([sys.executable, "-c", SCRIPT], check=True)
