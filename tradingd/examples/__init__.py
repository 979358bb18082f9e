"""Strategies to begin with, packaged: each is a JSON file here, and each is run by a test.

They trade DEMO on the simulated exchange, an instrument that does not exist (`market.py` makes its prices up); one
buys NIFTY options and needs an instrument list. They show what can be drawn; none is advice.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent


def strategies() -> tuple[Path, ...]:
    """Return the strategy files, in the order of their names."""
    return tuple(sorted(FOLDER.glob("*.json")))
