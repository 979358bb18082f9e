"""Tick segments: append-only files of ticks, each record with its sequence number and a running checksum.

A tick is written by one `write` before the step that reads it, so a killed process loses none; what a power cut may
take is only what came after the last `sync`. A file is called by its first sequence number and names its instruments
itself. Nothing here is ever rewritten: only a torn tail, which nobody was told is durable, is cut before appending.
"""

from __future__ import annotations

import errno
import os
import struct
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zlib import crc32

from tradingd.adapters.stores.codec import CUT_OFF, pack_name, pack_tick, record_end, unpack_record
from tradingd.model.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tradingd.model.market import FoldedTick, Tick

SEGMENT_BYTES_MAX = 64 * 1024 * 1024

_MAGIC = b"tickseg\n"
_VERSION = 1
_HEADER = struct.Struct("<8sHQ")  # magic, version, first sequence number; then its checksum
_SUM = struct.Struct("<I")
_HEADER_BYTES = _HEADER.size + _SUM.size


class SegmentWriter:
    """Appends ticks in one thread while another makes them durable.

    `written` is the sequence number of the last tick handed to the operating system, `synced` of the last that
    is on the disk.
    """

    def __init__(self, directory: Path, last: int, segment_bytes_max: int = SEGMENT_BYTES_MAX) -> None:
        """Continue behind tick `last`, in a new file that the next tick opens."""
        self.written = self.synced = last
        self._directory = directory
        self._segment_bytes_max = segment_bytes_max
        self._fd: int | None = None
        self._size = 0
        self._sum = 0
        self._numbers: dict[str, int] = {}
        self._lock = threading.Lock()  # guards the two below and the change of _fd
        self._full: list[int] = []
        self._created = False

    def append(self, seq: int, tick: Tick | FoldedTick) -> None:
        """Write a tick; it survives the process when this returns.

        Raises:
            OSError: it could not be written whole; the file must not be appended to any more.
            struct.error: it holds a value that no tick has; nothing was written.
        """
        fd = self._fd
        if fd is None:
            fd = self._open(seq)
        content = b""
        number = self._numbers.get(tick.instrument)
        if number is None:
            number = len(self._numbers)
            content = self._summed(pack_name(number, tick.instrument))
            self._numbers[tick.instrument] = number
        record = pack_tick(number, seq, tick)
        self._sum = crc32(record, self._sum)
        content += record + _SUM.pack(self._sum)
        _write(fd, content)
        self.written = seq
        self._size += len(content)
        if self._size >= self._segment_bytes_max:
            with self._lock:
                self._full.append(fd)
                self._fd = None

    def sync(self, up_to: int) -> None:
        """Have the ticks up to event `up_to` on the disk, and with them all that are written by now.

        Raises:
            OSError: the disk refused; it must not be asked again, since it may have dropped what it could not write.
        """
        if self.synced >= min(up_to, self.written):
            return
        with self._lock:  # `written` first: a tick of after this may be synced with the rest, but is not claimed
            written, full, fd = self.written, list(self._full), self._fd
            created, self._created = self._created, False
        for each in full if fd is None else [*full, fd]:
            os.fdatasync(each)
        if created:
            sync_directory(self._directory)
        with self._lock:
            del self._full[: len(full)]
        for each in full:
            os.close(each)
        self.synced = written

    def close(self) -> None:
        """Let go of the files, synced or not."""
        with self._lock:
            descriptors = self._full if self._fd is None else [*self._full, self._fd]
            self._full, self._fd = [], None
        for fd in descriptors:
            os.close(fd)

    def _open(self, seq: int) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        fd = os.open(self._directory / f"ticks-{seq:016d}.seg", flags, 0o600)
        with self._lock:
            self._fd, self._created = fd, True
        self._numbers = {}
        self._sum = 0
        header = self._summed(_HEADER.pack(_MAGIC, _VERSION, seq))
        self._size = len(header)
        _write(fd, header)
        return fd

    def _summed(self, record: bytes) -> bytes:
        self._sum = crc32(record, self._sum)
        return record + _SUM.pack(self._sum)


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment file and how many of its bytes are looked at."""

    path: Path
    first: int
    size: int


def find_segments(directory: Path) -> list[Segment]:
    """Return the segments there are, as long as they are now, in order.

    Raises:
        OSError: the directory cannot be read.
    """
    paths = sorted(directory.glob("ticks-*.seg"))
    return [Segment(path, int(path.stem[6:]), path.stat().st_size) for path in paths if path.stem[6:].isdecimal()]


class SegmentReader:
    """Iterates over the ticks of segments, in order, as far as they are whole.

    `seq` is the number of the last tick given out; `offset` in `segment` is where it begins, with the names it needs
    first, or, where reading ended early, where all that is whole ends. `damage` says why it ended early, if it did.
    """

    def __init__(self, segments: Sequence[Segment]) -> None:
        self.seq = 0
        self.segment: Segment | None = None
        self.offset = 0
        self.damage: StoreError | None = None
        self._segments = segments
        self._at = 0

    def __iter__(self) -> Iterator[tuple[int, Tick | FoldedTick]]:
        """Yield sequence numbers and ticks.

        Raises:
            OSError: a file cannot be read.
        """
        for segment in self._segments:
            self.segment, self.offset, self._at = segment, 0, 0
            with segment.path.open("rb") as file:
                content = file.read(segment.size)
            try:
                yield from self._ticks(content, segment)
            except StoreError as error:
                self.damage = StoreError(f"{segment.path.name} at byte {self._at}: {error}")
                return

    def _ticks(self, content: bytes, segment: Segment) -> Iterator[tuple[int, Tick | FoldedTick]]:
        names: dict[int, str] = {}
        running = _check_header(content, segment)
        start = behind = _HEADER_BYTES
        while start < len(content):
            self.offset, self._at = behind, start
            end = record_end(content, start)
            running = _check_sum(content, start, end, running)
            found = unpack_record(content, start, end, names)
            start = end + _SUM.size
            if found is not None:
                self.seq = found[0]
                yield found
                behind = start


def cut(segments: Sequence[Segment], last: Segment, offset: int) -> None:
    """Remove all that follows `offset` of the segment `last`, the later segments first.

    Raises:
        OSError: the disk refused.
    """
    for segment in reversed(segments):
        if segment.first > last.first or (segment == last and offset <= _HEADER_BYTES):
            segment.path.unlink()
    if offset > _HEADER_BYTES:
        os.truncate(last.path, offset)


def sync_segments(directory: Path, segments: Sequence[Segment]) -> None:
    """Have what is left of segments on the disk.

    Raises:
        OSError: the disk refused.
    """
    for segment in segments:
        if segment.path.exists():
            with segment.path.open("rb") as file:
                os.fsync(file.fileno())
    sync_directory(directory)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable.

    Raises:
        OSError: the disk refused.
    """
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _check_header(content: bytes, segment: Segment) -> int:
    if len(content) < _HEADER_BYTES:
        raise StoreError(CUT_OFF)
    running = _check_sum(content, 0, _HEADER.size, 0)
    header = _HEADER.unpack_from(content)
    if header != (_MAGIC, _VERSION, segment.first):
        msg = f"the header says {header}; it would be {(_MAGIC, _VERSION, segment.first)}"
        raise StoreError(msg)
    return running


def _check_sum(content: bytes, start: int, end: int, running: int) -> int:
    running = crc32(content[start:end], running)
    stored = content[end : end + _SUM.size]
    if len(stored) < _SUM.size:
        raise StoreError(CUT_OFF)
    if stored != _SUM.pack(running):
        msg = "the checksum is not that of what was written"
        raise StoreError(msg)
    return running


def _write(fd: int, content: bytes) -> None:
    if os.write(fd, content) != len(content):
        raise OSError(errno.ENOSPC, "a record was written in part; is the disk full")
