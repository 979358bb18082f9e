"""Alerts through whatever happens to Redis: none is lost, a repeat is equal to the byte, and nobody waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tests.faults.door import Door, Fate
from tests.outbox import RowsInMemory, bodies, drained, eventually, running
from tradingd.adapters.publishers.redis import CHANNEL, STREAM, RedisPublisher
from tradingd.adapters.publishers.relay import Relay
from tradingd.daemon.redis_server import binaries, started

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from tradingd.adapters.publishers.relay import Row

JOURNAL_MS = 1_700_000_000_000
TIMEOUT_S = 0.3
SERVERS = [binary.path for binary in binaries()]


def server() -> contextlib.AbstractAsyncContextManager[str]:
    """Start an empty server of this machine, the preferred kind."""
    return started(SERVERS[0])


class Desk:
    """One daemon's alerts: an outbox, a relay to `url`, and what the relay told of its state."""

    def __init__(self, url: str, journal_ms: int = JOURNAL_MS, kind: type[RedisPublisher] = RedisPublisher) -> None:
        self.outbox = RowsInMemory()
        self.states: list[bool] = []
        self._url, self._journal_ms, self._kind = url, journal_ms, kind
        self.relay = self.new_relay()

    def new_relay(self) -> Relay:
        """Return the relay of a daemon that was started again: it knows the outbox alone."""
        publisher = self._kind(self._url, self._journal_ms, timeout_s=TIMEOUT_S)
        self.relay = Relay(
            self.outbox,
            publisher,
            lambda connected, _reason: self.states.append(connected),
            check_every_s=0.1,
            wait_s_max=0.05,
        )
        return self.relay

    @property
    def connected(self) -> bool | None:
        return self.states[-1] if self.states else None


async def entries(url: str) -> list[tuple[str, bytes]]:
    """Return the stream, as any client reads it."""
    async with Redis.from_url(url) as client:
        found: Any = await client.xrange(STREAM)
    return [(id_.decode(), fields[b"alert"]) for id_, fields in found]


async def entered(url: str) -> list[bytes]:
    return [body for _, body in await entries(url)]


async def pid(url: str) -> int:
    async with Redis.from_url(url) as client:
        return int((await client.info("server"))["process_id"])


@contextlib.asynccontextmanager
async def listening(url: str) -> AsyncIterator[list[bytes]]:
    """Collect what the channel says, for as long as there is a server."""
    heard: list[bytes] = []

    async def listen() -> None:
        with contextlib.suppress(RedisError):
            async for message in channel.listen():
                heard.extend([message["data"]] if message["type"] == "message" else [])

    async with Redis.from_url(url) as client, client.pubsub() as channel:
        await channel.subscribe(CHANNEL)
        task = asyncio.create_task(listen())
        try:
            yield heard
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with Door().standing() as standing:
        yield standing


def every(nth: int, fate: Fate, command: bytes) -> Callable[[bytes], Fate]:
    """Return a judge that lets this happen to each nth request with that command."""
    numbers = count(1)
    return lambda request: fate if command in request and next(numbers) % nth == 0 else Fate.PASS


# --- stopped, frozen, killed --------------------------------------------------------------------------------------


async def test_redis_stops_for_a_while_and_comes_back_empty(door: Door) -> None:
    desk = Desk(door.url)
    async with running(desk.relay, desk.outbox):
        async with server() as first:
            door.target = first
            desk.outbox.append(*bodies(1, 50))
            await drained(desk.relay)
            assert await entered(first) == bodies(1, 50)
        door.shut()
        for number in range(51, 101):
            desk.outbox.append(*bodies(number, number))
        await eventually(lambda: desk.connected is False)
        knocks = door.knocks
        await eventually(lambda: door.knocks > knocks + 5)
        assert len(desk.outbox.marked) == 50
        async with server() as second:
            door.target = second
            await drained(desk.relay)
            assert await entries(second) == [(f"{JOURNAL_MS}-{n}", body) for n, body in desk.outbox.rows[50:]]
            assert desk.states == [False, True, False, True]  # nobody was there when it began


async def test_a_daemon_started_again_sends_an_empty_redis_what_is_owed_and_no_more() -> None:
    async with server() as first:
        desk = Desk(first)
        desk.outbox.append(*bodies(1, 10))
        async with running(desk.relay, desk.outbox):
            await drained(desk.relay)
    desk.outbox.append(*bodies(11, 15))
    async with server() as second:
        desk = _again(desk, second)
        async with running(desk.relay, desk.outbox):
            await drained(desk.relay)
        assert await entered(second) == bodies(11, 15)


def _again(desk: Desk, url: str) -> Desk:
    after = Desk(url)
    after.outbox = desk.outbox
    after.new_relay()
    return after


async def test_redis_freezes_while_there_is_nothing_to_say() -> None:
    async with server() as url:
        desk, process = Desk(url), await pid(url)
        async with running(desk.relay, desk.outbox):
            await eventually(lambda: desk.connected)
            os.kill(process, signal.SIGSTOP)
            await eventually(lambda: desk.connected is False, within_s=3)
            os.kill(process, signal.SIGCONT)
            await eventually(lambda: desk.connected, within_s=3)


async def test_redis_freezes_while_alerts_are_made() -> None:
    async with server() as url, listening(url) as heard:
        desk, process = Desk(url), await pid(url)
        async with running(desk.relay, desk.outbox):
            desk.outbox.append(*bodies(1, 20))
            await drained(desk.relay)
            os.kill(process, signal.SIGSTOP)
            for number in range(21, 121):  # the order path goes on, whatever the relay is waiting for
                desk.outbox.append(*bodies(number, number))
                await asyncio.sleep(0)
            assert len(desk.outbox.rows) == 120
            await eventually(lambda: desk.connected is False, within_s=3)
            assert len(desk.outbox.marked) == 20
            os.kill(process, signal.SIGCONT)
            await drained(desk.relay)
        assert await entered(url) == bodies(1, 120)
        await eventually(lambda: set(heard) == set(bodies(1, 120)))


async def test_redis_is_killed_between_the_entry_and_its_answer(door: Door) -> None:
    desk = Desk(door.url)
    async with running(desk.relay, desk.outbox):
        async with server() as first:
            desk.outbox.append(*bodies(1, 10))
            door.target, process = first, await pid(first)
            await drained(desk.relay)
            door.judge = every(1, Fate.LOSE_ANSWER, b"XADD")
            door.on_answer_lost = lambda: os.kill(process, signal.SIGKILL)
            desk.outbox.append(*bodies(11, 20))
            await eventually(lambda: desk.connected is False)
            assert len(desk.outbox.marked) == 10
        door.judge = lambda _request: Fate.PASS
        async with server() as second:
            door.target = second
            await drained(desk.relay)
            assert await entered(second) == bodies(11, 20)


# --- lost answers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [b"XADD", b"PUBLISH", b"PING"])
@pytest.mark.parametrize("fate", [Fate.LOSE_REQUEST, Fate.LOSE_ANSWER], ids=str)
async def test_the_connection_breaks_again_and_again(door: Door, command: bytes, fate: Fate) -> None:
    async with server() as url, listening(url) as heard:
        door.target, door.judge = url, every(2, fate, command)
        desk = Desk(door.url)
        async with running(desk.relay, desk.outbox):
            for first in range(1, 100, 10):
                desk.outbox.append(*bodies(first, first + 9))
                await drained(desk.relay)
        assert await entered(url) == bodies(1, 100)
        await eventually(lambda: set(heard) == set(bodies(1, 100)))
        assert list(dict.fromkeys(heard)) == bodies(1, 100)


async def test_the_daemon_is_started_again_while_an_answer_is_on_its_way(door: Door) -> None:
    async with server() as url, listening(url) as heard:
        door.target = url
        desk = Desk(door.url)
        for first in range(1, 50, 10):
            held = asyncio.Event()
            door.judge, door.on_answer_lost = every(1, Fate.HOLD_ANSWER, b"XADD"), held.set
            async with running(desk.relay, desk.outbox):
                desk.outbox.append(*bodies(first, first + 9))
                async with asyncio.timeout(3):
                    await held.wait()
            door.judge = lambda _request: Fate.PASS
            assert len(desk.outbox.marked) == first - 1
            async with running(desk.new_relay(), desk.outbox):
                await drained(desk.relay)
            desk.new_relay()
        assert await entered(url) == bodies(1, 50)
        await eventually(lambda: heard == bodies(1, 50))


async def test_a_redis_that_says_no_is_asked_again_until_it_says_yes() -> None:
    async with server() as url, Redis.from_url(url) as client:
        await client.set(STREAM, "something else")
        desk = Desk(url)
        async with running(desk.relay, desk.outbox):
            desk.outbox.append(*bodies(1, 3))
            await eventually(lambda: desk.connected is False)
            assert not desk.outbox.marked
            await client.delete(STREAM)
            await drained(desk.relay)
        assert await entered(url) == bodies(1, 3)
        assert desk.states == [False, True]


# --- two journals on one Redis ------------------------------------------------------------------------------------


async def both_run(one: Desk, other: Desk) -> None:
    """Have two daemons make 100 alerts each, in turns of different length."""
    async with running(one.relay, one.outbox), running(other.relay, other.outbox):
        for turn in range(20):
            one.outbox.append(*bodies(5 * turn + 1, 5 * turn + 5, "a"))
            if turn % 3:
                await drained(one.relay)
            other.outbox.append(*bodies(5 * turn + 1, 5 * turn + 5, "b"))
            if turn % 2:
                await drained(other.relay)
        await drained(one.relay)
        await drained(other.relay)


@pytest.mark.parametrize(("one_ms", "other_ms"), [(100, 200), (200, 100), (100, 100)])
async def test_two_daemons_at_once_lose_none_and_repeat_none(one_ms: int, other_ms: int) -> None:
    async with server() as url, listening(url) as heard:
        one, other = Desk(url, one_ms), Desk(url, other_ms)
        await both_run(one, other)
        found = await entered(url)
        assert Counter(found) == Counter(one.outbox.bodies + other.outbox.bodies)
        await eventually(lambda: len(heard) == 200)
        assert Counter(heard) == Counter(found)
        if one_ms != other_ms:
            assert [body for body in found if body in set(one.outbox.bodies)] == one.outbox.bodies
            assert [body for body in found if body in set(other.outbox.bodies)] == other.outbox.bodies


async def test_a_stream_that_somebody_emptied_still_takes_alerts() -> None:
    async with server() as url, Redis.from_url(url) as client:
        await client.xadd(STREAM, {"alert": "of another"}, "900-9")
        await client.xtrim(STREAM, maxlen=0)
        desk = Desk(url, 100)
        desk.outbox.append(*bodies(1, 3))
        async with running(desk.relay, desk.outbox):
            await drained(desk.relay)
        assert await entries(url) == [(f"901-{n}", body) for n, body in desk.outbox.rows]


@pytest.mark.parametrize(("first_ms", "second_ms"), [(100, 200), (200, 100), (100, 100)])
async def test_one_daemon_after_the_other_loses_none_even_where_the_clock_was_set_back(
    first_ms: int, second_ms: int
) -> None:
    async with server() as url:
        for who, journal_ms in (("a", first_ms), ("b", second_ms)):
            desk = Desk(url, journal_ms)
            desk.outbox.append(*bodies(1, 30, who))
            async with running(desk.relay, desk.outbox):
                await drained(desk.relay)
        assert await entered(url) == bodies(1, 30, "a") + bodies(1, 30, "b")


async def test_two_daemons_behind_a_breaking_connection_lose_none(door: Door) -> None:
    async with server() as url, listening(url) as heard:
        door.target, door.judge = url, every(5, Fate.LOSE_ANSWER, b"alert")
        one, other = Desk(door.url, 200), Desk(door.url, 100)
        await both_run(one, other)
        everything = set(one.outbox.bodies + other.outbox.bodies)
        assert set(await entered(url)) == everything
        await eventually(lambda: set(heard) == everything)


class Trusting(RedisPublisher):
    """A planted fault: takes every refusal of an id for a repeat."""

    async def _enter(self, rows: Sequence[Row]) -> list[Row]:
        await super()._enter(rows)
        return []


async def test_a_publisher_that_trusts_a_refusal_is_caught() -> None:
    async with server() as url:
        one, other = Desk(url, 100, Trusting), Desk(url, 200, Trusting)
        await both_run(one, other)
        assert set(await entered(url)) < set(one.outbox.bodies + other.outbox.bodies)
