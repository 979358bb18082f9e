"""What the command lines of the simulated venues have in common: their options as values, and how they are served.

Where an option is wrong the message says which, its value and what would be right.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tradingd.adapters.feeds.instants import parse_instant
from tradingd.model.errors import ConfigError
from tradingd.venues.clock import AS_FAST_AS_TAKEN
from tradingd.venues.venue import HOST
from tradingd.venues.wire import dumps

if TYPE_CHECKING:
    from tradingd.venues.venue import Venue

START = "2025-01-02T00:00:00Z"
EXIT_FAILED, EXIT_CONFIG = 1, 78


async def serve(venue: Venue, port: int, *, until_finished: bool, **more: Any) -> None:
    """Serve until the process is told to stop, or the data are over; say on standard output where, and `more`."""
    stopped = venue.finished if until_finished else asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    tape = venue.tape
    async with venue.serving(port) as bound:
        ready = {"event": "ready", "host": HOST, "port": bound, "ts": tape.ts, "symbols": tape.symbols, **more}
        sys.stdout.write(f"{dumps(ready)}\n")
        sys.stdout.flush()
        await stopped.wait()


def begin_of(text: str | None, zone: ZoneInfo) -> int:
    """Return where a made-up market opens."""
    return parse_instant(START, ZoneInfo("UTC"))[0] if text is None else parse_instant(text, zone)[0]


def symbols_of(text: str, example: str) -> list[str]:
    """Return the names that stand between commas."""
    symbols = [name.strip() for name in text.split(",")]
    if not all(symbols) or len(set(symbols)) < len(symbols):
        msg = f"--symbols {','.join(symbols)}: write different names between commas, as {example}"
        raise ConfigError(msg)
    return symbols


def files_of(texts: list[str]) -> dict[str, Path]:
    """Return the files that are named as SYM=FILE."""
    files: dict[str, Path] = {}
    for text in texts:
        symbol, _, file = text.partition("=")
        if not symbol or not file:
            msg = f"--ticks {text!r} is not SYM=FILE, as BTCUSDT=ticks.csv"
            raise ConfigError(msg)
        if symbol in files:
            msg = f"--ticks {text!r}: {symbol} has a file already, {files[symbol]}"
            raise ConfigError(msg)
        files[symbol] = Path(file)
    return files


def speed_of(text: str) -> float:
    """Return how fast time runs."""
    if text == "max":
        return AS_FAST_AS_TAKEN
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < AS_FAST_AS_TAKEN:
        msg = f"--speed {text} is neither a number above 0 nor max"
        raise ConfigError(msg)
    return speed


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone by its name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        msg = f"--timezone {name!r} is not known; write a name as Asia/Kolkata or UTC"
        raise ConfigError(msg) from error
