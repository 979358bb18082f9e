"""The form in which instrument lists are kept: a CSV file whose columns are the fields of an instrument.

Whatever a list was read from, it is written like this, so that what was checked once reads back as it was, to the last
digit. Only `store.py` writes it.
"""

from __future__ import annotations

import csv
import functools
from dataclasses import fields as fields_of
from typing import TYPE_CHECKING

from tradingd.adapters.masters import fields
from tradingd.model.instrument import Instrument, InstrumentKind

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Sequence
    from decimal import Decimal
    from typing import TextIO

COLUMNS = tuple(f.name for f in fields_of(Instrument) if f.init)


class StoredForm:
    """What the rows under a header mean, which is `COLUMNS`."""

    def __init__(self, header: Sequence[str]) -> None:
        self._columns = tuple(header)

    def instrument(self, cells: Sequence[str]) -> Instrument:
        """Return the instrument of a row.

        Raises:
            ValueError: a value is wrong; the message says which, and what would be right.
        """
        exchange, symbol, kind, tick, lot, step, multiplier, token, underlying, expiry, strike, right, freeze = cells
        return Instrument(
            fields.exchange("exchange", exchange), symbol, _kind(kind), fields.number("tick_size", tick),
            fields.number("lot_size", lot), fields.number("quantity_step", step),
            fields.number("multiplier", multiplier), token, underlying,
            fields.date("expiry", expiry) if expiry else None,
            fields.strike("strike", strike) if strike else None,
            right,
            fields.number("freeze_quantity", freeze) if freeze else None,
        )  # fmt: skip


def as_dict(instrument: Instrument) -> dict[str, str]:
    """Return an instrument as plain data, empty where a field does not apply."""
    return dict(zip(COLUMNS, _cells(instrument), strict=True))


def write(file: TextIO, instruments: Iterable[Instrument]) -> None:
    """Write a list, header first."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(map(_cells, instruments))


def _cells(i: Instrument) -> tuple[str, ...]:
    return (
        i.exchange, i.symbol, i.kind.value, _plain(i.tick_size), _plain(i.lot_size), _plain(i.quantity_step),
        _plain(i.multiplier), i.token, i.underlying, _day(i.expiry), _plain(i.strike), i.right,
        _plain(i.freeze_quantity),
    )  # fmt: skip


@functools.lru_cache(maxsize=8)
def _kind(text: str) -> InstrumentKind:
    try:
        return InstrumentKind(text)
    except ValueError:
        msg = f"kind is {text!r}; it must be one of {', '.join(InstrumentKind)}"
        raise ValueError(msg) from None


@functools.lru_cache(maxsize=8192)
def _plain(value: Decimal | None) -> str:
    return "" if value is None else f"{value:f}"


@functools.lru_cache(maxsize=512)
def _day(date: dt.date | None) -> str:
    return "" if date is None else date.isoformat()
