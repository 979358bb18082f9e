"""What a result says about sessions without data, and about days that no calendar knows."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from tests.unit.research.requests import backtest, bars, once
from tradingd.core.settings import CoreSettings
from tradingd.model.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

NEXT_YEAR = """
[[known]]
markets = ["NSE"]
valid_from = 2027-01-01
valid_to = 2027-12-31
source = "NSE, trading holidays of 2027"
"""


def write(folder: Path, *days: str) -> Path:
    """Write two minutes of each day."""
    rows = [f"{day}T{at}:00+05:30,100,100,100,100,1" for day in days for at in ("09:15", "09:16")]
    path = folder / "bars.csv"
    path.write_text("\n".join(["timestamp,open,high,low,close,volume", *rows, ""]), "utf-8")
    return path


def test_a_session_without_a_row_is_missing_and_a_holiday_is_none(tmp_path: Path) -> None:
    path = write(tmp_path, "2026-03-02", "2026-03-05", "2026-03-06")  # the 3rd is Holi
    found = backtest([once(exchange="NSE")], bars("XYZ", path))
    assert found.anomalies.missing_sessions == 1
    assert [note for note in found.notes if "missing" in note] == [
        "NSE:XYZ: no row in 1 session(s) of NSE, which are missing data, not holidays: 2026-03-04"
    ]


def test_of_many_the_first_are_named(tmp_path: Path) -> None:
    found = backtest([once(exchange="NSE")], bars("XYZ", write(tmp_path, "2026-03-02", "2026-03-30")))
    (note,) = [note for note in found.notes if "missing" in note]
    assert note.endswith("2026-03-17 and 7 more")


def test_a_day_without_a_trade_is_missing_in_a_market_without_holidays_too(tmp_path: Path) -> None:
    found = backtest([once()], bars("XYZ", write(tmp_path, "2026-03-02", "2026-03-04")))
    assert found.anomalies.missing_sessions == 1


def test_data_beyond_the_calendar_are_refused_unless_it_is_said_what_they_are(tmp_path: Path) -> None:
    path = write(tmp_path, "2026-12-31", "2027-01-04")
    with pytest.raises(ConfigError, match=r"go on until 2027-01-04, .* known until 2026-12-31; end there \(--end"):
        backtest([once(exchange="NSE")], bars("XYZ", path))
    assert backtest([once(exchange="NSE")], bars("XYZ", path), end="2026-12-31").bars == 2
    found = backtest([once(exchange="NSE")], bars("XYZ", path), settings=CoreSettings(calendar=NEXT_YEAR))
    assert (found.bars, found.anomalies.missing_sessions) == (4, 1)


def test_years_before_the_calendar_are_said_to_be_without_holidays(tmp_path: Path) -> None:
    found = backtest([once(exchange="NSE")], bars("XYZ", write(tmp_path, "2017-12-22", "2017-12-26")))
    assert found.anomalies.missing_sessions == 0
    assert any("known from 2018-01-01 on" in note for note in found.notes)


def test_a_late_holiday_of_the_operators_is_none_of_the_missing(tmp_path: Path) -> None:
    path = write(tmp_path, "2026-03-04", "2026-03-06")
    own = f'[[days]]\nmarkets = ["NSE"]\ndates = [{dt.date(2026, 3, 5)}]\nperiods = []\nsource = "NSE"\n'
    found = backtest([once(exchange="NSE")], bars("XYZ", path), settings=CoreSettings(calendar=own))
    assert found.anomalies.missing_sessions == 0
