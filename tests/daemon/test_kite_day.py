"""A real day over the simulated Kite ticker: paper is the backtest, through a morning's login and a lost session."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import threading
import time
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from tests.daemon.running import BOUND_S, daemon, venue
from tests.daemon.test_paper_day import rows
from tests.shared import shared
from tests.unit.research.requests import backtest, drawn_reversal, reversal, ticks
from tradingd.adapters.stores.journal import Journal
from tradingd.core.settings import CoreSettings, RiskSettings
from tradingd.daemon import state, wiring
from tradingd.daemon.control import ask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TRADED = ("AXISBANK", "HDFCBANK", "INFY", "LT", "RELIANCE")
DRAWN: dict[str, Any] = {"low": 48, "high": 52, "productType": "intraday"}
TOKEN = "canary-of-today"  # noqa: S105 - made up
TICKER = "tradingd.venues.kite"
UNLIMITED = '[risk]\nmax_entries_per_session = "none"'


def asked(port: int, path: str, token: str = TOKEN, data: bytes | None = None) -> bytes:
    request = Request(f"http://127.0.0.1:{port}{path}", data, {"Authorization": f"token key:{token}"})
    with urlopen(request, timeout=BOUND_S) as answer:  # noqa: S310 - loopback
        content: bytes = answer.read()
    return content


def feed(folder: Path, port: int) -> dict[str, str]:
    """Return what makes a daemon's feed this ticker; its instrument list is the ticker's."""
    path = folder / "instruments.csv.gz"
    path.write_bytes(asked(port, "/instruments"))
    keys = {"FEED__PROVIDER": "kite", "FEED__API_KEY": "key", "DAEMON__INSTRUMENTS": str(path)}
    return {f"TRADINGD__{key}": value for key, value in keys.items()}


def logged_in(port: int) -> str:
    """Log in beside the daemon, as a person's other program; return the access token."""
    checksum = sha256(b"keyanother loginsecret").hexdigest()
    form = urlencode({"api_key": "key", "request_token": "another login", "checksum": checksum})
    token: str = json.loads(asked(port, "/session/token", data=form.encode()))["data"]["access_token"]
    return token


def tell_token(socket: Path, token: str, *more: str) -> subprocess.CompletedProcess[str]:
    program = "from tradingd.daemon.cli.main import run; run()"
    command = [sys.executable, "-c", program, "ctl", "token", "--socket", str(socket), *more]
    return subprocess.run(command, input=token, capture_output=True, text=True, check=False, timeout=BOUND_S)


@contextlib.contextmanager
def once_expired(socket: Path, act: Callable[[], None]) -> Iterator[None]:
    """Act as soon as the daemon at `socket` says that its session is over, while it is still starting."""

    def wait() -> None:
        end, pause = time.monotonic() + BOUND_S, threading.Event()
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                if asyncio.run(ask(socket, {"verb": "health"}, BOUND_S))["feed"] == "expired":
                    act()
                    return
            pause.wait(0.05)

    waiting = threading.Thread(target=wait)
    waiting.start()
    try:
        yield
    finally:
        waiting.join()


async def alerts(path: Path) -> list[str]:
    journal = Journal.open(path)
    try:
        return [json.loads(body)["message"] for _, body in await journal.unsent(1000)]
    finally:
        await journal.close()


def test_a_recorded_day_over_the_ticker_equals_its_backtest_recording_and_replay(tmp_path: Path) -> None:
    paths = {name: shared(f"data/nse_ticks/day_2021-05-28/{name}.csv.gz") for name in TRADED}
    drawings = {name: drawn_reversal(name, "NSE", **DRAWN) for name in TRADED}
    options = [f"--ticks={name}={path}" for name, path in paths.items()]
    with venue(*options, "--speed", "max", "--access-token", TOKEN, module=TICKER) as port:
        environment = feed(tmp_path, port) | {"TRADINGD__FEED__ACCESS_TOKEN": TOKEN}
        with daemon(tmp_path / "d", drawings, port, extra=UNLIMITED, environment=environment) as paper:
            expected = rows(paths)
            met = paper.until(lambda status: status["feed"]["ticks"] >= expected, bound_s=120)
            assert (met["feed"]["ticks"], met["queue"]["folded"]) == (expected, 0)
            status = paper.status()
            assert paper.stop(signal.SIGTERM) == 0

    recording = state.recording(paper.state_dir)
    replayed = wiring.replay(recording)
    assert replayed.divergence is None
    assert replayed.decisions_sha256 == status["decisions_sha256"]
    assert wiring.again(recording).session.decisions_sha256 == status["decisions_sha256"]

    unlimited = CoreSettings(risk=RiskSettings(max_entries_per_session="none"))
    stored = [ticks(name, path, exchange="NSE") for name, path in paths.items()]
    result = backtest([reversal(name, "NSE", **DRAWN) for name in TRADED], *stored, settings=unlimited)
    assert result.decisions_sha256 == status["decisions_sha256"]
    assert sum(row["trades"] for row in status["strategies"]) >= 50
    realized = sum((Decimal(row["realized_pnl"]) for row in status["strategies"]), Decimal(0))
    assert realized == sum((Decimal(trade["pnl"] or "") for trade in result.trades), Decimal(0))


def test_a_session_that_is_over_is_waited_for_and_told_without_a_restart(tmp_path: Path) -> None:
    """At the start by a token, in the middle by a login; in between nothing is decided, and no secret is written."""
    options = ("--symbols", "DEMO", "--exchange", "SIM", "--speed", "60", "--history-h", "12", "--control")
    with venue(*options, "--access-token", TOKEN, module=TICKER) as port:
        credentials = tmp_path / "credentials"
        credentials.mkdir()
        (credentials / "feed.access_token").write_text("canary-of-yesterday")
        (credentials / "feed.api_secret").write_text("secret")
        environment = feed(tmp_path, port) | {"CREDENTIALS_DIRECTORY": str(credentials)}
        told: list[int] = []
        socket = tmp_path / "d/state/control.sock"

        def log_in() -> None:
            told.extend(tell_token(socket, token).returncode for token in ("canary-of-nobody", TOKEN))

        drawings = {"demo": drawn_reversal("DEMO", "SIM")}
        with (
            once_expired(socket, log_in),
            daemon(tmp_path / "d", drawings, port, speed="60", environment=environment) as paper,
        ):
            assert told == [1, 0]
            paper.until(lambda s: s["feed"]["state"] == "connected" and s["feed"]["ticks"] > 20)
            asked(port, "/sim/expire", data=b"")
            paper.until(lambda s: s["feed"]["state"] == "expired")
            assert tell_token(socket, "a-login", "--request").returncode == 0
            paper.until(lambda s: s["feed"]["state"] == "connected")
            asked(port, "/sim/expire", data=b"")
            paper.until(lambda s: s["feed"]["state"] == "expired")
            (credentials / "feed.access_token").write_text("canary-of-nobody")
            assert not paper.ask("reload")["ok"]
            (credentials / "feed.access_token").write_text(logged_in(port))
            assert paper.ask("reload")["ok"]
            after = paper.until(lambda s: s["feed"]["state"] == "connected")
            paper.until(lambda s: s["feed"]["ticks"] > after["feed"]["ticks"] + 20)
            written = [*(str(line) for line in paper.lines), str(paper.status())]
            assert paper.stop(signal.SIGTERM) == 0
        kept = [file.read_bytes() for file in paper.state_dir.rglob("*") if file.is_file()]
    told_of = asyncio.run(alerts(paper.state_dir / "journal"))
    assert sum("feed expired" in message and "log in" in message for message in told_of) == 3
    for secret in ("canary-of", "a-login"):
        assert not any(secret in text for text in written)
        assert not any(secret.encode() in content for content in kept)
