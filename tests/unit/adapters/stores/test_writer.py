from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tradingd.adapters.stores.writer import GROUP_ROWS, Writer
from tradingd.model.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_S = 10


class Bench:
    """A writer over a database in memory, and a note of what it did in which order."""

    def __init__(self) -> None:
        self.done: list[str] = []
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self.writer = Writer(
            Path("state"), connection, self.sync, lambda cause: self.done.append(f"acknowledged {cause}")
        )
        self.refuse = False

    def sync(self, up_to: int) -> None:
        if self.refuse:
            raise OSError(5, "Input/output error")
        self.done.append(f"synced to {up_to}")

    def note(self, text: str, cause: int = 0, rows: int = 0) -> None:
        self.writer.submit(lambda: self.done.append(text), cause=cause, rows=rows)

    def hold(self) -> threading.Event:
        """Keep the writer busy until the event that is returned is set."""
        held, busy = threading.Event(), threading.Event()

        def act() -> None:
            busy.set()
            assert held.wait(PATIENCE_S)

        self.writer.submit(act)
        assert busy.wait(PATIENCE_S)
        return held


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.writer.close()


def test_ticks_are_synced_before_and_told_after_each_transaction(bench: Bench) -> None:
    answer = bench.writer.submit(lambda: bench.done.append("acted"), cause=7, rows=1)
    answer.result(PATIENCE_S)
    assert bench.done == ["synced to 7", "acted", "acknowledged 7"]


def test_what_queues_while_a_transaction_runs_shares_the_next(bench: Bench) -> None:
    held = bench.hold()
    for n in range(10):
        bench.note(f"unit {n}", cause=n, rows=2)
    assert bench.writer.waiting == 20
    held.set()
    bench.writer.submit(lambda: None).result(PATIENCE_S)
    first = bench.done.index("acknowledged 0")
    assert bench.done[first + 1 : first + 13] == ["synced to 9", *(f"unit {n}" for n in range(10)), "acknowledged 9"]
    assert bench.writer.waiting == 0


def test_a_group_takes_no_more_units_when_it_is_full_and_never_a_part_of_one(bench: Bench) -> None:
    held = bench.hold()
    for n in range(4):
        bench.note(f"unit {n}", rows=GROUP_ROWS // 2 + 1)
    held.set()
    bench.writer.close()
    assert [text for text in bench.done if not text.startswith("synced")] == [
        "acknowledged 0", "unit 0", "unit 1", "acknowledged 0", "unit 2", "unit 3", "acknowledged 0",
    ]  # fmt: skip


def test_closing_waits_for_what_was_submitted(bench: Bench) -> None:
    held = bench.hold()
    bench.note("last")
    held.set()
    bench.writer.close()
    assert "last" in bench.done
    with pytest.raises(StoreError, match="closed"):
        bench.note("too late")


def test_after_a_failure_everybody_is_told_and_nothing_is_tried_again(bench: Bench) -> None:
    held = bench.hold()
    bench.refuse = True
    answers = [bench.writer.submit(lambda: bench.done.append("acted"), rows=GROUP_ROWS) for _ in range(3)]
    held.set()
    for answer in answers:
        assert "Input/output error" in str(answer.exception(PATIENCE_S))
    bench.refuse = False
    with pytest.raises(StoreError, match="Input/output error"):
        bench.note("again")
    assert "acted" not in bench.done


def test_an_act_that_fails_fails_the_group(bench: Bench) -> None:
    held = bench.hold()
    before = bench.writer.submit(lambda: 1)
    wrong = bench.writer.submit(lambda: 1 // 0)
    held.set()
    assert "division" in str(wrong.exception(PATIENCE_S))
    assert "division" in str(before.exception(PATIENCE_S))
    assert bench.done.count("acknowledged 0") == 1
