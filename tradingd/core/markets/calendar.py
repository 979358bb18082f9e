"""When a market trades, day by day: hours by date, holidays, special sessions, and until when all that is known.

The rows are data, each with its source: ours in `calendars/`, over them those of an operator, in the same form. A day
beyond the last one known has no session, since nobody can say that it is none of the holidays to come. Times of day
here are those of the market's zone; nothing is turned into an instant.

    [[known]]  markets, valid_from, valid_to                the days whose holidays are all in the rows
    [[hours]]  markets, periods; valid_from, valid_to, days, symbols, expiring
    [[days]]   markets, dates, periods                      what is not as the hours say; no periods: closed

Of several rows that apply the last one holds. Hours that name `symbols` are for those alone, with `expiring` for
contracts on these underlyings on the day they expire. In `[[days]]` a period may begin at `open` or end at `close`,
those of the hours.
"""

from __future__ import annotations

import datetime as dt
import difflib
import functools
import re
import tomllib
from dataclasses import dataclass
from importlib import resources
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from tradingd.model.instrument import Instrument

    Period = tuple[dt.time, dt.time]
    Tables = Mapping[str, list[dict[str, Any]]]

_ONE_DAY = dt.timedelta(days=1)
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_OPEN, _CLOSE = "open", "close"
_PERIOD = re.compile(rf"((?:[01]\d|2[0-3]):[0-5]\d|{_OPEN})-((?:[01]\d|2[0-3]):[0-5]\d|{_CLOSE})")
_KEYS = {
    "known": (("markets", "valid_from", "valid_to", "source"), ()),
    "hours": (("markets", "periods", "source"), ("valid_from", "valid_to", "days", "symbols", "expiring")),
    "days": (("markets", "dates", "periods", "source"), ()),
}
"""The keys that a row of each table must and may have."""


@dataclass(frozen=True, slots=True)
class Hours:
    """Regular hours from `valid_from` to `valid_to`, both included, on weekdays `days` (Monday 0).

    `symbols` and `expiring`, where there are any, say for which instruments alone.
    """

    valid_from: dt.date
    valid_to: dt.date
    days: frozenset[int]
    periods: tuple[Period, ...]
    symbols: frozenset[str]
    expiring: frozenset[str]

    def apply(self, date: dt.date, instrument: Instrument | None) -> bool:
        """Whether they are those of an instrument on a date, weekends and holidays aside; none is the market."""
        if not self.valid_from <= date <= self.valid_to:
            return False
        if not (self.symbols or self.expiring):
            return True
        if instrument is None:
            return False
        expires = instrument.expiry == date and instrument.underlying in self.expiring
        return expires or instrument.symbol in self.symbols


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days of one market; `days` are those that differ, none at the edge of a period is that of the hours."""

    known_from: dt.date
    known_to: dt.date
    hours: tuple[Hours, ...]
    days: Mapping[dt.date, tuple[tuple[dt.time | None, dt.time | None], ...]]

    def periods(self, date: dt.date, instrument: Instrument | None = None) -> tuple[Period, ...]:
        """Return when an instrument, or the market, trades on a date: nothing where that is not, or not known."""
        hours = next((row for row in reversed(self.hours) if row.apply(date, instrument)), None)
        if hours is None or date > self.known_to:
            return ()
        special = self.days.get(date)
        if special is None:
            return hours.periods if date.weekday() in hours.days else ()
        begin, end = hours.periods[0][0], hours.periods[-1][1]
        return tuple((begin if a is None else a, end if b is None else b) for a, b in special)

    def regular(self, date: dt.date) -> bool:
        """Whether a date is a weekday that opens as usual: no holiday, no Muhurat evening, no drill on a Saturday."""
        hours = next((row for row in reversed(self.hours) if row.apply(date, None)), None)
        found = self.periods(date)
        return bool(found) and hours is not None and date.weekday() in hours.days and found[0][0] == hours.periods[0][0]


def calendars(markets: Collection[str], own: str = "") -> dict[str, Calendar]:
    """Return the calendars of the markets, an operator's `own` rows (TOML) over ours.

    Raises:
        ValueError: rows cannot be read; the message names every fault.
    """
    faults = examine(markets, own)
    if faults:
        raise ValueError("\n".join(faults))
    tables = _merged(own)
    return {name: _calendar(name, tables) for name in markets}


def examine(markets: Collection[str], own: str) -> list[str]:
    """Return all that is wrong with an operator's rows, each with its place and what would be right."""
    try:
        tables = tomllib.loads(own)
    except tomllib.TOMLDecodeError as error:
        return [f"{error}; a calendar is TOML, tables of {_tables()}"]
    faults = []
    for table, rows in tables.items():
        if table not in _KEYS or not (isinstance(rows, list) and all(isinstance(row, dict) for row in rows)):
            faults.append(f"[{table}] is no table of a calendar; there are {_tables()}")
            continue
        for number, row in enumerate(rows, 1):
            faults += (f"[[{table}]] row {number}: {fault}" for fault in _row_faults(table, row, markets))
    return faults or _gaps(markets, _merged(own))


@functools.cache
def _packaged() -> Tables:
    files = sorted(resources.files(__package__).joinpath("calendars").iterdir(), key=lambda file: file.name)
    found = [tomllib.loads(file.read_text(encoding="utf-8")) for file in files]
    return {table: [row for tables in found for row in tables.get(table, ())] for table in _KEYS}


def _merged(own: str) -> Tables:
    tables = tomllib.loads(own)
    return {table: rows + tables.get(table, []) for table, rows in _packaged().items()}


def _calendar(market: str, tables: Tables) -> Calendar:
    of = {table: [row for row in rows if market in row["markets"]] for table, rows in tables.items()}
    return Calendar(
        known_from=min(row["valid_from"] for row in of["known"]),
        known_to=max(row["valid_to"] for row in of["known"]),
        hours=tuple(_hours(row) for row in of["hours"]),
        days={date: tuple(map(_edges, row["periods"])) for row in of["days"] for date in row["dates"]},
    )


def _hours(row: Mapping[str, Any]) -> Hours:
    return Hours(
        valid_from=row.get("valid_from", dt.date.min),
        valid_to=row.get("valid_to", dt.date.max),
        days=frozenset(map(_WEEKDAYS.index, row.get("days", _WEEKDAYS[:5]))),
        periods=tuple((begin, end) for begin, end in map(_edges, row["periods"]) if begin and end),
        symbols=frozenset(row.get("symbols", ())),
        expiring=frozenset(row.get("expiring", ())),
    )


def _edges(period: str) -> tuple[dt.time | None, dt.time | None]:
    begin, _, end = period.partition("-")
    return (
        None if begin == _OPEN else dt.time.fromisoformat(begin),
        None if end == _CLOSE else dt.time.fromisoformat(end),
    )


# --- what can be wrong with a row ------------------------------------------------------------------------------------


def _row_faults(table: str, row: Mapping[str, Any], markets: Collection[str]) -> Iterator[str]:
    must, may = _KEYS[table]
    for key in must:
        if key not in row:
            yield f"it has no {key}; a row has {', '.join(must)}"
    for key, value in row.items():
        if key not in (*must, *may):
            near = "".join(difflib.get_close_matches(key, (*must, *may), n=1))
            yield f"there is no key {key}; " + (
                f"did you mean {near}?" if near else f"a row may have {', '.join(must + may)}"
            )
            continue
        wanted = _wanted(table, key, value, markets)
        if wanted:
            yield f"{key} = {_shown(value)}: it must be {wanted}"
    first, last = row.get("valid_from"), row.get("valid_to")
    if isinstance(first, dt.date) and isinstance(last, dt.date) and last < first:
        yield f"valid_to = {last} is before valid_from = {first}"


def _wanted(table: str, key: str, value: Any, markets: Collection[str]) -> str:
    """Say what a key takes where the value is not that; empty where it is."""
    if key == "source":
        return "" if isinstance(value, str) and value else "a text: where it is published"
    if key in ("valid_from", "valid_to"):
        return "" if _is_date(value) else "a date, as 2026-01-15"
    entries = value if isinstance(value, list) else [None]
    if key == "dates":
        return "" if entries and all(map(_is_date, entries)) else "a list of dates, as [2026-01-15]"
    if key == "periods":
        return _wanted_periods(table, entries)
    names = {"markets": markets, "days": _WEEKDAYS}.get(key)
    if entries and all(isinstance(entry, str) and (names is None or entry in names) for entry in entries):
        return ""
    return "a list of symbols" if names is None else f"a list of {', '.join(names)}"


def _wanted_periods(table: str, entries: list[Any]) -> str:
    form = 'a list of times of day, as ["09:15-15:30"]'
    matches = [_PERIOD.fullmatch(entry) if isinstance(entry, str) else None for entry in entries]
    edges = [edge for match in matches if match is not None for edge in match.groups()]
    if len(edges) != 2 * len(entries):
        return form if table == "hours" else f"{form}; a period of a day may begin at {_OPEN} and end at {_CLOSE}"
    if table == "hours" and (not edges or {_OPEN, _CLOSE} & set(edges)):
        return f"{form}, with each time spelled out"
    times = [edge for edge in edges if edge not in (_OPEN, _CLOSE)]
    inner = edges[1:-1]
    in_order = all(a < b for a, b in pairwise(times)) and not {_OPEN, _CLOSE} & set(inner)
    return "" if in_order else f"{form}, one after the other"


def _gaps(markets: Collection[str], tables: Tables) -> list[str]:
    """Say which days between known ones are not, and which rows are for days after the last one known."""
    faults = []
    for name in markets:
        known = sorted((row["valid_from"], row["valid_to"]) for row in tables["known"] if name in row["markets"])
        reached = list(accumulate((until for _, until in known), max))
        for until, (following, _) in zip(reached[:-1], known[1:], strict=True):
            if following > until + _ONE_DAY:
                faults.append(
                    f"[[known]] {name}: nothing is said of the days between {until} and {following}; let valid_from be "
                    f"{until + _ONE_DAY}"
                )
        beyond = [d for row in tables["days"] if name in row["markets"] for d in row["dates"] if d > reached[-1]]
        if beyond:
            faults.append(
                f"[[days]] {name}: {min(beyond)} is after the last day known, {reached[-1]}; when the list of that "
                "year is complete, say so with a row of [[known]]"
            )
    return faults


def _is_date(value: Any) -> bool:
    return isinstance(value, dt.date) and not isinstance(value, dt.datetime)


def _shown(value: Any) -> str:
    return str([str(entry) for entry in value]) if isinstance(value, list) else str(value)


def _tables() -> str:
    return ", ".join(f"[[{table}]]" for table in _KEYS)
