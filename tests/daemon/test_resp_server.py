"""The server inside the process answers as the real ones of this machine do, byte for byte where a client looks."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tradingd.daemon import resp_server
from tradingd.daemon.redis_server import binaries, started

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

REAL = [binary.path for binary in binaries()]

SCRIPT = """
PING
PING hello
XLEN s
XRANGE s - +
XREAD STREAMS s 0
XINFO STREAM s
XADD s 5-1 alert one
XADD s 5-1 alert again
XADD s 4-9 alert late
XADD s 0-0 alert zero
XADD s 5-2 a 1 b 2
XADD s 6 alert whole
XADD s 7-x alert odd
XADD s 8-1 alert
XRANGE s - +
XRANGE s 5-2 +
XRANGE s 5 5
XRANGE s - + COUNT 1
XRANGE s - + COUNT
XRANGE s - + LIMIT 1
XREVRANGE s + -
XREVRANGE s + - COUNT 2
XREAD STREAMS s 5-1
XREAD COUNT 1 STREAMS s 0
XREAD COUNT 1 BLOCK 1 STREAMS s $
XREAD STREAMS s t 5-2 0
XREAD STREAMS s t 5-2
XADD s MAXLEN 2 9-1 alert short
XADD s MAXLEN = 1 9-2 alert shorter
XLEN s
XRANGE s - +
PUBLISH nobody message
SELECT 0
EXEC
DISCARD
MULTI
XADD s 10-1 alert inside
XADD s 10-1 alert twice
XLEN s
EXEC
XLEN s
MULTI
XADD s 11-1 alert gone
DISCARD
XLEN s
MULTI
NO SUCH COMMAND
XADD s 12-1 alert gone
EXEC
XLEN s
"""


@contextlib.asynccontextmanager
async def connected(url: str, protocol: int) -> AsyncIterator[Redis]:
    async with Redis.from_url(url, protocol=protocol, single_connection_client=True) as client:
        yield client


async def said(client: Any, line: str) -> object:
    """Return what a command answers, or how it is refused; in its own words where the publisher reads them."""
    client.response_callbacks.clear()  # the answers as they came
    try:
        answer = await client.execute_command(*line.split())
    except RedisError as error:
        return refusal(error)
    return [refusal(item) if isinstance(item, RedisError) else item for item in answer] if line == "EXEC" else answer


def refusal(error: RedisError) -> tuple[str, str]:
    return type(error).__name__, str(error) if "XADD" in str(error) else ""


@pytest.fixture
async def inside() -> AsyncIterator[str]:
    async with resp_server.serve() as url:
        yield url


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
async def test_it_says_what_a_real_server_says(inside: str, path: Any, protocol: int) -> None:
    async with started(path) as url, connected(url, protocol) as real, connected(inside, protocol) as ours:
        for line in SCRIPT.strip().splitlines():
            expected, answer = await said(real, line), await said(ours, line)
            assert answer == expected, line


@pytest.mark.parametrize("protocol", [2, 3])
async def test_a_subscriber_hears_what_is_published(inside: str, protocol: int) -> None:
    async with Redis.from_url(inside, protocol=protocol) as client, client.pubsub() as channel:
        await channel.subscribe("c", "d")
        heard = [await channel.get_message(timeout=5) for _ in range(2)]
        assert [message and message["data"] for message in heard] == [1, 2]
        assert await client.publish("c", "one") == 1
        assert (await channel.get_message(timeout=5) or {})["data"] == b"one"
        await channel.ping()
        assert (await channel.get_message(timeout=5) or {})["type"] == "pong"
        await channel.unsubscribe("c")
        await channel.get_message(timeout=5)
        assert await client.publish("c", "two") == 0
        assert await client.publish("d", "three") == 1


@pytest.mark.parametrize("protocol", [2, 3])
async def test_a_reader_waits_for_the_next_entry(inside: str, protocol: int) -> None:
    async def read(client: Any) -> Any:
        return await client.xread({"s": "1-1"}, block=10_000)

    async with Redis.from_url(inside, protocol=protocol) as client, asyncio.TaskGroup() as group:
        reading = group.create_task(read(client))
        await client.xadd("other", {"n": "0"}, "1-1")
        await client.xadd("s", {"n": "1"}, "1-1")
        assert not reading.done()
        await client.xadd("s", {"n": "2"}, "1-2")
        found = await reading
    assert dict(found)[b"s"][-1] in ((b"1-2", {b"n": b"2"}), [(b"1-2", {b"n": b"2"})])


async def test_a_subscriber_who_does_not_read_is_cut_off(inside: str) -> None:
    host, port = inside.removeprefix("redis://").removesuffix("/0").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    writer.write(b"SUBSCRIBE c\r\n")
    await reader.readuntil(b":1\r\n")
    reader._transport.pause_reading()  # type: ignore[attr-defined]
    async with Redis.from_url(inside) as client:
        async with asyncio.timeout(20):
            while await client.publish("c", b"x" * 500_000):
                pass
    writer.transport.abort()


@pytest.mark.parametrize(
    "garbage", [b"*1\r\n$9999999\r\n", b"*99999\r\n", b"*x\r\n", b"*1\r\n$-5\r\n", b"A" * 100_000 + b"\r\n"]
)
async def test_who_cannot_be_understood_is_told_and_let_go(inside: str, garbage: bytes) -> None:
    host, port = inside.removeprefix("redis://").removesuffix("/0").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(garbage)
    async with asyncio.timeout(5):
        assert (await reader.read()).startswith(b"-ERR Protocol error")
    writer.close()


@pytest.mark.skipif(shutil.which("redis-cli") is None, reason="redis-cli is not on PATH")
async def test_redis_cli_reads_the_stream(inside: str) -> None:
    async with Redis.from_url(inside) as client:
        await client.xadd("tradingd:alerts:stream", {"alert": '{"v":1}'}, "5-1")
    reading = await asyncio.create_subprocess_exec(
        "redis-cli", "-u", inside, "XRANGE", "tradingd:alerts:stream", "-", "+", stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(10):
        printed, _ = await reading.communicate()
    assert printed.decode().split() == ["5-1", "alert", '{"v":1}']
