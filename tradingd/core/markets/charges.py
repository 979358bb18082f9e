"""What a fill costs: brokerage, taxes and charges of the exchange, by date.

The rates are rows of `charges.toml`; the money is exact Decimal and nothing is rounded, so that what is charged per
fill adds up. An exchange without rows, such as the simulated one, charges nothing. It keeps no account of its own:
what an order traded before comes in.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tradingd.core.markets.pricing import intrinsic
from tradingd.core.markets.rules import row, ruled
from tradingd.model.instrument import InstrumentKind
from tradingd.model.trading import ZERO, Side

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from tradingd.model.instrument import Instrument
    from tradingd.model.trading import Product

FILE = "charges.toml"


@dataclass(frozen=True, slots=True)
class Charges:
    """What one fill, or several together, cost. `brokerage` is a crypto exchange's commission, too."""

    brokerage: Decimal = ZERO
    stt: Decimal = ZERO
    exchange: Decimal = ZERO
    ipft: Decimal = ZERO
    sebi: Decimal = ZERO
    stamp: Decimal = ZERO
    gst: Decimal = ZERO
    depository: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """All of it."""
        return sum((getattr(self, item.name) for item in fields(self)), ZERO)

    def __add__(self, other: Charges) -> Charges:
        return Charges(*(getattr(self, item.name) + getattr(other, item.name) for item in fields(self)))

    def as_dict(self) -> dict[str, Decimal]:
        """Return each item by its name."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


FREE = Charges()
"""What a fill costs where there are no rates, as on the simulated exchange."""


@dataclass(frozen=True, slots=True)
class _Schedule:
    """The rates of one kind of trade on one day, as fractions. `cap` is money per order, none for no cap."""

    brokerage: Decimal | None
    cap: Decimal | None
    stt: Decimal
    exchange: Decimal
    ipft: Decimal
    sebi: Decimal
    stamp: Decimal
    gst: Decimal

    def brokerage_of(self, value: Decimal) -> Decimal:
        """Return the brokerage of an order that traded `value`."""
        if not value:
            return ZERO
        if self.brokerage is None:
            return self.cap or ZERO
        part = value * self.brokerage
        return part if self.cap is None else min(part, self.cap)


def charge(  # noqa: PLR0913 - a fill, and whose
    instrument: Instrument,
    product: Product,
    side: Side,
    date: dt.date,
    price: Decimal,
    quantity: Decimal,
    *,
    filled_value: Decimal = ZERO,
    plan: str = "standard",
    maker: bool = False,
) -> Charges:
    """Return what a fill costs under a broker's plan, one of those in the data file.

    `filled_value` is what the same order traded before, price x quantity x multiplier: brokerage is per order,
    flat or capped, so a fill pays what its order owes now and did not before. A delivery is what was bought to be
    carried forward; whether it was sold again the same day is not looked at.
    """
    if not ruled(FILE, instrument.exchange):
        return FREE
    rates = _schedule(
        instrument.exchange, instrument.kind, instrument.underlying, product, side, date, plan,
        "maker" if maker else "taker",
    )  # fmt: skip
    value = price * quantity * instrument.multiplier
    brokerage = rates.brokerage_of(filled_value + value) - rates.brokerage_of(filled_value)
    exchange, sebi = value * rates.exchange, value * rates.sebi
    return Charges(
        brokerage=brokerage,
        stt=value * rates.stt,
        exchange=exchange,
        ipft=value * rates.ipft,
        sebi=sebi,
        stamp=value * rates.stamp,
        gst=(brokerage + exchange + sebi) * rates.gst,
    )


def exercise(
    instrument: Instrument, side: Side, date: dt.date, settlement_value: Decimal, quantity: Decimal
) -> Charges:
    """Return what the settlement of an option at expiry costs: the tax on what a long position is paid.

    `side` is the position's, `settlement_value` the underlying's.
    """
    if side is Side.SELL or instrument.kind is not InstrumentKind.OPTION:
        return Charges()
    held = row(FILE, "exercise", date, exchange=instrument.exchange, kind=instrument.kind)
    value = intrinsic(instrument, settlement_value) * quantity * instrument.multiplier
    return Charges(stt=value * _fraction(held))


def square_off_fee(instrument: Instrument, date: dt.date, plan: str = "standard") -> Charges:
    """Return what a broker takes, per order and on top, for closing an intraday position that was left open."""
    return _fee("square_off", "brokerage", instrument, date, plan)


def depository(instrument: Instrument, date: dt.date, plan: str = "standard") -> Charges:
    """Return what selling shares held since an earlier session costs on top, once per share and day."""
    return _fee("depository", "depository", instrument, date, plan)


def _fee(table: str, item: str, instrument: Instrument, date: dt.date, plan: str) -> Charges:
    of = {"exchange": instrument.exchange, "kind": instrument.kind}
    amount = Decimal(row(FILE, table, date, plan=plan, **of).get("amount", 0))
    return Charges(**{item: amount, "gst": amount * _fraction(row(FILE, "gst", date, **of))})


@functools.lru_cache(maxsize=1024)
def _schedule(  # noqa: PLR0913 - all that a row may ask for
    exchange: str, kind: str, underlying: str, product: str, side: str, date: dt.date, plan: str, liquidity: str
) -> _Schedule:
    of = {
        "exchange": exchange, "kind": kind, "underlying": underlying, "product": product, "side": side,
        "plan": plan, "liquidity": liquidity,
    }  # fmt: skip
    broker = row(FILE, "brokerage", date, **of)
    cap = broker.get("at_most")
    return _Schedule(
        _fraction(broker) if "percent" in broker else None,
        None if cap is None else Decimal(cap),
        *(_fraction(row(FILE, item, date, **of)) for item in ("stt", "exchange", "ipft", "sebi", "stamp", "gst")),
    )


def _fraction(held: Mapping[str, Any]) -> Decimal:
    return Decimal(held.get("percent", 0)) / 100
