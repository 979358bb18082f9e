"""The HTTP application: routes, what they need of the daemon, and who may ask.

It asks the daemon and hands it what a person wants; it never touches the engine. It is for this machine: without a
login it answers nobody's web page, and nothing that takes time is done on the event loop.
"""

from __future__ import annotations

import asyncio
import ipaddress
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from tradingd.daemon.api import metrics, views
from tradingd.daemon.api.executions import FINISHED_MAX, RUNNING_MAX, Executions, Status, backtest
from tradingd.daemon.api.problems import Kind, Problem, answer_problems
from tradingd.daemon.api.processes import Processes, WorkerLostError
from tradingd.daemon.api.request import Mode
from tradingd.daemon.api.request import read as read_request
from tradingd.daemon.api.stored import Shelf
from tradingd.daemon.config import core_settings
from tradingd.daemon.sources import Feed
from tradingd.model.errors import ConfigError, TradingdError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from aiohttp.typedefs import Handler

    from tradingd.core.graph.view import StrategyView
    from tradingd.daemon.api.metrics import Counters
    from tradingd.daemon.api.processes import Workers
    from tradingd.daemon.desired import Desired
    from tradingd.model.ports import Provider
    from tradingd.model.trading import Alert

BODY_BYTES_MAX = 1 << 20
BODY_S_MAX = 30
SHUTDOWN_S = 2

_OK, _ACCEPTED = 200, 202


class PaperRefusedError(TradingdError):
    """A paper session cannot be started; the message says why, and is for the client."""


class Host(Protocol):
    """What the application needs of the daemon."""

    @property
    def desired(self) -> Desired:
        """What runs: settings, documents, the instrument list."""

    @property
    def base(self) -> Path:
        """What paths of the configuration are relative to."""

    @property
    def provider(self) -> Provider:
        """Who gives the history of the feed."""

    @property
    def ready(self) -> bool:
        """Whether the daemon trades."""

    def state(self, strategy_id: str) -> tuple[StrategyView, ZoneInfo] | None:
        """Return a strategy's picture and its exchange's zone, none if it does not run."""

    def published(self, alert: Alert) -> bytes:
        """Return an alert as it was published."""

    async def start_paper(self, source: str) -> str:
        """Start a session of a strategy, as JSON text that was found right; return the execution's id.

        Raises:
            PaperRefusedError: it cannot be started.
        """

    def paper_result(self, execution_id: str) -> Mapping[str, Any] | None:
        """Return a session's result so far, as `Result.as_dict` has it but for `execution_id` and `seconds`.

        Its `status` is running, completed, failed or cancelled. None if there is no such session.
        """

    def counters(self) -> Counters:
        """Return figures by the names of `metrics.METRICS`."""


def create_app(host: Host, workers: Workers | None = None) -> web.Application:
    """Build the application; `workers` do what takes time, processes unless others are given."""
    api = _Api(host, workers or Processes(RUNNING_MAX + 1))  # one is always free to look into files
    app = web.Application(middlewares=[answer_problems, api.guard], client_max_size=BODY_BYTES_MAX)
    app.add_routes(
        [
            web.post("/strategies/execute", api.execute),
            web.get("/strategies/executions/{execution_id}", api.execution),
            web.get("/strategies/{strategy_id}/state", api.state),
            web.get("/-/healthy", api.healthy),
            web.get("/-/ready", api.ready),
            web.get("/metrics", api.metrics),
        ]
    )
    app.on_startup.append(api.start)
    app.on_shutdown.append(api.stop)
    app.on_cleanup.append(api.close)
    return app


@asynccontextmanager
async def serving(host: Host) -> AsyncIterator[str]:
    """Answer at the address of `http.*` as long as the context lasts; give the URL, its port chosen.

    Raises:
        ConfigError: nobody can listen there.
    """
    settings = host.desired.settings.http
    app = create_app(host)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S, auto_decompress=False)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, settings.host, settings.port).start()
        except OSError as error:
            msg = f"http.host, http.port: cannot listen on {settings.host}:{settings.port}: {error.strerror}"
            raise ConfigError(msg) from error
        address, port = runner.addresses[0][:2]
        yield f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
    finally:
        await runner.cleanup()


class _Api:
    """The handlers, and what they share."""

    def __init__(self, host: Host, workers: Workers) -> None:
        self._host, self._workers = host, workers
        settings = host.desired.settings
        self._shelf = Shelf(settings.data, host.base, Feed(host.provider, settings.feed.rest_url), workers)
        self._executions = Executions(workers, settings.http.backtest_s_max)
        self._figures = metrics.registry(lambda: {**host.counters(), "executions": self._executions.counts()})

    async def start(self, _: web.Application) -> None:
        self._executions.start()

    async def stop(self, _: web.Application) -> None:
        await self._executions.stop()

    async def close(self, _: web.Application) -> None:
        await self._workers.close()

    # --- who may ask -----------------------------------------------------------------------------------------

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse web pages of other sites, which a browser on this machine would let ask.

        A page says where it is from; and one whose name was made to point here names itself as the host.
        """
        named, origin = request.headers.get("Host"), request.headers.get("Origin")
        if origin is not None and origin.partition("://")[2] != named:
            raise Problem(Kind.FOREIGN, "the Origin header names another site than the Host header")
        if named is not None and _is_local(self._host.desired.settings.http.host) and not _is_local(_name(named)):
            raise Problem(Kind.MISDIRECTED, "the Host header is not of this machine; ask 127.0.0.1 or localhost")
        return await handler(request)

    # --- executions ------------------------------------------------------------------------------------------

    async def execute(self, request: web.Request) -> web.Response:
        """Start an execution, or find the equal one."""
        desired = self._host.desired
        asked = await asyncio.to_thread(read_request, await _body(request), desired.listed)
        if asked.mode is Mode.PAPER:
            try:
                name = await self._host.start_paper(asked.source)
            except PaperRefusedError as error:
                raise Problem(Kind.PAPER_REFUSED, str(error)) from error
            return _execution(_ACCEPTED, name, Status.RUNNING)
        try:
            stock = await self._shelf.find(asked, desired.listed)
        except WorkerLostError as error:
            raise Problem(Kind.WORKER_LOST, "it looked into the data; ask again") from error
        execution = self._executions.submit(backtest(asked, stock, desired.listed, core_settings(desired.settings)))
        await execution.wait(asked.wait_s)
        status = _OK if execution.finished.is_set() else _ACCEPTED
        return _execution(status, execution.id, execution.status, execution.results, execution.error)

    async def execution(self, request: web.Request) -> web.Response:
        """Tell what became of an execution."""
        name = request.match_info["execution_id"]
        execution = self._executions.get(name)
        if execution is not None:
            return _execution(_OK, name, execution.status, execution.results, execution.error)
        session = self._host.paper_result(name)
        if session is None:
            detail = f"there is no execution {name!r}: it never was, or is forgotten; "
            detail += f"the last {FINISHED_MAX} finished ones are kept, until the daemon stops"
            raise Problem(Kind.NO_SUCH_EXECUTION, detail)
        return _execution(_OK, name, str(session["status"]), msgspec.json.encode(session))

    async def state(self, request: web.Request) -> web.Response:
        """Tell how a strategy stands."""
        name = request.match_info["strategy_id"]
        found = self._host.state(name)
        if found is None:
            raise Problem(Kind.NO_SUCH_STRATEGY, f"there is no strategy {name!r} running")
        return _json(_OK, views.state(*found, self._host.published))

    # --- operation -------------------------------------------------------------------------------------------

    async def healthy(self, _: web.Request) -> web.Response:
        """Say that the event loop turns."""
        return _json(_OK, {"status": "healthy"})

    async def ready(self, _: web.Request) -> web.Response:
        """Say whether the daemon trades."""
        if not self._host.ready:
            raise Problem(Kind.NOT_READY, "it is starting or stopping")
        return _json(_OK, {"status": "ready"})

    async def metrics(self, request: web.Request) -> web.Response:
        """Tell figures to Prometheus."""
        body, content_type = metrics.page(self._figures, request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})


async def _body(request: web.Request) -> bytes:
    if "Content-Encoding" in request.headers:
        raise Problem(Kind.ENCODED, "the body has a Content-Encoding; send it as it is")
    try:
        async with asyncio.timeout(BODY_S_MAX):
            return await request.read()
    except TimeoutError as error:
        raise Problem(Kind.TOO_SLOW, f"the body took longer than {BODY_S_MAX} s") from error


def _execution(
    http_status: int,
    name: str,
    status: str,
    results: bytes | None = None,
    error: Mapping[str, Any] | None = None,
) -> web.Response:
    content = {"execution_id": name, "status": status, "results": None if results is None else msgspec.Raw(results)}
    response = _json(http_status, content if error is None else content | {"error": error})
    if http_status == _ACCEPTED:
        response.headers["Location"] = f"/strategies/executions/{name}"
    return response


def _json(status: int, content: object) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(content), content_type="application/json")


def _name(host: str) -> str:
    """Return the name or address in a Host header, empty if there is none that can be read."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_local(name: str) -> bool:
    """Whether a name or address is this machine's to itself."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
