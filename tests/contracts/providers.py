"""One market in files, and every provider over it: what a contract test is given.

Twenty minutes of two symbols, dirty as files are (rows that step back and repeat); the present is at the tenth
minute, so that half is history and half is still to come.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import aiohttp
import numpy as np

from tests.contracts.binance_server import Server, frame, kline
from tests.contracts.feeds import Feed, session_of
from tests.contracts.kite_feeds import kite_feed, make_ticker
from tests.stories import T0
from tradingd.adapters.feeds.binance import INTERVALS
from tradingd.adapters.feeds.files import read_bars, read_ticks
from tradingd.adapters.feeds.merge import BarRows, TickRows, bar_bounds
from tradingd.adapters.feeds.recorded import RecordedProvider
from tradingd.core.markets.sessions import default_instrument, market
from tradingd.model.market import MINUTE, SECOND
from tradingd.venues.clock import AS_FAST_AS_TAKEN
from tradingd.venues.exchange import Exchange
from tradingd.venues.recorded import read_trades
from tradingd.venues.tape import Tape

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from pathlib import Path

    from tradingd.model.ports import Provider

INSTRUMENTS = AAA, BBB = tuple(
    replace(default_instrument("SIM", symbol), token=str(number)) for number, symbol in enumerate(("AAA", "BBB"), 1001)
)
STRANGER = default_instrument("SIM", "ZZZ")
NOW = T0 + 10 * MINUTE
MILLISECOND = 1_000_000
Row = tuple[int, float, float, float, float]  # ts, price, volume, bid, ask


@functools.cache
def market_rows() -> dict[str, list[Row]]:
    """Make the market up; some rows are late by seconds, some repeat."""
    rng = np.random.default_rng(7)
    found = {}
    for instrument in INSTRUMENTS:
        at_ms = np.sort(rng.integers(0, 20 * 60_000, 900))
        late = rng.random(900) < 0.02
        at_ms = np.where(late, np.maximum(at_ms - 1500, 0), at_ms)
        price = 100 + np.round(np.cumsum(rng.standard_normal(900)) * 0.05, 2)
        volume = rng.integers(1, 50, 900) / 4
        rows = [(T0 + int(t) * MILLISECOND, p, v, round(p - 0.01, 2), round(p + 0.01, 2)) for t, p, v in
                zip(at_ms.tolist(), np.round(price, 2).tolist(), volume.tolist(), strict=True)]  # fmt: skip
        found[instrument.id] = [row for n, row in enumerate(rows) for _ in range(1 + (n % 97 == 0))]
    return found


@dataclass(frozen=True, slots=True)
class Served:
    """A provider, the ticks it must tell of (none: it tells of bars), and how to wait until nobody is connected.

    `market` is what its bars are made of.
    """

    provider: Provider
    rows: dict[str, list[Row]] | None
    released: Callable[[], Awaitable[None]]
    market: dict[str, list[Row]] = field(default_factory=market_rows)


def bars_of(rows: Sequence[Row], width: int, until: int) -> list[tuple[float, ...]]:
    """Return the bars that closed by `until`, as a person would make them: late rows of a bar that was left are out."""
    groups: dict[int, list[Row]] = defaultdict(list)
    present = 0
    for row in rows:
        present = max(present, row[0])
        if present >= until:
            break
        begin = row[0] - row[0] % width
        if begin >= present - present % width:
            groups[begin].append(row)
    bars: list[tuple[float, ...]] = []
    for begin, inside in sorted(groups.items()):
        prices = [row[1] for row in inside]
        close = max(enumerate(inside), key=lambda one: (one[1][0], one[0]))[1][1]
        volume = sum(row[2] for row in inside)
        if begin + width <= until:
            bars.append((begin, prices[0], max(prices), min(prices), close, volume))
    return bars


def write_ticks(folder: Path, rows: dict[str, list[Row]]) -> dict[str, Path]:
    files = {}
    for instrument in INSTRUMENTS:
        files[instrument.symbol] = folder / f"{instrument.symbol}.csv"
        lines = [
            f"{ts // MILLISECOND},{price},{volume},{bid},{ask}" for ts, price, volume, bid, ask in rows[instrument.id]
        ]
        files[instrument.symbol].write_text("\n".join(["timestamp,price,volume,bid,ask", *lines]))
    return files


# --- the providers -----------------------------------------------------------------------------------------------


async def _nobody() -> None:
    return


@contextlib.asynccontextmanager
async def recorded_ticks(folder: Path) -> AsyncIterator[Served]:
    rows = market_rows()
    files = write_ticks(folder, rows)
    sources = [TickRows.of(i.id, read_ticks(files[i.symbol], UTC), None) for i in INSTRUMENTS]
    yield Served(RecordedProvider(sources, session_of, ts_from=NOW), rows, _nobody)


@contextlib.asynccontextmanager
async def recorded_bars(folder: Path) -> AsyncIterator[Served]:
    sources = []
    for instrument in INSTRUMENTS:
        path = folder / f"{instrument.symbol}.csv"
        lines = [",".join(map(str, (bar[0] // MILLISECOND, *bar[1:]))) for bar in
                 bars_of(market_rows()[instrument.id], MINUTE, T0 + 20 * MINUTE)]  # fmt: skip
        path.write_text("\n".join(["timestamp,open,high,low,close,volume", *lines]))
        bars = read_bars(path, UTC)
        venue = market(instrument.exchange)
        bounds = bar_bounds(bars.ts_open, bars.timeframe, venue.zone, venue.session_on)
        columns = (*bounds, bars.open, bars.high, bars.low, bars.close, bars.volume)
        sources.append(BarRows(instrument.id, bars.timeframe, columns))
    yield Served(RecordedProvider(sources, session_of, ts_from=NOW), None, _nobody)


@contextlib.asynccontextmanager
async def binance(_: Path) -> AsyncIterator[Served]:
    """The provider against a venue that tells everything as soon as somebody listens."""
    rows = market_rows()
    server = Server(*(i.symbol for i in INSTRUMENTS))
    ahead: list[tuple[int, str]] = []
    for instrument in INSTRUMENTS:
        symbol, present = instrument.symbol, 0
        for number, (ts, price, volume, bid, ask) in enumerate(rows[instrument.id]):
            present = max(present, ts)
            if present < NOW:
                server.trade(symbol, ts // MILLISECOND, price, volume)
                server.quote(symbol, str(bid), str(ask))
                continue
            trade = {"a": number, "p": str(price), "q": str(volume), "T": ts // MILLISECOND}
            ahead.append((present, frame(symbol, "bookTicker", {"b": str(bid), "a": str(ask)})))
            ahead.append((present, frame(symbol, "aggTrade", trade)))
        for timeframe, name in INTERVALS.items():
            bars = bars_of(rows[instrument.id], timeframe.ns, T0 + 20 * MINUTE)
            server.klines[symbol][name] = [_kline(bar, timeframe.ns) for bar in bars]
    server.now_ms = NOW // MILLISECOND
    server.greeting = [one for _, one in sorted(ahead, key=itemgetter(0))]
    async with server.serving(), aiohttp.ClientSession() as http:
        yield Served(Feed(http, server).provider, rows, lambda: server.listeners(0))


def _kline(bar: tuple[float, ...], width: int) -> list[Any]:
    row = kline(int(bar[0]) // MILLISECOND, width // MILLISECOND, 0)
    row[1:6] = map(str, bar[1:])
    return row


@contextlib.asynccontextmanager
async def exchange(folder: Path) -> AsyncIterator[Served]:
    """The provider against the simulated exchange, over the same files."""
    rows = market_rows()
    tape = Tape([read_trades(write_ticks(folder, rows), UTC)], ts_open=NOW)
    venue = Exchange(tape, speed=AS_FAST_AS_TAKEN)
    async with venue.serving() as port, aiohttp.ClientSession() as http:
        url = f"://127.0.0.1:{port}"
        feed = Feed(http, Server(), ws_url=f"ws{url}", rest_url=f"http{url}")

        async def deserted() -> None:
            while venue.connections:  # noqa: ASYNC110 - the venue tells nobody
                await asyncio.sleep(0)

        yield Served(feed.provider, rows, deserted)


def whole_rows() -> dict[str, list[Row]]:
    """Return the market as a ticker tells it: whole seconds and quantities, none traded by a row that is late."""
    found = {}
    for name, rows in market_rows().items():
        present, whole = 0, []
        for ts, price, volume, bid, ask in rows:
            second = ts - ts % SECOND
            whole.append((second, price, 0.0 if second < present else volume * 4, bid, ask))
            present = max(present, second)
        found[name] = whole
    return found


@contextlib.asynccontextmanager
async def kite(folder: Path) -> AsyncIterator[Served]:
    """The provider against the simulated ticker, over the same files."""
    rows = whole_rows()
    trades = read_trades(write_ticks(folder, rows), UTC)
    venue = make_ticker(trades, "SIM", known=INSTRUMENTS, ts_open=NOW, speed=1200.0)
    async with venue.serving() as port, kite_feed(port) as feed:

        async def deserted() -> None:
            while venue.connections:  # noqa: ASYNC110 - the venue tells nobody
                await asyncio.sleep(0)

        yield Served(feed.provider, rows, deserted, rows)


PROVIDERS = {one.__name__: one for one in (recorded_ticks, recorded_bars, binance, exchange, kite)}
