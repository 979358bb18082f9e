"""Files become events in one order: time within the file, closes first, then the instrument's id, then the row."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.unit.core.runs import ist
from tradingd.adapters.feeds.files import Bars, Ticks
from tradingd.core.markets.sessions import market
from tradingd.model.events import BarOpened
from tradingd.model.market import DAY, HOUR, MINUTE, SECOND, Bar, Timeframe
from tradingd.research.events import BarRows, TickRows, merged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradingd.research.events import Rows

M1 = Timeframe(MINUTE)


def make_ticks(instrument: str, *seconds: float, end: float | None = None) -> TickRows:
    ts = np.array([round(s * SECOND) for s in seconds], np.int64)
    price, none = np.arange(1.0, len(ts) + 1), np.zeros(len(ts))
    ticks = Ticks(ts, price, none, none, none, 0, (), 0, 0, 0, 0, 0.0)
    return TickRows.of(instrument, ticks, None if end is None else round(end * SECOND))


def make_bars(instrument: str, *stamps: int, timeframe: Timeframe = M1, end: int | None = None) -> BarRows:
    prices = np.arange(1.0, len(stamps) + 1)
    bars = Bars(np.array(stamps, np.int64), prices, prices, prices, prices, prices, timeframe, 0, ())
    return BarRows.of(instrument, bars, timeframe, market(instrument.partition(":")[0]), end)


def told(*sources: Rows) -> list[tuple[str, str, float, float]]:
    """Return the merged events as (what, instrument, seconds, price)."""
    events: list[Any] = [event for _, chunk in merged(sources) for event in chunk]
    words = {Bar: "close", BarOpened: "open"}
    return [
        (words.get(type(e), "tick"), e.instrument[4:], e.ts / SECOND, e.close if type(e) is Bar else e.price)
        for e in events
    ]


def test_closes_come_first_then_instruments_by_id_then_rows() -> None:
    a, b = make_bars("SIM:A", 0, MINUTE), make_ticks("SIM:B", 60, 30, 61)
    c = make_bars("SIM:C", 0)
    expected = [
        ("open", "A", 0, 1), ("open", "C", 0, 1),
        ("close", "A", 60, 1), ("close", "C", 60, 1),
        ("open", "A", 60, 2), ("tick", "B", 60, 1), ("tick", "B", 30, 2),
        ("tick", "B", 61, 3),
        ("close", "A", 120, 2),
    ]  # fmt: skip
    assert told(a, b, c) == expected
    assert told(c, b, a) == expected


def test_a_row_that_steps_back_keeps_its_place_in_its_file() -> None:
    late, other = make_ticks("SIM:A", 10, 4, 5, 11), make_ticks("SIM:B", 3, 6, 10)
    assert [(who, at) for _, who, at, _ in told(late, other)] == [
        ("B", 3), ("B", 6), ("A", 10), ("A", 4), ("A", 5), ("B", 10), ("A", 11),
    ]  # fmt: skip


def test_ticks_of_one_time_are_taken_file_by_file() -> None:
    a, b = make_ticks("SIM:A", 1, 1, 2), make_ticks("SIM:B", 1, 1, 2)
    assert [who for _, who, _, _ in told(b, a)] == ["A", "A", "B", "B", "A", "B"]


def test_every_event_is_there_once_however_many_there_are() -> None:
    sources = [make_ticks(f"SIM:{i}", *np.linspace(0, 100 + i, 20_000).tolist()) for i in range(3)]
    shares, chunks = zip(*merged(sources), strict=True)
    taken = Counter(event.instrument for chunk in chunks for event in chunk)
    assert taken == {rows.instrument: 20_000 for rows in sources}
    assert shares[-1] == 1
    assert list(shares) == sorted(shares)


def test_the_first_tick_at_or_after_the_end_is_the_end_of_its_file() -> None:
    assert make_ticks("SIM:A", 1, 2, 5, 3, end=5).columns[0].tolist() == [SECOND, 2 * SECOND]
    assert len(make_ticks("SIM:A", 1, 2, end=1)) == 0


def bounds(instrument: str, timeframe: int, *stamps: str) -> list[tuple[int, int]]:
    """Return when bars open and close, in minutes from the midnight of the first in India."""
    rows = make_bars(instrument, *map(ist, stamps), timeframe=Timeframe(timeframe))
    midnight = ist(f"{stamps[0][:10]} 00:00")
    return [((a - midnight) // MINUTE, (b - midnight) // MINUTE) for a, b in zip(*rows.columns[:2], strict=True)]


@pytest.mark.parametrize(
    ("timeframe", "stamps", "expected"),
    [
        (MINUTE, ["2024-01-02 15:29"], [(929, 930)]),
        (HOUR, ["2024-01-02 09:15", "2024-01-02 15:15"], [(555, 615), (915, 930)]),
        (HOUR, ["2024-01-02 09:00", "2024-01-02 15:30"], [(540, 600), (930, 990)]),
        (DAY, ["2024-01-02 00:00", "2024-01-03 00:00"], [(555, 930), (1995, 2370)]),
        (DAY, ["2024-01-02 15:30"], [(555, 930)]),
        (DAY, ["2024-01-06 00:00"], [(0, 1440)]),
    ],
    ids=["minute", "cut at the end", "outside the session", "day", "day stamped at its end", "saturday"],
)
def test_where_bars_of_an_exchange_with_hours_begin_and_end(
    timeframe: int, stamps: Sequence[str], expected: list[tuple[int, int]]
) -> None:
    assert bounds("NSE:A", timeframe, *stamps) == expected


def test_a_bar_of_a_market_without_a_pause_ends_with_its_utc_day() -> None:
    rows = make_bars("SIM:A", 0, 7 * HOUR, 14 * HOUR, 21 * HOUR, timeframe=Timeframe(7 * HOUR))
    assert (rows.columns[1] // HOUR).tolist() == [7, 14, 21, 24]


def test_bars_are_taken_that_are_stamped_before_the_end() -> None:
    assert make_bars("SIM:A", 0, MINUTE, 2 * MINUTE, end=2 * MINUTE).columns[0].tolist() == [0, MINUTE]
