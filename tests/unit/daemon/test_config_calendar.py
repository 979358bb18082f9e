"""`markets.calendar`: a file of the operator's, found beside the one that names it, judged when it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradingd.daemon import config

if TYPE_CHECKING:
    from pathlib import Path

ROW = '[[days]]\nmarkets = ["NSE"]\ndates = [2026-12-24]\nperiods = []\nsource = "NSE"\n'


def write(folder: Path, calendar: str | None, path: str = "own.toml") -> Path:
    (folder / "tradingd.toml").write_text(f'[markets]\ncalendar = "{path}"\n', "utf-8")
    if calendar is not None:
        (folder / "own.toml").write_text(calendar, "utf-8")
    return folder / "tradingd.toml"


def test_the_core_is_given_what_the_file_says(tmp_path: Path) -> None:
    settings = config.load(write(tmp_path, ROW))
    assert settings.markets.calendar == str(tmp_path / "own.toml")
    assert config.core_settings(settings).calendar == ROW
    assert config.core_settings(config.load(write(tmp_path, ROW, path=""))).calendar == ""


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    (finding,) = config.examine(write(tmp_path, None))[1]
    assert (finding.code, finding.pointer) == ("config-bad-calendar", "/markets/calendar")
    assert f'markets.calendar = "{tmp_path / "own.toml"}" ({tmp_path / "tradingd.toml"})' in finding.message
    assert "No such file" in finding.message


def test_each_wrong_row_is_a_finding(tmp_path: Path) -> None:
    settings, findings = config.examine(write(tmp_path, ROW.replace("NSE", "NSX") + ROW.replace("dates", "date")))
    assert settings is None
    assert [finding.message.partition("): ")[2] for finding in findings] == [
        "[[days]] row 1: markets = ['NSX']: it must be a list of NSE, NFO, BSE, BFO, MCX, CDS",
        "[[days]] row 2: it has no dates; a row has markets, dates, periods, source",
        "[[days]] row 2: there is no key date; did you mean dates?",
    ]
