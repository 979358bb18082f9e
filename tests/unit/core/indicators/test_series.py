from __future__ import annotations

from math import isnan, nan
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest

from tests.unit.core.indicators.bars import DECLARED, M1, bits, cut, feed, make_bar, make_bars, make_walk
from tradingd.core.indicators.catalog import CATALOG
from tradingd.core.indicators.computation import batch
from tradingd.core.indicators.declaration import declare
from tradingd.core.indicators.series import Series
from tradingd.model.errors import InvariantError
from tradingd.model.market import Quality

if TYPE_CHECKING:
    from tradingd.model.indicator import IndicatorDecl

SMA3 = declare("sma", {"period": 3})
SMA2 = declare("sma", {"period": 2})
VWAP = declare("vwap", {})
DAY = 400


Anchor = Literal["session", "run"]


def make_series(anchor: Anchor = "session") -> Series:
    return Series("X", M1, anchor)


def test_a_look_back_always_finds_something() -> None:
    series = make_series()
    closes, means = series.column("close", 3), series.indicator(SMA2, "sma", 2)
    assert isnan(closes[-4])
    assert isnan(means[-3])
    feed(series, [make_bar(10.0), make_bar(12.0)])
    assert [closes[-1], closes[-2]] == [12.0, 10.0]
    assert isnan(closes[-4])
    assert means[-1] == 11.0
    assert isnan(means[-2])


def test_a_value_is_ready_after_the_look_back_of_its_own_indicator() -> None:
    series = make_series()
    means = series.indicator(SMA3, "sma", 0)
    seen = []
    for price in (1.0, 2.0, 6.0, 7.0):
        series.push(make_bar(price))
        seen.append((means[-1], series.warm))
    assert bits([value for value, _ in seen]).tolist() == bits([nan, nan, 3.0, 5.0]).tolist()
    assert [warm for _, warm in seen] == [False, False, True, True]


def test_columns_alone_are_warm_with_the_first_bar() -> None:
    series = make_series()
    series.column("close", 5)
    assert not series.warm
    series.push(make_bar(1.0))
    assert series.warm


def test_equal_declarations_are_computed_once() -> None:
    series = make_series()
    assert series.indicator(SMA3, "sma", 0) is series.indicator(declare("sma", {"length": 3.0}), "sma", 4)
    assert series.column("close", 0) is series.column("close", 2)
    assert series.indicator(SMA3, "sma", 0) is not series.indicator(SMA2, "sma", 0)


def test_outputs_of_one_declaration_move_together() -> None:
    series = make_series()
    columns = make_walk(60)
    lists = {o: series.indicator(DECLARED["adx"], o, 0) for o in ("adx", "plus_di", "minus_di")}
    feed(series, make_bars(columns))
    expected = batch(DECLARED["adx"], columns)
    assert {o: v[-1] for o, v in lists.items()} == {o: v[-1] for o, v in expected.items()}


def test_a_derived_source_is_a_column_like_any_other() -> None:
    series = make_series()
    columns = make_walk(30)
    means = series.indicator(declare("sma", {"period": 4}, "ohlc4"), "sma", 0)
    typical = series.column("hlc3", 0)
    feed(series, make_bars(columns))
    assert typical[-1] == (columns["high"][-1] + columns["low"][-1] + columns["close"][-1]) / 3
    assert means[-1] == batch(declare("sma", {"period": 4}, "ohlc4"), columns)["sma"][-1]


def test_a_declaration_after_the_first_bar_is_refused() -> None:
    series = make_series()
    series.column("close", 1)
    feed(series, [make_bar(1.0)])
    assert series.column("close", 1)[-1] == 1.0
    with pytest.raises(InvariantError, match="close 2 bars back was declared after 1 bars"):
        series.column("close", 2)
    with pytest.raises(InvariantError, match="high"):
        series.column("high", 0)
    with pytest.raises(InvariantError, match="sma"):
        series.indicator(SMA2, "sma", 0)


def test_a_gap_is_counted_from_the_last_bar() -> None:
    series = make_series()
    series.push(make_bar(1.0))
    assert series.last_gap > 1_000_000_000
    series.push(make_bar(1.0, quality=Quality.GAP))
    assert series.last_gap == 0
    feed(series, [make_bar(1.0), make_bar(1.0, quality=Quality.BACKFILLED)])
    assert series.last_gap == 2


@pytest.mark.parametrize("decl", DECLARED.values(), ids=DECLARED)
def test_a_value_does_not_depend_on_when_the_program_started(decl: IndicatorDecl) -> None:
    """Fed for days, or with N bars only: from the session's open on, a look-back reads the same bits."""
    bars = make_bars(make_walk(3 * DAY))
    count = CATALOG[decl.name].anchor_bars(decl)
    long, short = make_series(), make_series()
    back = 20
    read = [[s.indicator(decl, o, back) for o in CATALOG[decl.name].outputs] for s in (long, short)]

    for day in (0, 1):
        long.begin_session()
        feed(long, bars[day * DAY : (day + 1) * DAY])
    if CATALOG[decl.name].resets:  # counts from an open, so it must see one: the day before, whole
        short.begin_session()
        feed(short, bars[DAY : 2 * DAY])
    else:
        feed(short, bars[2 * DAY - count : 2 * DAY])
    long.begin_session()
    short.begin_session()
    assert not long.short_history
    assert not short.short_history
    for bar in [None, *bars[2 * DAY :]]:
        if bar is not None:
            long.push(bar)
            short.push(bar)
        for one, other in zip(*read, strict=True):
            assert bits(one[-1 - back :]).tolist() == bits(other[-1 - back :]).tolist()


def test_a_look_back_over_an_open_reads_the_session_s_own_run() -> None:
    """What was pushed in an earlier session came from an older anchor; a crossing compares values of one run."""
    decl = declare("sma", {"period": 20})
    columns = make_walk(3 * DAY, seed=5)
    bars = make_bars(columns)
    series = make_series()
    means = series.indicator(decl, "sma", 50)
    feed(series, bars[: 2 * DAY])
    before = bits(means[-51:])
    series.begin_session()
    count = CATALOG["sma"].anchor_bars(decl)
    run = batch(decl, cut(columns, 2 * DAY - count, 2 * DAY))["sma"]
    assert bits(means[-51:]).tolist() == bits(run[-51:]).tolist()
    assert bits(means[-51:]).tolist() != before.tolist()
    np.testing.assert_allclose(means[-51:], before.view(np.float64), rtol=1e-12)


def test_a_look_back_beyond_the_anchor_has_no_value() -> None:
    decl = declare("sma", {"period": 20})
    series = make_series()
    means = series.indicator(decl, "sma", 150)
    feed(series, make_bars(make_walk(DAY)))
    series.begin_session()
    known = CATALOG["sma"].anchor_bars(decl) - 19
    assert not np.isnan(means[-known:]).any()
    assert np.isnan(means[-151:-known]).all()


def test_a_run_goes_on_over_an_open() -> None:
    columns = make_walk(2 * DAY)
    bars = make_bars(columns)
    series = make_series("run")
    means = series.indicator(DECLARED["ema"], "ema", 0)
    feed(series, bars[:10])
    series.begin_session()
    assert not series.short_history
    feed(series, bars[10:])
    assert bits(means[-2 * DAY :]).tolist() == bits(batch(DECLARED["ema"], columns)["ema"]).tolist()


def test_history_is_short_below_n_bars() -> None:
    count = CATALOG["ema"].anchor_bars(DECLARED["ema"])
    bars = make_bars(make_walk(count))
    series = make_series()
    series.indicator(DECLARED["ema"], "ema", 0)
    series.indicator(SMA2, "sma", 0)
    feed(series, bars[:-1])
    series.begin_session()
    assert series.short_history
    assert series.warm
    feed(series, bars[-1:])
    series.begin_session()
    assert not series.short_history


def test_columns_have_no_short_history() -> None:
    series = make_series()
    series.column("close", 100)
    series.begin_session()
    assert not series.short_history


def test_a_handle_that_waits_goes_on_waiting_over_an_open() -> None:
    series = make_series()
    means = series.indicator(SMA3, "sma", 0)
    feed(series, [make_bar(1.0), make_bar(2.0)])
    series.begin_session()
    assert not series.warm
    series.push(make_bar(6.0))
    assert means[-1] == 3.0


@pytest.mark.parametrize("anchor", ["session", "run"])
def test_vwap_begins_afresh_at_each_open(anchor: Anchor) -> None:
    series = make_series(anchor)
    prices, averages = series.column("close", 0), series.indicator(VWAP, "vwap", 1)
    columns = {name: np.array([10.0, 14.0, 30.0, 40.0]) for name in ("open", "high", "low", "close")}
    bars = make_bars(columns | {"volume": np.array([1.0, 3.0, 5.0, 5.0])})
    series.begin_session()
    feed(series, bars[:2])
    assert averages[-1] == 13.0
    series.begin_session()
    assert averages[-1] == 13.0  # the last closed bar is still yesterday's
    assert series.warm
    feed(series, bars[2:3])
    assert [averages[-2], averages[-1], prices[-1]] == [13.0, 30.0, 30.0]
    feed(series, bars[3:])
    assert averages[-1] == 35.0


@pytest.mark.parametrize("anchor", ["session", "run"])
def test_vwap_has_no_value_in_a_session_whose_open_was_not_seen(anchor: Anchor) -> None:
    series = make_series(anchor)
    averages = series.indicator(VWAP, "vwap", 4)
    bars = make_bars(make_walk(12))
    feed(series, bars[:5])
    assert np.isnan(averages).all()
    assert not series.warm
    series.begin_session()
    assert series.short_history is (anchor == "session")
    feed(series, bars[5:])
    assert np.isnan(averages[-12:-7]).all()


def test_an_index_without_volume_has_no_vwap() -> None:
    series = make_series()
    averages = series.indicator(VWAP, "vwap", 0)
    series.begin_session()
    feed(series, [make_bar(10.0), make_bar(11.0)])
    assert isnan(averages[-1])


def test_memory_is_bounded_and_references_stay_good() -> None:
    decl = declare("sma", {"period": 20})
    columns = make_walk(20_000)
    series = make_series()
    closes, means = series.column("close", 3), series.indicator(decl, "sma", 3)
    for bar in make_bars(columns):
        series.push(bar)
        assert len(closes) < 10_000
    assert closes is series.column("close", 0)
    assert closes[-4:] == columns["close"][-4:].tolist()
    series.begin_session()
    count = CATALOG["sma"].anchor_bars(decl)
    run = batch(decl, cut(columns, 20_000 - count, 20_000))["sma"]
    assert bits(means[-4:]).tolist() == bits(run[-4:]).tolist()
