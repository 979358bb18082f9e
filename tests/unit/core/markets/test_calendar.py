from __future__ import annotations

import datetime as dt
import tomllib
from importlib import resources
from itertools import chain

import pytest

from tradingd.core.markets.sessions import calendar_faults, default_instrument, market

LATE_HOLIDAY = """
[[days]]
markets = ["NSE", "NFO"]
dates = [2026-12-24]
periods = []
source = "NSE, 21 December 2026"
"""
NEXT_YEAR = """
[[known]]
markets = ["NSE"]
valid_from = 2027-01-01
valid_to = 2027-12-31
source = "NSE, trading holidays of 2027"

[[days]]
markets = ["NSE"]
dates = [2027-01-26]
periods = []
source = "NSE, trading holidays of 2027"
"""
SMALL_SHARE = """
[[hours]]
markets = ["NSE"]
valid_from = 2026-08-03
valid_to = 2026-12-06
symbols = ["SMALLCO"]
periods = ["09:15-15:30"]
source = "NSE: no derivatives on it"
"""


def packaged() -> list[dict[str, object]]:
    files = resources.files("tradingd.core.markets").joinpath("calendars").iterdir()
    tables = [tomllib.loads(file.read_text(encoding="utf-8")) for file in files]
    return list(chain.from_iterable(rows for table in tables for rows in table.values()))


def test_every_row_of_ours_names_its_source() -> None:
    rows = packaged()
    assert len(rows) > 50
    assert [row for row in rows if not str(row.get("source", "")).strip()] == []


def test_ours_are_read_by_the_rules_that_an_operators_are() -> None:
    text = "\n".join(
        file.read_text(encoding="utf-8")
        for file in resources.files("tradingd.core.markets").joinpath("calendars").iterdir()
    )
    assert calendar_faults(text) == []


def test_a_row_of_the_operators_wins() -> None:
    ours, own = market("NSE"), market("NSE", LATE_HOLIDAY)
    date = dt.date(2026, 12, 24)
    assert ours.session_on(date) is not None
    assert own.session_on(date) is None
    assert own.session_on(dt.date(2026, 12, 23)) == ours.session_on(dt.date(2026, 12, 23))
    assert market("BSE", LATE_HOLIDAY).session_on(date) is not None


def test_an_operator_moves_the_horizon() -> None:
    own = market("NSE", NEXT_YEAR)
    assert own.horizon == dt.date(2027, 12, 31)
    assert own.session_on(dt.date(2027, 1, 26)) is None
    assert own.session_on(dt.date(2027, 1, 27)) is not None
    assert market("NFO", NEXT_YEAR).horizon == dt.date(2026, 12, 31)


def test_hours_can_be_those_of_some_symbols_alone() -> None:
    own, date = market("NSE", SMALL_SHARE), dt.date(2026, 10, 22)
    small, large = (own.session_on(date, default_instrument("NSE", name)) for name in ("SMALLCO", "RELIANCE"))
    assert small is not None
    assert large is not None
    assert (small.ts_close - large.ts_close, large) == (15 * 60 * 10**9, own.session_on(date))


@pytest.mark.parametrize(
    ("date", "regular"),
    [
        ("2025-10-20", True),  # to which the expiry of Tuesday moved
        ("2025-10-21", False),  # Muhurat
        ("2024-05-18", False),  # a drill
        ("2026-02-01", False),  # a Sunday
        ("2026-11-24", False),
        ("2021-02-24", True),  # an outage is a day of trading
    ],
)
def test_expiries_fall_on_regular_days_only(date: str, regular: bool) -> None:
    calendar = market("NFO").calendar
    assert calendar is not None
    assert calendar.regular(dt.date.fromisoformat(date)) is regular


ROW = 'markets = ["NSE"]\ndates = [2026-12-24]\nperiods = []\nsource = "x"\n'


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[[days]\n", "Expected"),
        ("[[day]]\n" + ROW, "[day] is no table of a calendar; there are [[known]], [[hours]], [[days]]"),
        ("days = 3", "[days] is no table of a calendar"),
        ("[[days]]\n" + ROW.replace("NSE", "NSX"), "[[days]] row 1: markets = ['NSX']: it must be a list of NSE, NFO"),
        ("[[days]]\n" + ROW.replace('source = "x"', ""), "[[days]] row 1: it has no source"),
        ("[[days]]\n" + ROW.replace('"x"', '""'), "source = : it must be a text: where it is published"),
        ("[[days]]\n" + ROW + "period = []", "there is no key period; did you mean periods?"),
        ("[[days]]\n" + ROW.replace("2026-12-24", '"24 Dec"'), "it must be a list of dates, as [2026-01-15]"),
        ("[[days]]\n" + ROW.replace("[]", '["9:15-15:30"]'), "it must be a list of times of day"),
        ("[[days]]\n" + ROW.replace("[]", '["11:30-12:30", "09:15-10:00"]'), "one after the other"),
        ("[[days]]\n" + ROW.replace("[]", '["10:00-09:15"]'), "one after the other"),
        ("[[days]]\n" + ROW.replace("2026-12-24", "2027-01-26"), "2027-01-26 is after the last day known, 2026-12-31"),
        (SMALL_SHARE.replace('"09:15-15:30"', ""), "with each time spelled out"),
        (SMALL_SHARE.replace("09:15", "open"), "with each time spelled out"),
        (SMALL_SHARE.replace("symbols", "days"), "days = ['SMALLCO']: it must be a list of Mon, Tue, Wed"),
        (NEXT_YEAR.replace("2027-01-01", "2027-01-04"), "let valid_from be 2027-01-01"),
        (NEXT_YEAR.replace("2027-12-31", "2026-12-31"), "valid_to = 2026-12-31 is before valid_from = 2027-01-01"),
    ],
)  # fmt: skip
def test_a_wrong_row_is_told_with_its_place_and_what_would_be_right(text: str, fault: str) -> None:
    faults = calendar_faults(text)
    assert any(fault in told for told in faults), faults
    with pytest.raises(ValueError, match=r"\w"):
        market("NSE", text)


def test_all_faults_are_told_at_once() -> None:
    text = "[[days]]\n" + ROW.replace("NSE", "NSX").replace("[]", "[1]") + "[[hours]]\n"
    assert len(calendar_faults(text)) == 5
