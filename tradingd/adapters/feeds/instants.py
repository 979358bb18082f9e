"""Texts and numbers to instants: the spellings of time that data files and people use, as int ns UTC.

A million stamps are read column-wise: one spelling is recognised once and then holds for every row that has
its shape; whatever does not fit goes through the same reading one by one. The two must never disagree, and
a stamp that is no time is marked, never guessed at.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import numpy as np

from tradingd.model.errors import DataError
from tradingd.model.market import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import tzinfo

    from numpy.typing import NDArray

NOT_A_TIME = int(np.iinfo(np.int64).min)

_ISO = re.compile(
    r"\s*(\d{4})(-?)(\d\d)\2(\d\d)"  # 2021-05-28, 20210528
    r"(?:[Tt ]\s*(\d\d):?(\d\d)(?::?(\d\d)(?:[.,](\d{1,9}))?)?"  # 09:15, 09:15:06, 09:15:06.123456789
    r"\s*([Zz]|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?)?)?\s*",  # Z, +05:30, +0530, +05
    re.ASCII,
)
_EPOCH = re.compile(r"\s*(\d{1,19})(?:\.(\d{1,9}))?\s*", re.ASCII)
_YEARS = (1678, 2261)  # the whole years that int64 ns can hold
_NS_MAX = int(np.iinfo(np.int64).max)
_UNITS = (SECOND, SECOND // 10**3, SECOND // 10**6, 1)
_UNIT_LIMITS = np.array([10**11, 10**14, 10**17])  # below the first: seconds, below the second: ms, ...
_EPOCH_MIN = 10**8  # 2021 and 20210528 are no epochs
_ORIGIN = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR_S = 3600
_SHAPES_MAX = 8  # spellings of one column that are read column-wise: mixed fractions, two offsets, ...
_DIGITS_MAX = 19  # so many fit uint64; beyond int64 they wrap below zero, which is no epoch
_WIDTH_MAX = 48  # the longest spelling has 35 characters


def parse_instant(text: str, zone: tzinfo) -> tuple[int, bool]:
    """Return the instant that `text` names, in ns, and whether it names a whole day (then: its first instant).

    Read are ISO 8601 (a date alone, `T` or a blank before the time, with or without seconds and fraction,
    compact or not) and epochs. Without an offset the time is in `zone`; of two equal local times at the end of
    summer time the first is meant. An epoch's unit is told by its magnitude: s from 1e8, ms from 1e11, us from
    1e14, ns from 1e17, all of them March 1973; a smaller number is no time.

    Raises:
        DataError: not a time, or outside the years 1678 to 2261.
    """
    found = _instant(text, zone)
    if found is None:
        msg = f"{text[:60]!r} is not a time; write 2021-05-28, 2021-05-28 09:15:00, 2021-05-28T09:15:00Z or an epoch"
        raise DataError(msg)
    return found[0], found[1]


def wall_clock(ts: NDArray[np.int64], zone: tzinfo) -> NDArray[np.int64]:
    """Return what a clock on the wall in `zone` shows at `ts`, as ns since its own 1970-01-01 00:00."""
    offsets = _by_hour(ts // SECOND, lambda second: _offset_s(_at(second).astimezone(zone)))
    return ts + offsets * SECOND


class InstantColumn:
    """The time column of one file: all its stamps are of one kind, ISO 8601 or epochs of one unit.

    The first stamp that can be read decides which; a stamp of another kind is as bad as one that is no time.
    """

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._unit: int | None = None  # ns of an epoch's unit, 0 for ISO, None before the first good stamp

    def read_texts(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Return the instants of `texts`, `NOT_A_TIME` for the bad ones."""
        if self._unit is None:
            found = next(filter(None, (_instant(text, self._zone) for text in texts)), None)
            if found is None:
                return np.full(len(texts), NOT_A_TIME)
            self._unit = found[2]
        if self._unit == 0:
            return self._read_iso(texts)
        joined = "".join(texts)
        if joined.isascii() and joined.isdigit() and max(map(len, texts)) <= _DIGITS_MAX and all(texts):
            return self._read_epochs(np.fromiter(map(int, texts), np.uint64, len(texts)).astype(np.int64))
        return self._read_singly(texts)

    def read_array(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """Return the instants of an array of texts, datetime64 (which is naive), or whole numbers (epochs)."""
        if values.dtype.kind in "US":
            return self.read_texts(values.astype(str).tolist())
        if values.dtype.kind == "M":
            self._unit = 0
            return self._read_datetimes(values)
        if values.dtype.kind == "f":
            fits = (values == np.floor(values)) & (values >= 0) & (values < _NS_MAX)
            values = np.where(fits, values, -1.0)
        epochs = values.astype(np.int64)
        plausible = epochs[epochs >= _EPOCH_MIN]
        if self._unit is None and plausible.size:
            self._unit = _unit_of(int(plausible[0]))
        return self._read_epochs(epochs)

    def explain(self, text: str) -> str:
        """Say why the stamp `text` was refused."""
        try:
            parse_instant(text, self._zone)
        except DataError as error:
            return str(error)
        return f"{text[:60]!r} is a time, but not of the kind or unit the file began with; an array's epochs are whole"

    def _read_epochs(self, epochs: NDArray[np.int64]) -> NDArray[np.int64]:
        unit = self._unit or 1
        of_unit = np.take(_UNITS, np.searchsorted(_UNIT_LIMITS, epochs, side="right")) == unit
        good = of_unit & (epochs >= _EPOCH_MIN) & (epochs <= _NS_MAX // unit)
        return np.where(good, np.where(good, epochs, 0) * unit, NOT_A_TIME)

    def _read_datetimes(self, values: NDArray[Any]) -> NDArray[np.int64]:
        years = values.astype("M8[Y]").astype(np.int64) + 1970
        good = ~np.isnat(values) & (years >= _YEARS[0]) & (years <= _YEARS[1])
        wall = np.where(good, values, np.datetime64("1970", "Y")).astype("M8[ns]").astype(np.int64)
        return np.where(good, wall - self._offsets(wall // SECOND) * SECOND, NOT_A_TIME)

    def _read_singly(self, texts: Sequence[str]) -> NDArray[np.int64]:
        found = (_instant(text, self._zone) for text in texts)
        instants = (one[0] if one is not None and one[2] == self._unit else NOT_A_TIME for one in found)
        return np.fromiter(instants, np.int64, len(texts))

    def _read_iso(self, texts: Sequence[str]) -> NDArray[np.int64]:
        width, joined = max(map(len, texts)), "".join(texts)
        if width > _WIDTH_MAX or not joined.isascii() or "\0" in joined:
            return self._read_singly(texts)
        cells = np.array(texts, dtype=f"S{width}").view(np.uint8).reshape(len(texts), width)
        result = np.full(len(texts), NOT_A_TIME)
        rest = np.arange(len(texts))
        for _ in range(_SHAPES_MAX):
            if not rest.size:
                break
            shape = _ISO.fullmatch(texts[rest[0]])
            if shape is None:
                rest = rest[1:]
                continue
            fits, instants = self._read_shape(shape, cells if rest.size == len(texts) else cells[rest])
            result[rest[fits]] = instants
            rest = rest[~fits]
        if rest.size:
            result[rest] = self._read_singly([texts[i] for i in rest.tolist()])
        return result

    def _read_shape(
        self, shape: re.Match[str], cells: NDArray[np.uint8]
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Return which rows of `cells` have the shape of one stamp, and the instants of those.

        A row has it where digits stand in the same places and every other character is the same.
        """
        width = cells.shape[1]
        text = shape.group().ljust(width, "\0").encode()
        spans = [shape.span(group) for group in (1, 3, 4, 5, 6, 7, 8)]
        places = [place for span in spans for place in range(*span)]
        fixed = [place for place in range(width) if place not in places]
        fits = (cells[:, fixed] == np.frombuffer(text, np.uint8)[fixed]).all(axis=1)
        fits &= ((cells[:, places] - np.uint8(ord("0"))) < 10).all(axis=1)  # noqa: PLR2004 - a decimal digit

        digits = cells[fits] if not fits.all() else cells
        year, month, day, hour, minute, second, fraction = (_number(digits, *span) for span in spans)
        months = (year - 1970) * 12 + month - 1
        days = months.astype("M8[M]").astype("M8[D]").astype(np.int64)
        month_length = (months + 1).astype("M8[M]").astype("M8[D]").astype(np.int64) - days
        good = (year >= _YEARS[0]) & (year <= _YEARS[1]) & (month >= 1) & (month <= 12)  # noqa: PLR2004
        good &= (day >= 1) & (day <= month_length) & (hour < 24) & (minute < 60) & (second < 60)  # noqa: PLR2004
        wall = np.where(good, (days + day - 1) * 86_400 + hour * 3600 + minute * 60 + second, 0)
        given = _given_zone(shape)
        offsets = self._offsets(wall) if given is None else _offset_s(_ORIGIN.astimezone(given))
        fraction *= 10 ** (9 - len(shape.group(8) or ""))
        return fits, np.where(good, (wall - offsets) * SECOND + fraction, NOT_A_TIME)

    def _offsets(self, wall_s: NDArray[np.int64]) -> NDArray[np.int64]:
        return _by_hour(wall_s, lambda second: _offset_s(_at(second).replace(tzinfo=self._zone)))


def _instant(text: str, zone: tzinfo) -> tuple[int, bool, int] | None:
    """Return ns, whether a whole day is meant, and the epoch's unit in ns (0: ISO 8601); None if not a time."""
    if (match := _ISO.fullmatch(text)) and (moment := _moment(match, zone)):
        since = moment - _ORIGIN
        fraction = int((match.group(8) or "").ljust(9, "0"))
        return (since.days * 86_400 + since.seconds) * SECOND + fraction, match.group(5) is None, 0
    if match := _EPOCH.fullmatch(text):
        whole, fraction = int(match.group(1)), int((match.group(2) or "").ljust(9, "0"))
        unit = _unit_of(whole)
        ns = whole * unit + fraction * unit // 10**9
        if whole >= _EPOCH_MIN and ns <= _NS_MAX:
            return ns, False, unit
    return None


def _moment(match: re.Match[str], zone: tzinfo) -> datetime | None:
    year, month, day, hour, minute, second = (int(field or 0) for field in match.group(1, 3, 4, 5, 6, 7))
    if not _YEARS[0] <= year <= _YEARS[1]:
        return None
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=_given_zone(match) or zone)
    except ValueError:  # a day or an hour that no calendar or clock has
        return None


def _given_zone(match: re.Match[str]) -> timezone | None:
    text = match.group(9)
    if text is None:
        return None
    if text in "Zz":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    width = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-width if text[0] == "-" else width)


def _unit_of(epoch: int) -> int:
    return _UNITS[int(np.searchsorted(_UNIT_LIMITS, epoch, side="right"))]


def _number(cells: NDArray[np.uint8], start: int, end: int) -> NDArray[np.int64]:
    """Return the number that the digits at `[start, end)` of every row spell, 0 where there are none."""
    result = np.zeros(len(cells), dtype=np.int64)
    for place in range(start, end):
        result = result * 10 + (cells[:, place] - np.uint8(ord("0")))
    return result


def _by_hour(seconds: NDArray[np.int64], offset_of: Callable[[int], int]) -> NDArray[np.int64]:
    """Return `offset_of` each second, asking once an hour but for the hours in which it changes."""
    hours, where = np.unique(seconds // _HOUR_S, return_inverse=True)
    at_start = np.array([offset_of(hour * _HOUR_S) for hour in hours.tolist()], dtype=np.int64)
    at_end = np.array([offset_of(hour * _HOUR_S + _HOUR_S - 1) for hour in hours.tolist()], dtype=np.int64)
    result: NDArray[np.int64] = at_start[where]
    for row in np.flatnonzero((at_start != at_end)[where]).tolist():
        result[row] = offset_of(int(seconds[row]))
    return result


def _at(second: int) -> datetime:
    return _ORIGIN + timedelta(seconds=second)


def _offset_s(moment: datetime) -> int:
    offset = moment.utcoffset()
    return 0 if offset is None else offset // timedelta(seconds=1)
