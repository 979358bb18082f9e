"""The short ways through a session, for files of one instrument, decide what one event at a time decides."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.shared import shared
from tests.stories import drawing, entry, exit_, leg, start
from tests.unit.core.runs import ACME, XYZ, Run, compare, when
from tradingd.adapters.feeds.files import read_bars, read_ticks
from tradingd.core.markets.sessions import market
from tradingd.core.performance import EquityCurve
from tradingd.model.instrument import Instrument
from tradingd.model.market import MINUTE, SECOND, Bar, Tick, Timeframe
from tradingd.research.events import BarRows, TickRows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from tradingd.research.events import Rows

T0 = 1_704_186_000_000_000_000  # 2024-01-02 14:30 in India, a Tuesday: an hour before the end


def traders(instrument: Instrument) -> list[dict[str, Any]]:
    """Draw strategies on two timeframes, at the market and with orders that rest, intraday and not."""
    drawn = []
    for name, timeframe, order in (
        ("quick", "1m", {}),
        ("slow", "3m", {"productType": "intraday"}),
        ("limit", "1m", {"orderType": "limit", "limitPrice": 100, "productType": "intraday"}),
    ):
        nodes = [
            start(symbol=instrument.symbol, exchange=instrument.exchange, timeframe=timeframe),
            when("down", compare("close", "<", "close@1")),
            entry("buy", leg("p1", **order)),
            when("up", compare("close", ">", "open")),
            exit_("sell", {"maxReEntries": None}),
        ]
        drawn.append(drawing(nodes, ["start > down > buy > up > sell"], name))
    return drawn


def outcome(rows: Rows, instrument: Instrument, drawn: Sequence[dict[str, Any]], *, lane: bool) -> tuple[Any, ...]:
    """Run all rows the short way or event by event; return all that can be told of the run."""
    curve = EquityCurve(Run(*drawn, instruments=[instrument]).engine.settings.simulation.starting_cash)
    run = Run(*drawn, instruments=[instrument], curve=curve)
    if lane:
        for _ in rows.play(run.session):
            pass
    else:
        for event in rows.events():
            run.session.step(event)
    run.session.finish()
    curve.end_session()
    books = [(desk.positions.cash, len(desk.positions.closed)) for desk in run.engine.desks.values()]
    feed = run.engine.feeds[instrument.id]
    last = [repr(line.series.last) for line in feed.lines]
    counts = run.engine.counts.late, run.engine.counts.outside_session
    return run.bytes, books, last, counts, feed.price, run.engine.now, curve.equity.tolist(), curve.ts.tolist()


def same(rows: Rows, instrument: Instrument) -> tuple[Any, ...]:
    drawn = traders(instrument)
    short = outcome(rows, instrument, drawn, lane=True)
    assert short == outcome(rows, instrument, drawn, lane=False)
    return short


steps = st.tuples(
    st.sampled_from([0, 0, 1, 2, 5, 20, 59, 60, 61, 200, 1500, -1, -30, -90, -400]),
    st.integers(-3, 3),
    st.sampled_from([0.0, 1.0, 7.0]),
    st.booleans(),
)


@given(st.lists(steps, min_size=1, max_size=120), st.sampled_from([XYZ, ACME]))
def test_ticks_late_double_and_out_of_hours(moves: list[tuple[int, int, float, bool]], instrument: Instrument) -> None:
    at, price, rows = 0, 2000, []
    for seconds, change, volume, quoted in moves:
        at, price = at + seconds, price + change
        spread = 0.05 if quoted else -price / 20
        rows.append((T0 + at * SECOND, price / 20, volume, price / 20 - spread if quoted else 0, price / 20 + spread))
    columns = tuple(np.array(column) for column in zip(*rows, strict=True))
    same(TickRows(instrument.id, columns), instrument)


@given(
    st.lists(st.tuples(st.sampled_from([1, 1, 1, 2, 5, 40]), st.integers(-9, 9)), min_size=1, max_size=120),
    st.sampled_from([XYZ, ACME]),
)
def test_bars_with_holes_and_out_of_hours(moves: list[tuple[int, int]], instrument: Instrument) -> None:
    at, close, rows = 0, 2000, []
    for minutes, change in moves:
        at, open_, close = at + minutes, close, close + change
        ts, high, low = T0 + at * MINUTE, max(open_, close) + 2, min(open_, close) - 2
        rows.append((ts, ts + MINUTE, open_ / 20, high / 20, low / 20, close / 20, 50.0))
    columns = tuple(np.array(column) for column in zip(*rows, strict=True))
    same(BarRows(instrument.id, Timeframe(MINUTE), columns), instrument)


@pytest.mark.parametrize("name", ["RELIANCE_2021-05-24_f2", "NIFTY_2021-04-16"])
def test_a_dirty_file(name: str) -> None:
    share = Instrument("NSE", name.partition("_")[0])
    ticks = read_ticks(shared(f"data/nse_ticks/{name}.csv.gz"), ZoneInfo("Asia/Kolkata"))
    commands, _, _, counts, *_ = same(TickRows.of(share.id, ticks, None), share)
    assert len(commands) > 20
    assert sum(counts) > 100


def test_a_week_of_bars() -> None:
    bars = read_bars(shared("data/crypto_csv/nautilus_btc-perp-20211231-20220201_1m.csv.gz"), ZoneInfo("UTC"))
    rows = BarRows.of(XYZ.id, bars, bars.timeframe, market("SIM"), int(bars.ts_open[10_000]))
    commands, _, last, *_ = same(rows, XYZ)
    assert len(commands) > 200
    assert len(last) == 2


def test_the_short_way_of_ticks_makes_the_same_objects() -> None:
    """What is skipped is the event, not the figures: bars count ticks and volume one by one."""
    columns = tuple(
        np.array(c) for c in zip(*[(T0 + i * SECOND, 100.0 + i, 2.0, 0.0, 0.0) for i in range(200)], strict=True)
    )
    rows = TickRows(XYZ.id, columns)
    assert [type(event) for event in rows.events()] == [Tick] * 200
    bar: Bar | None = None
    run = Run(*traders(XYZ))
    for _ in rows.play(run.session):
        bar = run.engine.feeds[XYZ.id].lines[0].series.last
    assert bar is not None
    assert (bar.tick_count, bar.volume, bar.open, bar.close) == (60, 120.0, 220.0, 279.0)
