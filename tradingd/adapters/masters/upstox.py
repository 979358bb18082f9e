"""Rows of Upstox's instrument master, a JSON list; ticks are in paise, expiries in milliseconds since the epoch.

Segments get the names that Kite gives them, so that a strategy does not depend on where its list came from. Of what is
listed beside derivatives, shares and indices are read; bonds, bills and spot commodities are not.

Source: Upstox developer API, instruments JSON.
"""

from __future__ import annotations

import datetime as dt
import functools
import math
from decimal import Decimal  # msgspec reads the annotations of the row

import msgspec

from tradingd.adapters.masters import fields
from tradingd.model.instrument import Instrument, InstrumentKind

_INDIA = dt.timezone(dt.timedelta(hours=5, minutes=30))
_EXCHANGES = {
    "NSE_EQ": "NSE", "BSE_EQ": "BSE", "NSE_INDEX": "NSE", "BSE_INDEX": "BSE", "MCX_INDEX": "MCX",
    "NSE_FO": "NFO", "BSE_FO": "BFO", "NCD_FO": "CDS", "BCD_FO": "BCD", "MCX_FO": "MCX", "NSE_COM": "NCO",
}  # fmt: skip
_SHARES = frozenset({"EQ", "BE", "BZ", "SM", "ST", "A", "B", "T", "X", "XT", "Z", "M", "MT"})
"""Series of the NSE, groups of the BSE, in which shares are traded."""
_KINDS = {"FUT": InstrumentKind.FUTURE, "CE": InstrumentKind.OPTION, "PE": InstrumentKind.OPTION}
_PAISE = Decimal(100)


class _Row(msgspec.Struct):
    """The keys that are read."""

    segment: str
    instrument_type: str
    trading_symbol: str
    exchange_token: str
    tick_size: Decimal | None = None
    lot_size: Decimal = fields.ONE
    qty_multiplier: Decimal = fields.ONE
    freeze_quantity: Decimal | None = None
    underlying_symbol: str = ""
    expiry: int | None = None
    strike_price: Decimal | None = None


_decode = msgspec.json.Decoder(_Row).decode


def instrument(content: msgspec.Raw) -> Instrument | str:
    """Return the instrument of a row, or what kind of row is not read.

    Raises:
        ValueError: a value is wrong; the message says which, and what would be right.
    """
    row = _decode(content)
    exchange = _EXCHANGES.get(row.segment)
    if exchange is None:
        msg = f"segment is {row.segment!r}; it must be one of {', '.join(_EXCHANGES)}"
        raise ValueError(msg)
    if not row.trading_symbol:
        msg = "trading_symbol is empty; every instrument has one"
        raise ValueError(msg)
    if row.segment.endswith("_INDEX"):
        tick = fields.INDEX_TICK
        return Instrument(exchange, row.trading_symbol, InstrumentKind.INDEX, tick, token=row.exchange_token)
    equity = row.segment.endswith("_EQ")
    kind = InstrumentKind.EQUITY if equity and row.instrument_type in _SHARES else _KINDS.get(row.instrument_type)
    if kind is None:
        return f"{row.segment} {row.instrument_type}"
    if row.tick_size is None:
        msg = "tick_size is missing; it is the price grid in paise"
        raise ValueError(msg)
    lot_size = _plain("lot_size", row.lot_size)
    return Instrument(
        exchange=exchange,
        symbol=row.trading_symbol,
        kind=kind,
        tick_size=_plain("tick_size", row.tick_size / _PAISE),
        lot_size=lot_size,
        quantity_step=lot_size,
        multiplier=_plain("qty_multiplier", row.qty_multiplier),
        token=row.exchange_token,
        underlying="" if equity else row.underlying_symbol,
        expiry=None if equity else _date(row.expiry),
        strike=fields.strike("strike_price", str(row.strike_price)) if kind is InstrumentKind.OPTION else None,
        right="" if equity else row.instrument_type,
        freeze_quantity=_plain("freeze_quantity", row.freeze_quantity) if row.freeze_quantity else None,
    )


@functools.lru_cache(maxsize=4096)
def _plain(key: str, value: Decimal) -> Decimal:
    return fields.number(key, str(value))


@functools.lru_cache(maxsize=512)
def _date(expiry_ms: int | None) -> dt.date:
    """Return the day, in India, of an instant."""
    try:
        return dt.datetime.fromtimestamp((expiry_ms or math.inf) / 1000, _INDIA).date()
    except (OverflowError, OSError, ValueError):
        msg = f"expiry is {expiry_ms}; it must be an instant in ms since the epoch, as 1784658599000"
        raise ValueError(msg) from None
