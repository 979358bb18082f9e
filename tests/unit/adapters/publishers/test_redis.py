from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from redis.asyncio import Redis

from tests.outbox import bodies
from tradingd.adapters.publishers.redis import CHANNEL, STREAM, RedisPublisher
from tradingd.daemon import resp_server
from tradingd.model.errors import PublisherError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROWS = list(enumerate(bodies(1, 3), 1))


@pytest.fixture
async def client() -> AsyncIterator[Redis]:
    async with resp_server.serve() as url, Redis.from_url(url) as client:
        yield client


@contextlib.asynccontextmanager
async def publisher(where: Redis | str, journal_ms: int = 100, maxlen: int = 1000) -> AsyncIterator[RedisPublisher]:
    if isinstance(where, Redis):
        given = where.connection_pool.connection_kwargs
        where = f"redis://{given['host']}:{given['port']}"
    made = RedisPublisher(where, journal_ms, maxlen=maxlen, timeout_s=0.2)
    try:
        yield made
    finally:
        await made.close()


@contextlib.asynccontextmanager
async def answering(text: bytes) -> AsyncIterator[str]:
    """Serve somebody who answers everything with this text."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1 << 16):
            writer.write(text)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield "redis://:hush@{}:{}".format(*server.sockets[0].getsockname())


async def ids(client: Redis) -> list[str]:
    found: Any = await client.xrange(STREAM)
    return [id_.decode() for id_, _ in found]


async def test_an_entry_is_named_by_its_journal_and_its_number(client: Redis) -> None:
    async with publisher(client, 1_700_000_000_123) as redis:
        await redis.publish([(7, b"seven"), (9, b"nine")])
    assert await ids(client) == ["1700000000123-7", "1700000000123-9"]


async def test_a_repeat_leaves_the_stream_as_it_is_and_is_announced_again(client: Redis) -> None:
    async with publisher(client) as redis, client.pubsub() as channel:
        await channel.subscribe(CHANNEL)
        await redis.publish(ROWS)
        await redis.publish(ROWS)
        heard = [await channel.get_message(timeout=5) for _ in range(7)]
    assert await ids(client) == ["100-1", "100-2", "100-3"]
    assert [message["data"] for message in heard[1:] if message] == bodies(1, 3) * 2


async def test_what_another_journal_wrote_under_our_id_is_no_repeat(client: Redis) -> None:
    async with publisher(client) as redis, publisher(client) as other:
        await other.publish([(1, b"of another journal")])
        await redis.publish(ROWS[:1])
        await redis.publish(ROWS[1:])
    assert await ids(client) == ["100-1", "101-1", "101-2", "101-3"]


async def test_the_stream_keeps_a_bounded_number_of_entries(client: Redis) -> None:
    async with publisher(client, maxlen=10) as redis:
        await redis.publish(list(enumerate(bodies(1, 50), 1)))
    assert await ids(client) == [f"100-{number}" for number in range(41, 51)]


async def test_nobody_at_the_address() -> None:
    async with answering(b"") as url:
        pass
    async with publisher(url) as redis:
        with pytest.raises(PublisherError, match="Connect call failed"):
            await redis.check()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", r"did not answer within 0\.2 s"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "Redis failed: .*HTTP/1"),
        (b"-LOADING Redis is loading the dataset in memory\r\n", "loading the dataset"),
        (b"-NOAUTH Authentication required.\r\n", "Authentication required"),
        (b"-WRONGPASS invalid username-password pair\r\n", "invalid username-password"),
    ],
    ids=["silence", "not Redis", "loading", "no password", "wrong password"],
)
async def test_somebody_else_or_nobody_answers(text: bytes, reason: str) -> None:
    async with answering(text) as url, publisher(url) as redis:
        for act in (redis.check, lambda: redis.publish(ROWS)):
            with pytest.raises(PublisherError, match=reason) as raised:
                await act()
            assert "hush" not in str(raised.value)


async def test_a_cancelled_publisher_can_be_closed_at_once() -> None:
    async with answering(b"") as url, publisher(url) as redis:
        task = asyncio.create_task(redis.publish(ROWS))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
