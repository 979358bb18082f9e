"""The graph, prepared: ranks, children, paths, and the conditions as Python source.

Computed once when a document is loaded, from the canonical document alone. It holds no state of a run, so
one plan serves every session, and `tradingd explain --code` prints exactly what will be executed.
"""

from __future__ import annotations

import graphlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tradingd.core.graph.conditions import look_back
from tradingd.core.graph.document import AlertNode, Document, Entry, Exit, Kind, Node, Signal, reads
from tradingd.core.graph.expressions import (
    Candle,
    CandleAt,
    CandleRange,
    Column,
    CurrentTime,
    ExternalTrigger,
    IndicatorValue,
    Live,
    Pnl,
    PositionValue,
    Trailing,
    comparisons,
    forming,
    live,
    walk,
)
from tradingd.core.graph.source import Text, names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tradingd.core.graph.expressions import Operand
    from tradingd.core.graph.source import Functions

KIND_ORDER = {
    Kind.START: 0, Kind.SQUARE_OFF: 1, Kind.EXIT: 2, Kind.MODIFY: 3, Kind.SIGNAL: 4, Kind.ENTRY: 5, Kind.ALERT: 6,
    Kind.END: 7,
}  # fmt: skip
"""Which of two nodes of one rank goes first; an end of everything goes before all ranks."""

_BOUNDARY = (Kind.START, Kind.ENTRY, Kind.EXIT)


@dataclass(frozen=True, slots=True)
class OuterExit:
    """A way from start to an exit that passes no entry or exit: its first signals, and all nodes on it."""

    exit: str
    first: tuple[str, ...]
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LiveReads:
    """Whose prices a signal is looked at with: instruments by id, and what slots hold; `lines` it reads bars of."""

    instruments: frozenset[str]
    slots: tuple[str, ...]
    lines: frozenset[int]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the runtime needs to know of a document besides the nodes themselves.

    `key` orders nodes within an instant: rank (longest path from start), kind, id. `first_signals` gives, for
    an entry, the signals a re-entry arms again; `outer_exits` the exits of its slots that hang on start, whose
    signals are armed again when the entry opens something. `repeating` signals lead to alerts only; `entry_side`
    signals lead to an entry, with the bars before the last that their conditions read. `columns` names the list of
    each operand that reads closed bars, `asked` the function of each that is asked for at the moment.
    """

    document: Document
    nodes: Mapping[str, Node]
    key: Mapping[str, tuple[int, int, str]]
    children: Mapping[str, tuple[str, ...]]
    first_signals: Mapping[str, tuple[str, ...]]
    outer_exits: Mapping[str, tuple[OuterExit, ...]]
    repeating: frozenset[str]
    entry_side: Mapping[str, int]
    look_back: Mapping[Column, int]
    columns: Mapping[Operand, str]
    asked: Mapping[Operand, str]
    functions: Mapping[str, Functions]
    live: Mapping[str, LiveReads]
    clocks: Mapping[str, tuple[Operand, ...]]
    pulses: Mapping[str, frozenset[str]]
    searched: Mapping[int, frozenset[str]]
    source: str = field(repr=False)

    @property
    def moving(self) -> bool:
        """Whether something is to be looked at between bars, so that a way through a bar is assumed where bars come."""
        return self.document.live

    @property
    def quoting(self) -> bool:
        """Whether more of a tick is read than its price, or the bar that forms."""
        quotes = any(isinstance(o, Live) and o.field != "ltp" for o in self.asked)
        return quotes or any(map(forming, self.asked))

    def needs(self, line: int) -> list[tuple[Column, int]]:
        """Return the columns of a line that must be declared, with how far back each is read."""
        closed = [(o, back) for o, back in self.look_back.items() if o.line == line]
        return closed + [(o, 0) for o in self.asked if isinstance(o, Column) and o.line == line]


def plan(document: Document) -> Plan:
    """Prepare a verified document.

    Raises:
        graphlib.CycleError: the edges have a cycle; a verified document has none.
    """
    nodes = {n.id: n for n in document.nodes}
    parents: dict[str, list[str]] = {i: [] for i in nodes}
    back = document.way_back
    for source, target in document.edges:
        if source not in parents[target] and (source, target) not in back:
            parents[target].append(source)
    order = tuple(graphlib.TopologicalSorter(parents).static_order())
    rank: dict[str, int] = {}
    for i in order:
        rank[i] = max((rank[p] + 1 for p in parents[i]), default=0)
    first = {i: -1 if nodes[i].kind is Kind.SQUARE_OFF else rank[i] for i in nodes}
    key = {i: (first[i], KIND_ORDER[nodes[i].kind], i) for i in nodes}
    armed_by = {i: {*parents[i], *(source for source, target in back if target == i)} for i in nodes}
    children = {i: tuple(sorted((c for c in nodes if i in armed_by[c]), key=key.__getitem__)) for i in nodes}
    paths = _Paths(nodes, parents, key)
    signals = [n for n in sorted(document.nodes, key=lambda n: key[n.id]) if isinstance(n, Signal)]
    reach = look_back(
        (g for n in signals for g in n.groups), (operand for signal in signals for operand in reads(signal))
    )
    columns, asked = names(document, reach)
    repeating = frozenset(n.id for n in signals if _repeats(n.id, nodes, parents, children))
    guards = frozenset(n.id for n in signals if paths.leads_to(n.id, Kind.EXIT))
    text = Text({**columns, **asked})
    functions = {
        n.id: text.add(number, n, tracks=n.id in repeating, guard=n.id in guards) for number, n in enumerate(signals, 1)
    }
    entries = [n for n in document.nodes if isinstance(n, Entry)]
    return Plan(
        document=document,
        nodes=nodes,
        key=key,
        children=children,
        first_signals={e.id: paths.first_signals(e.id, _BOUNDARY) for e in entries},
        outer_exits={e.id: paths.outer_exits(e) for e in entries},
        repeating=repeating,
        entry_side={
            n.id: max(look_back(n.groups).values(), default=0) for n in signals if paths.leads_to(n.id, Kind.ENTRY)
        },
        look_back=reach,
        columns=columns,
        asked=asked,
        functions=functions,
        live={n.id: found for n in signals if (found := _live_reads(n, document)) is not None},
        clocks={n.id: times for n in signals if (times := _clocks(n))},
        pulses={n.id: frozenset(o.pulse for o in _leaves(n) if isinstance(o, ExternalTrigger)) for n in signals},
        searched=_searched(document),
        source="\n".join(text.lines),
    )


def _leaves(signal: Signal) -> Iterator[Operand]:
    for group in signal.groups:
        for condition in comparisons(group):
            for operand in (condition.left, *condition.right):
                yield from walk(operand)


def _live_reads(signal: Signal, document: Document) -> LiveReads | None:
    """Return whose prices a signal is looked at with, none where bars are enough."""
    leaves = list(_leaves(signal))
    if not any(map(live, leaves)):
        return None
    instruments: dict[str, None] = {}
    slots: dict[str, None] = {}
    for leaf in leaves:
        match leaf:
            case Live(_, line, ""):
                instruments[document.lines[line].instrument] = None
            case Pnl(_, vpi, underlying):
                slots |= dict.fromkeys([vpi] if vpi else [leg.vpi for leg in document.legs])
                if underlying:
                    instruments[document.lines[0].instrument] = None
            case Live(_, _, vpi) | PositionValue(vpi, _) | Trailing(vpi):
                slots[vpi] = None
            case IndicatorValue() | Candle() if forming(leaf):
                instruments[document.lines[leaf.line].instrument] = None
    lines = frozenset(leaf.line for leaf in leaves if isinstance(leaf, Column | CandleAt | CandleRange))
    return LiveReads(frozenset(instruments), tuple(slots), lines)


def _clocks(signal: Signal) -> tuple[Operand, ...]:
    """Return what a signal compares the time with."""
    found: dict[Operand, None] = {}
    for group in signal.groups:
        for condition in comparisons(group):
            sides = (condition.left, *condition.right)
            if any(isinstance(side, CurrentTime) for side in sides):
                found |= dict.fromkeys(s for s in sides if not any(isinstance(o, CurrentTime) for o in walk(s)))
    return tuple(found)


def _searched(document: Document) -> dict[int, frozenset[str]]:
    """Return the fields of each line that are searched by time."""
    fields: dict[int, set[str]] = {}
    for operand in document.operands():
        if isinstance(operand, CandleAt | CandleRange):
            fields.setdefault(operand.line, {"ts_open"}).add(operand.field)
    return {line: frozenset(names) for line, names in sorted(fields.items())}


class _Paths:
    """Walks the graph backwards."""

    def __init__(
        self, nodes: Mapping[str, Node], parents: Mapping[str, list[str]], key: Mapping[str, tuple[int, int, str]]
    ) -> None:
        self._nodes, self._parents, self._key = nodes, parents, key

    def first_signals(self, target: str, boundary: tuple[Kind, ...]) -> tuple[str, ...]:
        """Return the first signal of every path that leads from a boundary node to the target."""
        between = self._between(target)
        found: set[str] = set()
        for i in between:
            if self._nodes[i].kind is Kind.SIGNAL and self._opens(i, between, boundary):
                found.add(i)
        return tuple(sorted(found, key=self._key.__getitem__))

    def outer_exits(self, entry: Entry) -> tuple[OuterExit, ...]:
        """Return the exits of the entry's slots that hang on start."""
        found = []
        for node in sorted(self._nodes.values(), key=lambda n: self._key[n.id]):
            if isinstance(node, Exit) and any(map(node.covers, entry.legs)):
                first = self.first_signals(node.id, (Kind.START,))
                if first:
                    found.append(OuterExit(node.id, first, (*sorted(self._between(node.id)), node.id)))
        return tuple(found)

    def leads_to(self, signal: str, kind: Kind) -> bool:
        """Whether a node of a kind can be reached from the signal without passing an entry or exit."""
        return any(signal in self._between(i) for i, n in self._nodes.items() if n.kind is kind)

    def _between(self, target: str) -> frozenset[str]:
        """Return the nodes that lead to the target without passing a boundary node."""
        seen: set[str] = set()
        waiting = list(self._parents[target])
        while waiting:
            i = waiting.pop()
            if i not in seen and self._nodes[i].kind not in _BOUNDARY:
                seen.add(i)
                waiting.extend(self._parents[i])
        return frozenset(seen)

    def _opens(self, signal: str, between: frozenset[str], boundary: tuple[Kind, ...]) -> bool:
        """Whether some path reaches the signal from a boundary node with no signal before it."""
        for parent in self._parents[signal]:
            kind = self._nodes[parent].kind
            if kind in boundary:
                return True
            if kind is not Kind.SIGNAL and parent in between and self._opens(parent, between, boundary):
                return True
        return False


def _repeats(
    signal: str, nodes: Mapping[str, Node], parents: Mapping[str, list[str]], children: Mapping[str, tuple[str, ...]]
) -> bool:
    below: set[str] = set()
    waiting = list(children[signal])
    while waiting:
        i = waiting.pop()
        if i not in below:
            below.add(i)
            waiting.extend(children[i])
    kinds = {nodes[i].kind for i in below}
    first = any(nodes[p].kind is not Kind.SIGNAL for p in parents[signal])
    return (
        first and kinds <= {Kind.SIGNAL, Kind.ALERT, Kind.END} and any(isinstance(nodes[i], AlertNode) for i in below)
    )
