from __future__ import annotations

import datetime as dt

import pytest

from tests.stories import document, drawing, entry, exit_, leg, start
from tests.unit.core.runs import always, ist
from tests.unit.research.requests import drawn_reversal
from tradingd.daemon.horizon import check, reaches
from tradingd.model.errors import ConfigError

NEXT_YEAR = """
[[known]]
markets = ["NSE"]
valid_from = 2027-01-01
valid_to = 2027-12-31
source = "NSE, trading holidays of 2027"
"""
SHARE = document(drawn_reversal("ACME", "NSE"))
COIN = document(drawn_reversal("XYZ", "BINANCE"))
OPTION = document(
    drawing(
        [
            start(symbol="NIFTY", exchange="NSE", tradingInstrument={"type": "options"}),
            always("A"),
            entry("e", leg("p", optionDetails={"expiry": "W0", "optionType": "CE", "strikeType": "ATM"})),
            always("B"),
            exit_("x"),
        ],
        ["start > A > e > B > x"],
    )
)


def test_a_reach_counts_the_days_that_are_left() -> None:
    (reach,) = reaches([SHARE, COIN, SHARE], "", ist("2026-12-01 10:00"))
    assert (reach.market, reach.known_to, reach.days) == ("NSE", dt.date(2026, 12, 31), 30)
    assert "the calendar of NSE is known until 2026-12-31 and it is 2026-12-01: 30 days are left" in reach.text
    assert reach.as_dict() == {"market": "NSE", "known_to": "2026-12-31", "days": 30}


def test_a_strategy_of_options_needs_their_segment_too() -> None:
    found = reaches([OPTION], NEXT_YEAR, ist("2026-12-31 10:00"))
    assert [(reach.market, reach.days) for reach in found] == [("NFO", 0), ("NSE", 365)]


def test_the_last_day_known_is_a_day_of_trading_and_the_next_is_refused_with_what_to_do() -> None:
    check([SHARE, COIN], "", ist("2026-12-31 23:59"))
    with pytest.raises(ConfigError, match=r"NSE is known until 2026-12-31 and it is 2027-01-01.*markets\.calendar"):
        check([SHARE, COIN], "", ist("2027-01-01 00:00"))
    check([SHARE, COIN], NEXT_YEAR, ist("2027-01-01 00:00"))
    check([COIN], "", ist("2027-01-01 00:00"))
