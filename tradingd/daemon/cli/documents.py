"""Strategy files as the verbs read them: one file in, the document and every finding out.

A shared page for `check`, `explain` and `backtest`, so that all three mean the same by a file. It prints nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradingd.core.graph.loading import load
from tradingd.core.indicators.catalog import CATALOG
from tradingd.core.indicators.declaration import declare
from tradingd.core.markets.sessions import default_instrument
from tradingd.model.errors import DocumentError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tradingd.core.graph.document import Document
    from tradingd.core.graph.loading import Loaded
    from tradingd.model.instrument import Instrument, InstrumentKind


def examine(path: Path, instruments: Iterable[Instrument] = ()) -> Loaded:
    """Read and verify a strategy file; `instruments` know better than the venue's defaults what a symbol is.

    Raises:
        OSError: the file cannot be read.
    """
    listed = {instrument.id: instrument.kind for instrument in instruments}

    def kind_of(exchange: str, symbol: str) -> InstrumentKind:
        return listed.get(f"{exchange}:{symbol}") or default_instrument(exchange, symbol).kind

    return load(path.read_bytes(), CATALOG, declare, kind_of)


def document(path: Path, loaded: Loaded) -> Document:
    """Return the document that was read from `path`.

    Raises:
        DocumentError: it is refused; the message begins with the path.
    """
    if loaded.document is None:
        raise DocumentError(loaded.findings, str(path))
    return loaded.document
