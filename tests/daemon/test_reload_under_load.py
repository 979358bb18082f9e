"""Two hundred reloads while ticks flow, every other one wrong: never a mixture, and the journal still replays."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.daemon.running import FAST, daemon, venue
from tests.daemon.test_daemon import LIFTED, row, strategy
from tradingd.daemon import state, wiring

if TYPE_CHECKING:
    from pathlib import Path

RELOADS = 200


def test_two_hundred_reloads_half_of_them_wrong(tmp_path: Path) -> None:
    with (
        venue(*FAST) as port,
        daemon(tmp_path, {"demo": strategy(), "steady": strategy("steady")}, port, speed="600", extra=LIFTED) as paper,
    ):
        changing, wrong = (paper.folder / "strategies.d" / name for name in ("demo.json", "wrong.json"))
        before = paper.status()
        good = before["config_hash"]
        steady = row(before, "steady")["hash"]
        for number in range(RELOADS):
            changing.write_text(json.dumps(strategy(low=50 + number % 7)), "utf-8")
            if number % 2:
                wrong.write_text('{"id": "wrong", "nodes": [', "utf-8")
                outcome = paper.ask("reload")
                assert outcome["exit_code"] == 78
                assert "wrong.json" in outcome["error"]
                assert outcome["config_hash"] == good
                wrong.unlink()
            else:
                outcome = paper.ask("reload")
                assert outcome["ok"], outcome
                assert set(outcome["changed"]) <= {"demo"}
                good = outcome["config_hash"]
        status = paper.status()
        assert status["config_hash"] == good
        assert {one["id"] for one in status["strategies"]} == {"demo", "steady"}
        assert row(status, "steady")["hash"] == steady
        assert row(status, "steady")["trades"] >= row(before, "steady")["trades"]
        assert paper.stop() == 0
    replayed = wiring.replay(state.recording(paper.state_dir))
    assert replayed.divergence is None
    assert replayed.decisions_sha256
