"""TA-Lib, imported once and without company.

On import TA-Lib looks for pandas and polars and, where installed, loads them to wrap its functions for their
types. We hand it arrays, so we pay neither the seconds nor the memory: both look absent while it loads.
Nothing else in the project may import TA-Lib, or the first import would decide.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType


def _load() -> ModuleType:
    hidden = [name for name in ("pandas", "polars") if name not in sys.modules]
    try:
        for name in hidden:
            sys.modules[name] = None  # type: ignore[assignment]  # the documented way to make an import fail
        return importlib.import_module("talib")
    finally:
        for name in hidden:
            del sys.modules[name]


TALIB = _load()
