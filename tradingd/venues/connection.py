"""One websocket of the venue: a thin shell of asyncio around a subscriber.

Everything that is sent goes through one bounded outbox, in order, so that a ping with the venue's time also says that
no earlier trade follows it. A full outbox makes the market wait: nothing is ever dropped, except by a planned fault.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from aiohttp import ClientConnectionResetError, WSCloseCode, WSMsgType

from tradingd.model.market import SECOND
from tradingd.venues.faults import Cut, Mute, Pause, Plan, Step
from tradingd.venues.wire import MILLISECOND, ping_frame, pong_frame, text_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aiohttp import WSMessage, web

    from tradingd.venues.subscriber import Subscriber
    from tradingd.venues.tape import Row

_OUTBOX_MAX = 8
_PINGS_KEPT = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the venue grants a connection; the defaults are Binance's.

    Requests and a client's pings count as messages; pongs do not, as this venue pings more often than Binance.
    """

    messages_per_s: int = 5
    ping_every_s: float = 20.0
    pong_within_s: float = 60.0
    lifetime_s: float = 24 * 3600.0


class _Close(NamedTuple):
    """Close the connection in order."""

    code: int
    reason: str


class Connection:
    """A client that is connected. `now` tells the venue's time, `on_change` hears when it begins or ceases to listen."""

    def __init__(  # noqa: PLR0913 - what a connection is made of
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport,
        subscriber: Subscriber,
        plan: Plan,
        limits: Limits,
        now: Callable[[], int],
        on_change: Callable[[], None],
    ) -> None:
        self.subscriber = subscriber
        self._socket = socket
        self._transport = transport
        self._plan = plan
        self._limits = limits
        self._now = now
        self._on_change = on_change
        self._outbox: asyncio.Queue[Step | _Close] = asyncio.Queue(_OUTBOX_MAX)
        self._clock = asyncio.get_running_loop()
        self._ts_told = now()
        self._silent = False
        self._leaving = False
        self._asked: deque[bytes] = deque(maxlen=_PINGS_KEPT)
        self._asked_s: float | None = None

    @property
    def is_listening(self) -> bool:
        """Whether it waits for the market to go on."""
        return self.subscriber.is_listening and not self._silent and not self._leaving

    # --- what is sent ----------------------------------------------------------------------------------------

    def hear(self, rows: Iterable[Row], ts: int) -> list[Step]:
        """Return how to send what it hears of trades, up to `ts`; a quiet second is told by a ping."""
        messages = self.subscriber.frames(rows) + self.subscriber.closed(ts)
        if self._silent or self._leaving:
            return []
        if not messages:
            return [self._ping(ts)] if ts - self._ts_told >= SECOND else []
        self._ts_told = ts
        steps = self._plan.steps(messages)
        match steps[-1] if steps else None:
            case Cut():
                self._leaving = True
            case Mute(seconds):
                self._silent = True
                self._clock.call_later(seconds, self._speak)
                steps.pop()
        return steps

    async def post(self, steps: Iterable[Step]) -> None:
        """Put steps into the outbox, waiting while it is full."""
        for step in steps:
            await self._outbox.put(step)

    async def tell_time(self) -> None:
        """Tell the venue's time now."""
        if not self._silent:
            await self.post([self._ping(self._now())])

    async def close(self, code: int, reason: str, last_words: bytes = b"") -> None:
        """Say the last words, then close in order; all that is in the outbox is sent before."""
        if not self._leaving:
            self._leaving = True
            await self._outbox.put(last_words)
            await self._outbox.put(_Close(code, reason))

    def _speak(self) -> None:
        self._silent = False
        self._on_change()

    def _ping(self, ts: int) -> bytes:
        self._ts_told = ts
        self._asked.append(b"%d" % (ts // MILLISECOND))
        if self._asked_s is None:
            self._asked_s = self._clock.time()
        return ping_frame(ts)

    # --- the tasks -------------------------------------------------------------------------------------------

    async def serve(self) -> None:
        """Serve the client until either side leaves."""
        async with asyncio.TaskGroup() as tasks:
            writer = tasks.create_task(self._write())
            keeper = tasks.create_task(self._keep())
            await self._read()
            keeper.cancel()
            if not self._leaving:
                writer.cancel()
            self._leaving = True
        while not self._outbox.empty():
            self._outbox.get_nowait()

    async def _write(self) -> None:
        """Perform the steps in the outbox, one after the other."""
        with contextlib.suppress(ClientConnectionResetError):  # the client has left; the reader ends as well
            while True:
                match await self._outbox.get():
                    case bytes() as frames:
                        await self._socket.write(frames)
                    case Pause(seconds):
                        await asyncio.sleep(seconds)
                    case Cut():
                        self._transport.abort()
                        return
                    case _Close(code, reason):
                        await self._socket.close(code=code, message=reason.encode())
                        return

    async def _read(self) -> None:
        """Answer requests."""
        recent: deque[float] = deque(maxlen=self._limits.messages_per_s)
        async for message in self._socket:
            if message.type is WSMsgType.PONG:
                if message.data in self._asked:
                    self._asked_s = None
                continue
            if len(recent) == recent.maxlen and self._clock.time() - recent[0] < 1.0:
                await self.close(WSCloseCode.POLICY_VIOLATION, "Too many requests")
                continue
            recent.append(self._clock.time())
            await self._answer(message)

    async def _answer(self, message: WSMessage) -> None:
        if message.type is WSMsgType.PING:
            await self.post([pong_frame(message.data)])
        elif message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
            text = message.data if isinstance(message.data, str) else message.data.decode(errors="replace")
            reply = self.subscriber.answer(text, self._now())
            await self.post([text_frame(reply)])
            self._on_change()

    async def _keep(self) -> None:
        """Ping now and then, and part from a client that does not answer or has been here for too long."""
        limits, began_s = self._limits, self._clock.time()
        while (now_s := self._clock.time()) - began_s < limits.lifetime_s:
            if self._asked_s is not None and now_s - self._asked_s > limits.pong_within_s:
                self._leaving = True
                self._transport.abort()
                return
            if not self._outbox.full():
                await self.tell_time()
            await asyncio.sleep(min(limits.ping_every_s, limits.lifetime_s))
        await self.close(WSCloseCode.GOING_AWAY, "Connected for too long")
