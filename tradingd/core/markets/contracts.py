"""From "the week's at-the-money call" to one listed contract.

Expiries and strikes are counted in the instrument list of the session's date and in nothing else: expiry days
move, strikes are missing, lots differ by contract, and the list is right where a rule is wrong. What the list
cannot answer is refused with the reason; nothing is clamped, rounded to a step, or looked up by a made-up symbol.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from tradingd.model.errors import DataError
from tradingd.model.instrument import InstrumentKind
from tradingd.model.trading import EXPIRY_CODES, RIGHTS, STRIKE_CODES

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Sequence

    from tradingd.model.instrument import Instrument
    from tradingd.model.trading import OptionChoice

_MONTH_LETTERS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_MONTH_DIGITS = "123456789OND"


@dataclass(frozen=True, slots=True)
class Resolution:
    """The contract a choice stands for, and what it was chosen from.

    `expiries` are the series its code counted in, from the session's date on. `strikes` are those listed for the
    expiry and right, and `atm` is the one nearest to `spot`; a future has neither.
    """

    instrument: Instrument
    expiry: dt.date
    spot: Decimal
    expiries: tuple[dt.date, ...]
    strikes: tuple[Decimal, ...] = ()
    atm: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a choice stands for no contract."""

    reason: str


class Contracts:
    """The futures and options of one day's instrument list, indexed once.

    Underlyings are matched whole: GOLD is not GOLDM.

    Raises:
        DataError: a derivative lacks its expiry or strike, or two rows are the same contract.
    """

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        families: dict[tuple[str, str], _Family] = defaultdict(_Family)
        for row in instruments:
            if row.kind in (InstrumentKind.FUTURE, InstrumentKind.OPTION):
                families[row.exchange, row.underlying].add(row)
        for family in families.values():
            family.monthly = _monthly(family)
        self._families = dict(families)

    def expiries(
        self, choice: OptionChoice, segment: str, underlying: str, session_date: dt.date
    ) -> tuple[dt.date, ...] | Refusal:
        """Return the series that `choice.expiry` counts in, from `session_date` on: long enough to hold it.

        `segment` is the exchange that lists the contracts. A W code counts every option expiry, the monthly ones
        too; an M code the monthly ones, of options or of futures as `choice.right` says. No price is needed, so
        that a series which does not exist is found before there is one.
        """
        unknown = _unknown_code(choice)
        if unknown:
            return Refusal(unknown)
        family = self._families.get((segment, underlying))
        if family is None:
            return Refusal(f"{segment or 'no segment'} lists no contracts of {underlying}")
        listed = family.futures if choice.right == "FUT" else family.options
        dates = tuple(sorted(date for date in listed if date >= session_date))
        monthly = tuple(date for date in dates if date in family.monthly)
        if choice.expiry.startswith("M"):
            dates = monthly
        elif choice.right == "FUT" or (dates and dates == monthly):
            return Refusal(
                f"{choice.expiry}: {underlying} has no weekly series of {choice.right}; M0 is the nearest month"
            )
        if _count(choice.expiry) >= len(dates):
            found = ", ".join(map(str, dates)) or "none"
            return Refusal(f"{choice.expiry} {choice.right}: {underlying} expiries from {session_date} on are {found}")
        return dates

    def resolve(
        self,
        choice: OptionChoice,
        segment: str,
        underlying: str,
        spot: Decimal | float | None,
        session_date: dt.date,
    ) -> Resolution | Refusal:
        """Return the contract that `choice` stands for at the price `spot` of the underlying.

        At the money is the listed strike of that expiry and right nearest to `spot`, the lower of two equally
        near; ITMn and OTMn count listed strikes from there. A price beyond the listed strikes is refused.
        """
        if spot is None or not math.isfinite(spot) or spot <= 0:
            return Refusal(f"the price of {underlying} is {spot}; a contract is chosen at a price above 0")
        price = Decimal(str(spot))
        expiries = self.expiries(choice, segment, underlying, session_date)
        if isinstance(expiries, Refusal):
            return expiries
        expiry = expiries[_count(choice.expiry)]
        family = self._families[segment, underlying]
        if choice.right == "FUT":
            return Resolution(family.futures[expiry], expiry, price, expiries)
        chain = family.options[expiry].get(choice.right, {})
        strikes = tuple(sorted(chain))
        if not _spans(strikes, price):
            listed = f"{strikes[0]} to {strikes[-1]}" if strikes else "none"
            return Refusal(f"no strike of {underlying} {expiry} {choice.right} is at {price}; listed: {listed}")
        at = min(range(len(strikes)), key=lambda i: abs(strikes[i] - price))  # of equals the first, the lower
        wanted = at + _strikes_up(choice)
        if not 0 <= wanted < len(strikes):
            return Refusal(
                f"{choice.strike} {choice.right} of {underlying} {expiry} is not listed: "
                f"{strikes[at]} is at the money, with {at} strikes below it and {len(strikes) - at - 1} above"
            )
        return Resolution(chain[strikes[wanted]], expiry, price, expiries, strikes, strikes[at])


def _unknown_code(choice: OptionChoice) -> str:
    """Say which code of `choice` nothing answers to; empty where all are known. A future's strike is not read."""
    strikes = (choice.strike,) if choice.right == "FUT" else STRIKE_CODES
    for code, known in ((choice.expiry, EXPIRY_CODES), (choice.right, RIGHTS), (choice.strike, strikes)):
        if code not in known:
            return f"contract code {code!r} is not known; known are {', '.join(known)}"
    return ""


def _count(expiry_code: str) -> int:
    return int(expiry_code[1:])


def _spans(strikes: Sequence[Decimal], price: Decimal) -> bool:
    """Whether the nearest strike is one of `strikes`, and not one that would follow beyond their ends."""
    if len(strikes) <= 1:
        return bool(strikes)
    below, above = strikes[1] - strikes[0], strikes[-1] - strikes[-2]
    return strikes[0] - below / 2 <= price <= strikes[-1] + above / 2


def _strikes_up(choice: OptionChoice) -> int:
    """Return how many listed strikes above at the money the choice lies: a call's OTM is up, a put's is down."""
    if choice.strike == "ATM":
        return 0
    up = choice.strike.startswith("OTM") == (choice.right == "CE")
    return int(choice.strike[3:]) * (1 if up else -1)


class _Family:
    """All contracts of one underlying in one segment: futures by expiry, options by expiry, right and strike."""

    def __init__(self) -> None:
        self.futures: dict[dt.date, Instrument] = {}
        self.options: dict[dt.date, dict[str, dict[Decimal, Instrument]]] = {}
        self.monthly: frozenset[dt.date] = frozenset()

    def add(self, row: Instrument) -> None:
        if row.expiry is None or (row.strike is None) != (row.kind is InstrumentKind.FUTURE):
            msg = f"{row.id} has expiry {row.expiry} and strike {row.strike}; a future has the one, an option both"
            raise DataError(msg)
        if row.strike is None:
            twin = self.futures.setdefault(row.expiry, row)
        else:
            twin = self.options.setdefault(row.expiry, {}).setdefault(row.right, {}).setdefault(row.strike, row)
        if twin is not row:
            msg = f"{twin.id} and {row.id} are the same contract; a list names each once"
            raise DataError(msg)


def _monthly(family: _Family) -> frozenset[dt.date]:
    """Return the expiries that are monthly, each by the first evidence there is.

    A future expires then, alone in its month (where weekly futures are listed too they prove nothing); else the
    form of the symbol; else, where options expire whenever futures do, that another day is proven for its month or
    for a later one; else that it is the last of its month. That is the weakest: a weekly series may go on after the
    month's own expiry.
    """
    samples = family.futures | {
        expiry: next(row for chain in chains.values() for row in chain.values())
        for expiry, chains in family.options.items()
    }
    last_of_month = {_month(expiry): expiry for expiry in sorted(samples)}
    futures_of_month = Counter(map(_month, family.futures))
    proven = {expiry for expiry in family.futures if futures_of_month[_month(expiry)] == 1}
    horizon = max(map(_month, proven)) if proven and proven <= family.options.keys() else (0, 0)

    def is_monthly(expiry: dt.date, sample: Instrument) -> bool:
        if expiry in proven:
            return True
        by_symbol = _symbol_says_monthly(sample, expiry)
        if by_symbol is not None:
            return by_symbol
        month = _month(expiry)
        if month <= horizon and futures_of_month[month] <= 1:
            return False
        return expiry == last_of_month[month]

    return frozenset(expiry for expiry, sample in samples.items() if is_monthly(expiry, sample))


def _month(date: dt.date) -> tuple[int, int]:
    return date.year, date.month


def _symbol_says_monthly(row: Instrument, expiry: dt.date) -> bool | None:
    """Read a symbol of Kite's form, NIFTY24AUG24500CE (monthly) or NIFTY2480124500CE (weekly); none: another form.

    Source: Kite Connect 3, tradingsymbols in the instrument dump. Compared whole, as the parts are not separable.
    """
    month = expiry.month - 1
    tail = row.right if row.strike is None else f"{row.strike.normalize():f}{row.right}"
    start = f"{row.underlying}{expiry:%y}"
    forms = {
        f"{start}{_MONTH_LETTERS[month]}{tail}": True,
        f"{start}{_MONTH_DIGITS[month]}{expiry:%d}{tail}": False,
    }
    return forms.get(row.symbol)
