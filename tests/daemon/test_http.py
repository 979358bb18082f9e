"""The HTTP interface over real sockets, with real worker processes behind it."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.stories import document
from tests.unit.daemon.api.hosts import CONFIG, FakeHost, body, configured, dipping, save_bars
from tradingd.core.settings import CoreSettings, RiskSettings
from tradingd.daemon.api.app import serving
from tradingd.model.errors import ConfigError
from tradingd.research.backtest import DataFile, Request, run

PROJECT = Path(__file__).resolve().parents[2]
LONG_S = 60
ANY_PORT = "\n[http]\nport = 0\n"


def host_in(folder: Path, days: int, more: str = "") -> FakeHost:
    save_bars(folder / "xyz.npz", days)
    return configured(folder, CONFIG + ANY_PORT + more)


async def execute(client: aiohttp.ClientSession, url: str, content: bytes) -> tuple[int, dict[str, Any]]:
    async with client.post(f"{url}/strategies/execute", data=content) as response:
        return response.status, await response.json(content_type=None)


async def test_backtests_in_worker_processes_answer_what_one_here_answers(tmp_path: Path) -> None:
    drawings = [dipping(name) for name in ("a", "b", "c")]
    data = [DataFile(symbol="XYZ", kind="bars", path=tmp_path / "xyz.npz")]
    limits = CoreSettings(risk=RiskSettings(max_entries_per_session="none"))
    host = host_in(tmp_path, 5, '[risk]\nmax_entries_per_session = "none"\n')
    async with serving(host) as url, aiohttp.ClientSession() as client:
        asked = [execute(client, url, body(drawn, start_date="2025-01-03", wait_s=LONG_S)) for drawn in drawings]
        answers = await asyncio.gather(*asked)
    for drawn, (status, answer) in zip(drawings, answers, strict=True):
        request = Request(documents=[document(drawn)], data=data, settings=limits, start="2025-01-03")
        expected = json.loads(json.dumps(run(request).as_dict()))
        assert len(expected["trades"]) > 20
        assert (status, answer["status"]) == (200, "completed")
        assert answer["results"] == {k: v for k, v in expected.items() if k not in {"seconds", "execution_id"}}


async def test_equal_requests_at_the_same_time_are_run_once(tmp_path: Path) -> None:
    async with serving(host_in(tmp_path, 3)) as url, aiohttp.ClientSession() as client:
        answers = await asyncio.gather(*(execute(client, url, body(wait_s=LONG_S)) for _ in range(10)))
        assert all(answer == answers[0] for answer in answers)
        assert (await counted(client, url))["completed"] == 1


def save_many_ticks(folder: Path) -> str:
    """Write what takes long to run; return the configuration that names it."""
    opens = 1_735_776_000_000_000_000 + 1_000_000_000 * np.arange(3_000_000)
    price = np.round(100 + np.sin(np.arange(len(opens)) / 7), 2)
    np.savez(folder / "xyz.npz", timestamp=opens, price=price)
    return '[data]\nfiles = [{symbol = "XYZ", path = "xyz.npz", kind = "ticks"}]\n'


def workers() -> set[str]:
    """The processes that this one has started and that are not over."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text("ascii").split())


async def test_a_backtest_that_takes_too_long_has_failed_and_its_process_is_gone(tmp_path: Path) -> None:
    config = save_many_ticks(tmp_path) + ANY_PORT + "backtest_s_max = 1\n"
    async with serving(configured(tmp_path, config)) as url, aiohttp.ClientSession() as client:
        before = workers()
        status, answer = await execute(client, url, body(wait_s=LONG_S))
        assert (status, answer["status"], answer["results"]) == (200, "failed", None)
        assert answer["error"]["detail"].startswith("it was ended after 1 s, which is http.backtest_s_max")
        assert workers() == before
        looked = await client.get(f"{url}/strategies/executions/{answer['execution_id']}")
        assert await looked.json() == answer


async def test_while_backtests_run_everything_else_answers_and_a_stop_cancels_them(tmp_path: Path) -> None:
    config = save_many_ticks(tmp_path)
    async with aiohttp.ClientSession() as client, asyncio.timeout(LONG_S):
        async with serving(configured(tmp_path, config + ANY_PORT)) as url:
            waiting = [asyncio.create_task(execute(client, url, body(dipping(name), wait_s=LONG_S))) for name in "abc"]
            counts = await counted(client, url)
            while counts["running"] + counts["queued"] < 3:
                counts = await counted(client, url)
            assert (counts["running"], counts["completed"]) == (2, 0)
        answers = await asyncio.gather(*waiting)
        assert [(status, answer["status"], answer["results"]) for status, answer in answers] == [
            (200, "cancelled", None)
        ] * 3


async def counted(client: aiohttp.ClientSession, url: str) -> dict[str, float]:
    """Return how many executions there are of each status."""
    async with client.get(f"{url}/metrics") as response:
        families = text_string_to_metric_families(await response.text())
        samples = [sample for family in families for sample in family.samples]
    return {one.labels["status"]: one.value for one in samples if one.name == "tradingd_executions"}


async def test_a_compressed_body_is_refused_before_it_can_grow(tmp_path: Path) -> None:
    async with serving(host_in(tmp_path, 1)) as url, aiohttp.ClientSession() as client:
        headers = {"Content-Encoding": "gzip"}
        for content in (gzip.compress(b" " * (1 << 26)), b"not gzip"):
            async with client.post(f"{url}/strategies/execute", data=content, headers=headers) as response:
                assert (response.status, response.content_type) == (415, "application/problem+json")


async def test_what_is_no_http_does_no_harm(tmp_path: Path) -> None:
    async with serving(host_in(tmp_path, 1)) as url, aiohttp.ClientSession() as client:
        port = int(url.rpartition(":")[2])
        for nonsense in (b"\x16\x03\x01\x02\x00", b"POST /strategies/execute HTTP/1.1\r\nContent-Length: -1\r\n\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(nonsense + b"\r\n\r\n")
            async with asyncio.timeout(LONG_S):
                assert b"Traceback" not in await reader.read()
            writer.close()
            await writer.wait_closed()
        async with client.get(f"{url}/-/healthy") as response:
            assert response.status == 200


async def test_an_address_that_is_taken_is_a_mistake_of_the_configuration(tmp_path: Path) -> None:
    async with serving(host_in(tmp_path, 1)) as url:
        taken = configured(tmp_path, CONFIG + f"\n[http]\nport = {url.rpartition(':')[2]}\n")
        with pytest.raises(ConfigError, match="cannot listen on 127"):
            async with serving(taken):
                pass


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_the_calls_in_the_documentation_work(tmp_path: Path) -> None:
    save_bars(tmp_path / "demo.npz")
    host = configured(tmp_path, f'[data]\nfiles = [{{symbol = "DEMO", path = "demo.npz"}}]\n{ANY_PORT}')
    (tmp_path / "tradingd").symlink_to(PROJECT / "tradingd")
    text = (PROJECT / "docs/http.md").read_text("utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    async with serving(host) as url:
        calls = "".join(blocks).replace("http://127.0.0.1:8642", url).splitlines()
        answers = [await shell(call, tmp_path) for call in calls]
    assert [json.loads(answer)["status"] for answer in answers if answer.startswith("{")] == [
        "completed", 404, 404, "healthy", "ready",
    ]  # fmt: skip
    assert answers[-1].startswith("# HELP")


async def shell(line: str, folder: Path) -> str:
    process = await asyncio.create_subprocess_shell(line, cwd=folder, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()
