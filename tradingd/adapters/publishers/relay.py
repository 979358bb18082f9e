"""From the outbox to a publisher: every row in order, at least once, marked only when it is there.

A task of its own beside the order path, of which it sees nothing but rows that are already durable. While the outside
is down, rows wait in the outbox and the relay tries again, less and less often; it gives up nothing and skips nothing.
It must never be awaited by whoever trades.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

import stamina

from tradingd.model.errors import PublisherError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tradingd.model.ports import Publisher

BATCH_MAX = 64

Row = tuple[int, bytes]
"""An alert in the outbox: its number there, and the bytes that are sent."""


class Outbox(Protocol):
    """Alerts that are durable, and which of them have been delivered."""

    async def unsent(self, limit: int) -> Sequence[Row]:
        """Return the first rows not marked yet, at most `limit`, in the order of their numbers."""

    async def mark_sent(self, numbers: Sequence[int]) -> None:
        """Make it durable that these rows were delivered."""


class Relay:
    """Carries rows from one outbox to one publisher.

    `on_state(connected, reason)` is called at each change. `delivered` counts rows since the start. A publisher that
    has had nothing to do for `check_every_s` is asked whether it is alive; one that failed is tried again after waits
    that grow up to `wait_s_max`.
    """

    def __init__(
        self,
        outbox: Outbox,
        publisher: Publisher,
        on_state: Callable[[bool, str], None],
        *,
        check_every_s: float = 5.0,
        wait_s_max: float = 5.0,
    ) -> None:
        self.connected = False
        self.delivered = 0
        self._outbox, self._publisher, self._on_state = outbox, publisher, on_state
        self._check_every_s, self._wait_s_max = check_every_s, wait_s_max
        self._told: bool | None = None
        self._woken = asyncio.Event()
        self._drained = asyncio.Event()

    def wake(self) -> None:
        """Say that there are new rows."""
        self._drained.clear()
        self._woken.set()

    async def drained(self) -> None:
        """Wait until every row that was there at the last `wake` is delivered; the caller sets the bound."""
        await self._drained.wait()

    async def run(self) -> None:
        """Relay for ever; cancelled, it leaves at most one batch to be repeated by the next."""
        first_s = min(0.1, self._wait_s_max)
        try:
            while True:
                async for attempt in stamina.retry_context(
                    PublisherError, attempts=None, timeout=None, wait_initial=first_s, wait_max=self._wait_s_max
                ):
                    with attempt:
                        await self._relay()
        finally:
            await self._publisher.close()

    async def _relay(self) -> None:
        """Relay until the publisher fails; raise only where it failed at once, so that waits grow."""
        achieved = False
        try:
            while True:
                self._woken.clear()
                if rows := await self._outbox.unsent(BATCH_MAX):
                    await self._publisher.publish(rows)
                    await self._outbox.mark_sent([number for number, _ in rows])
                    self.delivered += len(rows)
                else:
                    self._drained.set()
                    if achieved and await self._news():
                        continue
                    await self._publisher.check()
                achieved = True
                self._tell(connected=True, reason="")
        except PublisherError as error:
            self._tell(connected=False, reason=str(error))
            if not achieved:
                raise

    async def _news(self) -> bool:
        """Wait for rows, and say whether they came before it was time to check."""
        try:
            async with asyncio.timeout(self._check_every_s):
                await self._woken.wait()
        except TimeoutError:
            return False
        return True

    def _tell(self, *, connected: bool, reason: str) -> None:
        self.connected = connected
        if self._told is not connected:
            self._told = connected
            self._on_state(connected, reason)
