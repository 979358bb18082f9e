"""Station 3, values to intents: one strategy, running.

At each instant the armed nodes are stepped in the order (rank, kind, id), each at most once, including those
that were armed late in the instant. What an entry arms belongs to its *run*; when all its legs are flat and
none is working the run ends and everything in it is disarmed. The strategy submits nothing itself: the desk,
which the engine gives it, turns intents into orders. All state is plain data.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from dataclasses import dataclass, field
from math import isfinite
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Protocol

from tradingd.core.graph.conditions import Evaluator, Leaf
from tradingd.core.graph.document import AlertNode as AlertSpec
from tradingd.core.graph.document import End, Entry, Exit, Kind, Modify, Protection, Signal, SquareOff
from tradingd.core.graph.document import Node as Spec
from tradingd.core.graph.expressions import Column, Constant, IndicatorValue, Pnl, PositionValue, Trailing
from tradingd.core.graph.guards import Guard
from tradingd.core.graph.nodes.alert import AlertNode
from tradingd.core.graph.nodes.ending import EndNode, SquareOffNode
from tradingd.core.graph.nodes.entry import EntryNode
from tradingd.core.graph.nodes.exit import ExitNode, square_off
from tradingd.core.graph.nodes.modify import ModifyNode
from tradingd.core.graph.nodes.node import Node, State
from tradingd.core.graph.nodes.signal import SignalNode
from tradingd.core.graph.nodes.start import StartNode
from tradingd.core.graph.reading import Opening, Reading
from tradingd.core.graph.source import bind
from tradingd.core.graph.trace import TraceRecord
from tradingd.core.graph.view import StrategyView
from tradingd.core.graph.words import operand_in_words
from tradingd.model.trading import ZERO, AlertKind, AlertType, Order, Purpose

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal

    from tradingd.core.graph.arithmetic import Value
    from tradingd.core.graph.document import Clock
    from tradingd.core.graph.expressions import Operand
    from tradingd.core.graph.plan import Plan
    from tradingd.core.graph.source import Bound
    from tradingd.model.market import Bar
    from tradingd.model.trading import Alert, Intent, Position, Slot

SQUARE_OFF, FLATTEN, STRAYS = "square_off", "flatten", "strays"
"""Ids of the exits that end an intraday session, that a person asks for, and that close what filled though nobody asked
for it; an incomplete entry's own close is `<entry>:incomplete`. Where a drawing took the name, they carry underscores
behind it.
"""

TRACE_MAX = 2_000
_KEY = attrgetter("key")


class Desk(Protocol):
    """What a strategy may ask of the engine."""

    slots: Mapping[str, Slot]

    @property
    def now(self) -> int:
        """Market time, ns UTC."""

    def ready(self) -> bool:
        """Whether the indicators are warm and there is a price of this session."""

    def bars(self) -> int:
        """How many bars of the strategy's series have closed."""

    def gap_within(self, bars: int) -> bool:
        """Whether one of the last so many closed bars has a hole."""

    def attend(self) -> None:
        """`eager` may have changed: whether every market event is to be told."""

    def entry_gate(self) -> str:
        """Why no entry may be made now; empty where it may."""

    def count_entry(self) -> None:
        """An entry runs: count it against the session's cap."""

    def submit(self, intent: Intent) -> tuple[Order, ...] | str:
        """Turn the intent into an order, or as many as the venue needs, or return why it was refused."""

    def cancel(self, order: Order) -> None:
        """Withdraw what is left of an order."""

    def working(self, vpis: Sequence[str], purpose: Purpose) -> list[Order]:
        """Return the working orders of these slots, oldest first."""

    def alert(  # noqa: PLR0913 - the parts of an alert
        self, kind: AlertKind, node: str, message: str, type_: AlertType, operands: Mapping[str, Value], *, cause: int
    ) -> None:
        """Publish an alert."""

    def wake(self, ts: int, node: str) -> None:
        """Call `on_wake(node)` when market time comes to `ts`."""


class Sight(Protocol):
    """What a strategy can see of its markets."""

    def begin_session(self) -> None:
        """Count the session's profit and loss from here."""

    @property
    def ts_open(self) -> int:
        """When the session opened."""

    @property
    def bar_end(self) -> int:
        """When the bars ended that closed last."""

    def time_of_day(self, second: int) -> int:
        """Return a time of the session's day, in seconds after midnight, as ns UTC."""

    def time_of(self, clock: Clock) -> int:
        """Return a time of the session as ns UTC."""

    def width(self, line: int) -> int:
        """Return the width of a line's bars, in ns."""

    def bars_of(self, line: int) -> int:
        """Return how many bars of a line have closed."""

    def live(self, line: int, name: str) -> float:
        """Return a live figure of a line's instrument: ltp, bid, ask, oi, volume; NaN where unknown."""

    def live_of(self, position: Position, name: str) -> float:
        """Return a live figure of what a position holds."""

    def forming(self, line: int, name: str) -> float:
        """Return a field of the bar that forms, NaN before its first tick."""

    def forming_indicator(self, line: int, key: str, output: str) -> float:
        """Return an indicator's value with the bar that forms as the last."""

    def session_pnl(self) -> Decimal:
        """Return the session's profit and loss, realized and unrealized, after charges."""

    def unsettled(self) -> frozenset[int]:
        """Return the lines of which a bar is over and not settled."""


@dataclass(slots=True, eq=False)
class Run:
    """One entry at work: from its first order until its legs are flat.

    `outer` is the run it was armed in; `again` says that it is a re-entry's.
    """

    entry: EntryNode
    outer: Run | None
    again: bool = False
    filled: bool = False
    alive: bool = True


@dataclass(slots=True, eq=False)
class StrategyRuntime:
    """One strategy in a session.

    `instant` numbers the evaluations; `bar` and `reporting` say what kind this is, `event` whose price it brings,
    `pulse` which pulse from outside. `eager` says that some node waits for the next market event, `starting` that only
    the start does, for one of its own instrument. `kept` is what signals stored when they fired, `variables` are the
    strategy's own, `openings` the session's positions by slot, `guards` where they are closed by their price alone.
    """

    plan: Plan
    desk: Desk
    sight: Sight
    lists: Mapping[Operand, list[float]]
    tick_size: float
    close_incomplete: bool = False
    on_trace: Callable[[TraceRecord], None] | None = None
    history: Mapping[tuple[int, str], list[float]] = field(default_factory=dict)

    id: str = field(init=False)
    nodes: dict[str, Node] = field(init=False)
    armed: list[Node] = field(init=False, default_factory=list)
    instant: int = field(init=False, default=0)
    bar: bool = field(init=False, default=False)
    reporting: bool = field(init=False, default=False)
    eager: bool = field(init=False, default=False)
    starting: bool = field(init=False, default=False)
    ended: bool = field(init=False, default=True)
    squared_off: bool = field(init=False, default=False)
    filled_now: Decimal = field(init=False, default=ZERO)
    runs: list[Run] = field(init=False, default_factory=list)
    budget: dict[tuple[str, int], int] = field(init=False, default_factory=dict)
    trace: deque[TraceRecord] = field(init=False)
    records: int = field(init=False, default=0)
    event: str = field(init=False, default="")
    pulse: str = field(init=False, default="")
    granting: bool = field(init=False, default=False)
    kept: dict[tuple[str, str], Value] = field(init=False, default_factory=dict)
    variables: dict[str, Value] = field(init=False, default_factory=dict)
    openings: dict[str, list[Opening]] = field(init=False, default_factory=dict)
    guards: dict[str, Guard] = field(init=False, default_factory=dict)
    reading: Reading = field(init=False)
    _guarding: dict[tuple[str, str], ExitNode] = field(init=False, default_factory=dict)
    _tracks: bool = field(init=False)
    _entry_of: dict[str, EntryNode] = field(init=False)
    _exits: list[ExitNode] = field(init=False)
    _square_off: ExitNode = field(init=False)
    _flatten: ExitNode = field(init=False)
    _strays: ExitNode = field(init=False)
    _closing: ExitNode | None = field(init=False, default=None)
    _incomplete: dict[str, ExitNode] = field(init=False)
    _opened: dict[str, int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Build the running nodes."""
        document = self.plan.document
        self.id = document.id
        self.trace = deque(maxlen=TRACE_MAX)
        legs = document.legs
        self.reading = Reading(self, self.history)
        bound = bind(self.plan, self.lists, self.tick_size, self.reading.of)
        self.nodes = {spec.id: self._node(spec, bound) for spec in document.nodes}
        entries = [n for n in self.nodes.values() if isinstance(n, EntryNode)]
        self._square_off = self._own_exit(SQUARE_OFF, document.squared_off)
        self._flatten = self._own_exit(FLATTEN, tuple(leg.vpi for leg in legs))
        self._strays = self._own_exit(STRAYS, ())
        self._incomplete = {entry.id: self._own_exit(f"{entry.id}:incomplete", entry.vpis) for entry in entries}
        self._guard_slots()
        self._entry_of = {vpi: entry for entry in entries for vpi in entry.vpis}
        self._exits = [n for n in self.nodes.values() if isinstance(n, ExitNode)]

    def _node(self, spec: Spec, bound: Mapping[str, Bound]) -> Node:  # noqa: PLR0911 - one line a kind
        """Return the running node of a drawn one."""
        match spec:
            case Signal():
                return SignalNode(spec, self.plan, bound[spec.id])
            case Entry():
                return EntryNode(spec, self.plan)
            case Exit():
                return ExitNode(spec, self.plan, tuple(leg.vpi for leg in self.plan.document.legs if spec.covers(leg)))
            case AlertSpec():
                return AlertNode(spec, self.plan)
            case Modify():
                return ModifyNode(spec, self.plan)
            case SquareOff():
                return SquareOffNode(spec, self.plan)
            case End():
                return EndNode(spec, self.plan)
            case _:
                return StartNode(spec, self.plan)

    def _guard_slots(self) -> None:
        """Give square-offs and guarded slots exits of their own."""
        document = self.plan.document
        legs = document.legs
        for ending in [n for n in self.nodes.values() if isinstance(n, SquareOffNode) and n.spec.closes]:
            ending.closing = self._own_exit(f"{ending.id}:close", tuple(leg.vpi for leg in legs))
        modified = {spec.vpi for spec in document.nodes if isinstance(spec, Modify)}
        trailed = {operand.vpi for operand in document.operands() if isinstance(operand, Trailing)}
        for leg in legs:
            if leg.protection != Protection() or leg.vpi in modified | trailed:
                self.guards[leg.vpi] = Guard(leg.protection)
                for what in ("stop", "target", "trail"):
                    self._guarding[leg.vpi, what] = self._own_exit(f"{leg.vpi}:{what}", (leg.vpi,))
        self._tracks = document.live or any(isinstance(o, PositionValue | Pnl) for o in document.operands())

    def _own_exit(self, name: str, vpis: tuple[str, ...]) -> ExitNode:
        """Add an exit that nobody drew."""
        while name in self.nodes:
            name += "_"
        node = self.nodes[name] = ExitNode(square_off(name), self.plan, vpis)
        return node

    # --- what the nodes ask ----------------------------------------------------------------------------------

    def slot(self, vpi: str) -> Slot:
        """Return the slot of a vpi."""
        return self.desk.slots[vpi]

    def opened_at(self, vpi: str) -> int:
        """Return the instant at which the slot's entry was last submitted."""
        return self._opened.get(vpi, 0)

    def arm(self, node: Node, scope: Run | None, parent: int, *, by_start: bool = False) -> None:
        """Arm an idle node; an armed or working one is left as it is."""
        if node.state is State.IDLE:
            node.state, node.scope, node.parent = State.ARMED, scope, parent
            node.on_armed(self, by_start=by_start)
            insort(self.armed, node, key=_KEY)
            self.eager = self.eager or node.eager

    def arm_children(self, node: Node, scope: Run | None, *, by_start: bool = False) -> None:
        """Arm every child of a node into a scope."""
        for child in node.children:
            self.arm(self.nodes[child], scope, node.parent, by_start=by_start)

    def disarm(self, node: Node) -> None:
        """Make a node idle."""
        if node.state is State.ARMED:
            self.armed.remove(node)
        if node.state is not State.IDLE:
            node.state = State.IDLE
            node.on_disarmed(self)

    def work(self, node: Node) -> None:
        """Turn an armed node into a working one."""
        if node.state is State.ARMED:
            self.armed.remove(node)
        node.state = State.WORKING

    def entry_warm_up(self, node: SignalNode) -> str:
        """Return the gate a hole in the data is for a condition on the entry side; empty where there is none."""
        if node.id in self.plan.entry_side and self.desk.gap_within(1 + self.plan.entry_side[node.id]):
            return "gap"
        return ""

    def consume(self, entry: EntryNode) -> bool:
        """Take the entry's re-entry grant and count it against its group's budget; return whether it had one."""
        if entry.grant is None:
            return False
        key = (entry.id, entry.grant)
        self.budget[key] = self.budget.get(key, 0) + 1
        entry.grant = None
        return True

    def grant(self, entry: str, group: int) -> None:
        """Let an entry run again, at the cost of a group's budget."""
        node = self.nodes[entry]
        if isinstance(node, EntryNode):
            node.grant = group

    def used(self, entry: str, group: int) -> int:
        """Return how many re-entries of an entry's group there were in this session."""
        return self.budget.get((entry, group), 0)

    @property
    def time(self) -> int:
        """The time of the instant: of a bar its end, else market time."""
        return self.sight.bar_end if self.bar else self.desk.now

    def begin_run(self, entry: EntryNode, scope: Run | None, *, again: bool) -> Run:
        """Begin a run; signals of exits that hang on start and have fired are armed again, from the next instant."""
        run = Run(entry, scope, again)
        self.runs.append(run)
        for vpi in entry.vpis:
            self._opened[vpi] = self.instant
        for outer in entry.outer_exits:
            if all(self.nodes[i].state is State.IDLE for i in outer.path):
                for first in outer.first:
                    self.arm(self.nodes[first], None, entry.parent, by_start=True)
                    self.nodes[first].ran = self.instant
        return run

    def record(self, node: Node, *, gate: str = "", **data: Any) -> int:
        """Leave a trace record and return its number."""
        self.records += 1
        seen: list[Leaf] = []
        if isinstance(node, SignalNode):
            Evaluator(self.reading.value, self.tick_size, seen, node.before).group(node.condition)
        record = TraceRecord(
            self.records, self.desk.now, self.id, node.id, str(node.kind), node.parent, gate, tuple(seen), data
        )
        self.trace.append(record)
        if self.on_trace is not None:
            self.on_trace(record)
        return self.records

    def operands_of(self, number: int) -> dict[str, Value]:
        """Return the operands a firing signal saw, by the names of the generated code."""
        for record in reversed(self.trace):
            if record.number == number:
                named: dict[str, Value] = {}
                for leaf in record.leaves:
                    for operand, value in zip((leaf.condition.left, *leaf.condition.right), leaf.values, strict=True):
                        if isinstance(operand, Constant) or not isinstance(value, float):
                            continue
                        if operand in self.plan.columns and isinstance(operand, Column):
                            named[self.plan.columns[operand] + (f"[-{operand.back}]" if operand.back else "")] = value
                        else:
                            named[self.plan.asked.get(operand) or operand_in_words(operand, self.plan.document)] = value
                return named
            if record.number < number:
                break
        return {}

    # --- what the engine tells -------------------------------------------------------------------------------

    def begin_session(self) -> bool:
        """A session opens: start afresh if flat with nothing working, else go on as before; return which."""
        self.squared_off = False
        self._closing = None
        self.sight.begin_session()
        if not self.idle:
            for node in self.armed:
                node.on_session(self)
            return False
        self.armed.clear()
        self._strays.vpis = ()
        self.runs.clear()
        self.budget.clear()
        self._opened.clear()
        self.kept.clear()
        self.openings.clear()
        self.variables = dict(self.plan.document.variables)
        for node in self.nodes.values():
            node.begin_session()
        self.ended = False
        self.arm(self.nodes[self.plan.document.start.id], None, 0)
        self.eager = self.starting = True
        self.desk.attend()
        return True

    @property
    def idle(self) -> bool:
        """Whether the strategy is flat with nothing working."""
        return all(slot.flat and not slot.closing for slot in self.desk.slots.values())

    def inherit(self, before: StrategyRuntime) -> None:
        """Take over the session counters of the strategy whose place this one takes, by node id."""
        self.budget = dict(before.budget)
        for name, node in self.nodes.items():
            twin = before.nodes.get(name)
            if isinstance(node, EntryNode) and isinstance(twin, EntryNode):
                node.inherit(twin)

    def on_bar(self) -> None:
        """The bars this strategy reads have settled: a bar evaluation."""
        self.instant += 1
        self.bar = True
        self.reporting = False
        if not self.eager:
            for node in self.armed:
                if node.stirs():
                    break
            else:
                return
        self._pass()

    def on_market(self, instrument: str) -> None:
        """A market event of an instrument, and something waits for one."""
        self.instant += 1
        self.bar = self.reporting = False
        self.event = instrument
        if self.guards:
            self._watch_levels(instrument)
        self._pass()
        self.event = ""

    def on_pulse(self, pulse: str) -> None:
        """A pulse from outside; it is true at this instant only."""
        self.instant += 1
        self.bar = self.reporting = False
        self.pulse = pulse
        for node in tuple(self.armed):
            if isinstance(node, SignalNode) and pulse in node.pulses:
                node.due = True
        self._pass()
        self.pulse = ""

    def on_report(self, order: Order, filled: Decimal) -> None:
        """An order moved; the books are up to date already. `filled` is what this report filled, in units."""
        self.instant += 1
        self.bar, self.reporting = False, True
        self.filled_now = filled
        if filled and self._tracks:
            self._follow(order)
        node = self.nodes.get(order.node)
        if node is not None:
            node.on_report(self, order)
        for exit_ in self._exits:
            exit_.advance(self)
        self.settle()
        if self._closing is not None and any(self.slot(vpi).free > 0 for vpi in self._closing.vpis):
            self.arm(self._closing, None, 0)
        self._close_strays()
        self._pass()

    def on_outside(self, vpi: str) -> None:
        """A position shrank by no order that works: one that is closed has no exits to wait for any more."""
        self.instant += 1
        self.bar, self.reporting = False, True
        if self.slot(vpi).flat:
            for exit_ in self._exits:
                exit_.release(self, vpi)
        self.settle()
        self._pass()

    def on_stray(self, vpi: str) -> None:
        """More filled than was asked for, and lies in a slot of its own: close it at once."""
        self.instant += 1
        self.bar, self.reporting = False, True
        self._strays.vpis = (*(v for v in self._strays.vpis if v in self.desk.slots and v != vpi), vpi)
        self._close_strays()
        self._pass()

    def _close_strays(self) -> None:
        if any(self.slot(vpi).free > 0 for vpi in self._strays.vpis):
            self.arm(self._strays, None, 0)

    def on_wake(self, node: str) -> None:
        """A deadline of a node has come."""
        self.instant += 1
        self.bar = self.reporting = False
        exit_ = self.nodes.get(node)  # a predecessor's node, perhaps
        if isinstance(exit_, ExitNode | SignalNode):
            exit_.on_wake(self)
        self.settle()
        self._pass()

    def on_square_off(self) -> None:
        """Close out before the session's end: no entry of these slots from here on; cancel, close, follow late fills.

        An intraday strategy ends with it for the session; of a mixed one, only the intraday legs are closed.
        """
        self.squared_off = True
        self._close_out(self._square_off, ends=self.plan.document.intraday)

    def on_flatten(self) -> None:
        """A person closes the strategy out: it ends for the session."""
        self._close_out(self._flatten, ends=True)

    def _close_out(self, closing: ExitNode, *, ends: bool) -> None:
        self.instant += 1
        self.bar = self.reporting = False
        self._begin_closing(closing, closing.vpis, ends=ends)
        self._pass()

    def end(self, closing: ExitNode | None) -> None:
        """End the strategy for the session, as the drawing says; without `closing` what is open stays open."""
        self._begin_closing(closing, tuple(self.desk.slots), ends=True)

    def _begin_closing(self, closing: ExitNode | None, vpis: tuple[str, ...], *, ends: bool) -> None:
        self._closing = closing
        for order in self.desk.working(vpis, Purpose.ENTRY):
            if not order.cancelling:
                self.desk.cancel(order)
        if ends:
            self._end()
        if closing is not None and any(not self.slot(vpi).flat for vpi in closing.vpis):
            self.arm(closing, None, 0)

    def _end(self) -> None:
        """End the strategy for the session; market exits on their way go on, nothing can close faster."""
        self.ended = True
        for node in self.nodes.values():
            if not (isinstance(node, ExitNode) and node.closing_at_market):
                self.disarm(node)
        for run in self.runs:
            run.alive = False
        self.runs.clear()

    # --- inside ----------------------------------------------------------------------------------------------

    def _pass(self) -> None:
        """Step the armed nodes in order until none is left that has not run at this instant."""
        instant, armed = self.instant, self.armed
        changed = self.eager
        i = 0
        while i < len(armed):
            node = armed[i]
            if node.ran == instant:
                i += 1
                continue
            node.ran = instant
            if node.step(self):
                changed = True
                i = 0
            else:
                i += 1
        if changed:
            self._watch()

    def _watch(self) -> None:
        """See again whether every market event is wanted: a node waits for one, or an open position is guarded."""
        waiting = [node for node in self.armed if node.eager]
        guarded = any(self.desk.slots[vpi].open for vpi in self.guards)
        self.eager = bool(waiting) or guarded
        self.starting = self.eager and not guarded and all(node.kind is Kind.START for node in waiting)
        self.desk.attend()

    # --- positions -------------------------------------------------------------------------------------------

    def guard(self, vpi: str, change: Protection) -> None:
        """Change where a position is closed by its price."""
        self.guards[vpi].modify(change, self.sight.live(0, "ltp"))
        self._watch()

    def _follow(self, order: Order) -> None:
        """Note what a fill opened or closed, and at which price of the underlying."""
        position, openings = self.slot(order.vpi).position, self.openings.setdefault(order.vpi, [])
        underlying = self.sight.live(0, "ltp")
        if position is not None and (not openings or openings[-1].position is not position):
            openings.append(Opening(position, underlying))
            if order.vpi in self.guards:
                self.guards[order.vpi].begin(underlying)
        elif position is None and openings:
            openings[-1].underlying_at_exit = underlying
        if self.guards:
            self._watch()

    def _watch_levels(self, instrument: str) -> None:
        """Arm the exit of each level that this price of an instrument meets."""
        underlying = self.sight.live(0, "ltp")
        for vpi, guard in self.guards.items():
            position = self.slot(vpi).position
            if position is None or not position.quantity:
                continue
            trail = guard.now.trail
            if instrument != position.instrument.id and not (trail is not None and trail.underlying):
                continue
            price = self.sight.live_of(position, "ltp")
            met = guard.met(position, price, underlying) if price == price else ""  # noqa: PLR0124 - NaN is the unknown
            if met:
                self.arm(self._guarding[vpi, met], None, 0)

    def settle(self) -> None:
        """End the runs that are over, then let exits that closed what they were asked to arm their children."""
        for run in [r for r in self.runs if self._over(r)]:
            self._end_run(run)
        for exit_ in self._exits:
            if exit_.done:
                scope = exit_.scope
                while scope is not None and not scope.alive:
                    scope = scope.outer
                self.disarm(exit_)
                if not self.ended:
                    self.arm_children(exit_, scope)

    def _over(self, run: Run) -> bool:
        return run.entry.state is not State.WORKING and all(self.slot(v).flat for v in run.entry.vpis)

    def _end_run(self, run: Run) -> None:
        run.alive = False
        self.runs.remove(run)
        closers = [x for x in self._exits if x.done and any(v in x.asked for v in run.entry.vpis)]
        for node in self.nodes.values():
            if node.scope is run and node not in closers:
                node.scope = None
                if not (isinstance(node, EntryNode) and node.state is State.WORKING):  # that one has a run of its own
                    self.disarm(node)
        for exit_ in closers:
            self._grant(run, exit_)

    def _grant(self, run: Run, exit_: ExitNode) -> None:
        """Let the entry run again, if the exit says so and the group's budget is not used up."""
        re_entry = exit_.spec.re_entry
        if re_entry is None or self.ended:
            return
        used = self.budget.get((run.entry.id, re_entry.group), 0)
        if re_entry.limit is not None and used >= re_entry.limit:
            self.record(exit_, gate="budget")
            return
        number = self.record(exit_, re_entry_triggered=True)
        run.entry.grant = re_entry.group
        outer = run.outer if run.outer is not None and run.outer.alive else None
        self.granting = True
        for first in self.plan.first_signals[run.entry.id]:
            self.arm(self.nodes[first], outer, number)
        self.granting = False

    def view(self, market_data: dict[str, float | int | Bar | None], alerts: tuple[Alert, ...]) -> StrategyView:
        """Return a picture of the strategy now."""
        indicators: dict[str, dict[str, float | None]] = {}
        for operand, values in self.lists.items():
            if isinstance(operand, IndicatorValue):
                last = values[-1]
                indicators.setdefault(operand.key, {})[operand.output] = last if isfinite(last) else None
        positions = tuple(s.position for s in self.desk.slots.values() if s.position is not None)
        states = {i: str(n.state) for i, n in self.nodes.items() if i in self.plan.nodes}
        return StrategyView(self.id, self.desk.now, market_data, indicators, positions, alerts, states)

    def on_incomplete(self, entry: EntryNode) -> None:
        """An entry stayed incomplete: close what filled, where the settings say so."""
        if self.close_incomplete:
            self.arm(self._incomplete[entry.id], None, entry.parent)
