"""The end of a calendar, as the operator of a daemon meets it: told before, refused after, moved by a file."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from typing import TYPE_CHECKING, Any

from tests.daemon.running import daemon, venue
from tests.daemon.test_daemon import cli
from tests.unit.research.requests import drawn_reversal

if TYPE_CHECKING:
    from pathlib import Path

DRAWN = {"demo": drawn_reversal("DEMO", "NSE", name="demo")}
SOON = ("--speed", "1", "--symbols", "DEMO", "--history-h", "1", "--start", "2026-12-21T10:00:00+05:30")
LATE = (*SOON[:-1], "2027-01-04T10:00:00+05:30")
NEXT_YEAR = """
[[known]]
markets = ["NSE"]
valid_from = 2027-01-01
valid_to = 2027-12-31
source = "NSE, trading holidays of 2027"
"""


def calendars(status: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = status["calendars"]
    return found


def test_it_is_told_thirty_days_before(tmp_path: Path) -> None:
    with venue(*SOON) as port, daemon(tmp_path, DRAWN, port, speed="1") as running:
        running.until(lambda status: calendars(status) == [{"market": "NSE", "known_to": "2026-12-31", "days": 10}])
        assert running.stop() == 0
    (told,) = [line for line in running.lines if line["event"] == "calendar.ends"]
    assert (told["market"], told["days"], told["level"]) == ("NSE", 10, "warning")
    with contextlib.closing(sqlite3.connect(running.state_dir / "journal" / "journal.sqlite")) as connection:
        alerts = [json.loads(body) for (body,) in connection.execute("SELECT body FROM outbox")]
    (alert,) = [one for one in alerts if one["kind"] == "config"]
    assert alert["alert_type"] == "warning"
    assert "10 days are left" in alert["message"]


def test_after_it_a_start_is_refused_until_somebody_says_what_comes(tmp_path: Path) -> None:
    with venue(*LATE) as port:
        config = tmp_path / "tradingd.toml"
        (tmp_path / "next.toml").write_text(NEXT_YEAR, "utf-8")
        with daemon(tmp_path, DRAWN, port, speed="1", extra='[markets]\ncalendar = "next.toml"') as running:
            assert [reach["days"] for reach in calendars(running.status())] == [361]
            (tmp_path / "next.toml").write_text(NEXT_YEAR.replace("12-31", "11-30"), "utf-8")
            assert "markets.calendar" in running.ask("reload")["error"]
            assert running.stop() == 0
        config.write_text(config.read_text("utf-8").replace('"next.toml"', '""'), "utf-8")
        refused = cli("run", "-c", str(config))
    assert refused.returncode == 78
    assert "the calendar of NSE is known until 2026-12-31 and it is 2027-01-04" in refused.stderr
    assert "markets.calendar" in refused.stderr
