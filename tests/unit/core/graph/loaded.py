"""Loading as the daemon does it, for the tests of this folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tradingd.core.graph.loading import Loaded, load
from tradingd.core.indicators.catalog import CATALOG
from tradingd.core.indicators.declaration import declare
from tradingd.core.markets.sessions import default_instrument
from tradingd.model.errors import Finding, Severity

if TYPE_CHECKING:
    from tradingd.model.instrument import InstrumentKind


def kind_of(exchange: str, symbol: str) -> InstrumentKind:
    return default_instrument(exchange, symbol).kind


def loaded(document: str | bytes | dict[str, Any]) -> Loaded:
    text = document if isinstance(document, str | bytes) else json.dumps(document)
    return load(text, CATALOG, declare, kind_of)


def of_severity(result: Loaded, severity: Severity) -> list[Finding]:
    return [finding for finding in result.findings if finding.severity is severity]


def errors(document: str | bytes | dict[str, Any]) -> list[tuple[str, str]]:
    return [(f.code, f.pointer) for f in of_severity(loaded(document), Severity.ERROR)]


def warnings(document: str | bytes | dict[str, Any]) -> list[tuple[str, str]]:
    return [(f.code, f.pointer) for f in of_severity(loaded(document), Severity.WARNING)]
