"""Ticks and bars from data files: what the columns of a file mean.

A backtest begins here, so every doubtful reading is decided in this one place: whose volume a column tells,
what a counter that falls means, how wide a bar is. Ticks keep the order of the file - late and repeated ones
are the engine's business and only counted here - while bars that do not increase are refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from tradingd.adapters.feeds.instants import parse_instant, wall_clock
from tradingd.adapters.feeds.tables import Layout, check_columns, read_table
from tradingd.model.errors import DataError
from tradingd.model.market import DAY, SECOND, Timeframe

if TYPE_CHECKING:
    from datetime import tzinfo
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Bars", "Ticks", "check", "parse_instant", "print_volume", "read_bars", "read_ticks"]

_TICKS = Layout("ticks", "timestamp,price[,volume,bid,ask]", ("price",), ("volume", "bid", "ask"))
_BARS = Layout("bars", "timestamp,open,high,low,close[,volume]", ("open", "high", "low", "close"), ("volume",))


@dataclass(frozen=True, slots=True, eq=False)
class Ticks:
    """The prints of one instrument in the order of the file; volume, bid and ask are 0 where unknown.

    The counts describe the rows as they stand in the file, whatever the engine makes of them later:
    `equal_ts` and `backwards` are steps to the next row of no and of negative time, `max_gap_s` the largest step
    forward, `equal_rows` the rows that repeat an earlier row in every column read, adjacent or not, and
    `volume_decreases` the falls of a cumulative volume from one row to the next.
    """

    ts: NDArray[np.int64]
    price: NDArray[np.float64]
    volume: NDArray[np.float64]
    bid: NDArray[np.float64]
    ask: NDArray[np.float64]
    skipped_rows: int
    ignored_columns: tuple[str, ...]
    volume_decreases: int
    equal_ts: int
    backwards: int
    equal_rows: int
    max_gap_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """The bars of one instrument, `ts_open` strictly increasing; volume is 0 where the file has none."""

    ts_open: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    timeframe: Timeframe
    skipped_rows: int
    ignored_columns: tuple[str, ...]


def check(path: Path, kind: Literal["bars", "ticks"]) -> None:
    """Look whether a file can be one of that kind, by its columns alone.

    Raises:
        DataError: it cannot.
    """
    check_columns(path, _TICKS if kind == "ticks" else _BARS)


def read_ticks(
    path: Path, zone: tzinfo, *, volume: Literal["print", "cumulative"] | None = None, skip_bad_rows: bool = False
) -> Ticks:
    """Read a tick file; times without an offset are in `zone`.

    The volume of a file with a `price` is that of each print; `volume` beside `ltp` or `last_price` counts the
    day's volume so far, unless `volume` says otherwise. `size` and `qty` name a print's volume by themselves.

    Raises:
        DataError: the file cannot be read, lacks a column or has a bad row (unless those are skipped).
    """
    table = read_table(path, _TICKS, zone, skip_bad_rows=skip_bad_rows)
    ts, told = table.ts, table.values
    if volume is None and table.found["price"] != "price" and table.found.get("volume") == "volume":
        volume = "cumulative"
    is_cumulative = volume == "cumulative" and "volume" in told
    steps = np.diff(ts)
    unknown = np.zeros(len(ts))
    return Ticks(
        ts=ts,
        price=told["price"],
        volume=print_volume(ts, told["volume"], zone) if is_cumulative else told.get("volume", unknown),
        bid=told.get("bid", unknown),
        ask=told.get("ask", unknown),
        skipped_rows=table.skipped,
        ignored_columns=table.ignored,
        volume_decreases=int(np.count_nonzero(np.diff(told["volume"]) < 0)) if is_cumulative else 0,
        equal_ts=int(np.count_nonzero(steps == 0)),
        backwards=int(np.count_nonzero(steps < 0)),
        equal_rows=_equal_rows(ts, list(told.values())),
        max_gap_s=int(steps.max(initial=0)) / SECOND,
    )


def read_bars(path: Path, zone: tzinfo, *, timeframe: Timeframe | None = None, skip_bad_rows: bool = False) -> Bars:
    """Read a bar file; stamps are the opens, those without an offset in `zone`.

    The timeframe is the smallest step between two bars on the wall clock of `zone`, where a day has 24 hours
    also when summer time begins, unless it is stated.

    Raises:
        DataError: the file cannot be read, lacks a column or has a bad row (unless those are skipped), or its
            timeframe cannot be told or is not the stated one.
    """
    table = read_table(path, _BARS, zone, skip_bad_rows=skip_bad_rows)
    told = table.values
    outside = np.maximum.reduce([told["open"], told["low"], told["close"]]) > told["high"]
    outside |= np.minimum.reduce([told["open"], told["close"]]) < told["low"]

    def explain_range(index: int) -> str:
        prices = ", ".join(f"{name} {told[name][index]}" for name in ("open", "high", "low", "close"))
        return f"{prices}: high and low must enclose open and close"

    table = table.without(outside, explain_range, skip=skip_bad_rows)
    ts = table.ts
    before = np.maximum.accumulate(ts)[:-1]
    repeated = np.concatenate(([False], ts[1:] <= before))

    def explain_order(index: int) -> str:
        behind_s = (before[index - 1] - ts[index]) / SECOND
        when = f"{behind_s:g} s before" if behind_s else "at the same time as"
        return f"the bar opens {when} one above it; each must open later than all above it"

    table = table.without(repeated, explain_order, skip=skip_bad_rows)
    return Bars(
        ts_open=table.ts,
        open=table.values["open"],
        high=table.values["high"],
        low=table.values["low"],
        close=table.values["close"],
        volume=table.values.get("volume", np.zeros(len(table.ts))),
        timeframe=_timeframe(path, wall_clock(table.ts, zone), timeframe),
        skipped_rows=table.skipped,
        ignored_columns=table.ignored,
    )


def print_volume(ts: NDArray[np.int64], cumulative: NDArray[np.float64], zone: tzinfo) -> NDArray[np.float64]:
    """Turn the day's volume so far into the volume of each print.

    Feeds replay stale rows after a reconnect, and servers that disagree within a second answer in turn; neither
    trades anything. What tells them from a counter that started anew is time: only a row later than all before
    can know less because less has been traded. So

    - a row earlier than the latest seen counts 0 and is forgotten: what it knew comes with the next current one;
    - among rows of one time the largest counter holds;
    - a counter that falls as time goes on, and the first row of a day, are a new baseline and count 0, since
      what was traded before it was not seen here.

    Nothing looks ahead, so a live feed can read the same. No replay adds to the sum.
    """
    current = np.flatnonzero(ts >= np.maximum.accumulate(ts))
    times, counter = ts[current], cumulative[current]
    is_later = np.diff(times, prepend=times[0] - 1) > 0
    moment = np.cumsum(is_later) - 1
    # The running maximum within a moment: ranks are integers, so lifting them moment by moment is exact.
    levels, rank = np.unique(counter, return_inverse=True)
    lift = moment * len(levels)
    highest = levels[np.maximum.accumulate(rank + lift) - lift]
    gain = np.diff(highest, prepend=highest[0])
    day = wall_clock(times, zone) // DAY
    gain[np.diff(day, prepend=day[0]) != 0] = 0.0
    result = np.zeros(len(ts))
    result[current] = np.maximum(gain, 0.0)
    return result


def _equal_rows(ts: NDArray[np.int64], columns: list[NDArray[np.float64]]) -> int:
    """Count the rows that repeat an earlier one; only rows that share their time can."""
    by_time = np.argsort(ts, kind="stable")
    shared = np.diff(ts[by_time]) == 0
    suspects = by_time[np.concatenate(([False], shared)) | np.concatenate((shared, [False]))]
    keys = [ts[suspects], *(column[suspects] for column in columns)]
    order = np.lexsort(keys)
    equal = np.logical_and.reduce([np.diff(key[order]) == 0 for key in keys])
    return int(np.count_nonzero(equal))


def _timeframe(path: Path, wall: NDArray[np.int64], stated: Timeframe | None) -> Timeframe:
    """Return the width of the bars that open at `wall`, which must not be less than `stated`."""
    steps = np.diff(wall)
    steps = steps[steps > 0]
    smallest = int(steps.min()) if steps.size else None
    if stated is not None:
        if smallest is not None and smallest < stated.ns:
            msg = f"{path}: two bars are {Timeframe(smallest)} apart, which is less than the stated timeframe {stated}"
            raise DataError(msg)
        return stated
    if smallest is None or smallest > DAY:
        told = "of a single bar" if smallest is None else f"of bars {Timeframe(smallest)} apart"
        msg = f"{path}: the timeframe {told} cannot be told; state it, as 1m, 1h or 1d"
        raise DataError(msg)
    return Timeframe(smallest)
