"""Kite's REST as a simulated ticker serves it: sessions, the instrument list, quotes and candles.

Only what has been told on the tape is told here, and each answer says in its head what time it is there. Requests
without a valid session, beyond the limits, or that make no sense are refused in Kite's own words. Orders are another
part's: it would add its routes beside these, behind the same `admitted`, and tell updates by `KiteVenue.tell_order`.

Source: Kite Connect 3, "User", "Market quotes and instruments", "Historical candle data", "Exceptions and errors".
"""

from __future__ import annotations

import gzip
from collections import defaultdict, deque
from email.utils import formatdate
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from aiohttp import hdrs, web

from tradingd.adapters.feeds.aggregation import cut
from tradingd.adapters.feeds.instants import parse_instant
from tradingd.adapters.feeds.kite_rest import INTERVALS, PER_SECOND, PRICES_MAX, QUOTES_MAX, indian
from tradingd.core.markets.sessions import market
from tradingd.model.errors import DataError
from tradingd.model.market import DAY, SECOND, Timeframe
from tradingd.venues.kite_listing import dump
from tradingd.venues.wire import dumps

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from tradingd.model.instrument import Instrument
    from tradingd.model.market import Bar, TradingSession
    from tradingd.venues.kite_board import Board, Day
    from tradingd.venues.tape import Tape

_WIDTHS = {name: (width, days) for width, (name, days) in INTERVALS.items()}
_ZONE = market("NSE").zone
TOKEN, INPUT, NETWORK = "TokenException", "InputException", "NetworkException"
"""The sorts of refusals."""
_STATUS = {TOKEN: 403, INPUT: 400, NETWORK: 429}
_OPEN_TO_ALL = {"/", "/session/token", "/sim/faults", "/sim/expire"}


class KiteError(Exception):
    """A request that is refused, as Kite tells it."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind

    def response(self) -> web.Response:
        """Return it as an answer."""
        content = {"status": "error", "message": str(self), "error_type": self.kind}
        return web.json_response(content, status=_STATUS[self.kind], dumps=dumps)


class Sessions:
    """Who is let in: one application, by the access token of its latest login."""

    def __init__(self, api_key: str = "key", api_secret: str = "secret", access_token: str = "token") -> None:  # noqa: S107 - made up
        self.api_key, self._api_secret = api_key, api_secret
        self._access_token: str | None = access_token
        self._logins = 0

    def admits(self, api_key: str, access_token: str) -> bool:
        """Whether a token is that of the session that is on."""
        return self._access_token is not None and (api_key, access_token) == (self.api_key, self._access_token)

    def expire(self) -> None:
        """End the session, as every morning."""
        self._access_token = None

    def log_in(self, api_key: str, request_token: str, checksum: str) -> str:
        """Begin a session for whoever knows the secret; every request token is one of a login that happened.

        Raises:
            KiteError: it is somebody else.
        """
        expected = sha256(f"{self.api_key}{request_token}{self._api_secret}".encode()).hexdigest()
        if not request_token or (api_key, checksum) != (self.api_key, expected):
            raise KiteError(TOKEN, "Token is invalid or has expired.")
        self._logins += 1
        self._access_token = f"{expected[:24]}{self._logins:08d}"
        return self._access_token


class KiteRest:
    """The endpoints over a board and its tape; `per_second` bounds requests of each sort in our time."""

    def __init__(  # noqa: PLR0913 - what it answers from
        self,
        tape: Tape,
        board: Board,
        sessions: Sessions,
        now: Callable[[], int],
        monotonic: Callable[[], float],
        per_second: Mapping[str, int] = PER_SECOND,
    ) -> None:
        self._tape, self._board, self._sessions, self._now = tape, board, sessions, now
        self._monotonic, self._per_second = monotonic, per_second
        self._asked: defaultdict[str, deque[float]] = defaultdict(deque)
        self._by_id = {day.listed.instrument.id: day for day in board.days}

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints with their handlers."""
        return [
            web.post("/session/token", self._log_in),
            web.delete("/session/token", self._log_out),
            web.get("/user/profile", self._profile),
            web.get("/instruments", self._instruments),
            web.get("/instruments/{exchange}", self._instruments),
            web.get("/instruments/historical/{token}/{interval}", self._historical),
            web.get("/quote", self._quote),
            web.get("/quote/ohlc", self._ohlc),
            web.get("/quote/ltp", self._ltp),
        ]

    @web.middleware
    async def admitted(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Let in who has a session, no oftener than is granted; refuse in Kite's words."""
        try:
            if request.path not in _OPEN_TO_ALL:
                _, _, told = request.headers.get("Authorization", "").partition("token ")
                if not self._sessions.admits(*told.partition(":")[::2]):
                    raise KiteError(TOKEN, "Incorrect `api_key` or `access_token`.")  # noqa: TRY301 - one place
                self._count(request.path)
            return await handler(request)
        except KiteError as error:
            return error.response()

    async def stamp(self, _request: web.Request, response: web.StreamResponse) -> None:
        """Say in the head of an answer what time it is here."""
        response.headers[hdrs.DATE] = formatdate(self._now() // SECOND, usegmt=True)

    def _count(self, path: str) -> None:
        sort = "quote" if path.startswith("/quote") else "historical" if "/historical/" in path else "other"
        asked, now_s = self._asked[sort], self._monotonic()
        while asked and now_s - asked[0] >= 1.0:
            asked.popleft()
        if len(asked) >= self._per_second[sort]:
            raise KiteError(NETWORK, "Too many requests")
        asked.append(now_s)

    # --- sessions --------------------------------------------------------------------------------------------

    async def _log_in(self, request: web.Request) -> web.Response:
        form = await request.post()
        api_key, request_token, checksum = (str(form.get(n, "")) for n in ("api_key", "request_token", "checksum"))
        token = self._sessions.log_in(api_key, request_token, checksum)
        return _success(
            {"user_id": "AB1234", "api_key": api_key, "access_token": token, "login_time": indian(self._now())}
        )

    async def _log_out(self, request: web.Request) -> web.Response:
        if self._sessions.admits(request.query.get("api_key", ""), request.query.get("access_token", "")):
            self._sessions.expire()
        return _success(data=True)

    async def _profile(self, _request: web.Request) -> web.Response:
        exchanges = sorted({day.listed.instrument.exchange for day in self._board.days})
        return _success({"user_id": "AB1234", "user_type": "individual", "broker": "ZERODHA", "exchanges": exchanges})

    # --- the market ------------------------------------------------------------------------------------------

    async def _instruments(self, request: web.Request) -> web.Response:
        exchange = request.match_info.get("exchange")
        chosen = [day.listed for day in self._board.days if exchange in {None, day.listed.instrument.exchange}]
        headers = {"Content-Encoding": "gzip"}
        return web.Response(body=gzip.compress(dump(chosen).encode()), content_type="text/csv", headers=headers)

    async def _quote(self, request: web.Request) -> web.Response:
        return _success({name: _full(day) for name, day in self._asked_for(request, QUOTES_MAX)})

    async def _ohlc(self, request: web.Request) -> web.Response:
        return _success({name: _last(day) | {"ohlc": _ohlc(day)} for name, day in self._asked_for(request, PRICES_MAX)})

    async def _ltp(self, request: web.Request) -> web.Response:
        return _success({name: _last(day) for name, day in self._asked_for(request, PRICES_MAX)})

    def _asked_for(self, request: web.Request, most: int) -> list[tuple[str, Day]]:
        """Return the instruments that a request names, as `NSE:INFY` or by token, and that there are."""
        names = request.query.getall("i", [])
        if not 0 < len(names) <= most:
            raise KiteError(INPUT, f"Name 1 to {most} instruments.")
        days = ((n, self._by_id.get(n) or (self._board.by_token.get(int(n)) if n.isdecimal() else None)) for n in names)
        return [(name, day) for name, day in days if day is not None]

    async def _historical(self, request: web.Request) -> web.Response:
        token, interval = request.match_info["token"], request.match_info["interval"]
        day = self._board.by_token.get(int(token)) if token.isdecimal() else None
        if day is None:
            raise KiteError(INPUT, "invalid token")
        if interval not in _WIDTHS:
            raise KiteError(INPUT, "invalid interval")
        width, days_max = _WIDTHS[interval]
        ts_from, ts_to = (_instant(request.query.get(name, "")) for name in ("from", "to"))
        if ts_to - ts_from > days_max * DAY:
            raise KiteError(INPUT, f"interval exceeds max limit: {days_max} days")
        bars = self._bars(self._board.days.index(day), day.listed.instrument, width, ts_from, ts_to)
        return _success({"candles": [_candle(bar) for bar in bars]})

    def _bars(self, index: int, instrument: Instrument, width: int, ts_from: int, ts_to: int) -> Sequence[Bar]:
        """Return the bars that open from `ts_from` to `ts_to`, the forming one too."""
        trades = self._tape.trades(index)
        columns = (trades.ts_market.tolist(), trades.ts.tolist(), trades.price.tolist(), trades.quantity.tolist())
        since = max(ts_from - width, 0)
        pieces = [
            (ts, price, price, price, price, quantity, 1)
            for present, ts, price, quantity in zip(*columns, strict=True)
            if since <= present <= ts_to + width
        ]
        bars = cut(instrument, Timeframe(width), pieces, _session)
        return [bar for bar in bars if ts_from <= bar.ts_open <= ts_to]


def _session(instrument: Instrument, ts: int) -> TradingSession:
    return market(instrument.exchange).session_from(ts, instrument)


def _instant(text: str) -> int:
    try:
        return parse_instant(text, _ZONE)[0]
    except (DataError, ValueError) as error:
        raise KiteError(INPUT, f"invalid date: {text!r}") from error


def _success(data: Any) -> web.Response:
    return web.json_response({"status": "success", "data": data}, dumps=dumps)


def _price(day: Day, number: int) -> float:
    return number / day.listed.unit


def _last(day: Day) -> dict[str, Any]:
    return {"instrument_token": day.listed.token, "last_price": _price(day, day.last)}


def _ohlc(day: Day) -> dict[str, float]:
    return {name: _price(day, getattr(day, name)) for name in ("open", "high", "low", "close")}


def _full(day: Day) -> dict[str, Any]:
    told = {"timestamp": indian(day.ts) if day.ts else None, **_last(day), "ohlc": _ohlc(day)}
    if day.listed.is_index:
        return told | {"net_change": 0}
    sides = [
        [
            {"price": _price(day, price), "quantity": quantity, "orders": orders}
            for quantity, price, orders in day.depth(n)
        ]
        for n in (0, 1)
    ]
    return told | {
        "last_trade_time": indian(day.ts_traded) if day.ts_traded else None,
        "last_quantity": day.quantity,
        "average_price": _price(day, day.average),
        "volume": day.volume,
        "buy_quantity": day.standing(0),
        "sell_quantity": day.standing(1),
        "oi": day.oi,
        "oi_day_high": day.oi,
        "oi_day_low": day.oi,
        "net_change": 0,
        "depth": dict(zip(("buy", "sell"), sides, strict=True)),
    }


def _candle(bar: Bar) -> list[Any]:
    opened = f"{indian(bar.ts_open).replace(' ', 'T')}+0530"
    return [opened, bar.open, bar.high, bar.low, bar.close, int(bar.volume)]
