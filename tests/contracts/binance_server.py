"""A venue in the hand of a test: speaks Binance's words over real sockets, and only when it is told to.

Its REST side knows every trade that was made, its streams say what the test lets them say; so a test can lose
trades on the way. `Line` lies between client and venue and does to bytes what networks do to them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from aiohttp import WSCloseCode, web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HOST = "127.0.0.1"
PATIENCE_S = 5.0


class Server:
    """The venue.

    `answers` overrides REST answers by path, each once, as (status, body, headers); `greeting` is said to every
    client that connects.
    """

    def __init__(self, *symbols: str) -> None:
        self.symbols = symbols
        self.trades: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.klines: dict[str, dict[str, list[list[Any]]]] = defaultdict(dict)
        self.books: dict[str, tuple[str, str]] = {}
        self.now_ms = 0
        self.answers: dict[str, list[tuple[int, str, dict[str, str]]]] = defaultdict(list)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.greeting: list[str] = []
        self.streams: list[str] = []
        self.sockets: list[web.WebSocketResponse] = []
        self.connections = 0
        self._changed = asyncio.Event()
        self.rest_url = ""
        self.port = 0

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[Server]:
        application = web.Application()
        application.router.add_get("/stream", self._stream)
        application.router.add_get("/api/v3/{path:.+}", self._rest)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, HOST, 0).start()
            self.port = runner.addresses[0][1]
            self.rest_url = f"http://{HOST}:{self.port}"
            yield self
        finally:
            await runner.cleanup()

    # --- what the test says --------------------------------------------------------------------------------------

    def trade(self, symbol: str, ts_ms: int, price: float, quantity: float = 1.0, number: int | None = None) -> str:
        """Make a trade; return its frame, which nobody has been told yet."""
        made = self.trades[symbol]
        number = (made[-1]["a"] + 1 if made else 0) if number is None else number
        row = {
            "a": number,
            "p": f"{price:.8f}",
            "q": f"{quantity:.8f}",
            "f": number,
            "l": number,
            "T": ts_ms,
            "m": True,
        }
        made.append(row)
        self.now_ms = max(self.now_ms, ts_ms)
        return frame(symbol, "aggTrade", {"e": "aggTrade", "E": ts_ms, "s": symbol} | row)

    def quote(self, symbol: str, bid: str, ask: str) -> str:
        """Set the best quotes; return their frame."""
        self.books[symbol] = bid, ask
        return frame(symbol, "bookTicker", {"u": 1, "s": symbol, "b": bid, "B": "1.0", "a": ask, "A": "1.0"})

    async def say(self, *frames: str | bytes, to: int = -1) -> None:
        """Send frames on one connection, by default the latest."""
        for one in frames:
            if isinstance(one, str):
                await self.sockets[to].send_str(one)
            else:
                await self.sockets[to].send_bytes(one)

    async def hang_up(self) -> None:
        """Close the latest connection politely."""
        await self.sockets[-1].close(code=WSCloseCode.GOING_AWAY)

    async def connected(self, count: int) -> None:
        """Wait until so many connections have been made in all."""
        await self._until(lambda: self.connections >= count)

    async def listeners(self, count: int) -> None:
        """Wait until so many connections are open."""
        await self._until(lambda: len(self.sockets) == count)

    async def _until(self, is_so: Any) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not is_so():
                self._changed.clear()
                await self._changed.wait()

    # --- what the client sees ------------------------------------------------------------------------------------

    async def _stream(self, request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(compress=False, timeout=0.1)
        await ws.prepare(request)
        self.streams = request.query["streams"].split("/")
        self.sockets.append(ws)
        self.connections += 1
        self._changed.set()
        try:
            for one in self.greeting:
                await ws.send_str(one)
            async for _ in ws:
                pass
        finally:
            self.sockets.remove(ws)
            self._changed.set()
        return ws

    async def _rest(self, request: web.Request) -> web.Response:
        path, query = request.match_info["path"], dict(request.query)
        self.asked.append((path, query))
        if self.answers[path]:
            status, body, headers = self.answers[path].pop(0)
            return web.Response(status=status, text=body, headers=headers)
        if path == "time":
            return web.json_response({"serverTime": self.now_ms})
        symbol = query["symbol"]
        if symbol not in self.symbols:
            return web.json_response({"code": -1121, "msg": "Invalid symbol."}, status=400)
        if path == "ticker/bookTicker":
            bid, ask = self.books.get(symbol, ("0.00000000", "0.00000000"))
            return web.json_response({"symbol": symbol, "bidPrice": bid, "bidQty": "1", "askPrice": ask, "askQty": "1"})
        limit = int(query["limit"])
        rows: list[Any]
        if path == "klines":
            rows = [row for row in self.klines[symbol][query["interval"]] if row[0] <= int(query["endTime"])][-limit:]
        elif "fromId" in query:
            rows = [row for row in self.trades[symbol] if row["a"] >= int(query["fromId"])][:limit]
        else:
            rows = self.trades[symbol][-limit:]
        return web.json_response(rows)


def frame(symbol: str, kind: str, content: dict[str, Any]) -> str:
    """Return a frame of a combined connection."""
    return json.dumps({"stream": f"{symbol.lower()}@{kind}", "data": content})


def kline(ts_open_ms: int, width_ms: int, price: float, trades: int = 2) -> list[Any]:
    """Return a row of a bar that opens at `price` and reaches one up and one down."""
    prices = [f"{p:.8f}" for p in (price, price + 1, price - 1, price + 0.5)]
    volume = "10.0" if trades else "0.0"
    return [ts_open_ms, *prices, volume, ts_open_ms + width_ms - 1, "0.0", trades, "0.0", "0.0", "0"]


class Line:
    """The network between a client and `port`. `refuse` is how many connections to end before they begin."""

    def __init__(self, port: int, *, by_byte: bool = False) -> None:
        self.refuse = 0
        self.is_mute = False
        self.url = ""
        self._port, self._by_byte = port, by_byte
        self._writers: list[asyncio.StreamWriter] = []

    @contextlib.asynccontextmanager
    async def laid(self) -> AsyncIterator[Line]:
        server = await asyncio.start_server(self._serve, HOST, 0)
        self.url = f"ws://{HOST}:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            self.end()
            await server.wait_closed()

    def reset(self) -> None:
        """Cut every connection without a word: the client meets a RST."""
        for writer in self._writers:
            if not writer.is_closing():
                told = writer.get_extra_info("socket")
                told.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        self._writers.clear()

    def end(self) -> None:
        """Close every connection: the client meets a FIN, with no word of the protocol before it."""
        for writer in self._writers:
            writer.close()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuse:
            self.refuse -= 1
            writer.transport.abort()
            return
        upstream, upstream_writer = await asyncio.open_connection(HOST, self._port)
        self._writers += [writer, upstream_writer]
        async with asyncio.TaskGroup() as group:
            group.create_task(self._carry(reader, upstream_writer, by_byte=False))
            group.create_task(self._carry(upstream, writer, by_byte=self._by_byte))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, by_byte: bool) -> None:
        with contextlib.suppress(OSError):
            while content := await reader.read(1 if by_byte else 65536):
                if not self.is_mute:
                    writer.write(content)
                    await writer.drain()
                    if by_byte:
                        await asyncio.sleep(0)
        writer.close()
