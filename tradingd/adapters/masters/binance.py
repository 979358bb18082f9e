"""Symbols of Binance's `exchangeInfo`, a JSON object: their filters say on which grid prices and quantities lie.

Only what is traded at the moment is read. A symbol is traded in units, not lots; the most that one order may carry is
the filter's largest quantity.

Source: Binance spot API, `GET /api/v3/exchangeInfo` and "Filters".
"""

from __future__ import annotations

from decimal import Decimal  # noqa: TC003 - msgspec reads the annotations of the filters

import msgspec

from tradingd.adapters.masters import fields
from tradingd.model.instrument import Instrument, InstrumentKind

_TRADING = "TRADING"


class _Filter(msgspec.Struct, rename="camel"):
    """The keys that are read, of whatever filter has them."""

    filter_type: str
    tick_size: Decimal | None = None
    step_size: Decimal | None = None
    max_qty: Decimal | None = None


class _Symbol(msgspec.Struct):
    """The keys that are read."""

    symbol: str
    status: str
    filters: list[_Filter]


_decode = msgspec.json.Decoder(_Symbol).decode


def instrument(content: msgspec.Raw) -> Instrument | str:
    """Return the instrument of a symbol, or what kind of symbol is not read.

    Raises:
        ValueError: a value is wrong or missing; the message says which, and what would be right.
    """
    row = _decode(content)
    if row.status != _TRADING:
        return f"status {row.status}"
    by_type = {found.filter_type: found for found in row.filters}
    price, lot = by_type.get("PRICE_FILTER"), by_type.get("LOT_SIZE")
    if price is None or price.tick_size is None or lot is None or lot.step_size is None:
        msg = f"{row.symbol} has the filters {', '.join(by_type) or 'none'}; it needs PRICE_FILTER and LOT_SIZE"
        raise ValueError(msg)
    return Instrument(
        exchange="BINANCE",
        symbol=row.symbol,
        kind=InstrumentKind.SPOT,
        tick_size=fields.number("tickSize", str(price.tick_size)),
        quantity_step=fields.number("stepSize", str(lot.step_size)),
        token=row.symbol,
        freeze_quantity=fields.number("maxQty", str(lot.max_qty)) if lot.max_qty else None,
    )
