"""The folder of a run: its result, its trades and its equity, every command and every trace record.

Ledger, commands and trace are written while the run goes on, since they may be many. Nothing bears its final name
before all of it is complete, so that a failed run leaves the files of the one before untouched; files of other names
are never touched.
"""

from __future__ import annotations

import csv
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from tradingd.core.markets.sessions import market
from tradingd.model.errors import ConfigError
from tradingd.research.result import COLUMNS, iso, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO
    from zoneinfo import ZoneInfo

    from tradingd.core.account import Row
    from tradingd.core.graph.trace import TraceRecord
    from tradingd.model.commands import Command
    from tradingd.research.result import Result

FILES = ("result.json", "trades.csv", "equity.csv", "ledger.csv", "commands.jsonl", "trace.jsonl")


class Folder:
    """Takes what a run leaves behind; `zone` is that of the times in it."""

    def __init__(self, path: Path, ledger: TextIO, commands: BinaryIO, trace: BinaryIO, zone: ZoneInfo) -> None:
        self._path = path
        self._ledger = csv.writer(ledger, lineterminator="\n")
        self._ledger.writerow(("time", "item", "position", "instrument", "amount", "balance"))
        self._commands = commands
        self._trace = trace
        self._zone = zone
        self._encode = msgspec.json.Encoder().encode

    def on_command(self, _command: Command, content: bytes) -> None:
        """Write a command's canonical bytes, one a line: the hash of the file is the hash of the decisions."""
        self._commands.write(content + b"\n")

    def on_trace(self, record: TraceRecord) -> None:
        """Write a trace record, one a line; what is unknown or not finite is null."""
        self._trace.write(self._encode({"time": iso(record.ts, self._zone), **record.as_dict()}) + b"\n")

    def on_ledger(self, row: Row) -> None:
        """Write money that moved."""
        time = iso(row.ts, self._zone)
        self._ledger.writerow((time, row.item, row.position, row.instrument, plain(row.amount), plain(row.balance)))

    def write(self, result: Result) -> None:
        """Write what is known only at the end."""
        content = msgspec.json.format(self._encode(result.as_dict()), indent=2)
        _partial(self._path, "result.json").write_bytes(content + b"\n")
        with self._text("trades.csv") as file:
            _write(file, COLUMNS, ([trade[name] for name in COLUMNS] for trade in result.trades))
        curve, zone = result.curve, self._zone
        marks = zip(curve.ts, curve.equity, curve.held, strict=True)
        rows = ((iso(ts, zone), f"{equity:.8f}".rstrip("0").rstrip("."), held) for ts, equity, held in marks)
        with self._text("equity.csv") as file:
            _write(file, ("time", "equity", "held"), rows)

    def _text(self, name: str) -> TextIO:
        return _partial(self._path, name).open("w", encoding="utf-8", newline="")


@contextmanager
def opened(path: Path, exchange: str) -> Iterator[Folder]:
    """Open a folder for a run; what was written gets its names when the block ends well.

    Raises:
        ConfigError: the folder cannot be written to.
    """
    partial = [_partial(path, name) for name in FILES]
    try:
        path.mkdir(parents=True, exist_ok=True)
        with (
            _partial(path, "ledger.csv").open("w", encoding="utf-8", newline="") as ledger,
            _partial(path, "commands.jsonl").open("wb") as commands,
            _partial(path, "trace.jsonl").open("wb") as trace,
        ):
            yield Folder(path, ledger, commands, trace, market(exchange).zone)
        for name, file in zip(FILES, partial, strict=True):
            file.replace(path / name)
    except OSError as error:
        msg = f"{path}: cannot be written to: {error.strerror}"
        raise ConfigError(msg) from error
    finally:
        if path.is_dir():
            for file in partial:
                file.unlink(missing_ok=True)


def _partial(path: Path, name: str) -> Path:
    return path / f".{name}.partial"


def _write(file: TextIO, names: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
