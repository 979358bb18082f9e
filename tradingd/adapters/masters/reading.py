"""Reads an instrument list, whichever of the known forms it has: which contracts exist, with their lots and ticks.

A list is checked whole when it is read, because every later answer stands on it: a row that cannot be understood is
told with its place, field and value, never completed by a guess, and too many of them are an error.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from tradingd.adapters.masters import binance, kite, stored, upstox
from tradingd.model.errors import DataError
from tradingd.model.instrument import InstrumentKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import TextIO

    from tradingd.model.instrument import Instrument

    Binary = gzip.GzipFile | io.BufferedReader

_SHOWN = 3
_EXCERPT = 160
_BOM = b"\xef\xbb\xbf"


@dataclass(slots=True)
class Master:
    """An instrument list in the file's order.

    `faults` are the rows left out because they are wrong, each with its place, field, value and what would be right;
    `unread` counts, by kind, rows of kinds that are not read.
    """

    instruments: list[Instrument] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    unread: Counter[str] = field(default_factory=Counter)


def read(path: Path, faults_max: int = 0) -> Master:
    """Read a CSV or JSON file (.gz too): Kite's dump, Upstox's master, Binance's exchangeInfo, or a stored list.

    Raises:
        DataError: the file cannot be read, is of no known form, has nothing to read, or more wrong rows than that.
    """
    reading = _Reading(path, faults_max)
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            head = file.peek(64).removeprefix(_BOM).lstrip()[:1]
            if head in (b"[", b"{"):
                reading.take("row", *_json(file))
            else:
                with io.TextIOWrapper(file, "utf-8-sig", newline="") as text:
                    reading.take("line", *_csv(text))
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error, msgspec.DecodeError, _UnknownForm) as error:
        msg = f"{path}: {error}; an instrument list is a CSV or JSON file in UTF-8, plain or .gz"
        raise DataError(msg) from error
    return reading.finish()


class _UnknownForm(Exception):  # noqa: N818 - it is turned into a DataError with the file's name
    """The file is none of the known forms."""


class _Reading:
    """A list as far as it has been read."""

    def __init__(self, path: Path, faults_max: int) -> None:
        self._path = path
        self._faults_max = faults_max
        self._master = Master()
        self._place_of: dict[str, int] = {}
        self._id_of: dict[tuple[str, bool, str], str] = {}

    def take(self, place: str, rows: Iterator[tuple[int, Any]], instrument: Callable[[Any], Instrument | str]) -> None:
        """Take rows, each with its number in the file."""
        for at, row in rows:
            try:
                found = instrument(row)
                if isinstance(found, str):
                    self._master.unread[found] += 1
                else:
                    self._check_once(place, at, found)
                    self._master.instruments.append(found)
            except ValueError as error:
                told = f" in {bytes(row)[:_EXCERPT].decode(errors='replace')}" if isinstance(row, msgspec.Raw) else ""
                self._fault(f"{place} {at}: {error}{told}")

    def finish(self) -> Master:
        """Return what was read."""
        if not self._master.instruments:
            msg = f"{self._path}: there is no instrument in it"
            raise DataError("\n".join((msg, *self._master.faults[:_SHOWN])))
        return self._master

    def _check_once(self, place: str, at: int, found: Instrument) -> None:
        first = self._place_of.setdefault(found.id, at)
        if first != at:
            msg = f"{found.id} stands on {place} {first} already; a symbol is listed once"
            raise ValueError(msg)
        key = found.exchange, found.kind is InstrumentKind.INDEX, found.token
        other = self._id_of.setdefault(key, found.id) if found.token else found.id
        if other != found.id:
            msg = f"{found.id} has the token {found.token}, which is that of {other}; a token is given once"
            raise ValueError(msg)

    def _fault(self, told: str) -> None:
        faults = self._master.faults
        faults.append(told)
        if len(faults) > self._faults_max:
            more = "" if len(faults) == 1 else f"; {len(faults) - 1} rows before it are wrong too: {faults[0]}"
            msg = f"{self._path}: {told}{more}"
            raise DataError(msg)


def _csv(file: TextIO) -> tuple[Iterator[tuple[int, list[str]]], Callable[[list[str]], Instrument]]:
    reader = csv.reader(file)
    header = [name.strip().lower() for name in next(reader, [])]
    form = stored.StoredForm(header) if header == list(stored.COLUMNS) else None
    missing = [name for name in kite.COLUMNS if name not in header]
    if form is None and missing:
        msg = f"line 1: no column {', '.join(missing)}; needed are {', '.join(kite.COLUMNS)}"
        raise _UnknownForm(msg)
    build = (form or kite.KiteForm(header)).instrument

    def instrument(cells: list[str]) -> Instrument:
        if len(cells) != len(header):
            msg = f"{len(cells)} fields; the header has {len(header)}"
            raise ValueError(msg)
        return build(cells)

    return ((reader.line_num, cells) for cells in reader if cells), instrument


def _json(file: Binary) -> tuple[Iterator[tuple[int, msgspec.Raw]], Callable[[msgspec.Raw], Instrument | str]]:
    content = file.read().removeprefix(_BOM)
    if content.lstrip()[:1] == b"[":
        return enumerate(msgspec.json.decode(content, type=list[msgspec.Raw]), 1), upstox.instrument
    told = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    if "symbols" not in told:
        msg = f"an object with the keys {', '.join(told) or 'none'}; Binance's exchangeInfo has symbols"
        raise _UnknownForm(msg)
    return enumerate(msgspec.json.decode(told["symbols"], type=list[msgspec.Raw]), 1), binance.instrument
