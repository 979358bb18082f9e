"""A daemon for the API to talk to, and workers that can be told when to be done."""

from __future__ import annotations

import asyncio
import io
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from aiohttp.test_utils import TestClient, TestServer

from tests.stories import drawing, entry, exit_, start
from tests.unit.core.runs import compare, when
from tradingd.adapters.publishers.envelope import envelope
from tradingd.core.markets.sessions import market
from tradingd.daemon import desired
from tradingd.daemon.api.app import PaperRefusedError, create_app
from tradingd.examples.market import minute_bars
from tradingd.model.market import Tick

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from aiohttp import web

    from tradingd.core.graph.view import StrategyView
    from tradingd.daemon.api.metrics import Counters
    from tradingd.daemon.api.processes import Workers
    from tradingd.daemon.desired import Desired
    from tradingd.model.events import FeedGap, MarketEvent
    from tradingd.model.instrument import Instrument
    from tradingd.model.market import Bar, Timeframe
    from tradingd.model.trading import Alert

T = TypeVar("T")

DAYS = 3
FIRST_DAY, LAST_DAY = "2025-01-02", "2025-01-04"
CONFIG = """
[data]
files = [{symbol = "XYZ", path = "xyz.npz", exchange = "SIM"}]
"""


@dataclass
class FakeFeed:
    """A provider of history: `bars` that are there already at its time `now`, or an error for whoever asks."""

    bars: Sequence[Bar] = ()
    now: int = 0
    error: Exception | None = None
    asked: list[tuple[str, Timeframe, int, int]] = field(default_factory=list)

    async def last(self, instrument: Instrument) -> tuple[Tick, int] | None:
        if self.error is not None:
            raise self.error
        return (Tick(instrument.id, self.now, 100.0), 0) if self.now else None

    async def history(self, instrument: Instrument, timeframe: Timeframe, count: int, until: int) -> Sequence[Bar]:
        self.asked.append((instrument.id, timeframe, count, until))
        return [bar for bar in self.bars if bar.ts_close <= until][-count:]

    def subscribe(self, instruments: Sequence[Instrument]) -> AsyncGenerator[MarketEvent | FeedGap, None]:
        raise NotImplementedError


@dataclass
class FakeHost:
    """What a test says a daemon is; `started` are the strategies it was told to trade on paper."""

    desired: Desired
    base: Path
    provider: FakeFeed = field(default_factory=FakeFeed)
    ready: bool = True
    views: dict[str, StrategyView] = field(default_factory=dict)
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    figures: dict[str, float | Mapping[tuple[str, ...], float]] = field(default_factory=dict)
    refusal: str = ""
    started: list[str] = field(default_factory=list)

    def state(self, strategy_id: str) -> tuple[StrategyView, ZoneInfo] | None:
        view = self.views.get(strategy_id)
        return None if view is None else (view, market("NSE").zone)

    def published(self, alert: Alert) -> bytes:
        return envelope(alert, 1_700_000_000_000, market("NSE").zone)

    async def start_paper(self, source: str) -> str:
        if self.refusal:
            raise PaperRefusedError(self.refusal)
        self.started.append(source)
        return f"paper-{len(self.started)}"

    def paper_result(self, execution_id: str) -> dict[str, Any] | None:
        return self.sessions.get(execution_id)

    def counters(self) -> Counters:
        return self.figures


class Inline:
    """Does every job at once, here."""

    async def call(self, job: Callable[..., T], *arguments: object) -> T:
        return job(*arguments)

    async def close(self) -> None:
        return


class Gated:
    """Does jobs when it is let; a job for which an error is set raises it."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.begun: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()
        self.error: Exception | None = None
        self.answer: Any = b"{}"

    async def call(self, _: Callable[..., T], *arguments: object) -> Any:
        self.begun.put_nowait(arguments)
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return self.answer

    async def close(self) -> None:
        return


def save_bars(path: Path, days: int = DAYS) -> Path:
    """Write made-up one-minute bars from 2025-01-02 on."""
    np.savez(path, **minute_bars(days * 1440, 7))
    return path


def configured(folder: Path, config: str = CONFIG) -> FakeHost:
    """Return a host with a configuration file in `folder`."""
    path = folder / "tradingd.toml"
    path.write_text(config)
    return FakeHost(desired.read(path, {}, ()), folder)


@asynccontextmanager
async def asking(
    host: FakeHost, workers: Workers | None = None
) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    """Serve the API on loopback and return a client of it."""
    async with TestClient(TestServer(create_app(host, workers or Inline()))) as client:
        yield client


def dipping(name: str = "dip", symbol: str = "XYZ", **data: Any) -> dict[str, Any]:
    """Draw: buy when RSI 14 is low, sell when it is high, again and again."""
    rsi = {"rsi": {"type": "rsi", "period": 14, "source": "close"}}
    nodes = [
        start(symbol=symbol, indicators=rsi, **data),
        when("low", compare("$rsi", "<", 30)),
        entry("buy", "p1"),
        when("high", compare("$rsi", ">", 60)),
        exit_("sell", {"maxReEntries": None}),
    ]
    return drawing(nodes, ["start > low > buy > high > sell"], name)


def body(strategy: Any = None, **more: Any) -> bytes:
    """Return the body of a request."""
    return json.dumps({"strategy": dipping() if strategy is None else strategy} | more).encode()


async def posted(client: TestClient[web.Request, web.Application], content: bytes) -> tuple[int, dict[str, Any]]:
    """Ask for an execution; return status and answer."""
    response = await client.post("/strategies/execute", data=io.BytesIO(content))
    return response.status, await response.json(content_type=None)
