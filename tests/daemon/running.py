"""The real processes, for as long as a test wants them: a simulated exchange and a paper daemon, over sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tradingd.daemon.control import ask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

BOUND_S = 60.0
FAST = ("--speed", "600", "--seed", "5", "--symbols", "DEMO", "--history-h", "12")
"""One made-up instrument that runs fast, with history enough for what is drawn here."""


@contextlib.contextmanager
def venue(*arguments: str, module: str = "tradingd.venues.exchange") -> Iterator[int]:
    """Run a simulated venue; yield its port."""
    command = [sys.executable, "-m", module, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["port"]
    finally:
        process.terminate()
        process.communicate(timeout=BOUND_S)


@dataclass
class Running:
    """A daemon in a process of its own."""

    process: subprocess.Popen[str]
    folder: Path
    config: Path
    lines: list[dict[str, Any]]

    @property
    def state_dir(self) -> Path:
        """Where it keeps its journal."""
        return self.folder / "state"

    def ask(self, verb: str, **more: Any) -> dict[str, Any]:
        """Ask over the control socket."""
        return asyncio.run(ask(self.state_dir / "control.sock", {"verb": verb, **more}, BOUND_S))

    def status(self) -> dict[str, Any]:
        """Return what runs."""
        status: dict[str, Any] = self.ask("status")["status"]
        return status

    def until(self, holds: Callable[[dict[str, Any]], bool], bound_s: float = BOUND_S) -> dict[str, Any]:
        """Wait until a status satisfies `holds`, and return it."""
        end, pause = time.monotonic() + bound_s, threading.Event()
        while not holds(status := self.status()):
            assert time.monotonic() < end, f"not within {bound_s} s: {status}"
            pause.wait(0.05)
        return status

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Stop it, and return its exit code; 10 s is what it may take."""
        self.process.send_signal(number)
        return self.process.wait(timeout=10)


@contextlib.contextmanager
def daemon(
    folder: Path,
    strategies: Mapping[str, dict[str, Any]],
    port: int,
    speed: str = '"max"',
    extra: str = "",
    environment: Mapping[str, str] | None = None,
    http_port: int = -1,
) -> Iterator[Running]:
    """Run a paper daemon over these drawings; yield it when it is ready."""
    drawings = folder / "strategies.d"
    drawings.mkdir(parents=True, exist_ok=True)
    for name, drawn in strategies.items():
        (drawings / f"{name}.json").write_text(json.dumps(drawn), "utf-8")
    config = folder / "tradingd.toml"
    config.write_text(
        f"""
[daemon]
strategies = ["strategies.d/*.json"]
state_dir = "{folder}/state"
[feed]
ws_url = "ws://127.0.0.1:{port}"
rest_url = "http://127.0.0.1:{port}"
speed = {speed}
[http]
port = {http_port}
[log]
format = "json"
{extra}
""",
        "utf-8",
    )
    command = [sys.executable, "-c", "from tradingd.daemon.cli.main import run; run()", "run", "-c", str(config)]
    known = os.environ | dict(environment or {})
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=known)
    lines: list[dict[str, Any]] = []
    ready = threading.Event()

    def listen() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            lines.append(json.loads(line) if line.startswith("{") else {"event": "text", "text": line})
            if lines[-1]["event"] == "daemon.ready":
                ready.set()
        ready.set()

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        assert ready.wait(BOUND_S), f"not ready: {lines}"
        assert process.poll() is None, f"ended at once: {lines}"
        yield Running(process, folder, config, lines)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        listener.join()
        if process.stderr is not None:
            process.stderr.close()
