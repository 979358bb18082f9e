"""The Binance provider: live trades over combined websocket streams, bars and missing trades over REST.

Works with whatever speaks that public protocol, the simulated exchange included. Trouble on the line is met here:
connections come back, trades that were missed are asked for by their ids, and only what cannot be had is told, as a
gap. It knows no clock of ours: what time it is, the venue says.

Source: Binance Spot API documentation, "WebSocket Streams" and "Market Data endpoints", July 2026.
"""

from __future__ import annotations

import asyncio
from operator import itemgetter
from typing import TYPE_CHECKING, Literal, TypeVar
from urllib.parse import urlencode

import msgspec
import stamina

from tradingd.adapters.feeds.aggregation import cut
from tradingd.adapters.feeds.binance_wire import (
    MILLISECOND,
    BookTicker,
    Channel,
    FeedCounts,
    Hole,
    Kline,
    Refusal,
    ServerTime,
    Tape,
    Trade,
)
from tradingd.adapters.feeds.connection import Change, LastingConnection
from tradingd.adapters.feeds.rest import OK, RETRY_S, UnavailableError, again, ask
from tradingd.model.errors import FeedError, FeedRefused
from tradingd.model.events import FeedGap
from tradingd.model.market import Tick, Timeframe

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

    import aiohttp

    from tradingd.adapters.feeds.aggregation import Sessions
    from tradingd.model.instrument import Instrument
    from tradingd.model.market import Bar

    FeedState = Literal["connected", "lost", "stale", "gap"]

T = TypeVar("T")

INTERVALS = {
    Timeframe.parse(name): name
    for name in ("1d", "12h", "8h", "6h", "4h", "2h", "1h", "30m", "15m", "5m", "3m", "1m", "1s")
}
"""The bars the venue has, widest first."""

_LIFETIME_S = 23.5 * 3600  # the venue cuts at 24 h
_ROWS_MAX = 1000  # rows of one answer
_PAGES_MAX = 50  # answers that a history is made from
_REST_S, _FILL_S = 10.0, 2.0  # how long an answer may take; a fill holds up the feed
_URL_MAX = 8000  # what a request line can hold
_ATTEMPTS = 5
_INVALID_SYMBOL = -1121


class _RefusedError(FeedRefused):
    """The venue said no, by its own code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class BinanceProvider:
    """Market data of one venue; `http` is the caller's to close.

    `sessions` says when an instrument trades. `jitter` (0 to 1) spreads the attempts to come back, `stale_s` is how
    long silence may last. `on_state` is told of `connected`, `lost`, `stale` and `gap`, with the detail. `counts` adds
    up all subscriptions.
    """

    def __init__(  # noqa: PLR0913 - what it is wired to
        self,
        http: aiohttp.ClientSession,
        sessions: Sessions,
        *,
        ws_url: str,
        rest_url: str,
        stale_s: float,
        jitter: Callable[[], float],
        on_state: Callable[[FeedState, str], None],
        lifetime_s: float = _LIFETIME_S,
    ) -> None:
        self.counts = FeedCounts()
        self._http, self._sessions = http, sessions
        self._ws_url, self._rest_url = ws_url.rstrip("/"), rest_url.rstrip("/")
        self._stale_s, self._lifetime_s, self._jitter = stale_s, lifetime_s, jitter
        self._on_state = on_state

    # --- the past and the present --------------------------------------------------------------------------------

    async def server_time(self) -> int:
        """Return the venue's time in ns.

        Raises:
            FeedError: it does not answer.
        """
        return (await self._ask("time", ServerTime)).ts_ms * MILLISECOND

    async def last(self, instrument: Instrument) -> tuple[Tick, int] | None:
        """Return the last trade under the best quotes, and the trade's age in ns; none before the first trade.

        Raises:
            FeedError: the venue refuses, or does not answer.
        """
        trades = await self._ask("aggTrades", list[Trade], symbol=instrument.symbol, limit=1)
        if not trades:
            return None
        book = await self._ask("ticker/bookTicker", BookTicker, symbol=instrument.symbol)
        tick = Channel(instrument).tick(trades[-1], book.bid, book.ask)
        return tick, max(await self.server_time() - tick.ts, 0)

    async def history(self, instrument: Instrument, timeframe: Timeframe, count: int, until: int) -> Sequence[Bar]:
        """Return at most `count` closed bars that end at or before `until`, oldest first.

        A bar without trades is none, as it is live. Bars that the venue does not have are made of its smaller ones.

        Raises:
            FeedError: no bars of the venue make up such ones, it refuses, or does not answer.
        """
        interval = self._interval(instrument, timeframe, until)
        end = min(until, await self.server_time())
        session = self._sessions(instrument, end)
        before = session.bar_bounds(timeframe, end)[0] if session.ts_open <= end else end
        bars: list[Bar] = []
        for _ in range(_PAGES_MAX):
            if len(bars) >= count:
                break
            rows = await self._klines(instrument, interval, before)
            pieces = [
                (row.ts_open_ms * MILLISECOND, row.open, row.high, row.low, row.close, row.volume, row.trades)
                for row in rows
                if row.trades
            ]
            page = cut(instrument, timeframe, pieces, self._sessions)
            if len(rows) < _ROWS_MAX:
                return [*page, *bars][-count:]
            before = rows[0].ts_open_ms * MILLISECOND
            if page and page[0].ts_open < before:  # its beginning is on the page before
                before = page.pop(0).ts_close
            bars = [*page, *bars]
        return bars[-count:] if count > 0 else []

    def _interval(self, instrument: Instrument, timeframe: Timeframe, ts: int) -> Timeframe:
        """Return the widest bars of the venue, which stand on the UTC day, of which those of a session can be made."""
        session = self._sessions(instrument, ts)
        for interval in INTERVALS:
            fits = not any(edge % interval.ns for edge in (timeframe.ns, session.ts_open, session.ts_close))
            if fits and timeframe.ns // interval.ns <= _ROWS_MAX // 2:
                return interval
        msg = (
            f"{instrument.id}: bars of {timeframe} cannot be made of what the venue has: "
            f"{', '.join(reversed(INTERVALS.values()))}"
        )
        raise FeedRefused(msg)

    async def _klines(self, instrument: Instrument, interval: Timeframe, before: int) -> list[Kline]:
        """Return the last bars that open before `before`: a whole answer costs the venue no more than a short one."""
        end_ms = before // MILLISECOND - 1
        query: dict[str, str | int] = {
            "symbol": instrument.symbol,
            "interval": INTERVALS[interval],
            "endTime": end_ms,
            "limit": _ROWS_MAX,
        }
        return await self._ask("klines", list[Kline], **query)

    # --- the stream ----------------------------------------------------------------------------------------------

    async def subscribe(self, instruments: Sequence[Instrument]) -> AsyncGenerator[Tick | FeedGap, None]:
        """Yield a tick for each trade, and a gap where trades are missing for good; never ends by itself.

        A tick carries the quotes that were known when its trade was said; one that had to be asked for carries none.

        Raises:
            FeedError: the venue does not know an instrument, or they are too many for one subscription.
        """
        tape = Tape(instruments, self.counts)
        url = f"{self._ws_url}/stream?streams={'/'.join(tape.streams)}"
        if len(url) > _URL_MAX:
            msg = f"{len(tape.channels)} instruments are too many for one subscription; the address holds {_URL_MAX}"
            raise FeedError(msg)
        await self._refuse_unknown(tape)
        wire = LastingConnection(url, stale_s=self._stale_s, lifetime_s=self._lifetime_s, jitter=self._jitter)
        try:
            while True:
                for event in await self._next(wire, tape):
                    yield event
        finally:
            await wire.close()

    async def _next(self, wire: LastingConnection, tape: Tape) -> Sequence[Tick | FeedGap]:
        """Return what the next frame, or change of the connection, makes known."""
        received = await wire.receive()
        if isinstance(received, bytes):
            return await self._read(received, wire, tape)
        if received is Change.CONNECTED:
            self._on_state("connected", self._ws_url)
            return await self._missed(tape)
        if received is Change.STALE:
            self.counts.stale += 1
            self._on_state("stale", wire.reason)
            return self._cut_off(tape, wire.reason)
        self._on_state("lost", wire.reason)
        if received is Change.LOST:  # what was said meanwhile may still be had
            self.counts.lost += 1
            return ()
        return self._cut_off(tape, wire.reason)

    async def _read(self, frame: bytes, wire: LastingConnection, tape: Tape) -> Sequence[Tick | FeedGap]:
        said = tape.read(frame)
        if isinstance(said, Tick):
            return (said,)
        if isinstance(said, Hole):
            return await self._fill(said)
        if said is not None:
            await wire.renew()
        return ()

    async def _fill(self, hole: Hole) -> Sequence[Tick | FeedGap]:
        """Ask for the trades of a hole; return all of them and the one that told, or that between gaps.

        Bars may change anywhere in a gap: the one that formed before and the one that forms after it have a hole.
        """
        channel, tick = hole.channel, hole.tick
        if 0 < len(hole.ids) <= _ROWS_MAX:
            trades = await self._trades(channel, hole.ids[0], len(hole.ids))
            if [trade.id for trade in trades if trade.is_sane] == list(hole.ids):
                self.counts.filled += len(trades)
                return [*(channel.tick(trade) for trade in trades), tick]
        missing = f"trades {hole.ids[0]} to {hole.ids[-1]} are missing" if hole.ids else "trades are counted anew"
        self.counts.gaps += 1
        self._on_state("gap", f"{channel.instrument}: {missing}")
        return FeedGap(channel.instrument, hole.ts), tick, FeedGap(channel.instrument, tick.ts)

    async def _missed(self, tape: Tape) -> Sequence[Tick | FeedGap]:
        """Ask for what was traded while there was no connection; more than one answer can hold is left to a hole."""
        channels = [channel for channel in tape.channels if channel.last_id is not None]
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(self._trades(c, (c.last_id or 0) + 1, _ROWS_MAX)) for c in channels]
        turns: list[tuple[int, Sequence[Tick | FeedGap]]] = []
        for channel, answer in zip(channels, asked, strict=True):
            trades = answer.result()
            for trade in trades if len(trades) < _ROWS_MAX else ():
                said = tape.take(channel, trade, quoted=False)
                if isinstance(said, Hole):
                    turns.append((channel.ts, await self._fill(said)))
                elif said is not None:
                    turns.append((channel.ts, (said,)))
                    self.counts.filled += 1
        turns.sort(key=itemgetter(0))  # stable: each instrument's trades stay in their order
        return [event for _, events in turns for event in events]

    def _cut_off(self, tape: Tape, reason: str) -> Sequence[FeedGap]:
        """Tell that what forms now has a hole, once something has formed."""
        if not tape.ts:
            return ()
        self.counts.gaps += 1
        self._on_state("gap", f"{', '.join(channel.instrument for channel in tape.channels)}: {reason}")
        return [FeedGap(channel.instrument, tape.ts) for channel in tape.channels]

    async def _refuse_unknown(self, tape: Tape) -> None:
        """Ask for every symbol's price once, since a stream of an unknown symbol is just silent."""
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(self._is_unknown(channel.symbol)) for channel in tape.channels]
        unknown = [c.instrument for c, answer in zip(tape.channels, asked, strict=True) if answer.result()]
        if unknown:
            msg = f"{self._rest_url} does not know {', '.join(unknown)}; name symbols as it does"
            raise FeedError(msg)

    async def _is_unknown(self, symbol: str) -> bool:
        try:
            await self._once("ticker/bookTicker", BookTicker, _FILL_S, {"symbol": symbol})
        except _RefusedError as error:
            return error.code == _INVALID_SYMBOL
        except UnavailableError:  # then only the stream can tell
            return False
        return False

    # --- REST ----------------------------------------------------------------------------------------------------

    async def _trades(self, channel: Channel, from_id: int, limit: int) -> list[Trade]:
        """Return trades by their ids, none where the venue does not give them: the feed does not wait for a retry."""
        query: dict[str, str | int] = {"symbol": channel.symbol, "fromId": from_id, "limit": limit}
        try:
            return await self._once("aggTrades", list[Trade], _FILL_S, query)
        except FeedError:
            return []

    @stamina.retry(on=again, attempts=_ATTEMPTS, timeout=RETRY_S)
    async def _ask(self, path: str, answer: type[T], **query: str | int) -> T:
        return await self._once(path, answer, _REST_S, query)

    async def _once(self, path: str, answer: type[T], timeout_s: float, query: Mapping[str, str | int]) -> T:
        """Ask the venue.

        Raises:
            FeedError: it refuses, does not answer, or answers what cannot be read.
        """
        url = f"{self._rest_url}/api/v3/{path}"
        asked = f"{url}?{urlencode(query)}"
        status, body, _ = await ask(self._http, "GET", url, timeout_s, query)
        try:
            if status == OK:
                return msgspec.json.decode(body, type=answer, strict=False)
            refusal = msgspec.json.decode(body, type=Refusal, strict=False)
        except msgspec.MsgspecError as error:
            msg = f"{asked}: status {status}, and an answer that cannot be read: {error}"
            raise _RefusedError(msg, 0) from error
        msg = f"{asked}: refused with {refusal.code}, {refusal.msg}"
        raise _RefusedError(msg, refusal.code)
