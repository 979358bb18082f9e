"""What the README tells a stranger to type, typed: the first five minutes, the subscribers, the service.

Ports are others, the root is a directory, and what only a running systemd can do is done as the unit says.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis

from tests.daemon.running import BOUND_S, FAST, venue
from tests.daemon.test_docker_steps import ABSOLUTE, NOT_OURS
from tests.daemon.test_subscribers import line, program, publish, subscribed
from tradingd.daemon.redis_server import redis_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PROJECT = Path(__file__).resolve().parents[2]
README = (PROJECT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    """Return what stands in the README in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


DESK, MARKET, DAEMON, ASKED, BASH, REDIS_CLI, INSTALLED, RELOADED = blocks("sh")
[PYTHON] = blocks("python")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- the first five minutes --------------------------------------------------------------------------------------


def test_the_first_five_minutes(tmp_path: Path) -> None:
    """Each block is a terminal in the checkout, for which a folder stands that leads to it."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "tradingd").symlink_to(PROJECT / "tradingd")
    port = str(free_port())
    environment = os.environ | {"TRADINGD__HTTP__PORT": "-1"}

    def typed(text: str) -> list[str]:
        return ["bash", "-euc", f". .venv/bin/activate\n{text}".replace("9443", port)]

    def terminal(text: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            typed(f"exec {text}"),
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def answer(text: str) -> str:
        done = subprocess.run(
            typed(text), cwd=tmp_path, env=environment, check=False, capture_output=True, text=True, timeout=BOUND_S
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
        return done.stdout

    assert "out/tradingd.toml: ok" in answer(DESK)
    with terminal(MARKET) as market, terminal(DAEMON) as daemon:
        try:
            assert market.stdout is not None
            assert daemon.stderr is not None
            assert json.loads(market.stdout.readline())["port"] == int(port)
            assert any('"daemon.ready"' in said for said in daemon.stderr)
            status, add, reload, stop, replay = ASKED.splitlines()
            assert "rsi-reversal: " in answer(status)
            answer(add)
            assert "volatility-alert" in answer(reload)
            answer(stop)
            daemon.communicate(timeout=BOUND_S)
            assert daemon.returncode == 0
        finally:
            market.terminate()
            daemon.kill()
    assert "divergence" not in answer(replay)


# --- subscribers -------------------------------------------------------------------------------------------------


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with redis_server() as server:
        yield server.url


@pytest.mark.parametrize("text", [BASH, REDIS_CLI], ids=["bash", "redis-cli"])
async def test_a_subscriber_in_the_shell_prints_what_comes(text: str, url: str) -> None:
    command = shlex.split(text.replace("6379", str(urlsplit(url).port)))
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not on PATH")
    async with Redis.from_url(url) as client, program(*command) as printed:
        await subscribed(client)
        await publish(url, 1, "one")
        said = ""
        while '"message":"one"' not in said:
            assert not printed.at_eof(), said
            said = await line(printed)


async def test_a_subscriber_in_python_prints_what_comes(url: str) -> None:
    async with (
        Redis.from_url(url) as client,
        program(sys.executable, "-c", PYTHON.replace("redis://127.0.0.1:6379/0", url)) as printed,
    ):
        await subscribed(client)
        await publish(url, 1, "one")
        said = [await line(printed) for _ in ("hello", "one")]
    assert said[1] == "2021-05-28T09:15:00.123456+05:30 alert rsi one"


# --- the service -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the service as it is written, below a directory."""
    folder = tmp_path_factory.mktemp("root")
    (folder / "etc/systemd/system").mkdir(parents=True)
    environment = os.environ | {"PIP_NO_COMPILE": "1"}  # in half the time
    venv, *others = [command for command in INSTALLED.splitlines() if not command.startswith("systemctl ")]
    subprocess.run(below(folder, venv), check=True)
    asked = below(folder, "/opt/tradingd/bin/pip index versions redis --retries 0")
    if subprocess.run(asked, check=False, capture_output=True).returncode != 0:
        pytest.skip("no package index answers; the service is installed from one")
    for command in others:
        words = below(folder, command)
        done = subprocess.run(words, cwd=PROJECT, env=environment, check=False, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return folder


def below(root: Path, command: str) -> list[str]:
    """Return a command with all its paths below `root`."""
    return shlex.split(ABSOLUTE.sub(f"{root}/", command))


def unit(root: Path, key: str) -> list[str]:
    """Return a command of the installed unit."""
    text = (root / "etc/systemd/system/tradingd.service").read_text("utf-8")
    [command] = re.findall(rf"^{key}=(.*)$", text, re.MULTILINE)
    return below(root, command.replace("${CONFIGURATION_DIRECTORY}", "/etc/tradingd"))


def test_the_installed_service_can_be_enabled(root: Path) -> None:
    systemctl = shutil.which("systemctl")
    if systemctl is None:
        pytest.skip("systemctl is not installed")
    done = subprocess.run([systemctl, f"--root={root}", "enable", "tradingd"], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert (root / "etc/systemd/system/multi-user.target.wants/tradingd.service").is_symlink()


def test_the_installed_service_says_when_it_is_ready_and_reloads(root: Path, tmp_path: Path) -> None:
    assert RELOADED == "systemctl reload tradingd\n"
    configured, state_dir = root / "etc/tradingd", root / "var/lib/tradingd"
    known = {key: value for key, value in os.environ.items() if not key.startswith(NOT_OURS)}
    with venue(*FAST) as port, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(BOUND_S)
        environment = known | {
            "NOTIFY_SOCKET": str(tmp_path / "notify"),
            "TRADINGD__DAEMON__STATE_DIR": str(state_dir),
            "TRADINGD__FEED__WS_URL": f"ws://127.0.0.1:{port}",
            "TRADINGD__FEED__REST_URL": f"http://127.0.0.1:{port}",
            "TRADINGD__FEED__SPEED": "600",
            "TRADINGD__HTTP__PORT": "-1",
        }

        def reload() -> subprocess.CompletedProcess[str]:
            command = unit(root, "ExecReload")
            return subprocess.run(command, env=environment, check=False, capture_output=True, text=True)

        with subprocess.Popen(unit(root, "ExecStart"), env=environment, stderr=subprocess.PIPE) as service:
            try:
                while b"READY=1" not in systemd.recv(4096).splitlines():
                    assert service.poll() is None
                (configured / "strategies.d").mkdir()
                drawn = configured / "strategies.d/rsi_reversal.json"
                shutil.copy(PROJECT / "tradingd/examples/rsi_reversal.json", drawn)
                config = configured / "tradingd.toml"
                text = config.read_text("utf-8")
                config.write_text(text.replace("strategies = []  ", 'strategies = ["strategies.d/*.json"]'), "utf-8")
                taken = reload()
                drawn.write_text("{}", "utf-8")
                refused = reload()
            finally:
                service.terminate()
                said = service.communicate(timeout=BOUND_S)[1].decode()
    assert service.returncode == 0, said
    assert (taken.returncode, "rsi-reversal" in taken.stdout) == (0, True), taken.stderr
    assert (refused.returncode, str(drawn) in refused.stderr) == (78, True), refused.stderr
