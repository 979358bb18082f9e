"""Small strategies told as stories: draw a graph, say at which event each signal is true, read what happened.

Event k is bar k of one instrument: its open, then its close. A bar's volume is its number, so that a signal
"true at 1 and 5" is the condition `volume in [1, 5]`. What was decided at the close of bar k fills at the open
of bar k + 1, so "market orders fill at the next event". Prices are 100 + k.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tradingd.core.engine import Engine
from tradingd.core.graph.loading import parse
from tradingd.core.graph.plan import plan
from tradingd.core.indicators.catalog import CATALOG
from tradingd.core.indicators.declaration import declare
from tradingd.core.markets.contracts import Contracts
from tradingd.core.session import Session
from tradingd.core.settings import CoreSettings
from tradingd.core.simulator import Simulator
from tradingd.model.commands import CancelOrder, ModifyOrder, SubmitOrder
from tradingd.model.events import OrderFilled, OrderRejected
from tradingd.model.instrument import Instrument, InstrumentKind
from tradingd.model.market import MINUTE, Bar, Timeframe
from tradingd.model.trading import AlertKind, Order

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tradingd.core.graph.document import Document
    from tradingd.core.graph.trace import TraceRecord
    from tradingd.model.commands import Command
    from tradingd.model.events import OrderReport

T0 = 1_704_067_200_000_000_000  # 2024-01-01T00:00Z, a Monday
ONE_MINUTE = Timeframe(MINUTE)


# --- drawing -----------------------------------------------------------------------------------------------------


def start(**data: Any) -> dict[str, Any]:
    """Draw a start node on the simulated exchange."""
    base = {"symbol": "XYZ", "timeframe": "1m", "exchange": "SIM", "indicators": {}}
    return {"id": "start", "type": "startNode", "data": base | data}


def signal(name: str, *events: int, **data: Any) -> dict[str, Any]:
    """Draw a signal that is true at the given events."""
    rhs = {"type": "list", "items": [{"type": "constant", "value": e} for e in events or (-1,)]}
    leaf = {
        "id": f"{name}-c",
        "lhs": {"type": "market_data", "field": "volume", "offset": 0},
        "operator": "in",
        "rhs": rhs,
    }
    conditions = {"type": "group", "operator": "and", "conditions": [leaf]}
    return {"id": name, "type": "signalNode", "data": {"conditions": conditions} | data}


def leg(vpi: str, **data: Any) -> dict[str, Any]:
    """Draw one position of an entry: buy one at the market, carried over sessions."""
    base = {
        "vpi": vpi, "vpt": "", "priority": 1, "positionType": "buy", "orderType": "market",
        "quantity": 1, "productType": "carryForward",
    }  # fmt: skip
    return base | data


def entry(name: str, *legs: dict[str, Any] | str) -> dict[str, Any]:
    """Draw an entry of some legs, or of market legs by their vpi."""
    positions = [leg(one) if isinstance(one, str) else one for one in legs]
    return {"id": name, "type": "entryNode", "data": {"actionType": "entry", "positions": positions}}


def exit_(name: str, re_entry: dict[str, Any] | None = None, **order: Any) -> dict[str, Any]:
    """Draw an exit that closes everything at the market, unless told otherwise."""
    config = {"orderType": "market", "quantity": "all"} | order
    data: dict[str, Any] = {"orderConfig": config}
    if re_entry is not None:
        data["reEntryConfig"] = {"enabled": True, "groupNumber": 1} | re_entry
    return {"id": name, "type": "exitNode", "data": {"actionType": "exit", "exitNodeData": data}}


def alert(name: str, message: str = "look") -> dict[str, Any]:
    """Draw an alert."""
    return {
        "id": name,
        "type": "alertNode",
        "data": {"actionType": "alert", "alertMessage": message, "alertType": "info"},
    }


def drawing(nodes: Sequence[dict[str, Any]], paths: Sequence[str], name: str = "story") -> dict[str, Any]:
    """Join nodes by paths written as `start > A > e1`."""
    pairs: dict[tuple[str, str], None] = {}
    for path in paths:
        steps = [step.strip() for step in path.split(">")]
        pairs |= dict.fromkeys(pairwise(steps))
    edges = [{"id": f"e{n}", "source": a, "target": b} for n, (a, b) in enumerate(pairs)]
    return {"id": name, "name": name, "nodes": list(nodes), "edges": edges}


def document(drawn: dict[str, Any]) -> Document:
    """Import a drawing."""
    return parse(json.dumps(drawn), CATALOG, declare, lambda _e, _s: InstrumentKind.SPOT)


# --- telling -----------------------------------------------------------------------------------------------------


class Venue(Simulator):
    """A simulated exchange that can be told to refuse orders, or to fill only so much of one for now."""

    def __init__(self, settings: CoreSettings) -> None:
        super().__init__(settings.simulation)
        self.refuse: Callable[[Order], bool] = lambda _: False
        self.reports: Callable[[OrderReport], None] = lambda _: None

    def submit(self, order: Order) -> list[OrderReport]:
        """Refuse what is to be refused."""
        if self.refuse(order):
            return [OrderRejected(order.id, order.ts, "not today")]
        return super().submit(order)

    def match(self, event: Any) -> list[OrderReport]:
        """Let the story hear of fills."""
        reports = super().match(event)
        for report in reports:
            self.reports(report)
        return reports


@dataclass
class Story:
    """One strategy over numbered bars. `said` collects what happened as `<event> <what>`, in order."""

    drawn: dict[str, Any]
    settings: CoreSettings = field(default_factory=CoreSettings)
    instrument: Instrument = field(
        default_factory=lambda: Instrument("SIM", "XYZ", InstrumentKind.SPOT, quantity_step=Decimal("0.01"))
    )

    def __post_init__(self) -> None:
        self.said: list[str] = []
        self.traces: list[TraceRecord] = []
        self.event = -1
        self.engine = Engine(
            [plan(document(self.drawn))], [self.instrument], Contracts([]), self.settings, on_trace=self.traces.append
        )
        self.venue = Venue(self.settings)
        self.venue.reports = self._on_report
        self.session = Session(self.engine, self.venue, self._on_command)
        self._orders: dict[str, Order] = {}

    @property
    def strategy(self) -> Any:
        """The strategy as it runs."""
        return self.engine.strategies[0]

    @property
    def desk(self) -> Any:
        """Its books."""
        return self.engine.desks[self.strategy.id]

    def run(self, until: int, at: Callable[[int], tuple[float, float, float, float]] | None = None) -> Story:
        """Feed bars up to and with number `until`; `at(k)` gives the prices of bar k."""
        while self.event < until:
            self.event += 1
            self.bar(self.event, at(self.event) if at else (100.0 + self.event,) * 4)
        return self

    def bar(self, number: int, prices: tuple[float, float, float, float], ts: int | None = None) -> None:
        """Feed one bar."""
        from tradingd.model.events import BarOpened  # noqa: PLC0415 - one use

        ts = T0 + number * MINUTE if ts is None else ts
        self.event = number
        self.session.step(BarOpened(self.instrument.id, ts, prices[0]))
        self.session.step(Bar(self.instrument.id, ONE_MINUTE, ts, ts + MINUTE, *prices, float(number), 1))

    def _on_report(self, report: OrderReport) -> None:
        if isinstance(report, OrderFilled):
            order = self._orders[report.order]
            self.said.append(f"{self.event} {order.purpose} {order.side} {order.vpi} filled {report.fill.quantity}")

    def _on_command(self, command: Command, _: bytes) -> None:
        if isinstance(command, SubmitOrder):
            order = command.order
            self._orders[order.id] = order
            self.said.append(f"{self.event} {order.purpose} {order.side} {order.vpi} {order.quantity}")
        elif isinstance(command, CancelOrder):
            self.said.append(f"{self.event} cancel {command.order.vpi}")
        elif isinstance(command, ModifyOrder):
            self.said.append(f"{self.event} modify {command.order.vpi}")
        elif command.alert.kind is not AlertKind.FILL:
            what = command.alert.node if command.alert.kind is AlertKind.ALERT else command.alert.type
            self.said.append(f"{self.event} {command.alert.kind} {what}")

    def orders(self) -> list[str]:
        """Return what was sent, without fills and alerts."""
        return [line for line in self.said if not any(w in line for w in ("filled", "alert", "order ", "risk"))]

    def gates(self) -> list[str]:
        """Return where gates held nodes, as `<event> <node> <gate>`."""
        return [f"{(t.ts - T0) // MINUTE - 1} {t.node} {t.gate}" for t in self.traces if t.gate]

    def armed(self) -> set[str]:
        """Return the ids of the nodes that are armed or working."""
        return {i for i, n in self.strategy.nodes.items() if n.state != "idle"}
