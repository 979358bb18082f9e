"""From a model's refusal to findings: a stable code, a pointer, the value, and the nearest that would be right.

pydantic says what failed in its own words and at its own places; a person who drew a graph gets ours. The
nearest allowed word is searched here, late, so that a hostile document cannot buy it a million times.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from tradingd.core.graph.dialects import builder_schema
from tradingd.core.graph.dialects.seed_conditions import LATER_EXPRESSIONS
from tradingd.core.graph.dialects.seed_conditions import TAGS as SEED_TAGS
from tradingd.core.graph.dialects.text import brief, pointer
from tradingd.model.errors import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from tradingd.core.graph.dialects.fields import Facts

FINDINGS_MAX = 500
"""Of one document; a document with more has been told enough."""

_RANGES = ("greater_than", "greater_than_equal", "less_than", "less_than_equal", "string_too_long", "finite_number")
_EXPECTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a whole number of a usual size",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "decimal_type": "a number",
}
_SHOWN_MAX = 14
TAGS = SEED_TAGS | builder_schema.TAGS
_EXPRESSIONS = ("indicator", "market_data", "constant", "list")


def nearest(word: object, known: Iterable[str]) -> str:
    """Return the known word that is most like `word`; empty where none is."""
    folded: dict[str, str] = {}
    for candidate in known:
        folded.setdefault(candidate.casefold(), candidate)
    near = get_close_matches(str(word)[:100].strip().casefold(), folded, n=1, cutoff=0.5)
    return folded[near[0]] if near else ""


def found(  # noqa: PLR0913 - the parts of a finding
    code: str, where: str, message: str, node: str, options: Iterable[str] = (), word: object = "",
    spellings: Iterable[str] = (),
) -> Finding:  # fmt: skip
    """Return an error that tells the options where they are few, and suggests what is nearest to `word`."""
    options = tuple(dict.fromkeys(options))
    suggestion = nearest(word, (*options, *spellings))
    if 0 < len(options) <= _SHOWN_MAX:
        message = f"{message}; allowed: {', '.join(options)}"
    return Finding(Severity.ERROR, code, where, message, node, suggestion)


def translate(  # noqa: PLR0913 - what was refused, where, and how much of it to tell
    refusal: ValidationError, raw: Any, base: tuple[str | int, ...], node: str, facts: Facts, most: int
) -> list[Finding]:
    """Return the first `most` findings of a refused part of a document; `base` is where `raw` stands in it."""
    errors = refusal.errors(include_url=False)[:most]
    return [_translate(error, raw, base, node, facts) for error in errors]


def _translate(  # noqa: PLR0911 - one line a kind of error
    error: ErrorDetails, raw: Any, base: tuple[str | int, ...], node: str, facts: Facts
) -> Finding:
    tokens = tuple(token for token in error["loc"] if token not in TAGS)
    kind, value = error["type"], error["input"]
    around = _descend(raw, tokens[:-1])
    model = facts.parts.get(id(around))
    if tokens and model and tokens[-1] not in around:
        tokens = (*tokens[:-1], model.key(str(tokens[-1])))  # pydantic names what is absent by our name, not by its key
    where = pointer(*base, *tokens)
    match kind:
        case "missing":
            return found("missing-key", where, f"key {brief(tokens[-1])} is missing", node)
        case "extra_forbidden":
            known = model.keys() if model else {}
            message = f"key {brief(tokens[-1])} (with {brief(value)}) is not known here"
            return found("unknown-key", where, message, node, known, tokens[-1])
        case "unknown-expression" | "unknown-member":
            return _untyped(kind, where, value, node)
        case "literal_error":
            allowed = [word.strip("' ") for word in str(error["ctx"]["expected"]).replace(" or ", ",").split(",")]
            return found("unknown-value", where, f"{brief(value)} is not allowed here", node, allowed, value)
        case _ if kind in _RANGES:
            right = error["msg"].removeprefix("Input should be ").removeprefix("String should ")
            return found("out-of-range", where, f"{brief(value)} is out of range; it must be {right}", node)
        case _ if kind in _EXPECTED:
            return found("wrong-type", where, f"{brief(value)} is not {_EXPECTED[kind]}", node)
        case _:
            context = error.get("ctx", {})
            message = context.get("message", error["msg"])
            options, spellings = context.get("options", ()), context.get("spellings", ())
            return found(kind.replace("_", "-"), where, message, node, options, value, spellings)


def _untyped(kind: str, where: str, value: Any, node: str) -> Finding:
    """Say what is wrong with the `type` of an expression or of a member of a group."""
    what, allowed = ("expression", _EXPRESSIONS) if kind == "unknown-expression" else ("member", ("group", "condition"))
    if not isinstance(value, dict):
        return found("wrong-type", where, f"{brief(value)} is no {what}; it must be an object with a type", node)
    if "type" not in value:
        return found("missing-key", where + "/type", f"this {what} has no type", node, allowed)
    word = value["type"]
    later = isinstance(word, str) and word in LATER_EXPRESSIONS
    message = f"{what} {brief(word)} is " + ("of the builder dialect, not of this one" if later else "unknown")
    hint = "market_data" if word == "candle_data" else word
    return found(kind, where + "/type", message, node, allowed, hint)


def _descend(value: Any, tokens: tuple[str | int, ...]) -> Any:
    for token in tokens:
        value = value[token]
    return value
