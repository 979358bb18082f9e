"""The seed dialect's importer: judged parts in, a draft of the canonical document out.

Parts are judged one at a time, the start node first, so that one fault hides no other. The shapes are
`seed_schema.py`'s, the graph as a whole is `verify.py`'s; what stands here is only what turns the one into the
other: spellings of a limit, look-backs, who inherits what.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from tradingd.core.graph import document as canonical
from tradingd.core.graph.dialects import seed_schema as schema
from tradingd.core.graph.dialects.fields import Facts, Part
from tradingd.core.graph.dialects.findings import FINDINGS_MAX, found, translate
from tradingd.core.graph.dialects.seed_conditions import (
    ConditionPart,
    ConstantExpression,
    GroupPart,
    IndicatorExpression,
    ListExpression,
    MarketDataExpression,
)
from tradingd.core.graph.dialects.text import brief, pointer
from tradingd.core.graph.draft import Draft, Unread
from tradingd.model.errors import Finding, Severity
from tradingd.model.indicator import IndicatorDecl, IndicatorSpec
from tradingd.model.instrument import InstrumentKind
from tradingd.model.trading import AlertType, OptionChoice, Product

if TYPE_CHECKING:
    from decimal import Decimal

    from tradingd.core.graph.dialects.seed_orders import OrderConfig, PositionPart, ReEntryConfig

DIALECT = "seed"
NODES_MAX, EDGES_MAX, CONDITIONS_MAX, DEPTH_MAX = 500, 2000, 2000, 32

Declare = Callable[[str, Mapping[str, object], str | None], IndicatorDecl]
KindOf = Callable[[str, str], InstrumentKind]
Single = IndicatorExpression | MarketDataExpression | ConstantExpression
P = TypeVar("P", bound=Part)


def read(
    raw: Any, catalog: Mapping[str, IndicatorSpec], declare: Declare, kind_of: KindOf
) -> tuple[Draft | None, list[Finding]]:
    """Return the draft and what is wrong with its parts; no draft where there is too much to be looked at.

    `kind_of(exchange, symbol)` says what a symbol is where the drawing does not.
    """
    reader = _Reader(catalog, declare, kind_of)
    return reader.read(raw), reader.findings


class _Reader:
    def __init__(self, catalog: Mapping[str, IndicatorSpec], declare: Declare, kind_of: KindOf) -> None:
        self._catalog, self._declare, self._kind_of = catalog, declare, kind_of
        self._facts = Facts()
        self._indicators: dict[str, IndicatorDecl] = {}
        self._conditions = 0
        self._pointers: dict[tuple[str | int, ...], str] = {}
        self.findings: list[Finding] = []

    # --- the document ----------------------------------------------------------------------------------------

    def read(self, raw: Any) -> Draft | None:
        envelope = self._judge(schema.Envelope, raw, (), "")
        nodes, edges = (raw.get(key) if isinstance(raw, dict) else None for key in ("nodes", "edges"))
        drawn_edges = edges if isinstance(edges, list) else []
        if not isinstance(nodes, list) or self._too_many("nodes", nodes, NODES_MAX):
            return None
        if self._too_many("edges", drawn_edges, EDGES_MAX):
            return None
        start = next((i for i, node in enumerate(nodes) if _type(node) == "startNode"), None)
        head = None if start is None else self._start(nodes[start], start)
        read_nodes, read_edges = self._nodes(nodes, start, head), self._edges(drawn_edges)
        document = None if head is None else self._document(envelope, head, read_nodes, read_edges)
        edges_read = isinstance(edges, list) and len(read_edges) == len(edges)
        return Draft(read_nodes, read_edges, document, edges_read, self._pointers)

    def _too_many(self, key: str, items: list[Any], most: int) -> bool:
        if len(items) > most:
            self._error("too-many", pointer(key), f"there are {len(items)} {key}; at most {most}")
        return len(items) > most

    def _document(
        self,
        envelope: schema.Envelope | None,
        head: schema.StartNode,
        nodes: tuple[canonical.Node | Unread, ...],
        edges: tuple[tuple[str, str], ...],
    ) -> canonical.Document:
        traded = head.data.trading_instrument
        return canonical.Document(
            id=envelope.id if envelope else "",
            name=(envelope and envelope.name) or "",
            symbol=head.data.symbol or "",
            exchange=head.data.exchange,
            instrument_kind=traded.type if traded else self._kind_of(head.data.exchange, head.data.symbol or ""),
            timeframe=head.data.timeframe,
            indicators=tuple(sorted(self._indicators.items())),
            product=head.data.strategy_type,
            nodes=tuple(node for node in nodes if not isinstance(node, Unread)),
            edges=tuple(dict.fromkeys(edges)),
            dialect=DIALECT,
        )

    def _nodes(
        self, nodes: list[Any], start: int | None, head: schema.StartNode | None
    ) -> tuple[canonical.Node | Unread, ...]:
        placed: list[canonical.Node | Unread] = []
        for i, raw in enumerate(nodes):
            if _type(raw) in schema.IGNORED_NODES:
                continue
            self._pointers["nodes", len(placed)] = pointer("nodes", i)
            self._pointers["nodes", len(placed), "id"] = pointer("nodes", i, "id")
            if i == start:
                placed.append(Unread(_id(raw), canonical.Kind.START) if head is None else _start(head))
            else:
                placed.append(self._node(raw, i, ("nodes", len(placed))))
        return tuple(placed)

    def _edges(self, edges: list[Any]) -> tuple[tuple[str, str], ...]:
        drawn: list[tuple[str, str]] = []
        for i, raw in enumerate(edges):
            edge = self._judge(schema.EdgePart, raw, ("edges", i), "")
            if edge is not None:
                self._pointers["edges", len(drawn)] = pointer("edges", i)
                for end in ("source", "target"):
                    self._pointers["edges", len(drawn), end] = pointer("edges", i, end)
                drawn.append((edge.source, edge.target))
        return tuple(drawn)

    # --- nodes -----------------------------------------------------------------------------------------------

    def _start(self, raw: Any, i: int) -> schema.StartNode | None:
        """Judge the start node and learn from it what the others must know, as far as it can be read."""
        node = self._judge(schema.StartNode, raw, ("nodes", i), _id(raw))
        facts = self._facts
        data = raw.get("data")
        declared = data.get("indicators", {}) if isinstance(data, dict) else None
        if isinstance(declared, dict):
            base = ("nodes", i, "data", "indicators")
            facts.outputs = {key: self._indicator(key, item, (*base, key), _id(raw)) for key, item in declared.items()}
        if node is not None:
            facts.start_read, facts.symbol, facts.product = True, node.data.symbol, node.data.strategy_type
            traded = node.data.trading_instrument
            facts.kind = traded.type if traded else None
            for path, key in (("symbol", "symbol"), ("kind", "tradingInstrument"), ("timeframe", "timeframe")):
                self._pointers[path,] = pointer("nodes", i, "data", key if key in data else "symbol")
        return node

    def _indicator(self, key: str, raw: Any, base: tuple[str | int, ...], node: str) -> tuple[str, ...] | None:
        """Declare one indicator and return its outputs; each wrong parameter is a finding at its own place."""
        try:
            part = schema.IndicatorPart.model_validate(raw)
        except ValidationError:
            return None  # told with the start node
        name = part.type.strip().lower()
        spec = self._catalog.get(name)
        if spec is None:
            self._error("unknown-indicator", pointer(*base, "type"), f"indicator {brief(part.type)} is unknown", node,
                        self._catalog, name)  # fmt: skip
            return None
        known = [alias for p in spec.params for alias in (p.name, *p.aliases)]
        given = {k: value for k, value in (part.model_extra or {}).items() if value is not None}
        for unknown in [k for k in given if k not in known]:
            del given[unknown]
            self._error("unknown-key", pointer(*base, unknown), f"{name} has no parameter {brief(unknown)}", node,
                        known, unknown)  # fmt: skip
        source = (part.source or part.price_field or "").lower() or None
        try:
            self._indicators[key] = self._declare(name, given, source)
        except ValueError as error:
            self._blame(name, given, source, base, node, error)
        return spec.outputs

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

    def _node(  # noqa: PLR0911 - one line a node type
        self, raw: Any, i: int, path: tuple[str | int, ...]
    ) -> canonical.Node | Unread:
        if not isinstance(raw, dict):
            self._error("wrong-type", pointer("nodes", i), f"{brief(raw)} is no node; it must be an object")
            return Unread("", None)
        kind = raw.get("type")
        model = schema.NODES.get(kind) if isinstance(kind, str) else None
        if model is None:
            where = pointer("nodes", i, "type")
            if "type" not in raw:
                self._error("missing-key", where, "this node has no type", _id(raw), schema.NODES)
            else:
                later = " of the builder dialect, not of this one" if kind in schema.LATER_NODES else " unknown"
                message = f"node type {brief(kind)} is{later}"
                self._error("unknown-node-type", where, message, _id(raw), schema.NODES, kind)
            return Unread(_id(raw), None)
        node = self._judge(model, raw, ("nodes", i), _id(raw))
        base = pointer("nodes", i, "data")
        match node:
            case schema.StartNode():
                return _start(node)
            case schema.SignalNode():
                return self._signal(node, path, base)
            case schema.EntryNode():
                return self._entry(node, path, base)
            case schema.ExitNode():
                return self._exit(node, path, base)
            case schema.AlertNode():
                data = node.data
                return canonical.AlertNode(
                    node.id, data.label or "", data.alert_message, data.alert_type or AlertType.INFO
                )
            case _:
                return Unread(_id(raw), model.kind)

    def _signal(self, node: schema.SignalNode, path: tuple[str | int, ...], base: str) -> canonical.Signal:
        data = node.data
        path, where = (*path, "condition"), f"{base}/conditions"
        if isinstance(data.conditions, GroupPart):
            group = self._group(data.conditions, path, where, node.id, 1)
        else:
            self._pointers[path] = where
            alone = self._condition(data.conditions, (*path, 0), where)
            group = canonical.Group(canonical.Logic.AND, (alone,))
        return canonical.Signal(node.id, data.label or "", group, data.trigger or canonical.Trigger.LEVEL)

    def _group(
        self, part: GroupPart, path: tuple[str | int, ...], where: str, node: str, depth: int
    ) -> canonical.Group:
        self._pointers[path] = where
        if depth == DEPTH_MAX + 1:
            self._error("too-deep", where, f"groups nest more than {DEPTH_MAX} levels deep", node)
        members: list[canonical.Condition | canonical.Group] = []
        for i, member in enumerate(part.conditions):
            below, place = (*path, i), f"{where}/conditions/{i}"
            if isinstance(member, GroupPart):
                members.append(self._group(member, below, place, node, depth + 1))
            else:
                members.append(self._condition(member, below, place))
        return canonical.Group(part.operator, tuple(members))

    def _condition(self, part: ConditionPart, path: tuple[str | int, ...], where: str) -> canonical.Condition:
        self._conditions += 1
        if self._conditions == CONDITIONS_MAX + 1:
            self._error("too-many", "/nodes", f"there are more than {CONDITIONS_MAX} conditions")
        self._pointers[path] = where
        self._pointers[*path, "left"] = f"{where}/lhs"
        left, _ = next(_items(part.lhs, f"{where}/lhs"))
        right: list[canonical.Operand] = []
        for item, place in (*_items(part.rhs, f"{where}/rhs"), *_items(part.rhs_upper, f"{where}/rhsUpper")):
            self._pointers[*path, "right", len(right)] = place
            right.append(self._operand(item))
        name = part.id or ".".join(str(int(step) + 1) for step in path[3:])
        return canonical.Condition(name, self._operand(left), part.operator, tuple(right))

    def _operand(self, part: Single) -> canonical.Operand:
        if isinstance(part, IndicatorExpression):
            known = (self._facts.outputs or {}).get(part.name) or ("",)
            output = part.output or part.parameter or known[0]
            return canonical.IndicatorValue(part.name, output, abs(part.offset or 0))
        if isinstance(part, MarketDataExpression):
            return canonical.Candle(part.field, abs(part.offset or 0))
        plain = isinstance(part.value, bool | str)
        return canonical.Constant(part.value if plain else float(part.value) + 0.0)  # -0.0 becomes 0.0

    def _entry(self, node: schema.EntryNode, path: tuple[str | int, ...], base: str) -> canonical.Entry:
        legs = []
        for i, part in enumerate(node.data.positions):
            leg, where = (*path, "legs", i), f"{base}/positions/{i}"
            self._pointers[leg] = where
            self._pointers[*leg, "vpi"] = f"{where}/{'vpi' if part.vpi else 'id'}"
            self._pointers[*leg, "product"] = f"{where}/productType" if part.product_type else where
            self._pointers[*leg, "quantity"] = f"{where}/quantity"
            legs.append(self._leg(part))
        return canonical.Entry(node.id, node.data.label or "", tuple(legs))

    def _leg(self, part: PositionPart) -> canonical.Leg:
        details = part.option_details
        choice = None
        if details is not None:
            choice = OptionChoice(details.expiry, details.strike_type or "", details.option_type or "")
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
            choice=choice,
            max_entries=part.max_entries,
        )

    def _exit(self, node: schema.ExitNode, path: tuple[str | int, ...], base: str) -> canonical.Exit:
        data = node.data
        order, base = data.exit_node_data.order_config, f"{base}/exitNodeData"
        for name, key in (("vpi", "targetPositionVpi"), ("tag", "targetTag"), ("quantity", "specificQuantity")):
            self._pointers[*path, name] = f"{base}/orderConfig/{key}"
        self._pointers[*path, "re_entry"] = f"{base}/reEntryConfig"
        return canonical.Exit(
            id=node.id,
            label=data.label or "",
            vpi=order.target_position_vpi,
            tag=order.tag,
            quantity=order.quantity,
            amount=_amount(order),
            order_type=order.order_type,
            limit_price=order.limit_price,
            re_entry=self._re_entry(data.exit_node_data.re_entry_config, f"{base}/reEntryConfig", node.id),
        )

    def _re_entry(self, part: ReEntryConfig | None, where: str, node: str) -> canonical.ReEntry | None:
        if part is None or not part.enabled:
            return None
        written = part.model_fields_set
        all_entries = None if part.max_entries is None else part.max_entries - 1
        limit = part.max_re_entries if "max_re_entries" in written else all_entries if "max_entries" in written else 0
        if {"max_re_entries", "max_entries"} <= written and limit != all_entries:
            message = f"maxReEntries ({part.max_re_entries}) counts, maxEntries ({part.max_entries}) says otherwise"
            self._warning("re-entry-limits", where, message, node, "remove maxEntries")
        if limit == 0:
            message = "re-entry is on, but none is allowed: the strategy never enters again"
            self._warning("re-entry-never", where, message, node, "maxReEntries: 1, or null for no limit")
        return canonical.ReEntry(part.group_number or 1, limit)

    # --- findings --------------------------------------------------------------------------------------------

    def _judge(self, model: type[P], raw: Any, base: tuple[str | int, ...], node: str) -> P | None:
        try:
            return model.model_validate(raw, context=self._facts)
        except ValidationError as refusal:
            room = max(1, FINDINGS_MAX + 1 - len(self.findings))
            self.findings += translate(refusal, raw, base, node, self._facts, room)
            return None

    def _error(  # noqa: PLR0913 - the parts of a finding
        self, code: str, where: str, message: str, node: str = "", options: Iterable[str] = (), word: object = ""
    ) -> None:
        crowded = len(self.findings) > FINDINGS_MAX  # nobody will see it, so nothing is searched for it
        self.findings.append(found(code, where, message, node, () if crowded else options, word))

    def _warning(self, code: str, where: str, message: str, node: str, suggestion: str) -> None:
        self.findings.append(Finding(Severity.WARNING, code, where, message, node, suggestion))


def _start(node: schema.StartNode) -> canonical.Start:
    return canonical.Start(node.id, node.data.label or "")


def _items(side: Single | ListExpression | None, where: str) -> Iterator[tuple[Single, str]]:
    """Yield what a side compares with and where each stands: a list's items, or the side itself."""
    if isinstance(side, ListExpression):
        yield from ((item, f"{where}/items/{i}") for i, item in enumerate(side.items))
    elif side is not None:
        yield side, where


def _amount(order: OrderConfig) -> Decimal | None:
    match order.quantity:
        case canonical.ExitQuantity.PERCENTAGE:
            return order.partial_quantity_percentage
        case canonical.ExitQuantity.SPECIFIC:
            return order.specific_quantity
        case _:
            return None


def _type(raw: Any) -> Any:
    return raw.get("type") if isinstance(raw, dict) else None


def _id(raw: Any) -> str:
    name = raw.get("id") if isinstance(raw, dict) else None
    return name if isinstance(name, str) else ""
