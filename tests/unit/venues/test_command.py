"""The simulated exchange as a process: says where it listens, serves, and stops when it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.venues.markets import PATIENCE_S, connected, get
from tradingd.venues.command import main

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PROJECT = Path(__file__).resolve().parents[3]


@contextlib.asynccontextmanager
async def exchange(*options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tradingd.venues.exchange", *options,
        cwd=PROJECT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def ready(process: asyncio.subprocess.Process) -> Any:
    assert process.stdout is not None
    return json.loads(await process.stdout.readline())


async def test_it_says_where_it_listens_and_stops_when_it_is_told_to() -> None:
    async with exchange("--symbols", "DEMO,M&M", "--history-h", "1", "--speed", "max", "--control") as process:
        line = await ready(process)
        assert (line["event"], line["symbols"]) == ("ready", ["DEMO", "M&M"])
        assert await get(line["port"], "/api/v3/time") == {"serverTime": line["ts"] // 1_000_000}
        async with connected(line["port"], "/ws/m_26m@aggTrade") as ear:
            await ear.hear(texts=3)
            process.send_signal(signal.SIGTERM)
            while await ear.hear(texts=len(ear.texts) + 1):
                pass
            assert ear.socket.close_code == 1001
        assert ear.messages[-1]["e"] == "serverShutdown"
        assert await process.wait() == 0
        assert process.stderr is not None
        assert await process.stderr.read() == b""


async def test_recorded_files_are_played_to_their_end(tmp_path: Path) -> None:
    for name, price in (("a", 5), ("b", 7)):
        rows = "".join(f"2021-05-28 09:15:{second:02},{price + second}\n" for second in range(30))
        (tmp_path / name).write_text(f"timestamp,price\n{rows}", "utf-8")
    files = [f"{symbol}={tmp_path / name}" for symbol, name in (("NIFTY 50", "a"), ("B", "b"))]
    options = (
        "--ticks",
        files[0],
        "--ticks",
        files[1],
        "--timezone",
        "Asia/Kolkata",
        "--speed",
        "max",
        "--end",
        "close",
    )
    async with exchange(*options) as process:
        line = await ready(process)
        assert line["ts"] == 1_622_173_500 * 1_000_000_000
        async with connected(line["port"], "/stream?streams=nifty_2050@aggTrade/b@aggTrade") as ear:
            assert await ear.hear(texts=100) is False
        assert await process.wait() == 0
    told = [message["data"] for message in ear.messages[:-1]]
    assert [(trade["s"], trade["a"]) for trade in told] == [(s, n) for n in range(30) for s in ("B", "NIFTY 50")]


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--speed", "0"), 78, "neither a number above 0 nor max"),
        (("--speed", "fast"), 78, "neither a number above 0 nor max"),
        (("--symbols", "A,A"), 78, "write different names"),
        (("--timezone", "Mars"), 78, "timezone 'Mars' is not known"),
        (("--ticks", "A"), 78, "is not SYM=FILE"),
        (("--ticks", "A=x", "--ticks", "A=y"), 78, "has a file already"),
        (("--ticks", "A=no.csv"), 1, "no.csv: cannot be read"),
        (("--start", "noon"), 1, "'noon' is not a time"),
        (("--end", "never"), 2, "never"),
    ],
)
def test_wrong_options_are_told_before_anything_is_served(
    options: tuple[str, ...],
    code: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["exchange", *options])
    with pytest.raises(SystemExit) as ended:
        main()
    told = capsys.readouterr()
    assert (ended.value.code, told.out) == (code, "")
    assert message in told.err
