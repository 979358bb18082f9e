"""Intent to approved or refused, with the reason: the last look before an order exists.

An exit is only ever refused for being impossible, never for being risky.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from tradingd.model.trading import OrderType

if TYPE_CHECKING:
    from decimal import Decimal

    from tradingd.model.instrument import Instrument


def entry_gate(entries: int, cap: int | Literal["none"]) -> str:
    """Return why no further entry may run in this session; empty where one may."""
    if cap != "none" and entries >= cap:
        return f"risk: {entries} entries in this session, risk.max_entries_per_session is {cap}"
    return ""


def refuse(instrument: Instrument, quantity: Decimal, type_: OrderType, limit_price: Decimal | None) -> str:
    """Return why such an order cannot be sent; empty where it can."""
    name = instrument.symbol
    if not instrument.tradable:
        return f"{name} is an index: it quotes, but cannot be traded"
    if quantity <= 0:
        return f"{name}: quantity {quantity} is not positive"
    if quantity % instrument.quantity_step:
        return f"{name}: quantity {quantity} is not a multiple of {instrument.quantity_step}"
    if type_ in (OrderType.LIMIT, OrderType.STOP_LIMIT):
        if limit_price is None or limit_price <= 0:
            return f"{name}: a {type_} order needs a positive limit price, not {limit_price}"
        if not instrument.on_grid(limit_price):
            return f"{name}: limit price {limit_price} is not a multiple of the tick {instrument.tick_size}"
    return ""
