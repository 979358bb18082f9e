"""A websocket that does not end: it comes back after every loss, and moves before it must.

The venue's streams outlive any one connection, so whoever reads them is told of losses instead of being broken by
them. This keeps no market data and judges no frame: what a loss means is the reader's to say. It never gives up.
"""

from __future__ import annotations

import asyncio
import enum
from typing import TYPE_CHECKING

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidURI, WebSocketException

from tradingd.model.errors import FeedError

if TYPE_CHECKING:
    from collections.abc import Callable

_PAUSE_S_FIRST, _PAUSE_S_MAX = 0.25, 30.0
_STEADY_S = 60.0  # a connection that lived so long was none of a series of failures
_OPEN_S_MAX, _CLOSE_S_MAX = 10.0, 1.0
_FRAMES_MAX = 1024  # frames that wait to be read before the venue is made to wait


class Change(enum.Enum):
    """What became of the connection."""

    CONNECTED = enum.auto()
    LOST = enum.auto()  # it ended; the next attempt is made at the next `receive`
    STALE = enum.auto()  # it was silent for too long and was cut
    UNREACHABLE = enum.auto()  # the first attempt to come back failed; told once, more are made


class LastingConnection:
    """One client connection after another, read as one.

    A connection that says nothing for `stale_s` is dead, one that is `lifetime_s` old is replaced. Attempts that
    follow a loss wait `jitter()` (0 to 1) of a time that doubles up to half a minute. `reason` says why the last
    connection ended or could not be made.
    """

    def __init__(self, url: str, *, stale_s: float, lifetime_s: float, jitter: Callable[[], float]) -> None:
        self.reason = ""
        self._url = url
        self._stale_s, self._lifetime_s = stale_s, lifetime_s
        self._jitter = jitter
        self._present: ClientConnection | None = None
        self._former: ClientConnection | None = None
        self._ts_present = self._ts_renew = 0.0
        self._failures = 0

    async def receive(self) -> bytes | Change:
        """Return the next frame, or what became of the connection.

        Raises:
            FeedError: the address is none.
        """
        if self._former is not None:
            try:
                return await self._former.recv(decode=False)
            except ConnectionClosed:
                self._former = None
                return Change.CONNECTED
        if self._present is None:
            return await self._come_back()
        if self._now() >= self._ts_renew:
            await self.renew()
            return await self.receive()
        try:
            async with asyncio.timeout(self._stale_s):
                return await self._present.recv(decode=False)
        except TimeoutError:
            self._present.transport.abort()
            return self._lost(Change.STALE, f"nothing came for {self._stale_s:g} s")
        except ConnectionClosed as error:
            return self._lost(Change.LOST, str(error))

    async def renew(self) -> None:
        """Open a successor, then let the present connection end and say what is still under way on it."""
        if self._present is None or self._former is not None:
            return
        self._ts_renew = self._now() + _PAUSE_S_MAX  # where this attempt fails, the present one is still good
        try:
            successor = await self._open()
        except (OSError, WebSocketException) as error:
            self.reason = _told(error)
            return
        former, self._present = self._present, successor
        self._begin()
        await former.close()
        self._former = former

    async def close(self) -> None:
        """End the present connection, within a second."""
        for one in (self._former, self._present):
            if one is not None:
                await one.close()
        self._former = self._present = None

    async def _come_back(self) -> Change:
        first = True
        while True:
            if self._failures:
                await asyncio.sleep(self._jitter() * min(_PAUSE_S_FIRST * 2 ** min(self._failures, 10), _PAUSE_S_MAX))
            try:
                self._present = await self._open()
            except (OSError, WebSocketException) as error:
                if isinstance(error, InvalidURI):
                    msg = f"{error}; a feed's address is as wss://host or ws://host:port"
                    raise FeedError(msg) from error
                ...
