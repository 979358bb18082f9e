"""The simulated exchange by itself: an order, some prices, and what it makes of them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.unit.core.runs import M1, ist
from tradingd.core.settings import SimulationSettings
from tradingd.core.simulator import Simulator
from tradingd.model.events import (
    BarOpened,
    Deadline,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
)
from tradingd.model.instrument import Instrument, InstrumentKind
from tradingd.model.market import MINUTE, SECOND, Bar, Depth, Tick
from tradingd.model.trading import Order, OrderType, Product, Purpose, Side

if TYPE_CHECKING:
    from tradingd.model.events import MarketEvent

CENT = Instrument("SIM", "X", tick_size=Decimal("0.01"))
BUY, SELL = Side.BUY, Side.SELL
EVER = 10 * MINUTE


class Exchange:
    """A simulated exchange; settings by their names. Fills come as `(price, quantity)`, prices as floats."""

    def __init__(self, **settings: Any) -> None:
        self.simulator = Simulator(SimulationSettings(**settings))
        self._count = 0
        self.orders: dict[str, Order] = {}

    def send(
        self,
        side: Side,
        limit: str | None = None,
        stop: str | None = None,
        quantity: str = "10",
        instrument: Instrument = CENT,
        ts: int = 0,
        ts_valid: int = 0,
        *,
        protected: bool = False,
    ) -> Order:
        kinds = {
            (False, False): OrderType.MARKET,
            (True, False): OrderType.LIMIT,
            (False, True): OrderType.STOP,
            (True, True): OrderType.STOP_LIMIT,
        }
        self._count += 1
        order = Order(
            f"o{self._count}", "s", "e", f"p{self._count}", Purpose.ENTRY, instrument, side,
            kinds[limit is not None, stop is not None], Product.INTRADAY, Decimal(quantity), ts, ts_valid, EVER,
            limit_price=None if limit is None else Decimal(limit), stop_price=None if stop is None else Decimal(stop),
            protected=protected,
        )  # fmt: skip
        assert self.simulator.submit(order) == [OrderAccepted(order.id, ts)]
        self.orders[order.id] = order
        return order

    def reports(self, event: MarketEvent | Deadline) -> list[Any]:
        found = self.simulator.match(event)
        for report in found:
            if isinstance(report, OrderFilled):
                self.orders[report.order].filled += report.fill.quantity
        return found

    def fills(self, *events: MarketEvent) -> list[tuple[float, float]]:
        fills = [r.fill for event in events for r in self.reports(event) if isinstance(r, OrderFilled)]
        return [(float(fill.price), float(fill.quantity)) for fill in fills]


def tick(price: float, ts: int = 1, volume: float = 0.0, bid: float = 0.0, ask: float = 0.0) -> Tick:
    return Tick("SIM:X", ts, price, volume, bid, ask)


Levels = list[tuple[float, float]]
LOTS = Instrument("SIM", "X", tick_size=Decimal("0.05"), lot_size=Decimal(65), strike=Decimal(1), right="CE")


def book(*asks: tuple[float, float], bids: Levels | None = None, price: float = 100.0, ts: int = 1) -> Tick:
    """Return a tick that shows the book."""
    bids = bids or []
    best_bid, best_ask = (side[0][0] if side else 0.0 for side in (bids, list(asks)))
    return Tick("SIM:X", ts, price, 0.0, best_bid, best_ask, 0.0, Depth(tuple(bids), asks))


def bar(open_: float, high: float, low: float, close: float, minute: int = 1, volume: float = 0.0) -> Bar:
    return Bar("SIM:X", M1, minute * MINUTE, (minute + 1) * MINUTE, open_, high, low, close, volume)


def opened(price: float, minute: int = 1) -> BarOpened:
    return BarOpened("SIM:X", minute * MINUTE, price)


# --- ticks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("side", "price"), [(BUY, 100.02), (SELL, 99.98)])
def test_a_market_order_takes_the_quote(side: Side, price: float) -> None:
    exchange = Exchange()
    exchange.send(side)
    assert exchange.fills(tick(100.0, bid=99.98, ask=100.02)) == [(price, 10.0)]


@pytest.mark.parametrize(("side", "price"), [(BUY, 100.02), (SELL, 99.98)])
def test_without_a_quote_it_takes_the_price_and_half_the_spread(side: Side, price: float) -> None:
    exchange = Exchange(half_spread_ticks=Decimal(2))
    exchange.send(side)
    assert exchange.fills(tick(100.0)) == [(price, 10.0)]


def test_the_side_of_the_quote_that_is_missing_is_made_from_the_price() -> None:
    exchange = Exchange(half_spread_ticks=Decimal(1))
    exchange.send(BUY)
    exchange.send(SELL)
    assert exchange.fills(tick(100.0, bid=99.5)) == [(100.01, 10.0), (99.5, 10.0)]


@pytest.mark.parametrize(("side", "price"), [(BUY, 100.15), (SELL, 99.85)])
def test_slippage_worsens_the_price_on_the_grid(side: Side, price: float) -> None:
    exchange = Exchange(slippage_bps=Decimal(15))
    exchange.send(side)
    assert exchange.fills(tick(100.0)) == [(price, 10.0)]


@pytest.mark.parametrize(("side", "price"), [(BUY, 100.10), (SELL, 99.95)])
def test_a_part_of_a_tick_of_slippage_is_a_whole_one(side: Side, price: float) -> None:
    exchange = Exchange(slippage_bps=Decimal(1))
    nickel = Instrument("SIM", "X", tick_size=Decimal("0.05"))
    exchange.send(side, instrument=nickel)
    assert exchange.fills(tick(100.05 if side is BUY else 100.0)) == [(price, 10.0)]


def test_slippage_does_not_touch_a_limit() -> None:
    exchange = Exchange(slippage_bps=Decimal(15))
    exchange.send(BUY, limit="100")
    assert exchange.fills(tick(101.0), tick(99.0)) == [(100.0, 10.0)]


def test_a_sale_is_never_at_nothing() -> None:
    exchange = Exchange(half_spread_ticks=Decimal(500))
    exchange.send(SELL)
    assert exchange.fills(tick(1.0)) == [(0.01, 10.0)]


@pytest.mark.parametrize(("side", "far", "near", "beyond"), [(BUY, 101.0, 100.0, 99.0), (SELL, 99.0, 100.0, 101.0)])
def test_a_resting_limit_trades_at_its_own_price(side: Side, far: float, near: float, beyond: float) -> None:
    exchange = Exchange()
    exchange.send(side, limit="100")
    assert exchange.fills(tick(far), tick(near)) == [(100.0, 10.0)]
    exchange.send(side, limit="100")
    assert exchange.fills(tick(far), tick(beyond)) == [(100.0, 10.0)]


@pytest.mark.parametrize(("side", "price"), [(BUY, 99.0), (SELL, 101.0)])
def test_a_limit_that_could_trade_on_arrival_gets_the_market(side: Side, price: float) -> None:
    exchange = Exchange()
    exchange.send(side, limit="100")
    assert exchange.fills(tick(price)) == [(price, 10.0)]


def test_a_limit_needs_the_quote_and_not_the_last_price() -> None:
    exchange = Exchange()
    exchange.send(BUY, limit="100")
    assert exchange.fills(tick(99.0, bid=99.0, ask=100.01), tick(101.0, bid=99.9, ask=100.0)) == [(100.0, 10.0)]


def test_a_limit_needs_the_half_spread_too() -> None:
    exchange = Exchange(half_spread_ticks=Decimal(1))
    exchange.send(BUY, limit="100")
    assert exchange.fills(tick(100.0)) == []
    assert exchange.fills(tick(99.99)) == [(100.0, 10.0)]


@pytest.mark.parametrize(("side", "before", "reach", "beyond"), [(BUY, 99.0, 100.0, 103.0), (SELL, 101.0, 100.0, 97.0)])
def test_a_stop_waits_for_the_last_price_and_takes_what_it_then_gets(
    side: Side, before: float, reach: float, beyond: float
) -> None:
    exchange = Exchange()
    exchange.send(side, stop="100")
    assert exchange.fills(tick(before)) == []
    assert exchange.fills(tick(reach)) == [(100.0, 10.0)]
    exchange.send(side, stop="100")
    assert exchange.fills(tick(before), tick(beyond)) == [(beyond, 10.0)]


def test_a_quote_beyond_the_stop_does_not_trigger_it() -> None:
    exchange = Exchange()
    exchange.send(BUY, stop="100")
    assert exchange.fills(tick(99.0, bid=98.0, ask=105.0)) == []


def test_a_stop_limit_rests_once_it_is_triggered() -> None:
    exchange = Exchange()
    exchange.send(BUY, stop="100", limit="101")
    assert exchange.fills(tick(99.0), tick(103.0), tick(102.0)) == []
    assert exchange.fills(tick(99.0)) == [(101.0, 10.0)]


def test_a_stop_limit_that_can_trade_when_triggered_gets_the_market() -> None:
    exchange = Exchange()
    exchange.send(SELL, stop="100", limit="98")
    assert exchange.fills(tick(99.5)) == [(99.5, 10.0)]


def test_an_order_meets_no_price_from_before_it_was_sent() -> None:
    exchange = Exchange()
    exchange.send(BUY, ts=5)
    assert exchange.fills(tick(90.0, ts=4)) == []
    assert exchange.fills(tick(100.0, ts=5)) == [(100.0, 10.0)]


def test_an_order_meets_no_price_before_its_session() -> None:
    exchange = Exchange()
    exchange.send(BUY, ts=1, ts_valid=5)
    assert exchange.fills(tick(90.0, ts=4)) == []
    assert exchange.fills(tick(100.0, ts=5)) == [(100.0, 10.0)]


def test_an_order_meets_nothing_on_its_way() -> None:
    exchange = Exchange(latency_ms=250)
    exchange.send(BUY)
    assert exchange.fills(tick(90.0, ts=249_999_999)) == []
    assert exchange.fills(tick(100.0, ts=250_000_000)) == [(100.0, 10.0)]


def test_another_instrument_s_price_is_no_price() -> None:
    exchange = Exchange()
    exchange.send(BUY)
    assert exchange.fills(Tick("SIM:Y", 1, 90.0)) == []


def test_a_quote_that_is_older_than_the_market_by_too_much_fills_nothing() -> None:
    exchange = Exchange(quote_age_s_max=10)
    exchange.send(BUY, limit="100")
    exchange.fills(Tick("SIM:Y", 60 * SECOND, 5.0))
    assert exchange.fills(tick(90.0, ts=49 * SECOND)) == []
    assert exchange.fills(tick(90.0, ts=50 * SECOND)) == [(90.0, 10.0)]


def test_a_limit_that_stands_for_the_market_slips_up_to_itself() -> None:
    exchange = Exchange(slippage_bps=Decimal(100))
    exchange.send(BUY, limit="103", protected=True)
    exchange.send(BUY, limit="100.50", protected=True)
    assert exchange.fills(tick(100.0)) == [(101.0, 10.0), (100.5, 10.0)]


def test_a_new_limit_arrives_like_a_new_order() -> None:
    exchange = Exchange(latency_ms=1)
    order = exchange.send(BUY, limit="100")
    assert exchange.fills(tick(105.0, ts=2 * SECOND)) == []
    order.limit_price = Decimal(110)
    exchange.simulator.modify(order, 3 * SECOND)
    assert exchange.fills(tick(104.0, ts=3 * SECOND), tick(106.0, ts=4 * SECOND)) == [(106.0, 10.0)]
    exchange.simulator.modify(order, 5 * SECOND)  # it is over
    assert not exchange.simulator.busy


@pytest.mark.parametrize(("limit", "filled"), [("136", True), ("150", False)])
def test_a_stop_whose_limit_is_beyond_the_price_band_when_triggered_is_refused(limit: str, filled: bool) -> None:
    call = Instrument(
        "NFO", "C", InstrumentKind.OPTION, Decimal("0.05"), Decimal(65), Decimal(65), underlying="NIFTY",
        strike=Decimal(24_000), right="CE",
    )  # fmt: skip
    exchange = Exchange()
    ts = ist("2026-07-15 10:00")
    order = exchange.send(BUY, limit=limit, stop="100", instrument=call, quantity="65", ts=ts, ts_valid=ts)
    order.ts_expiry = ts + MINUTE
    (report,) = exchange.reports(Tick("NFO:C", ts + 1, 100.0))
    if filled:
        assert report.fill.price == 100
        return
    reason = "C: a buy at 150 is above the band around 100.00; at most 140.00 is taken"
    assert report == OrderRejected(order.id, ts + 1, reason)
    assert not exchange.simulator.busy


# --- the book ----------------------------------------------------------------------------------------------------


def test_a_market_order_walks_the_levels_and_pays_more_for_the_rest() -> None:
    exchange = Exchange(beyond_depth_ticks=Decimal(3))
    exchange.send(BUY)
    assert exchange.fills(book((100.01, 2), (100.02, 3))) == [(100.01, 2.0), (100.02, 3.0), (100.05, 5.0)]
    exchange.send(SELL)
    assert exchange.fills(book((100.01, 2), bids=[(99.99, 12)])) == [(99.99, 10.0)]


def test_a_limit_takes_the_levels_up_to_it_and_rests_with_the_others() -> None:
    exchange = Exchange()
    exchange.send(BUY, limit="100.02")
    assert exchange.fills(book((100.01, 2), (100.02, 3), (100.03, 9))) == [(100.01, 2.0), (100.02, 3.0)]
    assert exchange.fills(book((100.01, 9))) == [(100.02, 5.0)]


def test_where_nobody_offers_nothing_trades() -> None:
    exchange = Exchange()
    exchange.send(BUY)
    assert exchange.fills(book(bids=[(99.99, 50)])) == []
    assert exchange.fills(book((0.0, 50))) == []


def test_our_orders_share_the_book_the_older_first() -> None:
    exchange = Exchange()
    exchange.send(BUY, quantity="3")
    exchange.send(BUY, quantity="3")
    assert exchange.fills(book((100.01, 4), (100.02, 9))) == [(100.01, 3.0), (100.01, 1.0), (100.02, 2.0)]


def test_of_a_level_whole_lots_trade() -> None:
    exchange = Exchange(beyond_depth_ticks=Decimal(1))
    exchange.send(BUY, quantity="195", instrument=LOTS)
    assert exchange.fills(book((100.05, 40), (100.1, 140))) == [(100.1, 130.0), (100.15, 65.0)]


# --- three valuations --------------------------------------------------------------------------------------------


def valued(exchange: Exchange, event: MarketEvent) -> tuple[float, float | None, float | None, bool]:
    """Return the price of the only fill, the best and the worst it might have had, and whether it rested."""
    (report,) = exchange.reports(event)
    best, worst = (None if price is None else float(price) for price in (report.fill.best, report.fill.worst))
    return float(report.fill.price), best, worst, report.fill.maker


@pytest.mark.parametrize(("side", "expected"), [(BUY, (100.05, 100.0, 100.07)), (SELL, (99.95, 100.0, 99.93))])
def test_a_fill_lies_between_the_middle_and_some_ticks_worse(side: Side, expected: tuple[float, float, float]) -> None:
    exchange = Exchange(pessimistic_ticks=Decimal(2))
    exchange.send(side)
    assert valued(exchange, tick(101.0, bid=99.95, ask=100.05)) == (*expected, False)


def test_without_a_quote_the_last_price_is_the_best() -> None:
    exchange = Exchange(half_spread_ticks=Decimal(2), slippage_bps=Decimal(1))
    exchange.send(BUY)
    assert valued(exchange, tick(100.0)) == (100.04, 100.0, 100.05, False)
    exchange.send(BUY)
    assert valued(exchange, opened(100.0)) == (100.04, 100.0, 100.05, False)


def test_a_limit_is_never_worse_than_itself_and_one_that_rested_has_its_own_price() -> None:
    exchange = Exchange(pessimistic_ticks=Decimal(5))
    exchange.send(BUY, limit="100.02")
    assert valued(exchange, tick(100.0, bid=99.98, ask=100.0)) == (100.0, 99.99, 100.02, False)
    exchange.send(BUY, limit="100")
    exchange.fills(tick(101.0))
    assert valued(exchange, tick(100.0)) == (100.0, 100.0, 100.0, True)


# --- size --------------------------------------------------------------------------------------------------------


def test_no_more_trades_than_was_traded() -> None:
    exchange = Exchange()
    order = exchange.send(BUY)
    assert exchange.fills(tick(100.0, volume=4.0), tick(101.0, volume=4.0), tick(102.0, volume=4.0)) == [
        (100.0, 4.0), (101.0, 4.0), (102.0, 2.0),
    ]  # fmt: skip
    assert order.remaining == 0
    assert not exchange.simulator.busy


def test_fills_are_numbered_within_the_order() -> None:
    exchange = Exchange()
    exchange.send(BUY)
    reports = [exchange.reports(tick(100.0, volume=6.0))[0] for _ in range(2)]
    assert [report.fill.id for report in reports] == ["o1.1", "o1.2"]


def test_only_a_share_of_the_volume_is_ours() -> None:
    exchange = Exchange(max_volume_share=Decimal("0.25"))
    exchange.send(BUY)
    assert exchange.fills(tick(100.0, volume=10.0)) == [(100.0, 2.0)]
    assert exchange.fills(tick(100.0, volume=3.0)) == []


def test_unbounded_where_told_so_or_where_no_volume_is_known() -> None:
    exchange = Exchange(max_volume_share="none")
    exchange.send(BUY)
    assert exchange.fills(tick(100.0, volume=1.0)) == [(100.0, 10.0)]
    exchange = Exchange()
    exchange.send(BUY)
    assert exchange.fills(tick(100.0)) == [(100.0, 10.0)]


def test_our_orders_share_the_volume_the_older_first() -> None:
    exchange = Exchange()
    exchange.send(BUY, quantity="6")
    exchange.send(SELL, quantity="6")
    assert exchange.fills(tick(100.0, volume=8.0)) == [(100.0, 6.0), (100.0, 2.0)]


def test_contracts_trade_in_whole_lots() -> None:
    option = Instrument("SIM", "X", lot_size=Decimal(65), strike=Decimal(1), right="CE", underlying="Y")
    exchange = Exchange()
    exchange.send(BUY, quantity="195", instrument=option)
    assert exchange.fills(tick(100.0, volume=64.0), tick(100.0, volume=140.0), tick(100.0, volume=500.0)) == [
        (100.0, 130.0), (100.0, 65.0),
    ]  # fmt: skip


def test_fractions_trade_in_steps() -> None:
    coin = Instrument("SIM", "X", quantity_step=Decimal("0.001"))
    exchange = Exchange(max_volume_share=Decimal("0.1"))
    exchange.send(BUY, quantity="0.5", instrument=coin)
    assert exchange.fills(tick(100.0, volume=0.1239)) == [(100.0, 0.012)]


# --- cancel and expire -------------------------------------------------------------------------------------------


def test_what_is_left_can_be_withdrawn_once() -> None:
    exchange = Exchange()
    order = exchange.send(BUY, limit="90")
    assert exchange.simulator.cancel(order, 7) == [OrderCancelled(order.id, 7, "cancelled by the strategy")]
    assert exchange.simulator.cancel(order, 8) == []
    assert exchange.fills(tick(80.0)) == []
    assert not exchange.simulator.busy


@pytest.mark.parametrize(
    "event",
    [tick(80.0, ts=EVER), opened(80.0, 10), bar(80.0, 80.0, 80.0, 80.0, 10), Deadline(EVER), Tick("SIM:Y", EVER, 1.0)],
)
def test_a_day_order_expires_with_its_day_and_does_not_fill_then(event: Any) -> None:
    exchange = Exchange()
    order = exchange.send(BUY, limit="90")
    assert exchange.reports(event) == [OrderExpired(order.id, EVER)]
    assert not exchange.simulator.busy


def test_until_the_end_of_its_day_an_order_fills() -> None:
    exchange = Exchange()
    exchange.send(BUY, limit="90")
    assert exchange.fills(bar(95.0, 95.0, 80.0, 95.0, 9)) == [(90.0, 10.0)]


# --- bars --------------------------------------------------------------------------------------------------------


def test_a_market_order_fills_at_the_next_open() -> None:
    exchange = Exchange(half_spread_ticks=Decimal(1), slippage_bps=Decimal(1))
    exchange.send(BUY)
    report = exchange.reports(opened(100.0))[0]
    assert (report.fill.price, report.fill.ts) == (Decimal("100.03"), MINUTE)


def test_the_open_bounds_no_size_and_the_bar_does() -> None:
    exchange = Exchange()
    exchange.send(BUY)
    assert exchange.fills(opened(100.0)) == [(100.0, 10.0)]
    exchange.send(BUY, limit="99")
    assert exchange.fills(opened(100.0), bar(100.0, 100.0, 99.0, 100.0, volume=3.0)) == [(99.0, 3.0)]


def test_a_market_order_sent_inside_a_bar_meets_its_last_price() -> None:
    exchange = Exchange()
    exchange.send(BUY, ts=MINUTE + 20 * SECOND)
    report = exchange.reports(bar(100.0, 110.0, 90.0, 105.0))[0]
    assert (report.fill.price, report.fill.ts) == (105, 2 * MINUTE - 1)


@pytest.mark.parametrize(
    ("seconds", "filled"),
    [
        (0, [(99.0, 10.0)]),  # all of it is ahead
        (30, [(99.0, 10.0)]),  # arrives at 99.50, on the way down
        (39, [(97.25, 10.0)]),  # arrives at 97.25, and gets that
        (41, [(97.5, 10.0)]),  # arrives at 97.50, on the way up
        (50, []),
    ],
)
def test_an_order_meets_of_a_bar_what_comes_after_it(seconds: int, filled: list[tuple[float, float]]) -> None:
    """The path is 100, 102, 97, 107, at 0, 20, 40 and 60 seconds."""
    exchange = Exchange()
    exchange.send(BUY, limit="99", ts=MINUTE + seconds * SECOND)
    assert exchange.fills(bar(100.0, 102.0, 97.0, 107.0)) == filled


@pytest.mark.parametrize(("side", "open_"), [(BUY, 95.0), (SELL, 105.0)])
def test_an_open_beyond_a_limit_fills_it_at_its_own_price_if_it_rested_and_at_the_open_if_it_arrives(
    side: Side, open_: float
) -> None:
    exchange = Exchange()
    exchange.send(side, limit="100")
    assert exchange.fills(opened(open_)) == [(open_, 10.0)]
    exchange.send(side, limit="100")
    calm = 101.0 if side is BUY else 99.0
    assert exchange.fills(opened(calm), opened(open_, 2)) == [(100.0, 10.0)]


@pytest.mark.parametrize(("side", "open_"), [(BUY, 105.0), (SELL, 95.0)])
def test_a_stop_that_the_open_jumps_over_fills_at_the_open(side: Side, open_: float) -> None:
    exchange = Exchange()
    exchange.send(side, stop="100")
    assert exchange.fills(opened(open_), bar(open_, 110.0, 90.0, open_)) == [(open_, 10.0)]
    exchange.send(side, stop="100", ts=2 * MINUTE + 1)  # too late for the open itself
    assert exchange.fills(opened(open_, 2), bar(open_, 110.0, 90.0, open_, 2)) == [(open_, 10.0)]


@pytest.mark.parametrize(("side", "calm"), [(BUY, 99.0), (SELL, 101.0)])
def test_a_stop_reached_inside_a_bar_fills_at_its_price(side: Side, calm: float) -> None:
    exchange = Exchange()
    exchange.send(side, stop="100")
    assert exchange.fills(opened(calm), bar(calm, 103.0, 97.0, calm)) == [(100.0, 10.0)]
    assert exchange.simulator.guessed_path


def test_spread_and_slippage_worsen_a_stop_inside_a_bar() -> None:
    exchange = Exchange(half_spread_ticks=Decimal(1), slippage_bps=Decimal(1))
    exchange.send(SELL, stop="100")
    assert exchange.fills(bar(101.0, 101.0, 97.0, 98.0)) == [(99.98, 10.0)]


def test_the_extreme_nearer_to_the_open_comes_first() -> None:
    """A stop limit is triggered high and its limit is low: only where the high comes first is the low still ahead."""
    for high, low, filled in ((102.0, 97.0, [(98.0, 10.0)]), (103.0, 97.0, []), (104.0, 97.0, [])):
        exchange = Exchange()
        exchange.send(BUY, stop="102", limit="98")
        assert exchange.fills(bar(100.0, high, low, 100.0)) == filled, (high, low)


def test_which_extreme_is_nearer_is_measured_on_the_grid() -> None:
    """0.1 up and 0.1 down, which floats see as different."""
    for open_ in (100.2, 100.3, 1.1, 0.3):
        exchange = Exchange()
        stop, limit = (format(open_ + d, ".2f") for d in (0.1, -0.1))
        exchange.send(BUY, stop=stop, limit=limit)
        assert exchange.fills(bar(open_, open_ + 0.1, open_ - 0.1, open_)) == [], open_


def test_a_stop_limit_triggered_and_met_inside_one_bar() -> None:
    exchange = Exchange()
    exchange.send(BUY, stop="100", limit="101")
    assert exchange.fills(bar(99.0, 103.0, 98.0, 103.0)) == [(100.0, 10.0)]
    exchange = Exchange()
    exchange.send(BUY, stop="100", limit="101")
    assert exchange.fills(opened(103.0), bar(103.0, 104.0, 102.0, 103.0)) == []
    assert exchange.fills(opened(102.0, 2), bar(102.0, 102.0, 100.5, 102.0, 2)) == [(101.0, 10.0)]


def test_a_limit_on_a_bar_needs_the_half_spread_as_on_ticks() -> None:
    exchange = Exchange(half_spread_ticks=Decimal(2))
    exchange.send(BUY, limit="100")
    assert exchange.fills(opened(101.0), bar(101.0, 101.0, 100.0, 101.0), bar(101.0, 101.0, 99.99, 101.0, 2)) == []
    assert exchange.fills(bar(101.0, 101.0, 99.98, 101.0, 3)) == [(100.0, 10.0)]


def test_no_price_of_a_bar_guesses_a_path_for_market_orders() -> None:
    exchange = Exchange()
    exchange.send(BUY)
    exchange.fills(opened(100.0), bar(100.0, 101.0, 99.0, 100.0))
    assert not exchange.simulator.guessed_path


# --- whatever the prices -----------------------------------------------------------------------------------------

levels = st.integers(80, 120)
MIRROR = 200
UNIT = Instrument("SIM", "X", tick_size=Decimal(1))


@st.composite
def four(draw: st.DrawFn) -> tuple[float, float, float, float]:
    open_, close = draw(levels), draw(levels)
    high = max(open_, close) + draw(st.integers(0, 10))
    low = min(open_, close) - draw(st.integers(0, 10))
    return float(open_), float(high), float(low), float(close)


Prices = list[tuple[float, float, float, float]]
orders = st.tuples(st.sampled_from([BUY, SELL]), st.none() | levels, st.none() | levels)


def path_of(prices: tuple[float, float, float, float]) -> tuple[float, ...]:
    open_, high, low, close = prices
    turns = (high, low) if high - open_ < open_ - low else (low, high)
    return (open_, *turns, close)


def text(level: int | None) -> str | None:
    return None if level is None else str(level)


def on_bars(
    order: tuple[Side, int | None, int | None], prices: Prices, spread: int, *, opens: bool = True
) -> list[tuple[int, float, float]]:
    """Return fills as (bar, price, quantity)."""
    side, limit, stop = order
    exchange = Exchange(half_spread_ticks=Decimal(spread))
    exchange.send(side, text(limit), text(stop), instrument=UNIT)
    found = []
    for k, (open_, high, low, close) in enumerate(prices, 1):
        events: list[MarketEvent] = [opened(open_, k)] if opens else []
        events.append(bar(open_, high, low, close, k))
        found += [(k, *fill) for fill in exchange.fills(*events)]
    return found


def on_ticks(order: tuple[Side, int | None, int | None], prices: Prices, spread: int) -> list[tuple[int, float, float]]:
    side, limit, stop = order
    exchange = Exchange(half_spread_ticks=Decimal(spread))
    exchange.send(side, text(limit), text(stop), instrument=UNIT)
    rows = [(k, price) for k, one in enumerate(prices, 1) for price in path_of(one)]
    return [(k, *fill) for k, price in rows for fill in exchange.fills(tick(price))]


@given(order=orders, prices=st.lists(four(), min_size=1, max_size=6), spread=st.integers(0, 3))
def test_mirrored_prices_and_sides_give_mirrored_fills(
    order: tuple[Side, int | None, int | None], prices: Prices, spread: int
) -> None:
    assume(all(high - open_ != open_ - low for open_, high, low, _ in prices))  # a tie goes low first in both
    side, limit, stop = order
    mirrored = [(MIRROR - o, MIRROR - low, MIRROR - h, MIRROR - c) for o, h, low, c in prices]
    other = (side.opposite, limit and MIRROR - limit, stop and MIRROR - stop)
    for fills, mirrored_fills in (
        (on_bars(order, prices, spread), on_bars(other, mirrored, spread)),
        (on_ticks(order, prices, spread), on_ticks(other, mirrored, spread)),
    ):
        assert [(k, MIRROR - price, quantity) for k, price, quantity in mirrored_fills] == fills


@given(order=orders, prices=st.lists(four(), min_size=1, max_size=6), spread=st.integers(0, 3))
def test_a_bar_fills_what_the_ticks_of_its_path_fill_and_a_limit_never_worse_than_said(
    order: tuple[Side, int | None, int | None], prices: Prices, spread: int
) -> None:
    """Between two prices of a path lie all the others, so a stop can only do better on a bar."""
    side, limit, stop = order
    bars, ticks = on_bars(order, prices, spread), on_ticks(order, prices, spread)
    if stop is None:
        assert bars == ticks
    elif limit is None:
        assert [k for k, *_ in bars] == [k for k, *_ in ticks]
        assert all(b[1] * side.sign <= t[1] * side.sign for b, t in zip(bars, ticks, strict=True))
    else:
        assert len(bars) >= len(ticks)
        assert all(b[0] <= t[0] for b, t in zip(bars, ticks, strict=False))
    if limit is not None:
        assert all(price * side.sign <= limit * side.sign for _, price, _ in bars + ticks)


@given(
    order=orders,
    prices=st.lists(four(), min_size=1, max_size=6),
    volumes=st.lists(st.integers(0, 7), min_size=6, max_size=6),
)
def test_an_order_fills_whole_or_less_but_never_more(
    order: tuple[Side, int | None, int | None], prices: Prices, volumes: list[int]
) -> None:
    side, limit, stop = order
    exchange = Exchange()
    sent = exchange.send(side, text(limit), text(stop), instrument=UNIT)
    for k, (one, volume) in enumerate(zip(prices, volumes, strict=False), 1):
        before = sent.filled
        exchange.fills(bar(*one, k, float(volume)))
        assert sent.filled <= sent.quantity
        assert volume == 0 or sent.filled - before <= volume
    assert exchange.simulator.busy is (sent.remaining > 0)
