"""The one thread that writes the journal's database, so that the event loop never waits for a disk.

It owns the only write connection and alone checkpoints. Whatever queued while one transaction ran goes into the next,
whole units only: what one caller asked for together is durable together or not at all. After the first failure it
begins no transaction any more: what a disk refused once it is not asked for again.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tradingd.model.errors import StoreError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

GROUP_ROWS = 64  # a group that has as many takes no further unit
CHECKPOINT_ROWS = 512
IDLE_S = 0.05  # without work for so long, the log is carried over to the database


@dataclass(slots=True)
class _Unit:
    act: Callable[[], Any]
    cause: int
    rows: int
    answer: Future[Any] = field(default_factory=Future)


class Writer:
    """Does what it is given, in order, a group of units to a transaction.

    `sync` is called before a transaction with the last event that something in it follows from, and `acknowledge` with
    the same after it. `waiting` counts the rows that are not durable yet; `failure` is set once and for all.
    """

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        sync: Callable[[int], None],
        acknowledge: Callable[[int], None],
    ) -> None:
        self.failure: StoreError | None = None
        self.waiting = 0
        self._path = path
        self._connection, self._sync, self._acknowledge = connection, sync, acknowledge
        self._changed = threading.Condition()
        self._units: deque[_Unit] = deque()
        self._unsettled = 0  # rows that are in the log but not in the database
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def submit(self, act: Callable[[], Any], *, cause: int = 0, rows: int = 0) -> Future[Any]:
        """Have `act` done in the next transaction; the future has its result when that is durable.

        Raises:
            StoreError: the writer has failed, or was closed.
        """
        with self._changed:
            self.check()
            unit = _Unit(act, cause, rows)
            self._units.append(unit)
            self.waiting += rows
            self._changed.notify()
        return unit.answer

    def check(self) -> None:
        """See that the writer still writes.

        Raises:
            StoreError: it does not, and why.
        """
        if self.failure is not None:
            raise StoreError(str(self.failure)) from self.failure
        if self._closing:
            msg = f"journal {self._path} is closed"
            raise StoreError(msg)

    def fail(self, error: Exception) -> StoreError:
        """Write nothing any more; return what everybody will be told."""
        with self._changed:
            if self.failure is None:
                self.failure = StoreError(f"journal {self._path} has failed and is not written any more: {error}")
                self.failure.__cause__ = error
            self._changed.notify()
            return self.failure

    def close(self) -> None:
        """Wait until all that was submitted is done, and let go of the database."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        group: list[_Unit] = []
        try:
            while (group := self._next_group()) or not self._over():
                if group:
                    self._perform(group)
                else:
                    self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
                    self._unsettled = 0
        except Exception as error:  # noqa: BLE001 - who waits must hear of it, whatever it is
            self.fail(error)
        with self._changed:
            refused = [*group, *self._units]
            self._units.clear()
        for unit in refused:
            unit.answer.set_exception(StoreError(str(self.failure)))
        self._connection.close()

    def _over(self) -> bool:
        return self.failure is not None or (self._closing and not self._units)

    def _next_group(self) -> list[_Unit]:
        """Wait for units and take them; none where it is time to stop, or to checkpoint."""
        with self._changed:
            while not self._units and not self._over():
                idle = self._changed.wait(IDLE_S if self._unsettled >= CHECKPOINT_ROWS else None)
                if not idle and not self._units:
                    return []
            group: list[_Unit] = []
            rows = 0
            while self._units and rows < GROUP_ROWS and self.failure is None:
                group.append(self._units.popleft())
                rows += group[-1].rows
            return group

    def _perform(self, group: list[_Unit]) -> None:
        cause = max(unit.cause for unit in group)
        self._sync(cause)
        self._connection.execute("BEGIN IMMEDIATE")
        results = [unit.act() for unit in group]
        self._connection.execute("COMMIT")
        self._acknowledge(cause)
        rows = sum(unit.rows for unit in group)
        self._unsettled += rows
        with self._changed:
            self.waiting -= rows
        for unit, result in zip(group, results, strict=True):
            unit.answer.set_result(result)
