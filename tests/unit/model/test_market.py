from __future__ import annotations

import pytest

from tradingd.model.market import DAY, HOUR, MINUTE, SECOND, Bar, Timeframe


@pytest.mark.parametrize(
    ("text", "ns", "shortest"),
    [
        ("5MIN", 5 * MINUTE, "5m"),
        ("5m", 5 * MINUTE, "5m"),
        ("5 Minutes", 5 * MINUTE, "5m"),
        (" 1min ", MINUTE, "1m"),
        ("30s", 30 * SECOND, "30s"),
        ("90sec", 90 * SECOND, "90s"),
        ("60m", HOUR, "1h"),
        ("1h", HOUR, "1h"),
        ("2HR", 2 * HOUR, "2h"),
        ("24h", DAY, "1d"),
        ("1D", DAY, "1d"),
        ("1day", DAY, "1d"),
        ("86400s", DAY, "1d"),
    ],
)
def test_a_timeframe_is_one_width_however_it_is_spelled(text: str, ns: int, shortest: str) -> None:
    timeframe = Timeframe.parse(text)
    assert timeframe.ns == ns
    assert str(timeframe) == shortest
    assert Timeframe.parse(shortest) == timeframe


@pytest.mark.parametrize("text", ["", "5", "m", "5x", "-5m", "5.5m", "5m5", "five m", "1mo", "1w", "5\u2009k"])
def test_what_is_no_width_is_refused_with_the_way_to_write_it(text: str) -> None:
    with pytest.raises(ValueError, match="5MIN, 1m, 1h or 1d") as error:
        Timeframe.parse(text)
    assert repr(text) in str(error.value)


@pytest.mark.parametrize("text", ["0m", "2d", "25h", "1441m", "86401s"])
def test_a_width_beyond_a_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="more than zero and at most 1d"):
        Timeframe.parse(text)


def test_wider_timeframes_are_greater() -> None:
    texts = ["1d", "5m", "1h", "30s", "1m"]
    assert [str(t) for t in sorted(map(Timeframe.parse, texts))] == ["30s", "1m", "5m", "1h", "1d"]


def test_a_bar_is_stamped_with_its_open_and_happens_at_its_close() -> None:
    bar = Bar("X", Timeframe(MINUTE), MINUTE, 2 * MINUTE, 1.0, 2.0, 0.5, 1.5)
    assert (bar.ts_open, bar.ts) == (MINUTE, 2 * MINUTE)
