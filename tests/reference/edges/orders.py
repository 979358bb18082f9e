"""Edge cases of orders: how they are cut, priced, protected and refused, and that no position is closed twice."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from tests.stories import drawing, entry, exit_, leg, start
from tests.unit.core.markets.lists import make_chain
from tests.unit.core.options import CALL, Options
from tests.unit.core.runs import Run, compare, ist, when
from tradingd.core.markets import order_rules
from tradingd.core.settings import CoreSettings, SessionSettings, SimulationSettings
from tradingd.core.simulator import Simulator
from tradingd.model.events import OrderFilled, OrderRejected
from tradingd.model.instrument import Instrument
from tradingd.model.market import MINUTE, SECOND, Depth, Tick
from tradingd.model.trading import Order, OrderType, Product, Purpose, Side

if TYPE_CHECKING:
    from collections.abc import Callable

BANK = make_chain("BANKNIFTY", "27-Jan-2026", [58_000], "26JAN", lot=30)[0]
DAY = dt.date(2026, 7, 15)


def _sent(quantity: int) -> list[str]:
    """Return the quantities that an entry of so many lots goes out in."""
    run = Options(quantity=quantity, day="2026-07-15")
    run.opened()
    return [one["quantity"] for one in run.orders]


def freeze_slice() -> None:
    assert 4000 // 65 * 65 == 3965
    assert _sent(61) == ["1755", "1755", "455"]


def freeze_boundary() -> None:
    assert _sent(27) == ["1755"]
    assert _sent(28) == ["1755", "65"]


def freeze_change() -> None:
    def cut(on: dt.date) -> list[int]:
        return [
            int(part) for part in order_rules.slices(Decimal(900), Decimal(30), order_rules.freeze_quantity(BANK, on))
        ]

    assert cut(dt.date(2025, 10, 31)) == [900]
    assert cut(dt.date(2025, 11, 3)) == [600, 300]


def too_many_slices() -> None:
    run = Options(quantity=27 * 11, day="2026-07-15")
    run.option("10:00", 1.0)
    run.index("10:00", 24_495.0)
    run.index("10:01", 24_495.0)
    assert run.orders == []
    assert "needs 11 orders of at most 1755; 17550 in 10 would be taken" in run.told()[0]


def stop_market_on_an_option() -> None:
    reason = order_rules.refuse(
        CALL, Side.SELL, OrderType.STOP, Product.INTRADAY, Purpose.EXIT, Decimal(65), None, Decimal(100), DAY,
        last=Decimal(120),
    )  # fmt: skip
    assert reason.endswith("take no stop orders; a stop-limit order (SL) would be taken")


def protected_market() -> None:
    run = Options(day="2026-07-15")
    run.opened(150.0)
    assert (run.orders[0]["type"], run.orders[0]["limit_price"]) == ("limit", "153.00")


def spike() -> None:
    run = Options("sell", day="2026-07-15")
    run.opened(50.0)
    run.index("10:02", 24_601.0)
    run.option("10:02:59", 50.0)
    run.index("10:03", 24_601.0)
    run.option("10:03:01", 50.0, bid=49.0, ask=60.0)
    (working,) = run.engine.desks["story"].book.working.values()
    assert (working.limit_price, working.filled) == (Decimal("51.50"), Decimal(0))
    for second in range(2, 60):
        run.option(f"10:03:{second:02d}", 50.0, bid=49.0, ask=90.0)
    assert working.limit_price == Decimal("70.00")  # as far as the venue takes it, and no further
    run.option("10:04:00", 50.0, bid=49.0, ask=69.0)
    (closed,) = run.positions.closed
    assert closed.exit_price == 70  # it rested there


def price_band() -> None:
    band = order_rules.price_band(CALL, Decimal(217), DAY)
    assert band is not None
    assert band.low == Decimal("130.20")
    assert order_rules.outside_band(CALL, Side.SELL, Decimal(100), band) != ""
    assert order_rules.outside_band(CALL, Side.SELL, Decimal(135), band) == ""


def _order(instrument: Instrument, quantity: int, limit: str | None = None, stop: str | None = None) -> Order:
    at = ist("2026-07-15 10:00")
    return Order(
        "o1", "s", "e", "p", Purpose.EXIT, instrument, Side.BUY,
        OrderType.MARKET if limit is None else OrderType.STOP_LIMIT, Product.INTRADAY, Decimal(quantity), at, at,
        at + MINUTE, None if limit is None else Decimal(limit), None if stop is None else Decimal(stop),
    )  # fmt: skip


def band_after_the_trigger() -> None:
    simulator = Simulator(SimulationSettings())
    order = _order(CALL, 65, limit="150", stop="100")
    simulator.submit(order)
    assert simulator.match(Tick(CALL.id, order.ts, 99.0)) == []
    (report,) = simulator.match(Tick(CALL.id, order.ts + 1, 100.0))
    assert isinstance(report, OrderRejected)
    assert "above the band" in report.reason


def untraded() -> None:
    run = Options(day="2026-07-15")
    run.index("10:00", 24_495.0)
    run.index("10:01", 24_495.0)
    assert run.orders == []
    assert "has not traded on 2026-07-15: no market order is taken" in run.told()[0]


def partial_in_lots() -> None:
    simulator = Simulator(SimulationSettings(beyond_depth_ticks=Decimal(1)))
    order = _order(CALL, 130)
    simulator.submit(order)
    book = Depth((), ((100.0, 40.0), (100.5, 100.0)))
    fills = [r.fill for r in simulator.match(Tick(CALL.id, order.ts, 100.0, depth=book)) if isinstance(r, OrderFilled)]
    assert [int(fill.quantity) for fill in fills] == [65, 65]
    simulator = Simulator(SimulationSettings())
    simulator.submit(_order(CALL, 130))
    assert simulator.match(Tick(CALL.id, order.ts, 100.0, volume=64.0)) == []


def square_off_race() -> None:
    """An exit's signal and the square-off in the same second: one closing order, and none that reverses."""
    instrument = Instrument("NSE", "ACME", tick_size=Decimal("0.05"))
    nodes = [
        start(symbol="ACME", exchange="NSE"),
        when("A", compare("close", ">", 100)),
        entry("e", leg("p", productType="intraday", quantity=10)),
        when("B", compare("close", "<", 100)),
        exit_("x"),
    ]
    settings = replace(CoreSettings(), session=SessionSettings(intraday_exit="15:10"))
    run = Run(drawing(nodes, ["start > A > e > B > x"]), instruments=[instrument], settings=settings)
    at = ist("2024-01-02 15:00")
    for minute, price in enumerate([101.0, 101.0, 101.0, 101.0, 101.0, 101.0, 101.0, 101.0, 101.0, 99.0, 99.0]):
        run.session.step(Tick(instrument.id, at + minute * MINUTE, price))
    run.session.step(Tick(instrument.id, at + 10 * MINUTE + SECOND, 99.0))
    assert [one["purpose"] for one in run.orders] == ["entry", "exit"]
    (closed,) = run.engine.desks["story"].positions.closed
    assert closed.entered == closed.exited == 10
    assert run.engine.desks["story"].book.working == {}


ROWS: dict[int, Callable[[], None]] = {
    19: freeze_slice, 20: freeze_boundary, 21: freeze_change, 23: too_many_slices, 26: stop_market_on_an_option,
    27: protected_market, 28: spike, 29: price_band, 30: band_after_the_trigger, 31: untraded, 63: partial_in_lots,
    66: square_off_race,
}  # fmt: skip
