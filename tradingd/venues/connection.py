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
from tradingd.venues.wire import MILLISECOND, content, ping_frame, pong_frame, text_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aiohttp import WSMessage, web
    from aiohttp.abc import AbstractStreamWriter

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
    """A client that is connected.

    Whole frames of market data go into `stream`, past `socket`, many at a time. `now` tells the venue's time;
    `on_change` is called when the client may have begun to listen.
    """

    def __init__(  # noqa: PLR0913 - what a connection is made of
        self,
        socket: web.WebSocketResponse,
        stream: AbstractStreamWriter,
        transport: asyncio.Transport,
        subscriber: Subscriber,
        plan: Plan,
        limits: Limits,
        now: Callable[[], int],
        on_change: Callable[[], None],
    ) -> None:
        self.subscriber = subscriber
        self._socket = socket
        self._stream = stream
        self._transport = transport
        self._plan = plan
        self._limits = limits
        self._now = now
        self._on_change = on_change
        self._clock = asyncio.get_running_loop()
        self._outbox: deque[Step | _Close] = deque()
        self._moved = asyncio.Event()
        self._is_mute = self._is_over = self._is_closing = False
        self._ts_told = now()
        self._asked: deque[bytes] = deque(maxlen=_PINGS_KEPT)
        self._asked_s: float | None = None

    @property
    def is_listening(self) -> bool:
        """Whether it hears the market now."""
        return self.subscriber.is_listening and not self._is_mute and not self._is_over

    # --- what is sent ----------------------------------------------------------------------------------------

    def hear(self, rows: Sequence[Row], ts: int) -> None:
        """Send what it hears of trades, up to `ts`; a quiet second is told by a ping."""
        messages = self.subscriber.frames(rows) + self.subscriber.closed(ts)
        if self._is_mute or self._is_over:
            return
        if not messages:
            if ts - self._ts_told >= SECOND:
                self.tell_time(ts)
            return
        self._ts_told = ts
        for step in self._plan.steps(messages):
            if isinstance(step, Mute):
                self._is_mute = True
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
        self._say(ping_frame(payload))

    def close(self, code: int, reason: str, last_words: str = "") -> None:
        """Say the last words, then close in order."""
        self._say(last_words)
        self._send(_Close(code, reason))

    async def room(self) -> None:
        """Wait until the client has taken most of what was sent."""
        while len(self._outbox) >= _OUTBOX_MAX and not self._is_over:
            self._moved.clear()
            await self._moved.wait()

    def _say(self, frame: str) -> None:
        self._send(content([frame]))

    def _send(self, step: Step | _Close) -> None:
        """Put a step into the outbox, unless nothing can be sent any more."""
        if self._is_mute or self._is_over:
            return
        self._is_over = isinstance(step, Cut | _Close)
        self._outbox.append(step)
        self._moved.set()

    def _speak(self) -> None:
        self._is_mute = False
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
                    case Cut():
                        self._transport.abort()
                        return
                    case _Close(code, reason):
                        self._is_closing = True
                        await self._socket.close(code=code, message=reason.encode())
                        return
                self._outbox.popleft()
                self._moved.set()

    async def _read(self) -> None:
        """Answer requests."""
        recent: deque[float] = deque(maxlen=self._limits.messages_per_s)
        async for message in self._socket:
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
            self._say(pong_frame(message.data))
        elif message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
            text = message.data if isinstance(message.data, str) else message.data.decode(errors="replace")
            self._say(text_frame(self.subscriber.answer(text, self._now())))
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
