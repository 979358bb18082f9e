"""What importers share: judged parts in, a draft of the canonical document out.

Parts are judged one at a time, the start node first, so that one fault hides no other. A dialect's importer says
which model judges a node and what becomes of conditions; positions, exits and alerts are the same in all. What needs
the whole graph is `verify.py`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from tradingd.core.graph import document as canonical
from tradingd.core.graph.dialects import seed_schema as schema
from tradingd.core.graph.dialects.fields import Facts, Part
from tradingd.core.graph.dialects.findings import FINDINGS_MAX, found, translate
from tradingd.core.graph.dialects.protections import joined
from tradingd.core.graph.dialects.text import brief, pointer
from tradingd.core.graph.document import ExitQuantity, Protection
from tradingd.core.graph.draft import Unread
from tradingd.model.errors import Finding, Severity
from tradingd.model.indicator import IndicatorDecl, IndicatorSpec
from tradingd.model.instrument import InstrumentKind
from tradingd.model.trading import AlertType, Product

if TYPE_CHECKING:
    from decimal import Decimal

    from tradingd.core.graph.dialects.orders import OrderConfig, PositionPart, ReEntryConfig
    from tradingd.core.graph.dialects.protections import PostExecution

NODES_MAX, EDGES_MAX, CONDITIONS_MAX, DEPTH_MAX = 500, 2000, 2000, 32

Declare = Callable[[str, Mapping[str, object], str | None], IndicatorDecl]
KindOf = Callable[[str, str], InstrumentKind]
Path = tuple[str | int, ...]
P = TypeVar("P", bound=Part)


class Reader:
    """Reads one document; `findings` are what is wrong with its parts, `within` where nodes and edges stand."""

    def __init__(
        self, catalog: Mapping[str, IndicatorSpec], declare: Declare, kind_of: KindOf, within: Path = ()
    ) -> None:
        self._catalog, self._declare, self._kind_of = catalog, declare, kind_of
        self._within = within
        self._facts = Facts()
        self._conditions = 0
        self._pointers: dict[Path, str] = {}
        self._guards: list[tuple[canonical.Exit, Protection]] = []
        self.findings: list[Finding] = []

    # --- what a dialect says -----------------------------------------------------------------------------------

    def _model(self, raw: dict[str, Any]) -> type[schema.NodePart] | None:
        """Return the model that judges a node."""
        raise NotImplementedError

    def _types(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the node types of the dialect, and those of others."""
        raise NotImplementedError

    def _special(self, node: schema.NodePart, path: Path, base: str) -> canonical.Node:
        """Return a node that is the dialect's own, in canonical form."""
        raise NotImplementedError

    # --- the document ------------------------------------------------------------------------------------------

    def _at(self, *tokens: str | int) -> str:
        return pointer(*self._within, *tokens)

    def _shape(self, raw: Any) -> tuple[list[Any], list[Any], int | None] | None:
        """Return nodes, edges and the index of the start node, none where there is too much to be looked at."""
        nodes, edges = (raw.get(key) if isinstance(raw, dict) else None for key in ("nodes", "edges"))
        drawn = edges if isinstance(edges, list) else []
        if not isinstance(nodes, list) or self._too_many("nodes", nodes, NODES_MAX):
            return None
        if self._too_many("edges", drawn, EDGES_MAX):
            return None
        return nodes, drawn, next((i for i, node in enumerate(nodes) if type_of(node) == "startNode"), None)

    def _too_many(self, key: str, items: list[Any], most: int) -> bool:
        if len(items) > most:
            self._error("too-many", self._at(key), f"there are {len(items)} {key}; at most {most}")
        return len(items) > most

    def _nodes(
        self, nodes: list[Any], start: int | None, head: schema.NodePart | None
    ) -> list[canonical.Node | Unread]:
        placed: list[canonical.Node | Unread] = []
        for i, raw in enumerate(nodes):
            if type_of(raw) in schema.IGNORED_NODES:
                continue
            self._pointers["nodes", len(placed)] = self._at("nodes", i)
            self._pointers["nodes", len(placed), "id"] = self._at("nodes", i, "id")
            if i == start:
                placed.append(Unread(id_of(raw), canonical.Kind.START) if head is None else start_of(head))
            else:
                placed.append(self._node(raw, i, ("nodes", len(placed))))
        return self._protected(placed)

    def _edges(self, edges: list[Any]) -> tuple[tuple[str, str], ...]:
        drawn: list[tuple[str, str]] = []
        for i, raw in enumerate(edges):
            edge = self._judge(schema.EdgePart, raw, (*self._within, "edges", i), "")
            if edge is not None:
                self._pointers["edges", len(drawn)] = self._at("edges", i)
                for end in ("source", "target"):
                    self._pointers["edges", len(drawn), end] = self._at("edges", i, end)
                drawn.append((edge.source, edge.target))
        return tuple(drawn)

    # --- indicators --------------------------------------------------------------------------------------------

    def _declared(  # noqa: PLR0913 - what was declared, where
        self, name: str, given: Mapping[str, Any], source: str | None, base: Path, node: str, key: str = "type"
    ) -> tuple[IndicatorDecl | None, tuple[str, ...] | None]:
        """Declare one indicator; return it with its outputs. Each wrong parameter is a finding at its own place."""
        spec = self._catalog.get(name.strip().lower())
        if spec is None:
            self._error("unknown-indicator", pointer(*base, key), f"indicator {brief(name)} is unknown", node,
                        self._catalog, name.strip().lower())  # fmt: skip
            return None, None
        known = [alias for p in spec.params for alias in (p.name, *p.aliases)]
        params = {k: value for k, value in given.items() if value is not None}
        for unknown in [k for k in params if k not in known]:
            del params[unknown]
            self._error("unknown-key", pointer(*base, unknown), f"{spec.name} has no parameter {brief(unknown)}", node,
                        known, unknown)  # fmt: skip
        try:
            return self._declare(spec.name, params, source), spec.outputs
        except ValueError as error:
            self._blame(spec.name, params, source, base, node, error)
        return None, spec.outputs

    def _blame(  # noqa: PLR0913 - what was declared, where, and what came of it
        self, name: str, given: Mapping[str, object], source: str | None, base: tuple[str | int, ...], node: str,
        error: ValueError,
    ) -> None:  # fmt: skip
        """Find which parameters are wrong by themselves; where none is, they do not go together."""
        trials: list[tuple[str, dict[str, object], str | None]] = [(k, {k: v}, None) for k, v in given.items()]
        if source is not None:
            trials.append(("source", {}, source))
        blamed = False
        for key, params, price in trials:
            try:
                self._declare(name, params, price)
            except ValueError as alone:
                blamed = True
                numeric = isinstance(given.get(key), int | float) and not isinstance(given.get(key), bool)
                code = "unknown-value" if key == "source" else "out-of-range" if numeric else "wrong-type"
                self._error(code, pointer(*base, key), str(alone), node)
        if not blamed:
            self._error("out-of-range", pointer(*base), str(error), node)

    # --- nodes -------------------------------------------------------------------------------------------------

    def _node(  # noqa: PLR0911 - one line a kind
        self, raw: Any, i: int, path: Path
    ) -> canonical.Node | Unread:
        if not isinstance(raw, dict):
            self._error("wrong-type", self._at("nodes", i), f"{brief(raw)} is no node; it must be an object")
            return Unread("", None)
        model = self._model(raw)
        if model is None:
            self._untyped(raw, i)
            return Unread(id_of(raw), None)
        node = self._judge(model, raw, (*self._within, "nodes", i), id_of(raw))
        base = self._at("nodes", i, "data")
        if node is None:
            return Unread(id_of(raw), model.kind, returns=model.returns)
        data: Any = node.data
        match node.kind:
            case canonical.Kind.START:
                return start_of(node)
            case canonical.Kind.ENTRY:
                return self._entry(node.id, data, path, base)
            case canonical.Kind.EXIT:
                return self._exit(node.id, data, path, base)
            case canonical.Kind.ALERT:
                type_ = data.alert_type or AlertType.INFO
                return canonical.AlertNode(node.id, data.label or "", data.alert_message, type_)
            case _:
                return self._special(node, path, base)

    def _untyped(self, raw: dict[str, Any], i: int) -> None:
        kind, where = raw.get("type"), self._at("nodes", i, "type")
        known, later = self._types()
        if "type" not in raw:
            self._error("missing-key", where, "this node has no type", id_of(raw), known)
            return
        what = " of the builder dialect, not of this one" if kind in later else " unknown"
        self._error("unknown-node-type", where, f"node type {brief(kind)} is{what}", id_of(raw), known, kind)

    def _entry(self, name: str, data: schema.EntryData, path: Path, base: str) -> canonical.Entry:
        legs = []
        for i, part in enumerate(data.positions):
            leg, where = (*path, "legs", i), f"{base}/positions/{i}"
            self._pointers[leg] = where
            self._pointers[*leg, "vpi"] = f"{where}/{'vpi' if part.vpi else 'id'}"
            self._pointers[*leg, "product"] = f"{where}/productType" if part.product_type else where
            self._pointers[*leg, "quantity"] = f"{where}/quantity"
            legs.append(self._leg(part, data.post_execution_config))
        return canonical.Entry(name, data.label or "", tuple(legs))

    def _leg(self, part: PositionPart, guard: PostExecution | None) -> canonical.Leg:
        details = part.option_details
        drawn = Protection() if guard is None else guard.protection()
        if part.trailing_config is not None and part.trailing_config.enabled:
            drawn = replace(drawn, trail=part.trailing_config.trail())
        return canonical.Leg(
            vpi=part.vpi or part.id or "",
            tag=part.vpt or "",
            priority=part.priority or 1,
            side=part.position_type,
            order_type=part.order_type,
            limit_price=part.limit_price,
            quantity=part.quantity,
            multiplier=part.multiplier,
            # Neither is said only where the start node could not be read, and then nothing runs.
            product=part.product_type or self._facts.product or Product.INTRADAY,
            choice=details.choice() if details else None,
            max_entries=part.max_entries,
            protection=drawn,
        )

    def _exit(self, name: str, data: schema.ExitData, path: Path, base: str) -> canonical.Exit:
        order, base = data.exit_node_data.order_config, f"{base}/exitNodeData"
        for part, key in (("vpi", "targetPositionVpi"), ("tag", "targetTag"), ("quantity", "specificQuantity")):
            self._pointers[*path, part] = f"{base}/orderConfig/{key}"
        self._pointers[*path, "re_entry"] = f"{base}/reEntryConfig"
        drawn = canonical.Exit(
            id=name,
            label=data.label or "",
            vpi=order.target_position_vpi,
            tag=order.tag,
            quantity=order.quantity,
            amount=_amount(order),
            order_type=order.order_type,
            limit_price=order.limit_price,
            re_entry=self._re_entry(data.exit_node_data.re_entry_config, f"{base}/reEntryConfig", name),
        )
        guard = data.exit_node_data.post_execution_config
        if guard is not None:
            self._guards.append((drawn, guard.protection()))
        return drawn

    def _re_entry(self, part: ReEntryConfig | None, where: str, node: str) -> canonical.ReEntry | None:
        if part is None or not part.enabled:
            return None
        limit = self._limit(part.model_fields_set, part.max_re_entries, part.max_entries, where, node)
        return canonical.ReEntry(part.group_number or 1, limit)

    def _limit(
        self, written: set[str], max_re_entries: int | None, max_entries: int | None, where: str, node: str
    ) -> int | None:
        """Return how many re-entries are allowed; of two limits that differ, the one in re-entries."""
        all_entries = None if max_entries is None else max_entries - 1
        limit = max_re_entries if "max_re_entries" in written else all_entries if "max_entries" in written else 0
        if {"max_re_entries", "max_entries"} <= written and limit != all_entries:
            message = f"maxReEntries ({max_re_entries}) counts, maxEntries ({max_entries}) says otherwise"
            self._warning("re-entry-limits", where, message, node, "remove maxEntries")
        if limit == 0:
            message = "re-entry is on, but none is allowed: the strategy never enters again"
            self._warning("re-entry-never", where, message, node, "maxReEntries: 1, or null for no limit")
        return limit

    def _protected(self, nodes: list[canonical.Node | Unread]) -> list[canonical.Node | Unread]:
        """Give each leg what the exits that close it say of its stop, target and trail."""
        placed: list[canonical.Node | Unread] = []
        for i, node in enumerate(nodes):
            if not isinstance(node, canonical.Entry):
                placed.append(node)
                continue
            legs = []
            for j, leg in enumerate(node.legs):
                guards = [guard for exit_, guard in self._guards if exit_.covers(leg)]
                protection, differ = joined([leg.protection, *guards])
                if differ:
                    where = self._pointers["nodes", i, "legs", j]
                    message = f"{leg.vpi} is given more than one {' and '.join(dict.fromkeys(differ))}; write one"
                    self._error("contradiction", where, message, node.id)
                legs.append(replace(leg, protection=protection))
            placed.append(replace(node, legs=tuple(legs)))
        return placed

    # --- findings --------------------------------------------------------------------------------------------

    def _judge(self, model: type[P], raw: Any, base: tuple[str | int, ...], node: str) -> P | None:
        self._facts.switched_on.clear()
        judged: P | None = None
        try:
            judged = model.model_validate(raw, context=self._facts)
        except ValidationError as refusal:
            room = max(1, FINDINGS_MAX + 1 - len(self.findings))
            self.findings += translate(refusal, raw, base, node, self._facts, room)
        if not self._facts.switched_on:
            return judged
        places = dict(_places(raw, base))
        for part, key in self._facts.switched_on:
            message = f"{brief(part[key])} switches on what is not supported; switch it off or remove it"
            self._error("not-supported", pointer(*places[id(part)], key), message, node)
        return None

    def _error(  # noqa: PLR0913 - the parts of a finding
        self, code: str, where: str, message: str, node: str = "", options: Iterable[str] = (), word: object = ""
    ) -> None:
        crowded = len(self.findings) > FINDINGS_MAX  # nobody will see it, so nothing is searched for it
        self.findings.append(found(code, where, message, node, () if crowded else options, word))

    def _warning(self, code: str, where: str, message: str, node: str, suggestion: str) -> None:
        self.findings.append(Finding(Severity.WARNING, code, where, message, node, suggestion))


def start_of(node: Any) -> canonical.Start:
    """Return the start node in canonical form."""
    return canonical.Start(node.id, node.data.label or "")


def type_of(raw: Any) -> Any:
    """Return what a node says it is."""
    return raw.get("type") if isinstance(raw, dict) else None


def id_of(raw: Any) -> str:
    """Return a node's id, empty where it has none."""
    name = raw.get("id") if isinstance(raw, dict) else None
    return name if isinstance(name, str) else ""


def _places(value: Any, place: Path) -> Iterator[tuple[int, Path]]:
    """Yield the identity of every object inside a value, and where it stands."""
    if isinstance(value, dict):
        yield id(value), place
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _places(item, (*place, key))


def _amount(order: OrderConfig) -> Decimal | None:
    match order.quantity:
        case ExitQuantity.PERCENTAGE:
            return order.partial_quantity_percentage
        case ExitQuantity.SPECIFIC:
            return order.specific_quantity
        case _:
            return None
