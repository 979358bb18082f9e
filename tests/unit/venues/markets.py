"""Small markets to serve, and a client that hears them over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

import aiohttp
import numpy as np

from tradingd.model.market import HOUR, SECOND
from tradingd.venues import generated
from tradingd.venues.tape import Tape
from tradingd.venues.trades import Trades, quoted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

T0 = 1_735_776_000 * SECOND  # 2025-01-02T00:00:00Z
PATIENCE_S = 20.0
SYMBOLS = ("BTCUSDT", "NIFTY 50")


def make_trades(*rows: tuple[float, ...]) -> Trades:
    """Return trades of (second after T0, price[, quantity[, bid, ask]]), buys in turn with sells."""
    full = [(*row, *(1.0, 0.0, 0.0)[len(row) - 2 :]) for row in rows]
    seconds, price, quantity, bid, ask = (np.array(column, float) for column in zip(*full, strict=True))
    ts = T0 + np.rint(seconds * 1000).astype(np.int64) * 1_000_000
    number = np.arange(len(rows))
    nothing = np.zeros(len(rows))
    is_quoted = quoted(bid, ask, before=(0.0, 0.0))
    is_sell = number % 2 == 1
    return Trades(
        number, ts, np.maximum.accumulate(ts), price, quantity, is_sell, bid, ask, nothing, nothing, is_quoted
    )


def counting(symbol: str = "A", count: int = 100, gap_s: float = 1.0) -> Tape:
    """Return a tape of one symbol whose n-th trade costs 100 + n."""
    return Tape([{symbol: make_trades(*((n * gap_s, 100.0 + n) for n in range(count)))}])


def made_up(seed: int = 7, history_h: int = 1, symbols: Sequence[str] = SYMBOLS) -> Tape:
    history = history_h * HOUR
    return Tape(generated.blocks(symbols, seed, T0 - history), ts_open=T0, history_ns=history)


class Ear:
    """A websocket client that keeps all it hears."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.texts: list[str] = []
        self.pings: list[int] = []
        self.pings_after: list[int] = []
        """How many texts had come when each ping came."""

    @property
    def messages(self) -> list[Any]:
        return [json.loads(text) for text in self.texts]

    async def hear(self, texts: int = 0, pings: int = 0) -> bool:
        """Listen until so many have come in all; return False where the venue hung up before."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.texts) < texts or len(self.pings) < pings:
                message = await self.socket.receive()
                if message.type is aiohttp.WSMsgType.TEXT:
                    self.texts.append(message.data)
                elif message.type is aiohttp.WSMsgType.PING:
                    self.pings.append(int(message.data))
                    self.pings_after.append(len(self.texts))
                    await self.socket.pong(message.data)
                else:
                    return False
        return True

    async def ask(self, method: str, *params: object, number: object = 1) -> Any:
        """Send a request, and return the reply, which must be the next text."""
        await self.socket.send_json({"method": method, "params": params, "id": number})
        await self.hear(len(self.texts) + 1)
        return json.loads(self.texts.pop())


@contextlib.asynccontextmanager
async def connected(port: int, path: str) -> AsyncIterator[Ear]:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"ws://127.0.0.1:{port}{path}", autoping=False, max_msg_size=0) as socket,
    ):
        yield Ear(socket)


async def get(port: int, path: str, unit: str = "MILLISECOND", /, **query: Any) -> Any:
    """Ask the venue over REST, for times in `unit`; return the answer, an error as well."""
    url = f"http://127.0.0.1:{port}{path}"
    async with (
        aiohttp.ClientSession() as session,
        session.get(url, params=query, headers={"X-MBX-TIME-UNIT": unit}) as response,
    ):
        answer = await response.json()
        assert (response.status == 400) == (isinstance(answer, dict) and "code" in answer)
        return answer
