"""What one websocket client hears: its subscriptions, the answers to its requests, and its share of the market.

A synchronous object without I/O: requests and trades go in, frames come out. It knows the protocol's words through
`wire`, the market through its tape, and neither sockets nor clocks.

Source: binance-spot-api-docs, web-socket-streams.md (July 2026).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from tradingd.adapters.feeds.binance_symbols import symbol_of
from tradingd.model.market import SECOND
from tradingd.venues.klines import INTERVALS, Kline, klines
from tradingd.venues.wire import MILLISECOND, Words, dumps, ping_frame, shutdown_text, text_frame

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tradingd.venues.tape import Row, Tape

STREAMS_MAX = 1024
_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
_NEVER = 1 << 62
_ID_LENGTH_MAX, _ID_MAX = 36, 1 << 63
_KIND = re.compile("aggTrade|bookTicker|kline_(?P<interval>" + "|".join(INTERVALS) + ")")


class RequestError(Exception):
    """A request that cannot be met, as the protocol tells it."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def parsed(names: Iterable[str]) -> dict[str, Stream]:
    """Return streams by their names.

    Raises:
        RequestError: a name is none, or they are too many for one connection.
    """
    streams = {name: Stream.parse(name) for name in names}
    if len(streams) > STREAMS_MAX:
        raise RequestError(4, "Too many subscriptions")
    return streams


class Stream(NamedTuple):
    """A stream by its parts; `interval` is empty unless it is of klines."""

    symbol: str
    kind: str
    interval: str

    @classmethod
    def parse(cls, name: str) -> Stream:
        """Read `<symbol>@aggTrade`, `@bookTicker` or `@kline_<interval>`.

        Raises:
            RequestError: it is none of those.
        """
        kind = _KIND.fullmatch(name.partition("@")[2])
        try:
            symbol = symbol_of(name)
        except ValueError:
            kind = None
        if kind is None:
            raise RequestError(2, "Invalid request: invalid stream")
        return cls(symbol, kind.group(), kind.group("interval") or "")


@dataclass(slots=True)
class _Forming:
    """A kline that is told as it forms: none before the symbol's first trade."""

    interval: str
    width: int
    bar: Kline | None
    ts_told: int

    @property
    def ts_close(self) -> int:
        return _NEVER if self.bar is None else self.bar.ts_open + self.width

    @property
    def pause(self) -> int:
        """The least market time between two updates."""
        return SECOND if self.interval == "1s" else 2 * SECOND


@dataclass(slots=True)
class _Listener:
    """What is heard of one symbol."""

    words: Words
    trades: bool = False
    quotes: bool = False
    forming: dict[str, _Forming] = field(default_factory=dict)


class Subscriber:
    """One client's view of the market. `unit` is that of its times, in ns."""

    def __init__(self, tape: Tape, *, combined: bool, unit: int = MILLISECOND) -> None:
        self._tape = tape
        self._indices = {symbol: index for index, symbol in enumerate(tape.symbols)}
        self._combined, self._unit = combined, unit
        self._streams: dict[str, Stream] = {}
        self._listeners: list[_Listener | None] = [None] * len(tape.symbols)
        self._ts_close = _NEVER

    @property
    def is_listening(self) -> bool:
        """Whether it hears anything of this market."""
        return any(self._listeners)

    # --- requests --------------------------------------------------------------------------------------------

    def answer(self, text: str, ts: int) -> str:
        """Do what a request asks, at market time `ts`, and return the reply."""
        number: Any = None
        try:
            request = _read(text)
            number = _read_id(request)
            result = self._do(request["method"], request.get("params", []), ts)
        except RequestError as error:
            return dumps({"error": {"code": error.code, "msg": str(error)}, "id": number})
        return dumps({"result": result, "id": number})

    def reply(self, text: str, ts: int) -> list[str]:
        """Do what a request asks, and return the frame of the reply."""
        return [text_frame(self.answer(text, ts))]

    def beat(self, payload: bytes) -> str:
        """Return a ping."""
        return ping_frame(payload)

    def subscribe(self, names: Iterable[str], ts: int) -> None:
        """Hear more streams from now on; those of unknown symbols are silent.

        Raises:
            RequestError: a name is none, or they are too many; then nothing changes.
        """
        wanted = self._streams | parsed(names)
        if len(wanted) > STREAMS_MAX:
            raise RequestError(4, "Too many subscriptions")
        self._listen(wanted, ts)

    def unsubscribe(self, names: Iterable[str], ts: int) -> None:
        """Hear these streams no longer; those not heard make no difference."""
        unwanted = set(names)
        self._listen({name: stream for name, stream in self._streams.items() if name not in unwanted}, ts)

    def _do(self, method: str, params: Any, ts: int) -> Any:
        if method == "LIST_SUBSCRIPTIONS":
            return list(self._streams)
        if not isinstance(params, list):
            raise RequestError(2, "Invalid request: params must be an array")
        if method in {"SUBSCRIBE", "UNSUBSCRIBE"}:
            if not all(isinstance(name, str) for name in params):
                raise RequestError(2, "Invalid request: invalid stream")
            (self.subscribe if method == "SUBSCRIBE" else self.unsubscribe)(params, ts)
            return None
        return self._property(params, ts, is_set=method == "SET_PROPERTY")

    def _property(self, params: list[Any], ts: int, *, is_set: bool) -> bool | None:
        if not params or not isinstance(params[0], str):
            raise RequestError(2, "Invalid request: property name must be a string")
        if len(params) > 1 + is_set:
            raise RequestError(2, "Invalid request: too many parameters")
        if params[0] != "combined":
            raise RequestError(0, "Unknown property")
        if not is_set:
            return self._combined
        if not isinstance(params[-1], bool):
            raise RequestError(1, "Invalid value type: expected Boolean")
        self._combined = params[-1]
        self._listen(self._streams, ts)
        return None

    def _listen(self, streams: dict[str, Stream], ts: int) -> None:
        """Replace the subscriptions; klines that form already go on."""
        before = self._listeners
        self._streams = streams
        self._listeners = [None] * len(before)
        for stream in streams.values():
            index = self._indices.get(stream.symbol)
            if index is None:
                continue
            listener = self._listeners[index]
            if listener is None:
                words = Words(stream.symbol, combined=self._combined, unit=self._unit)
                listener = self._listeners[index] = _Listener(words)
            if stream.interval:
                known = before[index]
                forming = known.forming.get(stream.interval) if known else None
                listener.forming[stream.interval] = forming or self._follow(index, stream.interval, ts)
            elif stream.kind == "aggTrade":
                listener.trades = True
            else:
                listener.quotes = True
        self._find_close()

    def _follow(self, index: int, interval: str, ts: int) -> _Forming:
        """Begin with what has been traded in the interval already."""
        width = INTERVALS[interval]
        bars = klines(self._tape.trades(index), width, ts // width, ts // width)
        return _Forming(interval, width, bars[0] if bars else None, ts)

    # --- the market ------------------------------------------------------------------------------------------

    def frames(self, rows: Iterable[Row]) -> list[str]:
        """Return what it hears of trades that happen now, message by message."""
        out: list[str] = []
        listeners = self._listeners
        for symbol, number, ts, now, price, quantity, is_sell, bid, ask, bid_quantity, ask_quantity, is_quoted in rows:
            if now >= self._ts_close:
                out += self.closed(now)
            listener = listeners[symbol]
            if listener is None:
                continue
            if is_quoted and listener.quotes:
                out.append(listener.words.quote(number, bid, bid_quantity, ask, ask_quantity))
            if listener.trades:
                out.append(listener.words.trade(number, ts, now, price, quantity, is_sell))
            if listener.forming:
                out += self._form(listener, number, ts, now, price, quantity, is_sell=is_sell)
        return out

    def closed(self, ts: int) -> list[str]:
        """Return the klines that are over at `ts`, before any trade of that time, and begin the next."""
        out: list[str] = []
        while ts >= self._ts_close:
            due = self._ts_close
            for listener in filter(None, self._listeners):
                for forming in listener.forming.values():
                    if forming.bar is not None and forming.ts_close == due:
                        words = listener.words
                        out.append(words.kline(forming.bar, forming.interval, forming.width, due, is_closed=True))
                        forming.bar, forming.ts_told = Kline.flat(due, forming.bar.close), due
            self._find_close()
        return out

    def shutdown(self, ts: int) -> str:
        """Return the announcement that the venue goes away."""
        return text_frame(shutdown_text(ts, combined=self._combined, unit=self._unit))

    def _form(  # noqa: PLR0913 - the columns of a trade
        self, listener: _Listener, number: int, ts: int, now: int, price: float, quantity: float, *, is_sell: bool
    ) -> list[str]:
        out = []
        for forming in listener.forming.values():
            if forming.bar is None:
                forming.bar, forming.ts_told = Kline.flat(now - now % forming.width, price), now
                self._find_close()
            if ts < forming.bar.ts_open:
                continue
            forming.bar.add(number, price, quantity, is_sell=is_sell, is_late=ts < now)
            if now - forming.ts_told >= forming.pause:
                forming.ts_told = now
                out.append(listener.words.kline(forming.bar, forming.interval, forming.width, now, is_closed=False))
        return out

    def _find_close(self) -> None:
        """Find when the next kline is over."""
        ends = [forming.ts_close for listener in filter(None, self._listeners) for forming in listener.forming.values()]
        self._ts_close = min(ends, default=_NEVER)


def _read(text: str) -> dict[str, Any]:
    try:
        request = json.loads(text)
    except ValueError as error:
        line, column = getattr(error, "lineno", 1), getattr(error, "colno", 1)
        raise RequestError(3, f"Invalid JSON: expected value at line {line} column {column}") from error
    if not isinstance(request, dict) or "method" not in request:
        raise RequestError(2, f"Invalid request: missing field `method` at line 1 column {len(text)}")
    if request["method"] not in _METHODS:
        known = ", ".join(f"`{method}`" for method in _METHODS)
        unknown = f"unknown variant `{request['method']}`, expected one of {known}"
        raise RequestError(2, f"Invalid request: {unknown} at line 1 column {len(text)}")
    return request


def _read_id(request: dict[str, Any]) -> int | str | None:
    match request.get("id", False):
        case None:
            return None
        case str(name) if len(name) <= _ID_LENGTH_MAX:
            return name
        case int(number) if not isinstance(number, bool) and -_ID_MAX <= number < _ID_MAX:
            return number
        case _:
            raise RequestError(2, "Invalid request: request ID must be an unsigned integer")
