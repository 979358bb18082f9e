"""What a venue would do with an order: take it, refuse it, cut it up or change its price.

The rules are rows by date in `order_rules.toml`. Each check is a sentence saying what is wrong and what would be
right, empty where nothing is; prices and quantities are changed only by the functions that say so. It knows no
order that works and no position: the market's part comes in as prices.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

from tradingd.core.markets.rules import row, ruled
from tradingd.model.trading import OrderType, Purpose, Side

if TYPE_CHECKING:
    from tradingd.model.instrument import Instrument
    from tradingd.model.trading import Product

FILE = "order_rules.toml"


@dataclass(frozen=True, slots=True)
class Band:
    """The prices a venue takes around `reference`: no buy above `high`, no sale below `low`."""

    reference: Decimal
    low: Decimal
    high: Decimal


def refuse(  # noqa: PLR0913 - an order, and the market it meets
    instrument: Instrument,
    side: Side,
    type_: OrderType,
    product: Product,
    purpose: Purpose,
    quantity: Decimal,
    limit_price: Decimal | None,
    stop_price: Decimal | None,
    date: dt.date,
    *,
    last: Decimal | None,
    reference: Decimal | None = None,
) -> str:
    """Return why such an order cannot be sent; empty where it can.

    `last` is the contract's last price of that day, none where it has not traded. `reference` is what its price
    band is around, none to leave the band unchecked.
    """
    if not instrument.tradable:
        return f"{instrument.symbol} is an index: it quotes, but cannot be traded"
    reason = off_lot(instrument, quantity) or _prices(instrument, type_, limit_price, stop_price)
    if reason or not ruled(FILE, instrument.exchange):
        return reason
    return (
        _type(instrument, type_, date, last)
        or _short(instrument, side, product, purpose, date)
        or _sliced(instrument, purpose, quantity, date)
        or _banded(instrument, side, limit_price, reference, date)
    )


def off_lot(instrument: Instrument, quantity: Decimal) -> str:
    """Return why a quantity cannot be ordered: derivatives trade in whole lots, the rest in whole steps."""
    if quantity <= 0:
        return f"{instrument.symbol}: quantity {quantity} is not positive"
    name, step = ("lot", instrument.lot_size) if instrument.right else ("step", instrument.quantity_step)
    if quantity % step == 0:
        return ""
    below = quantity - quantity % step
    near = f"{below} or {below + step}" if below else f"{step}"
    return f"{instrument.symbol}: quantity {quantity} is not a multiple of the {name} {step}; {near} would be"


def off_tick(instrument: Instrument, price: Decimal, what: str = "limit price") -> str:
    """Return why a price cannot be ordered at."""
    if price <= 0:
        return f"{instrument.symbol}: {what} {price} is not above 0"
    if instrument.on_grid(price):
        return ""
    below, above = instrument.price_down(price), instrument.price_up(price)
    near = f"{below} or {above}" if below else f"{above}"
    return f"{instrument.symbol}: {what} {price} is not a multiple of the tick {instrument.tick_size}; {near} would be"


def on_tick(instrument: Instrument, price: Decimal, side: Side, *, marketable: bool) -> Decimal:
    """Return a limit price on the grid.

    One meant to trade at once goes away from the market, a buy up; one meant to wait gives nothing away, a buy down.
    """
    up = (side is Side.BUY) == marketable
    return instrument.price_up(price) if up else max(instrument.price_down(price), instrument.tick_size)


def freeze_quantity(instrument: Instrument, date: dt.date) -> Decimal | None:
    """Return how many units one order may have, none where it is not known; the instrument list's own figure wins."""
    if instrument.freeze_quantity is not None:
        return instrument.freeze_quantity
    held = row(FILE, "freeze", date, exchange=instrument.exchange, underlying=instrument.underlying)
    return Decimal(held["units"]) if held else None


def slices(quantity: Decimal, lot: Decimal, freeze: Decimal | None) -> tuple[Decimal, ...]:
    """Return the orders that a quantity is cut into, the largest of whole lots first.

    Raises:
        ValueError: not one lot fits into an order.
    """
    if freeze is None or quantity <= freeze:
        return (quantity,)
    most = (freeze / lot).to_integral_value(ROUND_FLOOR) * lot
    if most <= 0:
        msg = f"a lot of {lot} does not fit into an order of at most {freeze}"
        raise ValueError(msg)
    whole, rest = divmod(quantity, most)
    return (most,) * int(whole) + ((rest,) if rest else ())


def price_band(instrument: Instrument, reference: Decimal, date: dt.date) -> Band | None:
    """Return the limit prices that a venue takes around a reference price, on the grid; none where it takes all."""
    held = row(FILE, "band", date, exchange=instrument.exchange, kind=instrument.kind, underlying=instrument.underlying)
    if not held:
        return None
    width = max(reference * Decimal(held["percent"]) / 100, Decimal(held["least"]))
    low = max(instrument.price_up(reference - width), instrument.tick_size)
    return Band(reference, low, instrument.price_down(reference + width))


def outside_band(instrument: Instrument, side: Side, price: Decimal, band: Band) -> str:
    """Return why a limit price is beyond a band: a buy above it, a sale below it."""
    around = f"the band around {band.reference}"
    if side is Side.BUY and price > band.high:
        return f"{instrument.symbol}: a buy at {price} is above {around}; at most {band.high} is taken"
    if side is Side.SELL and price < band.low:
        return f"{instrument.symbol}: a sale at {price} is below {around}; at least {band.low} is taken"
    return ""


def market_limit(  # noqa: PLR0913 - an order, the market it meets, and how far it may go
    instrument: Instrument,
    side: Side,
    last: Decimal,
    date: dt.date,
    *,
    percent: Decimal | None = None,
    band: Band | None = None,
) -> Decimal | None:
    """Return the limit price at which a market order goes to the venue; none where it takes market orders as such.

    `percent` away from the last price, the venue's own figure where none is given, and not beyond `band`.
    """
    held = row(FILE, "protection", date, exchange=instrument.exchange, kind=instrument.kind)
    if not held:
        return None
    if percent is None:
        at = sum(last >= Decimal(edge) for edge in held["below"])
        percent = Decimal(held["percent"][at])
    limit = on_tick(instrument, last * (1 + side.sign * percent / 100), side, marketable=True)
    if band is None:
        return limit
    return min(limit, band.high) if side is Side.BUY else max(limit, band.low)


def product_code(instrument: Instrument, product: Product, date: dt.date) -> str:
    """Return what the broker calls a product; empty where it has none."""
    held = row(FILE, "product", date, exchange=instrument.exchange, product=product)
    return str(held.get("code", ""))


def square_off(instrument: Instrument, date: dt.date, opens: dt.time, closes: dt.time) -> dt.time | None:
    """Return when the broker closes what is left of intraday positions; none where nobody does.

    `opens` and `closes` are of the session of `date`, all times the market's. An own exit must be earlier.
    """
    held = row(FILE, "square_off", date, exchange=instrument.exchange)
    if not held:
        return None
    if opens < held.get("time", opens) < closes:
        return held["time"]  # type: ignore[no-any-return]
    return (dt.datetime.combine(date, closes) - dt.timedelta(minutes=held["before_close_min"])).time()


def _prices(instrument: Instrument, type_: OrderType, limit_price: Decimal | None, stop_price: Decimal | None) -> str:
    wanted = (
        ("limit price", limit_price, type_ in (OrderType.LIMIT, OrderType.STOP_LIMIT)),
        ("stop price", stop_price, type_ in (OrderType.STOP, OrderType.STOP_LIMIT)),
    )
    for what, price, needed in wanted:
        if needed and price is None:
            return f"{instrument.symbol}: a {type_} order needs a {what}"
        if needed and price is not None:
            reason = off_tick(instrument, price, what)
            if reason:
                return reason
    return ""


def _type(instrument: Instrument, type_: OrderType, date: dt.date, last: Decimal | None) -> str:
    of = {"exchange": instrument.exchange, "kind": instrument.kind}
    refused = row(FILE, "refused", date, type=type_, **of)
    if refused:
        name = f"{instrument.exchange} {instrument.kind}s" if instrument.right else instrument.exchange
        return f"{instrument.symbol}: {name} take no {type_} orders; {refused['instead']} would be taken"
    if type_ is OrderType.MARKET and last is None and row(FILE, "untraded", date, **of):
        return f"{instrument.symbol} has not traded on {date}: no market order is taken; a limit order would be"
    return ""


def _short(instrument: Instrument, side: Side, product: Product, purpose: Purpose, date: dt.date) -> str:
    opens = side is Side.SELL and purpose is Purpose.ENTRY
    if opens and row(FILE, "delivery", date, exchange=instrument.exchange, kind=instrument.kind, product=product):
        return f"{instrument.symbol}: a {product} sale of shares that are not held; intraday would be taken"
    return ""


def _sliced(instrument: Instrument, purpose: Purpose, quantity: Decimal, date: dt.date) -> str:
    """Say where an entry would be cut into too many orders; an exit is cut into as many as it needs."""
    most = row(FILE, "slices", date, exchange=instrument.exchange).get("at_most")
    limit = freeze_quantity(instrument, date)
    if purpose is Purpose.EXIT or most is None or limit is None:
        return ""
    if limit < instrument.lot_size:
        return f"{instrument.symbol}: a lot of {instrument.lot_size} does not fit into an order of at most {limit}"
    parts = slices(quantity, instrument.lot_size, limit)
    if len(parts) <= most:
        return ""
    return (
        f"{instrument.symbol}: quantity {quantity} needs {len(parts)} orders of at most {parts[0]}; "
        f"{most * parts[0]} in {most} would be taken"
    )


def _banded(
    instrument: Instrument, side: Side, limit_price: Decimal | None, reference: Decimal | None, date: dt.date
) -> str:
    if limit_price is None or reference is None:
        return ""
    band = price_band(instrument, reference, date)
    return outside_band(instrument, side, limit_price, band) if band else ""
