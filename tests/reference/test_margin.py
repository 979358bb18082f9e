"""The approximate margin beside what a broker asked on its day: a recorded answer of Kite's basket margins.

NIFTY at 19434.15 in July 2023: 75 calls of 20600 sold at 35.65, alone and with 75 of 20700 bought at 6.95.
"""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import pytest

from tests.shared import shared
from tests.unit.core.markets.listed import make_option
from tradingd.core.markets.margin import Holding, required
from tradingd.model.trading import Product

DATE = dt.date(2023, 7, 10)
EXPIRY = dt.date(2023, 7, 27)
SPOTS = {"NIFTY": Decimal("19434.15")}


@pytest.fixture
def asked() -> dict[str, float]:
    answer = json.loads(shared("data/kite_mocks/basket_margins.json").read_text(encoding="utf-8"))["data"]
    return {"alone": answer["orders"][0]["total"], "hedged": answer["final"]["total"]}


def held(strike: int, quantity: int, price: str) -> Holding:
    option = make_option(strike=strike, lot=75, expiry=EXPIRY)
    return Holding(option, Product.CARRY_FORWARD, Decimal(quantity), Decimal(price))


def test_a_hedged_pair_binds_what_the_broker_asked(asked: dict[str, float]) -> None:
    bound = required([held(20_600, -75, "35.65"), held(20_700, 75, "6.95")], SPOTS, DATE)
    assert float(bound) == pytest.approx(asked["hedged"], rel=0.01)


def test_a_naked_option_never_binds_less_than_the_broker_asked(asked: dict[str, float]) -> None:
    """Six percent from the money it binds twice as much: the scan is a flat share of the underlying's value."""
    bound = float(required([held(20_600, -75, "35.65")], SPOTS, DATE))
    assert asked["alone"] < bound < 2.2 * asked["alone"]
