"""Stored data as a feed: the order of a backtest, a pace, and no look ahead."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contracts.feeds import session_of
from tests.stories import T0, alert, drawing, start
from tests.unit.core.runs import Run, always, bars_of
from tradingd.adapters.feeds.folding import FoldingQueue
from tradingd.adapters.feeds.merge import BarRows, TickRows, merged
from tradingd.adapters.feeds.recorded import RecordedProvider
from tradingd.core.markets.sessions import default_instrument
from tradingd.model.errors import FeedError
from tradingd.model.market import MINUTE, SECOND, Bar, Tick, Timeframe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradingd.model.instrument import Instrument

A, B = default_instrument("SIM", "A"), default_instrument("SIM", "B")
M1 = Timeframe(MINUTE)


def ticks(instrument: Instrument, *at_s: float) -> TickRows:
    """Return ticks at so many seconds, whose prices count from 1."""
    ts = np.array([T0 + round(s * SECOND) for s in at_s], np.int64)
    price = np.arange(1.0, len(ts) + 1)
    return TickRows(instrument.id, (ts, price, price, price - 0.5, price + 0.5))


def minutes(instrument: Instrument, count: int) -> BarRows:
    ts_open = T0 + MINUTE * np.arange(count, dtype=np.int64)
    price = np.arange(1.0, count + 1)
    return BarRows(instrument.id, M1, (ts_open, ts_open + MINUTE, price, price + 2, price - 1, price + 1, price))


def provider(*rows: TickRows | BarRows, from_s: float = 0, speed: float | None = None) -> RecordedProvider:
    return RecordedProvider(rows, session_of, ts_from=T0 + round(from_s * SECOND), speed=speed)


async def streamed(it: RecordedProvider, *instruments: Instrument) -> list[Any]:
    return [event async for event in it.subscribe(instruments)]


def told(events: Sequence[Any]) -> list[tuple[str, float]]:
    return [(event.instrument[4:], (event.ts - T0) / SECOND) for event in events]


async def test_events_come_in_the_order_of_a_backtest() -> None:
    sources = ticks(A, 5, 3, 4, 9), ticks(B, 1, 4, 5, 6), minutes(default_instrument("SIM", "C"), 2)
    it = provider(*sources)
    instruments = [B, A, default_instrument("SIM", "C")]
    expected = [repr(event) for _, events in merged(sources) for event in events]
    assert [repr(event) for event in await streamed(it, *instruments)] == expected


async def test_the_stream_begins_where_it_is_told_to_and_the_rest_is_history() -> None:
    it = provider(ticks(A, 10, 70, 65, 130, 125, 140), from_s=120)
    assert told(await streamed(it, A)) == [("A", 130), ("A", 125), ("A", 140)]


async def test_nothing_that_is_still_to_come_is_known() -> None:
    it = provider(ticks(A, 10, 70, 65, 130, 190), from_s=120)
    past = await it.history(A, M1, 10, T0 + 1000 * SECOND)
    assert [(b.ts_open - T0) // MINUTE for b in past] == [0, 1]
    last = await it.last(A)
    assert last is not None
    assert (told([last[0]]), last[1]) == ([("A", 70)], 50 * SECOND)
    await streamed(it, A)
    assert len(await it.history(A, M1, 10, T0 + 1000 * SECOND)) == 3
    last = await it.last(A)
    assert last is not None
    assert (told([last[0]]), last[1]) == ([("A", 190)], 0)


async def test_before_the_first_row_there_is_no_quote_and_no_history() -> None:
    it = provider(ticks(A, 10), minutes(B, 3))
    assert await it.last(A) is None
    assert await it.last(B) is None
    assert await it.history(A, M1, 5, T0 + MINUTE) == []


async def test_the_last_quote_of_bars_is_a_close_that_has_happened() -> None:
    it = provider(minutes(B, 3), from_s=130)
    last = await it.last(B)
    assert last is not None
    assert (last[0].price, last[1]) == (3.0, 10 * SECOND)


async def test_bars_make_up_wider_bars_and_no_others() -> None:
    it = provider(minutes(A, 7), from_s=7 * 60)
    wide = await it.history(A, Timeframe(2 * MINUTE), 2, T0 + 7 * MINUTE)
    assert [(b.open, b.high, b.low, b.close, b.volume) for b in wide] == [(3, 6, 2, 5, 7), (5, 8, 4, 7, 11)]
    with pytest.raises(FeedError, match="bars of 30s cannot be made of the stored bars of 1m"):
        await it.history(A, Timeframe(30 * SECOND), 1, T0)
    with pytest.raises(FeedError, match="bars of 90s cannot be made"):
        await it.history(A, Timeframe(90 * SECOND), 1, T0)


async def test_an_instrument_without_data_is_refused_with_those_that_have_some() -> None:
    it = provider(ticks(B, 1))
    for asked in (it.last(A), it.history(A, M1, 1, T0), streamed(it, A)):
        with pytest.raises(FeedError, match="SIM:A: there are no stored data of it; there are of SIM:B"):
            await asked


async def test_nothing_asked_for_is_nothing_streamed() -> None:
    assert await streamed(provider(ticks(A, 1))) == []


async def test_a_pace_is_kept() -> None:
    loop = asyncio.get_running_loop()
    it = provider(ticks(A, 0, 1, 3, 2, 5), speed=50)
    began = loop.time()
    ages: list[Any] = [(event, loop.time() - began) async for event in it.subscribe([A])]
    due = {1: 0.0, 2: 0.02, 3: 0.06, 4: 0.06, 5: 0.1}
    assert [event.price for event, _ in ages] == list(due)
    assert all(age >= due[event.price] - 1e-3 for event, age in ages)


async def test_as_fast_as_taken_others_run_meanwhile_and_a_queue_with_room_folds_nothing() -> None:
    it, queue = provider(ticks(A, *np.linspace(0, 600, 5000).tolist())), FoldingQueue(100, MINUTE)

    async def pump() -> None:
        async for event in it.subscribe([A]):
            await queue.room()
            queue.put(event)

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(pump())
        taken: list[Any] = []
        while len(taken) < 5000:
            taken += await queue.get_batch(64)
    assert [event.price for event in taken] == list(range(1, 5001))
    assert queue.folded == 0


async def test_a_stream_that_nobody_waits_for_lets_others_run() -> None:
    it = provider(ticks(A, *range(2000)))
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    assert len(await streamed(it, A)) == 2000
    counting.cancel()
    assert turns > 5


@given(
    st.lists(st.tuples(st.integers(0, 900), st.integers(90, 110), st.integers(0, 9)), min_size=1, max_size=60),
    st.sampled_from(["30s", "1m", "2m", "5m", "7m", "1h"]),
)
def test_history_is_what_the_engine_would_have_built(rows: list[tuple[int, int, int]], width: str) -> None:
    """From any ticks, late ones included, that came before."""
    at, price, volume = (np.array(column, np.float64) for column in zip(*rows, strict=True))
    ts = T0 + at.astype(np.int64) * SECOND
    none = np.zeros(len(ts))
    stored = TickRows(A.id, (ts, price, volume, none, none))
    timeframe = Timeframe.parse(width)
    begin = start(symbol="A", exchange="SIM", timeframe=width)
    run = Run(drawing([begin, always("S"), alert("say")], ["start > S > say"], "reader"), instruments=[A])
    built = list(bars_of(run, A, timeframe, [Tick(A.id, *row) for row in zip(ts.tolist(), price, volume, strict=True)]))
    it = provider(stored, from_s=3601)
    found = asyncio.run(it.history(A, timeframe, 1000, T0 + 3600 * SECOND))
    assert [figures(bar) for bar in found] == [figures(bar) for bar in built]


def figures(bar: Bar) -> tuple[Any, ...]:
    return bar.ts_open, bar.ts_close, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.tick_count, bar.quality
