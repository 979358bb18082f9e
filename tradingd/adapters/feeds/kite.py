"""The Kite provider: live ticks over at most three shared websockets, bars of the past over REST.

It is the source of data of the Indian exchanges (NSE, BSE and their derivatives, commodities, currencies), and works
with whatever speaks that protocol, the simulated ticker included. The session with the venue ends every morning: the
feed waits then, says so, and goes on with the token of the next login, without a restart. It knows no clock of ours.

Source: Kite Connect 3, "WebSocket streaming", "Historical candle data".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from tradingd.adapters.feeds.aggregation import cut
from tradingd.adapters.feeds.kite_line import Line, Outbox, Wiring
from tradingd.adapters.feeds.kite_rest import INTERVALS, PER_SECOND, PRICES_MAX, KiteRest, SessionExpiredError
from tradingd.adapters.feeds.kite_wire import KiteCounts, instrument_token
from tradingd.model.errors import FeedError, FeedRefused
from tradingd.model.market import DAY, SECOND, Timeframe

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence

    import aiohttp

    from tradingd.adapters.feeds.aggregation import Sessions
    from tradingd.adapters.feeds.kite_line import LineState
    from tradingd.adapters.feeds.kite_rest import Candle, Credential
    from tradingd.model.events import FeedGap
    from tradingd.model.instrument import Instrument
    from tradingd.model.market import Bar, Tick

T = TypeVar("T")

LINES_MAX, INSTRUMENTS_MAX = 3, 3000
"""How many connections the venue grants a key, and how many instruments each of them."""
_PAGES_MAX = 20  # answers that a history is made from
_DAYS_MORE = 5  # asked for beyond what regular sessions would need, as there are holidays


class KiteProvider:
    """Market data of one venue; `http` is the caller's to close.

    `sessions` says when an instrument trades. `jitter` (0 to 1) spreads the attempts to come back, `stale_s` is how
    long a connection may be without a beat, or with nothing but beats while the market trades. `on_state` is told of
    `connected`, `lost`, `stale`, `gap` and `expired`, with the detail; `on_text` of messages in words, with their type.
    `counts` adds up all subscriptions.
    """

    def __init__(  # noqa: PLR0913 - what it is wired to
        self,
        http: aiohttp.ClientSession,
        sessions: Sessions,
        *,
        ws_url: str,
        rest_url: str,
        credential: Credential,
        stale_s: float,
        jitter: Callable[[], float],
        on_state: Callable[[LineState, str], None],
        on_text: Callable[[str, bytes], None],
        per_second: Mapping[str, int] = PER_SECOND,
    ) -> None:
        self.counts = KiteCounts()
        self._sessions, self._credential, self._on_state = sessions, credential, on_state
        self._rest = KiteRest(http, rest_url.rstrip("/"), credential, per_second)
        self._wiring = Wiring(
            url=ws_url.rstrip("/"), credential=credential, rest=self._rest, counts=self.counts, sessions=sessions,
            stale_s=stale_s, jitter=jitter, on_state=self._on_line, on_text=on_text,
        )  # fmt: skip
        self._lines = [self._line(number) for number in range(LINES_MAX)]

    # --- the session with the venue ------------------------------------------------------------------------------

    async def renew(self, token: str, *, is_request: bool = False) -> None:
        """Go on with the access token of a new session, or with the request token of the login that begins it.

        Raises:
            FeedError: the venue does not take it, or does not answer; nothing is changed then.
        """
        if is_request:
            token = await self._rest.log_in(token)
        elif not await self._rest.admits(token):
            msg = f"{self._rest.url} does not take this access token; log in again for one of today"
            raise FeedRefused(msg)
        self._credential.renew(token)

    async def server_time(self) -> int:
        """Return the venue's time in ns, whole seconds.

        Raises:
            FeedError: it does not answer.
        """
        return await self._rest.time()

    # --- the past and the present --------------------------------------------------------------------------------

    async def last(self, instrument: Instrument) -> tuple[Tick, int] | None:
        """Return the last price under the best quotes, and its age in ns; none before the first price.

        Raises:
            FeedError: the venue does not know the instrument, refuses, or does not answer.
        """
        token = instrument_token(instrument)
        quote, now = await self._admitted(lambda: self._rest.quote(instrument))
        if quote is None or quote.instrument_token != token:
            raise FeedRefused(self._unknown([instrument]))
        tick = quote.tick(instrument)
        return None if tick is None else (tick, max(now - tick.ts, 0))

    async def history(self, instrument: Instrument, timeframe: Timeframe, count: int, until: int) -> Sequence[Bar]:
        """Return at most `count` closed bars that end at or before `until`, oldest first.

        A bar without trades is none, as it is live. Bars that the venue does not have are made of its smaller ones.

        Raises:
            FeedError: no bars of the venue make up such ones, it refuses, or does not answer.
        """
        width = self._width(instrument, timeframe)
        days = min(self._days(instrument, timeframe, count, until), INTERVALS[width][1])
        bars: list[Bar] = []
        end = before = until
        for _ in range(_PAGES_MAX):
            begin = before - days * DAY
            candles, now = await self._candles(instrument, width, begin, before - SECOND)
            end = min(end, now)
            pieces = [(one.ts_open, one.open, one.high, one.low, one.close, one.volume, 0) for one in candles]
            page = [bar for bar in cut(instrument, timeframe, pieces, self._sessions) if bar.ts_close <= end]
            # The beginning of the first may be on the page before.
            before = page.pop(0).ts_close if page and page[0].ts_open < begin else begin
            bars = [*page, *bars]
            if len(bars) >= count or not candles:
                break
            days = INTERVALS[width][1]
        return bars[-count:] if count > 0 else []

    async def _candles(
        self, instrument: Instrument, width: int, ts_from: int, ts_to: int
    ) -> tuple[list[Candle], int]:  # fmt: skip
        return await self._admitted(lambda: self._rest.candles(instrument, width, ts_from, ts_to))

    @staticmethod
    def _width(instrument: Instrument, timeframe: Timeframe) -> int:
        """Return the widest candles of the venue, which begin with the session, that fill a bar."""
        for width in INTERVALS:
            if timeframe.ns % width == 0:
                return width
        known = ", ".join(str(Timeframe(width)) for width in reversed(INTERVALS))
        msg = f"{instrument.id}: bars of {timeframe} cannot be made of what the venue has: {known}"
        raise FeedRefused(msg)

    def _days(self, instrument: Instrument, timeframe: Timeframe, count: int, until: int) -> int:
        """Return in how many days so many bars should be found."""
        session = self._sessions(instrument, until)
        each = max((session.ts_close - session.ts_open) // timeframe.ns, 1)
        return -(-count // each) * 7 // 5 + _DAYS_MORE

    async def _admitted(self, request: Callable[[], Awaitable[T]]) -> T:
        """Ask; where the session is over, wait for the next one and ask again."""
        while True:
            token = self._credential.access_token
            try:
                return await request()
            except SessionExpiredError as error:
                self._on_state("expired", f"{error}; log in and tell the new access token")
            await self._credential.other_than(token)
            self._on_line("connected", self._rest.url)

    # --- the stream ----------------------------------------------------------------------------------------------

    async def subscribe(self, instruments: Sequence[Instrument]) -> AsyncGenerator[Tick | FeedGap, None]:
        """Yield a tick for each packet that tells news, and gaps for what was missed; never ends by itself.

        What one connection says comes in its order; instruments fill the first connection before the next.

        Raises:
            FeedError: the venue does not know an instrument, or they are too many.
        """
        wanted = {instrument_token(instrument): instrument for instrument in instruments}
        if len(wanted) < len(set(instruments)):
            msg = f"{', '.join(i.id for i in instruments)}: two of them have one token; the instrument list is wrong"
            raise FeedRefused(msg)
        await self._refuse_unknown(wanted)
        outbox = Outbox()
        joined: list[Line] = []
        try:
            for line, part in self._spread(wanted).items():
                joined.append(line)
                await line.join(outbox, part)
            while True:
                for event in await outbox.take():
                    yield event
        finally:
            for line in joined:
                if line.leave(outbox):
                    self._lines[self._lines.index(line)] = self._line(self._lines.index(line))
            for line in joined:
                await line.settle()

    def _spread(self, wanted: Mapping[int, Instrument]) -> dict[Line, list[Instrument]]:
        """Choose the line of each instrument: the one that has it, else the first that has room."""
        parts: dict[Line, list[Instrument]] = {}
        room = {line: INSTRUMENTS_MAX - len(line) for line in self._lines}
        free = sum(room.values())
        for token, instrument in sorted(wanted.items()):
            line = next((line for line in self._lines if token in line), None)
            if line is None:
                line = next((line for line in self._lines if room[line] > 0), None)
                if line is None:
                    most = LINES_MAX * INSTRUMENTS_MAX
                    msg = f"{len(wanted)} instruments are too many; {free} of {most} are free"
                    raise FeedRefused(msg)
                room[line] -= 1
            parts.setdefault(line, []).append(instrument)
        return parts

    async def _refuse_unknown(self, wanted: Mapping[int, Instrument]) -> None:
        """Ask for all prices once: of an unknown token the stream is silent, and one that was given anew misleads."""
        known: set[int] = set()
        instruments = list(wanted.values())
        try:
            for first in range(0, len(instruments), PRICES_MAX):
                prices = await self._rest.prices(instruments[first : first + PRICES_MAX])
                known.update(price.instrument_token for price in prices.values())
        except FeedError:  # then only the stream can tell
            return
        unknown = [instrument for token, instrument in wanted.items() if token not in known]
        if unknown:
            raise FeedRefused(self._unknown(unknown))

    def _unknown(self, instruments: Sequence[Instrument]) -> str:
        named = ", ".join(f"{instrument.id} ({instrument_token(instrument)})" for instrument in instruments)
        return f"{self._rest.url} does not know {named}; daemon.instruments must name today's instrument list"

    # --- its lines -----------------------------------------------------------------------------------------------

    def _line(self, number: int) -> Line:
        return Line(f"line {number + 1} of {LINES_MAX}", self._wiring)

    def _on_line(self, state: LineState, detail: str) -> None:
        """Tell of a line; the feed is connected when all lines are that are in use."""
        used = [line for line in self._lines if len(line)]
        if state != "connected" or (used and all(line.is_up for line in used)):
            self._on_state(state, detail)
