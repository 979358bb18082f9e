"""The data that a configuration names: patterns become files, each with its symbol; and the instrument list.

`tradingd check`, a start, a reload and every backtest read `data.files` through here, so that all of them mean and
refuse the same. Names of files and of their columns are all that is looked at; rows are for whoever runs on them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradingd.adapters.masters.store import read_instruments
from tradingd.core.markets.sessions import market
from tradingd.daemon.config import finding
from tradingd.model.errors import ConfigError, DataError
from tradingd.model.market import Timeframe
from tradingd.research.request import DataFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tradingd.daemon.settings import DaemonSettings, DataSettings, StoredData
    from tradingd.model.errors import Finding
    from tradingd.model.instrument import Instrument

SYMBOL = "{symbol}"

_Numbered = tuple[int, DataFile]  # the entry that names the file


def examine(settings: DataSettings, base: Path, origin: str) -> list[Finding]:
    """Return all that is wrong with `data.files`; paths are relative to `base`, `origin` is where they are written."""
    files, findings = _found(settings, base, origin)
    if files:
        from tradingd.adapters.feeds.files import check  # noqa: PLC0415 - only data need arrays
    for number, file in files:
        try:
            check(file.path, file.kind)
        except DataError as error:
            findings.append(_fault(settings, number, "path", str(error), origin))
    return findings


def files_of(settings: DataSettings, base: Path) -> tuple[DataFile, ...]:
    """Return the files as they are now, in the order of their entries and names.

    Raises:
        ConfigError: `data.files` is wrong.
    """
    files, findings = _found(settings, base, "configuration")
    if findings:
        raise ConfigError("\n".join(fault.message for fault in findings))
    return tuple(file for _, file in files)


def instrument_list(settings: DaemonSettings, base: Path) -> tuple[Instrument, ...]:
    """Return the instruments of `daemon.instruments`, none where there is no list.

    Raises:
        ConfigError: the list cannot be read.
    """
    name = settings.instruments
    try:
        return tuple(read_instruments(base / name)) if name else ()
    except DataError as error:
        msg = f"daemon.instruments = {name}: {error}"
        raise ConfigError(msg) from error


def _found(settings: DataSettings, base: Path, origin: str) -> tuple[list[_Numbered], list[Finding]]:
    files: list[_Numbered] = []
    findings = []
    for number, entry in enumerate(settings.files):
        read: dict[str, Any] = {}
        for key, reader in (("timeframe", _timeframe), ("exchange", _exchange), ("path", _paths)):
            try:
                read[key] = reader(entry, base)
            except ValueError as error:
                findings.append(_fault(settings, number, key, str(error), origin))
        named = read.pop("path", ())
        if len(read) == 2:  # noqa: PLR2004 - nothing else of it is wrong
            files += [(number, DataFile(symbol=symbol, kind=entry.kind, path=path, **read)) for symbol, path in named]
    for (before, one), (number, other) in _rivals(files):
        why = f"{one.path} (data.files[{before}]) and {other.path} are both {other.kind} of {other.symbol}; "
        why += "name one of them" + (", or state the timeframe of each" if other.kind == "bars" else "")
        findings.append(_fault(settings, number, "path", why, origin))
    return files, findings


def _fault(settings: DataSettings, number: int, key: str, why: str, origin: str) -> Finding:
    value = getattr(settings.files[number], key)
    return finding(f"data.files[{number}].{key}", value, origin, why)


def _rivals(files: list[_Numbered]) -> Iterator[tuple[_Numbered, _Numbered]]:
    """Yield each file that is meant by the same words as one before, after that."""
    alike: dict[Any, list[_Numbered]] = defaultdict(list)
    for number, file in files:
        before = alike[file.symbol, file.kind, file.timeframe]
        same = [one for one in before if None in (one[1].exchange, file.exchange) or one[1].exchange == file.exchange]
        if same:
            yield same[0], (number, file)
        before.append((number, file))


# --- an entry ------------------------------------------------------------------------------------------------


def _timeframe(entry: StoredData, _: Path) -> Timeframe | None:
    if not entry.timeframe:
        return None
    if entry.kind == "ticks":
        msg = "ticks have none; leave it out"
        raise ValueError(msg)
    return Timeframe.parse(entry.timeframe)


def _exchange(entry: StoredData, _: Path) -> str | None:
    return market(entry.exchange).name if entry.exchange else None


def _paths(entry: StoredData, base: Path) -> list[tuple[str, Path]]:
    """Return the symbols and files that an entry names, in the order of the files' names."""
    if not entry.symbol and SYMBOL not in entry.path:
        msg = f"whose data they are is not said; give a symbol, or write {SYMBOL} where the path has it"
        raise ValueError(msg)
    written = Path(entry.path.replace(SYMBOL, entry.symbol) if entry.symbol else entry.path)
    root = Path(written.anchor) if written.anchor else base
    if written.name == "":
        msg = "it is empty; name a file"
        raise ValueError(msg)
    wild = str(written.relative_to(written.anchor)).replace("[", "[[]").replace(SYMBOL, "*")
    read = _reader(root / written)
    found = [(named, path) for path in sorted(root.glob(wild)) if (named := read.fullmatch(str(path)))]
    files = [(entry.symbol or named["symbol"], path) for named, path in found if not path.is_dir()]
    if not files:
        msg = f"there is no such file; it is looked for as {root / written}"
        raise ValueError(msg)
    return files


def _reader(pattern: Path) -> re.Pattern[str]:
    """Return what reads the symbol out of a file's name; where it is written twice, it is the same both times."""
    text, symbol = re.escape(str(pattern)), re.escape(SYMBOL)
    text = text.replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
    return re.compile(text.replace(symbol, "(?P<symbol>[^/]+)", 1).replace(symbol, "(?P=symbol)"))
