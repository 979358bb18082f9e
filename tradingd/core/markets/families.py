"""The contracts of one underlying as an instrument list has them: futures and chains by expiry, and what is monthly.

A list says which contracts exist, not which of them are the month's: that is found here, by evidence, the strongest
first. A family answers for what stands on its list and for nothing else.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Protocol

from tradingd.core.markets.symbols import monthly_symbol, weekly_symbol
from tradingd.model.errors import DataError
from tradingd.model.instrument import InstrumentKind

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Mapping
    from decimal import Decimal

    from tradingd.model.instrument import Instrument


class Family(Protocol):
    """The contracts of one underlying in one segment on one day, listed or made by rules."""

    @property
    def monthly(self) -> Collection[dt.date]:
        """The expiries that are a month's own."""

    def expiries(self, right: str) -> Collection[dt.date]:
        """Return the expiries of the futures (FUT) or of the options, in no order."""

    def future(self, expiry: dt.date, spot: Decimal) -> Instrument:
        """Return the future that expires then; where it is made, at the price `spot`."""

    def chain(self, expiry: dt.date, right: str, spot: Decimal) -> Mapping[Decimal, Instrument]:
        """Return the options of an expiry and right by strike; where they are made, about `spot`."""


class ListedFamily:
    """A family as a list has it."""

    def __init__(self) -> None:
        self.futures: dict[dt.date, Instrument] = {}
        self.options: dict[dt.date, dict[str, dict[Decimal, Instrument]]] = {}
        self._monthly: frozenset[dt.date] | None = None

    @property
    def monthly(self) -> frozenset[dt.date]:
        """The expiries that are a month's own."""
        if self._monthly is None:
            self._monthly = _monthly(self)
        return self._monthly

    def expiries(self, right: str) -> Collection[dt.date]:
        """Return the expiries of the futures (FUT) or of the options, in no order."""
        return self.futures.keys() if right == "FUT" else self.options.keys()

    def future(self, expiry: dt.date, spot: Decimal) -> Instrument:  # noqa: ARG002 - a list is what it is
        """Return the future that expires then."""
        return self.futures[expiry]

    def chain(self, expiry: dt.date, right: str, spot: Decimal) -> Mapping[Decimal, Instrument]:  # noqa: ARG002 - a list is what it is
        """Return the options of an expiry and right by strike."""
        return self.options[expiry].get(right, {})

    def add(self, row: Instrument) -> None:
        """Take a contract in.

        Raises:
            DataError: it lacks its expiry or strike, or is the same contract as one that is here.
        """
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


def _monthly(family: ListedFamily) -> frozenset[dt.date]:
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
        if sample.symbol == monthly_symbol(sample.underlying, expiry, sample.strike, sample.right):
            return True
        if sample.symbol == weekly_symbol(sample.underlying, expiry, sample.strike, sample.right):
            return False
        month = _month(expiry)
        if month <= horizon and futures_of_month[month] <= 1:
            return False
        return expiry == last_of_month[month]

    return frozenset(expiry for expiry, sample in samples.items() if is_monthly(expiry, sample))


def _month(date: dt.date) -> tuple[int, int]:
    return date.year, date.month
