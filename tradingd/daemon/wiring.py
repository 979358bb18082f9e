"""How a mode is put together: who supplies the events, the fills and the clock. Nothing below knows which it is.

mode      events from       fills from   deadlines from
backtest  files             simulator    the data              research.backtest
paper     a feed            simulator    the data, a clock     supervisor, with `paper` here
recording a journal         simulator    the data              `again`
replay    a journal         the journal  the journal           `replay`
"""

from __future__ import annotations

import datetime as dt
import json
import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import aiohttp
import structlog
from pydantic import TypeAdapter

from tradingd.adapters.feeds.binance import BinanceProvider
from tradingd.adapters.feeds.kite import KiteProvider
from tradingd.adapters.feeds.kite_rest import Credential
from tradingd.core.derived import contracts_of
from tradingd.core.engine import Engine
from tradingd.core.graph.loading import parse
from tradingd.core.graph.plan import plan
from tradingd.core.indicators.catalog import CATALOG
from tradingd.core.indicators.declaration import declare
from tradingd.core.markets.sessions import default_instrument, market
from tradingd.core.performance import EquityCurve
from tradingd.core.session import Session
from tradingd.core.settings import CoreSettings
from tradingd.core.simulator import Simulator
from tradingd.model.commands import canonical
from tradingd.model.events import (
    BarMoved,
    BarOpened,
    Deadline,
    FeedGap,
    FlattenRequested,
    HistoryLoaded,
    Pulse,
    StrategiesReplaced,
)
from tradingd.model.instrument import Instrument
from tradingd.model.market import Bar, FoldedTick, Tick

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping

    from tradingd.adapters.stores.recording import Recording
    from tradingd.core.graph.document import Document
    from tradingd.core.graph.plan import Plan
    from tradingd.core.graph.trace import TraceRecord
    from tradingd.daemon.settings import FeedSettings
    from tradingd.model.commands import Command
    from tradingd.model.events import Event
    from tradingd.model.instrument import InstrumentKind
    from tradingd.model.market import TradingSession

log = structlog.get_logger()

_SETTINGS = TypeAdapter(CoreSettings)
_INSTRUMENT = TypeAdapter(Instrument)
_INSTRUMENTS = TypeAdapter(tuple[Instrument, ...])
for _adapter in (_INSTRUMENT, _INSTRUMENTS):
    _adapter.rebuild(_types_namespace={"dt": dt})  # the model names the module for type checkers only
FROM_OUTSIDE = (FeedGap, HistoryLoaded, StrategiesReplaced, FlattenRequested, Pulse)


# --- engines -----------------------------------------------------------------------------------------------------


def document(source: str, listed: Mapping[str, Instrument]) -> Document:
    """Read a strategy document; `listed` knows better than the venue's defaults what a symbol is.

    Raises:
        DocumentError: it is refused.
    """

    def kind_of(exchange: str, symbol: str) -> InstrumentKind:
        known = listed.get(f"{exchange}:{symbol}")
        return known.kind if known is not None else default_instrument(exchange, symbol).kind

    return parse(source, CATALOG, declare, kind_of)


def engine(
    settings: CoreSettings,
    instruments: Iterable[Instrument],
    curve: EquityCurve | None = None,
    on_trace: Callable[[TraceRecord], None] | None = None,
) -> Engine:
    """Build an engine without strategies: they come as an event, the first one of every journal."""
    listed = {i.id: i for i in instruments}

    def load(source: str) -> Plan:
        return plan(document(source, listed))

    return Engine([], [], contracts_of(listed.values(), settings), settings, load=load, curve=curve, on_trace=on_trace)


def header(settings: CoreSettings, instruments: Iterable[Instrument]) -> dict[str, str]:
    """Return what a journal has to say besides its events for an engine to be built again."""
    return {
        "settings": _SETTINGS.dump_json(settings).decode(),
        "instruments": json.dumps([_row(i) for i in instruments]),
    }


def engine_of(recording: Recording) -> Engine:
    """Build the engine a recording was made with."""
    settings = _SETTINGS.validate_json(recording.header["settings"])
    return engine(settings, _INSTRUMENTS.validate_json(recording.header["instruments"]))


def _row(instrument: Instrument) -> dict[str, Any]:
    """Return what an instrument is made from, as JSON has it."""
    made_from = {f.name for f in fields(instrument) if f.init}
    row: dict[str, Any] = _INSTRUMENT.dump_python(instrument, mode="json")
    return {name: value for name, value in row.items() if name in made_from}


# --- the feed ----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def provider(
    settings: FeedSettings, on_state: Callable[[str, str], None], calendar: str = ""
) -> AsyncIterator[BinanceProvider | KiteProvider]:
    """Give the provider of `feed.*` as long as the context lasts; `on_state` is told what becomes of its connection."""

    def session(instrument: Instrument, ts: int) -> TradingSession:
        return market(instrument.exchange, calendar).session_from(ts, instrument)

    jitter = secrets.SystemRandom().random
    async with aiohttp.ClientSession() as http:
        if settings.provider == "kite":
            credential = Credential(
                settings.api_key, settings.access_token.get_secret_value(), settings.api_secret.get_secret_value()
            )
            yield KiteProvider(
                http, session, ws_url=settings.ws_url, rest_url=settings.rest_url, credential=credential,
                stale_s=settings.stale_s, jitter=jitter, on_state=on_state, on_text=_on_text,
            )  # fmt: skip
            return
        yield BinanceProvider(
            http, session, ws_url=settings.ws_url, rest_url=settings.rest_url, stale_s=settings.stale_s,
            jitter=jitter, on_state=on_state,
        )  # fmt: skip


def _on_text(kind: str, content: bytes) -> None:
    """Log what a venue says in words; orders, of which there are none yet, only by name."""
    log.info("feed.said", kind=kind, **({} if kind == "order" else {"text": content.decode(errors="replace")}))


# --- recordings --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rerun:
    """A recorded session, run again."""

    session: Session
    curve: EquityCurve
    ticks: int


# --- replay ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where a replay first differs from what was recorded: the event, and both commands (none: there is none)."""

    seq: int
    event: str
    recorded: str | None
    replayed: str | None


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay gave."""

    events: int
    commands: int
    decisions_sha256: str
    divergence: Divergence | None
    engine: Engine


def replay(recording: Recording) -> Replay:
    """Step every recorded event, fills and deadlines included, and hold the commands to those recorded."""
    running = engine_of(recording)
    digest = sha256()
    expected = iter(recording.commands())
    count = events = 0
    divergence = beyond = None
    for seq, event in recording.events():
        events += 1
        if beyond is not None and not isinstance(event, Tick | FoldedTick):
            divergence = divergence or beyond
        for command in running.step(event):
            content = canonical(command)
            digest.update(content + b"\n")
            count += 1
            _, recorded = next(expected, (seq, None))
            if recorded == content:
                continue
            differs = Divergence(seq, repr(event), _text(recorded), _text(content))
            if recorded is None:  # after a crash, the last durable ticks may have caused what was not made durable
                beyond = beyond or differs
            else:
                divergence = divergence or differs
    left = next(expected, None)
    if divergence is None and left is not None:
        divergence = Divergence(left[0], "none", _text(left[1]), None)
    return Replay(events, count, digest.hexdigest(), divergence, running)


def again(recording: Recording, on_command: Callable[[Command, bytes], None] | None = None) -> Rerun:
    """Run what a recording met from outside through engine and simulator anew: a backtest of a recorded session."""
    settings = _SETTINGS.validate_json(recording.header["settings"])
    curve = EquityCurve(settings.simulation.starting_cash)
    running = engine(settings, _INSTRUMENTS.validate_json(recording.header["instruments"]), curve)
    session = Session(running, Simulator(settings.simulation), on_command)
    ticks = 0
    for _, event in recording.events():
        ticks += event.count if isinstance(event, FoldedTick) else isinstance(event, Tick)
        take(session, event)
    curve.end_session()
    return Rerun(session, curve, ticks)


def take(session: Session, event: Event) -> None:
    """Let a session take a recorded event: what came from outside as such, a deadline as the time it tells."""
    if isinstance(event, Tick | FoldedTick | Bar | BarOpened | BarMoved):
        session.step(event)
    elif isinstance(event, FROM_OUTSIDE):
        session.tell(event)
    elif isinstance(event, Deadline):
        session.advance(event.ts)


def _text(content: bytes | None) -> str | None:
    return None if content is None else content.decode()
