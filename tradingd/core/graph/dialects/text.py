"""Text to plain JSON values, strictly: what one reader could read differently from another is refused.

Python's decoder keeps the last of two equal keys, accepts NaN, and overflows the stack on deep nesting. A
strategy moves money, so here each of these is a finding with its place. Never raises, whatever the input, and
takes time in proportion to it.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

from tradingd.model.errors import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

BYTES_MAX = 1 << 20
DEPTH_MAX = 128
"""Nesting of the text; groups of conditions have their own, smaller limit."""
KEY_MAX = 200
"""Characters of a key."""

_BRIEF = 60
_DIGITS_MAX = 40
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)

Place = tuple["Place", str | int] | None
"""Where a value stands: its parent's place and its own key or index; none for the root."""


class _Object(dict[str, Any]):
    """An object as it was written: `repeated` names the keys that came more than once."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.repeated: tuple[str, ...] = ()
        if len(self) < len(pairs):
            count: dict[str, int] = {}
            for key, _ in pairs:
                count[key] = count.get(key, 0) + 1
            self.repeated = tuple(key for key, n in count.items() if n > 1)


def read(text: str | bytes) -> tuple[Any, list[Finding]]:
    """Return the value and what is wrong with its text; none for the value where nothing can be made of it."""
    try:
        encoded = text.encode() if isinstance(text, str) else text
        if len(encoded) > BYTES_MAX:
            return None, [_error("too-large", None, f"the document has {len(encoded)} bytes; at most {BYTES_MAX}")]
        decoded = encoded.decode("utf-8-sig")
    except UnicodeError as error:
        return None, [_error("not-json", None, f"the document is not UTF-8 text: {error.reason}")]  # type: ignore[attr-defined] # en- and decoding errors both have one
    if _depth(decoded) > DEPTH_MAX:
        return None, [_error("too-deep", None, f"the document nests more than {DEPTH_MAX} levels deep")]
    try:
        value = json.loads(decoded, object_pairs_hook=_Object, parse_int=_integer)
    except json.JSONDecodeError as error:
        message = f"line {error.lineno}, column {error.colno}: this is not JSON: {error.msg}"
        return None, [_error("not-json", None, message)]
    findings = list(_judge(value))
    return (None if any(f.code == "too-large" for f in findings) else value), findings


def pointer(*tokens: str | int) -> str:
    """Return the RFC 6901 pointer of the tokens."""
    return "".join("/" + str(token).replace("~", "~0").replace("/", "~1") for token in tokens)


def brief(value: object) -> str:
    """Return a value as a message shows it: as JSON, at most a few words of it."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    shown = json.dumps(value[:_BRIEF] if isinstance(value, str) else value, ensure_ascii=False, default=str)
    return shown if len(shown) <= _BRIEF else shown[:_BRIEF] + "..."


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _DIGITS_MAX else float(digits)


def _depth(text: str) -> int:
    """Return how deep brackets nest outside strings; the text need not be JSON."""
    depth = deepest = 0
    for character in _STRING.sub("", text):
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _judge(root: Any) -> Iterator[Finding]:
    """Walk the value in the order written, without recursion."""
    waiting: list[tuple[Place, Any]] = [(None, root)]
    while waiting:
        place, value = waiting.pop()
        children: list[tuple[Place, Any]] = []
        if isinstance(value, _Object):
            yield from _judge_keys(place, value)
            children = [((place, key), item) for key, item in value.items()]
        elif isinstance(value, list):
            children = [((place, i), item) for i, item in enumerate(value)]
        elif isinstance(value, str) and _broken(value):
            yield _error("bad-text", place, f"{value[:_BRIEF]!a} holds half a character")
        elif isinstance(value, int | float) and not _finite(value):
            yield _error("not-finite", place, f"{value} is no price or quantity; write a finite number")
        waiting += reversed(children)


def _judge_keys(place: Place, value: _Object) -> Iterator[Finding]:
    for key in value.repeated:
        message = f"key {brief(key)} is written more than once, and readers differ in which they keep; write it once"
        yield _error("duplicate-key", (place, key), message)
    for key in value:
        if len(key) > KEY_MAX:
            yield _error("too-large", place, f"key {brief(key)} has {len(key)} characters; at most {KEY_MAX}")
        elif _broken(key):
            yield _error("bad-text", place, f"key {key!a} holds half a character")


def _finite(value: float) -> bool:
    return abs(value) < math.inf


def _broken(text: str) -> bool:
    """Whether the text holds a lone surrogate, which no file or venue can take."""
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)


def _error(code: str, place: Place, message: str) -> Finding:
    tokens: list[str | int] = []
    while place is not None:
        place, token = place
        tokens.append(token)
    return Finding(Severity.ERROR, code, pointer(*reversed(tokens)), message)
