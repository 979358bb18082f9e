"""Recorded files as a market: every row is a trade, in the place where the file has it."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

import pytest

from tests.shared import shared
from tradingd.adapters.feeds.files import read_ticks
from tradingd.adapters.feeds.merge import TickRows, merged
from tradingd.model.errors import DataError
from tradingd.model.market import SECOND, Tick
from tradingd.venues.recorded import read_trades
from tradingd.venues.tape import Tape

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "timestamp,price,volume,bid,ask\n"


def write(folder: Path, name: str, *rows: str) -> Path:
    path = folder / name
    path.write_text(HEADER + "".join(f"{row}\n" for row in rows), "utf-8")
    return path


def test_rows_keep_their_number_late_and_repeated_ones_too(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "100000000,5,1,4,6", "100000005,6,1,4,6", "100000002,7,2,4,6", "100000002,7,2,4,6")
    trades = read_trades({"A": path}, UTC)["A"]
    assert trades.number.tolist() == [0, 1, 2, 3]
    assert [ts // SECOND - 100_000_000 for ts in trades.ts.tolist()] == [0, 5, 2, 2]
    assert [ts // SECOND - 100_000_000 for ts in trades.ts_market.tolist()] == [0, 5, 5, 5]
    assert trades.is_quoted.tolist() == [True, False, False, False]


def test_a_trade_is_a_sell_where_the_price_last_fell(tmp_path: Path) -> None:
    rows = [f"10000000{second},{price},1,0,0" for second, price in enumerate((5, 5, 4, 4, 6, 6, 5))]
    trades = read_trades({"A": write(tmp_path, "a.csv", *rows)}, UTC)["A"]
    assert trades.is_sell.tolist() == [False, False, True, True, False, False, True]
    assert not trades.is_quoted.any()


def test_a_number_the_wire_cannot_carry_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "100000000,5.123456789,1,0,0")
    with pytest.raises(DataError, match=r"a\.csv: 5\.123456789 has more than 8 decimals"):
        read_trades({"A": path}, UTC)


def test_a_recorded_day_is_told_in_the_order_of_a_backtest() -> None:
    names = ("NIFTY", "RELIANCE", "MM", "BAJAJ_AUTO")
    files = {name: shared(f"data/nse_ticks/day_2021-05-28/{name}.csv.gz") for name in names}
    tape = Tape([read_trades(files, UTC)])
    told = []
    while rows := tape.take(1000):
        told += [(tape.symbols[row[0]], row[2], row[4], row[5]) for row in rows]
    sources = [TickRows.of(name, read_ticks(path, UTC), None) for name, path in files.items()]
    expected = [event for _, events in merged(sources) for event in events]
    assert told == [(e.instrument, e.ts, e.price, e.volume) for e in expected if isinstance(e, Tick)]
    assert len(told) == len(expected) > 50_000
