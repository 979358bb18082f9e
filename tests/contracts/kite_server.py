"""A ticker in the hand of a test: speaks Kite's words over real sockets, and only when it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import defaultdict
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

HOST = "127.0.0.1"
PATIENCE_S = 5.0


class KiteServer:
    """The venue. `tokens` are the access tokens it takes, `quotes` what REST knows, by instrument id.

    `answers` overrides REST answers by path, each once, as (status, content).
    """

    def __init__(self, **quotes: dict[str, Any]) -> None:
        self.tokens = {"token"}
        self.quotes: dict[str, dict[str, Any]] = quotes
        self.candles: list[list[Any]] = []
        self.seconds = 1_704_067_200
        self.answers: dict[str, list[tuple[int, Any]]] = defaultdict(list)
        self.asked: list[tuple[str, list[tuple[str, str]]]] = []
        self.requests: list[Any] = []
        self.sockets: list[web.WebSocketResponse] = []
        self.connections = self.refused = 0
        self.port = 0
        self._changed = asyncio.Event()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[KiteServer]:
        application = web.Application()
        application.router.add_get("/", self._ticker)
        application.router.add_route("*", "/{path:.+}", self._rest)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, HOST, 0).start()
            self.port = runner.addresses[0][1]
            yield self
        finally:
            await runner.cleanup()

    # --- what the test says --------------------------------------------------------------------------------------

    async def say(self, *frames: bytes | str, to: int = -1) -> None:
        """Send frames on one connection, by default the latest."""
        for one in frames:
            await (self.sockets[to].send_str(one) if isinstance(one, str) else self.sockets[to].send_bytes(one))

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until something the client did makes it so."""
        async with asyncio.timeout(PATIENCE_S):
            while not is_so():
                self._changed.clear()
                await self._changed.wait()

    async def turned_away(self) -> None:
        """Wait until a client has come with a token that is not taken."""
        before = self.refused
        await self.until(lambda: self.refused > before)

    async def subscribed(self, connections: int, tokens: int) -> None:
        """Wait until the latest of so many connections has asked for so many instruments in full."""
        await self.until(lambda: self.connections >= connections and len(self.full) >= tokens)

    @property
    def full(self) -> set[int]:
        """What the latest connection hears in full."""
        heard: set[int] = set()
        for request in self.requests:
            if request["a"] == "mode" and request["v"][0] == "full":
                heard |= set(request["v"][1])
            elif request["a"] == "unsubscribe":
                heard -= set(request["v"])
        return heard

    # --- what the client sees ------------------------------------------------------------------------------------

    async def _ticker(self, request: web.Request) -> web.StreamResponse:
        if request.query["access_token"] not in self.tokens:
            self.refused += 1
            self._changed.set()
            return web.Response(status=403)
        ws = web.WebSocketResponse(compress=False, timeout=0.1)
        await ws.prepare(request)
        self.requests.clear()
        self.sockets.append(ws)
        self.connections += 1
        self._changed.set()
        try:
            async for message in ws:
                self.requests.append(json.loads(message.data))
                self._changed.set()
        finally:
            self.sockets.remove(ws)
            self._changed.set()
        return ws

    async def _rest(self, request: web.Request) -> web.Response:
        path = f"/{request.match_info['path']}"
        self.asked.append((path, list(request.query.items())))
        headers = {"Date": formatdate(self.seconds, usegmt=True)}
        if self.answers[path]:
            status, content = self.answers[path].pop(0)
        elif request.headers.get("Authorization", "").rpartition(":")[2] not in self.tokens:
            status, content = 403, {"status": "error", "message": "no session", "error_type": "TokenException"}
        else:
            status, content = 200, {"status": "success", "data": self._answer(path, request.query)}
        text = content if isinstance(content, str) else json.dumps(content)
        return web.Response(status=status, text=text, content_type="application/json", headers=headers)

    def _answer(self, path: str, query: Mapping[str, str]) -> Any:
        if path.startswith("/quote"):
            names = query.getall("i", [])  # type: ignore[attr-defined] # a name may stand there often
            return {name: self.quotes[name] for name in names if name in self.quotes}
        if "historical" not in path:
            return {}
        begin, end = (query[name].replace(" ", "T") for name in ("from", "to"))
        return {"candles": [row for row in self.candles if begin <= row[0][:19] <= end]}
