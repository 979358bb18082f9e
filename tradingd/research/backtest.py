"""Runs strategies over data files and gives the result: the wiring of a backtest, and nothing else.

Events come from stored bars or ticks, fills from the simulator, deadlines from the data; the engine is the one of
every other mode. Here are the only clock readings of a backtest, the durations of loading and running: they decide
nothing. Equal requests have equal results, whatever order their files are named in.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections import Counter
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING

from tradingd.core.engine import Engine
from tradingd.core.graph.nodes.alert import AlertNode
from tradingd.core.graph.plan import plan
from tradingd.core.markets.charges import Charges
from tradingd.core.markets.sessions import market
from tradingd.core.performance import EquityCurve, metrics
from tradingd.core.session import Session
from tradingd.core.simulator import Simulator
from tradingd.model.commands import PublishAlert
from tradingd.model.trading import AlertKind, AlertType, PositionStatus
from tradingd.research.events import TickRows, play
from tradingd.research.inputs import Inputs, read
from tradingd.research.outputs import opened
from tradingd.research.request import DataFile, Request
from tradingd.research.result import Anomalies, Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradingd.model.commands import Command
    from tradingd.model.trading import Position
    from tradingd.research.outputs import Folder

__all__ = ["DataFile", "Request", "Result", "run"]

_PROGRESS_EVERY_S = 0.05
_SETTLEMENTS_TOLD = 10


def run(request: Request) -> Result:
    """Run a backtest; nothing is written unless the request names a folder.

    Raises:
        ConfigError: the request cannot be meant like this, or its folder cannot be written to.
        DataError: a data file is wrong, or does not fit the strategies.
    """
    began = perf_counter()
    inputs = read(request)
    load_s = perf_counter() - began
    if request.out is None:
        return _run(request, inputs, None, load_s)
    with opened(request.out, inputs.documents[0].exchange) as folder:
        result = _run(request, inputs, folder, load_s)
        folder.write(result)
    return result


def _run(request: Request, inputs: Inputs, folder: Folder | None, load_s: float) -> Result:
    """Step through the events, then look at what became of them."""
    began = perf_counter()
    curve = EquityCurve(request.settings.simulation.starting_cash)
    engine = Engine(
        map(plan, inputs.documents),
        inputs.instruments,
        inputs.contracts,
        request.settings,
        trade_from=inputs.trade_from,
        curve=curve,
        on_trace=folder.on_trace if folder else None,
        on_ledger=folder.on_ledger if folder else None,
    )
    troubles = _Troubles(folder)
    session = Session(engine, Simulator(request.settings.simulation), troubles.on_command)
    tell = _paced(request.progress)
    for share in play(session, inputs.sources):
        tell(share)
    session.finish()
    curve.end_session()
    if request.progress is not None:
        request.progress(1.0)
    ticked = {rows.instrument: len(rows) for rows in inputs.sources if isinstance(rows, TickRows)}
    from_ticks = sum(line.series.count for name in ticked for line in engine.feeds[name].lines)
    from_files = sum(len(rows) for rows in inputs.sources if rows.instrument not in ticked)
    return outcome(
        session,
        curve,
        execution_id=f"bt-{inputs.digest[:16]}",
        bars=from_files + from_ticks,
        ticks=sum(ticked.values()),
        anomalies=inputs.anomalies,
        notes=(*inputs.notes, *_remarks(request, session), *troubles.notes()),
        load_s=load_s,
        run_s=perf_counter() - began,
    )


def outcome(  # noqa: PLR0913 - what a session does not know of itself
    session: Session,
    curve: EquityCurve,
    *,
    execution_id: str,
    bars: int,
    ticks: int,
    anomalies: Anomalies | None = None,
    notes: tuple[str, ...] = (),
    load_s: float = 0.0,
    run_s: float = 0.0,
    only: str | None = None,
) -> Result:
    """Return the result of a session so far, of one strategy alone if wished; the curve's session must have ended."""
    engine = session.engine
    strategies = [strategy for strategy in engine.strategies if only in (None, strategy.id)]
    books = [engine.desks[strategy.id].positions for strategy in strategies]
    positions = [p for book in books for p in (*book.closed, *book.open())]
    documents = [strategy.plan.document for strategy in strategies]
    year = market(documents[0].exchange).sessions_per_year if documents else 0
    counted, clearing = anomalies or Anomalies(), engine.clearing
    charges = sum((engine.desks[strategy.id].charges for strategy in strategies), Charges())
    return Result(
        execution_id=execution_id,
        strategies=tuple(document.id for document in documents),
        metrics=metrics(positions, curve, year),
        charges=(clearing.account.charges if only is None else charges).as_dict(),
        account=clearing.standing(),
        pricing=str(clearing.derived),
        curve=curve,
        positions=tuple(sorted(positions, key=_by_exit)),
        prices={name: feed.price for name, feed in engine.feeds.items()},
        bars=bars,
        ticks=ticks,
        anomalies=replace(counted, **dataclasses.asdict(engine.counts)),
        notes=notes,
        decisions_sha256=session.decisions_sha256,
        load_s=load_s,
        run_s=run_s,
    )


class _Troubles:
    """Hears every command, and keeps the first refusal or failure of each node and how many there were."""

    def __init__(self, folder: Folder | None) -> None:
        self._folder = folder
        self._first: dict[tuple[str | None, str | None, AlertKind], str] = {}
        self._count: Counter[tuple[str | None, str | None, AlertKind]] = Counter()

    def on_command(self, command: Command, content: bytes) -> None:
        if self._folder is not None:
            self._folder.on_command(command, content)
        if isinstance(command, PublishAlert):
            alert = command.alert
            if alert.kind is AlertKind.RISK or alert.type is AlertType.CRITICAL:
                key = alert.strategy, alert.node, alert.kind
                self._first.setdefault(key, alert.message)
                self._count[key] += 1

    def notes(self) -> list[str]:
        notes = []
        for key, message in self._first.items():
            more = self._count[key] - 1
            notes.append(f"{key[0]}, node {key[1]}: {message}" + (f" (and {more} more of this kind)" if more else ""))
        return notes


def _by_exit(position: Position) -> tuple[bool, int, str]:
    return position.status is PositionStatus.OPEN, position.exit_ts or position.entry_ts, position.id


def _remarks(request: Request, session: Session) -> list[str]:
    """Say what the run had to do without."""
    short = [name for name, desk in session.engine.desks.items() if desk.short_history]
    remarks = []
    if short:
        remarks.append(
            f"short_history: {', '.join(short)} began with fewer bars than its indicators need "
            "to be independent of where the data begin"
        )
    capped = [name for name, desk in session.engine.desks.items() if desk.capped]
    if capped:
        most = request.settings.risk.max_entries_per_session
        remarks.append(f"risk.max_entries_per_session = {most} held back further entries of {', '.join(capped)}")
    remarks += _settlements(session)
    if session.simulator.guessed_path:
        remarks.append("intrabar: synthetic: resting orders met a bar's inside, whose path is not in the data")
    remarks += _square_offs(request, session)
    suppressed = sum(
        node.suppressed for s in session.engine.strategies for node in s.nodes.values() if isinstance(node, AlertNode)
    )
    if suppressed:
        remarks.append(f"{suppressed} alert(s) were held back: an alert node speaks at most once a bar")
    if request.mode == "scanned":
        remarks.append("mode: scanned is not there yet; every bar was stepped, with the same answer")
    return remarks


def _settlements(session: Session) -> list[str]:
    """Say at what contracts settled that were held to their expiry."""
    settled = session.engine.clearing.endings.settled
    told = [str(one) for one in settled[:_SETTLEMENTS_TOLD]]
    rest = settled[_SETTLEMENTS_TOLD:]
    if rest:
        guessed = sum(not one.prices for one in rest)
        told.append(f"{len(rest)} more settled at expiry, {guessed} of them at a last price")
    return told


def _square_offs(request: Request, session: Session) -> list[str]:
    """Say where a time of day that was set for the square-off does not lie within the session it is meant for."""
    text = request.settings.session.intraday_exit
    remarks = []
    if ":" in text:
        for strategy in session.engine.strategies:
            venue = market(strategy.plan.document.exchange, request.settings.calendar)
            held = venue.session_from(session.engine.now)
            at = venue.ts_of(held.date, dt.time.fromisoformat(text))
            if strategy.plan.document.squared_off and not held.ts_open < at < held.ts_close:
                remarks.append(
                    f"session.intraday_exit = {text} is not within the session of {venue.name}: "
                    f"{strategy.id} was closed out 15 minutes before its end"
                )
    return remarks


def _paced(progress: Callable[[float], None] | None) -> Callable[[float], None]:
    """Return what passes progress on, now and then."""
    last = perf_counter()

    def tell(share: float) -> None:
        nonlocal last
        now = perf_counter()
        if progress is not None and now - last >= _PROGRESS_EVERY_S:
            last = now
            progress(share)

    return tell
