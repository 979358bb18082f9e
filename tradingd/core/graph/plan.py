"""The graph, prepared: ranks, children, paths, and the conditions as Python source.

Computed once when a document is loaded, from the canonical document alone. It holds no state of a run, so
one plan serves every session, and `tradingd explain --code` prints exactly what will be executed.
"""

from __future__ import annotations

import graphlib
import keyword
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tradingd.core.graph.conditions import Writer, look_back
from tradingd.core.graph.document import (
    AlertNode,
    Candle,
    Document,
    Entry,
    Exit,
    IndicatorValue,
    Kind,
    Node,
    Operand,
    Signal,
    Trigger,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

KIND_ORDER = {Kind.START: 0, Kind.EXIT: 1, Kind.SIGNAL: 2, Kind.ENTRY: 3, Kind.ALERT: 4}
"""Which of two nodes of one rank goes first."""

_BOUNDARY = (Kind.START, Kind.ENTRY, Kind.EXIT)
_RESERVED = re.compile(r"_|c_|round$|tick$|signal_\d+_")
"""Names the generated source uses itself, or that Python gives a meaning."""


@dataclass(frozen=True, slots=True)
class OuterExit:
    """A way from start to an exit that passes no entry or exit: its first signals, and all nodes on it."""

    exit: str
    first: tuple[str, ...]
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the runtime needs to know of a document besides the nodes themselves.

    `key` orders nodes within an instant: rank (longest path from start), kind, id. `first_signals` gives, for
    an entry, the signals a re-entry arms again; `outer_exits` the exits of its slots that hang on start, whose
    signals are armed again when the entry opens something. `repeating` signals lead to alerts only; `entry_side`
    signals lead to an entry, with the bars before the last that their conditions read.
    """

    document: Document
    nodes: Mapping[str, Node]
    key: Mapping[str, tuple[int, int, str]]
    children: Mapping[str, tuple[str, ...]]
    first_signals: Mapping[str, tuple[str, ...]]
    outer_exits: Mapping[str, tuple[OuterExit, ...]]
    repeating: frozenset[str]
    entry_side: Mapping[str, int]
    look_back: Mapping[Operand, int]
    columns: Mapping[Operand, str]
    functions: Mapping[str, tuple[str, str | None, str | None]]
    source: str = field(repr=False)


def plan(document: Document) -> Plan:
    """Prepare a verified document.

    Raises:
        graphlib.CycleError: the edges have a cycle; a verified document has none.
    """
    nodes = {n.id: n for n in document.nodes}
    parents: dict[str, list[str]] = {i: [] for i in nodes}
    for source, target in document.edges:
        if source not in parents[target]:
            parents[target].append(source)
    order = tuple(graphlib.TopologicalSorter(parents).static_order())
    rank: dict[str, int] = {}
    for i in order:
        rank[i] = max((rank[p] + 1 for p in parents[i]), default=0)
    key = {i: (rank[i], KIND_ORDER[nodes[i].kind], i) for i in nodes}
    children = {i: tuple(sorted((c for c in nodes if i in parents[c]), key=key.__getitem__)) for i in nodes}
    paths = _Paths(nodes, parents, key)
    signals = [n for n in sorted(document.nodes, key=lambda n: key[n.id]) if isinstance(n, Signal)]
    reach: dict[Operand, int] = {}
    for signal in signals:
        for operand, back in look_back(signal.condition).items():
            reach[operand] = max(reach.get(operand, 0), back)
    columns = _columns(document, reach)
    repeating = frozenset(n.id for n in signals if _repeats(n.id, nodes, parents, children))
    guards = frozenset(n.id for n in signals if paths.leads_to(n.id, Kind.EXIT))
    functions, source_text = _write(signals, columns, repeating, guards)
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
            n.id: max(look_back(n.condition).values(), default=0) for n in signals if paths.leads_to(n.id, Kind.ENTRY)
        },
        look_back=reach,
        columns=columns,
        functions=functions,
        source=source_text,
    )


def targets(exit_: Exit, entry: Entry) -> bool:
    """Whether the exit closes any slot the entry opens."""
    if exit_.vpi is not None:
        return any(leg.vpi == exit_.vpi for leg in entry.legs)
    if exit_.tag is not None:
        return any(leg.tag == exit_.tag for leg in entry.legs)
    return True


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
            if isinstance(node, Exit) and targets(node, entry):
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
    return first and kinds <= {Kind.SIGNAL, Kind.ALERT} and any(isinstance(nodes[i], AlertNode) for i in below)


def _columns(document: Document, reach: Mapping[Operand, int]) -> dict[Operand, str]:
    """Name a list for every operand that reads the market; operands that differ in look-back only share one."""
    defaults = {key: decl.name for key, decl in document.indicators}
    names: dict[Operand, str] = {}
    taken: dict[str, Operand] = {}
    for operand in reach:
        if isinstance(operand, Candle):
            bare: Operand = Candle(operand.field)
            wish = operand.field
        elif isinstance(operand, IndicatorValue):
            bare = IndicatorValue(operand.key, operand.output)
            wish = operand.key if operand.output == defaults[operand.key] else f"{operand.key}_{operand.output}"
        else:
            continue
        wish = re.sub(r"\W", "_", wish, flags=re.ASCII)
        if not wish.isidentifier() or keyword.iskeyword(wish) or _RESERVED.match(wish):
            wish = f"c_{wish}"
        while taken.setdefault(wish, bare) != bare:
            wish += "_"
        names[operand] = wish
    return names


def _write(
    signals: list[Signal], columns: Mapping[Operand, str], repeating: frozenset[str], guards: frozenset[str]
) -> tuple[dict[str, tuple[str, str | None, str | None]], str]:
    writer = Writer(columns.__getitem__)
    functions: dict[str, tuple[str, str | None, str | None]] = {}
    lines: list[str] = []
    for number, signal in enumerate(signals, 1):
        stem = f"signal_{number}"
        tracks = signal.trigger is Trigger.EDGE or signal.id in repeating
        guard = signal.id in guards
        functions[signal.id] = (
            f"{stem}_is_true", f"{stem}_is_false" if tracks else None, f"{stem}_stirs" if guard else None,
        )  # fmt: skip
        comment = f"# {signal.id}" + (f": {signal.label}" if signal.label else "")
        comment = "".join(c if c.isprintable() else " " for c in comment)  # one line of Python, whatever the label
        lines += [
            " ".join(comment.split()),
            f"def {stem}_is_true():",
            f"    return {writer.true(signal.condition)}",
            "",
        ]
        if tracks:
            lines += [f"def {stem}_is_false():", f"    return {writer.false(signal.condition)}", ""]
        if guard:
            stirs = f"{writer.true(signal.condition)} or not ({writer.known(signal.condition)})"
            lines += [f"def {stem}_stirs():", f"    return {stirs}", ""]
    return functions, "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Bound:
    """A signal's condition, bound to the lists it reads.

    `is_false` only where falling edges matter; `stirs`, whether it is true or an operand has no value, only before an
    exit.
    """

    is_true: Callable[[], bool]
    is_false: Callable[[], bool] | None
    stirs: Callable[[], bool] | None


def bind(prepared: Plan, lists: Mapping[Operand, list[float]], tick_size: float) -> dict[str, Bound]:
    """Compile the plan's source over the given lists, whose last item is the last closed bar."""
    scope: dict[str, object] = {"tick": tick_size, "round": round}
    scope |= {prepared.columns[operand]: values for operand, values in lists.items() if operand in prepared.columns}
    exec(compile(prepared.source, f"<strategy {prepared.document.id}>", "exec"), scope)  # noqa: S102 - our own text, from a validated tree
    bound = {}
    for node, (true, false, stirs) in prepared.functions.items():
        bound[node] = Bound(scope[true], scope[false] if false else None, scope[stirs] if stirs else None)  # type: ignore[arg-type] # functions by construction
    return bound
