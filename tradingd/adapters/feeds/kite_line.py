"""One connection of Kite's ticker, shared by all who listen to an instrument on it.

A key may open three connections, so a listener does not get one of its own: lines read, and hand what they hear to
outboxes. A line says again what is subscribed after every loss, waits for a new token where the venue takes the old
one no longer, and finds out whether silence is the market's or the line's. What was missed is told as gaps; nothing
is asked for in its place.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlencode

from tradingd.adapters.feeds.connection import Change, LastingConnection
from tradingd.adapters.feeds.kite_rest import QUOTES_MAX, instant
from tradingd.adapters.feeds.kite_wire import Channel, cancellation, read_packets, read_text, subscription
from tradingd.model.errors import FeedError
from tradingd.model.market import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tradingd.adapters.feeds.aggregation import Sessions
    from tradingd.adapters.feeds.kite_rest import Credential, KiteRest
    from tradingd.adapters.feeds.kite_wire import KiteCounts
    from tradingd.model.events import FeedGap
    from tradingd.model.instrument import Instrument
    from tradingd.model.market import Tick

    LineState = Literal["connected", "lost", "stale", "gap", "expired"]

_EVENTS_MAX = 16_384  # events that wait for a listener before its lines are made to wait
_AHEAD_NS = 2 * SECOND  # by how much a quote may be later than its packet


class Outbox:
    """What one listener has still to hear; who puts waits while it is full, unless it has been closed."""

    def __init__(self) -> None:
        self._events: deque[Tick | FeedGap] = deque()
        self._changed = asyncio.Event()
        self._error: BaseException | None = None
        self._is_closed = False

    def put(self, event: Tick | FeedGap) -> None:
        """Take an event in."""
        self._events.append(event)
        self._changed.set()

    async def room(self) -> None:
        """Wait until the listener has taken what waits."""
        while len(self._events) >= _EVENTS_MAX and not self._is_closed:
            self._changed.clear()
            await self._changed.wait()

    async def take(self) -> Sequence[Tick | FeedGap]:
        """Wait for events, and return all that there are.

        Raises:
            FeedError: the line has ended.
        """
        while not self._events:
            if self._error is not None:
                raise self._error
            self._changed.clear()
            await self._changed.wait()
        events = tuple(self._events)
        self._events.clear()
        self._changed.set()
        return events

    def fail(self, error: BaseException) -> None:
        """Tell that no more will come, after what there is."""
        self._error = error
        self._changed.set()

    def close(self) -> None:
        """Nobody listens any more."""
        self._is_closed = True
        self._events.clear()
        self._changed.set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """What all lines of a feed share."""

    url: str
    credential: Credential
    rest: KiteRest
    counts: KiteCounts
    sessions: Sessions
    stale_s: float
    jitter: Callable[[], float]
    on_state: Callable[[LineState, str], None]
    on_text: Callable[[str, bytes], None]


class Line:
    """A connection that is there for as long as somebody listens on it."""

    def __init__(self, name: str, wiring: Wiring) -> None:
        self.is_up = False
        self._name, self._wiring = name, wiring
        self._heard: dict[int, Channel] = {}
        self._listeners: dict[int, list[Outbox]] = {}
        self._outboxes: list[Outbox] = []
        self._said: set[int] = set()
        self._tried = ""
        self._ts, self._told_s = 0, 0.0  # of the latest packet, and when it came
        self._doubted_s = 0.0
        self._wire = LastingConnection(
            self._address, stale_s=wiring.stale_s, lifetime_s=float("inf"), jitter=wiring.jitter, with_text=True
        )
        self._reader: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._heard)

    def __contains__(self, token: int) -> bool:
        return token in self._heard

    async def join(self, outbox: Outbox, instruments: Iterable[Instrument]) -> None:
        """Let an outbox hear instruments from now on."""
        self._outboxes.append(outbox)
        for instrument in instruments:
            channel = Channel(instrument, self._wiring.counts)
            self._heard.setdefault(channel.token, channel)
            self._listeners.setdefault(channel.token, []).append(outbox)
        if self._reader is None:
            self._reader = asyncio.create_task(self._read(), name=f"kite {self._name}")
            self._reader.add_done_callback(self._on_ended)
        elif self.is_up:
            await self._subscribe()

    def leave(self, outbox: Outbox) -> bool:
        """Let an outbox hear nothing more; return whether it was the last: then the line is to be settled, and gone."""
        outbox.close()
        self._outboxes.remove(outbox)
        for token, listeners in tuple(self._listeners.items()):
            if outbox in listeners:
                listeners.remove(outbox)
            if not listeners:
                del self._listeners[token], self._heard[token]
        return not self._outboxes

    async def settle(self) -> None:
        """Say what is no longer heard; a line without listeners ends."""
        if self._outboxes:
            unheard = self._said - self._heard.keys()
            self._said -= unheard
            if unheard:
                await self._wire.send(cancellation(sorted(unheard)))
        elif self._reader is not None:
            self._reader.cancel()
            await asyncio.wait({self._reader})
            await self._wire.close()

    def _address(self) -> str:
        credential = self._wiring.credential
        self._tried = credential.access_token
        query = {"api_key": credential.api_key, "access_token": credential.access_token}
        return f"{self._wiring.url}/?{urlencode(query)}"

    def _on_ended(self, reader: asyncio.Task[None]) -> None:
        if not reader.cancelled() and (error := reader.exception()) is not None:
            for outbox in self._outboxes:
                outbox.fail(error)

    # --- the connection ------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        """Read for ever."""
        if not self._wiring.credential.access_token:
            await self._wait_for_token("there is no access token")
        while True:
            received = await self._wire.receive()
            if isinstance(received, bytes):
                await self._take(received)
            elif isinstance(received, str):
                self._hear(received)
            else:
                await self._change(received)

    async def _change(self, change: Change) -> None:
        wiring, counts = self._wiring, self._wiring.counts
        if change is Change.CONNECTED:
            self.is_up = True
            self._said.clear()
            self._doubted_s = self._now_s()
            for channel in self._heard.values():  # as part of what forms now was not heard
                channel.had_gap = self._trades_now(channel)
            await self._subscribe()
            wiring.on_state("connected", f"{self._name}, {len(self._heard)} instruments")
            return
        if self.is_up:
            self.is_up = False
            self._cut_off()
        reason = f"{self._name}: {self._wire.reason}"
        if change is Change.REFUSED:
            counts.refused += 1
            await self._wait_for_token(self._wire.reason)
        elif change is Change.STALE:
            counts.stale += 1
            wiring.on_state("stale", reason)
        else:
            counts.lost += change is Change.LOST
            wiring.on_state("lost", reason)

    async def _wait_for_token(self, reason: str) -> None:
        self._wiring.on_state("expired", f"{self._name}: {reason}; log in and tell the new access token")
        await self._wiring.credential.other_than(self._tried)

    async def _subscribe(self) -> None:
        """Say what is to be heard and has not been said on this connection."""
        unsaid = sorted(self._heard.keys() - self._said)
        if unsaid:
            self._said.update(unsaid)
            for token in unsaid:
                self._heard[token].subscribed()
            await self._wire.send(*subscription(unsaid))

    # --- what is heard -------------------------------------------------------------------------------------------

    async def _take(self, frame: bytes) -> None:
        """Hand on what a frame tells."""
        packets = read_packets(frame, self._wiring.counts)
        if not packets:
            if self._now_s() - max(self._told_s, self._doubted_s) >= self._wiring.stale_s:
                await self._doubt()
            return
        self._told_s = self._now_s()
        for packet in packets:
            channel = self._heard.get(packet[1])
            if channel is None:
                self._wiring.counts.strangers += 1
                continue
            tick = channel.take(packet)
            self._ts = max(self._ts, channel.ts)
            if tick is None:
                continue
            if channel.had_gap:
                channel.had_gap = False
                self._tell(channel, channel.gap(tick.ts))
            self._tell(channel, tick)
        for outbox in tuple(self._outboxes):
            await outbox.room()

    def _tell(self, channel: Channel, event: Tick | FeedGap) -> None:
        for outbox in self._listeners[channel.token]:
            outbox.put(event)

    def _hear(self, text: str) -> None:
        message = read_text(text)
        if message is None:
            self._wiring.counts.malformed += 1
            return
        self._wiring.counts.errors += message.type == "error"
        self._wiring.on_text(message.type, bytes(message.data))

    def _cut_off(self) -> None:
        """Tell that what forms now has a hole, of each instrument that trades now and has been heard."""
        missed = [channel for channel in self._heard.values() if self._trades_now(channel)]
        for channel in missed:
            self._tell(channel, channel.gap(self._ts))
        if missed:
            self._wiring.on_state("gap", f"{self._name}: {', '.join(one.instrument.id for one in missed)}")

    def _trades_now(self, channel: Channel) -> bool:
        """Whether an instrument that has been heard trades now, as far as a line knows what time it is."""
        present = self._ts + int((self._now_s() - self._told_s) * SECOND)
        return channel.ts > 0 and self._is_open(channel.instrument, present)

    def _is_open(self, instrument: Instrument, ts: int) -> bool:
        return self._wiring.sessions(instrument, ts).holds(ts)

    async def _doubt(self) -> None:
        """Find out whether the market rests, or the line is mute while it still beats; a mute one is given up."""
        self._doubted_s = self._now_s()
        asked = {channel.instrument.id: channel.instrument for channel in list(self._heard.values())[:QUOTES_MAX]}
        try:
            quotes, now = await self._wiring.rest.quotes(list(asked.values()))
        except FeedError:  # then nothing speaks against the line
            return
        heard_until = self._ts or now - int(self._wiring.stale_s * SECOND)
        told = {name: instant(quote.timestamp) for name, quote in quotes.items() if quote.timestamp and name in asked}
        if any(ts > heard_until + _AHEAD_NS and self._is_open(asked[name], ts) for name, ts in told.items()):
            self._wiring.counts.mute += 1
            self._wiring.on_state("stale", f"{self._name}: it beats, but tells nothing of what is traded")
            self._wire.cut()

    @staticmethod
    def _now_s() -> float:
        return asyncio.get_running_loop().time()
