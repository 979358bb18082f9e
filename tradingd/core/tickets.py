"""How an intent goes to its venue: as which order, at which limit, in how many parts, or why not at all.

The venue's rules of the day decide, the market's part is the contract's last price. Paper and live write the same
tickets, so that what one refuses, cuts or protects the other does too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradingd.core.markets import order_rules
from tradingd.core.markets.rules import ruled
from tradingd.model.trading import OrderType, Purpose, Side

if TYPE_CHECKING:
    import datetime as dt
    from decimal import Decimal

    from tradingd.core.feed import Feed
    from tradingd.model.instrument import Instrument
    from tradingd.model.trading import Intent, Order


@dataclass(frozen=True, slots=True)
class Ticket:
    """What is sent: orders of such a type and limit, one for each of `parts`.

    `protected` says that the limit stands for the market.
    """

    type: OrderType
    limit_price: Decimal | None
    protected: bool
    parts: tuple[Decimal, ...]


def write(intent: Intent, instrument: Instrument, quantity: Decimal, feed: Feed, date: dt.date) -> Ticket | str:
    """Return how an intent is sent on a day, or why it cannot be."""
    last = instrument.price(feed.price) if feed.ts else None
    today = last if feed.fresh else None
    reason = order_rules.refuse(
        instrument, intent.side, intent.type, intent.product, intent.purpose, quantity, intent.limit_price, None, date,
        last=today, reference=today,
    )  # fmt: skip
    if reason:
        return reason
    if last is None and intent.purpose is Purpose.ENTRY and intent.limit_price is None:
        return f"{instrument.symbol} has had no price yet"
    type_, limit, protected = intent.type, intent.limit_price, None
    if limit is not None:
        limit = instrument.price_up(limit)  # on the grid already, now written like it
    if not ruled(order_rules.FILE, instrument.exchange):
        return Ticket(type_, limit, protected=False, parts=(quantity,))
    if type_ is OrderType.MARKET and last is not None:
        band = order_rules.price_band(instrument, last, date)
        protected = order_rules.market_limit(instrument, intent.side, last, date, band=band)
    if protected is not None:
        type_, limit = OrderType.LIMIT, protected
    return Ticket(type_, limit, protected=protected is not None, parts=_parts(instrument, quantity, date))


def chase(order: Order, feed: Feed, date: dt.date, times: int) -> Decimal | None:
    """Return the limit at which a protected order is to follow the price for the `times`-th time, within the band.

    Each time it goes as far again from the last price as the venue's protection does. None: the order may stay as
    it is, since the venue takes market orders by now.
    """
    instrument, side = order.instrument, order.side
    last = instrument.price(feed.price)
    first = order_rules.market_limit(instrument, side, last, date)
    if first is None:
        return None
    limit = order_rules.on_tick(instrument, last + (first - last) * (times + 1), side, marketable=True)
    band = order_rules.price_band(instrument, last, date)
    if band is None:
        return limit
    return min(limit, band.high) if side is Side.BUY else max(limit, band.low)


def _parts(instrument: Instrument, quantity: Decimal, date: dt.date) -> tuple[Decimal, ...]:
    """Cut a quantity into what the venue takes at once; where not even a lot fits, it says so itself."""
    freeze = order_rules.freeze_quantity(instrument, date)
    if freeze is not None and freeze < instrument.lot_size:
        freeze = None
    return order_rules.slices(quantity, instrument.lot_size, freeze)
