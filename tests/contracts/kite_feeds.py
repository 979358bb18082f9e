"""Ways for tests to read Kite: a provider on a simulated ticker, and frames written by hand."""

from __future__ import annotations

import contextlib
import struct
from typing import TYPE_CHECKING, Any

import aiohttp

from tests.contracts.feeds import PATIENCE_S, session_of
from tradingd.adapters.feeds.kite import KiteProvider
from tradingd.adapters.feeds.kite_rest import Credential
from tradingd.venues.clock import AS_FAST_AS_TAKEN
from tradingd.venues.kite import KiteVenue
from tradingd.venues.kite_listing import listing, on_the_wire
from tradingd.venues.tape import Tape

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from tradingd.model.instrument import Instrument
    from tradingd.venues.trades import Trades

HASTY = {"quote": 1000, "historical": 1000, "other": 1000}
"""Limits that no test meets."""


class KiteFeed:
    """A provider, and what it told of its state and in words."""

    def __init__(self, http: aiohttp.ClientSession, port: int, **options: Any) -> None:
        self.states: list[tuple[str, str]] = []
        self.texts: list[tuple[str, bytes]] = []
        self.credential = Credential("key", "token", "secret")
        defaults: dict[str, Any] = {
            "ws_url": f"ws://127.0.0.1:{port}",
            "rest_url": f"http://127.0.0.1:{port}",
            "credential": self.credential,
            "stale_s": PATIENCE_S,
            "jitter": lambda: 0.0,
            "per_second": HASTY,
        }
        self.provider = KiteProvider(
            http,
            session_of,
            on_state=lambda *told: self.states.append(told),
            on_text=lambda *told: self.texts.append(told),
            **defaults | options,
        )

    @property
    def words(self) -> list[str]:
        return [state for state, _ in self.states]

    @property
    def counts(self) -> dict[str, int]:
        """What was counted, without the zeros."""
        counts = self.provider.counts
        return {name: n for name in counts.__slots__ if (n := getattr(counts, name))}


@contextlib.asynccontextmanager
async def kite_feed(port: int, **options: Any) -> AsyncIterator[KiteFeed]:
    async with aiohttp.ClientSession() as http:
        yield KiteFeed(http, port, **options)


def make_ticker(
    parts: Mapping[str, Trades], exchange: str = "NSE", known: tuple[Instrument, ...] = (), **options: Any
) -> KiteVenue:
    """Return a simulated ticker over these trades."""
    listed = listing(parts, exchange, known)
    ts_open = options.pop("ts_open", None)
    defaults: dict[str, Any] = {"speed": AS_FAST_AS_TAKEN, "per_second": HASTY}
    return KiteVenue(Tape([on_the_wire(parts, listed)], ts_open=ts_open), listed, **defaults | options)


def listed(venue: KiteVenue, symbol: str) -> Instrument:
    """Return an instrument as the venue lists it."""
    return next(d.listed.instrument for d in venue.board.days if d.listed.instrument.symbol == symbol)


def frame(*packets: bytes) -> bytes:
    """Return a frame of packets, as the protocol's description has it."""
    return struct.pack(">H", len(packets)) + b"".join(struct.pack(">H", len(one)) + one for one in packets)


def full(token: int, seconds: int, last: int, volume: int = 0, **more: Any) -> bytes:
    """Return a full packet; `book` are five bids and five asks, (quantity, price, orders) each."""
    numbers = [token, last, 1, last, volume, 0, 0, last, last, last, last, seconds, more.get("oi", 0), 0, 0, seconds]
    book = more.get("book") or [(0, 0, 0)] * 10
    return struct.pack(">16I", *numbers) + b"".join(struct.pack(">IIHH", *level, 0) for level in book)


def quote(token: int, last: int, volume: int = 0) -> bytes:
    return full(token, 0, last, volume)[:44]


def index(token: int, seconds: int, last: int) -> bytes:
    return struct.pack(">8I", token, last, last + 3, last - 3, last - 1, last + 1, 0, seconds)
