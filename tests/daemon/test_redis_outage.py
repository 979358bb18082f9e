"""Redis mute, frozen, stopped, emptied and killed under a trading daemon: no alert is lost, and trading goes on.

What was delivered is what the stream holds, or what a subscriber heard of a server that is gone. An outage lasts
`OUTAGE_S` seconds, a few in CI; `make fuzz` makes it a minute.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from redis.asyncio import Redis

from tests.daemon.running import BOUND_S, FAST, Running, daemon, venue
from tests.daemon.test_daemon import LIFTED, strategy
from tests.faults.door import Door, Fate
from tests.faults.test_redis import entered, every, listening, pid, server
from tests.outbox import eventually
from tradingd.adapters.publishers.redis import STREAM
from tradingd.daemon import state, wiring
from tradingd.model.market import SECOND

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from pathlib import Path

    Tell = Callable[[str, object], None]

OUTAGE_S = float(os.environ.get("OUTAGE_S", "3"))
SPEED = 600
STRATEGIES = {"demo": strategy(), "swift": strategy("swift", low=50, high=51)}
LAG_S_MAX = 1.0
"""How far market time may stay behind; whoever waited for Redis would stay behind by the relay's 2 s."""


@contextlib.asynccontextmanager
async def trading(folder: Path, url: str) -> AsyncIterator[Running]:
    """Run a daemon that tells Redis at `url`, and its venue, beside the test's own tasks."""
    redis = f'{LIFTED}\n[redis]\nurl = "{url}"\n'
    with contextlib.ExitStack() as stack:
        port = await asyncio.to_thread(stack.enter_context, venue(*FAST))
        starting = daemon(folder, STRATEGIES, port, speed=str(SPEED), extra=redis)
        yield await asyncio.to_thread(stack.enter_context, starting)


async def fills(paper: Running, more: int = 1, span_s: float = 0) -> float:
    """Wait for fills, and a while; return the longest that market time stayed behind meanwhile, in our seconds."""
    known = count_fills(paper)
    ts = (await asyncio.to_thread(paper.status))["market_time"]
    began = time.monotonic()
    asked_s, lags = [0.0], [0.0]

    def is_over(status: dict[str, Any]) -> bool:
        lags.append(asked_s[-1] - (status["market_time"] - ts) / SECOND / SPEED)
        has_filled = count_fills(paper) >= known + more
        asked_s.append(time.monotonic() - began)  # the next answer is of a later time: what we take is not its lag
        return asked_s[-1] >= span_s and has_filled

    await asyncio.to_thread(paper.until, is_over, span_s + BOUND_S)
    return max(lags)


def count_fills(paper: Running) -> int:
    return sum(json.loads(body)["kind"] == "fill" for body in outbox(paper.state_dir).values())


def outbox(state_dir: Path) -> dict[str, bytes]:
    """Return every alert that was ever decided, by its id."""
    connection = sqlite3.connect(f"file:{state_dir}/journal/journal.sqlite?mode=ro", uri=True)
    try:
        return by_id(bytes(body) for (body,) in connection.execute("SELECT body FROM outbox"))
    finally:
        connection.close()


def by_id(bodies: Iterable[bytes]) -> dict[str, bytes]:
    """Return alerts by their ids; the same id is the same bytes, however often it came."""
    known: dict[str, bytes] = {}
    for body in bodies:
        assert known.setdefault(json.loads(body)["id"], body) == body
    return known


async def stops_clean(paper: Running) -> dict[str, bytes]:
    """Stop the daemon; return what it has decided to tell, which its replay decides as well."""
    assert await asyncio.to_thread(paper.stop) == 0
    assert wiring.replay(state.recording(paper.state_dir)).divergence is None
    return outbox(paper.state_dir)


async def test_redis_is_mute_for_a_while_and_then_empty(tmp_path: Path) -> None:
    async with asyncio.timeout(3 * BOUND_S), server() as url, listening(url) as heard, trading(tmp_path, url) as paper:
        await fills(paper)
        async with Redis.from_url(url) as client:
            await client.client_pause(4000)
            assert await fills(paper, span_s=3) < LAG_S_MAX
            async with client.pipeline(transaction=True) as at_once:
                at_once.xrange(STREAM)
                at_once.flushall()
                early, _ = await at_once.execute()
        await fills(paper)
        decided = await stops_clean(paper)
        late = by_id(await entered(url))
        assert decided == late | by_id(fields[b"alert"] for _, fields in early)
        await eventually(lambda: by_id(heard) == decided)


async def test_redis_stops_for_a_while_and_comes_back_empty(tmp_path: Path, record_property: Tell) -> None:
    async with AsyncExitStack() as ears, Door().standing() as door, trading(tmp_path, door.url) as paper:
        async with server() as first:
            heard = await ears.enter_async_context(listening(first))
            door.target = first
            await fills(paper)
            await eventually(lambda: heard)
        lag_s = await fills(paper, span_s=OUTAGE_S)
        record_property("told", f"Redis was away for {OUTAGE_S:g} s; market time was {lag_s:.3f} s late at most")
        assert lag_s < LAG_S_MAX
        async with server() as second, listening(second) as heard_again:
            door.target = second
            await eventually(lambda: heard_again, within_s=BOUND_S)
            decided = await stops_clean(paper)
            kept = await entered(second)
            assert len(kept) == len(by_id(kept))
            assert decided == by_id(heard) | by_id(kept)
            await eventually(lambda: by_id(heard_again) == by_id(kept))


async def test_redis_is_frozen_for_a_while(tmp_path: Path) -> None:
    async with server() as url, listening(url) as heard, trading(tmp_path, url) as paper:
        await fills(paper)
        process = await pid(url)
        os.kill(process, signal.SIGSTOP)
        try:
            assert await fills(paper, span_s=OUTAGE_S) < LAG_S_MAX
        finally:
            os.kill(process, signal.SIGCONT)
        known = len(heard)
        await eventually(lambda: len(heard) > known, within_s=BOUND_S)
        decided = await stops_clean(paper)
        kept = await entered(url)
        assert len(kept) == len(by_id(kept))
        assert by_id(kept) == decided
        await eventually(lambda: by_id(heard) == decided)


async def test_redis_is_killed_between_the_entry_and_its_answer(tmp_path: Path) -> None:
    async with AsyncExitStack() as ears, Door().standing() as door, trading(tmp_path, door.url) as paper:
        async with server() as first:
            heard = await ears.enter_async_context(listening(first))
            door.target, process = first, await pid(first)
            await fills(paper)
            killed = asyncio.Event()

            def kill() -> None:
                os.kill(process, signal.SIGKILL)
                killed.set()

            door.on_answer_lost, door.judge = kill, every(1, Fate.LOSE_ANSWER, b"XADD")
            async with asyncio.timeout(BOUND_S):
                await killed.wait()
        assert await fills(paper) < LAG_S_MAX
        door.judge = lambda _request: Fate.PASS
        async with server() as second, listening(second) as heard_again:
            door.target = second
            await eventually(lambda: heard_again, within_s=BOUND_S)
            decided = await stops_clean(paper)
            kept = await entered(second)
            assert len(kept) == len(by_id(kept))
            assert decided == by_id(heard) | by_id(kept)


async def test_what_could_not_be_sent_before_the_end_is_sent_by_the_next_run(tmp_path: Path) -> None:
    async with Door().standing() as door:  # which leads nowhere yet
        async with trading(tmp_path, door.url) as paper:
            await fills(paper)
            owed = await stops_clean(paper)
        assert owed
        async with server() as url, listening(url) as heard, trading(tmp_path, door.url) as paper:
            door.target = url
            await eventually(lambda: owed.keys() <= by_id(heard).keys(), within_s=BOUND_S)
            await fills(paper)
            decided = await stops_clean(paper)
            kept = await entered(url)
            assert len(kept) == len(by_id(kept))
            assert by_id(kept) == owed | decided
