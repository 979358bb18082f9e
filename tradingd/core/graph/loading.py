"""The one door for strategy text: a string comes in, a canonical document or every reason why not comes out.

It tells the dialects apart, runs the importer and the verifier, and puts their findings into one order. No input
makes it raise; `parse` does so on purpose, for those who cannot go on without a document.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tradingd.core.graph.dialects import builder, builder_schema, seed, seed_schema, text
from tradingd.core.graph.dialects.findings import FINDINGS_MAX
from tradingd.core.graph.verify import examine, facts
from tradingd.model.errors import DocumentError, Finding, Severity
from tradingd.model.instrument import InstrumentKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tradingd.core.graph.dialects.reader import Declare, KindOf
    from tradingd.core.graph.document import Document
    from tradingd.model.indicator import IndicatorSpec

_SEVERITIES = tuple(Severity)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of a text: the document, none if any finding is an error, and all findings, errors first."""

    document: Document | None
    findings: tuple[Finding, ...]


def load(
    source: str | bytes,
    catalog: Mapping[str, IndicatorSpec],
    declare: Declare,
    kind_of: KindOf = lambda _exchange, _symbol: InstrumentKind.EQUITY,
) -> Loaded:
    """Read a strategy document and verify it.

    `catalog` and `declare` are those of `core.indicators`; `kind_of(exchange, symbol)` tells what a symbol is where
    the drawing does not say, as an index, which cannot be traded itself.
    """
    raw, findings = text.read(source)
    if raw is None and findings:
        return Loaded(None, _ordered(findings))
    dialect = builder if _is_builder(raw) else seed
    findings = [replace(finding, node=_node(finding.pointer, raw)) for finding in findings]
    draft, faults = dialect.read(raw, catalog, declare, kind_of)
    told = {finding.pointer for finding in findings}
    findings += [fault for fault in faults if fault.pointer not in told]
    if draft is not None:
        findings += examine(draft)
    if draft is None or draft.document is None or any(finding.severity is Severity.ERROR for finding in findings):
        return Loaded(None, _ordered(findings))
    return Loaded(draft.document, _ordered([*findings, *facts(draft, draft.document, catalog)]))


def parse(
    source: str | bytes,
    catalog: Mapping[str, IndicatorSpec],
    declare: Declare,
    kind_of: KindOf = lambda _exchange, _symbol: InstrumentKind.EQUITY,
) -> Document:
    """Read a strategy document, or raise.

    Raises:
        DocumentError: it is refused; the error has all findings.
    """
    loaded = load(source, catalog, declare, kind_of)
    if loaded.document is None:
        raise DocumentError(loaded.findings)
    return loaded.document


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of what `load` reads, in either dialect."""
    dialects = {"seed": seed_schema.schema(), "builder": builder_schema.schema()}
    definitions: dict[str, Any] = {}
    for name, one in dialects.items():
        one.pop("$schema")
        definitions |= one.pop("$defs")
        definitions[name] = one
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Strategy",
        "anyOf": [{"$ref": f"#/$defs/{name}"} for name in dialects],
        "$defs": definitions,
    }


def _is_builder(raw: Any) -> bool:
    """Whether a start node speaks the builder dialect: an instrument configuration, and no flat symbol."""
    nodes = _drawn(raw)
    for node in nodes if isinstance(nodes, list) else ():
        data = node.get("data") if isinstance(node, dict) and node.get("type") == "startNode" else None
        if isinstance(data, dict) and "tradingInstrumentConfig" in data and "symbol" not in data:
            return True
    return False


def _drawn(raw: Any) -> Any:
    """Return the nodes of a document, none where they are not found."""
    for key in builder.within(raw):
        raw = raw[key]
    return raw.get("nodes") if isinstance(raw, dict) else None


def _node(pointer: str, raw: Any) -> str:
    """Return the id of the node that a pointer leads into, empty where it leads elsewhere."""
    nodes = _drawn(raw)
    match pointer.removeprefix("/strategy").split("/"):
        case ["", "nodes", index, *_] if isinstance(nodes, list) and isinstance(nodes[int(index)], dict):
            name = nodes[int(index)].get("id")
            return name if isinstance(name, str) else ""
        case _:
            return ""


def _ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings errors first, then in the order of the document; at most so many."""
    ordered = sorted(dict.fromkeys(findings), key=_place)
    if len(ordered) <= FINDINGS_MAX:
        return tuple(ordered)
    message = f"there are {len(ordered)} findings; the first {FINDINGS_MAX} are shown"
    return (*ordered[:FINDINGS_MAX], Finding(ordered[FINDINGS_MAX].severity, "too-many", "", message))


def _place(finding: Finding) -> tuple[int, list[tuple[int, str]], str, str]:
    tokens = [(int(t), "") if re.fullmatch(r"\d{1,9}", t) else (-1, t) for t in finding.pointer.split("/")[1:]]
    return _SEVERITIES.index(finding.severity), tokens, finding.code, finding.message
