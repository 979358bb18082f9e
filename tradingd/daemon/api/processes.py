"""The worker processes, seen from the daemon: give one a job, await its answer, kill it where nobody waits any more.

Each has pipes of its own, so that one that is killed, or runs out of memory, takes nothing with it but its job.
Nothing here may block the event loop or outlive it.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
from asyncio.subprocess import PIPE, Process
from typing import TYPE_CHECKING, Protocol, TypeVar

from tradingd.daemon.api.worker import LENGTH, Crashed, frame

if TYPE_CHECKING:
    from collections.abc import Callable

_BUFFER = 1 << 20
_PROGRAM = "from tradingd.daemon.api.worker import main; main()"

T = TypeVar("T")


class WorkerLostError(Exception):
    """The process that had the job ended without an answer, or there was none to be had."""


class JobError(Exception):
    """The job raised what nobody foresaw; the message is its traceback, for the log."""


class Workers(Protocol):
    """Who does jobs elsewhere."""

    async def call(self, job: Callable[..., T], *arguments: object) -> T:
        """Have `job(*arguments)` done; cancelled, it is given up.

        Raises:
            WorkerLostError: no answer will come.
            JobError: it raised.
        """

    async def close(self) -> None:
        """Let go of everything; no call is under way."""


class Processes:
    """At most `count` worker processes, each started when it is first needed."""

    def __init__(self, count: int) -> None:
        self._free: asyncio.LifoQueue[Process | None] = asyncio.LifoQueue(count)
        for _ in range(count):
            self._free.put_nowait(None)

    async def call(self, job: Callable[..., T], *arguments: object) -> T:
        """Have a job done by a free process; wait for one where there is none."""
        process = await self._free.get()
        answer = None
        try:
            if process is None or process.returncode is not None:
                process = await _started()
            answer = await _asked(process, frame((job, arguments)))
        finally:
            if answer is None and process is not None:  # cancelled or lost: what it may still say is nobody's
                await _ended(process)
                process = None
            self._free.put_nowait(process)
        found = pickle.loads(answer)  # noqa: S301 - from our own child
        if isinstance(found, Crashed):
            raise JobError(found.trace)
        return found  # type: ignore[no-any-return] # what the job returned

    async def close(self) -> None:
        """End all processes."""
        while not self._free.empty():
            process = self._free.get_nowait()
            if process is not None:
                await _ended(process)


async def _started() -> Process:
    """Start a process that finds its modules where this one does, and nowhere else."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(entry or "." for entry in sys.path),
        "PYTHONSAFEPATH": "1",
    }
    try:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-c", _PROGRAM, stdin=PIPE, stdout=PIPE, env=environment, limit=_BUFFER
        )
    except OSError as error:
        msg = "no worker process can be started"
        raise WorkerLostError(msg) from error


async def _asked(process: Process, job: bytes) -> bytes:
    """Send a job, return the answer as it came."""
    assert process.stdin is not None  # noqa: S101 - pipes were asked for
    assert process.stdout is not None  # noqa: S101
    try:
        process.stdin.write(job)
        await process.stdin.drain()
        length = int.from_bytes(await process.stdout.readexactly(LENGTH))
        return await process.stdout.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        msg = f"worker process {process.pid} ended"
        raise WorkerLostError(msg) from error


async def _ended(process: Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()
