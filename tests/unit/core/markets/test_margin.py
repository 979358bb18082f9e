from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.markets.listed import make_coin, make_future, make_option, make_share
from tradingd.core.markets.margin import Holding, required
from tradingd.model.instrument import Instrument, InstrumentKind
from tradingd.model.trading import Product

NOW = dt.date(2026, 7, 15)
SPOT = Decimal(24_500)
SPOTS = {"NIFTY": SPOT}
NOTIONAL = SPOT * 65


def held(instrument: Instrument, quantity: int, price: float, product: Product = Product.INTRADAY) -> Holding:
    return Holding(instrument, product, Decimal(quantity), Decimal(str(price)))


def test_nothing_held_binds_nothing() -> None:
    assert required([], {}, NOW) == 0


def test_a_long_option_binds_its_premium() -> None:
    assert required([held(make_option(), 65, 150)], SPOTS, NOW) == 9_750


def test_a_short_option_binds_a_share_of_the_underlying_whatever_its_premium() -> None:
    for price in (1, 150, 400):
        assert required([held(make_option(), -65, price)], SPOTS, NOW) == NOTIONAL * Decimal("0.14")


def test_far_out_of_the_money_the_exposure_is_higher() -> None:
    near, far = make_option(strike=26_950), make_option(strike=27_000)
    assert required([held(near, -65, 1)], SPOTS, NOW) == NOTIONAL * Decimal("0.14")
    assert required([held(far, -65, 1)], SPOTS, NOW) == NOTIONAL * Decimal("0.15")
    assert required([held(make_option(strike=22_000, right="PE"), -65, 1)], SPOTS, NOW) == NOTIONAL * Decimal("0.15")
    assert required([held(make_option(strike=27_000, right="PE"), -65, 2600)], SPOTS, NOW) == NOTIONAL * Decimal("0.14")


@pytest.mark.parametrize(
    ("date", "underlying", "more"),
    [
        (dt.date(2025, 3, 27), "NIFTY", 35_250),
        (dt.date(2025, 3, 26), "NIFTY", 0),
        (dt.date(2024, 11, 14), "NIFTY", 0),
        (dt.date(2025, 3, 27), "RELIANCE", 0),
    ],
)
def test_on_its_last_day_a_short_index_option_binds_two_percent_more(date: dt.date, underlying: str, more: int) -> None:
    spots = {underlying: Decimal(23_500)}
    expiry = date if more or date.year == 2024 or underlying != "NIFTY" else dt.date(2025, 3, 27)
    short, later = (
        held(make_option(underlying, 23_500, lot=75, expiry=day), -75, 80)
        for day in (expiry, expiry + dt.timedelta(days=7))
    )
    assert required([short], spots, date) - required([later], spots, date) == more


def test_the_last_day_costs_more_though_hedged_and_not_for_who_is_long() -> None:
    today = dt.date(2026, 7, 21)
    spread = [held(make_option(), -65, 100), held(make_option(strike=24_600), 65, 60)]
    assert required(spread, SPOTS, today) - required(spread, SPOTS, NOW) == NOTIONAL * Decimal("0.02")
    assert required([held(make_option(), 65, 100)], SPOTS, today) == 6_500


def test_a_spread_binds_what_it_can_lose_and_the_exposure() -> None:
    """100 points wide and sold for 40: 60 can be lost, and equity holds the 40 already."""
    sold = [held(make_option(), -65, 100), held(make_option(strike=24_600), 65, 60)]
    assert required(sold, SPOTS, NOW) == 60 * 65 + NOTIONAL * Decimal("0.02")


def test_a_bought_spread_binds_what_was_paid_for_it() -> None:
    bought = [held(make_option(), 65, 100), held(make_option(strike=24_600), -65, 60)]
    assert required(bought, SPOTS, NOW) == 40 * 65 + NOTIONAL * Decimal("0.02")


def test_an_iron_condor_can_lose_on_one_side_only() -> None:
    condor = [
        held(make_option(strike=24_700), -65, 30),
        held(make_option(strike=24_800), 65, 20),
        held(make_option(strike=24_300, right="PE"), -65, 30),
        held(make_option(strike=24_200, right="PE"), 65, 20),
    ]
    assert required(condor, SPOTS, NOW) == 80 * 65 + 2 * NOTIONAL * Decimal("0.02")


def test_a_straddle_is_scanned_on_its_worse_side_only() -> None:
    straddle = [held(make_option(), -65, 150), held(make_option(right="PE"), -65, 140)]
    assert required(straddle, SPOTS, NOW) == NOTIONAL * (Decimal("0.12") + 2 * Decimal("0.02"))


def test_what_a_ratio_leaves_open_is_scanned() -> None:
    ratio = [held(make_option(), 65, 100), held(make_option(strike=24_600), -130, 60)]
    assert required(ratio, SPOTS, NOW) == NOTIONAL * Decimal("0.12") + 2 * NOTIONAL * Decimal("0.02")


def test_a_future_binds_its_share_either_way() -> None:
    for quantity in (65, -65):
        assert required([held(make_future(), quantity, 24_560)], SPOTS, NOW) == NOTIONAL * Decimal("0.14")


def test_a_put_under_a_future_bounds_its_loss() -> None:
    married = [held(make_future(), 65, 24_500), held(make_option(strike=24_400, right="PE"), 65, 90)]
    assert required(married, SPOTS, NOW) == 190 * 65 + NOTIONAL * Decimal("0.02")


def test_another_expiry_is_no_hedge() -> None:
    near, far = make_option(), make_option(expiry=dt.date(2026, 7, 28))
    calendar = [held(near, -65, 150), held(far, 65, 250)]
    assert required(calendar, SPOTS, NOW) == NOTIONAL * Decimal("0.14") + 250 * 65


def test_shares_bind_a_fifth_within_the_day_and_their_value_beyond() -> None:
    for quantity in (100, -100):
        assert required([held(make_share(), quantity, 500)], {}, NOW) == 10_000
    assert required([held(make_share(), 100, 500, Product.CARRY_FORWARD)], {}, NOW) == 50_000


def test_coins_and_what_has_no_rule_bind_their_value() -> None:
    assert required([Holding(make_coin(), Product.INTRADAY, Decimal("0.5"), Decimal(60_000))], {}, NOW) == 30_000
    made_up = Instrument("SIM", "X", InstrumentKind.OPTION, underlying="X", strike=Decimal(100), right="CE", expiry=NOW)
    assert required([held(made_up, -1, 5)], {"X": Decimal(110)}, NOW) == 110


def test_without_a_price_of_the_underlying_the_strike_stands_in() -> None:
    assert required([held(make_option(), -65, 150)], {}, NOW) == NOTIONAL * Decimal("0.14")
    assert required([held(make_future(), 65, 24_000)], {}, NOW) == 24_000 * 65 * Decimal("0.14")


legs = st.lists(
    st.tuples(st.sampled_from(range(24_000, 25_001, 100)), st.sampled_from(["CE", "PE"]), st.integers(-3, 3)),
    min_size=1,
    max_size=5,
)


@given(legs, st.integers(23_000, 26_000))
def test_what_is_bound_covers_every_settlement_where_the_loss_is_bounded(
    legs: list[tuple[int, str, int]], settled: int
) -> None:
    """The equity that is bound is never less than what remains to be lost at any strike, or between strikes."""
    family = [held(make_option(strike=strike, right=right), 65 * lots, 120) for strike, right, lots in legs]
    net = {right: sum(lots for _, other, lots in legs if other == right) for right in ("CE", "PE")}
    bound = required(family, SPOTS, NOW)
    loss = Decimal(0)
    for strike, right, lots in legs:
        paid = max(settled - strike, 0) if right == "CE" else max(strike - settled, 0)
        loss += 65 * lots * (120 - paid)
    assert bound >= 0
    if min(net.values()) >= 0 or 24_000 <= settled <= 25_000:
        assert bound >= loss
