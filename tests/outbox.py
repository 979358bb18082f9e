"""An outbox in memory, a relay that runs for as long as a test needs it, and waiting for what must come."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from tradingd.adapters.publishers.relay import Relay, Row

POLL_S = 0.005


class RowsInMemory:
    """Rows numbered from 1, and which are marked; wakes the relays that it knows."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.marked: list[int] = []
        self.relays: list[Relay] = []

    def append(self, *bodies: bytes) -> None:
        """Commit alerts, as the order path does."""
        for body in bodies:
            self.rows.append((len(self.rows) + 1, body))
        for relay in self.relays:
            relay.wake()

    @property
    def bodies(self) -> list[bytes]:
        return [body for _, body in self.rows]

    async def unsent(self, limit: int) -> Sequence[Row]:
        marked = set(self.marked)
        return [row for row in self.rows if row[0] not in marked][:limit]

    async def mark_sent(self, numbers: Sequence[int]) -> None:
        assert not set(numbers) & set(self.marked)
        self.marked += numbers


def bodies(first: int, last: int, who: str = "") -> list[bytes]:
    """Return messages of which no two are equal."""
    return [b'{"id":"%b%d"}' % (who.encode(), number) for number in range(first, last + 1)]


@contextlib.asynccontextmanager
async def running(relay: Relay, outbox: RowsInMemory) -> AsyncIterator[None]:
    """Run the relay beside the test; a failure of it fails the test."""
    outbox.relays.append(relay)
    task = asyncio.create_task(relay.run())
    try:
        yield
    finally:
        outbox.relays.remove(relay)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def eventually(condition: Callable[[], object], within_s: float = 8.0) -> None:
    """Wait until the condition holds; a TimeoutError where it does not come to."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - what is waited for does not tell
            await asyncio.sleep(POLL_S)


async def drained(relay: Relay, within_s: float = 8.0) -> None:
    """Wait until the relay has delivered everything."""
    async with asyncio.timeout(within_s):
        await relay.drained()
