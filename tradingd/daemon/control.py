"""The control socket: what `tradingd ctl` knocks at, on a Unix socket that only its owner may open.

One request a line, one answer a line, both JSON: `{"verb": "status"}` -> `{"ok": true, ...}`. It asks the daemon
and tells what it says; an unknown verb, or a line that is no JSON, gets an answer that says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from pathlib import Path

LINE_MAX = 65_536


@contextlib.asynccontextmanager
async def serving(
    path: Path, verbs: Mapping[str, Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]]
) -> AsyncIterator[None]:
    """Answer at `path`: from before the first line of the caller's block until after its last."""

    async def on_connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await _answer(line, verbs)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):  # gone, or a line beyond the bound
            return
        finally:
            writer.close()

    path.unlink(missing_ok=True)  # noqa: ASYNC240 - once, before anybody is served
    mask = os.umask(0o177)
    try:
        server = await asyncio.start_unix_server(on_connected, path, limit=LINE_MAX)
    finally:
        os.umask(mask)
    try:
        yield
    finally:
        server.close()
        path.unlink(missing_ok=True)  # noqa: ASYNC240 - at the end


async def _answer(
    line: bytes, verbs: Mapping[str, Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]]
) -> dict[str, Any]:
    try:
        request = json.loads(line)
        verb = request["verb"]
    except (ValueError, KeyError, TypeError):
        return {"ok": False, "error": 'a request is a JSON object with a "verb"'}
    if verb not in verbs:
        return {"ok": False, "error": f"there is no verb {verb!r}; verbs are {', '.join(sorted(verbs))}"}
    return await verbs[verb](request)


async def ask(path: Path, request: dict[str, Any], timeout_s: float) -> dict[str, Any]:
    """Ask the daemon at `path` one thing.

    Raises:
        OSError: nobody answers there.
        TimeoutError: no answer came in time.
    """
    async with asyncio.timeout(timeout_s):
        reader, writer = await asyncio.open_unix_connection(path, limit=1 << 24)
        try:
            writer.write(json.dumps(request).encode() + b"\n")
            line = await reader.readline()
        finally:
            writer.close()
    answer: dict[str, Any] = json.loads(line)
    return answer
