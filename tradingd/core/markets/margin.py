"""How much of an account's equity its positions bind: an approximation of what a broker would ask.

No SPAN file is read. A loss that contracts of the same expiry bound is held in full; one that nothing bounds takes a
share of the underlying's value, whatever the strike, which is more than a broker asks far from the money. Contracts
of different expiries do not help one another, and the delivery margins of options on shares are not known here. The
rates are rows of `margin.toml`. Whoever shows a figure of this names the model.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from tradingd.core.markets.pricing import intrinsic
from tradingd.core.markets.rules import row
from tradingd.model.instrument import InstrumentKind
from tradingd.model.trading import ZERO

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping, Sequence

    from tradingd.model.instrument import Instrument
    from tradingd.model.trading import Product

FILE = "margin.toml"
MODEL = "approx"
FULL = 100


@dataclass(frozen=True, slots=True)
class Holding:
    """A position, or an order as the position it would make: signed units at the price that equity counts them at."""

    instrument: Instrument
    product: Product
    quantity: Decimal
    price: Decimal

    @property
    def units(self) -> Decimal:
        """Signed money per point of the price."""
        return self.quantity * self.instrument.multiplier

    @property
    def value(self) -> Decimal:
        """Signed money at its price."""
        return self.units * self.price


def required(holdings: Iterable[Holding], spots: Mapping[str, Decimal], date: dt.date) -> Decimal:
    """Return how much equity these holdings bind together.

    Equity is cash and all holdings at their prices: what exceeds this is free. A long option binds its whole value
    and the premium of a short one is equity already, so that neither adds to what is free. `spots` are prices of the
    underlyings by name; one that is missing is taken for the strike of its options, or the price of its future.
    """
    families: dict[tuple[str, str, dt.date | None], list[Holding]] = defaultdict(list)
    total = ZERO
    for holding in holdings:
        instrument = holding.instrument
        if instrument.right:
            families[instrument.exchange, instrument.underlying, instrument.expiry].append(holding)
        else:
            total += abs(holding.value) * _rate("share", holding, date)
    return total + sum((_family(family, spots, date) for family in families.values()), ZERO)


def _family(family: Sequence[Holding], spots: Mapping[str, Decimal], date: dt.date) -> Decimal:
    """Return what the futures and options of one underlying and expiry bind."""
    spot = spots.get(family[0].instrument.underlying) or _nearest(family[0])
    bound = _bounded_loss(family) + _unbounded_units(family) * spot * _rate("scan", family[0], date)
    return bound + sum((_exposure(holding, spot, date) + _last_day(holding, spot, date) for holding in family), ZERO)


def _nearest(holding: Holding) -> Decimal:
    return holding.price if holding.instrument.strike is None else holding.instrument.strike


def _unbounded_units(family: Sequence[Holding]) -> Decimal:
    """Return by how many units the loss grows without end, upwards or downwards, whichever is more."""
    held = {right: sum((h.units for h in family if h.instrument.right == right), ZERO) for right in ("CE", "PE", "FUT")}
    return max(-(held["CE"] + held["FUT"]), held["FUT"] - held["PE"], ZERO)


def _bounded_loss(family: Sequence[Holding]) -> Decimal:
    """Return the most that can be lost from here if the underlying settles at one of the strikes; never below 0."""
    strikes = {h.instrument.strike for h in family if h.instrument.strike is not None}
    now = sum((h.value for h in family), ZERO)
    worst = min((sum((h.units * _settled(h.instrument, at) for h in family), ZERO) for at in strikes), default=now)
    return max(now - worst, ZERO)


def _settled(instrument: Instrument, at: Decimal) -> Decimal:
    return intrinsic(instrument, at) if instrument.kind is InstrumentKind.OPTION else at


def _exposure(holding: Holding, spot: Decimal, date: dt.date) -> Decimal:
    instrument = holding.instrument
    held = row(FILE, "exposure", date, exchange=instrument.exchange, underlying=instrument.underlying)
    if not held or (instrument.kind is InstrumentKind.OPTION and holding.quantity >= 0):
        return ZERO
    percent = Decimal(held["percent"])
    if instrument.strike is not None:
        out = instrument.strike - spot if instrument.right == "CE" else spot - instrument.strike
        percent = Decimal(held["far"]) if out > spot * Decimal(held["beyond"]) / 100 else percent
    return abs(holding.units) * spot * percent / 100


def _last_day(holding: Holding, spot: Decimal, date: dt.date) -> Decimal:
    if holding.quantity >= 0 or holding.instrument.expiry != date:
        return ZERO
    return abs(holding.units) * spot * _rate("expiry", holding, date, missing=0)


def _rate(table: str, holding: Holding, date: dt.date, *, missing: int = FULL) -> Decimal:
    instrument = holding.instrument
    held = row(
        FILE, table, date, exchange=instrument.exchange, kind=instrument.kind, underlying=instrument.underlying,
        product=holding.product,
    )  # fmt: skip
    return Decimal(held.get("percent", missing)) / 100
