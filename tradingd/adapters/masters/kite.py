"""Rows of Kite's instrument dump, a CSV file: the form in which instrument lists are usually passed on.

It has neither freeze quantities nor multipliers, and says of no contract whether it is weekly. A quantity moves in
whole lots.

Source: Kite Connect 3, "Market quotes and instruments".
"""

from __future__ import annotations

import operator
import re
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from tradingd.adapters.masters import fields
from tradingd.model.instrument import Instrument, InstrumentKind

if TYPE_CHECKING:
    from collections.abc import Sequence

_KINDS = {
    "EQ": InstrumentKind.EQUITY,
    "FUT": InstrumentKind.FUTURE,
    "CE": InstrumentKind.OPTION,
    "PE": InstrumentKind.OPTION,
}


class _Row(NamedTuple):
    """The columns that are read."""

    exchange_token: str
    tradingsymbol: str
    name: str
    expiry: str
    strike: str
    tick_size: str
    lot_size: str
    instrument_type: str
    segment: str
    exchange: str


COLUMNS = _Row._fields


class KiteForm:
    """What the rows under a header mean; it has all of `COLUMNS`, in small letters, among others."""

    def __init__(self, header: Sequence[str]) -> None:
        self._pick = operator.itemgetter(*map(header.index, COLUMNS))

    def instrument(self, cells: Sequence[str]) -> Instrument:
        """Return the instrument of a row.

        Raises:
            ValueError: a value is wrong; the message says which, and what would be right.
        """
        row = _Row(*map(str.strip, self._pick(cells)))
        if not row.tradingsymbol:
            msg = "tradingsymbol is empty; every instrument has one"
            raise ValueError(msg)
        kind = InstrumentKind.INDEX if row.segment == "INDICES" else _KINDS.get(row.instrument_type)
        if kind is None:
            msg = f"instrument_type is {row.instrument_type!r}; it must be EQ, FUT, CE or PE"
            raise ValueError(msg)
        tick_size = fields.number("tick_size", row.tick_size)
        lot_size = fields.number("lot_size", row.lot_size)
        if kind is InstrumentKind.INDEX:  # not traded, so the dump gives it neither tick nor lot
            tick_size, lot_size = tick_size or fields.INDEX_TICK, lot_size or Decimal(1)
        derivative = kind in (InstrumentKind.FUTURE, InstrumentKind.OPTION)
        return Instrument(
            exchange=fields.exchange("exchange", row.exchange),
            symbol=row.tradingsymbol,
            kind=kind,
            tick_size=tick_size,
            lot_size=lot_size,
            quantity_step=lot_size,
            token=row.exchange_token,
            underlying=_underlying(row) if derivative else "",
            expiry=fields.date("expiry", row.expiry) if derivative else None,
            strike=fields.strike("strike", row.strike) if kind is InstrumentKind.OPTION else None,
            right=row.instrument_type if derivative else "",
        )


def _underlying(row: _Row) -> str:
    """Return `name`; where an old dump leaves it empty, what the symbol says before its expiry, strike and type."""
    if row.name:
        return row.name
    expiry = fields.date("expiry", row.expiry)
    strike = "" if row.instrument_type == "FUT" else f"{fields.number('strike', row.strike)}"
    month_or_day = f"(?:[A-Z]{{3}}|[1-9OND]{expiry:%d})"
    match = re.fullmatch(f"(.+){expiry:%y}{month_or_day}{re.escape(strike)}{row.instrument_type}", row.tradingsymbol)
    if match is None:
        msg = f"name is empty, and {row.tradingsymbol!r} does not end in its expiry {expiry}, strike and type"
        raise ValueError(msg)
    return match[1]
