"""Data files as columns: CSV (plain or gzip) and NumPy .npz, by the names in their first line.

This is where outside bytes become arrays. Columns are read at once and in pieces, so that a million rows take
a second and little memory; a row that cannot be right is told with its line and value, or counted and left
out. What the columns mean is not known here, and a value is never repaired.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tradingd.adapters.feeds.instants import NOT_A_TIME, InstantColumn
from tradingd.model.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import tzinfo
    from pathlib import Path

    from numpy.typing import NDArray

# Where several are present the first named wins.
_TIME_COLUMNS = (("timestamp",), ("ts",), ("datetime",), ("date", "time"), ("date",), ("time",))
_ALIASES = {"price": ("price", "ltp", "last_price"), "volume": ("volume", "size", "qty")}
_MAY_BE_ZERO = frozenset({"volume", "bid", "ask"})
_ROWS_AT_ONCE = 16_384
_GZIP_MAGIC, _ZIP_MAGIC = b"\x1f\x8b", b"PK"


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of one kind of file; `header` shows a right one."""

    kind: str
    header: str
    required: tuple[str, ...]
    optional: tuple[str, ...]


class Source(Protocol):
    """A file of rows: its column names, its columns in pieces, and one row as it stands there.

    Rows are numbered from 0 below the names, blank lines counted.
    """

    path: Path
    names: list[str]

    def pieces(self, time: Sequence[int], values: Sequence[int]) -> Iterator[Piece]:
        """Yield the time column and the number columns of successive rows."""

    def row(self, number: int) -> tuple[str, list[str]]:
        """Return where row `number` is, as `file:line`, and its fields."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of a file; times are texts or an array, `nan` stands for what is no number."""

    numbers: NDArray[np.int64]
    times: list[str] | NDArray[Any]
    values: list[NDArray[np.float64]]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The rows of a file that are good so far; `found` says under which name each column stands in the file."""

    source: Source
    found: dict[str, str]
    ignored: tuple[str, ...]
    numbers: NDArray[np.int64]
    ts: NDArray[np.int64]
    values: dict[str, NDArray[np.float64]]
    skipped: int

    def without(self, bad: NDArray[np.bool_], explain: Callable[[int], str], *, skip: bool) -> Table:
        """Return the table without its `bad` rows.

        Raises:
            DataError: there is one and `skip` is not set, with `explain(index)` as the reason; or none is left.
        """
        count = int(np.count_nonzero(bad))
        if count == 0:
            return self
        if not skip:
            first = int(np.argmax(bad))
            where, _ = self.source.row(int(self.numbers[first]))
            msg = f"{where}: {explain(first)}"
            raise DataError(msg)
        if count == bad.size:
            msg = f"{self.source.path}: none of the {count} rows is good; the first: {explain(0)}"
            raise DataError(msg)
        good = ~bad
        return replace(
            self,
            numbers=self.numbers[good],
            ts=self.ts[good],
            values={name: column[good] for name, column in self.values.items()},
            skipped=self.skipped + count,
        )


def read_table(path: Path, layout: Layout, zone: tzinfo, *, skip_bad_rows: bool) -> Table:
    """Read the columns of `layout`; every value is then finite and above zero, volume and quotes may be zero.

    Raises:
        DataError: the file cannot be read, lacks a column, has no rows, or has a bad row.
    """
    source = _open(path)
    time, values = _find_columns(source, layout)
    instants = InstantColumn(zone)
    numbers: list[NDArray[np.int64]] = []
    stamps: list[NDArray[np.int64]] = []
    columns: dict[str, list[NDArray[np.float64]]] = {name: [] for name in values}
    for piece in source.pieces(time, list(values.values())):
        numbers.append(piece.numbers)
        times = piece.times
        stamps.append(instants.read_texts(times) if isinstance(times, list) else instants.read_array(times))
        for parts, part in zip(columns.values(), piece.values, strict=True):
            parts.append(part)
    if not numbers:
        msg = f"{path}: has column names but no rows"
        raise DataError(msg)
    used = {*time, *values.values()}
    table = Table(
        source=source,
        found={name: _plain(source.names[index]) for name, index in values.items()},
        ignored=tuple(_shown(name) for index, name in enumerate(source.names) if index not in used),
        numbers=_whole(numbers),
        ts=_whole(stamps),
        values={name: _whole(parts) for name, parts in columns.items()},
        skipped=0,
    )
    bad = table.ts == NOT_A_TIME
    for name, column in table.values.items():
        bad |= ~(np.isfinite(column) & ((column >= 0) if name in _MAY_BE_ZERO else (column > 0)))

    def explain(index: int) -> str:
        _, fields = source.row(int(table.numbers[index]))
        return _fault_of(fields, source.names, time, values, instants)

    return table.without(bad, explain, skip=skip_bad_rows)


def check_columns(path: Path, layout: Layout) -> None:
    """Find the columns of `layout` in a file, and read none of them.

    Raises:
        DataError: the file cannot be read or lacks a column.
    """
    _find_columns(_open(path), layout)


def _open(path: Path) -> Source:
    """Tell the kind of file by its first bytes."""
    try:
        with path.open("rb") as file:
            magic = file.read(2)
    except OSError as error:
        msg = f"{path}: cannot be read: {error.strerror}"
        raise DataError(msg) from error
    return _NpzFile(path) if magic == _ZIP_MAGIC else _CsvFile(path, zipped=magic == _GZIP_MAGIC)


def _find_columns(source: Source, layout: Layout) -> tuple[tuple[int, ...], dict[str, int]]:
    """Return the indices of the time column (or date and time) and, by our own names, of the number columns."""
    names = [_plain(name) for name in source.names]
    stamps = next((columns for columns in _TIME_COLUMNS if set(columns) <= set(names)), None)
    spelled = {name: _ALIASES.get(name, (name,)) for name in layout.required + layout.optional}
    chosen = {name: next((alias for alias in aliases if alias in names), None) for name, aliases in spelled.items()}
    missing = [] if stamps else ["timestamp"]
    missing += [name for name in layout.required if chosen[name] is None]
    if missing or stamps is None:
        found = ", ".join(_shown(name)[:60] for name in source.names[:40])
        absent = ", ".join(missing)
        msg = f"{source.path}: no column {absent}; {layout.kind} need the columns {layout.header}, here are: {found}"
        raise DataError(msg)
    used = {name: alias for name, alias in chosen.items() if alias is not None}
    for name in (*stamps, *used.values()):
        if names.count(name) > 1:
            msg = f"{source.path}: the column {name} is there {names.count(name)} times; name the others differently"
            raise DataError(msg)
    return tuple(names.index(name) for name in stamps), {name: names.index(alias) for name, alias in used.items()}


def _fault_of(
    fields: list[str], names: list[str], time: tuple[int, ...], values: dict[str, int], instants: InstantColumn
) -> str:
    """Say what is wrong with a bad row, in the file's own words."""
    if len(fields) != len(names):
        return f"the row has {len(fields)} fields where the first line names {len(names)} columns"
    for name, index in values.items():
        text, number = fields[index], _number(fields[index])
        least = "zero or more" if name in _MAY_BE_ZERO else "above zero"
        if not np.isfinite(number):
            return f"{_shown(names[index])} {text[:60]!r} is not a finite number"
        if number < 0 or (number == 0 and name not in _MAY_BE_ZERO):
            return f"{_shown(names[index])} {text[:60]!r} must be {least}"
    return instants.explain(" ".join(fields[index] for index in time))


class _CsvFile:
    """A CSV file, plain or gzip; bytes that are no UTF-8 spoil only the field they stand in."""

    def __init__(self, path: Path, *, zipped: bool) -> None:
        self.path = path
        self._zipped = zipped
        with self._rows() as rows:
            self.names: list[str] = next(rows, [])
        if not "".join(self.names).strip():
            msg = f"{path}: the file is empty or its first line is; the first line must name the columns"
            raise DataError(msg)

    def pieces(self, time: Sequence[int], values: Sequence[int]) -> Iterator[Piece]:
        width = len(self.names)
        with self._rows() as rows:
            next(rows)
            start = 0
            while batch := list(islice(rows, _ROWS_AT_ONCE)):
                numbers = np.arange(start, start + len(batch))
                start += len(batch)
                if set(map(len, batch)) != {width}:  # blank lines are left out, other odd rows are made bad ones
                    filled = [index for index, row in enumerate(batch) if "".join(row).strip()]
                    numbers = numbers[filled]
                    batch = [row if len(row) == width else [""] * width for row in map(batch.__getitem__, filled)]
                if batch:
                    columns = list(zip(*batch, strict=True))
                    yield Piece(
                        numbers=numbers,
                        times=_joined([columns[index] for index in time]),
                        values=[_numbers(columns[index]) for index in values],
                    )

    def row(self, number: int) -> tuple[str, list[str]]:
        with self._rows() as rows:
            fields: list[str] = next(islice(rows, number + 1, None))
            return f"{self.path}:{rows.line_num}", fields

    @contextmanager
    def _rows(self) -> Iterator[Any]:
        opener = gzip.open if self._zipped else open
        rows = None
        try:
            with opener(self.path, "rt", encoding="utf-8-sig", errors="replace", newline="") as file:
                rows = csv.reader(file)
                yield rows
        except (OSError, EOFError, zlib.error, csv.Error) as error:
            line = rows.line_num + 1 if rows else 1
            msg = f"{self.path}:{line}: the file is damaged or not CSV: {error}"
            raise DataError(msg) from error


class _NpzFile:
    """A NumPy archive of equally long one-dimensional arrays."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names, _ = self._load(())
        self._columns: dict[int, NDArray[Any]] = {}

    def pieces(self, time: Sequence[int], values: Sequence[int]) -> Iterator[Piece]:
        _, self._columns = self._load((*time, *values))
        for index, array in self._columns.items():
            kinds = "iufUSM" if index in time else "iuf"
            if array.ndim != 1 or array.dtype.kind not in kinds:
                msg = f"{self.path}: {self.names[index]} must be one row of numbers, it is {array.dtype}{array.shape}"
                raise DataError(msg)
        if len({len(array) for array in self._columns.values()}) > 1:
            lengths = ", ".join(f"{self.names[index]} {len(array)}" for index, array in self._columns.items())
            msg = f"{self.path}: the arrays must be equally long, these are: {lengths}"
            raise DataError(msg)
        times = [self._columns[index] for index in time]
        if len(times[0]):
            yield Piece(
                numbers=np.arange(len(times[0])),
                times=times[0] if len(times) == 1 else _joined([array.astype(str).tolist() for array in times]),
                values=[self._columns[index].astype(np.float64, copy=False) for index in values],
            )

    def row(self, number: int) -> tuple[str, list[str]]:
        columns = self._columns
        fields = [str(columns[index][number]) if index in columns else "" for index in range(len(self.names))]
        return f"{self.path}[{number}]", fields

    def _load(self, wanted: Sequence[int]) -> tuple[list[str], dict[int, NDArray[Any]]]:
        try:
            with self.path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                names = list(archive.files)
                return names, {index: np.asarray(archive[names[index]]) for index in wanted}
        except Exception as error:  # a damaged archive makes numpy, zipfile and zlib raise a dozen kinds
            msg = f"{self.path}: the file is damaged or not a NumPy .npz: {error}"
            raise DataError(msg) from error


def _whole(parts: list[NDArray[Any]]) -> NDArray[Any]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _joined(columns: Sequence[Sequence[str]]) -> list[str]:
    return list(columns[0]) if len(columns) == 1 else list(map(" ".join, zip(*columns, strict=True)))


def _numbers(texts: Sequence[str]) -> NDArray[np.float64]:
    try:
        return np.fromiter(map(float, texts), np.float64, len(texts))
    except ValueError:
        return np.fromiter(map(_number, texts), np.float64, len(texts))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _plain(name: str) -> str:
    return name.strip().lower()


def _shown(name: str) -> str:
    return name.strip() or "(unnamed)"
