"""Binance's public market data over REST: what a client needs to begin, and to fill a gap.

Only what has been told on the tape is told here. A wrong request is answered in Binance's own error codes, by the
same rules for every endpoint; nothing is guessed.

Source: binance-spot-api-docs, rest-api.md and errors.md (July 2026).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from aiohttp import web

from tradingd.venues.klines import INTERVALS, Kline, klines
from tradingd.venues.wire import MICROSECOND, MILLISECOND, UNITS, dumps

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from tradingd.venues.tape import Tape
    from tradingd.venues.trades import Trades

_LIMIT, _LIMIT_MAX = 500, 1000
_MS_MAX = 100_000_000_000_000  # beyond it, a time in a request is in microseconds
_DIGITS_MAX = 18
_LATEST = 1 << 62  # in ns; no market is as late as that


class RestError(Exception):
    """A request that cannot be met, as Binance tells it."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@web.middleware
async def in_binances_words(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer a request that cannot be met with status 400, a code and a message."""
    try:
        return await handler(request)
    except RestError as error:
        return web.json_response({"code": error.code, "msg": str(error)}, status=400, dumps=dumps)


def read_unit(name: str, given: Mapping[str, str]) -> int:
    """Return the unit of time that a client asks for under `name`, in ns; milliseconds where it asks for none."""
    unit = UNITS.get(given.get(name, "MILLISECOND").upper())
    if unit is None:
        raise RestError(-1130, f"Data sent for parameter '{name}' is not valid.")
    return unit


class Rest:
    """The endpoints, over a tape and the venue's time."""

    def __init__(self, tape: Tape, now: Callable[[], int]) -> None:
        self._tape = tape
        self._now = now
        self._indices = {symbol: index for index, symbol in enumerate(tape.symbols)}

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints with their handlers."""
        endpoints: dict[str, Callable[[_Query], Any]] = {
            "ping": self._ping,
            "time": self._time,
            "exchangeInfo": self._exchange_info,
            "klines": self._klines,
            "aggTrades": self._agg_trades,
            "ticker/price": self._price,
            "ticker/bookTicker": self._book_ticker,
        }
        return [web.get(f"/api/v3/{path}", _handler(answer)) for path, answer in endpoints.items()]

    def _ping(self, query: _Query) -> dict[str, Any]:
        query.done()
        return {}

    def _time(self, query: _Query) -> dict[str, Any]:
        query.done()
        return {"serverTime": self._now() // query.unit}

    def _exchange_info(self, query: _Query) -> dict[str, Any]:
        symbols, _ = self._symbols(query)
        return {
            "timezone": "UTC",
            "serverTime": self._now() // query.unit,
            "rateLimits": [],
            "exchangeFilters": [],
            "symbols": [_symbol_info(symbol, *self._tape.steps[symbol]) for symbol in symbols],
        }

    def _klines(self, query: _Query) -> list[list[int | str]]:
        index = self._symbol(query)
        interval = query.text("interval")
        start, end, limit = query.time("startTime"), query.time("endTime", past=1), query.limit()
        query.done()
        width = INTERVALS.get(interval)
        if width is None:
            raise RestError(-1120, "Invalid interval.")
        last = self._now() // width
        if end is not None:
            last = min(last, (end - 1) // width)
        first = last - limit + 1
        if start is not None:
            first = -(-start // width)
            last = min(last, first + limit - 1)
        return [_kline_row(bar, width, query.unit) for bar in klines(self._tape.trades(index), width, first, last)]

    def _agg_trades(self, query: _Query) -> list[dict[str, Any]]:
        index = self._symbol(query)
        number, limit = query.number("fromId"), query.limit()
        start, end = query.time("startTime"), query.time("endTime", past=1)
        query.done()
        trades = self._tape.trades(index)
        first, stop = 0, len(trades)
        if number is not None:
            if start is not None or end is not None:
                raise RestError(-1128, "Combination of optional parameters invalid.")
            first = int(np.searchsorted(trades.number, number))
        if start is not None:
            first = int(np.searchsorted(trades.ts_market, start))
        if end is not None:
            stop = int(np.searchsorted(trades.ts_market, end))
        if number is None and start is None:
            return _trade_rows(trades.part(max(first, stop - limit), stop), query.unit)
        return _trade_rows(trades.part(first, max(first, min(stop, first + limit))), query.unit)

    def _price(self, query: _Query) -> dict[str, Any] | list[dict[str, Any]]:
        return self._tickers(query, {"price": "price"})

    def _book_ticker(self, query: _Query) -> dict[str, Any] | list[dict[str, Any]]:
        columns = {"bidPrice": "bid", "bidQty": "bid_quantity", "askPrice": "ask", "askQty": "ask_quantity"}
        return self._tickers(query, columns)

    def _tickers(self, query: _Query, columns: dict[str, str]) -> dict[str, Any] | list[dict[str, Any]]:
        symbols, is_single = self._symbols(query)
        rows = []
        for symbol in symbols:
            last = self._tape.latest(self._indices[symbol])
            rows.append({"symbol": symbol} | {key: _last(getattr(last, name)) for key, name in columns.items()})
        return rows[0] if is_single else rows

    def _symbol(self, query: _Query) -> int:
        """Return the index of the one symbol that is asked for."""
        index = self._indices.get(query.text("symbol"))
        if index is None:
            raise RestError(-1121, "Invalid symbol.")
        return index

    def _symbols(self, query: _Query) -> tuple[Sequence[str], bool]:
        """Return the symbols that are asked for, all where none is, and whether it is one by itself."""
        single, several = query.optional("symbol"), query.optional("symbols")
        query.done()
        if single is None and several is None:
            return self._tape.symbols, False
        if single is not None and several is not None:
            raise RestError(-1128, "Combination of optional parameters invalid.")
        names = [single] if several is None else _names(several)
        if len(set(names)) < len(names):
            raise RestError(-1151, "Symbol is present multiple times in the list.")
        if not all(name in self._indices for name in names):
            raise RestError(-1121, "Invalid symbol.")
        return [name for name in names if name is not None], single is not None


class _Query:
    """The parameters of a request, each read once; `unit` is that of the times in the answer, in ns."""

    def __init__(self, request: web.Request) -> None:
        self._given = dict(request.query)
        self._count = len(request.query)
        if len(self._given) < self._count:
            raise RestError(-1101, "Duplicate values for a parameter detected.")
        self.unit = read_unit("X-MBX-TIME-UNIT", request.headers)

    def optional(self, name: str) -> str | None:
        """Return a parameter, none where it is not given."""
        value = self._given.pop(name, None)
        if value == "":
            raise RestError(-1105, f"Parameter '{name}' was empty.")
        return value

    def text(self, name: str) -> str:
        """Return a mandatory parameter."""
        value = self._given.pop(name, "")
        if not value:
            raise RestError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
        return value

    def number(self, name: str) -> int | None:
        """Return a whole number that is not negative."""
        value = self.optional(name)
        if value is None:
            return None
        if not (value.isascii() and value.isdigit() and len(value) <= _DIGITS_MAX):
            legal = "^[0-9]{1,20}$"
            raise RestError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")
        return int(value)

    def time(self, name: str, past: int = 0) -> int | None:
        """Return a time in ns, given in milliseconds or microseconds, or one `past` it."""
        value = self.number(name)
        if value is None:
            return None
        return min((value + past) * (MILLISECOND if value < _MS_MAX else MICROSECOND), _LATEST)

    def limit(self) -> int:
        """Return how many rows may be answered; more than 1000 are cut to that."""
        value = self.number("limit")
        if value == 0:
            raise RestError(-1130, "Data sent for parameter 'limit' is not valid.")
        return _LIMIT if value is None else min(value, _LIMIT_MAX)

    def done(self) -> None:
        """Refuse what nobody has read."""
        if self._given:
            read = self._count - len(self._given)
            raise RestError(
                -1104, f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{self._count}'."
            )


def _handler(answer: Callable[[_Query], Any]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        return web.json_response(answer(_Query(request)), dumps=dumps)

    return handle


def _names(text: str) -> list[str]:
    try:
        names = json.loads(text)
    except ValueError:
        names = None
    if not (isinstance(names, list) and names and all(isinstance(name, str) for name in names)):
        raise RestError(-1135, "JSON sent for parameter 'symbols' is not valid")
    return names


def _last(column: Any) -> str:
    return f"{column[0] if len(column) else 0.0:.8f}"


def _kline_row(bar: Kline, width: int, unit: int) -> list[int | str]:
    prices = [f"{price:.8f}" for price in (bar.open, bar.high, bar.low, bar.close, bar.volume)]
    buys = [f"{bar.buy_volume:.8f}", f"{bar.buy_quote_volume:.8f}"]
    ts_last = (bar.ts_open + width) // unit - 1
    return [bar.ts_open // unit, *prices, ts_last, f"{bar.quote_volume:.8f}", bar.count, *buys, "0"]


def _trade_rows(trades: Trades, unit: int) -> list[dict[str, Any]]:
    columns = (trades.number, trades.price, trades.quantity, trades.ts // unit, trades.is_sell)
    return [
        {"a": a, "p": f"{p:.8f}", "q": f"{q:.8f}", "f": a, "l": a, "T": t, "m": m, "M": True}
        for a, p, q, t, m in zip(*(column.tolist() for column in columns), strict=True)
    ]


def _symbol_info(symbol: str, tick_size: str, quantity_step: str) -> dict[str, Any]:
    digits = {
        f"{name}Precision": 8 for name in ("baseAsset", "quote", "quoteAsset", "baseCommission", "quoteCommission")
    }
    absent = ("iceberg", "oco", "oto", "quoteOrderQtyMarket", "cancelReplace", "amend")
    return {
        "symbol": symbol,
        "status": "TRADING",
        "baseAsset": symbol.removesuffix("USDT") or symbol,
        "quoteAsset": "USDT",
        **digits,
        "orderTypes": [],
        **{f"{name}Allowed": False for name in absent},
        "allowTrailingStop": False,
        "isSpotTradingAllowed": False,
        "isMarginTradingAllowed": False,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": tick_size,
                "maxPrice": "100000000.00000000",
                "tickSize": tick_size,
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": quantity_step,
                "maxQty": "100000000.00000000",
                "stepSize": quantity_step,
            },
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "NONE",
        "allowedSelfTradePreventionModes": ["NONE"],
    }
