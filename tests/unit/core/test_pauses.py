"""Sessions with a pause, and contracts that stop before their market, as an engine and its exchange take them."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any

from tests.stories import drawing, entry, exit_, leg, start
from tests.unit.core.runs import ACME, Run, always, compare, ist, when
from tradingd.model.instrument import Instrument, InstrumentKind
from tradingd.model.market import MINUTE, SECOND, Tick

SATURDAY = "2024-05-18"


def ticks(run: Run, instrument: Instrument, *times: str, price: float = 100.0) -> None:
    """Feed a tick at each time of day of the Saturday in May 2024 on which the exchanges changed sites."""
    for at in times:
        run.session.step(Tick(instrument.id, ist(f"{SATURDAY} {at}"), price))


def buys(**bought: Any) -> dict[str, Any]:
    nodes = [start(symbol="ACME", exchange="NSE", timeframe="5m"), always("now"), entry("in", leg("p", **bought))]
    return drawing([*nodes, when("never", compare("close", "<", 0)), exit_("out")], ["start > now > in > never > out"])


def opened(run: Run) -> list[str]:
    """Return the times of day at which orders were sent."""
    zone = dt.timezone(dt.timedelta(hours=5, minutes=30))
    return [f"{dt.datetime.fromtimestamp(one['ts'] // SECOND, zone):%H:%M}" for one in run.orders]


def test_there_are_no_bars_in_a_pause_and_the_next_ones_are_anchored_at_its_end() -> None:
    run = Run(buys(), instruments=[ACME])
    line = run.engine.feeds[ACME.id].lines[0]
    ticks(run, ACME, "09:16", "09:58")
    ticks(run, ACME, "10:00", "10:45", "11:29", price=500.0)
    ticks(run, ACME, "11:31", "11:36")
    assert run.engine.counts.outside_session == 3
    assert run.engine.feeds[ACME.id].price == 100.0
    assert line.builder.close().ts_open == ist(f"{SATURDAY} 11:35")
    assert line.series.last is not None
    assert (line.series.last.ts_open, line.series.last.high) == (ist(f"{SATURDAY} 11:30"), 100.0)


def test_a_bar_that_forms_when_the_pause_begins_closes_with_it() -> None:
    run = Run(buys(), instruments=[ACME])
    ticks(run, ACME, "09:16", "09:58")
    run.session.advance(ist(f"{SATURDAY} 10:30"))
    last = run.engine.feeds[ACME.id].lines[0].series.last
    assert last is not None
    assert (last.ts_open, last.ts_close) == (ist(f"{SATURDAY} 09:55"), ist(f"{SATURDAY} 10:00"))


def test_a_strategy_has_one_day_on_both_sides_of_a_pause() -> None:
    run = Run(buys(productType="carryForward"), instruments=[ACME])
    ticks(run, ACME, "09:16", "09:21", "09:22", "11:31", "11:36", "11:41")
    assert opened(run) == ["09:20"]  # the budget of the session is spent


def test_nothing_fills_in_a_pause_and_a_day_order_goes_on_after_it() -> None:
    run = Run(buys(orderType="limit", limitPrice=90, productType="carryForward"), instruments=[ACME])
    ticks(run, ACME, "09:16", "09:21")
    ticks(run, ACME, "10:30", price=80.0)
    (desk,) = run.engine.desks.values()
    assert desk.positions.open() == []
    ticks(run, ACME, "11:31", price=85.0)
    (position,) = desk.positions.open()
    assert position.entry_price == 90


def test_a_day_is_squared_off_before_its_last_end_not_before_a_pause() -> None:
    run = Run(buys(productType="intraday"), instruments=[ACME])
    ticks(run, ACME, "09:16", "09:21", "09:22", "09:50", "11:31", "12:14", "12:16", "12:20")
    assert opened(run) == ["09:20", "12:15"]


def test_a_bar_of_the_day_spans_the_pause() -> None:
    drawn = buys()
    drawn["nodes"][0]["data"]["timeframe"] = "1d"
    run = Run(drawn, instruments=[ACME])
    ticks(run, ACME, "09:16", "09:58")
    ticks(run, ACME, "10:30", price=500.0)
    ticks(run, ACME, "11:31", "12:29", price=101.0)
    run.session.finish()
    last = run.engine.feeds[ACME.id].lines[0].series.last
    assert last is not None
    assert (last.ts_close - last.ts_open, last.high, last.close, last.tick_count) == (195 * MINUTE, 101.0, 101.0, 4)


NIFTY = Instrument("NSE", "NIFTY", InstrumentKind.INDEX, tick_size=Decimal("0.05"))
W0 = Instrument(
    "NFO", "NIFTY26D0824500CE", InstrumentKind.OPTION, tick_size=Decimal("0.05"), lot_size=Decimal(65),
    multiplier=Decimal(1), underlying="NIFTY", expiry=dt.date(2026, 12, 8), strike=Decimal(24500), right="CE",
)  # fmt: skip
W1 = replace(W0, symbol="NIFTY26D1524500CE", expiry=dt.date(2026, 12, 15))


def test_an_expiring_contract_is_over_at_1530_and_the_next_week_goes_on() -> None:
    run = Run(buys(), instruments=[ACME, NIFTY, W0, W1])
    for instrument in (W0, W1):
        run.session.step(Tick(instrument.id, ist("2026-12-08 15:29"), 50.0))
        run.session.step(Tick(instrument.id, ist("2026-12-08 15:31"), 60.0))
    assert [run.engine.feeds[contract.id].price for contract in (W0, W1)] == [50.0, 60.0]
    assert run.engine.counts.outside_session == 1


def test_after_the_horizon_no_session_opens() -> None:
    run = Run(buys(), instruments=[ACME])
    for at in ("2026-12-31 15:00", "2026-12-31 15:06", "2027-01-04 10:00", "2027-01-04 10:06"):
        run.session.step(Tick(ACME.id, ist(at), 100.0))
    assert run.engine.counts.outside_session == 2
    assert {one["ts"] // SECOND * SECOND for one in run.orders} == {ist("2026-12-31 15:05:01")}
