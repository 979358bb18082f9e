"""From a request to what an engine can run on: instruments, rows in memory, and the instants between which to trade.

Every mistake that a person can make in asking is found here, before the first event, and named with what would be
right. What had to be assumed becomes a note of the result. Nothing depends on the order in which files were named.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from tradingd.adapters.feeds.files import parse_instant, read_bars, read_ticks
from tradingd.core.derived import contracts_of
from tradingd.core.graph.document import Entry, Exit
from tradingd.core.markets.sessions import default_instrument, market
from tradingd.model.errors import ConfigError, DataError
from tradingd.model.market import DAY, SECOND
from tradingd.model.trading import OrderType
from tradingd.research import coverage
from tradingd.research.events import BarRows, Rows, TickRows
from tradingd.research.request import DataFile, HistoryBars
from tradingd.research.result import Anomalies, iso

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from tradingd.core.graph.document import Document
    from tradingd.core.markets.contracts import Contracts
    from tradingd.model.instrument import Instrument
    from tradingd.model.market import Timeframe
    from tradingd.research.request import Request

Stored = DataFile | HistoryBars

_GRID_NOISE = 1e-9
"""So much of a price may be the rounding of a float."""


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """What a run is made from. `sources` are in the order of their instruments' ids; `digest` names all of it."""

    documents: tuple[Document, ...]
    instruments: tuple[Instrument, ...]
    contracts: Contracts
    sources: tuple[Rows, ...]
    trade_from: int
    anomalies: Anomalies
    notes: tuple[str, ...]
    digest: str


def read(request: Request) -> Inputs:
    """Read all files of a request.

    Raises:
        ConfigError: the request cannot be meant like this.
        DataError: a file is wrong, or does not fit the strategies.
    """
    documents = _documents(request)
    files = _files(request)
    for document in documents:
        _check_fed(document, files)
    if request.settings.simulation.intrabar == "strict":
        _refuse_guessing(documents, files)
    zone = market(documents[0].exchange).zone if request.timezone is None else _zone(request.timezone)
    trade_from = 0 if request.start is None else _instant("start", request.start, zone)[0]
    ts_end = None if request.end is None else _end(request.end, zone)
    if ts_end is not None and ts_end <= trade_from:
        msg = f"end {request.end} is not after start {request.start}"
        raise ConfigError(msg)
    reader = _Reader(request, documents, ts_end)
    sources = tuple(reader.rows(file, instrument) for instrument, file in files.values())
    if not any(map(len, sources)):
        msg = f"no row of the data is before the end, {request.end}"
        raise DataError(msg)
    if trade_from > max(int(rows.ts_others.max(initial=0)) for rows in sources):
        msg = f"no row of the data is at or after the start, {request.start}"
        raise DataError(msg)
    instruments = tuple(instrument for instrument, _ in files.values())
    for rows, instrument in zip(sources, instruments, strict=True):
        reader.cover(rows, instrument)
    symbols = {document.symbol for document in documents}
    candidates = [i for i in request.instruments if i.underlying in symbols]
    contracts = contracts_of(candidates, request.settings)
    ts_first = max(trade_from, min(int(rows.ts_others.min()) for rows in sources if len(rows)))
    for document in documents:
        _check_listed(document, contracts, market(document.exchange).date_of(ts_first))
    return Inputs(
        documents=documents,
        instruments=instruments,
        contracts=contracts,
        sources=sources,
        trade_from=trade_from,
        anomalies=_total(reader.anomalies),
        notes=(*_assumed(instruments, request.instruments), *reader.notes),
        digest=_digest(request, documents, (*instruments, *candidates), sources, trade_from),
    )


# --- what is asked -------------------------------------------------------------------------------------------


def _documents(request: Request) -> tuple[Document, ...]:
    documents = tuple(sorted(request.documents, key=lambda document: document.id))
    ids = [document.id for document in documents]
    if not documents:
        msg = "there is no strategy to run"
        raise ConfigError(msg)
    twice = sorted({i for i in ids if ids.count(i) > 1})
    if twice:
        msg = f"several strategies have the id {', '.join(twice)}; each needs its own"
        raise ConfigError(msg)
    return documents


def _files(request: Request) -> dict[str, tuple[Instrument, Stored]]:
    """Return each instrument and its data, by the instrument's id and in that order."""
    listed = {instrument.id: instrument for instrument in request.instruments}
    exchanges: dict[str, set[str]] = defaultdict(set)
    for instrument in request.instruments:
        exchanges[instrument.symbol].add(instrument.exchange)
    files: dict[str, tuple[Instrument, Stored]] = {}
    for file in request.data:
        exchange = file.exchange or _exchange(file, request.documents, exchanges[file.symbol])
        try:
            default = default_instrument(exchange, file.symbol)
        except ValueError as error:
            msg = f"{file}: {error}"
            raise ConfigError(msg) from error
        instrument = listed.get(default.id, default)
        if instrument.id in files:
            other = files[instrument.id][1]
            msg = f"{other} and {file} are both data of {instrument.id}; give one file of bars or of ticks"
            raise ConfigError(msg)
        files[instrument.id] = instrument, file
    return dict(sorted(files.items()))


def _exchange(file: Stored, documents: Sequence[Document], listed: set[str]) -> str:
    """Return where a symbol is traded: as the strategies that start from it say, else as the list does."""
    found = sorted({d.exchange for d in documents if d.symbol == file.symbol} or listed)
    if len(found) == 1:
        return found[0]
    why = f"is on {' and '.join(found)}" if found else "is the symbol of no strategy and on no instrument list"
    first = found[0] if found else "NSE"
    msg = f"{file}: {file.symbol} {why}; name its exchange, as {first}:{file.symbol}={file}"
    raise ConfigError(msg)


def _check_fed(document: Document, files: dict[str, tuple[Instrument, Stored]]) -> None:
    if f"{document.exchange}:{document.symbol}" not in files:
        msg = (
            f"strategy {document.id} reads {document.exchange}:{document.symbol}, for which there are no data; "
            f"give --bars {document.symbol}=FILE or --ticks {document.symbol}=FILE"
        )
        raise ConfigError(msg)


def _check_listed(document: Document, contracts: Contracts, on: dt.date) -> None:
    segment = market(document.exchange).derivatives
    for leg in document.legs:
        lacking = contracts.lacks(leg.choice, segment, document.symbol, on) if leg.choice is not None else ""
        if lacking:
            msg = f"strategy {document.id}, position {leg.vpi}: {lacking}"
            raise ConfigError(msg)


def _refuse_guessing(documents: Iterable[Document], files: dict[str, tuple[Instrument, Stored]]) -> None:
    """Refuse orders that rest where the data are bars: when they trade inside one is a guess."""
    if all(file.kind == "ticks" for _, file in files.values()):
        return
    for document in documents:
        for node in document.nodes:
            orders = node.legs if isinstance(node, Entry) else (node,) if isinstance(node, Exit) else ()
            if any(order.order_type is not OrderType.MARKET for order in orders):
                msg = (
                    f"strategy {document.id}, node {node.id}: its orders rest, and where they meet a price inside a "
                    'bar is a guess, which simulation.intrabar = "strict" refuses; give ticks, or set "synthetic"'
                )
                raise ConfigError(msg)


# --- time ----------------------------------------------------------------------------------------------------


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        msg = f"timezone {name!r} is not known; write a name as Asia/Kolkata or UTC"
        raise ConfigError(msg) from error


def _instant(name: str, text: str, zone: ZoneInfo) -> tuple[int, bool]:
    try:
        return parse_instant(text, zone)
    except DataError as error:
        msg = f"{name}: {error}"
        raise ConfigError(msg) from error


def day(name: str, text: str | None, timezone: str | None, exchange: str) -> dt.date | None:
    """Return the day of an exchange in which a request's `start` or `end` lies, none where it is not given.

    Raises:
        ConfigError: it is no time, or the zone is not known.
    """
    if text is None:
        return None
    venue = market(exchange).zone
    ts, _ = _instant(name, text, venue if timezone is None else _zone(timezone))
    return dt.datetime.fromtimestamp(ts // SECOND, venue).date()


def _end(text: str, zone: ZoneInfo) -> int:
    """Return the first instant that is over: a date is inclusive, an instant exclusive."""
    ts, is_date = _instant("end", text, zone)
    if not is_date:
        return ts
    following = dt.datetime.fromtimestamp(ts // SECOND, zone).date() + dt.timedelta(days=1)
    return parse_instant(following.isoformat(), zone)[0]


# --- the files -----------------------------------------------------------------------------------------------


class _Reader:
    """Reads file after file; collects what they are like and what is to be said about them."""

    def __init__(self, request: Request, documents: Sequence[Document], ts_end: int | None) -> None:
        self.anomalies: list[Anomalies] = []
        self.notes: list[str] = []
        self._request = request
        self._documents = documents
        self._ts_end = ts_end

    def rows(self, file: Stored, instrument: Instrument) -> Rows:
        """Read one file, or take bars as they are."""
        request, venue = self._request, market(instrument.exchange, self._request.settings.calendar)
        if isinstance(file, HistoryBars):
            return self._given(file, instrument)
        zone = venue.zone if request.timezone is None else _zone(request.timezone)
        if file.kind == "ticks":
            ticks = read_ticks(file.path, zone, volume=request.volume, skip_bad_rows=request.skip_bad_rows)
            self._tell(file, ticks.ignored_columns, ticks.skipped_rows)
            self.anomalies.append(
                Anomalies(
                    equal_ts=ticks.equal_ts,
                    backwards=ticks.backwards,
                    equal_rows=ticks.equal_rows,
                    volume_decreases=ticks.volume_decreases,
                    max_gap_s=ticks.max_gap_s,
                )
            )
            self._tell_grid(file, instrument, "prices", ticks.price)
            return TickRows.of(instrument.id, ticks, self._ts_end)
        bars = read_bars(file.path, zone, timeframe=file.timeframe, skip_bad_rows=request.skip_bad_rows)
        self._tell(file, bars.ignored_columns, bars.skipped_rows)
        self.anomalies.append(Anomalies(max_gap_s=int(np.diff(bars.ts_open).max(initial=0)) / SECOND))
        self._tell_grid(file, instrument, "closes", bars.close)
        width = self._width(file, instrument, bars.timeframe)
        return BarRows.of(instrument.id, bars, width, venue, self._ts_end, instrument)

    def _given(self, bars: HistoryBars, instrument: Instrument) -> Rows:
        ts_open, zone = bars.columns[0], market(instrument.exchange).zone
        first, last = (iso(int(ts), zone) for ts in (ts_open[0], ts_open[-1]))
        self.notes.append(
            f"{instrument.id}: {len(ts_open):,} bars of {bars.timeframe} from {first} to {last} are from {bars}; "
            f"their SHA-256 is {bars.sha256}"
        )
        over = None if self._ts_end is None else int(np.searchsorted(ts_open, self._ts_end))
        self.anomalies.append(Anomalies(max_gap_s=int(np.diff(ts_open).max(initial=0)) / SECOND))
        width = self._width(bars, instrument, bars.timeframe)
        return BarRows(instrument.id, width, tuple(column[:over] for column in bars.columns))

    def _width(self, file: Stored, instrument: Instrument, timeframe: Timeframe) -> Timeframe:
        """Return the bars' timeframe, as the very object that a strategy reads where one reads it as it is.

        Raises:
            DataError: a strategy's bars cannot be made of these.
        """
        readers = [d for d in self._documents if f"{d.exchange}:{d.symbol}" == instrument.id]
        for document in readers:
            if document.timeframe.ns % timeframe.ns and document.timeframe.ns != DAY:
                msg = (
                    f"{file}: strategy {document.id} reads bars of {document.timeframe}, which cannot be made of "
                    f"bars of {timeframe}; give smaller ones, or state their timeframe as {file.symbol}:1m={file}"
                )
                raise DataError(msg)
        return next((d.timeframe for d in readers if d.timeframe == timeframe), timeframe)

    def cover(self, rows: Rows, instrument: Instrument) -> None:
        """Hold the rows of one instrument against the sessions there were."""
        venue = market(instrument.exchange, self._request.settings.calendar)
        dates = coverage.missing(rows, instrument, venue)
        self.anomalies.append(Anomalies(missing_sessions=len(dates)))
        self.notes += coverage.told(rows, instrument, venue, dates)

    def _tell(self, file: DataFile, ignored: tuple[str, ...], skipped: int) -> None:
        if ignored:
            self.notes.append(f"{file.path.name}: not read: {', '.join(ignored)}")
        if skipped:
            self.notes.append(f"{file.path.name}: {skipped} bad rows were skipped")

    def _tell_grid(self, file: DataFile, instrument: Instrument, what: str, prices: NDArray[np.float64]) -> None:
        """Say how many prices an order cannot have: it fills at the nearest price it can."""
        tick = float(instrument.tick_size)
        off = np.abs(np.round(prices / tick) * tick - prices)
        count = int(np.count_nonzero(off > _GRID_NOISE * prices)) if instrument.tradable else 0
        if count:
            self.notes.append(
                f"{file.path.name}: {count:,} of {len(prices):,} {what} are not on the grid of {instrument.symbol}, "
                f"whose tick is {instrument.tick_size:f}; orders fill on the grid (--instruments gives another tick)"
            )


def _total(parts: Sequence[Anomalies]) -> Anomalies:
    return Anomalies(
        equal_ts=sum(part.equal_ts for part in parts),
        backwards=sum(part.backwards for part in parts),
        equal_rows=sum(part.equal_rows for part in parts),
        volume_decreases=sum(part.volume_decreases for part in parts),
        missing_sessions=sum(part.missing_sessions for part in parts),
        max_gap_s=max(part.max_gap_s for part in parts),
    )


def _assumed(instruments: Iterable[Instrument], listed: Iterable[Instrument]) -> list[str]:
    """Say for which symbols a venue's default was taken."""
    known = {instrument.id for instrument in listed}
    missing: dict[str, list[Instrument]] = defaultdict(list)
    for instrument in instruments:
        if instrument.id not in known:
            missing[instrument.exchange].append(instrument)
    return [
        f"on no instrument list, so taken with {exchange}'s default tick {rows[0].tick_size:f} and lot "
        f"{rows[0].lot_size:f}: {', '.join(row.symbol for row in rows)}"
        for exchange, rows in missing.items()
    ]


def _digest(
    request: Request,
    documents: Iterable[Document],
    instruments: Iterable[Instrument],
    sources: Iterable[Rows],
    trade_from: int,
) -> str:
    """Return the hash of all that decides the result."""
    digest = hashlib.sha256(repr((request.settings, trade_from)).encode())
    for document in documents:
        digest.update(document.hash.encode())
    for instrument in instruments:
        digest.update(repr(instrument).encode())
    for rows in sources:
        digest.update(repr((type(rows).__name__, rows.instrument, len(rows))).encode())
        for column in rows.columns:
            digest.update(np.ascontiguousarray(column).data)
    return digest.hexdigest()
