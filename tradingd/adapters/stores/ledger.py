"""The journal's database: rare events, commands and the outbox, each append-only under a chain of hashes.

A row's hash covers the row before it, and the first row the header, so that nothing is changed, lost or put between
unseen. All statements are here. This module knows no threads: one connection writes, and its owner sees to that.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import struct
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from tradingd.adapters.stores.acknowledged import Extent, Head, create_acknowledged
from tradingd.model.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

APPLICATION_ID = 0x74726164  # "trad"
SCHEMA_VERSION = 1
LOG_PAGES_MAX = 4000  # 16 MiB; the writer's checkpoints keep the log far below it

_SCHEMA = f"""
BEGIN;
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE records (seq INTEGER PRIMARY KEY, body BLOB NOT NULL, chain BLOB NOT NULL) STRICT;
CREATE TABLE commands (n INTEGER PRIMARY KEY, seq INTEGER NOT NULL, body BLOB NOT NULL, chain BLOB NOT NULL) STRICT;
CREATE TABLE outbox (n INTEGER PRIMARY KEY, seq INTEGER NOT NULL, ts INTEGER NOT NULL, body BLOB NOT NULL,
    chain BLOB NOT NULL, sent INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE INDEX outbox_unsent ON outbox (n) WHERE sent = 0;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
"""
_UNSENT = """
SELECT n, seq, ts, body, chain, (SELECT chain FROM outbox AS before WHERE before.n = outbox.n - 1)
FROM outbox WHERE sent = 0 ORDER BY n LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of numbers, the first of them its key, a body, and the hash of both and of the row before."""

    name: str
    numbers: tuple[str, ...]
    insert: str = field(init=False)
    between: str = field(init=False)
    last: str = field(init=False)

    @property
    def cause(self) -> int:
        """Which of the numbers is the event that a row follows from."""
        return self.numbers.index("seq")

    def __post_init__(self) -> None:
        """Spell the statements."""
        name, key = self.name, self.numbers[0]
        columns = ", ".join((*self.numbers, "body", "chain"))
        marks = ", ".join("?" * (len(self.numbers) + 2))
        # The names are those of the three tables below.
        insert = f"INSERT INTO {name} ({columns}) VALUES ({marks})"  # noqa: S608
        between = f"SELECT {columns} FROM {name} WHERE {key} BETWEEN ? AND ? ORDER BY {key}"  # noqa: S608
        last = f"SELECT {key}, chain FROM {name} WHERE {key} <= ? ORDER BY {key} DESC LIMIT 1"  # noqa: S608
        object.__setattr__(self, "insert", insert)
        object.__setattr__(self, "between", between)
        object.__setattr__(self, "last", last)

    def head(self, connection: sqlite3.Connection, genesis: bytes, up_to: int = 2**63 - 1) -> Head:
        """Return the last row whose key is at most `up_to`."""
        row = connection.execute(self.last, (up_to,)).fetchone()
        return Head(*row) if row else Head(0, genesis)

    def rows(
        self, connection: sqlite3.Connection, genesis: bytes, first: int, last: int
    ) -> Iterator[tuple[tuple[int, ...], bytes]]:
        """Yield the numbers and the body of the rows with keys from `first` to `last`.

        Raises:
            sqlite3.Error: the database cannot be read.
            StoreError: a row is not the one that was written, or one before it is missing.
        """
        chain = self.head(connection, genesis, first - 1).chain
        for *numbers, body, stored in connection.execute(self.between, (first, last)):
            chain = self.check(chain, numbers, body, stored)
            yield tuple(numbers), body

    def check(self, chain: bytes, numbers: Sequence[int], body: bytes, stored: bytes) -> bytes:
        """Return the hash of a row that follows the row with hash `chain`, having compared it with the stored one.

        Raises:
            StoreError: they differ.
        """
        try:
            found = link(chain, numbers, body)
        except (TypeError, struct.error):  # damage can change a value's type too
            found = None
        if found is None or found != stored:
            msg = f"{self.name} {numbers[0]} is not what was written, or the row before it is missing"
            raise StoreError(msg)
        return found


RECORDS = Table("records", ("seq",))
COMMANDS = Table("commands", ("n", "seq"))
OUTBOX = Table("outbox", ("n", "seq", "ts"))


class Row(NamedTuple):
    """A row to be appended."""

    table: Table
    numbers: tuple[int, ...]
    body: bytes


class Ledger:
    """The database as its one writer sees it; nothing is durable before the transaction around it is."""

    def __init__(self, connection: sqlite3.Connection, extent: Extent) -> None:
        self._connection = connection
        self._extent = extent
        self._heads = {RECORDS: extent.records, COMMANDS: extent.commands, OUTBOX: extent.outbox}

    def append(self, rows: Iterable[Row]) -> None:
        """Append rows to their tables.

        Raises:
            sqlite3.Error: they cannot be written.
        """
        written: dict[Table, list[tuple[int | bytes, ...]]] = {table: [] for table in self._heads}
        for table, numbers, body in rows:
            chain = link(self._heads[table].chain, numbers, body)
            self._heads[table] = Head(numbers[0], chain)
            written[table].append((*numbers, body, chain))
        for table, values in written.items():
            if values:
                self._connection.executemany(table.insert, values)

    def extent(self, seq: int) -> Extent:
        """Return how far the tables reach where everything up to event `seq` is durable, if that is further."""
        records, commands, outbox = self._heads.values()
        seq = max(seq, self._extent.seq)
        self._extent = replace(self._extent, seq=seq, records=records, commands=commands, outbox=outbox)
        return self._extent

    def mark_sent(self, numbers: Iterable[int]) -> None:
        """Remember that rows of the outbox are with their reader.

        Raises:
            sqlite3.Error: it cannot be written.
        """
        self._connection.executemany("UPDATE outbox SET sent = 1 WHERE n = ?", ((number,) for number in numbers))

    def unsent(self, limit: int) -> list[tuple[int, bytes]]:
        """Return the first rows of the outbox that were not sent.

        Raises:
            sqlite3.Error: they cannot be read.
            StoreError: a row is not the one that was written.
        """
        found = []
        for *numbers, body, stored, before in self._connection.execute(_UNSENT, (limit,)):
            OUTBOX.check(before or self._extent.genesis, numbers, body, stored)
            found.append((numbers[0], body))
        return found


def link(chain: bytes, numbers: Sequence[int], body: bytes) -> bytes:
    """Return the hash of a row that follows the row with hash `chain`."""
    return hashlib.sha256(b"".join((chain, struct.pack(f"<{len(numbers)}q", *numbers), body))).digest()


def create_ledger(directory: Path, meta: Mapping[str, str]) -> None:
    """Make an empty journal: the tables, what is to be known about it, and that this much is acknowledged.

    Raises:
        OSError, sqlite3.Error: it cannot be written.
        StoreError: there is one already.
    """
    with contextlib.closing(connect(directory, "rwc")) as connection:
        if connection.execute("PRAGMA user_version").fetchone() != (0,):
            msg = f"{directory} holds a journal already; open it, or choose an empty directory"
            raise StoreError(msg)
        create_acknowledged(directory, Extent.empty(_genesis(meta)))
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(_SCHEMA)
        connection.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
        connection.execute("COMMIT")


def connect(directory: Path, mode: str) -> sqlite3.Connection:
    """Open the database: to read (`ro`), to write (`rw`), to make it (`rwc`).

    Raises:
        sqlite3.Error: it cannot be opened.
    """
    uri = f"{(directory / 'journal.sqlite').absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    if mode != "ro":
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES_MAX}")
    return connection


def read_meta(connection: sqlite3.Connection, acknowledged: Extent) -> dict[str, str]:
    """Return what is to be known about the journal.

    Raises:
        sqlite3.Error: it cannot be read.
        StoreError: it is no journal, of a version that this build does not know, or not what was written.
    """
    application, version = (
        connection.execute(statement).fetchone()[0] for statement in ("PRAGMA application_id", "PRAGMA user_version")
    )
    if (application, version) != (APPLICATION_ID, SCHEMA_VERSION):
        msg = f"no journal of schema version {SCHEMA_VERSION}: application {application:#x}, version {version}"
        raise StoreError(msg)
    meta = dict(connection.execute("SELECT key, value FROM meta"))
    if _genesis(meta) != acknowledged.genesis:
        msg = "the header is not what was written"
        raise StoreError(msg)
    return meta


def read_extent(connection: sqlite3.Connection, acknowledged: Extent) -> tuple[Extent, int]:
    """Return how far the tables reach, and the last event that must be there since something follows from it.

    Raises:
        sqlite3.Error: the tables cannot be read.
        StoreError: something that was acknowledged is not there as it was.
    """
    genesis = acknowledged.genesis
    heads, causes = [], [acknowledged.seq]
    for table, told in zip((RECORDS, COMMANDS, OUTBOX), _heads(acknowledged), strict=True):
        if table.head(connection, genesis, told.key) != told:
            msg = f"{table.name} up to {told.key} were acknowledged and are not there as they were"
            raise StoreError(msg)
        head = table.head(connection, genesis)
        heads.append(head)
        causes += [numbers[table.cause] for numbers, _ in table.rows(connection, genesis, head.key, head.key)]
    return Extent(genesis, acknowledged.seq, *heads), max(causes)


def count_unsent(connection: sqlite3.Connection) -> int:
    """Return how many rows of the outbox were not sent.

    Raises:
        sqlite3.Error: the table cannot be read.
    """
    [(count,)] = connection.execute("SELECT count(*) FROM outbox WHERE sent = 0")
    return int(count)


def _heads(extent: Extent) -> tuple[Head, Head, Head]:
    return extent.records, extent.commands, extent.outbox


def _genesis(meta: Mapping[str, str]) -> bytes:
    return hashlib.sha256("\n".join(sorted(map(repr, meta.items()))).encode()).digest()


@contextlib.contextmanager
def store_errors(directory: Path) -> Iterator[None]:
    """Raise what goes wrong with the disk, the database and what they hold as StoreError that names the journal."""
    try:
        yield
    except (OSError, sqlite3.Error, StoreError) as error:
        msg = f"journal {directory}: {error}"
        raise StoreError(msg) from error
