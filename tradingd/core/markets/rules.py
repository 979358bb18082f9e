"""Rules by date, as the data files of this package write them.

A file holds tables; a table holds entries, each for some exchanges, kinds, products or sides; an entry holds rows,
each with the day it holds from and where it is published. Of several rows that apply the last one holds, so that
the general stands above the particular. What has no row has no rule: nothing is assumed here.
"""

from __future__ import annotations

import datetime as dt
import functools
import tomllib
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_ROWS = "by_date"
_NONE: Mapping[str, Any] = MappingProxyType({})


def row(file: str, table: str, date: dt.date, *, exchange: str, **of: str) -> Mapping[str, Any]:
    """Return the row of `table` that holds on `date` for such an instrument or order; empty where none does.

    `of` names what else is asked about: kind, product, side and the like. An entry without such a key is for all of
    them; an exchange that a file never names has no rows in it.
    """
    return _row(file, table, date, exchange=exchange, **of) if ruled(file, exchange) else _NONE


@functools.lru_cache(maxsize=4096)
def _row(file: str, table: str, date: dt.date, **of: str) -> Mapping[str, Any]:
    held = _NONE
    for entry in tables(file).get(table, ()):
        if all(of.get(key) in only for key, only in entry.items() if key != _ROWS):
            rows = [given for given in entry[_ROWS] if given.get("valid_from", dt.date.min) <= date]
            held = rows[-1] if rows else held
    return held


@functools.cache
def ruled(file: str, exchange: str) -> bool:
    """Whether a data file names an exchange at all."""
    return any(exchange in entry.get("exchange", ()) for table in tables(file).values() for entry in table)


@functools.cache
def tables(file: str) -> Mapping[str, list[dict[str, Any]]]:
    """Return the tables of a data file of this package."""
    return tomllib.loads(resources.files(__package__).joinpath(file).read_text(encoding="utf-8"))
