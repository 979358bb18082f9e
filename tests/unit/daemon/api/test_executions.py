"""The line of backtests: its order, its bounds, and what becomes of those that cannot end well."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from tests.unit.daemon.api.hosts import Gated
from tradingd.daemon.api.executions import (
    FINISHED_BYTES_MAX,
    FINISHED_MAX,
    RETRY_AFTER_S,
    RUNNING_MAX,
    WAITING_MAX,
    Execution,
    Executions,
    Status,
)
from tradingd.daemon.api.jobs import Failure
from tradingd.daemon.api.problems import Problem
from tradingd.daemon.api.processes import JobError, WorkerLostError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tradingd.daemon.api.processes import Workers

LONG_S = 30


@asynccontextmanager
async def running(workers: Workers, run_s_max: float = LONG_S) -> AsyncIterator[Executions]:
    executions = Executions(workers, run_s_max)
    executions.start()
    yield executions
    await executions.stop()


async def all_begun(workers: Gated) -> None:
    """Wait until as many run as may."""
    async with asyncio.timeout(LONG_S):
        for _ in range(RUNNING_MAX):
            await workers.begun.get()


def submit(executions: Executions, *names: int | str) -> list[Execution]:
    return [executions.submit(Execution(f"bt-{name}", None)) for name in names]


async def test_so_many_run_at_once_and_the_others_wait_in_order() -> None:
    workers = Gated()
    async with running(workers) as executions:
        asked = submit(executions, *range(RUNNING_MAX + 2))
        await all_begun(workers)
        assert [one.status for one in asked] == [Status.RUNNING] * RUNNING_MAX + [Status.QUEUED] * 2
        assert executions.counts()["queued",] == 2
        workers.gate.set()
        for one in asked:
            await one.wait(LONG_S)
        assert {one.status for one in asked} == {Status.COMPLETED}


async def test_a_full_line_refuses_and_says_when_to_come_again() -> None:
    workers = Gated()
    async with running(workers) as executions:
        submit(executions, *range(RUNNING_MAX))
        await all_begun(workers)
        waiting = submit(executions, *(f"w{n}" for n in range(WAITING_MAX)))
        with pytest.raises(Problem) as refused:
            submit(executions, "more")
        response = refused.value.response()
        assert (response.status, response.headers["Retry-After"]) == (503, str(RETRY_AFTER_S))
        assert executions.get("bt-more") is None
        assert submit(executions, "w0") == waiting[:1]  # an equal one needs no place


async def test_waiting_ends_when_the_time_is_over() -> None:
    async with running(Gated()) as executions:
        [asked] = submit(executions, "slow")
        await asked.wait(0.01)
        assert not asked.finished.is_set()


async def test_stopping_cancels_what_is_not_finished_and_tells_who_waits() -> None:
    workers = Gated()
    async with running(workers) as executions:
        asked = submit(executions, *range(RUNNING_MAX + 1))
        await all_begun(workers)
        waiting = [asyncio.create_task(one.wait(LONG_S)) for one in asked]
        await executions.stop()
        await asyncio.gather(*waiting)
        assert {one.status for one in asked} == {Status.CANCELLED}
        with pytest.raises(Problem, match="nothing is begun any more"):
            submit(executions, "late")


@pytest.mark.parametrize(
    ("error", "kind"),
    [(WorkerLostError("killed"), "worker-lost"), (JobError("Traceback: secret"), "internal"), (KeyError(), "internal")],
)
async def test_what_fails_takes_nothing_with_it_and_can_be_asked_again(error: Exception, kind: str) -> None:
    workers = Gated()
    workers.gate.set()
    async with running(workers) as executions:
        workers.error = error
        asked = submit(executions, *range(2 * RUNNING_MAX))
        for one in asked:
            await one.wait(LONG_S)
            assert (one.status, one.results) == (Status.FAILED, None)
            assert one.error is not None
            assert one.error["type"].endswith(kind)
            assert "secret" not in str(one.error)
        workers.error = None
        [again] = submit(executions, 0)
        await again.wait(LONG_S)
        assert again.status is Status.COMPLETED


async def test_what_runs_too_long_is_given_up_and_the_next_is_begun() -> None:
    workers = Gated()
    async with running(workers, run_s_max=0.05) as executions:
        slow = submit(executions, *range(RUNNING_MAX))
        for one in slow:
            await one.wait(LONG_S)
            assert (one.status, one.results) == (Status.FAILED, None)
            assert one.error is not None
            assert one.error["type"] == "urn:tradingd:problem:too-long"
            assert "after 0.05 s, which is http.backtest_s_max" in one.error["detail"]
        workers.gate.set()
        [following] = submit(executions, "next")
        await following.wait(LONG_S)
        assert following.status is Status.COMPLETED


async def test_a_refused_backtest_says_why() -> None:
    workers = Gated()
    workers.gate.set()
    workers.answer = Failure("the bars are of 1d")
    async with running(workers) as executions:
        [asked] = submit(executions, 1)
        await asked.wait(LONG_S)
        assert (asked.status, asked.error and asked.error["detail"]) == (Status.FAILED, "the bars are of 1d")


async def test_the_oldest_finished_are_forgotten_by_number() -> None:
    workers = Gated()
    workers.gate.set()
    async with running(workers) as executions:
        for number in range(FINISHED_MAX + 5):
            [asked] = submit(executions, number)
            await asked.wait(LONG_S)
        assert executions.get("bt-4") is None
        assert executions.get("bt-5") is not None
        assert sum(executions.counts().values()) == FINISHED_MAX


async def test_the_oldest_finished_are_forgotten_by_size_but_never_the_last() -> None:
    workers = Gated()
    workers.gate.set()
    workers.answer = bytes(FINISHED_BYTES_MAX // 2)
    async with running(workers) as executions:
        for number in range(3):
            [asked] = submit(executions, number)
            await asked.wait(LONG_S)
        assert [executions.get(f"bt-{n}") is not None for n in range(3)] == [False, True, True]
        workers.answer = bytes(FINISHED_BYTES_MAX + 1)
        [large] = submit(executions, "large")
        await large.wait(LONG_S)
        assert [executions.get(f"bt-{n}") for n in (1, 2, "large")] == [None, None, large]
