from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.markets.listed import make_future, make_option
from tradingd.core.markets.pricing import YEAR, _exp, _log, _normal, intrinsic, option_price, years
from tradingd.core.markets.sessions import market
from tradingd.model.market import DAY, HOUR

forwards = st.floats(1, 100_000)
moneyness = st.floats(0.5, 2)
times = st.floats(0, 3)
volatilities = st.floats(0, 3)
rates = st.floats(-0.05, 0.2)


@pytest.mark.parametrize(
    ("right", "settled", "paid"),
    [("CE", "24561.30", "61.30"), ("CE", "24480", "0"), ("PE", "24480", "20"), ("PE", "24561.30", "0")],
)
def test_an_option_is_worth_what_it_is_inside_at_expiry(right: str, settled: str, paid: str) -> None:
    assert intrinsic(make_option(right=right), Decimal(settled)) == Decimal(paid)
    assert intrinsic(make_future(), Decimal(settled)) == 0


def test_time_runs_by_the_calendar_to_the_close_of_the_last_session() -> None:
    session = market("NFO").session_on(dt.date(2026, 7, 21))
    assert session is not None
    close = session.ts_close
    assert years(close - 7 * DAY, close) == 7 / 365
    assert years(close - 6 * HOUR, close) == 0.25 / 365
    assert years(close, close) == years(close + DAY, close) == 0
    assert YEAR == 365 * DAY


@given(forwards, moneyness, times, volatilities, rates)
def test_a_call_less_a_put_is_the_discounted_forward_less_the_strike(
    ahead: float, share: float, time: float, volatility: float, rate: float
) -> None:
    strike = ahead * share
    call, put = (option_price(right, ahead, strike, time, volatility, rate) for right in ("CE", "PE"))
    assert call - put == pytest.approx(math.exp(-rate * time) * (ahead - strike), abs=1e-11 * ahead)


@given(forwards, moneyness, times, volatilities, rates, st.sampled_from(["CE", "PE"]))
def test_a_price_is_between_its_bounds(
    ahead: float, share: float, time: float, volatility: float, rate: float, right: str
) -> None:
    strike, discount = ahead * share, math.exp(-rate * time)
    price = option_price(right, ahead, strike, time, volatility, rate)
    inside = max(ahead - strike if right == "CE" else strike - ahead, 0.0)
    most = ahead if right == "CE" else strike
    slack = 1e-11 * ahead
    assert discount * inside - slack <= price <= discount * most + slack
    assert price >= 0


@given(forwards, moneyness, st.sampled_from(["CE", "PE"]))
def test_at_expiry_it_is_the_intrinsic_value(ahead: float, share: float, right: str) -> None:
    strike = ahead * share
    inside = max(ahead - strike if right == "CE" else strike - ahead, 0.0)
    assert option_price(right, ahead, strike, 0.0, 0.2) == inside
    assert option_price(right, ahead, strike, 1.0, 0.0) == inside


def test_more_time_and_more_volatility_cost_more() -> None:
    prices = [option_price("CE", 24_500, 24_700, days / 365, 0.12) for days in range(8)]
    assert prices == sorted(set(prices))
    prices = [option_price("PE", 24_500, 24_300, 7 / 365, percent / 100) for percent in range(1, 40)]
    assert prices == sorted(set(prices))


def test_a_known_price_to_the_last_bit() -> None:
    """The bits are pinned: another build or machine must give the same, as orders are made of them."""
    assert option_price("CE", 24_500.0, 24_600.0, 7 / 365, 0.12, 0.065).hex() == "0x1.d5e6eeae71177p+6"
    assert option_price("PE", 24_500.0, 24_600.0, 7 / 365, 0.12, 0.065).hex() == "0x1.b2b3ae687a347p+7"


@pytest.mark.parametrize(
    ("ahead", "strike", "time", "volatility"),
    [(0.0, 1.0, 1.0, 0.1), (1.0, -1.0, 1.0, 0.1), (1.0, 1.0, -1.0, 0.1), (1.0, 1.0, 1.0, -0.1), (math.nan, 1, 1, 1)],
)
def test_nonsense_is_refused_with_its_figures(ahead: float, strike: float, time: float, volatility: float) -> None:
    with pytest.raises(ValueError, match=f"not forward {ahead}, strike {strike}, time {time}, volatility {volatility}"):
        option_price("CE", ahead, strike, time, volatility)


@given(st.floats(-600, 600))
def test_the_exponential_is_right(x: float) -> None:
    assert _exp(x) == pytest.approx(math.exp(x), rel=1e-15)


@given(st.floats(1e-300, 1e300))
def test_the_logarithm_is_right(x: float) -> None:
    assert _log(x) == pytest.approx(math.log(x), rel=1e-15, abs=1e-16)


@given(st.floats(-40, 40))
def test_the_normal_distribution_is_right(x: float) -> None:
    assert _normal(x) == pytest.approx(0.5 * math.erfc(-x / math.sqrt(2)), rel=1e-12, abs=4e-16)
