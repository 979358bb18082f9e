"""The backtests that were asked for: a short line that waits, a few that run, and the last results.

Ids are derived from all that decides a result, so that equal requests are one execution, whether it waits, runs or is
done. Everything is bounded: a full line refuses, and the oldest finished ones are forgotten.
"""

from __future__ import annotations

import asyncio
import enum
import hashlib
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog

from tradingd.daemon.api import jobs
from tradingd.daemon.api.problems import Kind, Problem
from tradingd.daemon.api.processes import WorkerLostError
from tradingd.research.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tradingd.core.settings import CoreSettings
    from tradingd.daemon.api.processes import Workers
    from tradingd.daemon.api.request import Asked
    from tradingd.daemon.api.stored import Stock
    from tradingd.model.instrument import Instrument

log = structlog.get_logger()

RUNNING_MAX = 2
WAITING_MAX = 8
FINISHED_MAX = 64
FINISHED_BYTES_MAX = 64 << 20
RETRY_AFTER_S = 10


class Status(enum.StrEnum):
    """Where an execution stands; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(slots=True, eq=False)
class Execution:
    """One backtest. `results` are JSON, none unless it is completed; `error` says why it failed."""

    id: str
    request: Request | None
    status: Status = Status.QUEUED
    results: bytes | None = None
    error: Mapping[str, Any] | None = None
    finished: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self, seconds: float) -> None:
        """Wait so long for it to be finished."""
        if seconds > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self.finished.wait()


def backtest(asked: Asked, stock: Stock, listed: Iterable[Instrument], settings: CoreSettings) -> Execution:
    """Return what is asked as an execution that nobody has taken yet."""
    document, found = asked.document, stock.found
    instruments = [i for i in listed if document.symbol in (i.symbol, i.underlying)]
    request = Request(
        documents=[document],
        data=found.data,
        settings=settings,
        instruments=instruments,
        start=None if found.start is None else found.start.isoformat(),
        end=None if found.end is None else found.end.isoformat(),
    )
    decisive = document.hash, stock, instruments, settings
    return Execution(f"bt-{hashlib.sha256(repr(decisive).encode()).hexdigest()[:16]}", request)


class Executions:
    """Runs backtests in the order in which they were asked for, `RUNNING_MAX` at once, between `start` and `stop`.

    One that has run for `run_s_max` is ended, and its process with it.
    """

    def __init__(self, workers: Workers, run_s_max: float) -> None:
        self._workers = workers
        self._run_s_max = run_s_max
        self._waiting: asyncio.Queue[Execution] = asyncio.Queue(WAITING_MAX)
        self._known: dict[str, Execution] = {}
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to run what is submitted."""
        self._running = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Give up what is not finished; whoever waits for it is told."""
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            await asyncio.wait([running])
        for execution in tuple(self._known.values()):
            if not execution.finished.is_set():
                self._finish(execution, Status.CANCELLED)

    def submit(self, execution: Execution) -> Execution:
        """Put an execution in the line, and return it, or the equal one that is known already.

        Raises:
            Problem: the line is full, or the daemon is stopping.
        """
        known = self._known.get(execution.id)
        if known is not None and known.status not in (Status.FAILED, Status.CANCELLED):
            return known
        if self._running is None:
            raise Problem(Kind.STOPPING, "nothing is begun any more")
        try:
            self._waiting.put_nowait(execution)
        except asyncio.QueueFull:
            detail = f"{WAITING_MAX} executions wait for {RUNNING_MAX} that run; ask again in {RETRY_AFTER_S} s"
            raise Problem(Kind.TOO_MANY, detail, headers={"Retry-After": str(RETRY_AFTER_S)}) from None
        self._known[execution.id] = execution
        return execution

    def get(self, execution_id: str) -> Execution | None:
        """Return an execution, none if it never was or is forgotten."""
        return self._known.get(execution_id)

    def counts(self) -> Mapping[tuple[str, ...], float]:
        """Return how many known executions there are of each status."""
        found = Counter(execution.status for execution in self._known.values())
        return {(status,): found[status] for status in Status}

    # --- running them ----------------------------------------------------------------------------------------

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(RUNNING_MAX):
                group.create_task(self._consume())

    async def _consume(self) -> None:
        while True:
            execution = await self._waiting.get()
            execution.status = Status.RUNNING
            try:
                async with asyncio.timeout(self._run_s_max):
                    outcome = await self._workers.call(jobs.results, execution.request)
            except TimeoutError:
                log.warning("execution.too_long", execution=execution.id, run_s_max=self._run_s_max)
                detail = f"it was ended after {self._run_s_max:g} s, which is http.backtest_s_max; ask for fewer days"
                self._finish(execution, Status.FAILED, error=Kind.TOO_LONG.described(detail))
            except WorkerLostError:
                log.exception("execution.lost", execution=execution.id)
                why = Kind.WORKER_LOST.described("it was killed, or there was no memory for it; it can be asked again")
                self._finish(execution, Status.FAILED, error=why)
            except Exception:
                log.exception("execution.failed", execution=execution.id)
                self._finish(execution, Status.FAILED, error=Kind.INTERNAL.described("this is a fault of the daemon"))
            else:
                if isinstance(outcome, jobs.Failure):
                    why = Kind.BACKTEST_REFUSED.described(outcome.detail)
                    self._finish(execution, Status.FAILED, error=why)
                else:
                    self._finish(execution, Status.COMPLETED, results=outcome)

    def _finish(
        self,
        execution: Execution,
        status: Status,
        results: bytes | None = None,
        error: Mapping[str, Any] | None = None,
    ) -> None:
        """Settle an execution, and forget the oldest finished ones where there are too many."""
        execution.status, execution.results, execution.error = status, results, error
        execution.request = None
        execution.finished.set()
        self._known[execution.id] = self._known.pop(execution.id)  # the order is that of finishing
        finished = [one for one in self._known.values() if one.finished.is_set()]
        size = sum(len(one.results or b"") for one in finished)
        for place, oldest in enumerate(finished[:-1]):
            if len(finished) - place <= FINISHED_MAX and size <= FINISHED_BYTES_MAX:
                break
            size -= len(oldest.results or b"")
            del self._known[oldest.id]
