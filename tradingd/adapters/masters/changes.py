"""What differs in an instrument list since the day before: lots, ticks and expiries that moved, what came, what went.

A contract is known by its token, not by its symbol or expiry, which are changed in its lifetime. Tokens are given anew
after expiry, so a token whose terms are others is another contract.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tradingd.model.instrument import InstrumentKind

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Iterator

    from tradingd.model.instrument import Instrument

_COMPARED = ("symbol", "expiry", "lot_size", "tick_size", "multiplier", "freeze_quantity")


@dataclass(frozen=True, slots=True)
class Change:
    """A field of an instrument that is not what it was."""

    instrument: Instrument
    field: str
    before: Any
    after: Any

    @property
    def what(self) -> str:
        """What changed, in words that like changes share."""
        return (
            "other symbols" if self.field == "symbol" else f"{self.field} {_told(self.before)} -> {_told(self.after)}"
        )


@dataclass(frozen=True, slots=True)
class Changes:
    """The list of one exchange held against an earlier one; `expired` are those gone because they came to their end."""

    exchange: str
    since: dt.date
    changed: tuple[Change, ...]
    came: tuple[Instrument, ...]
    gone: tuple[Instrument, ...]
    expired: int

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "exchange": self.exchange,
            "since": self.since.isoformat(),
            "changed": [
                {"instrument": c.instrument.id, "field": c.field, "before": _told(c.before), "after": _told(c.after)}
                for c in self.changed
            ],
            "new": [i.id for i in self.came],
            "gone": [i.id for i in self.gone],
            "expired": self.expired,
        }

    def lines(self) -> Iterator[str]:
        """Yield it for a person: like changes of one underlying and expiry in one line."""
        counted = f"{len(self.came):,} new, {self.expired:,} expired, {len(self.gone):,} gone before their expiry"
        yield f"{self.exchange} since {self.since}: {counted}, {len(self.changed):,} changes"
        for (group, what), count in Counter((_group(c.instrument), c.what) for c in self.changed).items():
            yield f"  {group}: {what} ({count:,})"
        for group, count in Counter(map(_group, self.gone)).items():
            yield f"  {group}: gone ({count:,})"


def compare(
    exchange: str, since: dt.date, before: Iterable[Instrument], on: dt.date, after: Iterable[Instrument]
) -> Changes:
    """Hold the list of a day against the one of an earlier day."""
    left = {_key(i): i for i in before}
    changed, came = [], []
    for instrument in after:
        was = left.pop(_key(instrument), None)
        if was is None:
            came.append(instrument)
            continue
        for name in _COMPARED:
            old, new = getattr(was, name), getattr(instrument, name)
            if old != new:
                changed.append(Change(instrument, name, old, new))
    gone = tuple(i for i in left.values() if i.expiry is None or i.expiry >= on)
    return Changes(exchange, since, tuple(changed), tuple(came), gone, len(left) - len(gone))


def _key(i: Instrument) -> tuple[object, ...]:
    return i.kind is InstrumentKind.INDEX, i.token or i.symbol, i.underlying, i.strike, i.right


def _group(i: Instrument) -> str:
    return f"{i.underlying} {i.expiry}" if i.underlying else i.symbol


def _told(value: object) -> str:
    return "none" if value is None else f"{value:f}" if isinstance(value, Decimal) else str(value)
