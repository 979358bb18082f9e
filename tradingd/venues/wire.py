"""Binance's words: market data as the JSON texts, and the websocket frames, in which its public streams carry them.

A message is made once for every trade and listener, so it is composed as text from parts that stay the same; frames
stay text until many of them become the bytes of one write. What a listener wants and when it is told is decided
elsewhere.

Source: binance-spot-api-docs, web-socket-streams.md (July 2026); RFC 6455, section 5.2.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tradingd.adapters.feeds.binance_symbols import stream_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tradingd.venues.klines import Kline

MILLISECOND, MICROSECOND = 1_000_000, 1_000
UNITS = {"MILLISECOND": MILLISECOND, "MICROSECOND": MICROSECOND}
"""The units of time on the wire, in ns, by the names in which they are asked for."""
_TEXT, _BINARY, _PING, _PONG = 0x81, 0x82, 0x89, 0x8A
_SHORT, _MEDIUM = 126, 1 << 16
_TEXTS_KEPT = 1 << 16


class _Decimals(dict[float, str]):
    """Numbers as texts with 8 decimals; those written lately are remembered, since prices repeat."""

    def __missing__(self, value: float) -> str:
        if len(self) >= _TEXTS_KEPT:
            self.clear()
        text = self[value] = f"{value:.8f}"
        return text


_decimals = _Decimals()


def dumps(value: Any) -> str:
    """Return compact JSON."""
    return json.dumps(value, separators=(",", ":"))


def _head(opcode: int, size: int) -> str:
    """Return how a frame from a server begins, which masks nothing; each character stands for a byte."""
    if size < _SHORT:
        return chr(opcode) + chr(size)
    if size < _MEDIUM:
        return chr(opcode) + "\x7e" + chr(size >> 8) + chr(size & 255)
    return chr(opcode) + "\x7f" + size.to_bytes(8, "big").decode("latin-1")


_HEADS = [_head(_TEXT, size) for size in range(1024)]


def text_frame(text: str) -> str:
    """Return a text message, which must be ASCII, framed; characters stand for bytes until they are sent."""
    size = len(text)
    return (_HEADS[size] if size < len(_HEADS) else _head(_TEXT, size)) + text


def binary_frame(payload: bytes) -> str:
    """Return a binary message, framed."""
    return _head(_BINARY, len(payload)) + payload.decode("latin-1")


def content(frames: Iterable[str]) -> bytes:
    """Return the bytes of frames, to be sent together."""
    return "".join(frames).encode("latin-1")


def ping_frame(payload: bytes) -> str:
    """Return a ping."""
    return _head(_PING, len(payload)) + payload.decode("latin-1")


def pong_frame(payload: bytes) -> str:
    """Return the answer to a client's ping."""
    return _head(_PONG, len(payload)) + payload.decode("latin-1")


class Words:
    """How one symbol's market data read: `combined` messages name their stream, times count `unit` ns."""

    def __init__(self, symbol: str, *, combined: bool, unit: int) -> None:
        self._unit = unit
        self._name, self._symbol = stream_name(symbol), dumps(symbol)
        self._combined, self._end = combined, "}}" if combined else "}"
        self._trade = self._begin("aggTrade") + '{"e":"aggTrade","E":'
        self._trade_symbol = f',"s":{self._symbol},"a":'
        self._sides = {sell: f',"m":{str(sell).lower()},"M":true{self._end}' for sell in (False, True)}
        self._quote = self._begin("bookTicker") + '{"u":'
        self._quote_symbol = f',"s":{self._symbol},"b":"'

    def _begin(self, kind: str) -> str:
        return f'{{"stream":"{self._name}@{kind}","data":' if self._combined else ""

    def trade(  # noqa: PLR0913 - the columns of a trade
        self,
        number: int,
        ts: int,
        ts_market: int,
        price: float,
        quantity: float,
        is_sell: bool,  # noqa: FBT001 - hot
    ) -> str:
        """Return an aggregated trade, which here is always a single one."""
        told = str(ts_market // self._unit)
        traded = told if ts == ts_market else str(ts // self._unit)
        own = str(number)
        return text_frame(
            f'{self._trade}{told}{self._trade_symbol}{own},"p":"{_decimals[price]}","q":"{_decimals[quantity]}",'
            f'"f":{own},"l":{own},"T":{traded}{self._sides[is_sell]}'
        )

    def quote(self, number: int, bid: float, bid_quantity: float, ask: float, ask_quantity: float) -> str:
        """Return the best prices; their update is numbered by the trade that follows them."""
        return text_frame(
            f'{self._quote}{number}{self._quote_symbol}{_decimals[bid]}","B":"{_decimals[bid_quantity]}",'
            f'"a":"{_decimals[ask]}","A":"{_decimals[ask_quantity]}"{self._end}'
        )

    def kline(self, bar: Kline, interval: str, width: int, ts_market: int, *, is_closed: bool) -> str:
        """Return a bar as it is now."""
        unit = self._unit
        return text_frame(
            f'{self._begin(f"kline_{interval}")}{{"e":"kline","E":{ts_market // unit},"s":{self._symbol},'
            f'"k":{{"t":{bar.ts_open // unit},"T":{(bar.ts_open + width) // unit - 1},"s":{self._symbol},'
            f'"i":"{interval}","f":{bar.first_id},"L":{bar.last_id},"o":"{bar.open:.8f}","c":"{bar.close:.8f}",'
            f'"h":"{bar.high:.8f}","l":"{bar.low:.8f}","v":"{bar.volume:.8f}","n":{bar.count},'
            f'"x":{str(is_closed).lower()},"q":"{bar.quote_volume:.8f}","V":"{bar.buy_volume:.8f}",'
            f'"Q":"{bar.buy_quote_volume:.8f}","B":"0"}}{self._end}'
        )


def shutdown_text(ts: int, *, combined: bool, unit: int) -> str:
    """Return the event that announces the end of the connection."""
    event = {"e": "serverShutdown", "E": ts // unit}
    return dumps({"stream": "!serverShutdown", "data": event} if combined else event)
