"""One websocket of a venue: a thin shell of asyncio around a subscriber, who speaks the venue's words.

Everything that is sent goes through one bounded outbox, in order, so that a ping with the venue's time also says that
no earlier trade follows it. A full outbox makes the market wait: nothing is ever dropped, except by a planned fault.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from aiohttp import ClientConnectionResetError, WSCloseCode, WSMsgType

from tradingd.model.market import SECOND
from tradingd.venues.faults import Cut, Mute, Pause, Plan, Step, Trickle
from tradingd.venues.wire import MILLISECOND, content, pong_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aiohttp import WSMessage, web
    from aiohttp.abc import AbstractStreamWriter


_OUTBOX_MAX = 8
_PINGS_KEPT = 256
_AT_ONCE = struct.pack("ii", 1, 0)  # what is not sent yet is lost, and the other side told so


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the venue grants a connection; the defaults are Binance's.

    Requests and a client's pings count as messages; pongs do not, as this venue pings more often than Binance.
    """

    messages_per_s: int = 5
    ping_every_s: float = 20.0
    pong_within_s: float = 60.0
    lifetime_s: float = 24 * 3600.0


class Listener(Protocol):
    """What a client hears of a venue: a synchronous object that turns requests and the market into frames."""

    @property
    def is_listening(self) -> bool:
        """Whether it hears anything of this market."""

    def frames(self, told: Sequence[Any]) -> list[str]:
        """Return what it hears of what the venue has told, message by message."""

    def closed(self, ts: int) -> list[str]:
        """Return what it hears because it is `ts`."""

    def reply(self, text: str, ts: int) -> list[str]:
        """Do what a request asks, and return the frames that answer it."""

    def beat(self, payload: bytes) -> str:
        """Return the frame that shows a client that we are there."""

    def shutdown(self, ts: int) -> str:
        """Return the venue's last words, before it closes the connection in order."""


class _Close(NamedTuple):
    """Close the connection in order."""

    code: int
    reason: str


class Connection:
    """A client that is connected.

    Whole frames of market data go into `stream`, past `websocket`, many at a time. `now` tells the venue's time;
    `on_change` is called when the client may have begun to listen.
    """

    def __init__(  # noqa: PLR0913 - what a connection is made of
        self,
        websocket: web.WebSocketResponse,
        stream: AbstractStreamWriter,
        transport: asyncio.Transport,
        subscriber: Listener,
        plan: Plan,
        limits: Limits,
        now: Callable[[], int],
        on_change: Callable[[], None],
    ) -> None:
        self.subscriber = subscriber
        self._websocket = websocket
        self._stream = stream
        self._transport = transport
        self._plan = plan
        self._limits = limits
        self._now = now
        self._on_change = on_change
        self._clock = asyncio.get_running_loop()
        self._outbox: deque[Step | _Close] = deque()
        self._moved = asyncio.Event()
        self._is_mute = self._is_hushed = self._is_over = self._is_closing = False
        self._ts_told = now()
        self._asked: deque[bytes] = deque(maxlen=_PINGS_KEPT)
        self._asked_s: float | None = None

    @property
    def is_listening(self) -> bool:
        """Whether it hears the market now."""
        return self.subscriber.is_listening and not (self._is_mute or self._is_hushed or self._is_over)

    # --- what is sent ----------------------------------------------------------------------------------------

    def hear(self, told: Sequence[Any], ts: int) -> None:
        """Send what it hears of trades, up to `ts`; a quiet second is told by a beat."""
        messages = self.subscriber.frames(told) + self.subscriber.closed(ts)
        if self._is_mute or self._is_over:
            return
        if self._is_hushed or not messages:
            if ts - self._ts_told >= SECOND:
                self.tell_time(ts)
            return
        self._ts_told = ts
        for step in self._plan.steps(messages):
            if isinstance(step, Mute):
                self._is_mute, self._is_hushed = not step.beats, step.beats
                self._clock.call_later(step.seconds, self._speak)
            else:
                self._send(step)

    def tell_time(self, ts: int) -> None:
        """Say that no trade before `ts` follows."""
        if self._is_mute:
            return
        self._ts_told = ts
        if self._asked_s is None:
            self._asked_s = self._clock.time()
        payload = b"%d" % (ts // MILLISECOND)
        self._asked.append(payload)
        self.say(self.subscriber.beat(payload))
        self._on_change()

    def say(self, *frames: str) -> None:
        """Send frames that are no market data."""
        self._send(content(frames))

    def close(self, code: int, reason: str, last_words: str = "") -> None:
        """Say the last words, then close in order."""
        self.say(last_words)
        self._send(_Close(code, reason))

    async def room(self) -> None:
        """Wait until the client has taken most of what was sent."""
        while len(self._outbox) >= _OUTBOX_MAX and not self._is_over:
            self._moved.clear()
            await self._moved.wait()

    def _send(self, step: Step | _Close) -> None:
        """Put a step into the outbox, unless nothing can be sent any more."""
        if self._is_mute or self._is_over:
            return
        self._is_over = isinstance(step, Cut | _Close)
        self._outbox.append(step)
        self._moved.set()

    def _speak(self) -> None:
        self._is_mute = self._is_hushed = False
        self.tell_time(self._now())
        self._on_change()

    # --- the tasks -------------------------------------------------------------------------------------------

    async def serve(self) -> None:
        """Serve the client until either side leaves."""
        try:
            async with asyncio.TaskGroup() as tasks:
                writer = tasks.create_task(self._write())
                keeper = tasks.create_task(self._keep())
                await self._read()
                keeper.cancel()
                if not self._is_closing:
                    writer.cancel()
        finally:
            self._is_over = True
            self._moved.set()  # nobody needs to wait for room any more

    async def _write(self) -> None:
        """Perform the steps in the outbox, one after the other."""
        with contextlib.suppress(ClientConnectionResetError):  # the client has left; the reader ends as well
            while True:
                while not self._outbox:
                    self._moved.clear()
                    await self._moved.wait()
                match self._outbox[0]:
                    case bytes() as frames:
                        await self._stream.write(frames)
                    case Pause(seconds):
                        await asyncio.sleep(seconds)
                    case Trickle(frame):
                        for byte in frame:
                            await self._stream.write(bytes([byte]))
                            await asyncio.sleep(0)
                    case Cut(by):
                        self._hang_up(by)
                        return
                    case _Close(code, reason):
                        self._is_closing = True
                        await self._websocket.close(code=code, message=reason.encode())
                        return
                self._outbox.popleft()
                self._moved.set()

    def _hang_up(self, by: str) -> None:
        if by == "end":
            self._transport.close()
            return
        if by == "reset":
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self._transport.abort()

    async def _read(self) -> None:
        """Answer requests."""
        recent: deque[float] = deque(maxlen=self._limits.messages_per_s)
        async for message in self._websocket:
            if message.type is WSMsgType.PONG:
                if message.data in self._asked:
                    self._asked_s = None
                continue
            if len(recent) == recent.maxlen and self._clock.time() - recent[0] < 1.0:
                self.close(WSCloseCode.POLICY_VIOLATION, "Too many requests")
                continue
            recent.append(self._clock.time())
            self._answer(message)

    def _answer(self, message: WSMessage) -> None:
        if message.type is WSMsgType.PING:
            self.say(pong_frame(message.data))
        elif message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
            text = message.data if isinstance(message.data, str) else message.data.decode(errors="replace")
            self.say(*self.subscriber.reply(text, self._now()))
            self._on_change()

    async def _keep(self) -> None:
        """Ping now and then, and part from a client that does not answer or has been here for too long."""
        limits = self._limits
        ends_s = self._clock.time() + limits.lifetime_s
        while (now_s := self._clock.time()) < ends_s:
            if self._asked_s is not None and now_s - self._asked_s > limits.pong_within_s:
                self._is_over = True
                self._transport.abort()
                return
            self.tell_time(self._now())
            await asyncio.sleep(min(limits.ping_every_s, ends_s - now_s))
        self.close(WSCloseCode.GOING_AWAY, "Connected for too long")
