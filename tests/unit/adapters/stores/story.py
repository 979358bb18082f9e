"""A story that a journal is told: what event, command and alert belong to each number, so that anyone can check.

As a program it tells the story to the journal in a directory for ever, going on where that one ends as a daemon does,
and prints how far it was told that the story is durable. It is there to be killed.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from tradingd.adapters.stores.journal import Journal
from tradingd.model.events import Deadline, OrderFilled
from tradingd.model.market import FoldedTick, Tick
from tradingd.model.trading import Fill

if TYPE_CHECKING:
    from tradingd.adapters.stores.recording import Recording
    from tradingd.model.events import Event

HEADER = {"engine": "0.1", "python": "3.11", "documents": "sha256:00ff"}
CREATED_MS = 1_700_000_000_000


def event_of(seq: int) -> Event:
    """Return event `seq`: ticks for the most part, some folded, some rare events between."""
    if seq % 7 == 0:
        return Deadline(seq)
    if seq % 11 == 0:
        return OrderFilled(Fill(f"t-{seq}", f"o-{seq}", seq, Decimal(seq) / 4, Decimal(1)))
    tick = Tick(f"SIM:{seq % 4}", seq, seq / 3)
    return FoldedTick(tick) if seq % 13 == 0 else tick


def has_command(seq: int) -> bool:
    return seq % 5 == 0


def has_alert(seq: int) -> bool:
    return seq % 10 == 0


def command_of(seq: int) -> bytes:
    return b'{"because":%d}' % seq


def alert_of(seq: int) -> bytes:
    return b"alert of %d" % seq


def decide(journal: Journal, seq: int) -> None:
    """Stage what follows from event `seq`."""
    if has_command(seq):
        journal.command(seq, command_of(seq))
    if has_alert(seq):
        journal.alert(seq, seq, alert_of(seq))


def tell(journal: Journal, count: int) -> None:
    """Take and decide on the next events."""
    for seq in range(journal.last_seq + 1, journal.last_seq + 1 + count):
        journal.event(seq, event_of(seq))
        decide(journal, seq)


def decide_again(journal: Journal) -> None:
    """Stage what follows from durable events and is not durable itself, as a restarted daemon finds by stepping."""
    decided = [seq for seq in range(1, journal.last_seq + 1) if has_command(seq)]
    for seq in decided[journal.command_count :]:
        decide(journal, seq)


def crash(path: Path, to: Path) -> Path:
    """Copy a live journal as a crash would leave it."""
    shutil.copytree(path, to, dirs_exist_ok=True)
    return to


def told(recording: Recording) -> tuple[list[tuple[int, str]], list[tuple[int, bytes]]]:
    """Return all that a recording tells, to be compared."""
    return [(seq, repr(event)) for seq, event in recording.events()], list(recording.commands())


def descriptors_of(ending: str) -> list[int]:
    """Return the descriptors of this process's open files whose name ends so."""
    entries = [entry for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    return [int(entry.name) for entry in entries if str(entry.readlink()).endswith(ending)]


def spoil(ending: str, device: str) -> None:
    """Let the open files whose name ends so be a device instead, as a disk that fails."""
    fd = os.open(device, os.O_RDWR)
    for spoiled in descriptors_of(ending):
        os.dup2(fd, spoiled)
    os.close(fd)


async def keep(path: Path, *, honest: bool) -> None:
    """Tell the story until killed; a dishonest one says it is durable and does not commit."""
    journal = Journal.open(path) if (path / "acknowledged").exists() else Journal.create(path, HEADER, CREATED_MS)
    decide_again(journal)
    while True:
        tell(journal, 1 + journal.last_seq % 9)
        if honest:
            await journal.commit()
        print(journal.last_seq, flush=True)  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    asyncio.run(keep(Path(sys.argv[1]), honest=sys.argv[2] == "honest"))
