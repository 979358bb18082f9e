"""The one consumer: everything that goes into the engine goes through here, in one order, and is journalled first.

Many tasks put events on one bounded queue. This one takes them off, gives each its sequence number, inserts the
deadlines that are due, lets the session step, and makes what was decided durable before anything leaves the
process. Time belongs to it: a deadline falls due before the first event at or after it, or when the venue's
clock has passed it by the grace. Nothing else may touch the session.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from tradingd.model.commands import PublishAlert
from tradingd.model.events import BarMoved, BarOpened
from tradingd.model.market import FOREVER, SECOND, Bar, FoldedTick, Tick

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tradingd.core.session import Session
    from tradingd.model.commands import Command
    from tradingd.model.events import Event
    from tradingd.model.ports import Clock, Store
    from tradingd.model.trading import Alert


AHEAD_NS_MAX = 2 * SECOND
BATCH_MAX = 256
MILLISECOND = 1_000_000


class Queue(Protocol):
    """The bounded queue the feeds fill."""

    async def get_batch(self, limit: int) -> Sequence[Event]:
        """Wait for at least one event; return at most `limit`."""


class Sequencer:
    """Feeds one session from one queue.

    `progress` grows with every turn and feeds the watchdog; `ticks` counts what the market said, `ahead` what was
    stamped too far ahead to be taken. `between` jobs run between two events, never inside
    a step: `at_boundary` asks for one when market time crosses a whole multiple of `boundary_ns`.
    """

    def __init__(  # noqa: PLR0913 - what it ties together
        self,
        queue: Queue,
        journal: Store,
        clock: Clock | None,
        clock_grace_ms: int,
        boundary_ns: int,
        envelope: Callable[[Alert], bytes],
        on_durable: Callable[[], None],
    ) -> None:
        self.seq = 0
        self.progress = 0
        self.ahead = 0
        self.ticks = 0
        self.session: Session | None = None
        self._queue, self._journal, self._clock = queue, journal, clock
        self._grace = clock_grace_ms * MILLISECOND
        self._boundary = boundary_ns
        self._envelope, self._on_durable = envelope, on_durable
        self._staged = False
        self._crossed = 0
        self._until, self._on_until = FOREVER, on_durable
        self._jobs: list[Callable[[Session], None]] = []

    # --- told by the session ---------------------------------------------------------------------------------

    def on_event(self, event: Event) -> None:
        """Number an event and hand it to the journal, before the engine takes it."""
        self.seq += 1
        self._journal.event(self.seq, event)
        if not isinstance(event, Tick | FoldedTick):
            self._staged = True

    def on_command(self, command: Command, content: bytes) -> None:
        """Hand a command to the journal; an alert goes to the outbox with it."""
        self._journal.command(self.seq, content)
        if isinstance(command, PublishAlert):
            self._journal.alert(self.seq, command.ts, self._envelope(command.alert))
        self._staged = True

    # --- told by the daemon ----------------------------------------------------------------------------------

    def publish(self, alert: Alert) -> None:
        """Put an alert of the daemon's own in the outbox; it is no command and changes no decision."""
        self._journal.alert(self.seq, alert.ts, self._envelope(alert))
        self._staged = True

    def at_boundary(self, job: Callable[[Session], None]) -> None:
        """Have a job done between two events, at the next boundary of market time."""
        self._jobs.append(job)

    def stop_at(self, ts: int, on_reached: Callable[[], None]) -> None:
        """Take nothing from market time `ts` on; tell when it has come."""
        self._until, self._on_until = ts, on_reached

    # --- the loop --------------------------------------------------------------------------------------------

    async def run(self, session: Session) -> None:
        """Consume for ever; cancelled between two batches, with everything taken made durable."""
        self.session = session
        try:
            while True:
                await self.turn()
        finally:
            await self.settle()

    async def turn(self) -> None:
        """Wait for events or for the next deadline of the clock; take them; make the outcome durable."""
        session = self._running()
        batch: Sequence[Event] = ()
        try:
            async with asyncio.timeout(self._patience_s(session)):
                batch = await self._queue.get_batch(BATCH_MAX)
        except TimeoutError:
            pass  # the clock's turn
        for event in batch:
            self.take(session, event)
        if self._clock is not None:
            now = self._clock.now()
            self._cross(session, now)
            session.advance(min(now - self._grace, self._until - 1))
            if now - self._grace >= self._until:
                self._on_until()
        await self.settle()
        self.progress += 1

    def take(self, session: Session, event: Event) -> None:
        """Take one event, unless it is stamped further ahead of the clock than clocks may differ."""
        if self._clock is not None and event.ts > self._clock.now() + AHEAD_NS_MAX * max(self._clock.speed, 1):
            self.ahead += 1
            return
        if event.ts >= self._until:
            self._on_until()
            return
        self._cross(session, event.ts)
        if isinstance(event, Tick | FoldedTick | BarOpened | BarMoved | Bar):
            self.ticks += event.count if isinstance(event, FoldedTick) else 1
            session.step(event)
        else:
            session.tell(event)

    async def settle(self) -> None:
        """Make everything taken so far durable."""
        if self._staged:
            self._staged = False
            await self._journal.commit()
            self._on_durable()

    def _running(self) -> Session:
        if self.session is None:
            msg = "the sequencer has no session yet"
            raise RuntimeError(msg)
        return self.session

    def _cross(self, session: Session, ts: int) -> None:
        """Do the jobs that wait for a boundary, where `ts` is the first time beyond one."""
        turn = ts // self._boundary
        if turn > self._crossed:
            jobs, self._jobs = (self._jobs, []) if self._crossed else ([], self._jobs)
            self._crossed = turn
            for job in jobs:
                job(session)

    def _patience_s(self, session: Session) -> float:
        """Return how long to wait for events before the clock is looked at, and progress is shown."""
        if self._clock is None:
            return 1.0
        due = session.engine.next_deadline
        wait = 1.0 if due == FOREVER else (due + self._grace - self._clock.now()) / SECOND / self._clock.speed
        return min(max(wait, 0.0), 1.0)
