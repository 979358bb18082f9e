from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from tradingd.model.instrument import Instrument
from tradingd.model.trading import Position, Product, Side, Slot


def make_position(side: Side = Side.BUY, multiplier: str = "1") -> Position:
    instrument = Instrument("SIM", "X", multiplier=Decimal(multiplier))
    return Position("s-20240101-p-r1", "s", "p", "", instrument, side, Product.INTRADAY, dt.date(2024, 1, 1), "e", 1)


def enter(position: Position, price: str, quantity: str) -> None:
    position.entered += Decimal(quantity)
    position.quantity += Decimal(quantity)
    position.entry_value += Decimal(price) * Decimal(quantity)


def leave(position: Position, price: str, quantity: str) -> None:
    position.exited += Decimal(quantity)
    position.quantity -= Decimal(quantity)
    position.exit_value += Decimal(price) * Decimal(quantity)


def test_sides() -> None:
    assert (Side.BUY.sign, Side.SELL.sign) == (1, -1)
    assert Side.BUY.opposite is Side.SELL
    assert Side.SELL.opposite is Side.BUY


@pytest.mark.parametrize(("side", "pnl"), [(Side.BUY, "150"), (Side.SELL, "-150")])
def test_pnl_is_the_signed_difference_times_quantity_and_multiplier(side: Side, pnl: str) -> None:
    position = make_position(side, "50")
    enter(position, "100.10", "3")
    leave(position, "101.10", "3")
    assert position.pnl == Decimal(pnl)


def test_pnl_of_thirds_is_exact_when_flat() -> None:
    position = make_position()
    enter(position, "100.01", "1")
    enter(position, "100.02", "1")
    enter(position, "100.02", "1")
    leave(position, "100.03", "2")
    assert position.pnl == pytest.approx(Decimal("0.0266666667"), abs=Decimal("1e-9"))
    leave(position, "100.03", "1")
    assert position.pnl == Decimal("0.04")


def test_pnl_of_long_numbers_is_exact_when_flat() -> None:
    """A satoshi grid on both sides: the products have more digits than the default precision."""
    position = make_position()
    for price, quantity in (("67123.45678901", "123.12345678"), ("67123.45678907", "0.00000001")):
        enter(position, price, quantity)
        leave(position, price, quantity)
    assert position.pnl == 0


def test_before_the_first_fill_there_are_no_averages() -> None:
    position = make_position()
    assert position.entry_price == 0
    assert position.exit_price is None
    assert position.pnl == 0


def test_averages_are_of_what_was_filled() -> None:
    position = make_position()
    enter(position, "10", "1")
    enter(position, "20", "3")
    assert position.entry_price == Decimal("17.5")
    leave(position, "30", "1")
    leave(position, "10", "1")
    assert position.exit_price == 20
    assert position.pnl == 5


def test_what_a_slot_may_still_close() -> None:
    five = Decimal(5)
    assert Slot("p", "").flat
    assert not Slot("p", "", opening=five).flat
    assert not Slot("p", "", open=five).flat
    assert Slot("p", "", open=five, closing=Decimal(3)).free == 2
    assert Slot("p", "", opening=five).free == 0
