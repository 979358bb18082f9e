"""Intent to approved or refused, with the reason: the last look before an order exists.

An exit is only ever refused for being impossible, never for being risky.
"""

from __future__ import annotations

from typing import Literal


def entry_gate(entries: int, cap: int | Literal["none"]) -> str:
    """Return why no further entry may run in this session; empty where one may."""
    if cap != "none" and entries >= cap:
        return f"risk: {entries} entries in this session, risk.max_entries_per_session is {cap}"
    return ""
