"""The daemon as its operator meets it: start, ask, reload, flatten, stop, start again, in real processes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from tests.daemon.running import FAST, Running, daemon, venue
from tests.unit.research.requests import drawn_reversal
from tradingd.daemon import state, wiring

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EAGER = {"low": 60, "high": 61}  # nearly always in the market
LIFTED = '[risk]\nmax_entries_per_session = "none"'


def cli(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    command = [sys.executable, "-c", "from tradingd.daemon.cli.main import run; run()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def strategy(name: str = "demo", **parts: Any) -> dict[str, Any]:
    return drawn_reversal("DEMO", "SIM", name=name, **(EAGER | parts))


@pytest.fixture
def paper(tmp_path: Path) -> Iterator[Running]:
    with (
        venue(*FAST) as port,
        daemon(tmp_path, {"demo": strategy()}, port, speed="600", extra=LIFTED) as running,
    ):
        yield running


def row(status: dict[str, Any], name: str = "demo") -> dict[str, Any]:
    return next(one for one in status["strategies"] if one["id"] == name)


def test_it_trades_can_be_asked_and_stops_clean(paper: Running) -> None:
    paper.until(lambda status: row(status)["trades"] >= 1)
    asked = cli("ctl", "status", "-c", str(paper.config))
    assert asked.returncode == 0
    assert "demo:" in asked.stdout
    assert cli("ctl", "health", "-c", str(paper.config)).returncode == 0
    assert paper.stop(signal.SIGTERM) == 0
    replayed = cli("replay", str(paper.state_dir), "--verify", "--json")
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    told = json.loads(replayed.stdout)
    assert told["divergence"] is None
    again = cli("backtest", "--recording", str(paper.state_dir), "--json")
    assert json.loads(again.stdout)["decisions_sha256"] == told["decisions_sha256"]
    assert json.loads(again.stdout)["trades"]


def test_ctrl_c_stops_it_too_and_nobody_answers_afterwards(paper: Running) -> None:
    assert paper.stop(signal.SIGINT) == 0
    asked = cli("ctl", "status", "-c", str(paper.config))
    assert asked.returncode == 69
    assert "nobody answers" in asked.stderr


def test_a_second_daemon_keeps_off_the_same_state(paper: Running) -> None:
    second = cli("run", "-c", str(paper.config))
    assert second.returncode == 1
    assert str(paper.process.pid) in second.stderr
    assert paper.ask("health")["ok"]


def test_a_reload_adds_changes_and_removes_strategies(paper: Running) -> None:
    folder = paper.folder / "strategies.d"
    (folder / "new.json").write_text(json.dumps(strategy("new", low=59)), "utf-8")
    outcome = paper.ask("reload")
    assert outcome["ok"], outcome
    assert outcome["changed"] == ["new"]
    assert {one["id"] for one in paper.status()["strategies"]} == {"demo", "new"}
    paper.until(lambda status: row(status, "new")["trades"] >= 1)
    (folder / "new.json").unlink()
    assert paper.ask("reload")["changed"] == ["new"]
    paper.until(lambda status: {one["id"] for one in status["strategies"]} == {"demo"})
    assert paper.stop() == 0
    assert wiring.replay(state.recording(paper.state_dir)).divergence is None


def test_a_changed_strategy_is_replaced_when_it_is_flat(paper: Running) -> None:
    status = paper.until(lambda status: row(status)["positions_open"] == 1)
    before = row(status)["hash"]
    (paper.folder / "strategies.d" / "demo.json").write_text(json.dumps(strategy(high=62)), "utf-8")
    assert paper.ask("reload")["ok"]
    paper.until(lambda status: row(status)["hash"] != before and row(status)["pending"] is None)
    assert paper.stop() == 0
    assert wiring.replay(state.recording(paper.state_dir)).divergence is None


def test_a_bad_reload_changes_nothing_and_says_why(paper: Running) -> None:
    before = paper.status()["config_hash"]
    bad = paper.folder / "strategies.d" / "bad.json"
    bad.write_text(json.dumps(strategy("bad") | {"edges": [{"source": "nowhere", "target": "buy"}]}), "utf-8")
    told = cli("ctl", "reload", "--wait", "-c", str(paper.config))
    assert told.returncode == 78
    assert "bad.json" in told.stderr
    status = paper.status()
    assert status["config_hash"] == before
    assert status["last_reload"]["ok"] is False
    bad.unlink()
    paper.process.send_signal(signal.SIGHUP)
    paper.until(lambda status: status["last_reload"]["ok"] is True)


def test_what_only_a_restart_can_change_is_refused_by_name(paper: Running) -> None:
    text = paper.config.read_text("utf-8").replace('max_entries_per_session = "none"', "max_entries_per_session = 3")
    paper.config.write_text(text, "utf-8")
    outcome = paper.ask("reload")
    assert outcome["exit_code"] == 78
    assert "risk.max_entries_per_session" in outcome["error"]


def test_a_person_can_flatten_a_strategy(paper: Running) -> None:
    paper.until(lambda status: row(status)["positions_open"] == 1)
    assert cli("ctl", "flatten", "demo", "-c", str(paper.config)).returncode == 0
    paper.until(lambda status: row(status)["positions_open"] == 0)
    assert "no strategy" in paper.ask("flatten", strategy="nobody")["error"]
    assert paper.stop() == 0
    assert wiring.replay(state.recording(paper.state_dir)).divergence is None


def test_a_restart_keeps_the_journal_before(tmp_path: Path) -> None:
    drawings = {"demo": strategy()}
    with venue(*FAST) as port:
        with daemon(tmp_path, drawings, port, speed="600", extra=LIFTED) as first:
            events = first.until(lambda status: status["events"] > 100)["events"]
            assert first.stop() == 0
        with daemon(tmp_path, drawings, port, speed="600", extra=LIFTED) as second:
            second.until(lambda status: status["events"] > 10)
            assert second.stop() == 0
    (archived,) = (tmp_path / "state" / "archive").iterdir()
    assert sum(1 for _ in state.recording(archived).events()) >= events
    assert wiring.replay(state.recording(archived)).divergence is None
    assert wiring.replay(state.recording(tmp_path / "state")).divergence is None


def http(url: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
    """Ask over HTTP; return the status and the answer."""
    data = None if body is None else json.dumps(body).encode()
    try:
        request = urllib.request.Request(url, data)  # noqa: S310 - the daemon's own address
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - the same
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_strategy_posted_over_http_trades_beside_the_others(tmp_path: Path) -> None:
    with (
        venue(*FAST) as port,
        daemon(tmp_path, {"demo": strategy()}, port, speed="600", extra=LIFTED, http_port=0) as paper,
    ):
        url = paper.until(lambda status: status["feed"]["state"] == "connected")["http"]
        assert http(f"{url}/-/ready")[0] == 200
        code, text = http(f"{url}/strategies/execute", {"strategy": strategy("posted"), "execution_mode": "paper"})
        assert code in (200, 202), text
        execution = json.loads(text)["execution_id"]
        paper.until(lambda status: row(status, "posted")["trades"] >= 1)
        told = json.loads(http(f"{url}/strategies/executions/{execution}")[1])
        assert told["status"] == "running"
        assert told["results"]["strategy_id"] == "posted"
        assert told["results"]["trades"]
        state_of = json.loads(http(f"{url}/strategies/demo/state")[1])
        assert set(state_of) == {
            "strategy_id", "current_time", "market_data", "indicators", "positions", "alerts", "execution_state",
        }  # fmt: skip
        assert "tradingd_trades_total" in http(f"{url}/metrics")[1]
        again = http(f"{url}/strategies/execute", {"strategy": strategy("demo"), "execution_mode": "paper"})
        assert again[0] == 409
        assert http(f"{url}/strategies/execute", {"strategy": strategy(), "execution_mode": "live"})[0] == 409
        assert paper.stop() == 0
    assert wiring.replay(state.recording(paper.state_dir)).divergence is None
