"""Where market time comes from between events: the one place of the daemon that reads a clock.

A real venue's time is the host's UTC clock. A simulated venue has a time of its own at its own speed; what we
think it is trails behind by what may still be under way on the sockets.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradingd.model.market import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

UNDER_WAY_S = 0.5


class UtcClock:
    """The host's clock."""

    speed = 1.0

    def now(self) -> int:
        """Return the time in ns UTC."""
        return time.time_ns()  # noqa: TID251 - this is the clock


@dataclass(slots=True)
class VenueClock:
    """A simulated venue's time: it was `ts` when `read` (s, monotonic) was, and runs `speed` times as fast as ours."""

    ts: int
    speed: float
    read: float
    monotonic: Callable[[], float] = time.monotonic

    def now(self) -> int:
        """Return the venue's time in ns, less what may still be under way."""
        elapsed = max(self.monotonic() - self.read - UNDER_WAY_S, 0.0)
        return self.ts + int(elapsed * self.speed * SECOND)
