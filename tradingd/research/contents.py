"""What is in a data file: the days that have rows, and how wide its bars are. It is read whole and nothing is kept."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tradingd.adapters.feeds.files import read_bars, read_ticks
from tradingd.adapters.feeds.instants import wall_clock
from tradingd.core.markets.sessions import market
from tradingd.model.market import DAY

if TYPE_CHECKING:
    from tradingd.model.market import Timeframe
    from tradingd.research.request import DataFile

_EPOCH_DATE = dt.date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Contents:
    """The days of a file's exchange that have rows, in order; the width of its bars, none for ticks."""

    days: tuple[dt.date, ...]
    timeframe: Timeframe | None


def contents(file: DataFile, *, skip_bad_rows: bool = False) -> Contents:
    """Look into a file; its exchange is known.

    Raises:
        DataError: it cannot be read.
    """
    zone = market(file.exchange or "").zone
    if file.kind == "ticks":
        ts, timeframe = read_ticks(file.path, zone, skip_bad_rows=skip_bad_rows).ts, None
    else:
        bars = read_bars(file.path, zone, timeframe=file.timeframe, skip_bad_rows=skip_bad_rows)
        ts, timeframe = bars.ts_open, bars.timeframe
    days = np.unique(wall_clock(ts, zone) // DAY).tolist()
    return Contents(tuple(_EPOCH_DATE + dt.timedelta(days=day) for day in days), timeframe)
