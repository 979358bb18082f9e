"""A journal as it is read: every event and every command, in order, from a directory that may be live or dead.

Reading takes no lock and changes nothing. It sees the journal as it was when it was opened. Where a journal was torn it
ends; where something is missing or changed that was durable, that is a StoreError, never a shorter recording.
"""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from tradingd.adapters.stores.acknowledged import read_acknowledged
from tradingd.adapters.stores.codec import decode
from tradingd.adapters.stores.ledger import (
    COMMANDS,
    RECORDS,
    connect,
    count_unsent,
    read_extent,
    read_meta,
    store_errors,
)
from tradingd.adapters.stores.segments import SegmentReader, find_segments
from tradingd.model.errors import StoreError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tradingd.adapters.stores.acknowledged import Extent
    from tradingd.adapters.stores.segments import Segment
    from tradingd.model.events import Event

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Recording:
    """What a journal holds. `header` and `created_ms` are those it was created with."""

    path: Path
    header: Mapping[str, str]
    created_ms: int
    extent: Extent
    required: int
    segments: Sequence[Segment]

    def events(self) -> Iterator[tuple[int, Event]]:
        """Yield sequence numbers and events, from 1 on without a gap.

        The last ones may be ticks behind which nothing was committed: commands that follow from them may be missing.

        Raises:
            StoreError: an event is missing or changed that was durable; the message says where.
        """
        with store_errors(self.path), contextlib.closing(connect(self.path, "ro")) as connection:
            yield from read_events(connection, self.extent, 1, SegmentReader(self.segments), self.required)

    def commands(self) -> Iterator[tuple[int, bytes]]:
        """Yield the sequence number of the causing event and the command's bytes, in order.

        Raises:
            StoreError: a command is missing or changed.
        """
        with store_errors(self.path), contextlib.closing(connect(self.path, "ro")) as connection:
            rows = COMMANDS.rows(connection, self.extent.genesis, 1, self.extent.commands.key)
            for (_, seq), body in rows:
                yield seq, body

    def unsent(self) -> int:
        """Return how many alerts wait in the outbox, now and not when the reading began.

        Raises:
            StoreError: the database cannot be read.
        """
        with store_errors(self.path), contextlib.closing(connect(self.path, "ro")) as connection:
            return count_unsent(connection)


def read(path: Path) -> Recording:
    """Open the journal in the directory `path` to read it.

    Raises:
        StoreError: there is none, or what was durable of it is not there.
    """
    with store_errors(path):
        acknowledged = read_acknowledged(path)  # before the database, which may only be further
        with contextlib.closing(connect(path, "ro")) as connection:
            meta = read_meta(connection, acknowledged)
            extent, required = read_extent(connection, acknowledged)
        segments = find_segments(path / "segments")  # after it, since rows follow from ticks
    created_ms = int(meta.pop("created_ms"))
    return Recording(path, meta, created_ms, extent, required, segments)


def read_events(
    connection: sqlite3.Connection, extent: Extent, first: int, ticks: SegmentReader, required: int
) -> Iterator[tuple[int, Event]]:
    """Yield the events from `first` on as far as there is no gap, having seen that `required` is among them.

    Raises:
        OSError, sqlite3.Error: the journal cannot be read.
        StoreError: an event is missing or changed.
    """
    rows = RECORDS.rows(connection, extent.genesis, first, extent.records.key)
    last = first - 1
    for last, event in _in_sequence(first, iter(ticks), ((seq, decode(body)) for (seq,), body in rows)):
        yield last, event
    if last < required:
        msg = f"event {last + 1} is missing"
        raise ticks.damage or StoreError(msg)


def _in_sequence(
    first: int, ticks: Iterator[tuple[int, T]], records: Iterator[tuple[int, T]]
) -> Iterator[tuple[int, T]]:
    tick, record = next(ticks, None), next(records, None)
    for expected in itertools.count(first):
        if tick is not None and tick[0] == expected:
            yield tick
            tick = next(ticks, None)
        elif record is not None and record[0] == expected:
            yield record
            record = next(records, None)
        else:
            return
