from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.markets.listed import make_coin, make_future, make_option, make_share
from tradingd.core.markets.order_rules import (
    Band,
    freeze_quantity,
    market_limit,
    off_lot,
    off_tick,
    on_tick,
    outside_band,
    price_band,
    product_code,
    refuse,
    slices,
    square_off,
)
from tradingd.model.instrument import Instrument, InstrumentKind
from tradingd.model.trading import OrderType, Product, Purpose, Side

NOW = dt.date(2026, 7, 15)
DAY = Product.INTRADAY
CARRY = Product.CARRY_FORWARD


def verdict(
    instrument: Instrument,
    type_: OrderType = OrderType.LIMIT,
    *,
    side: Side = Side.BUY,
    product: Product = DAY,
    purpose: Purpose = Purpose.ENTRY,
    quantity: int = 65,
    limit: str | None = "100",
    stop: str | None = None,
    date: dt.date = NOW,
    last: str | None = "100",
    reference: str | None = None,
) -> str:
    limit_price, stop_price, price, around = (x and Decimal(x) for x in (limit, stop, last, reference))
    return refuse(
        instrument, side, type_, product, purpose, Decimal(quantity), limit_price or None, stop_price or None, date,
        last=price or None, reference=around or None,
    )  # fmt: skip


def test_an_order_that_keeps_the_rules_is_taken() -> None:
    assert verdict(make_option()) == ""
    assert verdict(make_option(), OrderType.MARKET, limit=None) == ""
    assert verdict(make_option(), OrderType.STOP_LIMIT, stop="99") == ""


def test_derivatives_trade_in_whole_lots() -> None:
    assert off_lot(make_option(), Decimal(130)) == ""
    told = off_lot(make_option(), Decimal(70))
    assert told == "NIFTY 24500 CE 21-Jul-2026: quantity 70 is not a multiple of the lot 65; 65 or 130 would be"
    assert "65 would be" in off_lot(make_option(), Decimal(10))
    assert verdict(make_option(), quantity=70) == told


def test_the_rest_trades_in_whole_steps() -> None:
    assert off_lot(make_coin(), Decimal("0.00001")) == ""
    assert "multiple of the step 0.00001" in off_lot(make_coin(), Decimal("0.000015"))
    assert "not positive" in off_lot(make_share(), Decimal(0))


def test_an_index_cannot_be_traded() -> None:
    index = Instrument("NSE", "NIFTY", InstrumentKind.INDEX, tick_size=Decimal("0.05"))
    assert "cannot be traded" in verdict(index, quantity=1)


@pytest.mark.parametrize(
    ("side", "marketable", "price"),
    [
        (Side.BUY, True, "101.05"),
        (Side.BUY, False, "101.00"),
        (Side.SELL, True, "101.00"),
        (Side.SELL, False, "101.05"),
    ],
)
def test_a_price_comes_onto_the_grid_by_what_it_is_for(side: Side, marketable: bool, price: str) -> None:
    assert on_tick(make_option(), Decimal("101.03"), side, marketable=marketable) == Decimal(price)


def test_a_future_has_the_tick_of_its_list() -> None:
    future = make_future(tick="0.10")
    assert on_tick(future, Decimal("24512.35"), Side.BUY, marketable=True) == Decimal("24512.4")
    assert on_tick(future, Decimal("24512.35"), Side.SELL, marketable=True) == Decimal("24512.3")
    told = off_tick(future, Decimal("24512.35"))
    assert "is not a multiple of the tick 0.10; 24512.30 or 24512.40 would be" in told
    assert verdict(future, limit="24512.35") == told


def test_no_price_falls_to_nothing() -> None:
    assert on_tick(make_option(), Decimal("0.01"), Side.SELL, marketable=True) == Decimal("0.05")
    assert off_tick(make_option(), Decimal("0.03")).endswith("; 0.05 would be")
    assert "not above 0" in off_tick(make_option(), Decimal(0))


@pytest.mark.parametrize("type_", [OrderType.LIMIT, OrderType.STOP_LIMIT])
def test_an_order_needs_the_prices_of_its_type(type_: OrderType) -> None:
    assert "needs a limit price" in verdict(make_option(), type_, limit=None, stop="1")
    assert "needs a stop price" in verdict(make_option(), OrderType.STOP_LIMIT, stop=None)
    assert "stop price 99.97" in verdict(make_option(), OrderType.STOP_LIMIT, stop="99.97")


def test_options_take_no_stop_market_order_since_september_2021() -> None:
    told = verdict(make_option(), OrderType.STOP, limit=None, stop="90")
    assert told == "NIFTY 24500 CE 21-Jul-2026: NFO options take no stop orders; a stop-limit order (SL) would be taken"
    assert verdict(make_option(), OrderType.STOP, limit=None, stop="90", date=dt.date(2021, 9, 26)) == ""
    assert verdict(make_future(), OrderType.STOP, limit=None, stop="90") == ""
    assert "BSE take no stop orders" in verdict(make_share(exchange="BSE"), OrderType.STOP, limit=None, stop="90")


def test_a_contract_that_has_not_traded_takes_no_market_order() -> None:
    told = verdict(make_option(), OrderType.MARKET, limit=None, last=None)
    assert told.startswith("NIFTY 24500 CE 21-Jul-2026 has not traded on 2026-07-15: no market order is taken")
    assert verdict(make_option(), last=None) == ""
    assert verdict(make_share(), OrderType.MARKET, limit=None, last=None) == ""


def test_shares_that_are_not_held_cannot_be_delivered() -> None:
    told = verdict(make_share(), side=Side.SELL, product=CARRY)
    assert "carry_forward sale of shares that are not held" in told
    assert verdict(make_share(), side=Side.SELL, product=CARRY, purpose=Purpose.EXIT) == ""
    assert verdict(make_share(), side=Side.SELL) == ""
    assert verdict(make_option(), side=Side.SELL, product=CARRY) == ""


@pytest.mark.parametrize(
    ("quantity", "freeze", "parts"),
    [
        (3965, 1800, (1755, 1755, 455)),
        (1755, 1800, (1755,)),
        (1820, 1800, (1755, 65)),
        (1755, 1755, (1755,)),
        (10**6, None, (10**6,)),
    ],
)
def test_a_quantity_is_cut_into_whole_lots(quantity: int, freeze: int | None, parts: tuple[int, ...]) -> None:
    limit = None if freeze is None else Decimal(freeze)
    assert list(slices(Decimal(quantity), Decimal(65), limit)) == list(map(Decimal, parts))


def test_a_quantity_that_is_the_limit_is_one_order() -> None:
    assert slices(Decimal(1800), Decimal(50), Decimal(1800)) == (Decimal(1800),)


def test_a_lot_that_does_not_fit_is_said() -> None:
    with pytest.raises(ValueError, match="a lot of 65 does not fit into an order of at most 50"):
        slices(Decimal(130), Decimal(65), Decimal(50))
    tight = make_option(freeze=Decimal(50))
    assert "a lot of 65 does not fit into an order of at most 50" in verdict(tight)


@given(st.integers(1, 500), st.sampled_from([25, 30, 65]), st.integers(65, 3000))
def test_slices_are_the_quantity_again(lots: int, lot: int, freeze: int) -> None:
    parts = slices(Decimal(lots * lot), Decimal(lot), Decimal(freeze))
    assert sum(parts) == lots * lot
    assert all(0 < part <= freeze and part % lot == 0 for part in parts)
    assert len(set(parts[:-1])) <= 1


@pytest.mark.parametrize(
    ("underlying", "date", "units"),
    [
        ("BANKNIFTY", dt.date(2025, 10, 31), 900),
        ("BANKNIFTY", dt.date(2025, 11, 3), 600),
        ("FINNIFTY", dt.date(2025, 12, 1), 1200),
        ("NIFTY", NOW, 1800),
    ],
)
def test_the_limit_on_one_order_by_date(underlying: str, date: dt.date, units: int) -> None:
    assert freeze_quantity(make_option(underlying), date) == units


def test_the_limit_changes_how_an_order_is_cut() -> None:
    """BANKNIFTY, January 2026: 900 units were one order until 3 November 2025, then two."""
    contract, units = make_option("BANKNIFTY", lot=30), Decimal(900)
    before, after = (freeze_quantity(contract, dt.date(2025, *day)) for day in ((10, 31), (11, 3)))
    assert slices(units, contract.lot_size, before) == (units,)
    assert slices(units, contract.lot_size, after) == (Decimal(600), Decimal(300))


def test_the_lists_own_limit_wins() -> None:
    assert freeze_quantity(make_option(freeze=Decimal(1755)), NOW) == 1755
    assert freeze_quantity(make_option("RELIANCE"), NOW) is None


def test_an_entry_of_more_than_ten_orders_is_refused_and_an_exit_is_not() -> None:
    told = verdict(make_option(), quantity=11 * 1755)
    assert "needs 11 orders of at most 1755; 17550 in 10 would be taken" in told
    assert verdict(make_option(), quantity=10 * 1755) == ""
    assert verdict(make_option(), quantity=11 * 1755, purpose=Purpose.EXIT) == ""
    assert verdict(make_option(), quantity=11 * 1755, date=dt.date(2026, 3, 31)) == ""


@pytest.mark.parametrize(
    ("instrument", "reference", "low", "high"),
    [
        (make_option(), "217", "130.20", "303.80"),
        (make_option(), "50", "30", "70"),
        (make_option(), "12", "0.05", "32"),
        (make_option("RELIANCE"), "60", "36", "84"),
        (make_option("SENSEX", exchange="BFO"), "40", "10", "70"),
        (make_option("SENSEX", exchange="BFO"), "100", "40", "160"),
        (make_future(), "24500", "24010", "24990"),
        (make_future("RELIANCE", tick="0.05"), "1000", "970", "1030"),
    ],
)
def test_limit_prices_have_a_band(instrument: Instrument, reference: str, low: str, high: str) -> None:
    band = price_band(instrument, Decimal(reference), NOW)
    assert band == Band(Decimal(reference), Decimal(low), Decimal(high))


def test_a_sale_below_its_band_is_refused() -> None:
    option = make_option()
    told = verdict(option, side=Side.SELL, limit="100", reference="217")
    assert told == "NIFTY 24500 CE 21-Jul-2026: a sale at 100 is below the band around 217; at least 130.20 is taken"
    assert verdict(option, side=Side.SELL, limit="135", reference="217") == ""
    assert verdict(option, side=Side.SELL, limit="500", reference="217") == ""
    assert "a buy at 304 is above the band" in verdict(option, limit="304", reference="217")
    assert verdict(option, limit="0.05", reference="217") == ""
    assert verdict(option, side=Side.SELL, limit="100") == ""
    assert verdict(make_share(), limit="1", reference="217", quantity=1) == ""


def test_bands_begin_when_they_were_introduced() -> None:
    before = dt.date(2022, 10, 30)
    assert price_band(make_option(), Decimal(217), before) is None
    assert price_band(make_option(), Decimal(217), before + dt.timedelta(days=1)) is not None
    assert price_band(make_option("RELIANCE"), Decimal(217), dt.date(2023, 1, 24)) is None


def test_a_sale_at_the_edge_is_inside() -> None:
    band = Band(Decimal(217), Decimal("130.20"), Decimal("303.80"))
    assert outside_band(make_option(), Side.SELL, Decimal("130.20"), band) == ""
    assert outside_band(make_option(), Side.BUY, Decimal("303.80"), band) == ""


@pytest.mark.parametrize(
    ("instrument", "side", "last", "limit"),
    [
        (make_option(), Side.BUY, "50", "51.50"),
        (make_option(), Side.SELL, "50", "48.50"),
        (make_option(), Side.BUY, "8", "8.40"),
        (make_option(), Side.BUY, "217", "221.35"),
        (make_option(), Side.SELL, "800", "792"),
        (make_option(), Side.SELL, "0.05", "0.05"),
        (make_future(), Side.BUY, "24500", "24622.5"),
        (make_share(), Side.BUY, "90", "91.80"),
    ],
)
def test_a_market_order_goes_out_as_a_limit(instrument: Instrument, side: Side, last: str, limit: str) -> None:
    assert market_limit(instrument, side, Decimal(last), NOW) == Decimal(limit)


def test_a_market_order_never_goes_beyond_its_band() -> None:
    band = price_band(make_option(), Decimal(50), NOW)
    wide = Decimal(60)
    assert market_limit(make_option(), Side.BUY, Decimal(50), NOW, percent=wide) == 80
    assert market_limit(make_option(), Side.BUY, Decimal(50), NOW, percent=wide, band=band) == 70
    assert market_limit(make_option(), Side.SELL, Decimal(50), NOW, percent=wide, band=band) == 30


def test_a_market_order_is_one_where_the_venue_takes_it() -> None:
    assert market_limit(make_option(), Side.BUY, Decimal(50), dt.date(2026, 3, 31)) is None
    assert market_limit(make_coin(), Side.BUY, Decimal(50), NOW) is None


@pytest.mark.parametrize(
    ("instrument", "product", "code"),
    [
        (make_option(), DAY, "MIS"),
        (make_option(), CARRY, "NRML"),
        (make_share(), CARRY, "CNC"),
        (make_share(), DAY, "MIS"),
        (make_coin(), DAY, ""),
    ],
)
def test_a_product_has_the_brokers_name(instrument: Instrument, product: Product, code: str) -> None:
    assert product_code(instrument, product, NOW) == code


@pytest.mark.parametrize(
    ("instrument", "opens", "closes", "at"),
    [
        (make_share(), "09:15", "15:30", "15:20"),
        (make_option(), "09:15", "15:30", "15:25"),
        (make_option(), "09:15", "15:40", "15:25"),
        (make_share(), "09:15", "15:15", "15:05"),
        (make_option(), "13:45", "14:45", "14:35"),
        (make_option(), "18:00", "19:00", "18:50"),
        (make_coin(), "00:00", "23:59", None),
    ],
)
def test_the_broker_closes_what_is_left_within_the_session(
    instrument: Instrument, opens: str, closes: str, at: str | None
) -> None:
    expected = None if at is None else dt.time.fromisoformat(at)
    assert square_off(instrument, NOW, dt.time.fromisoformat(opens), dt.time.fromisoformat(closes)) == expected
