"""Moved bar by bar or computed whole, opened once or anew at each session: the same bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.indicators.bars import M1, bits, cut, feed, make_bars, make_columns
from tradingd.core.indicators.catalog import CATALOG
from tradingd.core.indicators.computation import Column, batch
from tradingd.core.indicators.declaration import declare
from tradingd.core.indicators.series import Series
from tradingd.model.indicator import PRICE_SOURCES, IndicatorDecl

BACK = 8


@st.composite
def declarations(draw: st.DrawFn, name: str) -> IndicatorDecl:
    """Draw short parameters, so that a few hundred bars hold anchors and sessions."""
    entry = CATALOG[name]
    params = {
        p.name: draw(st.integers(int(p.minimum), int(p.minimum) + 5) if p.integer else st.floats(0.5, 4.0))
        for p in entry.params
    }
    if entry.ascending is not None:
        low, high = entry.ascending
        params[high] = params[low] + 1 + params[high] % 4
    return declare(name, params, draw(st.sampled_from(PRICE_SOURCES)) if entry.takes_source else None)


@st.composite
def markets(draw: st.DrawFn) -> dict[str, Column]:
    """Draw bars of stretches that wander, stand still, or jump and stay."""
    stretches = draw(
        st.lists(st.tuples(st.sampled_from(["wander", "still", "jump"]), st.integers(1, 90)), min_size=1, max_size=9)
    )
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    steps = np.zeros(sum(length for _, length in stretches))
    start = 0
    for kind, length in stretches:
        if kind == "wander":
            steps[start : start + length] = rng.normal(scale=0.7, size=length)
        elif kind == "jump":
            steps[start] = rng.normal(scale=60.0)
        start += length
    closes = np.abs(1000 + np.cumsum(steps)) + 1
    return make_columns(np.round(closes, 2) if draw(st.booleans()) else closes, seed)


def readable(lists: dict[str, list[float]], count: int) -> dict[str, list[int]]:
    return {output: bits(values[len(values) - count :]).tolist() for output, values in lists.items()}


def expected(decl: IndicatorDecl, columns: dict[str, Column], count: int) -> dict[str, list[int]]:
    """Return what is readable after these columns, NaN before the first of them."""
    padding = np.full(count, np.nan)
    return {o: bits(np.concatenate((padding, v))[len(v) :]).tolist() for o, v in batch(decl, columns).items()}


def declared(series: Series, decl: IndicatorDecl) -> dict[str, list[float]]:
    return {output: series.indicator(decl, output, BACK) for output in CATALOG[decl.name].outputs}


@pytest.mark.parametrize("name", CATALOG)
@given(data=st.data(), columns=markets())
def test_bar_by_bar_equals_the_whole(name: str, data: st.DataObject, columns: dict[str, Column]) -> None:
    decl = data.draw(declarations(name))
    series = Series("X", M1, "run")
    lists = declared(series, decl)
    series.begin_session()
    feed(series, make_bars(columns))
    assert readable(lists, series.count) == expected(decl, columns, series.count)


@pytest.mark.parametrize("name", [name for name, entry in CATALOG.items() if not entry.resets])
@given(data=st.data(), columns=markets())
def test_each_session_is_the_whole_from_its_own_anchor(
    name: str, data: st.DataObject, columns: dict[str, Column]
) -> None:
    decl = data.draw(declarations(name))
    size = len(columns["close"])
    opens = sorted(data.draw(st.sets(st.integers(0, size), min_size=1, max_size=4)))
    anchor_bars = CATALOG[name].anchor_bars(decl)
    bars = make_bars(columns)
    series = Series("X", M1, "session")
    lists = declared(series, decl)

    feed(series, bars[: opens[0]])
    for start, end in zip(opens, [*opens[1:], size], strict=True):
        series.begin_session()
        assert series.short_history is (start < anchor_bars)
        anchor = max(0, start - anchor_bars)
        assert readable(lists, BACK + 1) == expected(decl, cut(columns, anchor, start), BACK + 1)
        feed(series, bars[start:end])
        # All that was readable at some bar of the session: its own values, and BACK before them.
        count = BACK + end - start
        assert readable(lists, count) == expected(decl, cut(columns, anchor, end), count)


@given(columns=markets(), data=st.data())
def test_vwap_is_the_whole_of_each_session(columns: dict[str, Column], data: st.DataObject) -> None:
    decl = declare("vwap", {})
    size = len(columns["close"])
    opens = [0, *sorted(data.draw(st.sets(st.integers(1, size), max_size=4)))]
    bars = make_bars(columns)
    series = Series("X", M1, data.draw(st.sampled_from(["session", "run"])))
    lists = declared(series, decl)
    for start, end in zip(opens, [*opens[1:], size], strict=True):
        series.begin_session()
        feed(series, bars[start:end])
        assert readable(lists, end - start) == expected(decl, cut(columns, start, end), end - start)
