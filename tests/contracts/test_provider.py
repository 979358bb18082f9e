"""What every provider of market data promises, whatever stands behind it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from tests.contracts.providers import (
    AAA,
    BBB,
    INSTRUMENTS,
    NOW,
    PROVIDERS,
    STRANGER,
    Served,
    bars_of,
)
from tests.stories import T0
from tradingd.model.errors import FeedError
from tradingd.model.events import BarOpened
from tradingd.model.market import MINUTE, SECOND, Bar, Tick, Timeframe

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from tradingd.model.instrument import Instrument

PATIENCE_S = 5.0
M1 = Timeframe(MINUTE)


@pytest.fixture(params=PROVIDERS)
async def served(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Served]:
    async with PROVIDERS[request.param](tmp_path) as one:
        yield one


async def taken(served: Served, count: int, *instruments: Instrument) -> list[Any]:
    """Subscribe, take so many events, and close."""
    events = []
    async with asyncio.timeout(PATIENCE_S), contextlib.aclosing(served.provider.subscribe(instruments)) as stream:
        async for event in stream:
            events.append(event)
            if len(events) == count:
                return events
    return events


def figures(bars: Sequence[Bar]) -> list[tuple[float, ...]]:
    return [(bar.ts_open, bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in bars]


# --- history -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [MINUTE, 2 * MINUTE, 5 * MINUTE])
@pytest.mark.parametrize("count", [1, 3, 1000])
@pytest.mark.parametrize("until", [NOW, NOW - 90 * SECOND, T0 + MINUTE - 1, NOW + 5 * MINUTE])
async def test_history_is_the_last_closed_bars_oldest_first(served: Served, width: int, count: int, until: int) -> None:
    """None that has not ended by the time asked for, and none of the future."""
    for instrument in INSTRUMENTS:
        bars = await served.provider.history(instrument, Timeframe(width), count, until)
        assert figures(bars) == bars_of(served.market[instrument.id], width, min(until, NOW))[-count:]
        assert all(bar.ts_close == bar.ts_open + width for bar in bars)
        assert all((bar.instrument, bar.timeframe) == (instrument.id, Timeframe(width)) for bar in bars)


async def test_history_of_a_stranger_is_refused(served: Served) -> None:
    with pytest.raises(FeedError, match="ZZZ"):
        await served.provider.history(STRANGER, M1, 1, NOW)


# --- last --------------------------------------------------------------------------------------------------------


async def test_the_last_quote_comes_with_its_age(served: Served) -> None:
    last = await served.provider.last(AAA)
    assert last is not None
    tick, age = last
    assert tick.instrument == AAA.id
    assert 0 <= age == NOW - tick.ts < 2 * MINUTE
    if served.rows is not None:
        past = [row for row in served.rows[AAA.id] if row[0] < NOW]
        assert (tick.price, tick.bid, tick.ask) == (past[-1][1], past[-1][3], past[-1][4])


async def test_the_last_quote_of_a_stranger_is_refused(served: Served) -> None:
    with pytest.raises(FeedError, match="ZZZ"):
        await served.provider.last(STRANGER)


# --- subscribe ---------------------------------------------------------------------------------------------------


async def test_every_row_that_follows_is_streamed_once_and_in_order(served: Served) -> None:
    events = await taken(served, 400, AAA, BBB)
    assert len(events) == 400 or served.rows is None
    for instrument in INSTRUMENTS:
        own = [event for event in events if event.instrument == instrument.id]
        if served.rows is None:
            bars = [event for event in own if isinstance(event, Bar)]
            expected = bars_of(served.market[instrument.id], MINUTE, T0 + 20 * MINUTE)
            assert figures(bars) == [bar for bar in expected if bar[0] >= NOW]
            assert [type(event) for event in own] == [BarOpened, Bar] * len(bars)
            continue
        assert all(isinstance(event, Tick) for event in own)
        told = [(e.ts, e.price, e.volume, e.bid, e.ask) for e in own]
        first = next(n for n, row in enumerate(served.rows[instrument.id]) if row[0] >= NOW)
        assert told == served.rows[instrument.id][first : first + len(told)]


async def test_only_what_was_asked_for_is_streamed(served: Served) -> None:
    events = await taken(served, 20, BBB)
    assert {event.instrument for event in events} == {BBB.id}


async def test_the_events_of_two_instruments_come_by_market_time(served: Served) -> None:
    """A row may step back in its own file; it never overtakes another's."""
    events = await taken(served, 400, BBB, AAA)
    present = {AAA.id: 0, BBB.id: 0}
    for event in events:
        present[event.instrument] = max(present[event.instrument], event.ts)
        assert present[event.instrument] == max(present.values())


async def test_a_stranger_is_refused(served: Served) -> None:
    with pytest.raises(FeedError, match="ZZZ"):
        await taken(served, 1, AAA, STRANGER)


async def test_closing_the_stream_releases_what_it_held(served: Served) -> None:
    assert await taken(served, 3, AAA)
    async with asyncio.timeout(PATIENCE_S):
        await served.released()


async def test_a_listener_can_be_cancelled_at_any_time(served: Served) -> None:
    async def listen() -> None:
        await taken(served, 1 << 30, AAA, BBB)
        await asyncio.Event().wait()  # where a stream has an end

    for turns in (0, 1, 5, 50, 500):
        listener = asyncio.create_task(listen())
        for _ in range(turns):
            await asyncio.sleep(0)
        listener.cancel()
        async with asyncio.timeout(PATIENCE_S):
            with contextlib.suppress(asyncio.CancelledError):
                await listener
            await served.released()
        assert listener.cancelled()


async def test_two_listeners_do_not_disturb_each_other(served: Served) -> None:
    first, second = await asyncio.gather(taken(served, 10, AAA), taken(served, 10, BBB))
    assert {event.instrument for event in first} == {AAA.id}
    assert {event.instrument for event in second} == {BBB.id}
