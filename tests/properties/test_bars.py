"""Whatever a feed sends, bars are what a person would make of the ticks that were not late."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from tests.stories import T0, alert, drawing, start
from tests.unit.core.runs import ACME, M1, M5, XYZ, Run, always, bars_of, ist, ohlcv
from tradingd.core.bars import LATE, BarBuilder
from tradingd.core.markets.sessions import market
from tradingd.model.events import BarOpened
from tradingd.model.market import SECOND, Bar, Tick, Timeframe, TradingSession

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradingd.model.instrument import Instrument

prices = st.integers(9_000, 11_000).map(lambda ticks: ticks / 100)
volumes = st.integers(0, 50).map(float)
moments = st.integers(0, 900).map(lambda s: s * SECOND) | st.integers(0, 900 * SECOND)
"""Within a quarter of an hour, often on a boundary."""
tick_lists = st.lists(st.tuples(moments, prices, volumes), min_size=1, max_size=60)
widths = st.sampled_from([Timeframe.parse(t) for t in ("30s", "1m", "2m", "5m", "7m", "1h", "1d")])


def reading(timeframe: Timeframe, instrument: Instrument, name: str = "reader") -> dict[str, object]:
    begin = start(symbol=instrument.symbol, exchange=instrument.exchange, timeframe=str(timeframe))
    return drawing([begin, always("A"), alert("say")], ["start > A > say"], name)


def naive(
    ticks: Sequence[tuple[int, float, float]], timeframe: Timeframe, session: TradingSession
) -> tuple[list[tuple[float, ...]], int]:
    """Return the bars of ticks in the order of arrival, and how many ticks were late: their bar had been left."""
    groups: dict[int, list[tuple[int, float, float]]] = defaultdict(list)
    furthest = late = 0
    for tick in ticks:
        begin, _ = session.bar_bounds(timeframe, tick[0])
        if begin < furthest:
            late += 1
            continue
        furthest = begin
        groups[begin].append(tick)
    bars: list[tuple[float, ...]] = []
    for begin in sorted(groups):
        rows = groups[begin]
        close = max(enumerate(rows), key=lambda row: (row[1][0], row[0]))[1][1]
        range_ = [price for _, price, _ in rows]
        bars.append(
            (begin, rows[0][1], max(range_), min(range_), close, sum((volume for *_, volume in rows), 0.0), len(rows))
        )
    return bars, late


def figures(bar: Bar) -> tuple[float, ...]:
    return (bar.ts_open, *ohlcv(bar), bar.tick_count)


@given(ticks=tick_lists, timeframe=widths, nse=st.booleans(), ordered=st.booleans())
def test_bars_are_those_of_a_naive_reference(
    ticks: list[tuple[int, float, float]], timeframe: Timeframe, nse: bool, ordered: bool
) -> None:
    """On the exchange with hours, the last quarter of an hour: its bars are cut."""
    instrument = ACME if nse else XYZ
    begin = ist("2024-01-02 15:15") if nse else T0
    session = market(instrument.exchange).session_at(begin)
    assert session is not None
    rows = [(begin + at, price, volume) for at, price, volume in ticks if begin + at < session.ts_close]
    rows = sorted(rows) if ordered else rows
    run = Run(reading(timeframe, instrument), instruments=[instrument])
    found = bars_of(run, instrument, timeframe, [Tick(instrument.id, *row) for row in rows])
    expected, late = naive(rows, timeframe, session)
    assert [figures(bar) for bar in found] == expected
    assert run.engine.counts.late == late
    assert late == 0 or not ordered


@given(ticks=tick_lists)
def test_no_bar_reaches_over_the_session_and_none_overlaps(ticks: list[tuple[int, float, float]]) -> None:
    begin = ist("2024-01-02 15:15") + 7 * 60 * SECOND  # half of the ticks come after the end
    run = Run(reading(M5, ACME), instruments=[ACME])
    events = [Tick(ACME.id, begin + at, price, volume) for at, price, volume in sorted(ticks)]
    found = list(bars_of(run, ACME, M5, events))
    end = ist("2024-01-02 15:30")
    assert all(bar.ts_open < bar.ts_close <= end for bar in found)
    assert all(a.ts_close <= b.ts_open for a, b in pairwise(found))
    assert all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in found)
    outside = [at for at, *_ in ticks if begin + at >= end]
    assert run.engine.counts.outside_session == len(outside)
    assert sum(bar.tick_count for bar in found) == len(ticks) - len(outside)


@given(ticks=tick_lists, wide=st.sampled_from(["2m", "5m", "15m", "1h", "1d"]))
def test_larger_bars_are_the_same_from_ticks_and_from_smaller_bars(
    ticks: list[tuple[int, float, float]], wide: str
) -> None:
    """Late ticks are no part of it: a smaller bar has closed without them."""
    timeframe = Timeframe.parse(wide)
    rows = sorted((T0 + at, price, volume) for at, price, volume in ticks)
    direct = Run(reading(timeframe, XYZ))
    expected = [figures(b) for b in bars_of(direct, XYZ, timeframe, [Tick(XYZ.id, *row) for row in rows])]
    small = list(bars_of(Run(reading(M1, XYZ)), XYZ, M1, [Tick(XYZ.id, *row) for row in rows]))
    run = Run(reading(M1, XYZ, "narrow"), reading(timeframe, XYZ, "wide"))
    events = [event for bar in small for event in (BarOpened(XYZ.id, bar.ts_open, bar.open), bar)]
    assert [figures(b) for b in bars_of(run, XYZ, timeframe, events)] == expected


@given(ticks=tick_lists, timeframe=widths)
def test_what_is_late_changes_nothing(ticks: list[tuple[int, float, float]], timeframe: Timeframe) -> None:
    """The builder with all ticks makes what it makes of those that it did not refuse."""
    session = market("SIM").session_at(T0)
    assert session is not None

    def build(rows: list[tuple[int, float, float]]) -> tuple[list[tuple[float, ...]], list[tuple[int, float, float]]]:
        builder, found, kept = BarBuilder("X", timeframe), [], []
        builder.begin_session(session)
        for row in rows:
            if row[0] >= builder.ts_end:
                found.append(figures(builder.close()))
            if builder.add(*row) != LATE:
                kept.append(row)
        found.append(figures(builder.close()))
        return found, kept

    found, kept = build([(T0 + at, price, volume) for at, price, volume in ticks])
    assert build(kept) == (found, kept)
