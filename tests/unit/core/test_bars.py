"""Ticks to bars, as the engine does it: every bar here closed on the line that a strategy reads."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from tests.stories import T0, alert, drawing, start
from tests.unit.core.runs import ACME, M1, M5, XYZ, Run, always, bars_of, ist, ohlcv
from tradingd.core.bars import LATE, MERGED, OPENED, BarBuilder
from tradingd.model.events import FeedGap
from tradingd.model.market import DAY, FOREVER, HOUR, MINUTE, SECOND, Bar, Quality, Tick, Timeframe, TradingSession

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradingd.model.instrument import Instrument


def reading(timeframe: str, instrument: Instrument = XYZ, name: str = "reader") -> dict[str, object]:
    """Draw a strategy that only looks."""
    begin = start(symbol=instrument.symbol, exchange=instrument.exchange, timeframe=timeframe)
    return drawing([begin, always("A"), alert("say")], ["start > A > say"], name)


def bars(ticks: Sequence[tuple[float, ...]], timeframe: str = "1m") -> list[Bar]:
    """Return the bars of ticks on the simulated exchange, given in seconds from a midnight."""
    events = [Tick(XYZ.id, T0 + round(s * SECOND), price, sum(volume)) for s, price, *volume in ticks]
    return list(bars_of(Run(reading(timeframe)), XYZ, Timeframe.parse(timeframe), events))


def nse_bounds(timeframe: str, times: Sequence[str]) -> list[tuple[str, str]]:
    """Return from when to when the bars of ticks at these times are."""
    events = [Tick(ACME.id, ist(f"2024-01-02 {time}"), 100.0, 1.0) for time in times]
    closed = bars_of(Run(reading(timeframe, ACME), instruments=[ACME]), ACME, Timeframe.parse(timeframe), events)
    day = ist("2024-01-02 00:00")

    def clock(ts: int) -> str:
        return f"{(ts - day) // HOUR:02}:{(ts - day) % HOUR // MINUTE:02}"

    return [(clock(bar.ts_open), clock(bar.ts_close)) for bar in closed]


def test_five_minute_bars_are_anchored_at_the_open() -> None:
    assert nse_bounds("5m", ["09:15:00", "09:19:59", "09:20:00", "15:29:59"]) == [
        ("09:15", "09:20"), ("09:20", "09:25"), ("15:25", "15:30"),
    ]  # fmt: skip


def test_an_hour_begins_at_a_quarter_past_and_the_last_is_cut_at_the_end() -> None:
    assert nse_bounds("1h", ["10:14:59", "10:15:00", "15:14:00", "15:15:00", "15:29:00"]) == [
        ("09:15", "10:15"), ("10:15", "11:15"), ("14:15", "15:15"), ("15:15", "15:30"),
    ]  # fmt: skip


def test_a_width_that_divides_neither_hour_nor_session() -> None:
    assert nse_bounds("25m", ["09:39:59", "09:40:00", "15:05:00", "15:29:59"]) == [
        ("09:15", "09:40"), ("09:40", "10:05"), ("15:05", "15:30"),
    ]  # fmt: skip
    assert nse_bounds("40m", ["15:29:00"]) == [("15:15", "15:30")]


def test_a_day_is_the_session() -> None:
    assert nse_bounds("1d", ["09:15:00", "12:00:00", "15:29:59"]) == [("09:15", "15:30")]


def test_a_day_of_a_market_that_never_closes_is_the_day() -> None:
    found = bars([(0, 5.0, 1.0), (86_399, 7.0, 2.0), (86_400, 6.0, 1.0)], "1d")
    assert [ohlcv(bar) for bar in found] == [(5.0, 7.0, 5.0, 7.0, 3.0), (6.0, 6.0, 6.0, 6.0, 1.0)]
    assert [bar.ts_open for bar in found] == [T0, T0 + DAY]


def test_a_tick_exactly_on_the_boundary_opens_the_next_bar() -> None:
    found = bars([(0, 10.0, 1.0), (59.999999999, 11.0, 2.0), (60, 99.0, 3.0)])
    assert [ohlcv(bar) for bar in found] == [(10.0, 11.0, 10.0, 11.0, 3.0), (99.0, 99.0, 99.0, 99.0, 3.0)]


def test_a_backward_tick_of_the_forming_bar_moves_high_low_and_volume_but_not_the_close() -> None:
    found = bars([(10, 10.0, 1.0), (40, 11.0, 1.0), (20, 20.0, 4.0), (30, 1.0, 8.0)])
    assert [ohlcv(bar) for bar in found] == [(10.0, 20.0, 1.0, 11.0, 14.0)]
    assert found[0].tick_count == 4


def test_of_ticks_of_one_instant_the_last_one_closes() -> None:
    assert ohlcv(bars([(10, 10.0), (10, 12.0), (10, 11.0)])[0]) == (10.0, 12.0, 10.0, 11.0, 0.0)


def test_a_tick_of_a_closed_bar_is_counted_and_never_merged() -> None:
    run = Run(reading("1m"))
    ticks = [(10, 10.0), (70, 20.0), (20, 1000.0), (75, 21.0)]
    events = [Tick(XYZ.id, T0 + s * SECOND, price, 1.0) for s, price in ticks]
    found = list(bars_of(run, XYZ, M1, events))
    assert [ohlcv(bar) for bar in found] == [(10.0, 10.0, 10.0, 10.0, 1.0), (20.0, 21.0, 20.0, 21.0, 2.0)]
    assert run.engine.counts.late == 1
    assert run.engine.counts.outside_session == 0


def test_a_tick_that_is_late_for_one_timeframe_counts_once_and_goes_into_the_wider_one() -> None:
    run = Run(reading("1m", name="a"), reading("5m", name="b"), reading("15m", name="c"))
    ticks = [(10, 10.0), (70, 20.0), (20, 1000.0)]
    found = list(bars_of(run, XYZ, M5, [Tick(XYZ.id, T0 + s * SECOND, price, 1.0) for s, price in ticks]))
    assert [ohlcv(bar) for bar in found] == [(10.0, 1000.0, 10.0, 20.0, 3.0)]
    assert run.engine.counts.late == 1


def test_a_tick_of_the_day_before_is_late() -> None:
    run = Run(reading("1d"))
    ticks = [(86_000, 10.0), (86_500, 20.0), (86_100, 1000.0)]
    found = list(bars_of(run, XYZ, Timeframe(DAY), [Tick(XYZ.id, T0 + s * SECOND, price, 1.0) for s, price in ticks]))
    assert [ohlcv(bar)[:4] for bar in found] == [(10.0,) * 4, (20.0,) * 4]
    assert run.engine.counts.late == 1


def test_a_quiet_interval_makes_no_bar() -> None:
    found = bars([(0, 10.0), (200, 11.0), (605, 12.0)])
    assert [(bar.ts_open - T0) // MINUTE for bar in found] == [0, 3, 10]


def test_a_bar_closes_a_grace_after_its_end_though_no_tick_comes() -> None:
    other = Run(reading("1m"), instruments=[XYZ, ACME])
    line = other.engine.feeds[XYZ.id].lines[0]
    other.session.step(Tick(XYZ.id, T0, 10.0))
    other.session.step(Tick(ACME.id, T0 + 61 * SECOND - 1, 1.0))
    assert line.series.count == 0
    other.session.step(Tick(ACME.id, T0 + 61 * SECOND, 1.0))
    assert line.series.count == 1
    assert line.series.last is not None
    assert line.series.last.ts_close == T0 + MINUTE


def test_a_bar_closes_at_its_own_first_tick_at_or_after_its_end() -> None:
    run = Run(reading("1m"))
    line = run.engine.feeds[XYZ.id].lines[0]
    run.session.step(Tick(XYZ.id, T0, 10.0))
    run.session.step(Tick(XYZ.id, T0 + MINUTE, 11.0))
    assert line.series.count == 1
    assert line.builder.ts_end == T0 + 2 * MINUTE


def test_within_the_grace_a_backward_tick_still_counts() -> None:
    """The bar of a quiet instrument is open until its deadline, and that is what the grace is for."""
    run = Run(reading("1m"), instruments=[XYZ, ACME])
    run.session.step(Tick(XYZ.id, T0, 10.0))
    run.session.step(Tick(ACME.id, T0 + 60_500_000_000, 1.0))
    run.session.step(Tick(XYZ.id, T0 + 59 * SECOND, 12.0))
    run.session.step(Tick(XYZ.id, T0 + 62 * SECOND, 13.0))
    last = run.engine.feeds[XYZ.id].lines[0].series.last
    assert last is not None
    assert ohlcv(last)[:4] == (10.0, 12.0, 10.0, 12.0)


@pytest.mark.parametrize(
    ("lost_at_s", "qualities"),
    [(40, ["gap", "complete", "complete"]), (70, ["complete", "gap", "complete"])],
)
def test_a_lost_feed_marks_the_bar_that_forms_then_or_else_the_next(lost_at_s: int, qualities: list[str]) -> None:
    """The first bar has ended by 70 s, and the second opens at 80 s."""
    events: list[Tick | FeedGap] = [Tick(XYZ.id, T0 + s * SECOND, 10.0) for s in (0, 30, 80, 81, 120, 121)]
    events += [Tick(ACME.id, T0 + 65 * SECOND, 1.0), FeedGap(XYZ.id, T0 + lost_at_s * SECOND)]
    run = Run(reading("1m"), instruments=[XYZ, ACME])
    assert [bar.quality for bar in bars_of(run, XYZ, M1, sorted(events, key=lambda e: e.ts))] == qualities


def test_the_quality_of_a_bar() -> None:
    found = bars([(0, 10.0), (60, 10.0), (61, 10.0)])
    assert [(bar.quality, bar.tick_count) for bar in found] == [(Quality.SPARSE, 1), (Quality.COMPLETE, 2)]


# --- the builder by itself ---------------------------------------------------------------------------------------

DAY_ONE = TradingSession(dt.date(2024, 1, 1), T0, T0 + DAY)


def make_builder(timeframe: Timeframe = M5) -> BarBuilder:
    builder = BarBuilder("X", timeframe)
    builder.begin_session(DAY_ONE)
    return builder


def make_bar(minute: int, price: float, *, count: int = 0, quality: Quality = Quality.COMPLETE) -> Bar:
    begin = T0 + minute * MINUTE
    return Bar("X", M1, begin, begin + MINUTE, price, price + 1, price - 1, price + 0.5, 2.0, count, quality)


def test_the_builder_tells_what_became_of_a_tick() -> None:
    builder = make_builder(M1)
    assert builder.ts_end == FOREVER
    assert builder.add(T0 + 5, 10.0, 1.0) == OPENED
    assert builder.add(T0 + 4, 10.0, 1.0) == MERGED
    assert builder.ts_end == T0 + MINUTE
    builder.close()
    assert builder.ts_end == FOREVER
    assert builder.add(T0 + 6, 10.0, 1.0) == LATE
    assert builder.add(T0 + MINUTE, 10.0, 1.0) == OPENED
    assert builder.add(T0 + 7, 10.0, 1.0) == LATE


def test_without_a_session_there_is_no_bar() -> None:
    assert BarBuilder("X", M1).add(T0, 1.0, 1.0) == LATE


def test_smaller_bars_make_a_larger_one() -> None:
    builder = make_builder()
    for minute, price in ((5, 10.0), (6, 12.0), (9, 8.0)):
        builder.add_bar(make_bar(minute, price, count=3))
    bar = builder.close()
    assert (bar.ts_open, bar.ts_close) == (T0 + 5 * MINUTE, T0 + 10 * MINUTE)
    assert ohlcv(bar) == (10.0, 13.0, 7.0, 8.5, 6.0)
    assert (bar.tick_count, bar.quality) == (9, Quality.COMPLETE)


def test_a_bar_of_several_bars_is_not_sparse_though_their_ticks_were_not_counted() -> None:
    builder = make_builder()
    builder.add_bar(make_bar(0, 10.0))
    builder.add_bar(make_bar(1, 11.0))
    assert builder.close().quality is Quality.COMPLETE


@pytest.mark.parametrize("holed", [0, 1])
def test_a_hole_in_a_smaller_bar_is_one_in_the_larger(holed: int) -> None:
    builder = make_builder()
    for minute in (0, 1):
        builder.add_bar(make_bar(minute, 10.0, quality=Quality.GAP if minute == holed else Quality.COMPLETE))
    assert builder.close().quality is Quality.GAP
