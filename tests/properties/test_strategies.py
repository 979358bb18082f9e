"""Random drawings over random, dirty ticks: what must hold whatever a person draws and whatever a feed sends.

Compiled conditions equal the plain evaluator; cash and positions reconcile exactly with the fills; a position
is never reversed; and none is ever left without a way out that is armed, working, or the session's end. The
test says how many cases ordered, re-entered and met bad ticks, and fails if it became too tame.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.stories import T0, Venue, alert, document, drawing, entry, exit_, leg, start
from tradingd.core.engine import Engine
from tradingd.core.graph.arithmetic import NAN, Value
from tradingd.core.graph.conditions import Evaluator
from tradingd.core.graph.document import Signal
from tradingd.core.graph.expressions import Candle, Constant, IndicatorValue, Operand
from tradingd.core.graph.loading import load
from tradingd.core.graph.nodes.exit import ExitNode
from tradingd.core.graph.plan import plan
from tradingd.core.graph.source import bind
from tradingd.core.indicators.catalog import CATALOG
from tradingd.core.indicators.declaration import declare
from tradingd.core.markets.contracts import Contracts
from tradingd.core.session import Session
from tradingd.core.settings import CoreSettings, OrderSettings, RiskSettings, SimulationSettings
from tradingd.model.commands import SubmitOrder
from tradingd.model.events import OrderFilled
from tradingd.model.instrument import Instrument, InstrumentKind
from tradingd.model.market import DAY, MINUTE, SECOND, Depth, Tick
from tradingd.model.trading import Order, Purpose

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradingd.core.graph.strategy import StrategyRuntime
    from tradingd.model.commands import Command
    from tradingd.model.events import OrderReport

INSTRUMENT = Instrument("SIM", "XYZ", InstrumentKind.SPOT, quantity_step=Decimal("0.01"))
INDICATORS = {
    "fast": {"type": "sma", "period": 2}, "slow": {"type": "ema", "period": 4}, "rsi": {"type": "rsi", "period": 3},
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A drawing, settings and ticks."""

    drawn: dict[str, Any]
    settings: CoreSettings
    ticks: list[tuple[int, float, float]]
    bad: int
    shown: str

    def tick(self, ts: int, price: float, volume: float) -> Tick:
        """Return a tick that shows a last price alone, the touch too, or a book of two thin levels."""
        touch = (0.0, 0.0) if self.shown == "price" else (price - 0.02, price + 0.02)
        depth = None
        if self.shown == "book":
            sides = ([(one, 1.0), (one + sign * 0.03, 2.0)] for one, sign in zip(touch, (-1, 1), strict=True))
            depth = Depth(*map(tuple, sides))
        return Tick(INSTRUMENT.id, ts, price, volume, *touch, 0.0, depth)


# --- drawings ----------------------------------------------------------------------------------------------------


@st.composite
def operand(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a price-like operand."""
    offset = draw(st.integers(0, 3))
    if draw(st.booleans()):
        return {
            "type": "market_data",
            "field": draw(st.sampled_from(["open", "high", "low", "close"])),
            "offset": offset,
        }
    return {"type": "indicator", "name": draw(st.sampled_from(["fast", "slow"])), "offset": offset}


@st.composite
def leaf(draw: st.DrawFn) -> dict[str, Any]:
    """Draw one comparison; most are true about half of the time."""
    kind = draw(st.sampled_from(["prices", "prices", "rsi", "cross", "between", "equal"]))
    if kind == "rsi":
        lhs = {"type": "indicator", "name": "rsi", "offset": draw(st.integers(0, 1))}
        rhs = {"type": "constant", "value": draw(st.sampled_from([30, 50, 70]))}
        return {"lhs": lhs, "operator": draw(st.sampled_from(["<", ">", "<=", ">="])), "rhs": rhs}
    lhs, rhs = draw(operand()), draw(operand())
    if kind == "cross":
        return {"lhs": lhs, "operator": draw(st.sampled_from(["crosses_above", "crosses_below"])), "rhs": rhs}
    if kind == "between":
        name = draw(st.sampled_from(["between", "not_between"]))
        return {"lhs": lhs, "operator": name, "rhs": rhs, "rhsUpper": {"type": "constant", "value": 1000}}
    if kind == "equal":
        return {"lhs": lhs, "operator": draw(st.sampled_from(["==", "!="])), "rhs": rhs}
    return {"lhs": lhs, "operator": draw(st.sampled_from(["<", ">", "<=", ">="])), "rhs": rhs}


@st.composite
def group(draw: st.DrawFn, depth: int = 2) -> dict[str, Any]:
    """Draw a group."""
    logic = draw(st.sampled_from(["and", "or", "or", "not"]))
    size = 1 if logic == "not" else draw(st.integers(1, 2))
    members = [draw(group(depth - 1)) if depth and draw(st.integers(0, 3)) == 0 else draw(leaf()) for _ in range(size)]
    return {"type": "group", "operator": logic, "conditions": members}


@st.composite
def a_signal(draw: st.DrawFn, name: str) -> dict[str, Any]:
    """Draw a signal."""
    conditions = draw(group())
    wide = {"type": "group", "operator": "or", "conditions": [conditions, draw(leaf()), draw(leaf())]}
    data: dict[str, Any] = {"conditions": wide if conditions["operator"] != "or" else conditions}
    data["trigger"] = draw(st.sampled_from(["level", "level", "level", "edge"]))
    return {"id": name, "type": "signalNode", "data": data}


@st.composite
def a_leg(draw: st.DrawFn, vpi: str, product: str) -> dict[str, Any]:
    """Draw one leg; a few are limit orders that may never fill."""
    data: dict[str, Any] = {
        "vpt": draw(st.sampled_from(["", "tag"])), "priority": draw(st.integers(1, 2)), "productType": product,
        "positionType": draw(st.sampled_from(["buy", "sell"])), "quantity": draw(st.integers(1, 4)),
    }  # fmt: skip
    if draw(st.integers(0, 7)) == 0:
        data |= {"orderType": "limit", "limitPrice": draw(st.sampled_from([90, 100, 110]))}
    return leg(vpi, **data)


@st.composite
def drawn_strategy(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a graph in which every entry has an exit that closes it whole."""
    product = draw(st.sampled_from(["carryForward", "carryForward", "intraday"]))
    nodes, paths = [start(indicators=INDICATORS, timeframe=draw(st.sampled_from(["1m", "2m"])))], []
    for e in range(draw(st.integers(1, 2))):
        way = "start"
        for s in range(draw(st.integers(1, 2))):
            nodes.append(draw(a_signal(f"in{e}{s}")))
            way += f" > in{e}{s}"
        vpis = [f"p{e}{k}" for k in range(draw(st.integers(1, 2)))]
        nodes.append(entry(f"e{e}", *[draw(a_leg(vpi, product)) for vpi in vpis]))
        paths.append(f"{way} > e{e}")
        outer = draw(st.integers(0, 2)) == 0
        for x in range(draw(st.integers(1, 2))):
            re_entry: dict[str, Any] | None = draw(
                st.sampled_from([None, {"maxReEntries": 3}, {"maxReEntries": None}, {"maxReEntries": 1}])
            )
            if re_entry is not None:
                re_entry = {**re_entry, "groupNumber": x + 1}
            targets = vpis if x == 0 else vpis[:1]
            nodes.append(draw(a_signal(f"out{e}{x}")))
            for target in targets:
                nodes.append(exit_(f"x{e}{x}{target}", re_entry, targetPositionVpi=target))
                paths.append(f"{'start' if outer else f'e{e}'} > out{e}{x} > x{e}{x}{target}")
        if draw(st.booleans()):
            nodes.append(alert(f"say{e}"))
            paths.append(f"in{e}0 > say{e}")
    drawn = drawing(nodes, paths, f"s{draw(st.integers(0, 9))}")
    assume(load(json.dumps(drawn), CATALOG, declare, lambda _e, _s: InstrumentKind.SPOT).document is not None)
    return drawn


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw a case: ticks walk at random, and some come late, twice, or not at all."""
    rng = np.random.Generator(np.random.PCG64(draw(st.integers(0, 2**32 - 1))))
    count = draw(st.integers(150, 500))
    begin = T0 + draw(st.sampled_from([0, DAY - 40 * MINUTE, DAY - 20 * MINUTE]))
    gaps = rng.exponential(12.0, count) * SECOND
    times = begin + np.cumsum(gaps.astype(np.int64) + 1)
    prices = np.round(100 + np.cumsum(rng.normal(0, 0.4, count)), 2).clip(1)
    ticks = [(int(t), float(p), float(v)) for t, p, v in zip(times, prices, rng.integers(1, 5, count), strict=True)]
    dirt = draw(st.sampled_from(["clean", "late", "twice", "all"]))
    bad = 0
    dirty: list[tuple[int, float, float]] = []
    for tick in ticks:
        dirty.append(tick)
        if dirt in ("late", "all") and rng.random() < 0.05:
            dirty.append((tick[0] - int(rng.integers(1, 180)) * SECOND, tick[1], tick[2]))
            bad += 1
        if dirt in ("twice", "all") and rng.random() < 0.05:
            dirty.append(tick)
            bad += 1
    if dirt == "all":
        hole = int(rng.integers(0, len(dirty)))
        del dirty[hole : hole + int(rng.integers(0, 60))]
    settings = replace(
        CoreSettings(),
        orders=OrderSettings(incomplete_entry=draw(st.sampled_from(["keep", "close"]))),
        risk=RiskSettings(max_entries_per_session=draw(st.sampled_from([20, "none"]))),
        simulation=SimulationSettings(
            latency_ms=draw(st.sampled_from([0, 0, 1500])),
            max_volume_share=draw(st.sampled_from([Decimal(1), "none"])),
            half_spread_ticks=draw(st.sampled_from([Decimal(0), Decimal(2)])),
            slippage_bps=draw(st.sampled_from([Decimal(0), Decimal(3)])),
            quote_age_s_max=draw(st.sampled_from([0, 10, 60])),
            starting_cash=draw(st.sampled_from([Decimal(1_000_000), Decimal(1_000_000), Decimal(500)])),
        ),
    )
    return Case(draw(drawn_strategy()), settings, dirty, bad, draw(st.sampled_from(["price", "touch", "book"])))


# --- running -----------------------------------------------------------------------------------------------------


class Run:
    """One case, run with everything watched."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.plan = plan(document(case.drawn))
        self.engine = Engine([self.plan], [INSTRUMENT], Contracts([]), case.settings)
        self.venue = Venue(case.settings)
        self.venue.reports = self.on_report
        self.session = Session(self.engine, self.venue, self.on_command)
        self.orders: dict[str, Order] = {}
        self.cash = Decimal(0)
        self.net: Counter[str] = Counter()
        self.fills = 0
        strategy = self.strategy
        self.bound = bind(self.plan, strategy.lists, strategy.tick_size)
        self.compared = 0

    @property
    def strategy(self) -> StrategyRuntime:
        """The strategy as it runs."""
        return self.engine.strategies[0]

    def on_command(self, command: Command, _: bytes) -> None:
        """Remember whose order it is."""
        if isinstance(command, SubmitOrder):
            self.orders[command.order.id] = command.order

    def on_report(self, report: OrderReport) -> None:
        """Keep books of our own."""
        if isinstance(report, OrderFilled):
            order, fill = self.orders[report.order], report.fill
            self.cash -= order.side.sign * fill.price * fill.quantity
            sign = 1 if order.purpose is Purpose.ENTRY else -1
            self.net[order.vpi] += sign * fill.quantity  # type: ignore[assignment] # a counter of Decimals
            self.fills += 1

    def go(self) -> str:
        """Run the case, looking after every tick."""
        bars = -1
        for ts, price, volume in self.case.ticks:
            self.session.step(self.case.tick(ts, price, volume))
            count = self.engine.desks[self.strategy.id].bars()
            if count != bars:
                bars = count
                self.compare_conditions()
            self.look()
        self.session.finish()
        self.look()
        self.reconcile()
        return self.session.decisions_sha256

    def compare_conditions(self) -> None:
        """The compiled functions say what the plain evaluator says."""

        def value(wanted: Operand, back: int) -> Value:
            if isinstance(wanted, Constant):
                return wanted.value
            assert isinstance(wanted, Candle | IndicatorValue)
            values = self.strategy.lists.get(wanted)
            return NAN if values is None else values[-1 - wanted.back - back]

        for node in self.plan.document.nodes:
            if isinstance(node, Signal):
                truth = Evaluator(value, self.strategy.tick_size, []).group(node.condition)
                compiled = self.bound[node.id]
                assert compiled.is_true() is (truth is True)
                if compiled.is_false is not None:
                    assert compiled.is_false() is (truth is False)
                self.compared += 1

    def look(self) -> None:
        """No position is reversed, and none is without a way out."""
        strategy = self.strategy
        for vpi, slot in strategy.desk.slots.items():
            assert 0 <= slot.closing <= slot.open
            assert slot.opening >= 0
            assert slot.open == self.net[vpi]
            if slot.open:
                assert strategy.plan.document.intraday or self.way_out(vpi), f"{vpi} is open and nothing can close it"

    def way_out(self, vpi: str) -> bool:
        """Whether an exit of the slot is awake, or behind a node that is."""
        nodes = self.strategy.nodes
        waiting = [n for n in nodes.values() if n.state != "idle" and not n.id.startswith("e")]
        seen: set[str] = set()
        while waiting:
            node = waiting.pop()
            if isinstance(node, ExitNode) and vpi in node.vpis:
                return True
            if node.id not in seen:
                seen.add(node.id)
                waiting += [nodes[c] for c in node.children]
        return False

    def reconcile(self) -> None:
        """Cash is what the fills say, and P&L is cash plus what is still open at cost."""
        positions = self.engine.desks[self.strategy.id].positions
        assert positions.cash == self.cash
        account = self.engine.clearing.account
        assert account.cash == account.starting_cash + self.cash  # nothing is charged there
        open_at_cost = Decimal(0)
        for held in positions.open():
            open_at_cost += held.side.sign * (held.entry_value - held.exit_value)
        assert sum((p.pnl for p in positions.closed), Decimal(0)) == positions.cash + open_at_cost
        assert all(p.entered == p.exited for p in positions.closed)


def test_whatever_is_drawn_and_whatever_the_feed_sends(record_property: Callable[[str, object], None]) -> None:
    """Run many cases, and say how wild they were."""
    met: Counter[str] = Counter()

    @given(cases())
    def check(case: Case) -> None:
        run = Run(case)
        digest = run.go()
        again = Run(case)
        assert again.go() == digest
        met["cases"] += 1
        met["ordered"] += bool(run.orders)
        entries = Counter(o.vpi for o in run.orders.values() if o.purpose is Purpose.ENTRY)
        met["re-entered"] += any(n > 1 for n in entries.values())
        met["met bad ticks"] += case.bad > 0
        met["conditions compared"] += run.compared

    check()
    told = ", ".join(
        f"{met[k]} {k}" for k in ("cases", "ordered", "re-entered", "met bad ticks", "conditions compared")
    )
    record_property("told", f"random strategies: {told}")
    for what, share in (("ordered", 0.8), ("re-entered", 0.3), ("met bad ticks", 0.2)):
        assert met[what] >= share * met["cases"], f"too tame: {told}"
