"""A venue's market from recorded tick files, read by the reader that backtests use.

The row number is the trade's number, late and repeated rows included, so that a daemon that listens sees what a
backtest of the same files reads. What the wire cannot carry is refused here, before anybody listens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tradingd.adapters.feeds.files import read_ticks
from tradingd.model.errors import DataError
from tradingd.venues.trades import Trades, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo
    from pathlib import Path

    from numpy.typing import NDArray

    from tradingd.adapters.feeds.files import Ticks


def read_trades(files: Mapping[str, Path], zone: tzinfo) -> dict[str, Trades]:
    """Read the file of each symbol; times without an offset are in `zone`.

    Raises:
        DataError: a file cannot be read, or has a number with more than 8 decimals.
    """
    return {symbol: _trades(path, read_ticks(path, zone)) for symbol, path in files.items()}


def _trades(path: Path, ticks: Ticks) -> Trades:
    for column in (ticks.price, ticks.volume, ticks.bid, ticks.ask):
        _check_decimals(path, column)
    unknown = np.zeros(len(ticks.ts))
    return Trades(
        number=np.arange(len(ticks.ts)),
        ts=ticks.ts,
        ts_market=np.maximum.accumulate(ticks.ts),
        price=ticks.price,
        quantity=ticks.volume,
        is_sell=_sells(ticks.price),
        bid=ticks.bid,
        ask=ticks.ask,
        bid_quantity=unknown,
        ask_quantity=unknown,
        is_quoted=quoted(ticks.bid, ticks.ask, before=(0.0, 0.0)),
    )


def _sells(price: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Take a trade for a sell where the price last fell: a file does not tell the side."""
    step = np.diff(price, prepend=price[0])
    latest_move = np.maximum.accumulate(np.where(step != 0, np.arange(len(price)), 0))
    return np.asarray(step[latest_move] < 0)


def _check_decimals(path: Path, column: NDArray[np.float64]) -> None:
    for value in np.unique(column).tolist():
        if float(f"{value:.8f}") != value:
            msg = f"{path}: {value!r} has more than 8 decimals, which the venue's protocol does not carry"
            raise DataError(msg)
