"""The demonstration as a stranger runs it, watched by a subscriber of one's own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time

from jsonschema import Draft202012Validator
from redis import Redis

from tests.daemon.running import BOUND_S
from tradingd.adapters.publishers import envelope
from tradingd.adapters.publishers.redis import CHANNEL, STREAM
from tradingd.daemon.redis_server import redis_server

COMMAND = [sys.executable, "-c", "from tradingd.daemon.cli.main import run; run()", "demo"]


def test_a_subscriber_gets_a_fill_within_20_s_and_every_message_validates() -> None:
    import asyncio  # noqa: PLC0415 - the server's own context is asynchronous

    valid = Draft202012Validator(envelope.schema())

    async def watched() -> tuple[str, list[dict[str, object]], float]:
        async with redis_server() as server:
            return await asyncio.to_thread(watch, server.url)

    def watch(url: str) -> tuple[str, list[dict[str, object]], float]:
        began, first_fill = time.monotonic(), float("inf")
        heard: list[dict[str, object]] = []
        printed: list[str] = []
        with Redis.from_url(url) as client, client.pubsub(ignore_subscribe_messages=True) as listener:
            listener.subscribe(CHANNEL)
            listener.get_message(timeout=1)
            with subprocess.Popen([*COMMAND, "--for", "9", "--redis", url], stdout=subprocess.PIPE, text=True) as demo:
                reader = threading.Thread(target=lambda: printed.extend(demo.stdout or ()))
                reader.start()
                while (message := listener.get_message(timeout=0.2)) is not None or demo.poll() is None:
                    assert time.monotonic() - began < BOUND_S
                    if message is not None:
                        heard.append(json.loads(message["data"]))
                        if heard[-1]["kind"] == "fill":
                            first_fill = min(first_fill, time.monotonic() - began)
                reader.join()
            assert demo.returncode == 0
            entries = [json.loads(fields[b"alert"]) for _, fields in client.xrange(STREAM)]
        assert {entry["id"] for entry in entries} == {one["id"] for one in heard}
        return "".join(printed), heard, first_fill

    text, heard, first_fill = asyncio.run(watched())
    assert first_fill < 20
    for message in heard:
        valid.validate(message)
    assert {"fill", "alert"} <= {message["kind"] for message in heard}
    assert re.search(r"decisions_sha256 [0-9a-f]{64}", text)
