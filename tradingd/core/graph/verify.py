"""The graph as a whole: what its parts, each sound by itself, cannot be together.

Every check is a function that yields findings; all run, so that a person hears of everything at once, and what
merely follows from another finding is not told twice. An error is what could not run or would cost money
against the drawing; a warning is what a person would want to know; an info is a fact about the strategy.
"""

from __future__ import annotations

import graphlib
from collections import defaultdict
from difflib import get_close_matches
from typing import TYPE_CHECKING

from tradingd.core.graph.conditions import look_back
from tradingd.core.graph.contradictions import judge
from tradingd.core.graph.document import Document, Entry, Exit, ExitQuantity, Kind, Signal, reads
from tradingd.core.graph.draft import Draft, Unread
from tradingd.core.graph.expressions import Candle, CurrentTime, IndicatorValue, forming, live, walk
from tradingd.model.errors import Finding, Severity
from tradingd.model.instrument import InstrumentKind
from tradingd.model.market import DAY
from tradingd.model.trading import Product

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from decimal import Decimal

    from tradingd.core.graph.document import Leg, Node
    from tradingd.core.graph.draft import Pointers
    from tradingd.model.indicator import IndicatorSpec

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


def verify(document: Document, pointers: Pointers, catalog: Mapping[str, IndicatorSpec]) -> list[Finding]:
    """Return every finding about a document whose parts are sound; without pointers they name nodes only."""
    draft = Draft(document.nodes, document.edges, document, edges_read=True, pointers=pointers)
    findings = examine(draft)
    return findings if any(f.severity is ERROR for f in findings) else [*findings, *facts(draft, document, catalog)]


def examine(draft: Draft) -> list[Finding]:
    """Return what is wrong with what could be read of a document."""
    graph = Graph(draft)
    findings = [*_nodes(draft), *_edges(draft, graph), *_cycles(draft, graph), *_unreachable(draft, graph)]
    variables = {(n.id, name): kept for n in draft.nodes if isinstance(n, Signal) for name, kept in n.variables}
    for i, node in enumerate(draft.nodes):
        if isinstance(node, Signal):
            findings += judge(draft, i, node, variables)
    findings += [*_slots(draft), *_targets(draft), *_closing(draft, graph), *_re_entries(draft, graph)]
    if draft.document is not None:
        findings += _session(draft, draft.document)
    return findings


def facts(draft: Draft, document: Document, catalog: Mapping[str, IndicatorSpec]) -> Iterator[Finding]:
    """Yield what a strategy reads, needs and may send: `document` is the draft's, and without errors."""
    bars = [0] * len(document.lines)
    for i, node in enumerate(draft.nodes):
        if not isinstance(node, Signal):
            continue
        for operand, back in look_back(node.groups, reads(node)).items():
            first = 0
            if isinstance(operand, IndicatorValue):
                decl = dict(document.lines[operand.line].indicators)[operand.key]
                first = catalog[decl.name].warm_up(decl)
            bars[operand.line] = max(bars[operand.line], first + back + 1)
        yield Finding(INFO, "reads", draft.at("nodes", i), _told(node, document), node.id)
    for line, count in zip(document.lines, bars, strict=True):
        message = f"the strategy needs {count} closed {line.timeframe} bars before every condition is known"
        yield Finding(INFO, "warm-up", draft.at("timeframe"), message, document.start.id)
    orders = sum(_orders(draft, leg) for *_, leg in _legs(draft))
    yield Finding(INFO, "orders-per-instant", "", f"the strategy sends at most {orders} orders at one instant")


def _told(node: Signal, document: Document) -> str:
    """Say what a signal reads, and how often it is looked at for that."""
    columns: dict[int, dict[str, None]] = {}
    moving: dict[str, None] = {}
    for operand in dict.fromkeys(leaf for read in reads(node) for leaf in walk(read)):
        if isinstance(operand, Candle | IndicatorValue) and not forming(operand):
            name = operand.field if isinstance(operand, Candle) else operand.key
            columns.setdefault(operand.line, {})[name] = None
        elif live(operand):
            moving["the forming bar" if forming(operand) else "prices and positions as they are"] = None
        elif isinstance(operand, CurrentTime):
            moving["the time"] = None
    parts = [f"{', '.join(names)} of closed {document.lines[line].timeframe} bars" for line, names in columns.items()]
    closed, others = " and ".join(parts) or "no closed bar", " and ".join(moving) or "no forming bar, no live price"
    return f"{node.id} reads {closed}; {others}"


class Graph:
    """The drawing as neighbours by node id; edges that lead nowhere, to themselves or into start are left out.

    `back` are the edges of re-entry signals to entries: they are no part of the order, so no neighbours either.

    `complete` says that no edge was lost for want of an end.
    """

    def __init__(self, draft: Draft) -> None:
        self.index: dict[str, int] = {}
        for i, node in enumerate(draft.nodes):
            self.index.setdefault(node.id, i)
        self.kinds = {name: draft.nodes[i].kind for name, i in self.index.items()}
        self.children: dict[str, list[str]] = {name: [] for name in self.index}
        self.parents: dict[str, list[str]] = {name: [] for name in self.index}
        self.complete = draft.edges_read and "" not in self.index
        self.back: set[tuple[str, str]] = set()
        for source, target in dict.fromkeys(draft.edges):
            if source not in self.index or target not in self.index:
                self.complete = False
            elif _returns(draft.nodes[self.index[source]]) and self.kinds[target] is Kind.ENTRY:
                self.back.add((source, target))
            elif source != target and self.kinds[target] is not Kind.START:
                self.children[source].append(target)
                self.parents[target].append(source)

    def below(self, sources: Iterable[str]) -> set[str]:
        """Return the sources and everything that they lead to."""
        return _spread(sources, self.children)

    def above(self, name: str) -> set[str]:
        """Return the node and everything that leads to it."""
        return _spread([name], self.parents)

    def entries_before(self, name: str) -> set[str]:
        """Return the nearest entries on the paths to a node: those whose run it can belong to."""
        bounded = {n: [] if self.kinds[n] is Kind.ENTRY else parents for n, parents in self.parents.items()}
        return {n for n in _spread(self.parents[name], bounded) if self.kinds[n] is Kind.ENTRY}


def _returns(node: Node | Unread) -> bool:
    return node.returns if isinstance(node, Unread) else isinstance(node, Signal) and node.re_entry is not None


def ranks(names: Iterable[str], edges: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Return each node's rank, the longest path from a node that nothing leads to, lower ranks first.

    Raises:
        graphlib.CycleError: the edges have a cycle.
    """
    parents: dict[str, list[str]] = {name: [] for name in names}
    for source, target in edges:
        parents[target].append(source)
    rank: dict[str, int] = {}
    for name in graphlib.TopologicalSorter(parents).static_order():
        rank[name] = max((rank[parent] + 1 for parent in parents[name]), default=0)
    return dict(sorted(rank.items(), key=lambda item: item[1]))


def _spread(sources: Iterable[str], neighbours: Mapping[str, list[str]]) -> set[str]:
    seen = set(sources)
    waiting = list(seen)
    while waiting:
        new = [name for name in neighbours[waiting.pop()] if name not in seen]
        seen.update(new)
        waiting += new
    return seen


def _near(word: str, known: Iterable[str]) -> str:
    return next(iter(get_close_matches(word, list(known), n=1, cutoff=0.5)), "")


# --- the drawing ---------------------------------------------------------------------------------------------


def _nodes(draft: Draft) -> Iterator[Finding]:
    seen: set[str] = set()
    starts = [(i, node) for i, node in enumerate(draft.nodes) if node.kind is Kind.START]
    for i, node in enumerate(draft.nodes):
        if node.id and node.id in seen:
            message = f"node id {node.id} is used twice; ids are unique"
            yield Finding(ERROR, "duplicate-id", draft.at("nodes", i, "id"), message, node.id)
        seen.add(node.id)
    if not starts and all(node.kind is not None for node in draft.nodes):
        yield Finding(ERROR, "no-start", "/nodes", "there is no start node; a strategy begins at one")
    for i, node in starts[1:]:
        message = f"{node.id} is another start node beside {starts[0][1].id}; a strategy begins at one"
        yield Finding(ERROR, "several-starts", draft.at("nodes", i), message, node.id)


def _edges(draft: Draft, graph: Graph) -> Iterator[Finding]:
    nameless = "" in graph.index
    seen: set[tuple[str, str]] = set()
    for i, (source, target) in enumerate(draft.edges):
        where = draft.at("edges", i)
        for end, name in (("source", source), ("target", target)):
            if name not in graph.index and not nameless:
                message = f"edge {source} -> {target}: there is no node {name}"
                yield Finding(ERROR, "unknown-node", draft.at("edges", i, end), message, "", _near(name, graph.index))
        if source == target:
            yield Finding(ERROR, "self-loop", where, f"edge {source} -> {target} leads a node to itself", source)
        elif graph.kinds.get(target) is Kind.START:
            yield Finding(
                ERROR, "edge-into-start", where, f"edge {source} -> {target} leads into the start node", target
            )
        elif (source, target) in seen:
            message = f"edge {source} -> {target} is drawn twice; it counts once"
            yield Finding(WARNING, "duplicate-edge", where, message)
        seen.add((source, target))


def _cycles(draft: Draft, graph: Graph) -> Iterator[Finding]:
    """Print cycles, each beginning at its first node; cycles that share a node count as one."""
    parents = {name: list(above) for name, above in graph.parents.items()}
    while True:
        try:
            graphlib.TopologicalSorter(parents).prepare()
        except graphlib.CycleError as error:
            ring: list[str] = error.args[1][:-1]
        else:
            return
        first = ring.index(min(ring, key=graph.index.__getitem__))
        ring = ring[first:] + ring[:first]
        edge = draft.edges.index((ring[-1], ring[0]))
        message = f"the edges go round: {' -> '.join([*ring, ring[0]])}; remove one"
        yield Finding(ERROR, "cycle", draft.at("edges", edge), message, ring[0])
        for name in ring:
            parents[name] = []


def _unreachable(draft: Draft, graph: Graph) -> Iterator[Finding]:
    starts = [name for name, kind in graph.kinds.items() if kind is Kind.START]
    reached = graph.below(starts)
    for i, node in enumerate(draft.nodes):
        if starts and graph.complete and node.id not in reached and node.kind is not None:
            trades = node.kind in (Kind.ENTRY, Kind.EXIT)
            message = f"no path leads from the start node to {node.id}, so it never runs; connect or remove it"
            yield Finding(ERROR if trades else WARNING, "unreachable", draft.at("nodes", i), message, node.id)
        elif node.kind is Kind.SIGNAL and graph.complete and not graph.children[node.id]:
            message = f"{node.id} leads to nothing, so its firing does nothing"
            yield Finding(WARNING, "leads-nowhere", draft.at("nodes", i), message, node.id)


# --- positions -----------------------------------------------------------------------------------------------


def _legs(draft: Draft) -> Iterator[tuple[int, int, Entry, Leg]]:
    for i, node in enumerate(draft.nodes):
        if isinstance(node, Entry):
            yield from ((i, j, node, leg) for j, leg in enumerate(node.legs))


def _exits(draft: Draft) -> Iterator[tuple[int, Exit]]:
    for i, node in enumerate(draft.nodes):
        if isinstance(node, Exit):
            yield i, node


def _lost(draft: Draft, kind: Kind) -> bool:
    """Whether a node of the kind may be among those that could not be read."""
    return any(isinstance(node, Unread) and node.kind in (kind, None) for node in draft.nodes)


def _slots(draft: Draft) -> Iterator[Finding]:
    owners: dict[str, str] = {}
    for i, j, entry, leg in _legs(draft):
        if leg.vpi in owners:
            message = f"vpi {leg.vpi} already names a position of {owners[leg.vpi]}; a vpi names one"
            yield Finding(ERROR, "duplicate-vpi", draft.at("nodes", i, "legs", j, "vpi"), message, entry.id)
        owners.setdefault(leg.vpi, entry.id)


def _targets(draft: Draft) -> Iterator[Finding]:
    opened = {
        "vpi": dict.fromkeys(leg.vpi for *_, leg in _legs(draft)),
        "tag": dict.fromkeys(leg.tag for *_, leg in _legs(draft) if leg.tag),
    }
    entries = sum(node.kind is Kind.ENTRY for node in draft.nodes)
    for i, exit_ in _exits(draft):
        given = {name: value for name, value in (("vpi", exit_.vpi), ("tag", exit_.tag)) if value is not None}
        if len(given) > 1:
            message = f"the exit names both position {exit_.vpi} and tag {exit_.tag}; name one"
            yield Finding(ERROR, "two-targets", draft.at("nodes", i, "tag"), message, exit_.id)
        for name, value in given.items():
            if value not in opened[name] and not _lost(draft, Kind.ENTRY):
                message = f"no entry opens a position with {name} {value}, so this exit would close nothing"
                suggestion = _near(value, opened[name])
                yield Finding(ERROR, "unknown-target", draft.at("nodes", i, name), message, exit_.id, suggestion)
        if not given and entries > 1:
            message = f"{exit_.id} names no position: it closes everything that all {entries} entries opened"
            yield Finding(WARNING, "closes-all", draft.at("nodes", i), message, exit_.id, "targetPositionVpi")


def _closing(draft: Draft, graph: Graph) -> Iterator[Finding]:
    entries = any(node.kind is Kind.ENTRY for node in draft.nodes) or _lost(draft, Kind.ENTRY)
    for i, exit_ in _exits(draft):
        parents = {graph.kinds[parent] for parent in graph.parents[exit_.id]}
        if not entries or parents == {Kind.START}:
            why = "hangs on the start node itself" if entries else "has no entry before it"
            message = f"{exit_.id} {why}: it never has anything to close"
            yield Finding(WARNING, "nothing-to-close", draft.at("nodes", i), message, exit_.id)
        elif Kind.ENTRY in parents:
            message = f"{exit_.id} hangs on an entry without a signal between: it closes what was just opened"
            yield Finding(WARNING, "closes-at-once", draft.at("nodes", i), message, exit_.id)
    if _lost(draft, Kind.EXIT):
        return
    for i, j, entry, leg in _legs(draft):
        if leg.product is Product.CARRY_FORWARD and not any(exit_.covers(leg) for _, exit_ in _exits(draft)):
            message = f"no exit closes {leg.vpi}, and it is carried over the session's end: it stays open"
            yield Finding(WARNING, "never-closed", draft.at("nodes", i, "legs", j), message, entry.id)


def _re_entries(draft: Draft, graph: Graph) -> Iterator[Finding]:
    entries = {node.id: node for node in draft.nodes if isinstance(node, Entry)}
    limits: dict[tuple[str, int], int | None] = {}
    for i, exit_ in _exits(draft):
        if exit_.re_entry is None:
            continue
        where, group, limit = draft.at("nodes", i, "re_entry"), exit_.re_entry.group, exit_.re_entry.limit
        closed = {name for name, entry in entries.items() if any(exit_.covers(leg) for leg in entry.legs)}
        own = closed & graph.entries_before(exit_.id)
        for name in sorted(own or closed, key=graph.index.__getitem__):
            before = {graph.kinds[above] for above in graph.above(name)}
            reached = graph.complete and Kind.START in before
            if reached and Kind.SIGNAL not in before and not _lost(draft, Kind.SIGNAL):
                message = f"re-entry waits for the signals before {name}, and there are none"
                yield Finding(ERROR, "re-entry-without-signal", where, message, exit_.id)
            if limits.setdefault((name, group), limit) != limit:
                other = limits[name, group]
                message = f"group {group} allows {_count(limit)} of {name} here and {_count(other)} elsewhere"
                yield Finding(ERROR, "re-entry-limits-differ", where, message, exit_.id, "one limit in one group")


def _count(limit: int | None) -> str:
    return "any number of re-entries" if limit is None else f"{limit} re-entries"


# --- sessions and instruments --------------------------------------------------------------------------------


def _session(draft: Draft, document: Document) -> Iterator[Finding]:
    legs = list(_legs(draft))
    if document.instrument_kind is InstrumentKind.INDEX and legs:
        message = f"{document.symbol} is an index, which cannot be bought or sold; trade its options or futures"
        suggestion = "tradingInstrument.type: options"
        yield Finding(ERROR, "index-not-tradable", draft.at("kind"), message, document.start.id, suggestion)
    if document.intraday and document.timeframe.ns >= DAY and legs:
        message = (
            "a daily bar closes when the session is over, and an intraday strategy has to be flat by then: no trades"
        )
        yield Finding(WARNING, "intraday-on-daily", draft.at("timeframe"), message, document.start.id)
    contract = document.instrument_kind in (InstrumentKind.OPTION, InstrumentKind.FUTURE)
    for i, j, entry, leg in legs:
        if document.product is Product.INTRADAY and leg.product is Product.CARRY_FORWARD:
            message = f"the strategy is intraday, but {leg.vpi} is carried over the session's end"
            yield Finding(ERROR, "carry-in-intraday", draft.at("nodes", i, "legs", j, "product"), message, entry.id)
        if contract and _fraction(leg.quantity):
            where, message = draft.at("nodes", i, "legs", j, "quantity"), f"{leg.quantity} lots: contracts trade whole"
            yield Finding(ERROR, "fraction-of-lot", where, message, entry.id)
    for i, exit_ in _exits(draft):
        if contract and exit_.quantity is ExitQuantity.SPECIFIC and exit_.amount and _fraction(exit_.amount):
            where, message = draft.at("nodes", i, "quantity"), f"{exit_.amount} lots: contracts trade whole"
            yield Finding(ERROR, "fraction-of-lot", where, message, exit_.id)


def _fraction(lots: Decimal) -> bool:
    return lots != lots.to_integral_value()


# --- facts ---------------------------------------------------------------------------------------------------


def _orders(draft: Draft, leg: Leg) -> int:
    """Return the orders one slot can cause at one instant: its opening, or a close by each exit that takes a part."""
    parts: dict[bool, int] = defaultdict(int)
    for _, exit_ in _exits(draft):
        if exit_.covers(leg):
            parts[exit_.quantity is ExitQuantity.ALL] += 1
    return max(1, parts[False] + min(1, parts[True]))
