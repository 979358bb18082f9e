"""Where the shared reference material lies, beside the checkout; tests that read it skip where it is absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(os.environ.get("TRADINGD_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def shared(name: str) -> Path:
    """Return the path of `name` below the shared folder, or skip the test with the reason."""
    path = ROOT / name
    if not path.exists():
        pytest.skip(f"shared/{name} is not beside this checkout")
    return path
