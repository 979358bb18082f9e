"""The spellings of time that a person may write on the command line."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from tradingd.adapters.feeds.files import parse_instant
from tradingd.model.errors import DataError
from tradingd.model.market import SECOND

INDIA = ZoneInfo("Asia/Kolkata")
MIDNIGHT = 1_622_140_200 * SECOND  # 2021-05-28 00:00 in India


@pytest.mark.parametrize(
    ("text", "after_midnight_s", "is_date"),
    [
        ("2021-05-28", 0, True),
        ("20210528", 0, True),
        ("2021-05-28 00:00", 0, False),
        ("2021-05-28T09:15", 33_300, False),
        ("2021-05-28 09:15:06", 33_306, False),
        (" 2021-05-28T09:15:06.25 ", 33_306.25, False),
        ("2021-05-28t03:45:06z", 33_306, False),
        ("2021-05-28 03:45:06 +00:00", 33_306, False),
        ("2021-05-27T22:45:06-05", 33_306, False),
        ("1622173506", 33_306, False),
        ("1622173506.25", 33_306.25, False),
    ],
)
def test_an_instant_and_whether_it_is_a_whole_day(text: str, after_midnight_s: float, is_date: bool) -> None:
    assert parse_instant(text, INDIA) == (MIDNIGHT + int(after_midnight_s * SECOND), is_date)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "today", "NaT", "2021", "2021-05", "2021-5-28", "28-05-2021", "2021-0528", "2021-02-29", "20211399",
        "2021-05-28 9:15", "2021-05-28 24:00", "2021-05-28 09:60", "2021-05-28 09:15:60", "2021-05-28 09:15:06.",
        "2021-05-28 09:15:06.1234567890", "2021-05-28+05:30", "2021-05-28 09:15+24:00", "2021-05-28 09:15+05:60",
        "1677-12-31", "2262-01-01", "-1", "1e9", "9999999", "99999999999", "9300000000000000000", "2021-05-2\u0668",
        "2021-05-28\0",
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused_with_the_value_and_what_would_be_right(text: str) -> None:
    with pytest.raises(DataError, match="is not a time; write 2021-05-28") as caught:
        parse_instant(text, UTC)
    assert repr(text) in str(caught.value)
