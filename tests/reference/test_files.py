"""Real data files, with the defects that others counted in them before us."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tests.shared import shared
from tradingd.adapters.feeds.files import read_bars, read_ticks
from tradingd.model.errors import DataError
from tradingd.model.market import DAY, MINUTE, SECOND, Timeframe

if TYPE_CHECKING:
    from datetime import tzinfo

    from numpy.typing import NDArray

INDIA = ZoneInfo("Asia/Kolkata")

# file: rows, stamps of the first and the last, equal adjacent stamps, backward steps, repeated rows, largest gap in s,
# falls of the cumulative volume, rows outside 09:15-15:30
TICK_FILES = {
    "NIFTY_2021-04-12": (20680, "12 09:15:09", "12 15:24:42", 0, 0, 0, 31, 0, 0),
    "BANKNIFTY_2021-04-12": (20820, "12 09:15:09", "12 15:24:43", 0, 0, 0, 31, 0, 0),
    "NIFTY_2021-04-16": (54860, "16 09:15:05", "19 09:15:13", 11159, 765, 12783, 211927, 0, 35129),
    "NIFTY_2021-05-24_part1": (12525, "24 09:36:58", "24 11:33:57", 2048, 2640, 6237, 56, 0, 0),
    "NIFTY_2021-05-24_part2": (6525, "24 13:58:34", "24 15:55:04", 0, 6, 0, 4, 0, 1460),
    "BANKNIFTY_2021-05-24_part1": (12495, "24 09:36:58", "24 11:33:45", 2031, 2631, 6217, 56, 0, 0),
    "BANKNIFTY_2021-05-24_part2": (6570, "24 13:58:34", "24 15:54:59", 0, 5, 0, 4, 0, 1479),
    "NIFTY_2021-06-09": (19980, "09 09:16:03", "09 16:01:44", 0, 51, 0, 17, 0, 1835),
    "NIFTY_2021-04-01": (23520, "01 09:15:34", "01 15:54:56", 0, 0, 0, 9, 0, 1497),
    "NIFTY_2021-04-06": (22300, "06 09:16:30", "06 15:32:36", 1, 1, 1, 7, 0, 157),
    "RELIANCE_2021-05-24_f1": (5540, "24 13:58:34", "24 15:53:58", 422, 17, 181, 395, 47, 261),
    "RELIANCE_2021-05-24_f2": (12680, "24 09:36:57", "24 11:34:18", 2574, 2616, 6514, 57, 2640, 0),
    "INFY_2021-05-24_f1": (5430, "24 13:58:34", "24 15:51:11", 353, 16, 163, 394, 40, 141),
    "INFY_2021-05-24_f2": (12750, "24 09:36:57", "24 11:33:52", 2525, 2715, 6528, 56, 2724, 0),
    "HDFCBANK_2021-05-24_f1": (5460, "24 13:58:34", "24 15:53:33", 397, 22, 94, 394, 70, 178),
    "HDFCBANK_2021-05-24_f2": (12680, "24 09:36:57", "24 11:34:17", 2684, 2638, 6425, 56, 2757, 0),
}


def clock(ts: int, zone: tzinfo = INDIA) -> str:
    return f"{datetime.fromtimestamp(ts // SECOND, zone):%d %H:%M:%S}"


def outside_session(ts: NDArray[np.int64]) -> int:
    """Count the rows outside the half-open sessions [09:15, 15:30) from Monday to Friday in India."""
    wall_s = ts // SECOND + 19_800
    weekday, of_day = (wall_s // 86_400 + 3) % 7, wall_s % 86_400
    return int(np.count_nonzero((weekday > 4) | (of_day < 33_300) | (of_day >= 55_800)))


@pytest.mark.parametrize("name", TICK_FILES)
def test_the_defects_of_a_tick_file_are_counted_as_published(name: str) -> None:
    ticks = read_ticks(shared(f"data/nse_ticks/{name}.csv.gz"), INDIA)
    counted = (ticks.equal_ts, ticks.backwards, ticks.equal_rows, ticks.max_gap_s, ticks.volume_decreases)
    span = (clock(int(ticks.ts[0])), clock(int(ticks.ts[-1])))
    assert (len(ticks.ts), *span, *counted, outside_session(ticks.ts)) == TICK_FILES[name]


@pytest.mark.parametrize(
    ("day", "published"),
    [
        ("2021-05-28", (62, 1_100_470, 55_230, 4_701, 28_437, 6_892, 17_128, 548)),
        ("2021-06-07", (62, 1_026_200, 51_293, 4_699, 27_602, 5_923, 0, 28)),
    ],
)
def test_a_whole_day_of_62_instruments(day: str, published: tuple[int, ...]) -> None:
    files = [read_ticks(path, INDIA) for path in sorted(shared(f"data/nse_ticks/day_{day}").iterdir())]
    counts = [
        (
            1,
            len(file.ts),
            file.equal_ts,
            file.backwards,
            file.equal_rows,
            file.volume_decreases,
            outside_session(file.ts),
        )
        for file in files
    ]
    assert (*map(sum, zip(*counts, strict=True)), max(file.max_gap_s for file in files)) == published


@pytest.mark.parametrize(
    "name",
    [*(name for name in TICK_FILES if name[-2] == "f"), *(f"day_2021-05-28/{name}" for name in ("RELIANCE", "INFY"))],
)
def test_the_minutes_of_a_dirty_file_hold_what_was_traded_in_them(name: str) -> None:
    path = shared(f"data/nse_ticks/{name}.csv.gz")
    ticks, counter = read_ticks(path, INDIA), read_ticks(path, INDIA, volume="print").volume
    assert ticks.volume_decreases > 0
    minute = np.maximum.accumulate(ticks.ts) // MINUTE
    last_rows = np.append(np.flatnonzero(np.diff(minute)), len(minute) - 1)
    grown = np.diff(np.maximum.accumulate(counter)[last_rows], prepend=counter[0])
    volumes = [ticks.volume[ticks.ts // MINUTE == one].sum() for one in minute[last_rows]]
    assert volumes == grown.tolist()
    assert ticks.volume.sum() == counter.max() - counter[0]


def test_an_index_has_no_volume() -> None:
    ticks = read_ticks(shared("data/nse_ticks/day_2021-05-28/NIFTY.csv.gz"), INDIA)
    assert (ticks.volume.max(), ticks.volume_decreases) == (0.0, 0)


def test_ticks_that_carry_the_days_range_are_read_by_their_last_price() -> None:
    ticks = read_ticks(shared("data/nse_ticks/omspy_nifty_ticks_2022-07-01.csv"), INDIA)
    assert ticks.ignored_columns == ("symbol", "high", "low", "date", "open")
    assert (len(ticks.ts), ticks.price[0], int(ticks.ts[0])) == (654, 15695.7, 1_656_647_103_926_000_000)


@pytest.mark.parametrize(
    ("name", "zone", "count", "timeframe", "first", "ignored"),
    [
        ("nse_bars/NIFTY_1min_2024.csv.gz", INDIA, 58_127, MINUTE, "2024-01-01T09:15+05:30", ("Instrument",)),
        ("crypto_csv/basana_bitstamp_btcusd_1min_2020-01-01.csv", UTC, 1_440, MINUTE, "2020-01-01T00:00+00:00", ()),
        ("crypto_csv/nautilus_btc-perp-20211231-20220201_1m.csv.gz", UTC, 45_031, MINUTE, "2021-12-31T23:01+00:00", ()),
        ("fx/nautilus_fxcm_usdjpy-m1-bid-2013.csv.gz", INDIA, 28_761, MINUTE, "2013-02-01T05:30+05:30", ()),
        ("nse_options/NIFTY_24300CE_21JUL26_1min_2026-07-15.csv", UTC, 375, MINUTE, "2026-07-15T03:45+00:00", ("oi",)),
        ("indicators/skender_quotes/default.csv", UTC, 502, DAY, "2017-01-03T00:00+00:00", ()),
        ("indicators/skender_quotes/compare.csv", INDIA, 502, DAY, "2017-01-03T00:00+05:30", ()),
        ("nse_ticks/omspy_nifty_candles_2min_expected.csv", INDIA, 10, 2 * MINUTE, "2022-07-01T09:17+05:30", ()),
    ],
)  # fmt: skip
def test_bar_files_of_many_makers(
    name: str, zone: tzinfo, count: int, timeframe: int, first: str, ignored: tuple[str, ...]
) -> None:
    bars = read_bars(shared(f"data/{name}"), zone)
    assert (len(bars.ts_open), bars.timeframe, bars.ignored_columns) == (count, Timeframe(timeframe), ignored)
    assert datetime.fromtimestamp(bars.ts_open[0] // SECOND, zone).isoformat(timespec="minutes") == first
    assert bars.skipped_rows == 0


def test_bars_that_do_not_enclose_their_prices_are_refused_or_skipped() -> None:
    path = shared("data/nse_bars/BANKNIFTY_15min_2018_2023.csv.gz")
    with pytest.raises(DataError, match=r"gz:13: open 25540\.7, high 25540\.65, low .* must enclose open and close"):
        read_bars(path, INDIA)
    bars = read_bars(path, INDIA, skip_bad_rows=True)
    assert (bars.skipped_rows, len(bars.ts_open), bars.timeframe) == (696, 34_300 - 696, Timeframe(15 * MINUTE))
    assert clock(int(bars.ts_open[0])) == "01 09:15:00"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("equity_daily/backtesting_GOOG.csv", r"no column timestamp; .* here are: \(unnamed\), Open, High, Low"),
        ("crypto_csv/nautilus_ADABTC-1m-2021-11-27.csv", "no column timestamp, open, high, low, close; .* 163797120"),
        ("indicators/skender_quotes/bad.csv", "bad.csv:2: '01/03/2017' is not a time"),
        ("indicators/skender_quotes/zeros.csv", "zeros.csv:2: open '0.00' must be above zero"),
        ("nse_eod/nifty50_stocks_daily_bhav.csv.gz", "gz:3: the bar opens at the same time as one above it"),
        ("nse_bars/lean/nifty50_20190101_trade.zip", "no column timestamp, .* 20190102_nifty_minute_trade.csv"),
    ],
)  # fmt: skip
def test_bar_files_that_are_not_in_the_format_say_why(name: str, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        read_bars(shared(f"data/{name}"), UTC)
