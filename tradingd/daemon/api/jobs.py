"""What worker processes do for the API: look into a data file, run a backtest. All that takes time, and no more.

A job takes plain values and returns plain values. What is wrong with data or settings is returned as a `Failure`,
since it is an answer; only what nobody foresaw is raised. No text leaves here that has a path in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from tradingd.model.errors import TradingdError
from tradingd.research.backtest import run
from tradingd.research.contents import contents as look
from tradingd.research.request import DataFile

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tradingd.research.contents import Contents
    from tradingd.research.request import HistoryBars, Request

_OF_THE_RUN = ("execution_id", "seconds")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job could not be done, for a person."""

    detail: str


def contents(file: DataFile) -> Contents | Failure:
    """Look into a file; its exchange is known."""
    try:
        return look(file)
    except TradingdError as error:
        return Failure(_told(error, [file]))


def results(request: Request) -> bytes | Failure:
    """Run a backtest; return its result as JSON, without what only tells one run of it from another."""
    try:
        content = run(request).as_dict()
    except TradingdError as error:
        return Failure(_told(error, request.data))
    return msgspec.json.encode({name: value for name, value in content.items() if name not in _OF_THE_RUN})


def _told(error: TradingdError, data: Iterable[DataFile | HistoryBars]) -> str:
    """Return an error's message with files by their names alone."""
    message = str(error)
    for one in data:
        if isinstance(one, DataFile):
            message = message.replace(str(one.path), one.path.name)
    return message
