"""What a daemon keeps on disk: one journal a run, those of earlier runs beside it.

    STATE_DIR/journal            the run that is on, or the last one
    STATE_DIR/archive/<ms>       earlier ones, by the time at which they were created

Each run begins a journal of its own; nothing of the one before is changed or lost, its unsent alerts least of all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradingd.adapters.stores.journal import Journal
from tradingd.adapters.stores.recording import read

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tradingd.adapters.stores.recording import Recording


def recording(path: Path) -> Recording:
    """Open a recorded session: a state directory's last one, or an archived journal itself.

    Raises:
        StoreError: there is none.
    """
    inner = path / "journal"
    return read(inner if inner.is_dir() else path)


async def begin(state_dir: Path, header: Mapping[str, str], created_ms: int) -> tuple[Journal, list[Path]]:
    """Begin a journal, and return it with the earlier ones that still have alerts to send.

    Raises:
        StoreError: another daemon uses the directory, or what was durable in it is damaged: nothing is moved then.
    """
    current = state_dir / "journal"
    if (current / "journal.sqlite").exists():
        before = Journal.open(current)
        await before.close()
        kept = state_dir / "archive" / str(before.created_ms)
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        current.rename(kept)
    return Journal.create(current, header, created_ms), _owing(state_dir / "archive")


def _owing(archive: Path) -> list[Path]:
    """Return the archived journals with unsent alerts, oldest first."""
    return [path for path in sorted(archive.glob("*"), key=lambda p: int(p.name)) if read(path).unsent()]
