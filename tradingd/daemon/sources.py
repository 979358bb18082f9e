"""What a backtest that names no files is run on: the configured files that fit, else bars of the feed's history.

HTTP and the command line both ask here, so that they mean the same data by the same words. Whether there are any is
known before anything runs, and whoever is asked for them has bounded time to answer. What is in a file, others look.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import math
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tradingd.core.markets.sessions import default_instrument, market
from tradingd.daemon.desired import bars_wanted
from tradingd.model.errors import FeedError, FeedRefused, TradingdError
from tradingd.model.market import DAY, SECOND, Timeframe
from tradingd.research.request import HistoryBars

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from numpy.typing import NDArray

    from tradingd.core.graph.document import Document
    from tradingd.core.markets.sessions import Market
    from tradingd.model.instrument import Instrument
    from tradingd.model.market import Bar
    from tradingd.model.ports import Provider
    from tradingd.research.contents import Contents
    from tradingd.research.request import DataFile

    Look = Callable[[DataFile], Awaitable[Contents]]

HISTORY_S_MAX = 30
HISTORY_BARS_MAX = 50_000
_SHOWN_MAX = 20


class NoDataError(TradingdError):
    """There are no data for what is asked.

    `key` is what would have to be different: symbol, timeframe, start_date or end_date; `available` what there is.
    """

    def __init__(self, message: str, key: str, **available: object) -> None:
        super().__init__(message)
        self.key, self.available = key, available

    def but(self, why: str, key: str = "", **available: object) -> NoDataError:
        """Return the same, with why the feed's history does not help; where files have other days, that stays."""
        return NoDataError(f"{self}; {why}", key or self.key, **(self.available or available))


@dataclass(frozen=True, slots=True)
class Feed:
    """A provider, and the address by which its bars are named; it is asked for one request after the other."""

    provider: Provider
    address: str
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is read of one instrument on which days, none: as far as there are data.

    `warm_up` has each timeframe that is read, with how many bars of it make the values on it ready.
    """

    exchange: str
    symbol: str
    warm_up: tuple[tuple[Timeframe, int], ...]
    start: dt.date | None
    end: dt.date | None

    def __str__(self) -> str:
        return f"{self.exchange}:{self.symbol}"

    @property
    def days(self) -> str:
        """The days, in words."""
        return " ".join(f"{word} {day}" for word, day in (("from", self.start), ("to", self.end)) if day is not None)

    @property
    def timeframe(self) -> Timeframe:
        """The widest bars of which all others can be made."""
        return Timeframe(math.gcd(*(width.ns for width, _ in self.warm_up)))

    def fits(self, timeframe: Timeframe) -> bool:
        """Whether what is read can be made of bars so wide; a day is made of any."""
        return all(width.ns % timeframe.ns == 0 or width.ns == DAY for width, _ in self.warm_up)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What strategies are run on, and the days as far as asked, no further out than there are data."""

    data: tuple[DataFile | HistoryBars, ...]
    start: dt.date | None
    end: dt.date | None


async def find(  # noqa: PLR0913 - what is asked, and whom to ask
    documents: Sequence[Document],
    start: dt.date | None,
    end: dt.date | None,
    files: Sequence[DataFile],
    listed: Sequence[Instrument],
    look: Look,
    feed: Feed | None,
) -> Found:
    """Return what strategies are run on: of each instrument the first file that fits, else bars of the feed.

    The days are those of the exchange, both included. Where contracts are chosen, those that have files bring them.
    `listed` knows better than the venues' defaults what a symbol is.

    Raises:
        NoDataError: there are none of an instrument.
        FeedError: there is no such file, and the feed does not answer.
    """
    data: list[DataFile | HistoryBars] = []
    days = []
    for wanted in _wanted(documents, start, end):
        try:
            file, contents = await _fitting(wanted, files, look)
            days.append(_days(wanted, contents.days))
            data.append(file)
        except NoDataError as missing:
            if feed is None:
                raise
            days.append((start, end))
            data.append(await _history(wanted, listed, feed, missing))
    return Found(
        data=(*data, *_contracts(documents, files, listed)),
        start=None if start is None else min(first for first, _ in days if first is not None),
        end=None if end is None else max(last for _, last in days if last is not None),
    )


def _wanted(documents: Sequence[Document], start: dt.date | None, end: dt.date | None) -> list[Wanted]:
    """Return what is read of each instrument, in the order of their ids."""
    warm_up: dict[tuple[str, str], dict[Timeframe, int]] = defaultdict(dict)
    for document in documents:
        of_instrument = warm_up[document.exchange, document.symbol]
        of_instrument[document.timeframe] = max(bars_wanted(document), of_instrument.get(document.timeframe, 0))
    return [
        Wanted(exchange=exchange, symbol=symbol, warm_up=tuple(sorted(bars.items())), start=start, end=end)
        for (exchange, symbol), bars in sorted(warm_up.items())
    ]


# --- files ---------------------------------------------------------------------------------------------------


async def _fitting(wanted: Wanted, files: Sequence[DataFile], look: Look) -> tuple[DataFile, Contents]:
    """Return the first of a symbol's files that the strategies' bars can be made of."""
    own = [
        replace(file, exchange=wanted.exchange)
        for file in files
        if file.symbol == wanted.symbol and file.exchange in (None, wanted.exchange)
    ]
    if not own:
        symbols = sorted({f"{file.exchange}:{file.symbol}" if file.exchange else file.symbol for file in files})
        shown = ", ".join(symbols[:_SHOWN_MAX]) + (", ..." if len(symbols) > _SHOWN_MAX else "")
        message = f"there are no data of {wanted}; data.files of the configuration has {shown or 'nothing'}"
        available = {"symbols": symbols[:_SHOWN_MAX]} if symbols else {}
        raise NoDataError(message, "symbol", **available)
    widths = []
    for file in own:
        contents = await look(file)
        if contents.timeframe is None or wanted.fits(contents.timeframe):
            return file, contents
        widths.append(str(contents.timeframe))
    message = f"bars of {wanted.timeframe} cannot be made of what there is of {wanted}: bars of {' and '.join(widths)}"
    raise NoDataError(message, "timeframe", timeframes=widths)


def _days(wanted: Wanted, days: Sequence[dt.date]) -> tuple[dt.date | None, dt.date | None]:
    """Return the days asked for, none where none are, no further out than there are rows."""
    first, last = days[0], days[-1]
    start, end = max(wanted.start or first, first), min(wanted.end or last, last)
    at = bisect_left(days, start)
    if at < len(days) and days[at] <= end:
        return (None if wanted.start is None else start), (None if wanted.end is None else end)
    message = f"there are no data of {wanted} {wanted.days}; there are some of {first} to {last}"
    key = "start_date" if wanted.end is None or wanted.end >= first else "end_date"
    raise NoDataError(message, key, start_date=first.isoformat(), end_date=last.isoformat())


def _contracts(
    documents: Sequence[Document], files: Sequence[DataFile], listed: Sequence[Instrument]
) -> list[DataFile]:
    """Return the first file of each contract that strategies may choose."""
    choosing = {document.symbol for document in documents if any(leg.choice is not None for leg in document.legs)}
    by_symbol = {i.symbol: i for i in listed if i.underlying in choosing}
    found: dict[str, DataFile] = {}
    for file in files:
        instrument = by_symbol.get(file.symbol)
        if instrument is not None and file.exchange in (None, instrument.exchange):
            found.setdefault(instrument.id, replace(file, exchange=instrument.exchange))
    return list(found.values())


# --- the feed's history --------------------------------------------------------------------------------------


async def _history(wanted: Wanted, listed: Sequence[Instrument], feed: Feed, missing: NoDataError) -> HistoryBars:
    """Return bars of the days asked for, and those before that warm up."""
    if wanted.start is None:
        why = f"{feed.address} is asked for its history where a first day is given"
        raise missing.but(why)
    try:
        async with asyncio.timeout(HISTORY_S_MAX), feed.turn:
            bars = await _asked(wanted, wanted.start, listed, feed, missing)
    except TimeoutError as error:
        msg = f"{feed.address} did not give the bars of {wanted} within {HISTORY_S_MAX} s"
        raise FeedError(msg) from error
    except FeedRefused as error:
        why = f"nor has the feed: {error}"
        raise missing.but(why) from error
    columns = await asyncio.to_thread(_columns, bars)
    return HistoryBars(
        symbol=wanted.symbol, exchange=wanted.exchange, timeframe=wanted.timeframe, source=feed.address, columns=columns
    )


async def _asked(
    wanted: Wanted, start: dt.date, listed: Sequence[Instrument], feed: Feed, missing: NoDataError
) -> Sequence[Bar]:
    """Ask the feed for the bars from `start` on, and for those before that warm up."""
    named = str(wanted)
    instrument = next((i for i in listed if i.id == named), None) or default_instrument(wanted.exchange, wanted.symbol)
    venue, timeframe = market(wanted.exchange), wanted.timeframe
    last = await feed.provider.last(instrument)
    if last is None:
        why = f"nor has {feed.address}, where it was never traded"
        raise missing.but(why)
    tick, age = last
    begin, until = venue.ts_of(start, dt.time.min), tick.ts + age
    if wanted.end is not None:
        until = min(until, venue.ts_of(wanted.end + dt.timedelta(days=1), dt.time.min))
    most = _most(venue, timeframe, begin, until)
    if most > HISTORY_BARS_MAX:
        why = f"{wanted.days} may be {most:,} bars of {timeframe}, and {feed.address} is asked for at most "
        why += f"{HISTORY_BARS_MAX:,}"
        raise missing.but(why, "start_date")
    warm = max(count * width.ns // timeframe.ns for width, count in wanted.warm_up)
    bars = await feed.provider.history(instrument, timeframe, most + warm, until) if most else ()
    first = bisect_left(bars, begin, key=lambda bar: bar.ts_open)
    if first == len(bars):
        latest = dt.datetime.fromtimestamp(tick.ts // SECOND, venue.zone).date().isoformat()
        why = f"nor has {feed.address} any of these days; its last trade is of {latest}"
        raise missing.but(why, "start_date", end_date=latest)
    return bars[max(first - warm, 0) :]


def _most(venue: Market, timeframe: Timeframe, begin: int, until: int) -> int:
    """Return how many bars there can be of these days; 0 where they are still to come."""
    if until <= begin:
        return 0
    longest = max(s.ts_close - s.ts_open for s in (venue.session_from(begin), venue.session_from(until)))
    return -(-longest // timeframe.ns) * -(-(until - begin) // DAY)


def _columns(bars: Sequence[Bar]) -> tuple[NDArray[Any], ...]:
    times = [[bar.ts_open for bar in bars], [bar.ts_close for bar in bars]]
    prices = zip(*((bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in bars), strict=True)
    return (*(np.array(column, np.int64) for column in times), *(np.array(column, np.float64) for column in prices))
