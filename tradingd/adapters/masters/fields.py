"""The values of an instrument list's rows, read one by one: a wrong one is an error that says what would be right.

Lists repeat themselves - a hundred thousand rows have a few hundred different dates, ticks and strikes - so what was
read once is given again. No value is completed by a guess.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from decimal import Decimal, InvalidOperation

INDEX_TICK = Decimal("0.01")  # an index is published with two decimals
ONE = Decimal(1)
_EXCHANGE = re.compile(r"[A-Z0-9_]+")


@functools.lru_cache(maxsize=8192)
def number(column: str, text: str) -> Decimal:
    """Read a number in its shortest plain form, so that 75.0 and 75 are one lot and print alike.

    Raises:
        ValueError: it is none, or below 0.
    """
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not (value.is_finite() and value >= 0):
        msg = f"{column} is {text!r}; it must be a number, not below 0"
        raise ValueError(msg)
    return Decimal(f"{value.normalize():f}")


@functools.lru_cache(maxsize=512)
def date(column: str, text: str) -> dt.date:
    """Read a date.

    Raises:
        ValueError: it is none.
    """
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        msg = f"{column} is {text!r}; it must be a date as 2025-09-30"
        raise ValueError(msg) from None


def strike(column: str, text: str) -> Decimal:
    """Read an option's strike.

    Raises:
        ValueError: it is no number above 0.
    """
    value = number(column, text)
    if not value:
        msg = f"{column} is {text!r}; an option's is above 0"
        raise ValueError(msg)
    return value


@functools.lru_cache(maxsize=64)
def exchange(column: str, text: str) -> str:
    """Read the name of an exchange or segment.

    Raises:
        ValueError: it is none.
    """
    if not _EXCHANGE.fullmatch(text):
        msg = f"{column} is {text!r}; it must be capitals and digits, as NFO"
        raise ValueError(msg)
    return text
