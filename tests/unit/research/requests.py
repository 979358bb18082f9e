"""Short ways to ask for a backtest: a drawing that trades, files of bars and ticks, and the request around them."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

from tests.stories import document, drawing, entry, exit_, leg, start
from tests.unit.core.runs import compare, when
from tradingd.core.graph.document import Document
from tradingd.core.settings import CoreSettings, RiskSettings
from tradingd.research.backtest import DataFile, Request, Result, run

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

UNLIMITED = CoreSettings(risk=RiskSettings(max_entries_per_session="none"))


def drawn_reversal(  # the strategy of all peers, with its parts open
    symbol: str = "XYZ",
    exchange: str = "SIM",
    timeframe: str = "1m",
    low: float = 30,
    high: float = 70,
    name: str | None = None,
    **bought: Any,
) -> dict[str, Any]:
    """Draw: RSI 14 below `low` buys one, above `high` sells it, again and again."""
    rsi = {"rsi": {"type": "rsi", "period": 14, "source": "close"}}
    nodes = [
        start(symbol=symbol, exchange=exchange, timeframe=timeframe, indicators=rsi),
        when("low", compare("$rsi", "<", low)),
        entry("buy", leg("p1", **bought)),
        when("high", compare("$rsi", ">", high)),
        exit_("sell", {"maxReEntries": None}),
    ]
    return drawing(nodes, ["start > low > buy > high > sell"], name or f"rsi-{symbol.lower()}")


def reversal(*arguments: Any, **more: Any) -> Document:
    """Import that drawing."""
    return document(drawn_reversal(*arguments, **more))


def once(
    symbol: str = "XYZ", exchange: str = "SIM", timeframe: str = "1m", name: str = "once", **bought: Any
) -> Document:
    """Draw: buy one at the first bar that closes above 100, and keep it until a bar closes above 200."""
    nodes = [
        start(symbol=symbol, exchange=exchange, timeframe=timeframe),
        when("up", compare("close", ">", 100)),
        entry("buy", leg("p1", **bought)),
        when("far", compare("close", ">", 200)),
        exit_("sell"),
    ]
    return document(drawing(nodes, ["start > up > buy > far > sell"], name))


def file(path: Path, header: str, rows: Iterable[Sequence[Any]]) -> Path:
    """Write a CSV file."""
    with path.open("w", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(header.split(","))
        writer.writerows(rows)
    return path


def bars(symbol: str, path: Path, **more: Any) -> DataFile:
    """Name a file of bars."""
    return DataFile(symbol=symbol, kind="bars", path=path, **more)


def ticks(symbol: str, path: Path, **more: Any) -> DataFile:
    """Name a file of ticks."""
    return DataFile(symbol=symbol, kind="ticks", path=path, **more)


def backtest(documents: Document | Sequence[Document], *data: DataFile, **more: Any) -> Result:
    """Run strategies over files."""
    several = [documents] if isinstance(documents, Document) else documents
    return run(Request(documents=several, data=data, **more))
