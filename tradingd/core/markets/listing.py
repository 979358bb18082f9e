"""Which contracts an exchange lists on an index, where there is no instrument list to look it up in.

Weekdays, lots and steps between strikes are rows by date in `listing.toml`. A list always wins: rules announced have
been withdrawn, holidays are added late, contracts are re-dated in mid-life. So what is made here serves days that have
no list, and to say where a list is not as expected; nothing else may rest on it.
"""

from __future__ import annotations

import datetime as dt
import functools
import tomllib
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from importlib import resources
from typing import TYPE_CHECKING, Any, NamedTuple

from tradingd.core.markets.contracts import Contracts, Refusal
from tradingd.core.markets.sessions import market
from tradingd.core.markets.symbols import monthly_symbol, weekly_symbol
from tradingd.model.instrument import Instrument, InstrumentKind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from tradingd.core.markets.families import Family

    Row = Mapping[str, Any]
    IsTradingDay = Callable[[dt.date], bool]

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri")
_WEEK, _ONE_DAY = dt.timedelta(days=7), dt.timedelta(days=1)
_QUARTERS, _HALF_YEARS = (3, 6, 9, 12), (6, 12)
_OPTION_TICK = Decimal("0.05")  # NSE and BSE, contract specifications of index options
_NEAR, _FAR = Decimal("0.10"), Decimal("0.40")
"""How far about the price strikes are listed, as in lists of 2025 and 2026: nearest months, and beyond."""
_COMPARED = 5
"""So many expiries of a list are held against the rules: as many as W codes count."""


class _Series(NamedTuple):
    """The expiries of a day, each in order: weeks, nearest months, what lies beyond."""

    weekly: tuple[dt.date, ...]
    monthly: tuple[dt.date, ...]
    far: tuple[dt.date, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """The rows of one index; `counts` are how many weeks, months, quarters and half-years are listed."""

    underlying: str
    segment: str
    since: dt.date
    counts: tuple[int, int, int, int]
    days: Sequence[Row]
    lots: Sequence[Row]
    steps: Sequence[Row]

    @classmethod
    def from_table(cls, underlying: str, table: Row) -> Rules:
        """Read one table of the data file."""
        counts = (table["weeklies"], table["monthlies"], table["quarterlies"], table["half_years"])
        days, lots, steps = table["expiries"], table["lots"], table["steps"]
        return cls(underlying, table["segment"], table["since"], counts, days, lots, steps)

    def series(self, on: dt.date, is_trading_day: IsTradingDay) -> _Series:
        """Return when the contracts end that are listed on a day."""
        weeks, months, quarters, halves = self.counts
        listed: list[dt.date] = []
        own_weeks = set()  # in these a month ends, and no week's contract
        month = on.replace(day=1)
        while len(listed) < months + quarters + halves:
            wanted = (
                range(1, 13) if len(listed) < months else _QUARTERS if len(listed) < months + quarters else _HALF_YEARS
            )
            following = (month + 31 * _ONE_DAY).replace(day=1)
            end = self._end("monthly", following - _WEEK, on)
            if end is not None and month.month in wanted:
                own_weeks.add(end - end.weekday() * _ONE_DAY)
                date = _shifted(end, is_trading_day)
                if date >= on:
                    listed.append(date)
            month = following
        weekly: list[dt.date] = []
        monday = on - on.weekday() * _ONE_DAY
        while len(weekly) < weeks:
            end = self._end("weekly", monday, on)
            if end is None:
                break
            date = _shifted(end, is_trading_day)
            if date >= on and monday not in own_weeks:
                weekly.append(date)
            monday += _WEEK
        return _Series(tuple(weekly), tuple(listed[:months]), tuple(listed[months:]))

    def lot(self, series: str, expiry: dt.date, on: dt.date) -> Decimal:
        """Return the lot, on a day, of a contract of a series (a field of `_Series`)."""
        at = on if series == "far" else expiry
        changed = [row for row in self.lots[1:] if row.get(f"{series}_from", dt.date.max) <= at]
        return Decimal((changed or self.lots)[-1 if changed else 0]["lot"])

    def step(self, series: str, on: dt.date) -> Decimal:
        """Return the distance between strikes of a series, on a day."""
        row = [row for row in self.steps if row.get("valid_from", dt.date.min) <= on][-1]
        return Decimal(row["far_step" if series == "far" else "step"])

    def _end(self, series: str, first: dt.date, on: dt.date) -> dt.date | None:
        """Return the day, of the seven from `first` on, on which a series ends, holidays aside; none: it does not."""
        for row in reversed(self.days):
            if series in row and row.get("seen_from", dt.date.min) <= on:
                end = first + (_WEEKDAYS.index(row[series]) - first.weekday()) % 7 * _ONE_DAY
                if end > row.get("after", dt.date.min):
                    return None if end > row.get(f"{series}_until", dt.date.max) else end
            elif row.get("seen_from", dt.date.min) <= on:
                return None
        return None


class RuledFamily:
    """The contracts on one index that the rules list on one day; strikes are made about a price."""

    def __init__(self, rules: Rules, on: dt.date, is_trading_day: IsTradingDay) -> None:
        self._rules = rules
        self._on = on
        found = rules.series(on, is_trading_day)
        self._futures = found.monthly
        self._series = {date: name for name, dates in found._asdict().items() for date in dates}
        self.monthly = frozenset((*found.monthly, *found.far))

    def expiries(self, right: str) -> Collection[dt.date]:
        """Return the expiries of the futures (FUT) or of the options."""
        return self._futures if right == "FUT" else self._series.keys()

    def future(self, expiry: dt.date, spot: Decimal) -> Instrument:
        """Return the future that expires then, with the tick of that price."""
        return self._instrument(expiry, None, "FUT", _future_tick(self._rules.segment, self._on, spot))

    def chain(self, expiry: dt.date, right: str, spot: Decimal) -> dict[Decimal, Instrument]:
        """Return the options of an expiry and right about a price, by strike."""
        series = self._series[expiry]
        step = self._rules.step(series, self._on)
        share = _FAR if series == "far" else _NEAR
        lowest = (spot * (1 - share) / step).to_integral_value(ROUND_CEILING)
        highest = (spot * (1 + share) / step).to_integral_value(ROUND_FLOOR)
        strikes = [step * n for n in range(max(int(lowest), 1), int(highest) + 1)]
        return {strike: self._instrument(expiry, strike, right, _OPTION_TICK) for strike in strikes}

    def _instrument(self, expiry: dt.date, strike: Decimal | None, right: str, tick_size: Decimal) -> Instrument:
        rules, series = self._rules, self._series[expiry]
        named = weekly_symbol if series == "weekly" else monthly_symbol
        lot = rules.lot(series, expiry, self._on)
        return Instrument(
            exchange=rules.segment,
            symbol=named(rules.underlying, expiry, strike, right),
            kind=InstrumentKind.FUTURE if strike is None else InstrumentKind.OPTION,
            tick_size=tick_size,
            lot_size=lot,
            quantity_step=lot,
            underlying=rules.underlying,
            expiry=expiry,
            strike=strike,
            right=right,
        )


class RuledContracts(Contracts):
    """A list's contracts and, of the indices that it lists none of, those of the rules.

    `is_trading_day` says of a segment and a date whether contracts may expire then (`may_expire`).
    """

    def __init__(self, instruments: Iterable[Instrument], is_trading_day: Callable[[str, dt.date], bool]) -> None:
        super().__init__(instruments)
        self._is_trading_day = is_trading_day
        self._ruled: dict[str, tuple[dt.date, RuledFamily | Refusal]] = {}

    def segments(self, underlying: str) -> list[str]:
        """Return the segments that list contracts of an underlying, or that the rules are of."""
        rules = _rules().get(underlying)
        return super().segments(underlying) or ([rules.segment] if rules is not None else [])

    def family(self, segment: str, underlying: str, on: dt.date) -> Family | Refusal:
        """Return the contracts of an underlying that the segment lists on a day, or that the rules do."""
        listed = super().family(segment, underlying, on)
        if not isinstance(listed, Refusal):
            return listed
        if underlying not in _rules() or _rules()[underlying].segment != segment:
            return listed
        on_day, made = self._ruled.get(underlying, (None, listed))
        if on_day != on:
            made = ruled_family(underlying, on, functools.partial(self._is_trading_day, segment))
            self._ruled[underlying] = on, made
        return made


def ruled_family(underlying: str, on: dt.date, is_trading_day: IsTradingDay) -> RuledFamily | Refusal:
    """Return the contracts on an index that the rules list on a day."""
    rules = _rules().get(underlying)
    if rules is None:
        return Refusal(f"there are no rules of contracts on {underlying}; there are of {', '.join(_rules())}")
    if on < rules.since:
        return Refusal(f"the rules of contracts on {underlying} begin on {rules.since}; {on} needs an instrument list")
    return RuledFamily(rules, on, is_trading_day)


def rule_chain(underlying: str, on: dt.date, spot: Decimal, is_trading_day: IsTradingDay) -> list[Instrument] | Refusal:
    """Return all contracts on an index that the rules list on a day, with strikes about the price `spot`."""
    found = ruled_family(underlying, on, is_trading_day)
    if isinstance(found, Refusal):
        return found
    options = [found.chain(expiry, right, spot) for expiry in sorted(found.expiries("CE")) for right in ("CE", "PE")]
    futures = [found.future(expiry, spot) for expiry in found.expiries("FUT")]
    return futures + [row for chain in options for row in chain.values()]


def unexpected(contracts: Contracts, on: dt.date, is_trading_day: Callable[[str, dt.date], bool]) -> Iterator[str]:
    """Yield where a day's list is not as the rules have it: nearest expiries, and their lots. The list is right."""
    for (segment, underlying), listed in contracts.families.items():
        rules = _rules().get(underlying)
        if rules is None or rules.segment != segment or on < rules.since:
            continue
        found = rules.series(on, functools.partial(is_trading_day, segment))
        series = {date: name for name, dates in found._asdict().items() for date in dates}
        theirs = sorted(date for date in listed.options if date >= on)[:_COMPARED]
        ours = sorted(series)[: len(theirs)]
        for here, there in zip(theirs, ours, strict=False):
            if here != there:
                yield f"{underlying}: the list has an expiry on {here} where the rules have {there}; the list is right"
        for date in theirs:
            lots = {row.lot_size for chain in listed.options[date].values() for row in chain.values()}
            expected = {rules.lot(series[date], date, on)} if date in series else lots
            if lots != expected:
                told, ruled = (" and ".join(f"{lot:f}" for lot in sorted(some)) for some in (lots, expected))
                yield f"{underlying} {date}: the list's lot is {told} where the rules' is {ruled}; the list is right"


def may_expire(calendar: str = "") -> Callable[[str, dt.date], bool]:
    """Return what says whether contracts of a segment may expire on a day; `calendar` are an operator's own rows.

    A Muhurat evening and a drill on a Saturday are no such days. After the last day known, every weekday may be one.
    """

    def answer(segment: str, date: dt.date) -> bool:
        days = market(segment, calendar).calendar
        if days is None or date > days.known_to:
            return date.weekday() < len(_WEEKDAYS)
        return days.regular(date)

    return answer


def _shifted(end: dt.date, is_trading_day: IsTradingDay) -> dt.date:
    """Return the last trading day up to `end`; `end` itself where a whole week has none, so that nothing is known."""
    return next((day for day in (end - n * _ONE_DAY for n in range(7)) if is_trading_day(day)), end)


def _future_tick(segment: str, on: dt.date, spot: Decimal) -> Decimal:
    rows = [row for row in _tables()["future_ticks"] if row["segment"] == segment]
    row = [row for row in rows if row.get("valid_from", dt.date.min) <= on][-1]
    return Decimal(row["ticks"][sum(spot > level for level in row["below"])])


@functools.cache
def _tables() -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("listing.toml").read_text(encoding="utf-8"))


@functools.cache
def _rules() -> dict[str, Rules]:
    tables = {name: table for name, table in _tables().items() if name != "future_ticks"}
    return {name: Rules.from_table(name, table) for name, table in tables.items()}
