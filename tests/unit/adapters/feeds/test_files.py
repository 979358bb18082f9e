"""What a person's data file is read as, and what they are told when it cannot be."""

from __future__ import annotations

import gzip
from datetime import UTC
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tradingd.adapters.feeds.files import read_bars, read_ticks
from tradingd.model.errors import DataError
from tradingd.model.market import DAY, HOUR, MINUTE, SECOND, Timeframe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[..., Path]

INDIA = ZoneInfo("Asia/Kolkata")
NEW_YORK = ZoneInfo("America/New_York")
T0 = 1_622_173_506 * SECOND  # 2021-05-28 09:15:06 in India


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_lines(*lines: str, name: str = "data.csv") -> Path:
        path = tmp_path / name
        text = "".join(f"{line}\n" for line in lines).encode()
        path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
        return path

    return write_lines


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    def save_arrays(**columns: Any) -> Path:
        path = tmp_path / "data.npz"
        np.savez(path, **columns)
        return path

    return save_arrays


# --- Ticks: names, times, volume ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ticks.csv", "ticks.csv.gz"])
def test_a_tick_file_is_read_plain_and_zipped(write: Write, name: str) -> None:
    path = write("timestamp,price,volume,bid,ask", "2021-05-28 09:15:06,100.5,3,100.4,100.6", name=name)
    ticks = read_ticks(path, INDIA)
    assert ticks.ts.tolist() == [T0]
    assert (ticks.price[0], ticks.volume[0], ticks.bid[0], ticks.ask[0]) == (100.5, 3.0, 100.4, 100.6)


def test_what_a_file_does_not_tell_is_zero(write: Write) -> None:
    ticks = read_ticks(write("ts,price", "2021-05-28 09:15:06,100.5"), INDIA)
    assert (ticks.volume[0], ticks.bid[0], ticks.ask[0], ticks.volume_decreases) == (0.0, 0.0, 0.0, 0)


def test_names_are_blind_to_case_and_blanks_and_other_columns_are_named(write: Write) -> None:
    path = write("\ufeff TimeStamp , Symbol,LAST_PRICE ,,Date", "2021-05-28 09:15:06,NIFTY,100.5,x,2021-05-28")
    ticks = read_ticks(path, INDIA)
    assert (ticks.ts.tolist(), ticks.price.tolist()) == ([T0], [100.5])
    assert ticks.ignored_columns == ("Symbol", "(unnamed)", "Date")


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("Date,Time,price", "20210528,09:15:06,1"),
        ("Time,Date,price", "09:15:06,2021-05-28,1"),
        ("datetime,price", "2021-05-28T09:15:06,1"),
        ("date,price", "2021-05-28 09:15:06.000,1"),
        ("time,price", "1622173506,1"),
        ("ts,price", "1622173506000,1"),
        ("ts,price", "1622173506000000,1"),
        ("ts,price", "1622173506000000000,1"),
        ("ts,price", "1622173506.000,1"),
        ("ts,price", "2021-05-28T03:45:06Z,1"),
        ("ts,price", "2021-05-28 03:45:06+00:00,1"),
        ("ts,price", "2021-05-27 22:45:06-0500,1"),
        ("ts,price", '"2021-05-28 09:15:06,000",1'),
        ("ts,price", "  20210528T091506 , 1 "),
    ],
)
def test_one_instant_in_many_spellings(write: Write, header: str, row: str) -> None:
    assert read_ticks(write(header, row), INDIA).ts.tolist() == [T0]


def test_spellings_of_iso_may_change_within_a_file(write: Write) -> None:
    path = write(
        "ts,price",
        "2021-05-28 09:15:06,1",
        "2021-05-28 09:15:06.5,1",
        "2021-05-28 09:15:06.123456789,1",
        "2021-05-28T03:45:06Z,1",
        "2021-05-28 05:45:06+02:00,1",
        "20210528 0915,1",
        "2021-05-28,1",
    )
    offsets = [0, 500_000_000, 123_456_789, 0, 0, -6 * SECOND, -(9 * HOUR + 15 * MINUTE + 6 * SECOND)]
    assert (read_ticks(path, INDIA).ts - T0).tolist() == offsets


def test_more_spellings_than_are_read_column_wise_still_read_right(write: Write) -> None:
    rows = [f"2021-05-28 {hour:02d}:15:06{sign}{hour:02d}:00,1" for sign in "+-" for hour in range(12)]
    ts = read_ticks(write("ts,price", *rows), INDIA).ts
    utc_midnight = T0 - 3 * HOUR - 45 * MINUTE - 6 * SECOND
    hours = [0] * 12 + [2 * hour for hour in range(12)]
    assert ts.tolist() == [utc_midnight + hour * HOUR + 15 * MINUTE + 6 * SECOND for hour in hours]


def test_local_times_follow_summer_time(write: Write) -> None:
    path = write("ts,price", "2024-03-10 01:59,1", "2024-03-10 03:00,1", "2024-11-03 01:30,1", "2024-11-03 02:00,1")
    ts = read_ticks(path, NEW_YORK).ts
    assert ts[1] - ts[0] == MINUTE
    assert ts[3] - ts[2] == HOUR + HOUR // 2


def test_a_price_has_print_volume_and_a_last_price_the_days(write: Write) -> None:
    rows = [f"2021-05-28 09:15:0{second},1,{volume}" for second, volume in enumerate([500, 530, 530, 600])]
    assert read_ticks(write("ts,price,volume", *rows), INDIA).volume.tolist() == [500, 530, 530, 600]
    assert read_ticks(write("ts,price,size", *rows), INDIA).volume.tolist() == [500, 530, 530, 600]
    assert read_ticks(write("ts,ltp,qty", *rows), INDIA).volume.tolist() == [500, 530, 530, 600]
    assert read_ticks(write("ts,ltp,volume", *rows), INDIA).volume.tolist() == [0, 30, 0, 70]
    assert read_ticks(write("ts,last_price,volume", *rows), INDIA).volume.tolist() == [0, 30, 0, 70]


def test_the_caller_knows_better_whose_volume_it_is(write: Write) -> None:
    rows = ["2021-05-28 09:15:00,1,500", "2021-05-28 09:15:01,1,530"]
    assert read_ticks(write("ts,price,volume", *rows), INDIA, volume="cumulative").volume.tolist() == [0, 30]
    assert read_ticks(write("ts,ltp,volume", *rows), INDIA, volume="print").volume.tolist() == [500, 530]


@pytest.mark.parametrize(
    ("story", "rows", "volume", "falls"),
    [
        ("a replay of stale rows", ["28 10:05,900", "28 10:01,400", "28 10:02,500", "28 10:06,910"], [0, 0, 0, 10], 1),
        ("servers that disagree", ["28 10:05,900", "28 10:06,920", "28 10:06,910", "28 10:06,925"], [0, 20, 0, 5], 1),
        ("a late row knows more", ["28 10:05,900", "28 10:04,905", "28 10:06,910"], [0, 0, 10], 0),
        ("a counter starts anew", ["28 10:05,1000000", "28 10:06,200", "28 10:07,250"], [0, 0, 50], 1),
        ("the next day", ["28 15:29,1000000", "31 09:15,200", "31 09:16,250"], [0, 0, 50], 1),
        ("the next day, met late", ["28 09:15,100", "31 12:00,9000", "31 12:01,9010"], [0, 0, 10], 0),
        ("yesterday once more", ["28 15:00,900", "31 09:15,50", "28 15:01,950", "31 09:16,60"], [0, 0, 0, 10], 2),
    ],
)  # fmt: skip
def test_cumulative_volume(write: Write, story: str, rows: list[str], volume: list[int], falls: int) -> None:
    lines = [f"2021-05-{row.replace(',', ',100.5,')}" for row in rows]
    ticks = read_ticks(write("timestamp,ltp,volume", *lines), INDIA)
    assert ticks.volume.tolist() == volume, story
    assert ticks.volume_decreases == falls


def test_ticks_keep_their_order_and_their_disorder_is_counted(write: Write) -> None:
    rows = ["10:00:00,5", "10:00:02,5", "10:00:02,5", "10:00:01,6", "10:00:02,5", "10:00:09,5", "10:00:09,7"]
    ticks = read_ticks(write("ts,price", *(f"2021-05-28 {row}" for row in rows)), INDIA)
    assert ticks.price.tolist() == [5, 5, 5, 6, 5, 5, 7]
    assert (ticks.equal_ts, ticks.backwards, ticks.equal_rows, ticks.max_gap_s) == (2, 1, 2, 7.0)


# --- Bars: width, order, enclosure ----------------------------------------------------------------------------------

BARS = "timestamp,open,high,low,close,volume"


def test_a_bar_file_tells_its_timeframe_by_its_smallest_step(write: Write) -> None:
    bars = read_bars(
        write(BARS, "2024-01-01 09:15,1,4,0.5,2,10", "2024-01-01 09:30,2,2,2,2,0", "2024-01-01 09:20,3,3,3,3,0"),
        UTC,
        skip_bad_rows=True,
    )
    assert (bars.timeframe, bars.skipped_rows) == (Timeframe(15 * MINUTE), 1)
    columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    assert [column[0] for column in columns] == [1, 4, 0.5, 2, 10]


def test_a_stated_timeframe_holds_where_bars_are_missing(write: Write) -> None:
    path = write("ts,open,high,low,close", "2024-01-01 09:15,1,1,1,1", "2024-01-01 09:30,2,2,2,2")
    bars = read_bars(path, UTC, timeframe=Timeframe(5 * MINUTE))
    assert (bars.timeframe, bars.volume.tolist()) == (Timeframe(5 * MINUTE), [0, 0])


def test_bars_cannot_be_closer_than_the_stated_timeframe(write: Write) -> None:
    path = write(BARS, "2024-01-01 09:15,1,1,1,1,1", "2024-01-01 09:16,2,2,2,2,1")
    with pytest.raises(DataError, match=r"data\.csv: two bars are 1m apart, .* stated timeframe 5m"):
        read_bars(path, UTC, timeframe=Timeframe(5 * MINUTE))


def test_days_are_days_though_summer_time_begins(write: Write) -> None:
    path = write(BARS, "2024-03-09,1,1,1,1,1", "2024-03-10,1,1,1,1,1", "2024-03-11,1,1,1,1,1")
    bars = read_bars(path, NEW_YORK)
    assert bars.timeframe == Timeframe(DAY)
    assert np.diff(bars.ts_open).tolist() == [24 * HOUR, 23 * HOUR]


@pytest.mark.parametrize("rows", [["2024-01-01,1,1,1,1,1"], ["2024-01-01,1,1,1,1,1", "2024-01-08,1,1,1,1,1"]])
def test_a_timeframe_that_cannot_be_told_must_be_stated(write: Write, rows: list[str]) -> None:
    path = write(BARS, *rows)
    with pytest.raises(DataError, match="state it"):
        read_bars(path, UTC)
    assert read_bars(path, UTC, timeframe=Timeframe(DAY)).timeframe == Timeframe(DAY)


# --- Bad rows -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2021-05-28 09:15:07,12a.5,1", "ltp '12a.5' is not a finite number"),
        ("2021-05-28 09:15:07,,1", "ltp '' is not a finite number"),
        ("2021-05-28 09:15:07,nan,1", "ltp 'nan' is not a finite number"),
        ("2021-05-28 09:15:07,1e999,1", "ltp '1e999' is not a finite number"),
        ("2021-05-28 09:15:07,0,1", "ltp '0' must be above zero"),
        ("2021-05-28 09:15:07,-3,1", "ltp '-3' must be above zero"),
        ("2021-05-28 09:15:07,5,-1", "volume '-1' must be zero or more"),
        ("2021-05-28 09:15:07,5,inf", "volume 'inf' is not a finite number"),
        ("2021-02-29 09:15:07,5,1", "'2021-02-29 09:15:07' is not a time"),
        ("2021-05-28 24:00:00,5,1", "'2021-05-28 24:00:00' is not a time"),
        ("28/05/2021 09:15:07,5,1", "'28/05/2021 09:15:07' is not a time"),
        ("now,5,1", "'now' is not a time"),
        ("1622173506,5,1", "'1622173506' is a time, but not of the kind"),
        ("2021-05-28 09:15:07,5", "the row has 2 fields where the first line names 3 columns"),
        ("2021-05-28 09:15:07,5,1,9", "the row has 4 fields where the first line names 3 columns"),
        ("* a footnote", "the row has 1 fields where the first line names 3 columns"),
    ],
)
def test_a_bad_tick_is_named_with_line_and_value_or_skipped(write: Write, row: str, reason: str) -> None:
    path = write("timestamp,ltp,volume", "2021-05-28 09:15:06,5,1", "", row, "2021-05-28 09:15:08,5,1", " ")
    with pytest.raises(DataError) as caught:
        read_ticks(path, INDIA)
    assert str(caught.value).startswith(f"{path}:4: {reason}")
    ticks = read_ticks(path, INDIA, skip_bad_rows=True)
    assert (ticks.ts.tolist(), ticks.skipped_rows) == ([T0, T0 + 2 * SECOND], 1)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1700000060,5,6,4,7,1", "open 5.0, high 6.0, low 4.0, close 7.0: high and low must enclose open and close"),
        ("1700000060,3,6,4,5,1", "open 3.0, high 6.0, low 4.0, close 5.0: high and low must enclose open and close"),
        ("1700000060,5,4,6,5,1", "open 5.0, high 4.0, low 6.0, close 5.0: high and low must enclose open and close"),
        ("1700000060,0,6,0,5,1", "open '0' must be above zero"),
        ("1700000000,5,5,5,5,1", "the bar opens at the same time as one above it"),
        ("1699999940,5,5,5,5,1", "the bar opens 60 s before one above it"),
        ("1700000060000,5,5,5,5,1", "'1700000060000' is a time, but not of the kind or unit"),
        ("17000000600000000000000,5,5,5,5,1", "'17000000600000000000000' is not a time"),
        ("2023-11-14T22:14:20Z,5,5,5,5,1", "'2023-11-14T22:14:20Z' is a time, but not of the kind or unit"),
    ],
)
def test_a_bad_bar_is_named_with_line_and_value_or_skipped(write: Write, row: str, reason: str) -> None:
    path = write(BARS, "1700000000,5,5,5,5,1", row, "1700000120,5,5,5,5,1", "1700000180,5,5,5,5,1")
    with pytest.raises(DataError) as caught:
        read_bars(path, UTC)
    assert str(caught.value).startswith(f"{path}:3: {reason}")
    bars = read_bars(path, UTC, skip_bad_rows=True)
    assert (len(bars.ts_open), bars.skipped_rows, bars.timeframe) == (3, 1, Timeframe(MINUTE))


def test_the_line_is_right_far_down_the_file_and_behind_a_quoted_line_break(write: Write) -> None:
    rows = [f'{1_700_000_000 + second},5,"a\nb"' for second in range(20_000)]
    path = write("ts,price,note", *rows, "1700020000,zero,x")
    with pytest.raises(DataError, match=r":40002: price 'zero'"):
        read_ticks(path, UTC)


def test_bytes_that_are_no_utf8_spoil_only_their_field(tmp_path: Path) -> None:
    path = tmp_path / "latin.csv"
    path.write_bytes(b"ts,price,name\n1700000000,5,\xe9\n1700000001,\xe9,a\n")
    with pytest.raises(DataError, match=r":3: price"):
        read_ticks(path, UTC)
    assert read_ticks(path, UTC, skip_bad_rows=True).price.tolist() == [5]


def test_skipping_needs_a_good_row(write: Write) -> None:
    with pytest.raises(DataError, match="none of the 2 rows is good; the first: price 'x'"):
        read_ticks(write("ts,price", "1700000000,x", "1700000001,y"), UTC, skip_bad_rows=True)


# --- Files that cannot be read --------------------------------------------------------------------------------------


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.csv: cannot be read: No such file"):
        read_ticks(tmp_path / "gone.csv", UTC)
    with pytest.raises(DataError, match="cannot be read"):
        read_ticks(tmp_path, UTC)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([], "the first line must name the columns"),
        (["", "1,2"], "the first line must name the columns"),
        (["timestamp,price"], "has column names but no rows"),
        (["timestamp,price", "", " "], "has column names but no rows"),
        (
            ["stamp,price", "1,2"],
            r"no column timestamp; ticks need the columns timestamp,price.* here are: stamp, price",
        ),
        (["1700000000,5.5,2"], "no column timestamp, price; .* here are: 1700000000, 5.5, 2"),
        (["ts,bid,ask", "1,2,3"], "no column price"),
        (["ts,price,Price", "1,2,3"], "the column price is there 2 times"),
    ],
)
def test_a_file_without_its_columns_says_what_it_has_and_what_it_needs(
    write: Write, lines: list[str], reason: str
) -> None:
    with pytest.raises(DataError, match=rf"data\.csv: .*{reason}"):
        read_ticks(write(*lines), UTC)


def test_a_cut_off_gzip_is_damaged(write: Write) -> None:
    path = write(
        "ts,price", *(f"{1_700_000_000 + second},{second + 1}" for second in range(50_000)), name="ticks.csv.gz"
    )
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(DataError, match=r"ticks\.csv\.gz:\d+: the file is damaged"):
        read_ticks(path, UTC, skip_bad_rows=True)


# --- NumPy archives -------------------------------------------------------------------------------------------------


def test_an_archive_is_read_by_the_same_names(save: Callable[..., Path]) -> None:
    path = save(ts=np.array([T0, T0 + 1]), Price=np.array([5, 6]), size=np.array([1.0, 2.0]), extra=np.zeros(7))
    ticks = read_ticks(path, INDIA)
    assert (ticks.ts.tolist(), ticks.price.tolist(), ticks.volume.tolist()) == ([T0, T0 + 1], [5, 6], [1, 2])
    assert ticks.ignored_columns == ("extra",)


@pytest.mark.parametrize(
    "times",
    [
        {"ts": np.array([T0 // SECOND], dtype=np.uint32)},
        {"ts": np.array([T0 // SECOND * 1000.0])},
        {"ts": np.array(["2021-05-28 09:15:06"])},
        {"ts": np.array([b"2021-05-28T03:45:06Z"])},
        {"ts": np.array(["2021-05-28T09:15:06"], dtype="M8[ms]")},
        {"date": np.array(["20210528"]), "time": np.array(["09:15:06"])},
    ],
)
def test_an_archive_may_keep_time_in_several_ways(save: Callable[..., Path], times: dict[str, Any]) -> None:
    assert read_ticks(save(**times, price=np.array([5.0])), INDIA).ts.tolist() == [T0]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"ts": [1_700_000_000, 1_700_000_001], "price": [5.0, -1.0]}, r"npz\[1\]: price '-1.0' must be above zero"),
        ({"ts": [1_700_000_000.0, 1_700_000_000.5], "price": [5.0, 1.0]}, r"\[1\]: .* epochs are whole"),
        ({"ts": [1_700_000_000, -1], "price": [5.0, 1.0]}, r"\[1\]: '-1' is not a time"),
        ({"ts": np.array(["2021-05-28", "NaT"], "M8[D]"), "price": [5.0, 1.0]}, r"\[1\]: 'NaT' is not a time"),
        ({"ts": np.array([2**63 + 5, 2**63 + 5], np.uint64), "price": [5.0, 1.0]}, r"\[0\]: .* is not a time"),
        ({"ts": [1_700_000_000], "price": [5.0, 1.0]}, "equally long, these are: ts 1, price 2"),
        ({"ts": [[1_700_000_000]], "price": [[5.0]]}, "ts must be one row of numbers"),
        ({"ts": [1_700_000_000], "price": ["5.0"]}, "price must be one row of numbers"),
        ({"ts": [], "price": []}, "has column names but no rows"),
        ({"ts": [1_700_000_000]}, "no column price"),
        ({"ts": [1_700_000_000], "price": np.array([None])}, "damaged or not a NumPy"),
    ],
)  # fmt: skip
def test_a_bad_archive_is_named(save: Callable[..., Path], columns: dict[str, Any], reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        read_ticks(save(**columns), UTC)
