"""The subscribers of the examples and redis-cli, as programs, on the server inside the process and on a real one."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis

from tests.unit.adapters.publishers.test_envelope import KOLKATA, make_alert
from tradingd.adapters.publishers.envelope import envelope
from tradingd.adapters.publishers.redis import CHANNEL, STREAM, RedisPublisher
from tradingd.daemon import resp_server
from tradingd.daemon.redis_server import binaries, started
from tradingd.examples import FOLDER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PROJECT = Path(__file__).resolve().parents[2]
DOCUMENTED = [
    shlex.split(line)
    for line in (PROJECT / "docs/alerts.md").read_text("utf-8").splitlines()
    if line.startswith("redis-cli ")
]
REDIS_CLI = pytest.mark.skipif(shutil.which("redis-cli") is None, reason="redis-cli is not on PATH")
PYTHON = [sys.executable, "-m", "tradingd.examples.subscriber", "--url"]
SHOWN = "2021-05-28T09:15:00.123456+05:30  warning   alert   rsi: "


@pytest.fixture(params=["inside", "real"])
async def url(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    server = resp_server.serve() if request.param == "inside" else started(next(iter(binaries())).path)
    async with server as where:
        yield where


@contextlib.asynccontextmanager
async def program(*command: str) -> AsyncIterator[asyncio.StreamReader]:
    """Run a program; yield what it prints."""
    process = await asyncio.create_subprocess_exec(*command, cwd=PROJECT, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def line(printed: asyncio.StreamReader) -> str:
    async with asyncio.timeout(20):
        return (await printed.readline()).decode().rstrip("\n")


async def subscribed(client: Redis) -> None:
    """Wait until somebody listens."""
    async with asyncio.timeout(20):
        while not await client.publish(CHANNEL, envelope(make_alert(message="hello"), 1, KOLKATA)):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def publish(url: str, first: int, *messages: str) -> None:
    publisher = RedisPublisher(url, 1000)
    made = [make_alert(id=f"a{number}", message=text) for number, text in enumerate(messages, first)]
    await publisher.publish([(number, envelope(alert, 1000, KOLKATA)) for number, alert in enumerate(made, first)])
    await publisher.close()


async def test_python_prints_what_comes_once(url: str) -> None:
    async with Redis.from_url(url) as client, program(*PYTHON, url) as printed:
        await subscribed(client)
        assert await line(printed) == SHOWN + "hello"
        await publish(url, 1, "one", "₹ two")
        await publish(url, 1, "one", "₹ two", "three")
        assert [await line(printed) for _ in range(3)] == [SHOWN + "one", SHOWN + "₹ two", SHOWN + "three"]


async def test_python_reads_what_was_kept_and_goes_on(url: str) -> None:
    await publish(url, 1, "one", "two")
    async with program(*PYTHON, url, "--after", "0") as printed:
        assert [await line(printed) for _ in range(2)] == [SHOWN + "one", SHOWN + "two"]
        await publish(url, 3, "three")
        assert await line(printed) == SHOWN + "three"
    async with program(*PYTHON, url, "--after", "1000-2") as printed:
        assert await line(printed) == SHOWN + "three"


async def test_python_notices_that_the_stream_began_anew(url: str) -> None:
    await publish(url, 1, "one")
    async with program(*PYTHON, url, "--after", "9999-1") as printed:
        assert await line(printed) == SHOWN + "one"


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not on PATH")
async def test_the_shell_prints_each_message_as_a_line(url: str) -> None:
    where = urlsplit(url)
    async with (
        Redis.from_url(url) as client,
        program("bash", str(FOLDER / "subscriber.sh"), str(where.hostname), str(where.port)) as printed,
    ):
        await subscribed(client)
        assert json.loads(await line(printed))["message"] == "hello"
        await publish(url, 1, "one", "two\nlines")
        assert [json.loads(await line(printed))["message"] for _ in range(2)] == ["one", "two\nlines"]
        entries: Any = await client.xrange(STREAM)
        assert len(entries) == 2


@REDIS_CLI
async def test_redis_cli_reads_what_was_kept(url: str) -> None:
    told = ["one", "two\nlines", "₹ three"]
    await publish(url, 1, *told)
    async with program("redis-cli", "-u", url, "--raw", "XRANGE", STREAM, "-", "+") as printed:
        rows = (await printed.read()).decode().splitlines()
    assert rows[::3] == ["1000-1", "1000-2", "1000-3"]
    assert rows[1::3] == ["alert"] * 3
    assert [json.loads(row)["message"] for row in rows[2::3]] == told


@REDIS_CLI
@pytest.mark.parametrize("command", DOCUMENTED, ids=lambda command: command[1])
async def test_redis_cli_hears_what_comes(command: list[str], url: str) -> None:
    async with program(command[0], "-u", url, *command[1:]) as printed:
        heard = asyncio.create_task(alert(printed))
        for number in itertools.count(1):
            await publish(url, number, "again")
            if (await asyncio.wait({heard}, timeout=0.05))[0]:
                break
        assert json.loads(heard.result())["message"] == "again"


async def alert(printed: asyncio.StreamReader) -> str:
    """Return the first line that is an alert."""
    while not (said := await line(printed)).startswith("{"):
        assert not printed.at_eof(), said
    return said
