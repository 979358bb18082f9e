"""Edge cases of feeds: ticks at the edges of bars and sessions, and what venues send that is no tick."""

from __future__ import annotations

import asyncio
import math
import tempfile
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults import test_binance_feed
from tests.stories import drawing, entry, leg, start
from tests.unit.adapters.feeds import test_binance
from tests.unit.core.runs import ACME, IST, M1, M5, Run, always, bars_of, compare, flat_bar, ist, when
from tradingd.adapters.feeds.files import read_ticks
from tradingd.model.events import HistoryLoaded
from tradingd.model.instrument import Instrument, InstrumentKind
from tradingd.model.market import MINUTE, SECOND, Tick

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tradingd.model.market import Bar

INDEX = Instrument("NSE", "NIFTY", InstrumentKind.INDEX)
OPEN = ist("2024-01-02 09:15")


def _run(instrument: Instrument = ACME, timeframe: str = "5m") -> Run:
    begin = start(symbol=instrument.symbol, exchange=instrument.exchange, timeframe=timeframe)
    return Run(drawing([begin, always("A"), entry("e", leg("p"))], ["start > A > e"]), instruments=[instrument])


def _bars(run: Run, ticks: Sequence[tuple[str, float, float]], instrument: Instrument = ACME) -> list[Bar]:
    """Return the five-minute bars of ticks at times of 2 January 2024."""
    events = [Tick(instrument.id, ist(f"2024-01-02 {at}"), price, volume) for at, price, volume in ticks]
    return list(bars_of(run, instrument, M5, events))


def boundary_tick() -> None:
    found = _bars(_run(), [("09:19:59", 10.0, 1.0), ("09:20:00", 11.0, 2.0)])
    assert [(bar.ts_open, bar.close, bar.volume) for bar in found] == [
        (OPEN, 10.0, 1.0), (OPEN + 5 * MINUTE, 11.0, 2.0),
    ]  # fmt: skip


def pre_open_tick() -> None:
    run = _run(INDEX)
    assert _bars(run, [("09:07:00", 24_000.0, 0.0)], INDEX) == []
    assert (run.engine.counts.outside_session, run.orders) == (1, [])


def late_tick() -> None:
    run = _run()
    found = _bars(run, [("09:19:00", 10.0, 1.0), ("09:20:05", 11.0, 1.0), ("09:19:59", 99.0, 50.0)])
    assert [(bar.high, bar.volume) for bar in found] == [(10.0, 1.0), (11.0, 1.0)]
    assert run.engine.counts.late == 1


def quiet_interval() -> None:
    found = _bars(_run(), [("10:59:00", 10.0, 1.0), ("11:05:00", 11.0, 1.0)])
    assert [(bar.ts_open - OPEN) // MINUTE for bar in found] == [100, 110]


def volume_reset() -> None:
    """A day's volume of 1,000,000, and of 200 the next morning."""
    rows = ["2024-01-02 15:29:00,10,999000", "2024-01-02 15:29:30,10,1000000", "2024-01-03 09:15:01,10,200"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ticks.csv"
        path.write_text("\n".join(["timestamp,ltp,volume", *rows, "2024-01-03 09:15:02,10,260"]) + "\n", "utf-8")
        assert list(read_ticks(path, IST, volume="cumulative").volume)[1:] == [1000.0, 0.0, 60.0]


def day_boundary() -> None:
    """RSI of the second day's first bar, against Wilder's own arithmetic over the closes of both days."""
    closes = [100 + 7 * math.sin(k) + k % 5 for k in range(375)]
    begin = start(symbol="ACME", exchange="NSE", indicators={"i": {"type": "rsi", "period": 3}})
    run = Run(drawing([begin, when("A", compare("$i", ">", 0)), entry("e", leg("p"))], ["start > A > e"]),
              instruments=[ACME])  # fmt: skip
    history = tuple(flat_bar(ACME, OPEN + k * MINUTE, close) for k, close in enumerate(closes))
    second = ist("2024-01-03 09:15")
    run.session.tell(HistoryLoaded(ACME.id, M1, history, second - MINUTE))
    run.session.step(Tick(ACME.id, second + SECOND, 104.0))
    run.session.step(Tick(ACME.id, second + MINUTE, 105.0))
    (values,) = run.engine.desks["story"].indicators.values()
    gain = loss = 0.0
    whole = [*closes, 104.0]
    for k, (before, after) in enumerate(pairwise(whole)):
        weight = 1 / min(k + 1, 3)  # an average of the first three moves, then Wilder's
        gain += (max(after - before, 0.0) - gain) * weight
        loss += (max(before - after, 0.0) - loss) * weight
    assert math.isclose(values[-1], 100 * gain / (gain + loss), rel_tol=1e-9)


def too_little_history() -> None:
    begin = start(symbol="ACME", exchange="NSE", indicators={"i": {"type": "rsi", "period": 14}})
    run = Run(drawing([begin, when("A", compare("$i", ">=", 0)), entry("e", leg("p"))], ["start > A > e"]),
              instruments=[ACME])  # fmt: skip
    day_before = OPEN - timedelta(days=1) // timedelta(microseconds=1) * 1000
    history = tuple(flat_bar(ACME, day_before + k * MINUTE, 100.0 + k) for k in range(10))
    run.session.tell(HistoryLoaded(ACME.id, M1, history, OPEN - MINUTE))
    for k in range(5):  # fifteen closes would be needed, and one more for the first move
        run.session.step(Tick(ACME.id, OPEN + k * MINUTE, 100.0))
    assert run.orders == []


def cut_after_a_day() -> None:
    asyncio.run(test_binance_feed.test_a_connection_is_left_before_the_venue_cuts_it_for_its_age())
    notice = '{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}'
    asyncio.run(test_binance_feed.test_a_shutdown_that_is_announced_is_moved_away_from_without_a_hole(notice))


def forming_kline() -> None:
    asyncio.run(test_binance.test_history_has_no_bar_that_is_still_forming_at_the_venue())


ROWS: dict[int, Callable[[], None]] = {
    38: boundary_tick, 39: pre_open_tick, 41: late_tick, 42: quiet_interval, 43: volume_reset, 44: day_boundary,
    45: too_little_history, 74: cut_after_a_day, 75: forming_kline,
}  # fmt: skip
