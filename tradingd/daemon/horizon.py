"""How far the calendars reach by which strategies trade: told in time, and nothing trades beyond.

A holiday that nobody has announced yet looks like any other day, so that a day after the last one known is no
trading day at all. Here that is said before it happens. Which days are known, and what an operator adds to them, is
the core's (`core.markets.calendar`); what time it is, the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tradingd.core.markets.sessions import market
from tradingd.model.errors import ConfigError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable

    from tradingd.core.graph.document import Document

WARNING_DAYS = 30
"""So many days before the last one known, and on each that follows, a person is told."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far one market's calendar reaches: to `known_to`, `days` from `today`; they are negative beyond."""

    market: str
    known_to: dt.date
    today: dt.date

    @property
    def days(self) -> int:
        """How many days are left."""
        return (self.known_to - self.today).days

    @property
    def text(self) -> str:
        """What that means, and what to do."""
        left = "there is no session after it" if self.days < 0 else f"{self.days} days are left"
        return (
            f"the calendar of {self.market} is known until {self.known_to} and it is {self.today}: {left}; install a "
            "version that knows more, or name a file in markets.calendar with the holidays that follow and a row of "
            "[[known]], and start again"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it as the status has it."""
        return {"market": self.market, "known_to": self.known_to.isoformat(), "days": self.days}


def reaches(documents: Iterable[Document], calendar: str, ts: int) -> list[Reach]:
    """Return how far the calendars reach by which strategies trade, as seen at `ts`; 24x7 markets have no end."""
    names: set[str] = set()
    for document in documents:
        names.add(document.exchange)
        if any(leg.choice is not None for leg in document.legs):
            names.add(market(document.exchange, calendar).derivatives)
    venues = [market(name, calendar) for name in sorted(names) if name]
    return [Reach(venue.name, venue.horizon, venue.date_of(ts)) for venue in venues if venue.horizon is not None]


def check(documents: Iterable[Document], calendar: str, ts: int) -> None:
    """Refuse strategies that would trade on a day of which nobody knows whether it is one.

    Raises:
        ConfigError: a calendar ends before `ts`; the message says what to do.
    """
    over = [reach.text for reach in reaches(documents, calendar, ts) if reach.days < 0]
    if over:
        raise ConfigError("\n".join(over))
