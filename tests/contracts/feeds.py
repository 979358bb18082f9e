"""Ways for tests to read a feed: instruments, a provider on a test's own venue, and ticks taken with a bound."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import aiohttp

from tradingd.adapters.feeds.binance import BinanceProvider
from tradingd.core.markets.sessions import market
from tradingd.model.events import FeedGap
from tradingd.model.instrument import Instrument, InstrumentKind
from tradingd.model.market import Tick

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from tests.contracts.binance_server import Server
    from tradingd.model.events import MarketEvent
    from tradingd.model.market import TradingSession

BTC = Instrument("BINANCE", "BTCUSDT", InstrumentKind.SPOT)
ETH = Instrument("BINANCE", "ETHUSDT", InstrumentKind.SPOT)
PATIENCE_S = 5.0
T0_MS = 1_704_067_200_000  # 2024-01-01T00:00:00Z


def session_of(instrument: Instrument, ts: int) -> TradingSession:
    return market(instrument.exchange).session_from(ts)


class Feed:
    """A provider, and what it told of its state."""

    def __init__(self, http: aiohttp.ClientSession, server: Server, **options: Any) -> None:
        self.states: list[tuple[str, str]] = []
        defaults: dict[str, Any] = {
            "ws_url": f"ws://127.0.0.1:{server.port}",
            "rest_url": server.rest_url,
            "stale_s": PATIENCE_S,
            "jitter": lambda: 0.0,
        }
        self.provider = BinanceProvider(
            http, session_of, on_state=lambda *told: self.states.append(told), **defaults | options
        )

    @property
    def words(self) -> list[str]:
        return [state for state, _ in self.states]


@contextlib.asynccontextmanager
async def feed(server: Server, **options: Any) -> AsyncIterator[Feed]:
    async with aiohttp.ClientSession() as http:
        yield Feed(http, server, **options)


class Listener:
    """A subscription that is read in the background, so that a test can act while it runs."""

    def __init__(self, provider: Any, instruments: Sequence[Instrument]) -> None:
        self.events: list[MarketEvent | FeedGap] = []
        self._stream = provider.subscribe(instruments)
        self._grown = asyncio.Event()
        self._task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async with contextlib.aclosing(self._stream):
            async for event in self._stream:
                self.events.append(event)
                self._grown.set()

    @property
    def ticks(self) -> list[Tick]:
        return [event for event in self.events if isinstance(event, Tick)]

    @property
    def gaps(self) -> list[FeedGap]:
        return [event for event in self.events if isinstance(event, FeedGap)]

    async def until(self, ticks: int = 0, gaps: int = 0, price: float = 0) -> None:
        """Wait until there are so many, and a tick of `price`; what ended the subscription is raised here."""
        async with asyncio.timeout(PATIENCE_S):
            while not (
                len(self.ticks) >= ticks
                and len(self.gaps) >= gaps
                and (not price or any(tick.price == price for tick in self.ticks))
            ):
                if self._task.done():
                    self._task.result()
                self._grown.clear()
                grown = asyncio.create_task(self._grown.wait())
                await asyncio.wait({grown, self._task}, return_when=asyncio.FIRST_COMPLETED)
                grown.cancel()

    async def stop(self) -> None:
        self._task.cancel()
        async with asyncio.timeout(PATIENCE_S):
            with contextlib.suppress(asyncio.CancelledError):
                await self._task


@contextlib.asynccontextmanager
async def listening(provider: Any, *instruments: Instrument) -> AsyncIterator[Listener]:
    listener = Listener(provider, instruments)
    try:
        yield listener
    finally:
        await listener.stop()
