from __future__ import annotations

import dataclasses
from decimal import Decimal

import pytest

from tradingd.model.instrument import Instrument, InstrumentKind

NICKEL = Instrument("NSE", "ACME", tick_size=Decimal("0.05"))


@pytest.mark.parametrize(
    ("value", "price"),
    [
        (100.0, "100.00"),
        (100.05, "100.05"),
        (100.07, "100.05"),
        (100.08, "100.10"),
        (2503.15, "2503.15"),
        (0.05, "0.05"),
    ],
)
def test_a_float_becomes_the_nearest_price_on_the_grid_exactly(value: float, price: str) -> None:
    assert str(NICKEL.price(value)) == price


@pytest.mark.parametrize("tick", ["0.05", "0.01", "0.25", "1", "0.00000001"])
def test_every_price_of_a_grid_survives_its_way_through_floats(tick: str) -> None:
    instrument = Instrument("SIM", "X", tick_size=Decimal(tick))
    for ticks in (1, 2, 3, 7, 999, 2003, 100_001, 123_456_789):
        price = Decimal(tick) * ticks
        assert instrument.price(float(price)) == price
        assert instrument.on_grid(instrument.price(float(price)))


def test_a_tie_goes_to_one_of_its_neighbours_and_the_same_each_time() -> None:
    quarter = Instrument("SIM", "X", tick_size=Decimal("0.25"))
    assert quarter.price(0.125) == 0
    assert quarter.price(0.375) == Decimal("0.50")
    assert quarter.price(0.625) == Decimal("0.50")


@pytest.mark.parametrize(
    ("value", "down", "up"),
    [
        ("100.00", "100.00", "100.00"),
        ("100.01", "100.00", "100.05"),
        ("100.0499999", "100.00", "100.05"),
        ("0.01", "0", "0.05"),
    ],
)
def test_a_price_moved_onto_the_grid_never_crosses_the_value(value: str, down: str, up: str) -> None:
    assert NICKEL.price_down(Decimal(value)) == Decimal(down)
    assert NICKEL.price_up(Decimal(value)) == Decimal(up)


def test_prices_of_one_grid_are_written_alike_wherever_they_come_from() -> None:
    for value in ("100", "1E+2", "100.0", "100.000"):
        assert str(NICKEL.price_down(Decimal(value))) == str(NICKEL.price_up(Decimal(value))) == "100.00"
    assert str(NICKEL.price(100.0)) == "100.00"


def test_a_price_is_on_the_grid_when_it_is_whole_ticks() -> None:
    assert NICKEL.on_grid(Decimal("100.15"))
    assert not NICKEL.on_grid(Decimal("100.12"))


@pytest.mark.parametrize("name", ["tick_size", "lot_size", "quantity_step", "multiplier"])
@pytest.mark.parametrize("value", ["0", "-0.05", "NaN", "Infinity"])
def test_a_grid_that_is_no_grid_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"NSE:ACME: {name} is {value}; it must be a positive number"):
        dataclasses.replace(NICKEL, **{name: Decimal(value)})  # type: ignore[arg-type] # all of these are Decimal


def test_an_instrument_is_known_by_exchange_and_symbol() -> None:
    assert NICKEL.id == "NSE:ACME"
    assert dataclasses.replace(NICKEL, multiplier=Decimal(2)).id == "NSE:ACME"
    assert NICKEL.tradable
    assert not Instrument("NSE", "NIFTY", InstrumentKind.INDEX).tradable
