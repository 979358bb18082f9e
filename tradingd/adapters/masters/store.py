"""Instrument lists by day: a folder for each date, in it a file for each exchange.

    instruments/2026-07-15/NFO.csv.gz

A day may be loaded in parts and again: what is loaded takes the place of the same exchanges' lists of that day and of
nothing else. A file is there whole or not at all.
"""

from __future__ import annotations

import datetime as dt
import gzip
import io
import os
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from tradingd.adapters.masters import stored
from tradingd.adapters.masters.reading import read
from tradingd.model.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tradingd.model.instrument import Instrument

_ENDING = ".csv.gz"


class Listed(NamedTuple):
    """The lists that hold on a day, exchange by exchange, and of which day each is."""

    instruments: list[Instrument]
    dates: dict[str, dt.date]


def read_instruments(path: Path) -> list[Instrument]:
    """Read an instrument list: a file of any known form, or the newest lists of a folder of dated ones.

    Raises:
        DataError: it cannot be read, a row is wrong, or the folder has no list.
    """
    if not path.is_dir():
        return read(path).instruments
    listed = Store(path).read()
    if not listed.dates:
        msg = (
            f"{path}: there is no instrument list in it; `tradingd instruments load FILE --store {path}` puts one there"
        )
        raise DataError(msg)
    return listed.instruments


class Store:
    """A folder of dated lists; it need not be there yet."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, date: dt.date, instruments: Iterable[Instrument]) -> list[Path]:
        """Keep a day's list; return the files written.

        Raises:
            DataError: it cannot be written.
        """
        by_exchange: dict[str, list[Instrument]] = defaultdict(list)
        for instrument in instruments:
            by_exchange[instrument.exchange].append(instrument)
        written = []
        try:
            folder = self.root / date.isoformat()
            folder.mkdir(parents=True, exist_ok=True)
            for exchange, rows in sorted(by_exchange.items()):
                text = io.StringIO()
                stored.write(text, rows)
                written.append(_replace(folder / f"{exchange}{_ENDING}", text.getvalue().encode()))
        except OSError as error:
            msg = f"{self.root}: {error}; instrument lists are kept in a folder that can be written to"
            raise DataError(msg) from error
        return written

    def dates(self, exchange: str | None = None) -> list[dt.date]:
        """Return the days of which there is a list, of one exchange or of any, oldest first."""
        return sorted({date for date, name, _ in self._files() if exchange in (None, name)})

    def read(self, on: dt.date | None = None) -> Listed:
        """Return, of each exchange, the last list not after a day; none: the newest.

        Raises:
            DataError: a list cannot be read.
        """
        held = {name: (date, file) for date, name, file in self._files() if on is None or date <= on}
        rows = [row for _, (_, file) in sorted(held.items()) for row in read(file).instruments]
        return Listed(rows, {name: date for name, (date, _) in sorted(held.items())})

    def before(self, date: dt.date, exchange: str) -> tuple[dt.date, list[Instrument]] | None:
        """Return the last list of an exchange before a day, and of which day it is; none where there is none.

        Raises:
            DataError: it cannot be read.
        """
        held = [(day, file) for day, name, file in self._files() if name == exchange and day < date]
        return (held[-1][0], read(held[-1][1]).instruments) if held else None

    def _files(self) -> list[tuple[dt.date, str, Path]]:
        """Return all lists, oldest first; what is called otherwise is none of ours."""
        found = []
        for file in self.root.glob(f"????-??-??/*{_ENDING}"):
            try:
                date = dt.date.fromisoformat(file.parent.name)
            except ValueError:
                continue
            found.append((date, file.name.removesuffix(_ENDING), file))
        return sorted(found)


def _replace(path: Path, content: bytes) -> Path:
    """Write a file whole, or leave what was there; equal content gives equal bytes."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            file.write(gzip.compress(content, mtime=0))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path
