"""A full queue makes waiting ticks one, drops nothing, and bars cannot tell the difference."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stories import T0, alert, drawing, start
from tests.unit.core.runs import XYZ, Run, always
from tradingd.adapters.feeds.folding import FoldingQueue
from tradingd.core.bars import BarBuilder
from tradingd.core.markets.sessions import market
from tradingd.model.events import Deadline, FeedGap
from tradingd.model.instrument import Instrument, InstrumentKind
from tradingd.model.market import MINUTE, SECOND, FoldedTick, Tick, Timeframe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tradingd.model.events import Event
    from tradingd.model.market import Bar

NAMES = ("SIM:A", "SIM:B", "SIM:C")


def tick(name: str, at_s: float, price: float = 1.0, volume: float = 1.0) -> Tick:
    return Tick(f"SIM:{name}", T0 + round(at_s * SECOND), price, volume, price - 0.5, price + 0.5)


def filled(size: int, *events: Event) -> FoldingQueue:
    queue = FoldingQueue(size, MINUTE)
    for event in events:
        queue.put(event)
    return queue


async def taken(queue: FoldingQueue, limit: int = 1000) -> list[str]:
    """Return what waits, as instrument and seconds, a fold as `first-last x count`."""

    def told(event: Event) -> str:
        at = f"{(event.ts - T0) / SECOND:g}"
        if isinstance(event, FoldedTick):
            return f"{event.instrument[4:]} {(event.ts_first - T0) / SECOND:g}-{at} x{event.count}"
        return f"{event.instrument[4:]} {at}" if isinstance(event, Tick) else f"{type(event).__name__} {at}"

    return [told(event) for event in await queue.get_batch(limit)]


async def test_below_its_size_a_queue_is_a_queue() -> None:
    events: list[Event] = [tick("A", 1), tick("A", 2), tick("B", 2), Deadline(T0), tick("A", 3)]
    queue = filled(5, *events)
    assert await queue.get_batch(2) == events[:2]
    assert await queue.get_batch(100) == events[2:]
    assert (queue.folded, queue.overflow, queue.depth_max, len(queue)) == (0, 0, 5, 0)


async def test_a_full_queue_folds_into_the_last_tick_of_the_instrument() -> None:
    queue = filled(3, tick("A", 1), tick("B", 2), tick("C", 3), tick("A", 4), tick("B", 5), tick("A", 6))
    assert await taken(queue) == ["C 3", "B 2-5 x2", "A 1-6 x3"]
    assert (queue.folded, queue.overflow, queue.depth_max) == (3, 0, 3)


async def test_others_make_room_for_an_instrument_that_has_none_waiting() -> None:
    queue = filled(3, tick("A", 1), tick("A", 2), tick("B", 3), tick("C", 4))
    assert await taken(queue) == ["A 1-2 x2", "B 3", "C 4"]


async def test_others_make_room_for_what_cannot_fold_and_nothing_is_dropped() -> None:
    queue = filled(2, tick("A", 1), tick("A", 2), Deadline(T0 + 3), Deadline(T0 + 4), Deadline(T0 + 5))
    assert await taken(queue) == ["A 1-2 x2", "Deadline 3e-09", "Deadline 4e-09", "Deadline 5e-09"]
    assert (queue.folded, queue.overflow, queue.depth_max) == (1, 2, 4)


async def test_a_fold_carries_all_that_bars_and_orders_need() -> None:
    rows = [(1, 10.0), (3, 14.0), (2, 8.0), (3, 12.0), (1, 9.0)]
    (fold,) = await filled(1, *(tick("A", at, price, 2.0) for at, price in rows)).get_batch(9)
    assert isinstance(fold, FoldedTick)
    assert (fold.open, fold.high, fold.low, fold.price, fold.volume, fold.count) == (10, 14, 8, 12, 10, 5)
    assert (fold.ts_first, fold.ts, fold.bid, fold.ask) == (T0 + SECOND, T0 + 3 * SECOND, 11.5, 12.5)


async def test_folds_of_folds_end_with_the_latest_price() -> None:
    """The fold that comes second is earlier in time: it moves neither the last price nor its quotes."""
    queue = filled(2, tick("A", 10, 5.0), tick("A", 5, 9.0), tick("A", 4, 1.0), tick("B", 11))
    fold, _ = await queue.get_batch(9)
    assert isinstance(fold, FoldedTick)
    assert (fold.open, fold.high, fold.low, fold.price, fold.count) == (5, 9, 1, 5, 3)
    assert (fold.ts, fold.bid, fold.volume) == (T0 + 10 * SECOND, 4.5, 3)


async def test_a_fold_spans_no_boundary() -> None:
    queue = filled(2, tick("A", 58), tick("A", 59), tick("A", 60), tick("A", 61), tick("A", 59.5))
    assert await taken(queue) == ["A 58-59 x2", "A 60-61 x2", "A 59.5"]
    assert queue.overflow == 1


@pytest.mark.parametrize("between", [FeedGap("SIM:A", T0), Deadline(T0)])
async def test_a_fold_spans_no_event_that_is_no_tick(between: Event) -> None:
    queue = filled(3, tick("A", 1), tick("A", 2), between, tick("A", 3), tick("A", 4))
    kind = f"{type(between).__name__} 0"
    assert await taken(queue) == ["A 1-2 x2", kind, "A 3-4 x2"]


async def test_what_was_taken_is_folded_no_more() -> None:
    queue = filled(2, tick("A", 1), tick("A", 2), tick("A", 3))
    first = (await queue.get_batch(1))[0]
    queue.put(tick("A", 4))
    queue.put(tick("A", 5))
    assert isinstance(first, Tick)
    assert await taken(queue) == ["A 2-3 x2", "A 4-5 x2"]


async def test_a_consumer_waits_for_the_first_event_and_loses_none_when_it_is_cancelled() -> None:
    queue = FoldingQueue(3, MINUTE)
    waiting = asyncio.create_task(queue.get_batch(5))
    await asyncio.sleep(0)
    waiting.cancel()
    queue.put(tick("A", 1))
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await taken(queue) == ["A 1"]


async def test_a_source_that_can_wait_is_told_when_there_is_room() -> None:
    queue = FoldingQueue(2, MINUTE)

    async def produce() -> None:
        for second in range(50):
            await queue.room()
            queue.put(tick("A", second))

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(produce())
        events: list[Event] = []
        while len(events) < 50:
            events += await queue.get_batch(1)
    assert [event.ts for event in events] == [T0 + s * SECOND for s in range(50)]
    assert (queue.folded, queue.depth_max) == (0, 2)


# --- any ticks, any sizes ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Take:
    """Let the consumer take so many."""

    limit: int


instruments = st.sampled_from(NAMES)
prices = st.integers(90, 110).map(float)
volumes = st.integers(0, 1 << 20).map(lambda n: n / 1024)  # sums of them are exact
moments = st.integers(0, 300).map(lambda s: s * SECOND) | st.integers(0, 300 * SECOND)
ticks = st.builds(
    lambda name, at, price, volume: Tick(name, T0 + at, price, volume, price - 1, price + 1),
    instruments, moments, prices, volumes,
)  # fmt: skip
others = st.builds(FeedGap, instruments, moments.map(lambda at: T0 + at))
takes = st.builds(Take, st.integers(1, 6))
doings = st.lists(st.one_of(ticks, ticks, ticks, others, takes), max_size=120)


def through(size: int, boundary: int, does: Iterable[Event | Take]) -> tuple[FoldingQueue, list[Event]]:
    """Put and take; return the queue and all that came out, to the end."""
    queue = FoldingQueue(size, boundary)
    out: list[Event] = []

    async def go() -> None:
        for what in does:
            if not isinstance(what, Take):
                queue.put(what)
            elif len(queue):
                out.extend(await queue.get_batch(what.limit))
        while len(queue):
            out.extend(await queue.get_batch(7))

    asyncio.run(go())
    return queue, out


def bars(events: Iterable[Event], name: str, timeframe: Timeframe) -> list[tuple[object, ...]]:
    """Build one instrument's bars with the core's builder."""
    builder, found = BarBuilder(name, timeframe), []
    session = market("SIM").session_at(T0)
    assert session is not None
    builder.begin_session(session)
    for event in events:
        if isinstance(event, FeedGap) and event.instrument == name:
            builder.mark_gap()
        elif isinstance(event, Tick | FoldedTick) and event.instrument == name:
            if event.ts >= builder.ts_end:
                found.append(builder.close())
            if isinstance(event, Tick):
                builder.add(event.ts, event.price, event.volume)
            else:
                builder.add_fold(event)
    if builder.ts_end < 1 << 62:
        found.append(builder.close())
    return [figures(bar) for bar in found]


def figures(bar: Bar) -> tuple[object, ...]:
    return bar.ts_open, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.tick_count, bar.quality


@given(doings, st.integers(1, 20), st.sampled_from(["30s", "1m", "2m", "5m", "1d"]))
def test_bars_of_the_folded_stream_are_those_of_the_raw_one(does: list[Event | Take], size: int, width: str) -> None:
    raw = [what for what in does if not isinstance(what, Take)]
    _, folded = through(size, 30 * SECOND, does)
    for name in NAMES:
        assert bars(folded, name, Timeframe.parse(width)) == bars(raw, name, Timeframe.parse(width))


@given(doings, st.integers(1, 20))
def test_nothing_is_dropped_and_only_ticks_are_changed(does: list[Event | Take], size: int) -> None:
    raw = [what for what in does if not isinstance(what, Take)]
    queue, out = through(size, MINUTE, does)
    assert sum(e.count if isinstance(e, FoldedTick) else 1 for e in out) == len(raw)
    assert len(out) == len(raw) - queue.folded
    rest = [e for e in out if not isinstance(e, Tick | FoldedTick)]
    assert rest == [e for e in raw if not isinstance(e, Tick)]
    assert queue.depth_max <= size + queue.overflow


@given(st.lists(ticks | others, max_size=60), st.integers(1, 20))
def test_the_bound_is_exceeded_only_where_nothing_can_fold(events: list[Event], size: int) -> None:
    _, out = through(size, MINUTE, events)
    if len(out) > size:
        latest: dict[str, int] = {}
        for event in out:
            if isinstance(event, Tick | FoldedTick):
                assert latest.get(event.instrument) != event.ts // MINUTE
                latest[event.instrument] = event.ts // MINUTE
            else:
                latest.clear()


@given(doings, st.integers(1, 20))
def test_market_time_runs_on_where_it_ran_on_before(does: list[Event | Take], size: int) -> None:
    times = sorted(what.ts for what in does if isinstance(what, Tick))
    ordered = iter(times)
    does = [
        Tick(what.instrument, next(ordered), what.price) if isinstance(what, Tick) else what
        for what in does
        if not isinstance(what, FeedGap)
    ]
    _, out = through(size, MINUTE, does)
    stamps = [event.ts for event in out]
    assert stamps == sorted(stamps)


@given(doings, st.integers(1, 20))
def test_the_engine_closes_the_same_bars_with_deadlines_between(does: list[Event | Take], size: int) -> None:
    """Time in order, two instruments: what a deadline closes too early or too late would show."""
    listed = [XYZ, Instrument("SIM", "OTHER", InstrumentKind.SPOT)]
    names = {NAMES[0]: XYZ.id, NAMES[1]: "SIM:OTHER"}
    ordered = iter(sorted(what.ts for what in does if isinstance(what, Tick) and what.instrument in names))
    known: list[Event | Take] = [
        Tick(names[what.instrument], next(ordered), what.price, what.volume) if isinstance(what, Tick) else what
        for what in does
        if isinstance(what, Take) or (isinstance(what, Tick) and what.instrument in names)
    ]

    def closed(events: Iterable[Event]) -> dict[str, list[tuple[object, ...]]]:
        run = Run(*(reading(i.symbol, i.symbol.lower()) for i in listed), instruments=listed)
        found: dict[str, list[tuple[object, ...]]] = {i.id: [] for i in listed}
        lines = {i.id: run.engine.feeds[i.id].lines[0] for i in listed}

        def look() -> None:
            for name, line in lines.items():
                last = line.series.last
                if last is not None and (not found[name] or found[name][-1] != figures(last)):
                    found[name].append(figures(last))

        for event in events:
            run.session.step(event)  # type: ignore[arg-type] # ticks, folded or not
            look()
        run.session.finish()
        look()
        assert run.engine.counts.late == 0
        return found

    _, out = through(size, MINUTE, known)
    assert closed(out) == closed(what for what in known if not isinstance(what, Take))


def reading(symbol: str, name: str) -> dict[str, object]:
    begin = start(symbol=symbol, exchange="SIM", timeframe="1m")
    return drawing([begin, always("A"), alert("say")], ["start > A > say"], name)
