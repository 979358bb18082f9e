"""Every dirty tick file runs through, and what is wrong with it is counted as others counted it before."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tests.reference.test_files import TICK_FILES
from tests.shared import shared
from tests.unit.research.requests import backtest, once, reversal, ticks
from tradingd.adapters.feeds.files import read_ticks
from tradingd.model.market import MINUTE, SECOND

INDIA = ZoneInfo("Asia/Kolkata")
OPEN_S, CLOSE_S, SHIFT_S = 33_300, 55_800, 19_800  # 09:15 and 15:30 of the day in India, which is so far from UTC


def late_and_bars(name: str) -> tuple[int, int]:
    """Count ticks of minutes that had closed, and minutes with ticks, by a plain loop over the file.

    A minute closes when the first tick of a later one comes; outside of the session nothing is looked at.
    """
    ts = read_ticks(shared(f"data/nse_ticks/{name}.csv.gz"), INDIA).ts
    wall = ts // SECOND + SHIFT_S
    inside = ((wall // 86_400 + 3) % 7 < 5) & (wall % 86_400 >= OPEN_S) & (wall % 86_400 < CLOSE_S)
    late = bars = 0
    current = -1
    for minute in (ts[inside] // MINUTE).tolist():
        if minute > current:
            current, bars = minute, bars + 1
        elif minute < current:
            late += 1
    return late, bars


@pytest.mark.parametrize("name", TICK_FILES)
def test_a_dirty_file_runs_through_with_its_anomalies_counted(name: str) -> None:
    rows, _, _, equal_ts, backwards, equal_rows, max_gap_s, volume_decreases, outside = TICK_FILES[name]
    symbol = name.partition("_")[0]
    data = ticks(symbol, shared(f"data/nse_ticks/{name}.csv.gz"))
    share = "BANKNIFTY" not in name and "NIFTY" not in name
    strategy = reversal(symbol, "NSE", low=45, high=55) if share else once(symbol, "NSE")
    result = backtest(strategy, data)
    met, (late, bars) = result.anomalies, late_and_bars(name)
    assert (result.ticks, result.bars) == (rows, bars)
    assert (met.equal_ts, met.backwards, met.equal_rows) == (equal_ts, backwards, equal_rows)
    assert (met.volume_decreases, met.max_gap_s) == (volume_decreases, max_gap_s)
    assert (met.outside_session, met.late) == (outside, late)


def test_days_that_the_published_count_leaves_out_are_none() -> None:
    """09:15-15:30 was counted as the engine does: half-open, from Monday to Friday; the last second is outside."""
    ts = read_ticks(shared("data/nse_ticks/NIFTY_2021-04-16.csv.gz"), INDIA).ts
    wall = ts // SECOND + SHIFT_S
    of_day = wall % 86_400
    assert np.count_nonzero((wall // 86_400 + 3) % 7 >= 5) == 0
    assert np.count_nonzero(of_day == CLOSE_S) > 0
