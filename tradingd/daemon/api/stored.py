"""The data of the configuration, for the API: what a request is run on, and what is told where there is nothing.

A request names a symbol and dates, never a path. A file is looked into once, by a worker process, and again when it
has changed on disk; the feed is asked by one request at a time. What is chosen is decided by `daemon.sources`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from tradingd.daemon import datafiles
from tradingd.daemon.api import jobs
from tradingd.daemon.api.problems import Kind, Problem
from tradingd.daemon.sources import NoDataError, find
from tradingd.model.errors import ConfigError, FeedError, Finding, Severity
from tradingd.research.request import DataFile, HistoryBars

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tradingd.daemon.api.processes import Workers
    from tradingd.daemon.api.request import Asked
    from tradingd.daemon.settings import DataSettings
    from tradingd.daemon.sources import Feed, Found
    from tradingd.model.instrument import Instrument
    from tradingd.research.contents import Contents

log = structlog.get_logger()

Version = tuple[int, int, int, int]
"""Tells one content of a file from another: device, inode, size, time of the last change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """What a request is run on, and what tells it from anything else that bears the same names."""

    found: Found
    versions: tuple[Version | str, ...]


class Shelf:
    """Finds the data of requests: among files whose paths are relative to `base`, else in the history of a feed."""

    def __init__(self, settings: DataSettings, base: Path, feed: Feed, workers: Workers) -> None:
        self._settings, self._base, self._workers = settings, base, workers
        self._feed = feed if settings.history == "feed" else None
        self._seen: dict[DataFile, tuple[Version, Contents]] = {}

    async def find(self, asked: Asked, listed: Sequence[Instrument]) -> Stock:
        """Return what a request is run on.

        Raises:
            Problem: there are no such data, a file cannot be read, or the feed does not answer.
        """
        try:
            files = await asyncio.to_thread(datafiles.files_of, self._settings, self._base)
            found = await find([asked.document], asked.start, asked.end, files, listed, self._look, self._feed)
            return Stock(found=found, versions=tuple([await self._identity(one) for one in found.data]))
        except ConfigError as error:
            log.exception("data.unreadable")
            detail = "data.files names what is not there as it says; `tradingd check` of the configuration says more"
            raise Problem(Kind.DATA_UNREADABLE, detail) from error
        except FeedError as error:
            log.warning("data.no_history", reason=str(error))
            raise Problem(Kind.FEED_FAILED, str(error)) from error
        except NoDataError as error:
            is_date = error.key.endswith("_date")
            pointer = f"/{error.key}" if is_date else f"{asked.start_at}/data/{error.key}"
            finding = Finding(Severity.ERROR, "no-data", pointer, str(error))
            raise Problem(Kind.NO_DATA, str(error), [finding], available=error.available) from error

    async def _identity(self, one: DataFile | HistoryBars) -> Version | str:
        return one.sha256 if isinstance(one, HistoryBars) else await self._version(one)

    async def _look(self, file: DataFile) -> Contents:
        """Return what is in a file."""
        version = await self._version(file)
        seen = self._seen.get(file)
        if seen is not None and seen[0] == version:
            return seen[1]
        found = await self._workers.call(jobs.contents, file)
        if isinstance(found, jobs.Failure):
            log.error("data.unreadable", path=str(file.path), reason=found.detail)
            raise Problem(Kind.DATA_UNREADABLE, found.detail)
        self._seen[file] = version, found
        return found

    async def _version(self, file: DataFile) -> Version:
        try:
            told = await asyncio.to_thread(file.path.stat)
        except OSError as error:
            log.exception("data.unreadable", path=str(file.path))
            msg = f"the file of {file.exchange}:{file.symbol} cannot be opened: {error.strerror}"
            raise Problem(Kind.DATA_UNREADABLE, msg) from error
        return told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns
