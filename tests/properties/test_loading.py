"""Whatever the text, loading answers with findings; whatever does not matter, it does not change the strategy."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.graph.corpus.case import make_document, make_options, make_two_entries
from tests.unit.core.graph.loaded import loaded
from tradingd.core.graph.explain import in_words, mermaid
from tradingd.model.errors import Severity

if TYPE_CHECKING:
    from tradingd.core.graph.loading import Loaded

BASES = (make_document, make_options, make_two_entries)
KEYS = st.text(max_size=5) | st.sampled_from(
    ["id", "type", "data", "nodes", "edges", "conditions", "operator", "lhs", "rhs", "items", "positions", "~/", "_x"]
)
WORDS = st.text(max_size=20) | st.sampled_from(
    ["group", "and", "not", "indicator", "rsi_14", "between", "in", "entryNode", "startNode", "limit", "W0"]
)


def values(numbers: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return JSON values made of these numbers."""
    return st.recursive(
        st.none() | st.booleans() | numbers | WORDS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
        max_leaves=12,
    )


VALUES = values(st.floats() | st.integers(-(10**45), 10**45))
FINITE = values(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**45), 10**45))


def consistent(result: Loaded, document: Any) -> None:
    """Check what must hold of every answer."""
    refused = any(finding.severity is Severity.ERROR for finding in result.findings)
    assert (result.document is None) == refused
    for finding in result.findings:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", finding.code)
        assert finding.message
        assert resolves(finding.pointer, document)
    if result.document is not None:
        assert result.document.canonical()
        assert in_words(result.document)
        assert mermaid(result.document)


def resolves(pointer: str, value: Any) -> bool:
    """Whether a pointer leads to something, or to a key that its object lacks."""
    tokens = [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]
    for i, token in enumerate(tokens):
        if isinstance(value, dict):
            if token not in value:
                return i == len(tokens) - 1
            value = value[token]
        elif isinstance(value, list) and token.isdigit() and int(token) < len(value):
            value = value[int(token)]
        else:
            return False
    return True


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return every (container, key) inside a document."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    return [place for key in keys for place in ((value, key), *places(value[key]))]


@given(st.text() | st.binary())
def test_any_text_is_answered(text: str | bytes) -> None:
    result = loaded(text)
    assert (result.document is None) == any(f.severity is Severity.ERROR for f in result.findings)


@given(VALUES)
def test_any_value_is_answered(value: Any) -> None:
    consistent(loaded(json.dumps(value)), value)


@given(st.data())
def test_any_damage_to_a_document_is_answered(data: st.DataObject) -> None:
    document = data.draw(st.sampled_from(BASES))()
    for _ in range(data.draw(st.integers(1, 4))):
        container, key = data.draw(st.sampled_from(places(document)))
        match data.draw(st.sampled_from(["replace", "remove", "add", "repeat", "swap"])):
            case "replace":
                container[key] = data.draw(VALUES)
            case "remove":
                del container[key]
            case "add" if isinstance(container, dict):
                container[data.draw(KEYS)] = data.draw(VALUES)
            case "repeat" if isinstance(container, list):
                container.append(json.loads(json.dumps(container[key])))
            case _:
                other, at = data.draw(st.sampled_from(places(document)))
                container[key] = json.loads(json.dumps(other[at]))
    consistent(loaded(json.dumps(document)), document)


@given(st.data())
def test_order_of_keys_and_keys_kept_for_display_do_not_change_a_strategy(data: st.DataObject) -> None:
    document = data.draw(st.sampled_from(BASES))()
    original = loaded(document).document
    assert original is not None

    def shuffled(value: Any) -> Any:
        if isinstance(value, list):
            return [shuffled(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {key: shuffled(value[key]) for key in data.draw(st.permutations(list(value)))}

    carried = data.draw(st.dictionaries(st.text(max_size=5).map("_{}".format), FINITE, max_size=2))
    for container, key in places(document):
        if isinstance(container[key], dict) and key != "indicators" and data.draw(st.booleans()):
            container[key] |= carried
    for node in document["nodes"]:
        node |= {"position": data.draw(FINITE), "selected": data.draw(FINITE)}
        node["data"]["label"] = data.draw(st.text(max_size=10))
    copy = loaded(shuffled(document)).document
    assert copy is not None
    assert copy.canonical() == original.canonical()
