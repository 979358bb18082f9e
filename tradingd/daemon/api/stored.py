"""The data files of the configuration: which of them a strategy needs, and what days they have.

A request names a symbol and dates, never a path. A file is looked into once, by a worker process, and again when it
has changed on disk; whether a request can be met is known before it is accepted.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from tradingd.core.markets.sessions import market
from tradingd.daemon.api import jobs
from tradingd.daemon.api.problems import Kind, Problem
from tradingd.model.errors import ConfigError, Finding, Severity
from tradingd.model.market import DAY, Timeframe
from tradingd.research.request import DataFile

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence
    from pathlib import Path

    from tradingd.core.graph.document import Document
    from tradingd.daemon.api.processes import Workers
    from tradingd.daemon.api.request import Asked
    from tradingd.daemon.settings import DataSettings
    from tradingd.model.instrument import Instrument

log = structlog.get_logger()

_SHOWN_MAX = 20

Version = tuple[int, int, int, int]
"""Tells one content of a file from another: device, inode, size, time of the last change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a request is run on: files with their versions, the instruments concerned, and the days, as far as asked."""

    files: tuple[tuple[DataFile, Version], ...]
    instruments: tuple[Instrument, ...]
    start: dt.date | None
    end: dt.date | None


def files_of(settings: DataSettings, base: Path) -> tuple[DataFile, ...]:
    """Return the configured files; their paths are relative to `base`.

    Raises:
        ConfigError: an exchange or a timeframe is not known.
    """
    files = []
    for number, row in enumerate(settings.files):
        try:
            timeframe = Timeframe.parse(row.timeframe) if row.timeframe else None
            exchange = market(row.exchange).name if row.exchange else None
        except ValueError as error:
            msg = f"data.files, entry {number + 1} ({row.symbol}): {error}"
            raise ConfigError(msg) from error
        files.append(
            DataFile(symbol=row.symbol, kind=row.kind, path=base / row.path, timeframe=timeframe, exchange=exchange)
        )
    return tuple(files)


class Shelf:
    """The configured files, and what was seen in those that were asked for."""

    def __init__(self, files: Sequence[DataFile], workers: Workers) -> None:
        self._files = files
        self._workers = workers
        self._seen: dict[DataFile, tuple[Version, jobs.Contents]] = {}

    async def find(self, asked: Asked, listed: Sequence[Instrument]) -> Found:
        """Return what a request is run on: of each instrument the first file that fits.

        Raises:
            Problem: there are no such data, or a file cannot be read.
        """
        document = asked.document
        own = [
            replace(file, exchange=document.exchange)
            for file in self._files
            if file.symbol == document.symbol and file.exchange in (None, document.exchange)
        ]
        if not own:
            raise self._nothing(asked)
        file, version, contents = await self._fitting(own, asked)
        start, end = _days(asked, contents.days)
        contracts = [i for i in listed if i.underlying == document.symbol]
        wanted = contracts if any(leg.choice is not None for leg in document.legs) else []
        others = [(contract, await self._version(contract)) for contract in self._of(wanted)]
        named = f"{document.exchange}:{document.symbol}"
        return Found(
            files=((file, version), *others),
            instruments=tuple(i for i in listed if i.id == named or i.underlying == document.symbol),
            start=start,
            end=end,
        )

    async def _fitting(self, files: Sequence[DataFile], asked: Asked) -> tuple[DataFile, Version, jobs.Contents]:
        """Return the first of a symbol's files that the strategy's bars can be made of."""
        widths = []
        for file in files:
            version, contents = await self._look(file)
            if contents.timeframe is None or _fits(asked.document, contents.timeframe):
                return file, version, contents
            widths.append(str(contents.timeframe))
        width, symbol = asked.document.timeframe, asked.document.symbol
        message = f"bars of {width} cannot be made of what there is of {symbol}: bars of {' and '.join(widths)}"
        raise Problem(Kind.NO_DATA, message, [_finding(f"{asked.start_at}/data/timeframe", message)])

    def _of(self, instruments: Sequence[Instrument]) -> list[DataFile]:
        """Return the first file of each instrument that has one."""
        by_symbol = {instrument.symbol: instrument for instrument in instruments}
        found: dict[str, DataFile] = {}
        for file in self._files:
            instrument = by_symbol.get(file.symbol)
            if instrument is not None and file.exchange in (None, instrument.exchange):
                found.setdefault(instrument.id, replace(file, exchange=instrument.exchange))
        return list(found.values())

    async def _look(self, file: DataFile) -> tuple[Version, jobs.Contents]:
        """Return what is in a file."""
        version = await self._version(file)
        seen = self._seen.get(file)
        if seen is not None and seen[0] == version:
            return seen
        found = await self._workers.call(jobs.contents, file)
        if isinstance(found, jobs.Failure):
            log.error("data.unreadable", path=str(file.path), reason=found.detail)
            raise Problem(Kind.DATA_UNREADABLE, found.detail)
        self._seen[file] = version, found
        return version, found

    async def _version(self, file: DataFile) -> Version:
        try:
            told = await asyncio.to_thread(file.path.stat)
        except OSError as error:
            log.exception("data.unreadable", path=str(file.path))
            msg = f"the file of {file.exchange}:{file.symbol} cannot be opened: {error.strerror}"
            raise Problem(Kind.DATA_UNREADABLE, msg) from error
        return told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns

    def _nothing(self, asked: Asked) -> Problem:
        named = f"{asked.document.exchange}:{asked.document.symbol}"
        symbols = sorted({f"{file.exchange}:{file.symbol}" if file.exchange else file.symbol for file in self._files})
        shown = ", ".join(symbols[:_SHOWN_MAX]) + (", ..." if len(symbols) > _SHOWN_MAX else "")
        message = f"there are no data of {named}; data.files of the configuration has {shown or 'nothing'}"
        finding = _finding(f"{asked.start_at}/data/symbol", message)
        return Problem(Kind.NO_DATA, message, [finding], available={"symbols": symbols[:_SHOWN_MAX]})


def _fits(document: Document, timeframe: Timeframe) -> bool:
    """Whether a strategy's bars can be made of these; a day is made of any."""
    return document.timeframe.ns % timeframe.ns == 0 or document.timeframe.ns == DAY


def _days(asked: Asked, days: Sequence[dt.date]) -> tuple[dt.date | None, dt.date | None]:
    """Return the days asked for, none where none are, no further out than there are data.

    Raises:
        Problem: there are no rows on any of these days.
    """
    first, last = days[0], days[-1]
    start, end = max(asked.start or first, first), min(asked.end or last, last)
    at = bisect_left(days, start)
    if at < len(days) and days[at] <= end:
        return (None if asked.start is None else start), (None if asked.end is None else end)
    named = f"{asked.document.exchange}:{asked.document.symbol}"
    wanted = " ".join(f"{word} {day}" for word, day in (("from", asked.start), ("to", asked.end)) if day is not None)
    message = f"there are no data of {named} {wanted}; there are some of {first} to {last}"
    key = "start_date" if asked.end is None or asked.end >= first else "end_date"
    available = {"start_date": first.isoformat(), "end_date": last.isoformat()}
    raise Problem(Kind.NO_DATA, message, [_finding(f"/{key}", message)], available=available)


def _finding(pointer: str, message: str) -> Finding:
    return Finding(Severity.ERROR, "no-data", pointer, message)
