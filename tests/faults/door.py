"""The way to a server, at an address that stays: it can be shut, swallow answers, and lead to another server."""

from __future__ import annotations

import asyncio
import contextlib
import enum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

CHUNK = 1 << 20


class Fate(enum.Enum):
    """What becomes of a request: it passes, is lost, or is done while its answer is lost, at once or for ever."""

    PASS = "pass"  # noqa: S105 - no password
    LOSE_REQUEST = "the request is lost"
    LOSE_ANSWER = "the answer is lost"
    HOLD_ANSWER = "the answer never comes"


class Door:
    """A TCP proxy. `judge` decides each request's fate; with no `target` it slams; `knocks` counts who came."""

    def __init__(self) -> None:
        self.target: str | None = None
        self.judge: Callable[[bytes], Fate] = lambda _request: Fate.PASS
        self.on_answer_lost: Callable[[], None] = lambda: None
        self.knocks = 0
        self.url = ""
        self._open: set[asyncio.StreamWriter] = set()

    @contextlib.asynccontextmanager
    async def standing(self) -> AsyncIterator[Door]:
        """Keep the door where it is until the end."""
        server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self.url = "redis://{}:{}".format(*server.sockets[0].getsockname())
        try:
            yield self
        finally:
            server.close()
            self.shut()

    def shut(self) -> None:
        """Lead nowhere from now on, and cut who is inside."""
        self.target = None
        for writer in self._open:
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.knocks += 1
        self._open.add(writer)
        with contextlib.suppress(OSError):
            if self.target is not None:
                where = urlsplit(self.target)
                inner = await asyncio.open_connection(where.hostname, where.port)
                self._open.add(inner[1])
                await self._between((reader, writer), inner)
                self._open.discard(inner[1])
                inner[1].close()
        self._open.discard(writer)
        writer.close()

    async def _between(self, outer: _Streams, inner: _Streams) -> None:
        """Carry one request and its answer at a time, as the relay speaks."""
        while request := await outer[0].read(CHUNK):
            fate = self.judge(request)
            if fate is Fate.LOSE_REQUEST:
                return
            inner[1].write(request)
            answer = await inner[0].read(CHUNK)
            if fate is Fate.LOSE_ANSWER:
                self.on_answer_lost()
                return
            if fate is Fate.HOLD_ANSWER:
                self.on_answer_lost()
                await outer[0].read(CHUNK)
                return
            outer[1].write(answer)


_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
