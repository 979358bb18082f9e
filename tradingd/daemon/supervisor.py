"""The daemon: starts everything, keeps it running in one task group, reloads it, and stops it cleanly.

Start: lock and open the journal, connect, tell the engine its strategies, warm it up, say READY. Stop: cancel the
group; the sequencer makes durable what it took; close the journal. A second signal is the crash path. Every task
has the group as its owner; one that fails takes the others down, and the process with them.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

import tradingd
from tradingd.adapters.feeds.folding import FoldingQueue
from tradingd.adapters.feeds.kite import KiteProvider
from tradingd.adapters.publishers.envelope import envelope
from tradingd.adapters.publishers.redis import RedisPublisher
from tradingd.adapters.publishers.relay import Relay
from tradingd.adapters.stores.journal import Journal
from tradingd.core.markets.sessions import market
from tradingd.core.performance import EquityCurve
from tradingd.core.session import Session
from tradingd.core.simulator import Simulator
from tradingd.daemon import control, desired, horizon, state, wiring
from tradingd.daemon.api.app import serving as http_serving
from tradingd.daemon.clock import UtcClock, VenueClock
from tradingd.daemon.config import core_settings
from tradingd.daemon.host import HttpHost
from tradingd.daemon.notify import Notifier
from tradingd.daemon.sequencer import Sequencer
from tradingd.model.errors import ConfigError, FeedError, FeedRefused
from tradingd.model.events import FeedGap, FlattenRequested, HistoryLoaded, StrategiesReplaced
from tradingd.model.market import MINUTE
from tradingd.model.trading import Alert, AlertKind, AlertType

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Awaitable, Iterable, Mapping, Sequence

    from tradingd.core.graph.document import Document
    from tradingd.daemon.desired import Desired
    from tradingd.model.instrument import Instrument
    from tradingd.model.ports import Clock, Publisher

log = structlog.get_logger()

T = TypeVar("T")

STOP_WITHIN_S = 10
DRAIN_S = 2
BOUNDARY_WAIT_S = 90
CALENDAR_EVERY_S = 60
CRASHED = 70  # EX_SOFTWARE


class Daemon:
    """One account's paper trading, from a configuration file; for `span_ns` of market time, or until it is stopped.

    Raises:
        ConfigError: the configuration or a strategy is wrong.
        StoreError: the state directory is in use, or cannot be written.
    """

    def __init__(
        self, path: Path | None, environment: Mapping[str, str], overrides: Iterable[str], span_ns: int | None = None
    ) -> None:
        self._span_ns = span_ns
        self.base = path.parent if path is not None else Path.cwd()
        self.posted: dict[str, tuple[Document, str]] = {}
        self._path, self._environment, self._overrides = path, environment, tuple(overrides)
        self.desired = desired.read(path, environment, self._overrides)
        settings = self.settings = self.desired.settings
        self.core = core_settings(settings)
        self.waits_for_room = settings.feed.speed == "max"
        self.state_dir = Path(settings.daemon.state_dir)
        self.socket = Path(settings.daemon.socket) if settings.daemon.socket else self.state_dir / "control.sock"
        self.notifier = Notifier.from_environment(environment)
        self.curve = EquityCurve(settings.simulation.starting_cash)
        self.url: str | None = None
        self.last_reload: dict[str, Any] | None = None
        self._stop = asyncio.Event()
        self._group: asyncio.TaskGroup
        self._signals = 0
        self.running = False
        self._began = time.monotonic()
        self._feeds: dict[str, str] = {}
        self._alerts = 0

    # --- life ------------------------------------------------------------------------------------------------

    async def run(self) -> int:
        """Run until stopped; return the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal)
        loop.add_signal_handler(signal.SIGHUP, self._on_hangup)
        async with wiring.provider(self.settings.feed, self._on_feed, self.core.calendar) as self.provider:
            try:
                self.clock, begin = await self._unless_stopped(self._clock())
                horizon.check(self.desired.documents, self.core.calendar, begin)
                self.journal, owing = await state.begin(
                    self.state_dir,
                    wiring.header(self.core, self.desired.listed),
                    created_ms=time.time_ns() // 1_000_000,  # noqa: TID251 - names the journal, decides nothing
                )
                try:
                    await self._live(begin, owing)
                finally:
                    await self._drain()
                    await self.journal.close()
            except* _Stopped:
                log.info("daemon.stopped")
        return 0

    async def _live(self, begin: int, owing: Sequence[Path]) -> None:
        queue = FoldingQueue(self.settings.feed.queue_size, MINUTE)
        if self.settings.redis.url:
            self.relay = Relay(self.journal, self._publisher(self.journal), self._on_redis)
        self.sequencer = Sequencer(
            queue, self.journal, self.clock, self.settings.engine.clock_grace_ms, MINUTE,
            lambda alert: envelope(alert, self.journal.created_ms, self.zone(alert)), self._on_durable,
        )  # fmt: skip
        engine = wiring.engine(self.core, self.desired.listed, self.curve)
        simulator = Simulator(self.core.simulation)
        self.session = Session(engine, simulator, self.sequencer.on_command, self.sequencer.on_event)
        self.queue = queue
        if self._span_ns is not None:
            self.sequencer.stop_at(begin + self._span_ns, self._stop.set)
        wanted = self.desired
        async with contextlib.AsyncExitStack() as stack:
            verbs = self._early_verbs()  # the history may have to wait for a token
            await stack.enter_async_context(control.serving(self.socket, verbs))
            history = await self._unless_stopped(self._history(wanted.documents, begin, wanted.instruments))
            self.session.tell(StrategiesReplaced(begin, wanted.sources, wanted.instruments, tuple(history)))
            await self.sequencer.settle()
            self.running = True
            verbs.update(self._verbs())
            if self.settings.http.port >= 0:
                self.url = await stack.enter_async_context(http_serving(HttpHost(self)))
            async with asyncio.TaskGroup() as self._group:
                self._start_tasks(queue, owing)

    def _publisher(self, journal: Journal) -> Publisher:
        return RedisPublisher(self.settings.redis.url, journal.created_ms)

    async def _drain(self) -> None:
        """Send what was said last; what cannot be sent soon is sent by the next run."""
        if self.settings.redis.url:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_S):
                    await _sent(self.relay)

    async def _send_owed(self, path: Path) -> None:
        """Send the alerts that an earlier run could not."""
        journal = Journal.open(path)
        try:
            await _sent(Relay(journal, self._publisher(journal), lambda _connected, _reason: None))
        finally:
            await journal.close()

    def _start_tasks(self, queue: FoldingQueue, owing: Sequence[Path]) -> None:
        start = self._group.create_task
        start(self.sequencer.run(self.session))
        start(self._pump(queue, self.desired.instruments))
        start(self._watch())
        start(self._watch_calendars())
        start(self._stopping())
        if self.settings.redis.url:
            start(self.relay.run())
            for path in owing:
                start(self._send_owed(path))
        status = f"paper trading {len(self.desired.documents)} strategies"
        self.notifier.ready(status)
        log.info("daemon.ready", strategies=[d.id for d in self.desired.documents], state_dir=str(self.state_dir))

    def _on_durable(self) -> None:
        if self.settings.redis.url:
            self.relay.wake()

    async def _unless_stopped(self, work: Awaitable[T]) -> T:
        """Await work that may take long, but not longer than until the daemon is to stop."""
        async with asyncio.TaskGroup() as group:
            stopping = group.create_task(self._stopping())
            result = await work
            stopping.cancel()
        return result

    async def _stopping(self) -> None:
        """Wait until the daemon is to stop, then end the group."""
        await self._stop.wait()
        self.notifier.stopping()
        raise _Stopped

    def _on_hangup(self) -> None:
        """Reload; before the start is done, what is read at the start is what there is."""
        if self.running:
            self._group.create_task(self.reload())

    def _on_signal(self) -> None:
        self._signals += 1
        if self._signals > 1:
            os._exit(CRASHED)  # asked twice: the crash path, from which the journal restores
        self._stop.set()

    async def _watch(self) -> None:
        """Feed the watchdog for as long as the sequencer makes progress."""
        if not self.notifier.watchdog_s:
            return
        seen = -1
        while True:
            await asyncio.sleep(self.notifier.watchdog_s / 3)
            if self.sequencer.progress != seen:
                seen = self.sequencer.progress
                self.notifier.alive()

    async def _watch_calendars(self) -> None:
        """Say once a day that a calendar ends soon, or has ended."""
        said: dict[str, dt.date] = {}
        while True:
            for reach in self._reaches():
                if reach.days <= horizon.WARNING_DAYS and said.get(reach.market) != reach.today:
                    said[reach.market] = reach.today
                    log.warning("calendar.ends", **reach.as_dict())
                    self._say(AlertKind.CONFIG, reach.text, AlertType.CRITICAL if reach.days < 0 else AlertType.WARNING)
            await asyncio.sleep(CALENDAR_EVERY_S)

    def _reaches(self) -> list[horizon.Reach]:
        documents = [*self.desired.documents, *(document for document, _ in self.posted.values())]
        return horizon.reaches(documents, self.core.calendar, self.session.engine.now)

    # --- data ------------------------------------------------------------------------------------------------

    async def _clock(self) -> tuple[Clock | None, int]:
        """Return the clock that deadlines are held against, and the market time at which this run begins."""
        speed = self.settings.feed.speed
        if speed == 0:
            clock = UtcClock()
            return clock, clock.now()
        began = time.monotonic()
        ts = await self.provider.server_time()
        return (None if speed == "max" else VenueClock(ts, float(speed), began)), ts

    async def _pump(self, queue: FoldingQueue, instruments: Sequence[Instrument]) -> None:
        """Put what the provider says on the queue; a venue that can wait is let wait rather than folded."""
        for gap in await self._unheard(instruments):
            queue.put(gap)
        async for event in self.provider.subscribe(instruments):
            if self.waits_for_room:
                await queue.room()
            queue.put(event)

    async def _unheard(self, instruments: Sequence[Instrument]) -> list[FeedGap]:
        """Return a gap for each instrument that was traded in its session before we listen: its first bar has a hole.

        So has that of one whose last trade nobody tells.
        """

        async def unheard(instrument: Instrument) -> FeedGap | None:
            try:
                last = await self.provider.last(instrument)
            except FeedError as error:
                log.warning("feed.last_unknown", instrument=instrument.id, reason=str(error))
                return FeedGap(instrument.id, self.session.engine.now)
            if last is None:
                return None
            tick, age = last
            session = market(instrument.exchange, self.core.calendar).session_from(tick.ts + age, instrument)
            return FeedGap(instrument.id, tick.ts) if tick.ts >= session.ts_open else None

        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(unheard(instrument)) for instrument in instruments]
        return [gap for task in asked if (gap := task.result()) is not None]

    async def _history(
        self, documents: Iterable[Document], until: int, instruments: Iterable[Instrument]
    ) -> list[HistoryLoaded]:
        """Ask for the bars that warm the strategies up: as many as their indicators need."""
        wanted: dict[tuple[str, Any], int] = {}
        for document in documents:
            key = f"{document.exchange}:{document.symbol}", document.timeframe
            wanted[key] = max(wanted.get(key, 0), desired.bars_wanted(document))
        known = {i.id: i for i in instruments}
        loaded = []
        for (name, timeframe), count in sorted(wanted.items()):
            bars = await self.provider.history(known[name], timeframe, count, until)
            if bars:
                loaded.append(HistoryLoaded(name, timeframe, tuple(bars), until))
        return loaded

    # --- alerts of its own -----------------------------------------------------------------------------------

    def zone(self, alert: Alert) -> Any:
        """Return the zone in which an alert's time is told: its strategy's exchange's, else UTC."""
        desk = self.session.engine.desks.get(alert.strategy or "")
        return desk.feed.market.zone if desk is not None else market("SIM").zone

    def _say(self, kind: AlertKind, message: str, type_: AlertType) -> None:
        self._alerts += 1
        number = f"{kind}-{self.journal.created_ms:x}-{self._alerts}"
        self.sequencer.publish(Alert(number, kind, None, None, message, type_, self.session.engine.now))

    def _on_feed(self, change: str, detail: str) -> None:
        log.info("feed.changed", state=change, detail=detail)
        self._feeds["state"] = change
        if hasattr(self, "session"):
            loud = AlertType.CRITICAL if change == "expired" else AlertType.WARNING
            type_ = AlertType.INFO if change == "connected" else loud
            self._say(AlertKind.FEED, f"feed {change}: {detail}" if detail else f"feed {change}", type_)

    def _on_redis(self, connected: bool, reason: str) -> None:  # noqa: FBT001 - the relay's callback
        log.info("redis.changed", connected=connected, reason=reason)

    # --- what may be asked -----------------------------------------------------------------------------------

    def _early_verbs(self) -> dict[str, Any]:
        """Return what may be asked before the strategies are warmed up."""
        return {
            "status": self._on_status, "health": self._on_health, "stop": self._on_stop, "token": self._on_token,
        }  # fmt: skip

    def _verbs(self) -> dict[str, Any]:
        return {"reload": self._on_reload, "flatten": self._on_flatten}

    async def _on_status(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"ok": True, "status": self.status()}

    async def _on_health(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"ok": True, "ready": self.ready, "feed": self._feeds.get("state", "connecting")}

    @property
    def ready(self) -> bool:
        """Whether the daemon trades and its feed is there."""
        return self.running and self._feeds.get("state") == "connected"

    async def _on_reload(self, request: dict[str, Any]) -> dict[str, Any]:
        if request.get("wait", True):
            return await self.reload()
        self._group.create_task(self.reload())
        return {"ok": True, "started": True}

    async def _on_stop(self, _: dict[str, Any]) -> dict[str, Any]:
        self.stop()
        return {"ok": True}

    def stop(self) -> None:
        """Stop cleanly, soon."""
        self._stop.set()

    async def _on_flatten(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request.get("strategy")
        if name not in self.session.engine.desks:
            known = ", ".join(self.session.engine.desks) or "none"
            return {"ok": False, "error": f"there is no strategy {name!r} running; there are {known}"}
        self.session.tell(FlattenRequested(str(name), self.session.engine.now))
        await self.sequencer.settle()
        return {"ok": True}

    async def _on_token(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            await self._renew(str(request.get("token", "")), is_request=bool(request.get("request")))
        except FeedError as error:
            return {"ok": False, "error": str(error)}
        log.info("feed.token_renewed")
        return {"ok": True}

    async def _renew(self, token: str, *, is_request: bool = False) -> None:
        """Have the feed go on with another token; it is kept nowhere.

        Raises:
            FeedError: the venue does not take it, or knows no tokens.
        """
        if not isinstance(self.provider, KiteProvider):
            msg = f"feed.provider is {self.settings.feed.provider}, which needs no access token; that of kite does"
            raise FeedRefused(msg)
        await self.provider.renew(token, is_request=is_request)

    def status(self) -> dict[str, Any]:
        """Return what runs, as plain data."""
        engine = self.session.engine
        return {
            "version": tradingd.__version__,
            "mode": self.settings.daemon.mode,
            "uptime_s": round(time.monotonic() - self._began, 1),
            "market_time": engine.now,
            "config_hash": self.desired.hash,
            "last_reload": self.last_reload,
            "decisions_sha256": self.session.decisions_sha256,
            "events": self.sequencer.seq,
            "commands": self.session.commands,
            "http": self.url,
            "feed": {
                "state": self._feeds.get("state", "connecting"),
                "ticks": self.sequencer.ticks,
                "ahead": self.sequencer.ahead,
            },
            "queue": {"folded": self.queue.folded, "depth_max": self.queue.depth_max},
            "calendars": [reach.as_dict() for reach in self._reaches()],
            "late": engine.counts.late,
            "outside_session": engine.counts.outside_session,
            "strategies": [self._strategy(name) for name in engine.desks],
        }

    def _strategy(self, name: str) -> dict[str, Any]:
        engine = self.session.engine
        desk, strategy = engine.desks[name], engine.roster.by_id[name]
        return {
            "id": name,
            "hash": strategy.plan.document.hash,
            "pending": "flat" if name in engine.roster.pending else None,
            "nodes": {i: str(n.state) for i, n in strategy.nodes.items() if i in strategy.plan.nodes},
            "positions_open": len(desk.positions.open()),
            "trades": len(desk.positions.closed),
            "realized_pnl": f"{desk.positions.realized:f}",
        }

    # --- reload ----------------------------------------------------------------------------------------------

    async def reload(self) -> dict[str, Any]:
        """Read and judge everything anew, and switch at a bar boundary; or change nothing and say why."""
        self.notifier.reloading()
        try:
            outcome = await self._reload()
        except ConfigError as error:
            outcome = {"ok": False, "error": str(error), "exit_code": 78}
        self.last_reload = outcome | {"config_hash": self.desired.hash}
        good = bool(outcome["ok"])
        log.log(20 if good else 40, "config.reloaded" if good else "config.refused", **outcome)
        text = "configuration reloaded" if good else f"configuration refused, nothing changed: {outcome['error']}"
        self._say(AlertKind.CONFIG, text, AlertType.INFO if good else AlertType.CRITICAL)
        self.notifier.ready(text)
        return self.last_reload

    async def _reload(self) -> dict[str, Any]:
        wanted = desired.read(self._path, self._environment, self._overrides)
        fixed = desired.restart_only(self.settings, wanted.settings)
        if not fixed and core_settings(wanted.settings).calendar != self.core.calendar:
            fixed.append("markets.calendar (what its file says)")
        if fixed:
            return {"ok": False, "error": f"these keys need a restart: {', '.join(fixed)}", "exit_code": 78}
        token = wanted.settings.feed.access_token
        if token != self.desired.settings.feed.access_token:
            try:
                await self._renew(token.get_secret_value())
            except FeedError as error:
                return {"ok": False, "error": f"feed.access_token: {error}"}
        if wanted.hash == self.desired.hash:
            self.desired = wanted
            return {"ok": True, "changed": [], "pending": []}
        before = {d.id: d.hash for d in self.desired.documents}
        twice = sorted(self.posted.keys() & {d.id for d in wanted.documents})
        if twice:
            return {"ok": False, "error": f"posted over HTTP already: {', '.join(twice)}", "exit_code": 78}
        changed = [d for d in wanted.documents if before.get(d.id) != d.hash]
        await self._adopt(wanted, changed)
        gone = sorted(before.keys() - {d.id for d in wanted.documents})
        names = sorted([d.id for d in changed] + gone)
        return {"ok": True, "changed": names, "pending": sorted(self.session.engine.roster.pending)}

    async def post(self, source: str) -> str:
        """Let a strategy trade beside those of the configuration, until the daemon stops; return its id.

        Raises:
            ConfigError: there is one of that id.
            FeedError: the venue does not have what it reads.
        """
        document = wiring.document(source, {i.id: i for i in self.desired.listed})
        if document.id in self.session.engine.desks or document.id in self.posted:
            msg = f"a strategy with the id {document.id!r} is running already"
            raise ConfigError(msg)
        self.posted[document.id] = document, source
        try:
            await self._adopt(self.desired, [document])
        except BaseException:
            del self.posted[document.id]
            raise
        return document.id

    async def _adopt(self, wanted: Desired, changed: Sequence[Document]) -> None:
        """Warm up what changed, and have it take over; nothing is different if that fails."""
        engine = self.session.engine
        needed = [*wanted.documents, *(document for document, _ in self.posted.values())]
        horizon.check(needed, self.core.calendar, engine.now)
        instruments = desired.instruments(needed, wanted.listed)
        new = tuple(i for i in instruments if i.id not in engine.feeds)
        history = await self._history(changed, engine.now, instruments)
        sources = (*wanted.sources, *(source for _, source in self.posted.values()))
        await self._switched(StrategiesReplaced(engine.now, sources, new, tuple(history)))
        for instrument in new:  # not before: until the switch nobody takes their ticks
            self._group.create_task(self._pump(self.queue, [instrument]))
        self.desired = wanted

    async def _switched(self, replaced: StrategiesReplaced) -> None:
        """Have the strategies replaced between two events, at a bar boundary; where time stands still, soon."""
        done = asyncio.get_running_loop().create_future()

        def job(session: Session) -> None:
            if not done.done():
                session.tell(dataclasses.replace(replaced, ts=session.engine.now))
                done.set_result(None)

        self.sequencer.at_boundary(job)
        try:
            async with asyncio.timeout(BOUNDARY_WAIT_S):
                await asyncio.shield(done)
        except TimeoutError:
            job(self.session)
        await self.sequencer.settle()


async def _sent(relay: Relay) -> None:
    """Run a relay until every row there is has been delivered."""
    relay.wake()
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(relay.run())
        await relay.drained()
        sending.cancel()


class _Stopped(Exception):  # noqa: N818 - it is no error
    """The daemon is to stop."""
