"""Reads instrument lists: which contracts exist, with their lots and ticks.

A list is checked whole when it is read, because every later answer stands on it: a row that cannot be understood
is an error with file, line and value, never skipped and never completed by a guess.
"""

from __future__ import annotations

import csv
import datetime as dt
import functools
import gzip
import operator
import re
import zlib
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, NamedTuple

from tradingd.model.errors import DataError
from tradingd.model.instrument import Instrument, InstrumentKind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import TextIO

_KINDS = {
    "EQ": InstrumentKind.EQUITY,
    "FUT": InstrumentKind.FUTURE,
    "CE": InstrumentKind.OPTION,
    "PE": InstrumentKind.OPTION,
}
_INDEX_TICK = Decimal("0.01")  # an index is published with two decimals


class _Row(NamedTuple):
    """The columns of Kite's dump that are read."""

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


def read_instruments(path: Path) -> list[Instrument]:
    """Read a CSV file (.gz too) with the columns of Kite's instrument dump, in the file's order.

    Column names are case-blind, other columns are ignored. A quantity moves in whole lots.

    Raises:
        DataError: the file cannot be read, a column is missing, a row is wrong, or a symbol stands there twice.

    Source: Kite Connect 3, "Market quotes and instruments".
    """
    try:
        with _open(path) as file:
            return list(_instruments(path, file))
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        msg = f"{path}: {error}; an instrument list is a CSV file in UTF-8, plain or .gz"
        raise DataError(msg) from error


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _instruments(path: Path, file: TextIO) -> Iterator[Instrument]:
    reader = csv.reader(file)
    header = [name.strip().lower() for name in next(reader, [])]
    missing = [name for name in _Row._fields if name not in header]
    if missing:
        msg = f"{path}: line 1: no column {', '.join(missing)}; needed are {', '.join(_Row._fields)}"
        raise DataError(msg)
    pick = operator.itemgetter(*map(header.index, _Row._fields))
    line_of: dict[str, int] = {}
    for fields in reader:
        if not fields:
            continue  # a blank line
        line = reader.line_num
        if len(fields) != len(header):
            msg = f"{path}: line {line}: {len(fields)} fields; the header has {len(header)}"
            raise DataError(msg)
        try:
            instrument = _instrument(_Row(*map(str.strip, pick(fields))))
        except ValueError as error:
            msg = f"{path}: line {line}: {error}"
            raise DataError(msg) from error
        first = line_of.setdefault(instrument.id, line)
        if first != line:
            msg = f"{path}: line {line}: {instrument.id} stands on line {first} already; a symbol is listed once"
            raise DataError(msg)
        yield instrument


def _instrument(row: _Row) -> Instrument:
    """Build the instrument of one row.

    Raises:
        ValueError: a value is wrong; the message says which, and what would be right.
    """
    for name in ("tradingsymbol", "exchange"):
        if not getattr(row, name):
            msg = f"{name} is empty; every instrument has one"
            raise ValueError(msg)
    kind = InstrumentKind.INDEX if row.segment == "INDICES" else _KINDS.get(row.instrument_type)
    if kind is None:
        msg = f"instrument_type is {row.instrument_type!r}; it must be EQ, FUT, CE or PE"
        raise ValueError(msg)
    tick_size = _number("tick_size", row.tick_size)
    lot_size = _number("lot_size", row.lot_size)
    if kind is InstrumentKind.INDEX:  # not traded, so the dump gives it neither tick nor lot
        tick_size, lot_size = tick_size or _INDEX_TICK, lot_size or Decimal(1)
    derivative = kind in (InstrumentKind.FUTURE, InstrumentKind.OPTION)
    return Instrument(
        exchange=row.exchange,
        symbol=row.tradingsymbol,
        kind=kind,
        tick_size=tick_size,
        lot_size=lot_size,
        quantity_step=lot_size,
        token=row.exchange_token,
        underlying=_underlying(row) if derivative else "",
        expiry=_date("expiry", row.expiry) if derivative else None,
        strike=_number("strike", row.strike) if kind is InstrumentKind.OPTION else None,
        right=row.instrument_type if derivative else "",
    )


def _underlying(row: _Row) -> str:
    """Return `name`; where an old dump leaves it empty, what the symbol says before its expiry, strike and type."""
    if row.name:
        return row.name
    expiry = _date("expiry", row.expiry)
    strike = "" if row.instrument_type == "FUT" else f"{_number('strike', row.strike)}"
    month_or_day = f"(?:[A-Z]{{3}}|[1-9OND]{expiry:%d})"
    match = re.fullmatch(f"(.+){expiry:%y}{month_or_day}{re.escape(strike)}{row.instrument_type}", row.tradingsymbol)
    if match is None:
        msg = f"name is empty, and {row.tradingsymbol!r} does not end in its expiry {expiry}, strike and type"
        raise ValueError(msg)
    return match[1]


@functools.lru_cache(maxsize=8192)
def _number(column: str, text: str) -> Decimal:
    """Read a number in its shortest plain form, so that 75.0 and 75 are one lot and print alike."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not (value.is_finite() and value >= 0):
        msg = f"{column} is {text!r}; it must be a number, not below 0"
        raise ValueError(msg)
    return Decimal(f"{value.normalize():f}")


@functools.lru_cache(maxsize=512)
def _date(column: str, text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        msg = f"{column} is {text!r}; it must be a date as 2025-09-30"
        raise ValueError(msg) from None
