"""Worker processes, real ones: they answer, they can be lost, and they never outlive who started them."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tradingd.daemon.api.processes import JobError, Processes, WorkerLostError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PROJECT = Path(__file__).resolve().parents[4]
FOR_EVER_S = 3600.0
LONG_S = 30

STARTER = """
import asyncio, os, sys
from tradingd.daemon.api.processes import Processes
import time

async def main():
    workers = Processes(1)
    print(await workers.call(os.getpid), flush=True)
    await workers.call(time.sleep, 3600.0)

asyncio.run(main())
"""


@asynccontextmanager
async def started(count: int = 1) -> AsyncIterator[Processes]:
    workers = Processes(count)
    yield workers
    await workers.close()


def is_gone(pid: int, within_s: float = 0) -> bool:
    """Whether a process has ended, or does so in time."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    ended, _, _ = select.select([handle], [], [], within_s)
    os.close(handle)
    return bool(ended)


async def test_a_job_is_done_elsewhere_and_the_process_is_used_again() -> None:
    async with started() as workers:
        first = await workers.call(os.getpid)
        assert first != os.getpid()
        assert await workers.call(os.getpid) == first
        assert len(await workers.call(bytes, 5_000_000)) == 5_000_000
    assert is_gone(first)


async def test_what_a_job_prints_does_not_get_between_the_answers() -> None:
    async with started() as workers:
        await workers.call(print, "hello")
        assert await workers.call(max, 1, 2) == 2


async def test_what_a_job_raises_is_told_and_the_process_goes_on() -> None:
    async with started() as workers:
        before = await workers.call(os.getpid)
        with pytest.raises(JobError, match="ValueError"):
            await workers.call(int, "x")
        with pytest.raises(JobError, match="pickle"):
            await workers.call(open, os.devnull)
        assert await workers.call(os.getpid) == before


async def test_a_lost_process_loses_its_job_alone() -> None:
    async with started(2) as workers:
        pids = await asyncio.gather(workers.call(os.getpid), workers.call(os.getpid))
        assert len(set(pids)) == 2
        lost, kept = await asyncio.gather(
            workers.call(os._exit, 1), workers.call(time.sleep, 0.05), return_exceptions=True
        )
        assert (type(lost), kept) == (WorkerLostError, None)
        again = await asyncio.gather(workers.call(os.getpid), workers.call(os.getpid))
        assert len(set(again) & set(pids)) == 1


async def test_a_process_that_was_killed_while_it_was_idle_is_replaced() -> None:
    async with started() as workers:
        pid = await workers.call(os.getpid)
        os.kill(pid, signal.SIGKILL)
        assert is_gone(pid, LONG_S)
        try:
            found = await workers.call(os.getpid)
        except WorkerLostError:  # it was gone before anybody was told
            found = await workers.call(os.getpid)
        assert found != pid


async def test_a_cancelled_job_ends_with_its_process() -> None:
    async with started() as workers:
        pid = await workers.call(os.getpid)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await workers.call(time.sleep, FOR_EVER_S)
        assert is_gone(pid)
        assert await workers.call(os.getpid) != pid


async def test_signals_to_the_whole_group_are_the_daemons_to_decide_on() -> None:
    async with started() as workers:
        pid = await workers.call(os.getpid)
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(pid, number)
        assert await workers.call(os.getpid) == pid


async def test_workers_give_way_to_what_trades() -> None:
    async with started() as workers:
        assert await workers.call(os.nice, 0) >= min(os.nice(0) + 10, 19)
        assert await workers.call(Path.read_text, Path("/proc/self/oom_score_adj")) == "1000\n"


def test_a_worker_in_the_middle_of_a_job_ends_with_a_daemon_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", STARTER], cwd=PROJECT, stdout=subprocess.PIPE) as daemon:
        assert daemon.stdout is not None
        pid = int(daemon.stdout.readline())
        assert not is_gone(pid)
        daemon.kill()
        assert is_gone(pid, LONG_S)


async def test_modules_are_found_where_the_daemon_finds_them_not_where_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pickle.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    async with started() as workers:
        assert await workers.call(max, 1, 2) == 2
