"""Edge cases of sessions: a function for each row that is built, in `ROWS` by its number."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS: dict[int, Callable[[], None]] = {}
