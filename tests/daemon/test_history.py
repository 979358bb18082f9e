"""A backtest that no file has data for: bars of the feed's history, over real sockets, by HTTP and by command line."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from tests.daemon.running import daemon, venue
from tests.daemon.test_daemon import cli, http
from tests.unit.research.requests import drawn_reversal

if TYPE_CHECKING:
    from pathlib import Path

DAY = {"start_date": "2025-01-01", "end_date": "2025-01-01"}
CALM = ("--speed", "60", "--seed", "5", "--symbols", "DEMO")
OF_A_RUN = {"execution_id", "seconds"}


def drawn(name: str) -> dict[str, Any]:
    return drawn_reversal("DEMO", "SIM", name=name, low=45, high=55)


def test_the_history_of_the_feed_is_run_on_alike_by_http_and_by_command_line(tmp_path: Path) -> None:
    past = tmp_path / "past.json"
    past.write_text(json.dumps(drawn("past")), "utf-8")
    with (
        venue(*CALM) as port,
        daemon(tmp_path / "d", {"demo": drawn("demo")}, port, speed="60", http_port=0) as paper,
    ):
        url = f"{paper.status()['http']}/strategies/execute"
        code, text = http(url, {"strategy": drawn("past"), "wait_s": 30, **DAY})
        done = cli(
            "backtest", str(past), "-c", str(paper.config), "--start", "2025-01-01", "--end", "2025-01-01", "--json"
        )
        assert (code, done.returncode) == (200, 0), text + done.stderr
        answer = json.loads(text)
        assert answer["status"] == "completed"
        assert len(answer["results"]["trades"]) > 5
        assert [note for note in answer["results"]["notes"] if f"from the history of http://127.0.0.1:{port}" in note]
        expected = {key: value for key, value in json.loads(done.stdout).items() if key not in OF_A_RUN}
        assert answer["results"] == expected
        code, text = http(url, {"strategy": drawn("past"), "start_date": "2030-01-01"})
        assert code == 422
        assert "its last trade is of 2025-01-0" in json.loads(text)["detail"]
        assert paper.status()["feed"]["state"] == "connected"


def test_a_feed_that_is_not_there_is_told_soon(tmp_path: Path) -> None:
    (tmp_path / "past.json").write_text(json.dumps(drawn("past")), "utf-8")
    config = tmp_path / "own.toml"
    config.write_text('[feed]\nrest_url = "http://127.0.0.1:9"\n', "utf-8")
    began = time.monotonic()
    done = cli("backtest", str(tmp_path / "past.json"), "-c", str(config), "--start", "2025-01-01", "--json")
    assert time.monotonic() - began < 30
    assert (done.returncode, done.stdout) == (1, "")
    assert "Cannot connect to host 127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr
