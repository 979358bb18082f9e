"""Which files a configuration names as strategies; what is in them is for others to judge."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tradingd.model.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable


def files(base: Path, patterns: Iterable[str]) -> list[Path]:
    """Return the files that patterns name, seen from `base`, in the order of their names, each once.

    Raises:
        ConfigError: a pattern without wildcards names nothing.
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        path = Path(pattern)
        root, name = (path.parent, path.name) if path.is_absolute() else (base / path.parent, path.name)
        matches = sorted(root.glob(name))
        if not matches and not set("*?[") & set(name):
            msg = f"daemon.strategies: there is no file {root / name}"
            raise ConfigError(msg)
        found |= dict.fromkeys(matches)
    return list(found)
