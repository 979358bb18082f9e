"""How a derivative is called in symbols of Kite's form: NIFTY24AUG24500CE of a month, NIFTY2480124500CE of a week.

The parts cannot be told from one another again (26MAR26 is a day or begins a month's symbol), so a symbol is made
and compared whole, never taken apart. No contract is looked up by a symbol that was made here.

Source: Kite Connect 3, tradingsymbols in the instrument dump.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt
    from decimal import Decimal

_LETTERS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DIGITS = "123456789OND"


def monthly_symbol(underlying: str, expiry: dt.date, strike: Decimal | None, right: str) -> str:
    """Return the symbol of a month's contract; `strike` is none for a future."""
    return f"{underlying}{expiry:%y}{_LETTERS[expiry.month - 1]}{_plain(strike)}{right}"


def weekly_symbol(underlying: str, expiry: dt.date, strike: Decimal | None, right: str) -> str:
    """Return the symbol of a week's contract."""
    return f"{underlying}{expiry:%y}{_DIGITS[expiry.month - 1]}{expiry:%d}{_plain(strike)}{right}"


def _plain(strike: Decimal | None) -> str:
    return "" if strike is None else f"{strike.normalize():f}"
