"""Bars against bars that others made of the same trades, through the engine as a strategy reads them."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import io
import json
import zipfile
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from pyarrow import feather

from tests.shared import shared
from tests.stories import alert, drawing, start
from tests.unit.core.runs import Run, always, bars_of, ohlcv
from tests.unit.research.requests import UNLIMITED, backtest, bars, reversal
from tradingd.adapters.feeds.files import read_ticks
from tradingd.core.markets.sessions import default_instrument
from tradingd.model.market import MINUTE, SECOND, Bar, Tick, Timeframe
from tradingd.research.events import BarRows, TickRows

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tradingd.model.instrument import Instrument

MILLISECOND = 1_000_000
DAY_2016_10_07 = 1_475_798_400_000_000_000


def closed(instrument: Instrument, timeframe: str, events: Iterable[Any]) -> list[Bar]:
    """Return the bars that a strategy reading this timeframe sees close."""
    begin = start(symbol=instrument.symbol, exchange=instrument.exchange, timeframe=timeframe)
    reader = drawing([begin, always("A"), alert("say")], ["start > A > say"], "reader")
    return list(bars_of(Run(reader, instruments=[instrument]), instrument, Timeframe.parse(timeframe), events))


@pytest.mark.parametrize(("timeframe", "count"), [("1m", 2469), ("5m", 706)])
def test_trades_of_two_days_make_the_candles_beside_them(timeframe: str, count: int) -> None:
    pair = default_instrument("BINANCE", "XRPETH")
    with gzip.open(shared("data/crypto_csv/freqtrade_XRP_ETH-trades.json.gz")) as file:
        trades = json.load(file)
    ticks = [Tick(pair.id, ms * MILLISECOND, price, amount) for ms, _, _, _, price, amount, _ in trades]
    table = feather.read_table(shared(f"data/crypto_csv/freqtrade_XRP_ETH-{timeframe}.feather"))
    columns = [table[name].to_pylist() for name in ("open", "high", "low", "close", "volume")]
    opens = [round(stamp.timestamp()) * SECOND for stamp in table["date"].to_pylist()]
    made = closed(pair, timeframe, ticks)
    assert len(made) == count
    assert [(bar.ts_open, *ohlcv(bar)) for bar in made] == list(zip(opens, *columns, strict=True))


def coinbase(width: str) -> list[tuple[Any, ...]]:
    """Return (ts_open, open, high, low, close, volume) of a day's bars."""
    with zipfile.ZipFile(shared(f"data/crypto_csv/lean/coinbase_{width}_btcusd_20161007_trade.zip")) as archive:
        content = io.StringIO(archive.read(archive.namelist()[0]).decode())
    return [(DAY_2016_10_07 + int(ms) * MILLISECOND, *map(float, figures)) for ms, *figures in csv.reader(content)]


def test_bars_of_a_second_make_the_bars_of_a_minute() -> None:
    pair = default_instrument("SIM", "BTCUSD")
    columns = [np.array(column) for column in zip(*coinbase("second"), strict=True)]
    rows = BarRows(pair.id, Timeframe(SECOND), (columns[0], columns[0] + SECOND, *columns[1:]))
    made, expected = closed(pair, "1m", rows.events()), coinbase("minute")
    assert len(made) == 1419
    assert [(bar.ts_open, *ohlcv(bar)[:4]) for bar in made] == [row[:5] for row in expected]
    assert [round(bar.volume, 8) for bar in made] == [row[5] for row in expected]
    assert {bar.ts_close - bar.ts_open for bar in made} == {MINUTE}


def test_two_minute_bars_are_anchored_at_a_quarter_past_nine() -> None:
    zone, nifty = ZoneInfo("Asia/Kolkata"), default_instrument("NSE", "NIFTY")
    ticks = read_ticks(shared("data/nse_ticks/omspy_nifty_ticks_2022-07-01.csv"), zone)
    made = closed(nifty, "2m", TickRows.of(nifty.id, ticks, None).events())
    with shared("data/nse_ticks/omspy_nifty_candles_2min_expected.csv").open() as file:
        expected = [tuple(map(float, row[1:])) for row in list(csv.reader(file))[1:]]
    assert [ohlcv(bar)[:4] for bar in made[:5]] == expected[:5]  # of the sixth the file has only the beginning
    opened = [(bar.ts_open // SECOND + 19_800) % 86_400 // 60 for bar in made]
    assert opened == [9 * 60 + 15 + 2 * k for k in range(6)]


def test_a_million_bars_make_the_trades_that_all_peers_agree_on(tmp_path: Path) -> None:
    """RSI 14 below 30 buys one, above 70 sells it, at the next open; no signal before bar 1000."""
    spec = importlib.util.spec_from_file_location("peers_gen", shared("peers/gen.py"))
    assert spec is not None
    assert spec.loader is not None
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    made = generator._make_bars(1_000_000)
    path = tmp_path / "million.npz"
    np.savez(path, timestamp=made["ts"], **{name: made[name] for name in ("open", "high", "low", "close", "volume")})
    result = backtest(reversal(), bars("XYZ", path), settings=UNLIMITED, start=str(made["ts"][1000]))
    assert (result.metrics.total_trades, result.metrics.total_pnl) == (3453, Decimal("275.21"))
    assert (result.bars, result.positions_open) == (1_000_000, [])
