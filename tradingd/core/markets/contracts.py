"""From "the week's at-the-money call" to one listed contract.

Expiries and strikes are counted in the instrument list of the session's date and in nothing else: expiry days
move, strikes are missing, lots differ by contract, and the list is right where a rule is wrong. What the list
cannot answer is refused with the reason; nothing is clamped, rounded to a step, or looked up by a made-up symbol.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tradingd.core.markets.families import ListedFamily
from tradingd.model.instrument import InstrumentKind
from tradingd.model.trading import EXPIRY_CODES, PREMIUM, RIGHTS, STRIKE_CODES

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tradingd.core.markets.families import Family
    from tradingd.model.instrument import Instrument
    from tradingd.model.trading import OptionChoice

_MONTHS = {"M": range(1, 13), "Q": (3, 6, 9, 12), "Y": (12,)}
"""In which months the series of a code expire: a quarter's and a year's contract are those of its last month."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """The contract a choice stands for, and what it was chosen from.

    `expiries` are the series its code counted in, from the session's date on. `strikes` are those listed for the
    expiry and right, and `atm` is the one nearest to `spot`; a future has neither. `quotes` are the options'
    prices by strike, where the choice was made by them.
    """

    instrument: Instrument
    expiry: dt.date
    spot: Decimal
    expiries: tuple[dt.date, ...]
    strikes: tuple[Decimal, ...] = ()
    atm: Decimal | None = None
    quotes: tuple[tuple[Decimal, Decimal], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data: for a trace, for a person."""
        found = self.instrument
        return {
            "instrument": found.id,
            "token": found.token,
            "expiry": self.expiry.isoformat(),
            "lot_size": f"{found.lot_size:f}",
            "tick_size": f"{found.tick_size:f}",
            "spot": f"{self.spot:f}",
            "expiries": [expiry.isoformat() for expiry in self.expiries],
            "atm": None if self.atm is None else f"{self.atm:f}",
            "strikes": [f"{strike:f}" for strike in self.strikes],
            "quotes": {f"{strike:f}": f"{price:f}" for strike, price in self.quotes},
        }


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
        families: dict[tuple[str, str], ListedFamily] = defaultdict(ListedFamily)
        self._by_token: dict[tuple[str, str], Instrument] = {}
        for row in instruments:
            if row.kind in (InstrumentKind.FUTURE, InstrumentKind.OPTION):
                families[row.exchange, row.underlying].add(row)
                if row.token:
                    self._by_token[row.exchange, row.token] = row
        self.families: Mapping[tuple[str, str], ListedFamily] = dict(families)

    def family(self, segment: str, underlying: str, on: dt.date) -> Family | Refusal:  # noqa: ARG002 - one list, one day
        """Return the contracts of an underlying that the segment lists on a day."""
        return self.families.get((segment, underlying)) or Refusal(
            f"{segment or 'no segment'} lists no contracts of {underlying}"
        )

    def segments(self, underlying: str) -> list[str]:
        """Return the segments that list contracts of an underlying."""
        return sorted(segment for segment, name in self.families if name == underlying)

    def current(self, held: Instrument, on: dt.date) -> Instrument:  # noqa: ARG002 - one list, one day
        """Return a contract that is held as the day's list has it: another expiry where it was re-dated, else itself.

        It is known by its token, and by its terms, since tokens are given anew after expiry. Symbol, lot and tick
        stay as they were when it was entered.
        """
        row = self._by_token.get((held.exchange, held.token))
        terms = (held.underlying, held.strike, held.right)
        if row is None or row.expiry == held.expiry or (row.underlying, row.strike, row.right) != terms:
            return held
        return replace(held, expiry=row.expiry)

    def lacks(self, choice: OptionChoice, segment: str, underlying: str, on: dt.date) -> str:
        """Say which series an underlying that is listed does not have; empty where it has it, or is not listed.

        No price is needed, and no day's expiries: what is lacking here is found before a strategy runs.
        """
        family = self.family(segment, underlying, on)
        if isinstance(family, Refusal) or choice.expiry[0] in _MONTHS:
            return ""
        ahead = {date for date in family.expiries(choice.right) if date >= on}
        if choice.right != "FUT" and not (ahead and ahead.issubset(family.monthly)):
            return ""
        return f"{choice.expiry}: {underlying} has no weekly series of {choice.right}; M0 is the nearest month"

    def expiries(
        self, choice: OptionChoice, segment: str, underlying: str, session_date: dt.date
    ) -> tuple[dt.date, ...] | Refusal:
        """Return the series that `choice.expiry` counts in, from `session_date` on: long enough to hold it.

        `segment` is the exchange that lists the contracts. A W code counts every option expiry, the monthly ones
        too; M, Q and Y codes the monthly ones of every month, of a quarter's last, of December; options or futures
        as `choice.right` says.
        """
        unknown = _unknown_code(choice)
        if unknown:
            return Refusal(unknown)
        family = self.family(segment, underlying, session_date)
        if isinstance(family, Refusal):
            return family
        lacking = self.lacks(choice, segment, underlying, session_date)
        if lacking:
            return Refusal(lacking)
        dates = tuple(sorted(date for date in family.expiries(choice.right) if date >= session_date))
        months = _MONTHS.get(choice.expiry[0])
        if months is not None:
            dates = tuple(date for date in dates if date.month in months and date in family.monthly)
        if _count(choice.expiry) >= len(dates):
            found = ", ".join(map(str, dates)) or "none"
            return Refusal(f"{choice.expiry} {choice.right}: {underlying} expiries from {session_date} on are {found}")
        return dates

    def resolve(  # noqa: PLR0913 - all that a choice depends on
        self,
        choice: OptionChoice,
        segment: str,
        underlying: str,
        spot: Decimal | float | None,
        session_date: dt.date,
        price_of: Callable[[Instrument], float | None] | None = None,
    ) -> Resolution | Refusal:
        """Return the contract that `choice` stands for at the price `spot` of the underlying.

        At the money is the listed strike of that expiry and right nearest to `spot`, the lower of two equally
        near; ITMn and OTMn count listed strikes from there. A price beyond the listed strikes is refused. By
        premium it is the option whose last price, as `price_of` gives it, is nearest to the one that is wanted,
        the lower strike of two equally near; those without a price are left out.
        """
        if spot is None or not math.isfinite(spot) or spot <= 0:
            return Refusal(f"the price of {underlying} is {spot}; a contract is chosen at a price above 0")
        price = Decimal(str(spot))
        expiries = self.expiries(choice, segment, underlying, session_date)
        if isinstance(expiries, Refusal):
            return expiries
        family = self.family(segment, underlying, session_date)
        if isinstance(family, Refusal):
            return family
        expiry = expiries[_count(choice.expiry)]
        if choice.right == "FUT":
            return Resolution(family.future(expiry, price), expiry, price, expiries)
        chain = family.chain(expiry, choice.right, price)
        strikes = tuple(sorted(chain))
        quotes = _quotes(chain, strikes, price_of) if choice.strike == PREMIUM else ()
        found = _strike(choice, strikes, price, quotes)
        if isinstance(found, str):
            return Refusal(f"{choice} of {underlying} {expiry}: {found}")
        strike, atm = found
        return Resolution(chain[strike], expiry, price, expiries, strikes, atm, quotes)


class DatedContracts(Contracts):
    """The lists of several days, of which the last one not after a session's date answers for it.

    `load` is called with one of `dates`, again where sessions step back; one list at a time is kept.
    """

    def __init__(self, dates: Iterable[dt.date], load: Callable[[dt.date], Iterable[Instrument]]) -> None:
        super().__init__(())
        self._dates = sorted(dates)
        self._load = load
        self._loaded: tuple[dt.date, Contracts] | None = None

    def family(self, segment: str, underlying: str, on: dt.date) -> Family | Refusal:
        """Return the contracts of an underlying that the segment lists on a day."""
        listed = self._on(on)
        if listed is None:
            first = self._dates[0] if self._dates else "none"
            return Refusal(f"no instrument list is dated {on} or before; the first is of {first}")
        return listed.family(segment, underlying, on)

    def current(self, held: Instrument, on: dt.date) -> Instrument:
        """Return a contract that is held as the day's list has it."""
        listed = self._on(on)
        return held if listed is None else listed.current(held, on)

    def _on(self, day: dt.date) -> Contracts | None:
        at = bisect_right(self._dates, day) - 1
        if at < 0:
            return None
        date = self._dates[at]
        if self._loaded is None or self._loaded[0] != date:
            self._loaded = date, Contracts(self._load(date))
        return self._loaded[1]


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


def _strike(
    choice: OptionChoice, strikes: Sequence[Decimal], price: Decimal, quotes: Sequence[tuple[Decimal, Decimal]]
) -> tuple[Decimal, Decimal] | str:
    """Return the strike that is chosen and the one at the money, or why there is none."""
    if not _spans(strikes, price):
        listed = f"{strikes[0]} to {strikes[-1]}" if strikes else "none"
        return f"no strike is at {price}; listed: {listed}"
    at = min(range(len(strikes)), key=lambda i: abs(strikes[i] - price))  # of equals the first, the lower
    if choice.strike == PREMIUM:
        premium = choice.premium
        if premium is None or premium <= 0:
            return f"the premium wanted is {premium}; it must be above 0"
        nearest = min(quotes, key=lambda quote: abs(quote[1] - premium), default=None)  # of equals the lower strike
        return "none of its options has a price to be chosen by" if nearest is None else (nearest[0], strikes[at])
    wanted = at + _strikes_up(choice)
    if 0 <= wanted < len(strikes):
        return strikes[wanted], strikes[at]
    around = f"{at} strikes below it and {len(strikes) - at - 1} above"
    return f"not listed; {strikes[at]} is at the money, with {around}"


def _strikes_up(choice: OptionChoice) -> int:
    """Return how many listed strikes above at the money the choice lies: a call's OTM is up, a put's is down."""
    if choice.strike == "ATM":
        return 0
    up = choice.strike.startswith("OTM") == (choice.right == "CE")
    return int(choice.strike[3:]) * (1 if up else -1)


def _quotes(
    chain: Mapping[Decimal, Instrument],
    strikes: Iterable[Decimal],
    price_of: Callable[[Instrument], float | None] | None,
) -> tuple[tuple[Decimal, Decimal], ...]:
    """Return the strikes whose option has a price, with that price."""
    if price_of is None:
        return ()
    priced = ((strike, price_of(chain[strike])) for strike in strikes)
    return tuple((strike, Decimal(str(price))) for strike, price in priced if price is not None and price > 0)
