"""A venue that is simulated: a tape that is played, over real sockets, to whoever is connected.

What all venues share, whatever their words: their time, the pace of the market, their connections, and the faults
that are planned for them. It listens on loopback only, and keeps nothing. A venue's own words are its subclass's.
"""

from __future__ import annotations

import abc
import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from aiohttp import WSCloseCode, web

from tradingd.model.errors import ConfigError
from tradingd.venues.clock import Schedule
from tradingd.venues.connection import Connection, Limits
from tradingd.venues.faults import Fault, Plan

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence

    from tradingd.venues.connection import Listener
    from tradingd.venues.tape import Row, Tape

HOST = "127.0.0.1"
_ROWS_AT_ONCE = 512
_NAP_S = 0.01  # at least so long is waited for a quiet second of market time to pass
_SHUTDOWN_S = 1.0


class Venue(abc.ABC):
    """A venue over one tape.

    Its time runs `speed` times as fast as ours; with `AS_FAST_AS_TAKEN` it goes as fast as the slowest listener. With
    `wait_for_client`, time stands still until somebody listens (at that speed: whenever nobody does). At the `end` of
    the data connections are held open, or closed, with the venue's last words. `with_control` serves `/sim/faults`.
    """

    def __init__(  # noqa: PLR0913 - what can be chosen
        self,
        tape: Tape,
        *,
        speed: float = 1.0,
        wait_for_client: bool = True,
        end: Literal["hold", "close"] = "hold",
        faults: Iterable[Fault] = (),
        with_control: bool = False,
        limits: Limits | None = None,
    ) -> None:
        self.tape = tape
        self.finished = asyncio.Event()
        """Set when all trades have been told."""
        self._schedule = Schedule(tape.ts, speed, lambda: asyncio.get_running_loop().time())
        self._wait_for_client = wait_for_client
        self._end = end
        self._plan = Plan(faults)
        self._with_control = with_control
        self._limits = limits or Limits()
        self.connections: list[Connection] = []
        self._changed = asyncio.Event()

    def now(self) -> int:
        """Return the venue's time: never past a trade that is still to be told, and at rest when none is."""
        ts_next = self.tape.ts_next
        if ts_next is None or not self._schedule.is_paced:
            return self.tape.ts
        return max(self.tape.ts, min(self._schedule.reached(), ts_next))

    @contextlib.asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator[int]:
        """Serve on loopback, and yield the port; 0 lets the system choose."""
        runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=_SHUTDOWN_S)
        await runner.setup()
        try:
            await web.TCPSite(runner, HOST, port).start()
            async with asyncio.TaskGroup() as tasks:
                player = tasks.create_task(self._play())
                yield runner.addresses[0][1]
                player.cancel()
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None  # the player's, or the one that ends the caller's block
        finally:
            await runner.cleanup()

    def _application(self) -> web.Application:
        application = web.Application(middlewares=self._middlewares())
        application.add_routes(self._routes())
        if self._with_control:
            application.router.add_post("/sim/faults", self._add_faults)
        application.on_shutdown.append(self._close_connections)
        return application

    # --- a venue's own words ---------------------------------------------------------------------------------

    @abc.abstractmethod
    def _routes(self) -> Sequence[web.RouteDef]:
        """Return where it is asked, and where its sockets are."""

    def _middlewares(self) -> Sequence[Any]:
        """Return what stands around all requests."""
        return ()

    def _told(self, rows: Sequence[Row]) -> Sequence[Any]:
        """Return trades as the venue's listeners take them."""
        return rows

    # --- the market ------------------------------------------------------------------------------------------

    async def _play(self) -> None:
        """Tell the tape from here to its end."""
        while (ts_next := self.tape.ts_next) is not None:
            await self._audience()
            self._schedule.start()
            wait_s = self._schedule.seconds_until(ts_next)
            if wait_s > 0:
                await asyncio.sleep(min(wait_s, max(1 / self._schedule.speed, _NAP_S)))
            until = self._schedule.reached() if self._schedule.is_paced else None
            await self._tell(self.tape.take(_ROWS_AT_ONCE, until))
        for connection in self.connections:
            connection.tell_time(self.tape.ts)
        if self._end == "close":
            await self._close_connections()
        self.finished.set()

    async def _tell(self, rows: Sequence[Row]) -> None:
        """Let all connections hear these trades, at once; then wait until each has room for what follows."""
        ts, told = self.now(), self._told(rows)
        for connection in self.connections:
            connection.hear(told, ts)
        for connection in tuple(self.connections):
            await connection.room()
        await asyncio.sleep(0)

    async def _audience(self) -> None:
        """Wait for somebody to listen, where time stands still without."""
        if self._schedule.is_paced and self._schedule.is_running:
            return
        while self._wait_for_client and not any(connection.is_listening for connection in self.connections):
            self._changed.clear()
            await self._changed.wait()

    # --- the sockets -----------------------------------------------------------------------------------------

    async def _attend(
        self, request: web.Request, listener: Listener, begin: Callable[[int], None] | None = None
    ) -> web.StreamResponse:
        """Serve a client until either side leaves; `begin` is called with the time at which it is connected."""
        socket = web.WebSocketResponse(timeout=_SHUTDOWN_S, autoping=False, compress=False)
        stream, transport = await socket.prepare(request), request.transport
        if transport is None:
            return socket
        if begin is not None:
            begin(self.now())
        connection = Connection(
            socket, stream, transport, listener, self._plan, self._limits, self.now, self._changed.set
        )
        self.connections.append(connection)
        self._changed.set()
        try:
            await connection.serve()
        finally:
            self.connections.remove(connection)
        return socket

    async def _close_connections(self, _application: web.Application | None = None) -> None:
        for connection in self.connections:
            connection.close(WSCloseCode.GOING_AWAY, "The venue closes", connection.subscriber.shutdown(self.now()))

    async def _add_faults(self, request: web.Request) -> web.Response:
        try:
            self._plan.add(msgspec.json.decode(await request.read(), type=list[Fault]))
        except (msgspec.MsgspecError, ConfigError) as error:
            return web.json_response({"code": -1135, "msg": f"Invalid JSON Request: {error}"}, status=400)
        return web.json_response({"sent": self._plan.sent})
