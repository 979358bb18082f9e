"""Option prices against QuantLib's Black formula."""

from __future__ import annotations

import math

import pytest
import QuantLib
from hypothesis import given
from hypothesis import strategies as st

from tradingd.core.markets.pricing import option_price

TYPES = {"CE": QuantLib.Option.Call, "PE": QuantLib.Option.Put}


@given(
    st.floats(0.05, 100_000),
    st.floats(0.3, 3),
    st.floats(0, 5),
    st.floats(0, 4),
    st.floats(-0.05, 0.25),
    st.sampled_from(["CE", "PE"]),
)
def test_prices_are_those_of_the_oracle(
    ahead: float, share: float, time: float, volatility: float, rate: float, right: str
) -> None:
    strike = ahead * share
    expected = QuantLib.blackFormula(TYPES[right], strike, ahead, volatility * math.sqrt(time), math.exp(-rate * time))
    assert option_price(right, ahead, strike, time, volatility, rate) == pytest.approx(expected, abs=2e-14 * ahead)


@pytest.mark.parametrize(
    ("right", "ahead", "strike", "days", "volatility"),
    [("CE", 24_312.4, 24_300, 6, 0.11), ("PE", 24_312.4, 24_300, 6, 0.11), ("CE", 56_020, 58_000, 30, 0.15)],
)
def test_prices_of_index_options_agree_to_a_millionth_of_a_tick(
    right: str, ahead: float, strike: float, days: int, volatility: float
) -> None:
    time = days / 365
    expected = QuantLib.blackFormula(TYPES[right], strike, ahead, volatility * math.sqrt(time))
    assert option_price(right, ahead, strike, time, volatility) == pytest.approx(expected, abs=5e-8)
