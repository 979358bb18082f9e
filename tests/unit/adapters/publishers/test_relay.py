from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

import pytest

from tests.outbox import RowsInMemory, bodies, drained, eventually, running
from tradingd.adapters.publishers.memory import MemoryPublisher
from tradingd.adapters.publishers.relay import BATCH_MAX, Relay
from tradingd.model.errors import PublisherError, StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradingd.adapters.publishers.relay import Row


class Script(MemoryPublisher):
    """Fails where the script says so; counts what it was asked."""

    def __init__(self, *outcomes: str) -> None:
        super().__init__()
        self.outcomes = deque(outcomes)
        self.batches: list[list[int]] = []
        self.checks = self.closes = 0

    async def publish(self, rows: Sequence[Row]) -> None:
        self.batches.append([number for number, _ in rows])
        self._act()
        await super().publish(rows)

    async def check(self) -> None:
        self.checks += 1
        self._act()

    async def close(self) -> None:
        self.closes += 1

    def _act(self) -> None:
        if reason := self.outcomes.popleft() if self.outcomes else "":
            raise PublisherError(reason)


class Rig:
    def __init__(self, *outcomes: str, check_every_s: float = 60) -> None:
        self.outbox = RowsInMemory()
        self.publisher = Script(*outcomes)
        self.states: list[tuple[bool, str]] = []
        self.relay = Relay(
            self.outbox,
            self.publisher,
            lambda connected, reason: self.states.append((connected, reason)),
            check_every_s=check_every_s,
            wait_s_max=0.001,
        )


async def test_rows_arrive_in_order_in_batches_and_are_marked() -> None:
    rig = Rig()
    rig.outbox.append(*bodies(1, 2 * BATCH_MAX + 1))
    async with running(rig.relay, rig.outbox):
        await drained(rig.relay)
    assert list(rig.publisher.rows) == rig.outbox.rows
    assert [len(batch) for batch in rig.publisher.batches] == [BATCH_MAX, BATCH_MAX, 1]
    assert rig.outbox.marked == [number for number, _ in rig.outbox.rows]
    assert rig.relay.delivered == 2 * BATCH_MAX + 1


async def test_what_was_marked_before_is_not_sent_again() -> None:
    rig = Rig()
    rig.outbox.append(*bodies(1, 5))
    await rig.outbox.mark_sent([1, 2, 3])
    async with running(rig.relay, rig.outbox):
        await drained(rig.relay)
    assert [number for number, _ in rig.publisher.rows] == [4, 5]


async def test_new_rows_wake_it() -> None:
    rig = Rig()
    async with running(rig.relay, rig.outbox):
        await drained(rig.relay)
        for number in range(1, 4):
            rig.outbox.append(*bodies(number, number))
            await drained(rig.relay)
            assert rig.outbox.marked == list(range(1, number + 1))


async def test_a_failure_marks_nothing_and_is_tried_again_until_it_succeeds() -> None:
    rig = Rig("down", "down", "down", "")
    rig.outbox.append(*bodies(1, 3))
    async with running(rig.relay, rig.outbox):
        await drained(rig.relay)
    assert rig.publisher.batches == [[1, 2, 3]] * 4
    assert rig.outbox.marked == [1, 2, 3]
    assert rig.states == [(False, "down"), (True, "")]


async def test_each_change_of_state_is_told_once() -> None:
    rig = Rig("", "", "gone", "gone", "")
    async with running(rig.relay, rig.outbox):
        await eventually(lambda: rig.relay.connected)
        rig.outbox.append(*bodies(1, 1))
        await drained(rig.relay)
        rig.outbox.append(*bodies(2, 2))
        await drained(rig.relay)
    assert rig.states == [(True, ""), (False, "gone"), (True, "")]


async def test_a_quiet_connection_is_checked_and_found_dead() -> None:
    rig = Rig("", "", "silent", check_every_s=0.001)
    async with running(rig.relay, rig.outbox):
        await eventually(lambda: rig.states[-2:] == [(False, "silent"), (True, "")])
    assert rig.publisher.checks >= 4


async def test_a_busy_connection_is_not_checked() -> None:
    rig = Rig()
    rig.outbox.append(*bodies(1, 200))
    async with running(rig.relay, rig.outbox):
        await drained(rig.relay)
        assert rig.publisher.checks == 0


async def test_an_outbox_that_fails_ends_it_and_the_connection_is_closed() -> None:
    class Broken(RowsInMemory):
        async def mark_sent(self, numbers: Sequence[int]) -> None:
            msg = f"disk full at {numbers}"
            raise StoreError(msg)

    outbox, publisher = Broken(), Script()
    outbox.append(*bodies(1, 1))
    with pytest.raises(StoreError, match="disk full"):
        async with asyncio.timeout(5):
            await Relay(outbox, publisher, lambda *_: None).run()
    assert publisher.closes == 1
