"""The journal of one account: what came in, what was decided, and what has still to be told, in one directory.

Ticks are written to segment files before the step that reads them; everything else is staged and becomes durable by
`commit`, in one transaction with all that was staged beside it, and after the ticks it follows from. A directory has
one journal open at a time. After the first failure of the disk every call raises: the process must end, and the next
one goes on from what is durable.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import struct
from typing import TYPE_CHECKING, Any

from tradingd.adapters.stores.acknowledged import Acknowledged, read_acknowledged
from tradingd.adapters.stores.codec import encode
from tradingd.adapters.stores.ledger import (
    COMMANDS,
    OUTBOX,
    RECORDS,
    Ledger,
    Row,
    Table,
    connect,
    create_ledger,
    read_extent,
    read_meta,
    store_errors,
)
from tradingd.adapters.stores.recording import read_events
from tradingd.adapters.stores.segments import (
    SegmentReader,
    SegmentWriter,
    cut,
    find_segments,
    sync_directory,
    sync_segments,
)
from tradingd.adapters.stores.writer import Writer
from tradingd.model.errors import StoreError
from tradingd.model.market import FoldedTick, Tick

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from tradingd.adapters.stores.acknowledged import Extent
    from tradingd.model.events import Event

STAGED_ROWS_MAX = 10_000
_TICKS = (Tick, FoldedTick)


class Journal:
    """A journal open for appending; made by `create` and `open`, and closed by `close`.

    `last_seq` is the number of the last event taken, `command_count` how many commands were. `header` and `created_ms`
    are those given to `create`. Nothing here blocks the event loop for longer than a write to the page cache.
    """

    def __init__(  # noqa: PLR0913 - made of its parts by `open` alone
        self,
        path: Path,
        header: Mapping[str, str],
        extent: Extent,
        last_seq: int,
        connection: sqlite3.Connection,
        resources: contextlib.ExitStack,
    ) -> None:
        self.path = path
        self.header = {key: value for key, value in header.items() if key != "created_ms"}
        self.created_ms = int(header["created_ms"])
        self.last_seq = last_seq
        self.command_count = extent.commands.key
        self._alert_count = extent.outbox.key
        self._staged: list[Row] = []
        self._cause = 0
        self._closed = False
        self._segments = SegmentWriter(path / "segments", last_seq)
        self._ledger = Ledger(connection, extent)
        self._acknowledged = Acknowledged(path)
        resources.callback(self._acknowledged.close)
        resources.callback(self._segments.close)
        self._writer = Writer(path, connection, self._segments.sync, self._acknowledge)
        self._resources = resources

    @classmethod
    def create(cls, path: Path, header: Mapping[str, str], created_ms: int) -> Journal:
        """Make a journal in a directory that has none, and open it. `created_ms` is ms since the epoch.

        Raises:
            StoreError: there is one already, another process is at it, or the disk refuses.
        """
        with store_errors(path), contextlib.ExitStack() as resources:
            (path / "segments").mkdir(mode=0o700, parents=True, exist_ok=True)
            path.chmod(0o700)
            resources.callback(os.close, _lock(path))
            create_ledger(path, {**header, "created_ms": str(created_ms)})
            for directory in (path, path.absolute().parent):
                sync_directory(directory)
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> Journal:
        """Open a journal to go on behind its last durable event; a torn tail of ticks is cut.

        The end is checked: that nothing acknowledged is missing, and the last segment with the records beside it.
        `recording.read` checks the whole.

        Raises:
            StoreError: there is none, another process is at it, what was durable is damaged, or the disk refuses.
        """
        with store_errors(path), contextlib.ExitStack() as resources:
            resources.callback(os.close, _lock(path))
            acknowledged = read_acknowledged(path)
            connection = connect(path, "rw")
            resources.callback(connection.close)
            meta = read_meta(connection, acknowledged)
            extent, required = read_extent(connection, acknowledged)
            last_seq = _recover(path, connection, extent, required)
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")  # a killed process may have left the log unsynced
            return cls(path, meta, extent, last_seq, connection, resources.pop_all())

    def event(self, seq: int, event: Event) -> None:
        """Take the next event, before the step that reads it.

        Raises:
            StoreError: the journal has failed or is closed, `seq` is not the next number, or too much is staged.
        """
        self._writer.check()
        if seq != self.last_seq + 1:
            msg = f"event {seq} was given to the journal where {self.last_seq + 1} comes next"
            raise StoreError(msg)
        if isinstance(event, _TICKS):
            try:
                self._segments.append(seq, event)
            except (OSError, struct.error, UnicodeEncodeError) as error:
                raise self._writer.fail(error) from error
        else:
            self._stage(RECORDS, (seq,), encode(event))
            self._cause = seq
        self.last_seq = seq

    def command(self, seq: int, content: bytes) -> None:
        """Stage a command that follows from event `seq`.

        Raises:
            StoreError: the journal has failed or is closed, there is no such event, or too much is staged.
        """
        self._writer.check()
        self._follow(seq)
        self._stage(COMMANDS, (self.command_count + 1, seq), content)
        self.command_count += 1

    def alert(self, seq: int, ts: int, body: bytes) -> int:
        """Stage a row of the outbox that follows from event `seq`, 0 before the first, and return its number.

        Raises:
            StoreError: the journal has failed or is closed, there is no such event, or too much is staged.
        """
        self._writer.check()
        self._follow(seq)
        self._stage(OUTBOX, (self._alert_count + 1, seq, ts), body)
        self._alert_count += 1
        return self._alert_count

    async def commit(self) -> None:
        """Return when all that is staged is durable, with the ticks it follows from; it is so in one transaction.

        A caller that is cancelled does not take it back.

        Raises:
            StoreError: it is not durable as far as one knows, and the journal has failed.
        """
        rows, self._staged = self._staged, []
        await self._do(lambda: self._ledger.append(rows), cause=self._cause, rows=len(rows))

    async def sync_ticks(self) -> None:
        """Commit, and return when all ticks so far are durable too, whether anything follows from them or not.

        Raises:
            StoreError: they are not as far as one knows, and the journal has failed.
        """
        self._cause = self.last_seq
        await self.commit()

    async def unsent(self, limit: int) -> list[tuple[int, bytes]]:
        """Return the numbers and bodies of the first durable rows of the outbox that were not sent.

        Raises:
            StoreError: the journal has failed or is closed.
        """
        found: list[tuple[int, bytes]] = await self._do(lambda: self._ledger.unsent(limit))
        return found

    async def mark_sent(self, numbers: Iterable[int]) -> None:
        """Remember durably that rows of the outbox are sent.

        Raises:
            StoreError: the journal has failed or is closed.
        """
        sent = list(numbers)
        await self._do(lambda: self._ledger.mark_sent(sent))

    async def close(self) -> None:
        """Make everything durable that can be, and let go of the directory. Closing twice is closing once.

        Raises:
            StoreError: the last of it could not be made durable.
        """
        if self._closed:
            return
        self._closed = True
        try:
            if self._writer.failure is None:
                await self.sync_ticks()
        finally:
            await asyncio.to_thread(self._writer.close)
            self._resources.close()

    async def _do(self, act: Callable[[], Any], *, cause: int = 0, rows: int = 0) -> Any:
        return await asyncio.shield(asyncio.wrap_future(self._writer.submit(act, cause=cause, rows=rows)))

    def _follow(self, seq: int) -> None:
        if not 0 <= seq <= self.last_seq:
            msg = f"event {seq} is given as a cause, and the last that the journal has is {self.last_seq}"
            raise StoreError(msg)
        self._cause = max(self._cause, seq)

    def _stage(self, table: Table, numbers: tuple[int, ...], body: bytes) -> None:
        if len(self._staged) + self._writer.waiting >= STAGED_ROWS_MAX:
            msg = f"{STAGED_ROWS_MAX} rows wait to be committed; the disk cannot keep up, or nobody awaits commit"
            raise StoreError(msg)
        self._staged.append(Row(table, numbers, body))

    def _acknowledge(self, cause: int) -> None:
        self._acknowledged.tell(self._ledger.extent(cause))


def _recover(path: Path, connection: sqlite3.Connection, extent: Extent, required: int) -> int:
    """Return the last event of the journal, having cut the ticks that do not follow on it and synced those that do."""
    segments = find_segments(path / "segments")
    known = [segment for segment in segments if segment.first <= extent.records.key + 1]
    tail = segments[max(len(known) - 1, 0) :]  # what is before was synced before the last record
    first = min([extent.records.key or 1, *(segment.first for segment in tail)])
    ticks = SegmentReader(tail)
    last = first - 1
    for last, _ in read_events(connection, extent, first, ticks, required):  # noqa: B007
        pass
    if ticks.segment is not None and (ticks.damage is not None or ticks.seq > last):
        cut(tail, ticks.segment, ticks.offset)
    sync_segments(path / "segments", tail)
    return last


def _lock(path: Path) -> int:
    """Return the descriptor of the directory's lock, which is ours until it is closed."""
    fd = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(fd, 20).decode(errors="replace").strip() or "unknown"
        os.close(fd)
        msg = f"process {holder} has it open; a journal has one writer"
        raise StoreError(msg) from None
    os.ftruncate(fd, 0)
    os.write(fd, b"%d\n" % os.getpid())
    return fd
