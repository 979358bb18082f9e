"""A websocket that does not end: it comes back after every loss, and moves before it must.

The venue's streams outlive any one connection, so whoever reads them is told of losses instead of being broken by
them. This keeps no market data and judges no frame: what a loss means is the reader's to say. It never gives up.
"""

from __future__ import annotations

import asyncio
import enum
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, InvalidURI, WebSocketException

from tradingd.model.errors import FeedError

if TYPE_CHECKING:
    from collections.abc import Callable

_PAUSE_S_FIRST, _PAUSE_S_MAX = 0.25, 30.0
_STEADY_S = 60.0  # a connection that lived so long was none of a series of failures
_OPEN_S_MAX, _CLOSE_S_MAX = 10.0, 1.0
_FRAMES_MAX = 1024  # frames that wait to be read before the venue is made to wait
_FORBIDDEN = {401, 403}


class Change(enum.Enum):
    """What became of the connection."""

    CONNECTED = enum.auto()
    LOST = enum.auto()  # it ended; the next attempt is made at the next `receive`
    STALE = enum.auto()  # it was silent for too long and was cut
    UNREACHABLE = enum.auto()  # the first attempt to come back failed; told once, more are made
    REFUSED = enum.auto()  # the venue does not admit us; told each time, where the address carries a credential


class LastingConnection:
    """One client connection after another, read as one.

    A connection that says nothing for `stale_s` is dead, one that is `lifetime_s` old is replaced. Attempts that
    follow a loss wait `jitter()` (0 to 1) of a time that doubles up to half a minute. `reason` says why the last
    connection ended or could not be made. An address that is a function carries a credential: it is asked for anew
    at each attempt, and never told. `with_text` keeps texts apart from what is binary.
    """

    def __init__(
        self,
        url: str | Callable[[], str],
        *,
        stale_s: float,
        lifetime_s: float,
        jitter: Callable[[], float],
        with_text: bool = False,
    ) -> None:
        self.reason = ""
        self._decode = None if with_text else False
        self._url = url
        self._stale_s, self._lifetime_s = stale_s, lifetime_s
        self._jitter = jitter
        self._present: ClientConnection | None = None
        self._under_way: deque[bytes | Change] = deque()
        self._begun_s = self._renew_s = 0.0
        self._renewed_s = -_PAUSE_S_MAX
        self._failures = 0
        self._is_unreachable = False

    async def receive(self) -> bytes | str | Change:
        """Return the next frame, or what became of the connection.

        Raises:
            FeedError: the address is none.
        """
        if self._present is not None and self._now() >= self._renew_s:
            await self._replace(self._present)
        if self._under_way:
            return self._under_way.popleft()
        if self._present is None:
            return await self._come_back()
        wait_s = min(self._stale_s, self._renew_s - self._now())
        try:
            async with asyncio.timeout(wait_s):
                return await self._present.recv(decode=self._decode)
        except TimeoutError:
            if wait_s < self._stale_s:
                return await self.receive()  # it has come of age
            self._present.transport.abort()
            return self._lost(Change.STALE, f"nothing came for {self._stale_s:g} s")
        except ConnectionClosed as error:
            return self._lost(Change.LOST, str(error))

    async def send(self, *texts: str) -> None:
        """Say something on the present connection; where there is none any more, `receive` tells."""
        if self._present is not None:
            with suppress(ConnectionClosed):
                for text in texts:
                    await self._present.send(text)

    async def renew(self) -> None:
        """Replace the present connection ahead of its end; once in half a minute, however often it is asked."""
        if self._present is not None and self._now() >= self._renewed_s + _PAUSE_S_MAX:
            self._renewed_s = self._now()
            await self._replace(self._present)

    def cut(self) -> None:
        """Give the present connection up at once, as one that is dead."""
        if self._present is not None:
            self._present.transport.abort()

    async def close(self) -> None:
        """End the present connection, within a second."""
        if self._present is not None:
            await _leave(self._present)
            self._present = None

    async def _replace(self, former: ClientConnection) -> None:
        """Open a successor, then let the former connection say what is still under way on it, and end."""
        self._renew_s = self._now() + _PAUSE_S_MAX  # where this attempt fails, the present one is still good
        try:
            self._present = await self._open()
        except (OSError, WebSocketException) as error:
            self.reason = _told(error)
            return
        self._begin()
        self._under_way.extend(await _leave(former))
        self._under_way.append(Change.CONNECTED)

    async def _come_back(self) -> Change:
        while True:
            if self._failures:
                pause_s = min(_PAUSE_S_FIRST * 2 ** min(self._failures - 1, 10), _PAUSE_S_MAX)
                await asyncio.sleep(self._jitter() * pause_s)
            try:
                self._present = await self._open()
            except InvalidURI as error:
                told = str(error).partition("?")[0]  # a credential stands behind it
                msg = f"{told}: no address; that of a feed is as wss://host or ws://host:port"
                raise FeedError(msg) from None
            except (OSError, WebSocketException) as error:
                self._failures += 1
                self.reason = _told(error)
                if callable(self._url) and _is_refusal(error):
                    return Change.REFUSED
                if not self._is_unreachable:
                    self._is_unreachable = True
                    return Change.UNREACHABLE
            else:
                self._begin()
                return Change.CONNECTED

    async def _open(self) -> ClientConnection:
        return await connect(
            self._url() if callable(self._url) else self._url,
            compression=None,  # costs more than it saves on frames this small
            proxy=None,
            open_timeout=min(self._stale_s, _OPEN_S_MAX),
            close_timeout=_CLOSE_S_MAX,
            max_queue=_FRAMES_MAX,
        )

    def _begin(self) -> None:
        self._is_unreachable = False
        self._begun_s = self._now()
        self._renew_s = self._begun_s + self._lifetime_s

    def _lost(self, change: Change, reason: str) -> Change:
        self._failures = 1 if self._now() - self._begun_s >= _STEADY_S else self._failures + 1
        self._present = None
        self.reason = reason
        return change

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


async def _leave(connection: ClientConnection) -> list[bytes]:
    """End a connection, and return what was still under way on it; unread, that would be in the way of the end."""
    frames = []
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(connection.close())
            with suppress(ConnectionClosed):
                while True:
                    frames.append(await connection.recv(decode=False))
    finally:
        connection.transport.abort()
    return frames


def _is_refusal(error: Exception) -> bool:
    return isinstance(error, InvalidStatus) and error.response.status_code in _FORBIDDEN


def _told(error: Exception) -> str:
    """Name an error whose own words may be none, as a timeout's."""
    return str(error) or type(error).__name__
