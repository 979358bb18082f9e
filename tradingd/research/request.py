"""What a backtest is asked: documents, data files or bars in hand, and all that can change the answer.

Plain values, so that the command line, the API and a test ask in the same words. Nothing here is read, checked or
converted: `inputs` does that, where it can say which file or key is wrong.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tradingd.core.settings import CoreSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from tradingd.core.graph.document import Document
    from tradingd.model.instrument import Instrument
    from tradingd.model.market import Timeframe


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """The bars or ticks of one instrument.

    Without `exchange` it is that of the strategy that starts from `symbol`, else of the instrument list. Without
    `timeframe` bars are as wide as their smallest step.
    """

    symbol: str
    kind: Literal["bars", "ticks"]
    path: Path
    timeframe: Timeframe | None = None
    exchange: str | None = None

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HistoryBars:
    """Closed bars of one instrument, oldest first, that a provider gave; `source` is its address.

    `columns` are ts_open, ts_close, open, high, low, close and volume.
    """

    symbol: str
    exchange: str
    timeframe: Timeframe
    source: str
    columns: tuple[NDArray[Any], ...] = field(repr=False)

    @property
    def kind(self) -> Literal["bars"]:
        """As of a file."""
        return "bars"

    @property
    def sha256(self) -> str:
        """SHA-256 over the columns, in hex."""
        digest = hashlib.sha256()
        for column in self.columns:
            digest.update(column.data)
        return digest.hexdigest()

    def __str__(self) -> str:
        return f"the history of {self.source}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One run of some strategies over some files, or bars in their place.

    `timezone` reads naive stamps and `start` and `end`; without it each file is read in its exchange's zone, the
    two in that of the first strategy by id. Trading begins with the first bar that opens at or after `start`,
    earlier data warm up; an `end` that is a date is inclusive, an instant exclusive. `volume` overrides what tick
    files say of theirs. `out` is the folder the result is written to. `progress` is told the share done, 0 to 1, at
    most some twenty times a second.
    """

    documents: Sequence[Document]
    data: Sequence[DataFile | HistoryBars]
    settings: CoreSettings = field(default_factory=CoreSettings)
    instruments: Sequence[Instrument] = ()
    timezone: str | None = None
    start: str | None = None
    end: str | None = None
    volume: Literal["print", "cumulative"] | None = None
    mode: Literal["stepped", "scanned"] = "stepped"
    skip_bad_rows: bool = False
    out: Path | None = None
    progress: Callable[[float], None] | None = None
