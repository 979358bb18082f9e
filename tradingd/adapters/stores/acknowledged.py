"""How far callers were told that a journal is durable: one small file beside the database.

SQLite ends a damaged write-ahead log early and without a word, and a torn tick looks like one that was never finished.
With this file a missing end is told from one that nobody was promised. It is written after each transaction, within one
disk sector; it never claims more than there is, and after a power cut it may claim less.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from tradingd.model.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

_FIELDS = struct.Struct("<8s32sQQ32sQ32sQ32s")
_MAGIC = b"ackn\x01\r\n\0"
_SUM = struct.Struct("<I")
_TRIES = 5  # the file of a live journal may be written while it is read


class Head(NamedTuple):
    """The last row of a table: its key, 0 where there is none, and its hash."""

    key: int
    chain: bytes


@dataclass(frozen=True, slots=True)
class Extent:
    """How far a journal reaches: the last event up to which everything is durable, and the last row of each table.

    `genesis` is the hash of the header, which the first row of each table follows.
    """

    genesis: bytes
    seq: int
    records: Head
    commands: Head
    outbox: Head

    @classmethod
    def empty(cls, genesis: bytes) -> Extent:
        """Return the extent of a journal that holds nothing yet."""
        return cls(genesis, 0, Head(0, genesis), Head(0, genesis), Head(0, genesis))


class Acknowledged:
    """The file, open to be written over and over."""

    def __init__(self, directory: Path) -> None:
        """Open the file that is there.

        Raises:
            OSError: there is none.
        """
        self._fd = os.open(_path(directory), os.O_WRONLY)

    def tell(self, extent: Extent) -> None:
        """Claim that so much is durable.

        Raises:
            OSError: the disk refused.
        """
        os.pwrite(self._fd, _pack(extent), 0)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)


def create_acknowledged(directory: Path, extent: Extent) -> None:
    """Make the file durably.

    Raises:
        OSError: the disk refused.
    """
    with _path(directory).open("wb") as file:
        file.write(_pack(extent))
        file.flush()
        os.fsync(file.fileno())


def read_acknowledged(directory: Path) -> Extent:
    """Return what callers were told.

    Raises:
        OSError: the file cannot be read.
        StoreError: there is none, or it is not whole.
    """
    path = _path(directory)
    if not path.exists():
        msg = f"there is no file {path.name}, so no journal was made here, or it is not whole"
        raise StoreError(msg)
    for _ in range(_TRIES):
        content = path.read_bytes()
        fields, checksum = content[: _FIELDS.size], content[_FIELDS.size :]
        if len(fields) == _FIELDS.size and fields.startswith(_MAGIC) and checksum == _SUM.pack(crc32(fields)):
            _, genesis, seq, *heads = _FIELDS.unpack(fields)
            return Extent(genesis, seq, Head(*heads[0:2]), Head(*heads[2:4]), Head(*heads[4:6]))
    msg = f"{path.name} is not what was written; nothing else says how far the journal must reach"
    raise StoreError(msg)


def _path(directory: Path) -> Path:
    return directory / "acknowledged"


def _pack(extent: Extent) -> bytes:
    heads = (*extent.records, *extent.commands, *extent.outbox)
    fields = _FIELDS.pack(_MAGIC, extent.genesis, extent.seq, *heads)
    return fields + _SUM.pack(crc32(fields))
