"""Redis stops answering under a trading daemon, and loses everything: no alert is lost, and trading goes on."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from typing import TYPE_CHECKING

from redis import Redis

from tests.daemon.running import BOUND_S, FAST, daemon, venue
from tests.daemon.test_daemon import LIFTED, row, strategy
from tradingd.adapters.publishers.redis import STREAM
from tradingd.daemon import state, wiring
from tradingd.daemon.redis_server import redis_server

if TYPE_CHECKING:
    from pathlib import Path


def by_id(rows: list[tuple[bytes, dict[bytes, bytes]]]) -> dict[str, bytes]:
    """Return stream entries by the ids of their alerts."""
    return {json.loads(fields[b"alert"])["id"]: fields[b"alert"] for _, fields in rows}


def entries(url: str) -> dict[str, bytes]:
    """Return the alerts in the stream."""
    with Redis.from_url(url) as client:
        return by_id(client.xrange(STREAM))


def outbox(state_dir: Path) -> dict[str, bytes]:
    """Return every alert that was ever decided, by its id."""
    connection = sqlite3.connect(f"file:{state_dir}/journal/journal.sqlite?mode=ro", uri=True)
    try:
        bodies = [bytes(body) for (body,) in connection.execute("SELECT body FROM outbox")]
    finally:
        connection.close()
    return {json.loads(body)["id"]: body for body in bodies}


def test_redis_is_mute_for_a_while_and_then_empty(tmp_path: Path) -> None:
    async def story() -> tuple[dict[str, bytes], dict[str, bytes], Path]:
        async with asyncio.timeout(3 * BOUND_S), redis_server() as server:
            return await asyncio.to_thread(trade, server.url)

    def trade(url: str) -> tuple[dict[str, bytes], dict[str, bytes], Path]:
        redis = f'{LIFTED}\n[redis]\nurl = "{url}"\n'
        with (
            venue(*FAST) as port,
            daemon(tmp_path, {"demo": strategy()}, port, speed="600", extra=redis) as paper,
            Redis.from_url(url) as client,
        ):
            paper.until(lambda status: row(status)["trades"] >= 1)
            client.execute_command("CLIENT", "PAUSE", 4000, "ALL")
            traded = row(paper.status())["trades"]
            began = time.monotonic()
            paper.until(lambda status: row(status)["trades"] > traded)
            assert time.monotonic() - began < BOUND_S
            with client.pipeline(transaction=True) as at_once:
                (early, _) = at_once.xrange(STREAM).flushall().execute()
            paper.until(lambda status: row(status)["trades"] > traded + 1)
            assert paper.stop() == 0
            return by_id(early), entries(url), paper.state_dir

    early, late, state_dir = asyncio.run(story())
    assert early
    assert set(outbox(state_dir)) == set(early) | set(late)
    assert wiring.replay(state.recording(state_dir)).divergence is None
