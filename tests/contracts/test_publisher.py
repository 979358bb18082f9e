"""What every publisher does: memory, Redis on our own server, Redis on each real server of this machine."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from redis.asyncio import Redis

from tests.outbox import RowsInMemory, bodies, drained, running
from tradingd.adapters.publishers.memory import MemoryPublisher
from tradingd.adapters.publishers.redis import STREAM, RedisPublisher
from tradingd.adapters.publishers.relay import Relay
from tradingd.daemon import resp_server
from tradingd.daemon.redis_server import binaries, started

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tradingd.model.ports import Publisher

PLACES = {"memory": None, "inside": resp_server.serve} | {
    binary.path.name: (lambda path=binary.path: started(path)) for binary in binaries()
}
JOURNAL_MS = 1_700_000_000_000


class Place(NamedTuple):
    """A publisher, and a way to see what is where it publishes."""

    publisher: Publisher
    received: Callable[[], Awaitable[list[bytes]]]


@pytest.fixture(params=PLACES)
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    server = PLACES[request.param]
    if server is None:
        memory = MemoryPublisher()

        async def kept() -> list[bytes]:
            return [body for _, body in memory.rows]

        yield Place(memory, kept)
        return
    async with server() as url, contextlib.AsyncExitStack() as stack:
        client = await stack.enter_async_context(Redis.from_url(url))
        publisher = RedisPublisher(url, JOURNAL_MS)
        stack.push_async_callback(publisher.close)

        async def entered() -> list[bytes]:
            entries: Any = await client.xrange(STREAM)
            return [fields[b"alert"] for _, fields in entries]

        yield Place(publisher, entered)


async def test_rows_arrive_in_order_and_whole(place: Place) -> None:
    sent = [*bodies(1, 99), '{"message":"₹ ✓"}'.encode(), b"x" * 100_000, b"\x00\r\n$3\r\n"]
    await place.publisher.publish(list(enumerate(sent, 1)))
    assert await place.received() == sent


async def test_a_repeat_loses_nothing_and_changes_no_message(place: Place) -> None:
    rows = list(enumerate(bodies(1, 4), 1))
    await place.publisher.publish(rows[:3])
    await place.publisher.publish(rows)
    received = await place.received()
    assert set(received) == {body for _, body in rows}
    assert list(dict.fromkeys(received)) == [body for _, body in rows]


async def test_it_answers_a_check_and_works_on_after_it_was_closed(place: Place) -> None:
    await place.publisher.check()
    await place.publisher.publish([(1, b"one")])
    await place.publisher.close()
    await place.publisher.close()
    await place.publisher.check()
    await place.publisher.publish([(2, b"two")])
    assert await place.received() == [b"one", b"two"]


async def test_a_relay_brings_everything_there(place: Place) -> None:
    outbox = RowsInMemory()
    relay = Relay(outbox, place.publisher, lambda *_: None)
    async with running(relay, outbox):
        for first in range(1, 200, 20):
            outbox.append(*bodies(first, first + 19))
        await drained(relay)
    assert await place.received() == outbox.bodies
