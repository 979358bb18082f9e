"""Alerts in Redis: an entry in the stream `tradingd:alerts:stream`, then a message on the channel `tradingd:alerts`.

An entry's id is `<ms at which the journal was created>-<number in the outbox>`, so that Redis itself refuses a repeat.
It refuses as well what comes after a higher id of somebody else: another journal on the same Redis, or a clock that
was set back. A refusal therefore counts as delivered only where the entry is found with our bytes in it; else the row
moves above the top of the stream, under `<ms of the top + 1>-<number>`, and the rows after it follow there.
Every round trip has a deadline of ours: redis-py waits for a frozen server for ever, without an error.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from tradingd.model.errors import PublisherError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from tradingd.adapters.publishers.relay import Row

CHANNEL = "tradingd:alerts"
STREAM = "tradingd:alerts:stream"
FIELD = "alert"

_REFUSED = "equal or smaller than the target stream top item"
_MOVES_MAX = 16


class RedisPublisher:
    """Publishes the rows of one journal over one connection, which is replaced after any failure.

    `journal_ms` is when the journal was created. The stream keeps about `maxlen` entries. No round trip takes longer
    than `timeout_s`.
    """

    def __init__(self, url: str, journal_ms: int, *, maxlen: int = 10_000, timeout_s: float = 2.0) -> None:
        self._redis = Redis.from_url(
            url,
            protocol=2,
            max_connections=1,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=None,
            socket_connect_timeout=timeout_s,
        )
        self._prefix_ms = journal_ms
        self._maxlen, self._timeout_s = maxlen, timeout_s

    async def publish(self, rows: Sequence[Row]) -> None:
        """Put the rows into the stream, each once; then announce them on the channel."""
        waiting = await self._enter(rows)
        for _ in range(_MOVES_MAX):
            if not waiting:
                break
            self._prefix_ms = 1 + await self._top_ms()
            waiting = await self._enter(waiting)
        else:
            msg = f"others wrote to {STREAM} faster than {len(waiting)} alerts could be entered"
            raise PublisherError(msg)
        async with self._round_trip():
            pipeline = self._redis.pipeline(transaction=False)
            for _, body in rows:
                pipeline.publish(CHANNEL, body)
            await pipeline.execute()

    async def check(self) -> None:
        """Have a PING answered."""
        async with self._round_trip():
            await self._redis.ping()

    async def close(self) -> None:
        """Close the connection; what was under way on it may or may not have been done."""
        with contextlib.suppress(RedisError, OSError):
            async with asyncio.timeout(self._timeout_s):
                await self._redis.aclose()

    async def _enter(self, rows: Sequence[Row]) -> list[Row]:
        """Add the rows to the stream; return those that Redis refused and does not have."""
        async with self._round_trip():
            adding = self._redis.pipeline(transaction=True)  # nobody else's entry comes between ours
            for number, body in rows:
                adding.xadd(STREAM, {FIELD: body}, self._id(number), maxlen=self._maxlen, approximate=True)
            answers = await adding.execute(raise_on_error=False)
            refused = [row for row, answer in zip(rows, answers, strict=True) if not _accepted(answer)]
            if not refused:
                return []
            asking = self._redis.pipeline(transaction=False)
            for number, _ in refused:
                asking.xrange(STREAM, self._id(number), self._id(number))
            found = await asking.execute()
        return [row for row, entries in zip(refused, found, strict=True) if not _holds(entries, row[1])]

    async def _top_ms(self) -> int:
        """Return the milliseconds of the highest id the stream ever had."""
        async with self._round_trip():
            known = await self._redis.xinfo_stream(STREAM)
        return int(known["last-generated-id"].partition(b"-")[0])

    def _id(self, number: int) -> str:
        return f"{self._prefix_ms}-{number}"

    @contextlib.asynccontextmanager
    async def _round_trip(self) -> AsyncIterator[None]:
        """Bound what is awaited inside; after a failure nothing of the old connection is read any more."""
        try:
            async with asyncio.timeout(self._timeout_s):
                yield
        except TimeoutError as error:
            await self.close()
            msg = f"Redis did not answer within {self._timeout_s:g} s"
            raise PublisherError(msg) from error
        except (RedisError, OSError) as error:
            await self.close()
            msg = f"Redis failed: {error}"
            raise PublisherError(msg) from error


def _accepted(answer: bytes | Exception) -> bool:
    """Whether Redis took the entry; any failure but a refusal of the id is raised."""
    if isinstance(answer, ResponseError) and _REFUSED in str(answer):
        return False
    if isinstance(answer, Exception):
        raise answer
    return True


def _holds(entries: Sequence[tuple[bytes, dict[bytes, bytes]]], body: bytes) -> bool:
    """Whether the entry found under a row's id is that row."""
    return any(fields.get(FIELD.encode()) == body for _, fields in entries)
