"""What worker processes do for the API: look into a data file, run a backtest. All that takes time, and no more.

A job takes plain values and returns plain values. What is wrong with data or settings is returned as a `Failure`,
since it is an answer; only what nobody foresaw is raised. No text leaves here that has a path in it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from tradingd.adapters.feeds.files import read_bars, read_ticks
from tradingd.adapters.feeds.instants import wall_clock
from tradingd.core.markets.sessions import market
from tradingd.model.errors import TradingdError
from tradingd.model.market import DAY
from tradingd.research.backtest import run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradingd.model.market import Timeframe
    from tradingd.research.request import DataFile, Request

_EPOCH_DATE = dt.date(1970, 1, 1)
_OF_THE_RUN = ("execution_id", "seconds")


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a data file: the days of its exchange that have rows, in order; its bars' width, none for ticks."""

    days: tuple[dt.date, ...]
    timeframe: Timeframe | None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job could not be done, for a person."""

    detail: str


def contents(file: DataFile) -> Contents | Failure:
    """Look into a file; its exchange is known."""
    zone = market(file.exchange or "").zone
    try:
        if file.kind == "ticks":
            ts, timeframe = read_ticks(file.path, zone).ts, None
        else:
            bars = read_bars(file.path, zone, timeframe=file.timeframe)
            ts, timeframe = bars.ts_open, bars.timeframe
    except TradingdError as error:
        return Failure(_told(error, [file]))
    days = np.unique(wall_clock(ts, zone) // DAY).tolist()
    return Contents(tuple(_EPOCH_DATE + dt.timedelta(days=day) for day in days), timeframe)


def results(request: Request) -> bytes | Failure:
    """Run a backtest; return its result as JSON, without what only tells one run of it from another."""
    try:
        content = run(request).as_dict()
    except TradingdError as error:
        return Failure(_told(error, request.data))
    return msgspec.json.encode({name: value for name, value in content.items() if name not in _OF_THE_RUN})


def _told(error: TradingdError, files: Sequence[DataFile]) -> str:
    """Return an error's message with files by their names alone."""
    message = str(error)
    for file in files:
        message = message.replace(str(file.path), file.path.name)
    return message
