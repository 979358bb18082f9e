"""How a symbol is written in the name of a Binance stream, and read back.

Binance lower-cases its symbols, which are capitals and digits. Other symbols (`NIFTY 50`, `M&M`) are carried by the
same protocol from the simulated exchange, so every other character becomes `_` and two hexadecimal digits for each
of its UTF-8 bytes: `nifty_2050`, `m_26m`. Nothing in such a name needs escaping in a URL, and no two symbols share one.
"""

from __future__ import annotations

import re

_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_NAME = re.compile(r"(?:[a-z0-9]|_[0-9a-f]{2})+")


def stream_name(symbol: str) -> str:
    """Return how streams of `symbol` begin, before the `@`."""
    return "".join(
        character.lower() if character in _PLAIN else "".join(f"_{byte:02x}" for byte in character.encode())
        for character in symbol
    )


def symbol_of(stream: str) -> str:
    """Return the symbol of a stream; what stands behind an `@` is not looked at.

    Raises:
        ValueError: no symbol is written like this.
    """
    name = stream.partition("@")[0]
    if _NAME.fullmatch(name):
        first, *escaped = name.split("_")
        content = first.upper().encode() + b"".join(bytes.fromhex(e[:2]) + e[2:].upper().encode() for e in escaped)
        symbol = content.decode("utf-8", errors="replace")
        if stream_name(symbol) == name:
            return symbol
    msg = f"stream {stream!r} names no symbol; write it in small letters, as btcusdt or nifty_2050 for NIFTY 50"
    raise ValueError(msg)
