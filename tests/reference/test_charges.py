"""Charges against what a broker's own calculator said on its day: recorded answers of Kite's margin and charges API.

What the answers leave out is left out: they show stamp duty as 0 or rounded, and not always the levy for IPFT.
"""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tests.shared import shared
from tests.unit.core.markets.listed import make_future, make_option, make_share
from tradingd.core.markets.charges import Charges, charge
from tradingd.model.trading import Product, Side

if TYPE_CHECKING:
    from tradingd.model.instrument import Instrument

DAY = Product.INTRADAY
CARRY = Product.CARRY_FORWARD


def answer(name: str) -> Any:
    return json.loads(shared(f"data/kite_mocks/{name}").read_text(encoding="utf-8"), parse_float=Decimal)["data"]


def cost(
    instrument: Instrument, product: Product, side: Side, date: dt.date, price: str, units: int, note: dict[str, Any]
) -> Charges:
    """Charge a trade, and compare what both sides name in the same way."""
    paid = charge(instrument, product, side, date, Decimal(price), Decimal(units))
    assert paid.stt == note["transaction_tax"]
    assert paid.sebi == note["sebi_turnover_charge"]
    assert abs(paid.gst - note["gst"]["total"]) < Decimal("1e-12")
    return paid


def test_contract_note_of_july_2023() -> None:
    date = dt.date(2023, 7, 10)
    share, metal, option = (order["charges"] for order in answer("virtual_contract_note.json"))

    paid = cost(make_share(), CARRY, Side.BUY, date, "560", 1, share)
    assert paid.exchange + paid.ipft == share["exchange_turnover_charge"]
    assert paid.brokerage == share["brokerage"] == 0

    paid = cost(make_future("GOLDPETAL", exchange="MCX"), CARRY, Side.SELL, date, "5862", 1, metal)
    assert paid.exchange == metal["exchange_turnover_charge"]
    assert paid.brokerage == metal["brokerage"]
    assert paid.total == metal["total"]

    paid = cost(make_option(strike=17_900, right="PE"), CARRY, Side.BUY, date, "1.5", 100, option)
    assert paid.exchange + paid.ipft == option["exchange_turnover_charge"]
    assert paid.brokerage == option["brokerage"]
    assert abs(paid.total - paid.stamp - option["total"]) < Decimal("1e-12")


def test_basket_of_july_2023() -> None:
    note = answer("basket_margins.json")["orders"][0]["charges"]
    paid = cost(make_option(strike=20_600), CARRY, Side.SELL, dt.date(2023, 7, 10), "35.65", 75, note)
    assert paid.exchange == note["exchange_turnover_charge"]
    assert paid.brokerage == note["brokerage"]
    assert abs(paid.total - paid.ipft - note["total"]) < Decimal("1e-12")


def test_share_bought_between_2021_and_2023() -> None:
    """Its own brokerage of a paisa aside."""
    note = answer("order_margins.json")[0]["charges"]
    paid = charge(make_share("INFY"), CARRY, Side.BUY, dt.date(2022, 7, 1), Decimal(1498), Decimal(1))
    assert paid.stt == note["transaction_tax"]
    assert paid.exchange == note["exchange_turnover_charge"]
    assert paid.sebi == note["sebi_turnover_charge"]
    assert round(paid.stamp, 2) == note["stamp_duty"]
