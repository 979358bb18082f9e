"""Alerts of a daemon without Redis: kept in the process for whoever asks, the latest only.

It has the face of every publisher, so that a daemon is wired the same with and without Redis. It is never the only
record of an alert: the outbox is.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradingd.adapters.publishers.relay import Row


class MemoryPublisher:
    """Keeps the last `keep` rows, oldest first."""

    def __init__(self, keep: int = 1000) -> None:
        self.rows: deque[Row] = deque(maxlen=keep)

    async def publish(self, rows: Sequence[Row]) -> None:
        """Keep the rows."""
        self.rows.extend(rows)

    async def check(self) -> None:
        """Do nothing: the process is its own other side."""

    async def close(self) -> None:
        """Do nothing: what was kept stays."""
