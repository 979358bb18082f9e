"""A venue's own time: it begins where its market opens and runs at its own speed.

The schedule says when a trade is due; the venue's time itself never passes a trade that has not been sent, however
late that is. It reads a monotonic clock that it is given, and never the host's date.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tradingd.model.market import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

AS_FAST_AS_TAKEN = math.inf


class Schedule:
    """From `start` on, market time `ts_open` plus `speed` seconds each second; with infinite speed, all is due."""

    def __init__(self, ts_open: int, speed: float, monotonic: Callable[[], float]) -> None:
        self.speed = speed
        self._ts_open = ts_open
        self._monotonic = monotonic
        self._started_s: float | None = None

    @property
    def is_paced(self) -> bool:
        """Whether trades are due at a time rather than when they are taken."""
        return not math.isinf(self.speed)

    @property
    def is_running(self) -> bool:
        """Whether time runs."""
        return self._started_s is not None

    def start(self) -> None:
        """Let time run, if it does not already."""
        if self._started_s is None:
            self._started_s = self._monotonic()

    def reached(self) -> int:
        """Return the market time up to which trades are due; only of a paced schedule."""
        if self._started_s is None:
            return self._ts_open
        return self._ts_open + int((self._monotonic() - self._started_s) * self.speed * SECOND)

    def seconds_until(self, ts: int) -> float:
        """Return how long it is until `ts` is due, 0 where it is."""
        return max((ts - self.reached()) / SECOND / self.speed, 0.0) if self.is_paced else 0.0
