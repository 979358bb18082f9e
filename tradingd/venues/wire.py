"""Binance's words: market data as the JSON texts, and the websocket frames, in which its public streams carry them.

A message is made once for every trade and listener, so it is composed as text from parts that stay the same, and
framed here, many to one write. What a listener wants and when it is told is decided elsewhere.

Source: binance-spot-api-docs, web-socket-streams.md (July 2026); RFC 6455, section 5.2.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tradingd.adapters.feeds.binance_symbols import stream_name

if TYPE_CHECKING:
    from tradingd.venues.klines import Kline

MILLISECOND, MICROSECOND = 1_000_000, 1_000
"""The units of time on the wire, in ns."""
_TEXT, _PING, _PONG = 0x81, 0x89, 0x8A
_SHORT, _MEDIUM = 126, 1 << 16
_TEXTS_KEPT = 1 << 16


class _Decimals(dict[float, str]):
    """Numbers as texts with 8 decimals; those written lately are remembered, since prices repeat."""

    def __missing__(self, value: float) -> str:
        if len(self) >= _TEXTS_KEPT:
            self.clear()
        text = self[value] = f"{value:.8f}"
        return text


decimals = _Decimals()


def dumps(value: Any) -> str:
    """Return compact JSON."""
    return json.dumps(value, separators=(",", ":"))


def frame(content: bytes, opcode: int = _TEXT) -> bytes:
    """Return one whole frame from a server, which masks nothing."""
    size = len(content)
    if size < _SHORT:
        return bytes((opcode, size)) + content
    if size < _MEDIUM:
        return bytes((opcode, 126, size >> 8, size & 255)) + content
    return bytes((opcode, 127)) + size.to_bytes(8, "big") + content


def text_frame(text: str) -> bytes:
    """Return a text message."""
    return frame(text.encode())


def ping_frame(ts: int) -> bytes:
    """Return a ping that carries the venue's time, in milliseconds."""
    return frame(b"%d" % (ts // MILLISECOND), _PING)


def pong_frame(payload: bytes) -> bytes:
    """Return the answer to a client's ping."""
    return frame(payload, _PONG)


class Words:
    """How one symbol's market data read: `combined` messages name their stream, times count `unit` ns."""

    def __init__(self, symbol: str, *, combined: bool, unit: int) -> None:
        self._unit = unit
        self._name, self._symbol = stream_name(symbol), dumps(symbol)
        self._combined, self._end = combined, "}}" if combined else "}"
        self._trade = self._begin("aggTrade") + '{"e":"aggTrade","E":'
        self._trade_symbol = f',"s":{self._symbol},"a":'
        self._quote = self._begin("bookTicker") + '{"u":'
        self._quote_symbol = f',"s":{self._symbol},"b":"'

    def _begin(self, kind: str) -> str:
        return f'{{"stream":"{self._name}@{kind}","data":' if self._combined else ""

    def trade(self, number: int, ts: int, ts_market: int, price: float, quantity: float, *, is_sell: bool) -> bytes:
        """Return an aggregated trade, which here is always a single one."""
        unit = self._unit
        return text_frame(
            f'{self._trade}{ts_market // unit}{self._trade_symbol}{number},"p":"{decimals[price]}",'
            f'"q":"{decimals[quantity]}","f":{number},"l":{number},"T":{ts // unit},'
            f'"m":{"true" if is_sell else "false"},"M":true{self._end}'
        )

    def quote(self, number: int, bid: float, bid_quantity: float, ask: float, ask_quantity: float) -> bytes:
        """Return the best prices; their update is numbered by the trade that follows them."""
        return text_frame(
            f'{self._quote}{number}{self._quote_symbol}{decimals[bid]}","B":"{decimals[bid_quantity]}",'
            f'"a":"{decimals[ask]}","A":"{decimals[ask_quantity]}"{self._end}'
        )

    def kline(self, bar: Kline, interval: str, width: int, ts_market: int, *, is_closed: bool) -> bytes:
        """Return a bar as it is now."""
        unit = self._unit
        return text_frame(
            f'{self._begin(f"kline_{interval}")}{{"e":"kline","E":{ts_market // unit},"s":{self._symbol},'
            f'"k":{{"t":{bar.ts_open // unit},"T":{(bar.ts_open + width) // unit - 1},"s":{self._symbol},'
            f'"i":"{interval}","f":{bar.first_id},"L":{bar.last_id},"o":"{bar.open:.8f}","c":"{bar.close:.8f}",'
            f'"h":"{bar.high:.8f}","l":"{bar.low:.8f}","v":"{bar.volume:.8f}","n":{bar.count},'
            f'"x":{"true" if is_closed else "false"},"q":"{bar.quote_volume:.8f}","V":"{bar.buy_volume:.8f}",'
            f'"Q":"{bar.buy_quote_volume:.8f}","B":"0"}}{self._end}'
        )


def shutdown_text(ts: int, *, combined: bool, unit: int) -> str:
    """Return the event that announces the end of the connection."""
    event = {"e": "serverShutdown", "E": ts // unit}
    return dumps({"stream": "!serverShutdown", "data": event} if combined else event)
