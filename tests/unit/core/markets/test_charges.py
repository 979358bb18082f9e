from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.markets.listed import make_coin, make_future, make_option, make_share
from tradingd.core.markets.charges import Charges, charge, depository, exercise, square_off_fee
from tradingd.core.markets.rules import tables
from tradingd.model.instrument import Instrument, InstrumentKind
from tradingd.model.trading import Product, Side

DAY = Product.INTRADAY
CARRY = Product.CARRY_FORWARD
NOW = dt.date(2026, 7, 15)


def cost(
    instrument: Instrument, side: Side, date: dt.date, price: str, quantity: int, product: Product = DAY
) -> Charges:
    return charge(instrument, product, side, date, Decimal(price), Decimal(quantity))


def test_a_bought_option_costs_what_the_contract_note_says() -> None:
    paid = cost(make_option(), Side.BUY, NOW, "150", 65)
    assert paid == Charges(
        brokerage=Decimal(20),
        exchange=Decimal("3.415425"),
        ipft=Decimal("0.04875"),
        sebi=Decimal("0.00975"),
        stamp=Decimal("0.2925"),
        gst=Decimal("4.2165315"),
    )
    assert paid.total == Decimal("27.9829565")


@pytest.mark.parametrize(
    ("date", "stt", "total"),
    [
        (dt.date(2026, 4, 1), "15.6", "43.5631536"),
        (dt.date(2026, 3, 31), "10.4", "38.3631536"),
        (dt.date(2024, 10, 1), "10.4", "38.3631536"),
    ],
)
def test_a_sold_option_pays_the_tax_of_its_day(date: dt.date, stt: str, total: str) -> None:
    paid = cost(make_option(), Side.SELL, date, "160", 65)
    assert paid.stt == Decimal(stt)
    assert paid.total == Decimal(total)


@pytest.mark.parametrize(
    ("date", "percent"),
    [
        (dt.date(2016, 5, 31), "0.017"),
        (dt.date(2023, 3, 31), "0.05"),
        (dt.date(2024, 8, 1), "0.0625"),
        (dt.date(2024, 9, 30), "0.0625"),
        (dt.date(2024, 10, 1), "0.1"),
        (dt.date(2026, 3, 31), "0.1"),
        (dt.date(2026, 4, 1), "0.15"),
    ],
)
def test_the_tax_on_sold_premium_by_date(date: dt.date, percent: str) -> None:
    assert cost(make_option(), Side.SELL, date, "1", 100).stt == Decimal(percent)
    assert cost(make_option(), Side.BUY, date, "1", 100).stt == 0


@pytest.mark.parametrize(
    ("date", "percent"),
    [(dt.date(2024, 9, 30), "0.0125"), (dt.date(2024, 10, 1), "0.02"), (dt.date(2026, 4, 1), "0.05")],
)
def test_the_tax_on_sold_futures_by_date(date: dt.date, percent: str) -> None:
    assert cost(make_future(), Side.SELL, date, "1", 100).stt == Decimal(percent)


def test_a_future_pays_a_part_of_its_value_up_to_a_cap() -> None:
    small = cost(make_future(), Side.BUY, NOW, "100", 65)
    large = cost(make_future(), Side.BUY, NOW, "24512.3", 65)
    assert small.brokerage == Decimal("1.95")
    assert large.brokerage == 20
    value = Decimal("24512.3") * 65
    assert large.total == 20 + value * (
        Decimal("0.0000173") + Decimal("0.000001") + Decimal("0.000001") + Decimal("0.00002")
    ) + Decimal("0.18") * (20 + value * (Decimal("0.0000173") + Decimal("0.000001")))


def test_shares_held_overnight_pay_both_ways_and_no_brokerage() -> None:
    bought = cost(make_share(), Side.BUY, NOW, "1000", 10, CARRY)
    sold = cost(make_share(), Side.SELL, NOW, "1000", 10, CARRY)
    assert [bought.brokerage, bought.stt, bought.stamp] == [0, 10, Decimal("1.5")]
    assert [sold.brokerage, sold.stt, sold.stamp] == [0, 10, 0]
    assert sold.exchange == Decimal("0.297")


def test_shares_of_one_day_pay_the_tax_of_a_sale_only() -> None:
    bought = cost(make_share(), Side.BUY, NOW, "1000", 10)
    sold = cost(make_share(), Side.SELL, NOW, "1000", 10)
    assert [bought.brokerage, bought.stt, bought.stamp] == [3, 0, Decimal("0.3")]
    assert [sold.brokerage, sold.stt, sold.stamp] == [3, Decimal("2.5"), 0]


def test_an_option_of_the_other_exchange_pays_its_rate_and_no_protection_fund() -> None:
    paid = cost(make_option("SENSEX", 81000, exchange="BFO", lot=20), Side.BUY, NOW, "100", 20)
    assert paid.exchange == Decimal("0.65")
    assert paid.ipft == 0


def test_a_coin_costs_the_commission_alone() -> None:
    coin = make_coin()
    for maker in (False, True):
        paid = charge(coin, DAY, Side.SELL, NOW, Decimal(60_000), Decimal("0.00123"), maker=maker)
        assert paid == Charges(brokerage=Decimal("0.0738"))


def test_the_simulated_exchange_is_free() -> None:
    made_up = Instrument("SIM", "X", InstrumentKind.OPTION, underlying="X", strike=Decimal(1), right="CE", expiry=NOW)
    assert cost(made_up, Side.SELL, NOW, "100", 1).total == 0
    assert exercise(made_up, Side.BUY, NOW, Decimal(9), Decimal(1)).total == 0


def test_without_a_broker_taxes_and_exchange_charges_stay() -> None:
    paid = charge(make_option(), DAY, Side.SELL, NOW, Decimal(160), Decimal(65), plan="zero")
    assert paid.brokerage == 0
    assert paid.stt == Decimal("15.6")
    assert paid.gst == Decimal("0.18") * (paid.exchange + paid.sebi)
    assert charge(make_coin(), DAY, Side.BUY, NOW, Decimal(1), Decimal(1), plan="zero").total == 0


@given(
    st.sampled_from([make_option(), make_future(), make_share(), make_coin()]),
    st.sampled_from(Side),
    st.lists(st.tuples(st.integers(1, 10**7), st.integers(1, 500)), min_size=1, max_size=6),
)
def test_an_order_filled_in_parts_pays_brokerage_once(
    instrument: Instrument, side: Side, parts: list[tuple[int, int]]
) -> None:
    """Whatever the parts, their charges together are those of the order's whole value."""
    done, paid = Decimal(0), Charges()
    for ticks, units in parts:
        price, quantity = ticks * instrument.tick_size, units * instrument.lot_size
        paid += charge(instrument, DAY, side, NOW, price, quantity, filled_value=done)
        done += price * quantity
    assert paid == charge(instrument, DAY, side, NOW, done, Decimal(1))


def test_slices_are_orders_of_their_own() -> None:
    whole = cost(make_option(), Side.BUY, NOW, "10", 130)
    halves = cost(make_option(), Side.BUY, NOW, "10", 65) + cost(make_option(), Side.BUY, NOW, "10", 65)
    assert halves.brokerage == 40
    assert halves.total - whole.total == Decimal("23.6")


@pytest.mark.parametrize(
    ("date", "side", "settled", "stt"),
    [
        (dt.date(2026, 7, 21), Side.BUY, "24561.30", Decimal("61.30") * 65 * Decimal("0.0015")),
        (dt.date(2026, 3, 30), Side.BUY, "24561.30", Decimal("61.30") * 65 * Decimal("0.00125")),
        (dt.date(2026, 7, 21), Side.BUY, "24480", 0),
        (dt.date(2026, 7, 21), Side.SELL, "24561.30", 0),
    ],
)
def test_an_option_that_expires_pays_on_what_it_is_worth(
    date: dt.date, side: Side, settled: str, stt: Decimal | int
) -> None:
    assert exercise(make_option(), side, date, Decimal(settled), Decimal(65)) == Charges(stt=Decimal(stt))


def test_a_future_that_expires_pays_nothing() -> None:
    assert exercise(make_future(), Side.BUY, NOW, Decimal(24_500), Decimal(65)).total == 0


def test_a_forced_exit_costs_fifty_and_its_tax() -> None:
    assert square_off_fee(make_option(), NOW).total == 59
    assert square_off_fee(make_coin(), NOW).total == 0
    assert square_off_fee(make_option(), NOW, "zero").total == 0


def test_shares_leave_the_depository_for_a_fee() -> None:
    assert depository(make_share(), NOW).total == Decimal("15.34")
    assert depository(make_share(), dt.date(2024, 9, 30)).total == Decimal("15.93")
    assert depository(make_option(), NOW).total == 0


def test_charges_are_named_one_by_one() -> None:
    paid = cost(make_option(), Side.BUY, NOW, "150", 65)
    assert sum(paid.as_dict().values()) == paid.total
    assert set(tables("charges.toml")) - {"square_off", "exercise"} == set(paid.as_dict())
