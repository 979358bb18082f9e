"""What an operator wants to run: configuration and strategy files, read and judged whole, before anything changes.

Start and reload both begin here, so that a reload accepts exactly what a start would. It changes nothing.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tradingd.core.indicators.catalog import CATALOG
from tradingd.core.markets.contracts import Contracts
from tradingd.core.markets.sessions import default_instrument, market
from tradingd.daemon import config, datafiles, strategies, wiring
from tradingd.model.errors import ConfigError, DocumentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tradingd.core.graph.document import Document
    from tradingd.daemon.config import Settings
    from tradingd.model.instrument import Instrument


@dataclass(frozen=True, slots=True)
class Desired:
    """Settings, documents and their texts in id order, the instruments they start from, and the instrument list."""

    settings: Settings
    documents: tuple[Document, ...]
    sources: tuple[str, ...]
    listed: tuple[Instrument, ...]
    hash: str

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """What the strategies read, in id order."""
        return instruments(self.documents, self.listed)


def instruments(documents: Iterable[Document], listed: Iterable[Instrument]) -> tuple[Instrument, ...]:
    """Return what strategies read, in id order: the list's rows, else the venues' defaults."""
    known = {i.id: i for i in listed}
    wanted = {f"{d.exchange}:{d.symbol}": d for d in documents}
    return tuple(known.get(name) or default_instrument(d.exchange, d.symbol) for name, d in sorted(wanted.items()))


def read(path: Path | None, environment: Mapping[str, str], overrides: Iterable[str]) -> Desired:
    """Read everything an operator wants.

    Raises:
        ConfigError: the configuration or a strategy is wrong; the message names every fault.
    """
    settings = config.load(path, environment, overrides)
    base = path.parent if path is not None else Path.cwd()
    listed = datafiles.instrument_list(settings.daemon, base)
    known = {i.id: i for i in listed}
    contracts = Contracts(listed)
    found: dict[str, tuple[Document, str, Path]] = {}
    faults = [finding.message for finding in datafiles.examine(settings.data, base, str(path or "configuration"))]
    for file in strategies.files(base, settings.daemon.strategies):
        try:
            source = file.read_text("utf-8")
            document = wiring.document(source, known)
        except (OSError, UnicodeDecodeError) as error:
            faults.append(f"{file}: {error}")
            continue
        except DocumentError as error:
            faults.append(f"{file}: {error}")
            continue
        if document.id in found:
            faults.append(f"{file}: the id {document.id!r} is that of {found[document.id][2]} already")
            continue
        found[document.id] = document, source, file
        faults += (f"{file}: {lacking}" for lacking in _lacking(document, contracts))
    if faults:
        raise ConfigError("\n".join(faults))
    ordered = [found[name] for name in sorted(found)]
    digest = hashlib.sha256(settings.model_dump_json().encode())
    for document, _, _ in ordered:
        digest.update(document.hash.encode())
    return Desired(
        settings, tuple(d for d, _, _ in ordered), tuple(s for _, s, _ in ordered), listed, digest.hexdigest()
    )


def _lacking(document: Document, contracts: Contracts) -> Iterator[str]:
    """Yield which series of contracts a strategy names that its underlying does not have, of any day."""
    segment = market(document.exchange).derivatives
    for leg in document.legs:
        lacking = contracts.lacks(leg.choice, segment, document.symbol, dt.date.min) if leg.choice else ""
        if lacking:
            yield f"position {leg.vpi}: {lacking}"


def bars_wanted(document: Document) -> int:
    """Return how many closed bars make every value of a strategy independent of where they begin."""
    return max(
        (CATALOG[decl.name].anchor_bars(decl) for line in document.lines for _, decl in line.indicators), default=1
    )


def restart_only(before: Settings, after: Settings) -> list[str]:
    """Return the keys that differ and that only a restart can change: all but which strategies run, and the token."""
    old, new = json.loads(before.model_dump_json()), json.loads(after.model_dump_json())
    keys = [f"{group}.{name}" for group in new for name in new[group] if old[group][name] != new[group][name]]
    return [key for key in keys if key not in ("daemon.strategies", "feed.access_token")]
