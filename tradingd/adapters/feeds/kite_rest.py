"""What Kite is asked over REST: quotes, candles, who we are, and the day's session.

Every answer carries the venue's time in its head. The rules of the venue are kept here: so many requests a second of
each sort, so many days of candles at once. A session that is over is named as such; whoever asked decides whether to
wait for the next one. Credentials go to the venue alone, and into no message.

Source: Kite Connect 3, "User", "Market quotes and instruments", "Historical candle data", "Exceptions and errors".
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import deque
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import stamina

from tradingd.adapters.feeds.kite_wire import INDIAN_TIME, instrument_token
from tradingd.adapters.feeds.rest import OK, RETRY_S, Answer, UnavailableError, again, ask
from tradingd.model.errors import FeedError, FeedRefused
from tradingd.model.market import HOUR, MINUTE, SECOND, Depth, Tick

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import aiohttp

    from tradingd.model.instrument import Instrument

T = TypeVar("T")

INTERVALS = MappingProxyType({
    HOUR: ("60minute", 400),
    30 * MINUTE: ("30minute", 200),
    15 * MINUTE: ("15minute", 200),
    10 * MINUTE: ("10minute", 100),
    5 * MINUTE: ("5minute", 100),
    3 * MINUTE: ("3minute", 100),
    MINUTE: ("minute", 60),
})  # fmt: skip
"""The venue's candles by their width, widest first, and of how many days one answer may hold them.

Those of a day are left out: their close is the exchange's own, which no tick has told.
"""
PER_SECOND: Mapping[str, int] = MappingProxyType({"quote": 1, "historical": 3, "other": 10})
"""How many requests of each sort the venue takes in a second."""
QUOTES_MAX, PRICES_MAX = 500, 1000
"""How many instruments one request for quotes, and one for last prices, may name."""
_REST_S = 10.0
_WINDOW_S = 1.05  # a second, and what may be under way
_ATTEMPTS = 5
_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - Indian time, as the venue writes it
_EXPIRED = "TokenException"


class SessionExpiredError(FeedError):
    """The venue takes the access token no longer, or there is none: a person has to log in."""


class Credential:
    """The key of an application and the day's access token, which is renewed while everything runs."""

    def __init__(self, api_key: str, access_token: str = "", api_secret: str = "") -> None:
        self.api_key, self.api_secret = api_key, api_secret
        self.access_token = access_token
        self._renewed = asyncio.Event()

    def renew(self, access_token: str) -> None:
        """Take the token of a new session; whoever waits for one goes on."""
        self.access_token = access_token
        self._renewed.set()
        self._renewed = asyncio.Event()

    async def other_than(self, access_token: str) -> None:
        """Wait until there is a token, and not this one."""
        while self.access_token in {"", access_token}:
            await self._renewed.wait()


class Price(msgspec.Struct):
    """An instrument's last price."""

    instrument_token: int
    last_price: float


class _Level(msgspec.Struct):
    price: float
    quantity: float


class _Book(msgspec.Struct):
    buy: list[_Level]
    sell: list[_Level]


class Quote(msgspec.Struct):
    """All that is known of an instrument now; an index has no book. `timestamp` is Indian time."""

    instrument_token: int
    last_price: float
    timestamp: str | None = None
    volume: float = 0.0
    oi: float = 0.0
    depth: _Book | None = None

    def tick(self, instrument: Instrument) -> Tick | None:
        """Return it as a tick without volume; none before the first price."""
        if self.timestamp is None or self.last_price <= 0:
            return None
        book = self.depth or _Book([], [])
        bids = tuple((level.price, level.quantity) for level in book.buy if level.price > 0)
        asks = tuple((level.price, level.quantity) for level in book.sell if level.price > 0)
        depth = Depth(bids, asks) if any(units for _, units in bids + asks) else None
        bid, ask_ = (side[0][0] if side else 0.0 for side in (bids, asks))
        return Tick(instrument.id, instant(self.timestamp), self.last_price, 0.0, bid, ask_, self.oi, depth)


class Candle(msgspec.Struct, array_like=True):
    """A bar: its open as text with an offset, then its figures."""

    time: str
    open: float
    high: float
    low: float
    close: float
    volume: float

    @property
    def ts_open(self) -> int:
        """When it opens, in ns."""
        return int(dt.datetime.fromisoformat(self.time).timestamp()) * SECOND


class _Candles(msgspec.Struct):
    candles: list[Candle]


class _Session(msgspec.Struct):
    access_token: str


class _Envelope(msgspec.Struct):
    data: msgspec.Raw = msgspec.Raw(b"null")
    message: str = ""
    error_type: str = ""


@dataclass(slots=True, eq=False)
class _Asked:
    """A quote that is waited for: by whose id, and what was answered."""

    name: str
    told: tuple[Quote | None, int] | FeedError | None = None


class KiteRest:
    """The venue's REST side, asked no oftener than `per_second` allows."""

    def __init__(
        self, http: aiohttp.ClientSession, url: str, credential: Credential, per_second: Mapping[str, int] = PER_SECOND
    ) -> None:
        self.url = url
        self._http, self._credential = http, credential
        self._quoting, self._waiting = asyncio.Lock(), list[_Asked]()
        self._turns = {sort: _Turns(count) for sort, count in per_second.items()}

    async def time(self) -> int:
        """Return the venue's time in ns, whole seconds.

        Raises:
            FeedError: it does not answer.
        """
        return _time_of(await self._send("GET", "/user/profile", ()))

    async def admits(self, access_token: str) -> bool:
        """Return whether the venue takes a token.

        Raises:
            FeedError: it does not say.
        """
        try:
            await self._once("GET", "/user/profile", dict[str, Any], token=access_token)
        except SessionExpiredError:
            return False
        return True

    async def log_in(self, request_token: str) -> str:
        """Return the access token of the session that a person's login begins.

        Raises:
            FeedError: the venue refuses the request token or our secret.
        """
        key = self._credential.api_key
        checksum = sha256(f"{key}{request_token}{self._credential.api_secret}".encode()).hexdigest()
        form = {"api_key": key, "request_token": request_token, "checksum": checksum}
        session, _ = await self._once("POST", "/session/token", _Session, form=form)
        return session.access_token

    async def prices(self, instruments: Sequence[Instrument]) -> dict[str, Price]:
        """Return the last prices of at most `PRICES_MAX` instruments by their ids; those unknown are left out."""
        query = [("i", instrument.id) for instrument in instruments]
        return (await self._once("GET", "/quote/ltp", dict[str, Price], query, sort="quote"))[0]

    async def quotes(self, instruments: Sequence[Instrument]) -> tuple[dict[str, Quote], int]:
        """Return the quotes of at most `QUOTES_MAX` instruments by their ids, and the venue's time; no retry."""
        query = [("i", instrument.id) for instrument in instruments]
        return await self._once("GET", "/quote", dict[str, Quote], query, sort="quote")

    async def candles(
        self, instrument: Instrument, width: int, ts_from: int, ts_to: int
    ) -> tuple[list[Candle], int]:  # fmt: skip
        """Return the candles that open from `ts_from` to `ts_to`, both included, and the venue's time.

        Raises:
            FeedError: the venue refuses, or does not answer.
        """
        path = f"/instruments/historical/{instrument_token(instrument)}/{INTERVALS[width][0]}"
        answer, ts = await self._again(path, _Candles, [("from", indian(ts_from)), ("to", indian(ts_to))], "historical")
        return answer.candles, ts

    async def quote(self, instrument: Instrument) -> tuple[Quote | None, int]:
        """Return the quote of an instrument, none where it is unknown, and the venue's time.

        Those who ask while others do are answered together, as the venue takes one such request a second.

        Raises:
            FeedError: the venue refuses, or does not answer.
        """
        asked = _Asked(instrument.id)
        self._waiting.append(asked)
        try:
            async with self._quoting:
                await asyncio.sleep(0)  # let those join who ask at the same time
                if asked.told is None:
                    await self._answer(self._waiting[:QUOTES_MAX])
        finally:
            self._waiting.remove(asked)
        if isinstance(asked.told, FeedError):
            raise asked.told
        return asked.told or (None, 0)

    async def _answer(self, together: Sequence[_Asked]) -> None:
        query = [("i", name) for name in dict.fromkeys(asked.name for asked in together)]
        try:
            quotes, ts = await self._again("/quote", dict[str, Quote], query, "quote")
        except FeedError as error:
            for asked in together:
                asked.told = error
        else:
            for asked in together:
                asked.told = quotes.get(asked.name), ts

    @stamina.retry(on=again, attempts=_ATTEMPTS, timeout=RETRY_S)
    async def _again(self, path: str, kind: type[T], query: Sequence[tuple[str, str]], sort: str) -> tuple[T, int]:
        return await self._once("GET", path, kind, query, sort=sort)

    async def _once(  # noqa: PLR0913 - the parts of a request
        self,
        method: str,
        path: str,
        kind: type[T],
        query: Sequence[tuple[str, str]] = (),
        *,
        sort: str = "other",
        form: Mapping[str, str] | None = None,
        token: str | None = None,
    ) -> tuple[T, int]:
        """Ask once; return what is answered, and the venue's time.

        Raises:
            SessionExpiredError: the venue does not take the token.
            FeedError: it refuses, does not answer, or answers what cannot be read.
        """
        answer = await self._send(method, path, query, sort=sort, form=form, token=token)
        try:
            told = msgspec.json.decode(answer.body, type=_Envelope)
            if answer.status == OK and not told.error_type:
                return msgspec.json.decode(told.data, type=kind), _time_of(answer)
        except (msgspec.MsgspecError, UnicodeError) as error:
            msg = f"{self.url}{path}: status {answer.status}, and an answer that cannot be read: {error}"
            raise FeedRefused(msg) from error
        if told.error_type == _EXPIRED:
            msg = f"{self.url}{path}: {told.message}"
            raise SessionExpiredError(msg)
        msg = f"{self.url}{path}: refused with {told.error_type or answer.status}, {told.message}"
        raise FeedRefused(msg)

    async def _send(  # noqa: PLR0913 - the parts of a request
        self,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]],
        *,
        sort: str = "other",
        form: Mapping[str, str] | None = None,
        token: str | None = None,
    ) -> Answer:  # fmt: skip
        await self._turns[sort].take()
        token = self._credential.access_token if token is None else token
        headers = {"X-Kite-Version": "3", "Authorization": f"token {self._credential.api_key}:{token}"}
        return await ask(self._http, method, f"{self.url}{path}", _REST_S, query, headers=headers, form=form)


class _Turns:
    """Lets so many through in any second, in the order in which they came."""

    def __init__(self, per_second: int) -> None:
        self._due_s: deque[float] = deque(maxlen=per_second)

    async def take(self) -> None:
        now_s = asyncio.get_running_loop().time()
        is_full = len(self._due_s) == self._due_s.maxlen
        due_s = max(now_s, self._due_s[0] + _WINDOW_S) if is_full else now_s
        self._due_s.append(due_s)
        if due_s > now_s:
            await asyncio.sleep(due_s - now_s)


def instant(text: str) -> int:
    """Return when it is `text`, as 2025-09-26 15:29:59 of Indian time, in ns UTC."""
    return int((dt.datetime.fromisoformat(text) - _EPOCH).total_seconds()) * SECOND - INDIAN_TIME


def indian(ts: int) -> str:
    """Return a time as the venue is asked for it, whole seconds of Indian time."""
    return f"{_EPOCH + dt.timedelta(seconds=(ts + INDIAN_TIME) // SECOND)}"


def _time_of(answer: Answer) -> int:
    """Return the venue's time as the head of an answer says."""
    try:
        return int(parsedate_to_datetime(answer.headers["Date"]).timestamp()) * SECOND
    except (KeyError, ValueError) as error:
        msg = f"an answer of the venue does not say when it was given: {error}"
        raise UnavailableError(msg) from error
