"""The seed dialect's importer: what is its own is the start node's form, and conditions.

The shapes are `seed_schema.py`'s, what all dialects share `reader.py`'s; what stands here is only what turns the one
into the other: where indicators are declared, and how look-backs are counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from tradingd.core.graph import document as canonical
from tradingd.core.graph import expressions
from tradingd.core.graph.dialects import seed_schema as schema
from tradingd.core.graph.dialects.reader import CONDITIONS_MAX, DEPTH_MAX, Reader, id_of
from tradingd.core.graph.dialects.seed_conditions import (
    ConditionPart,
    ConstantExpression,
    GroupPart,
    IndicatorExpression,
    ListExpression,
    MarketDataExpression,
)
from tradingd.core.graph.dialects.text import pointer
from tradingd.core.graph.draft import Draft, Unread

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tradingd.core.graph.dialects.reader import Declare, KindOf, Path
    from tradingd.model.errors import Finding
    from tradingd.model.indicator import IndicatorDecl, IndicatorSpec

DIALECT = "seed"

Single = IndicatorExpression | MarketDataExpression | ConstantExpression


def read(
    raw: Any, catalog: Mapping[str, IndicatorSpec], declare: Declare, kind_of: KindOf
) -> tuple[Draft | None, list[Finding]]:
    """Return the draft and what is wrong with its parts; no draft where there is too much to be looked at.

    `kind_of(exchange, symbol)` says what a symbol is where the drawing does not.
    """
    reader = _Reader(catalog, declare, kind_of)
    return reader.read(raw), reader.findings


class _Reader(Reader):
    _indicators: dict[str, IndicatorDecl]

    def read(self, raw: Any) -> Draft | None:
        self._indicators = {}
        envelope = self._judge(schema.SeedEnvelope, raw, (), "")
        shape = self._shape(raw)
        if shape is None:
            return None
        nodes, edges, start = shape
        head = None if start is None else self._start(nodes[start], start)
        read_nodes, read_edges = tuple(self._nodes(nodes, start, head)), self._edges(edges)
        document = None if head is None else self._document(envelope, head, read_nodes, read_edges)
        edges_read = isinstance(raw.get("edges"), list) and len(read_edges) == len(edges)
        return Draft(read_nodes, read_edges, document, edges_read, self._pointers)

    def _document(
        self,
        envelope: schema.SeedEnvelope | None,
        head: schema.StartNode,
        nodes: tuple[canonical.Node | Unread, ...],
        edges: tuple[tuple[str, str], ...],
    ) -> canonical.Document:
        traded = head.data.trading_instrument
        line = canonical.Watched(
            str(head.data.timeframe), head.data.exchange, head.data.symbol or "", head.data.timeframe,
            tuple(sorted(self._indicators.items())),
        )  # fmt: skip
        return canonical.Document(
            id=envelope.id if envelope else "",
            name=(envelope and envelope.name) or "",
            lines=(line,),
            instrument_kind=traded.type if traded else self._kind_of(head.data.exchange, head.data.symbol or ""),
            product=head.data.strategy_type,
            nodes=tuple(node for node in nodes if not isinstance(node, Unread)),
            edges=tuple(dict.fromkeys(edges)),
            dialect=DIALECT,
        )

    def _model(self, raw: dict[str, Any]) -> type[schema.NodePart] | None:
        kind = raw.get("type")
        return schema.NODES.get(kind) if isinstance(kind, str) else None

    def _types(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return tuple(schema.NODES), schema.LATER_NODES

    # --- the start node ----------------------------------------------------------------------------------------

    def _start(self, raw: Any, i: int) -> schema.StartNode | None:
        """Judge the start node and learn from it what the others must know, as far as it can be read."""
        node = self._judge(schema.StartNode, raw, ("nodes", i), id_of(raw))
        facts = self._facts
        data = raw.get("data")
        declared = data.get("indicators", {}) if isinstance(data, dict) else None
        if isinstance(declared, dict):
            base = ("nodes", i, "data", "indicators")
            facts.outputs = {
                key: self._indicator(key, item, (*base, key), id_of(raw)) for key, item in declared.items()
            }
        if node is not None:
            facts.start_read, facts.symbol, facts.product = True, node.data.symbol, node.data.strategy_type
            traded = node.data.trading_instrument
            facts.kind = traded.type if traded else None
            for path, key in (("symbol", "symbol"), ("kind", "tradingInstrument"), ("timeframe", "timeframe")):
                self._pointers[path,] = pointer("nodes", i, "data", key if key in data else "symbol")
        return node

    def _indicator(self, key: str, raw: Any, base: Path, node: str) -> tuple[str, ...] | None:
        try:
            part = schema.IndicatorPart.model_validate(raw)
        except ValidationError:
            return None  # told with the start node
        source = (part.source or part.price_field or "").lower() or None
        decl, outputs = self._declared(part.type, part.model_extra or {}, source, base, node)
        if decl is not None:
            self._indicators[key] = decl
        return outputs

    # --- conditions --------------------------------------------------------------------------------------------

    def _special(self, node: schema.NodePart, path: Path, base: str) -> canonical.Node:
        data: schema.SignalData = node.data
        path, where = (*path, "condition"), f"{base}/conditions"
        if isinstance(data.conditions, GroupPart):
            group = self._group(data.conditions, path, where, node.id, 1)
        else:
            self._pointers[path] = where
            alone = self._condition(data.conditions, (*path, 0), where)
            group = expressions.Group(expressions.Logic.AND, (alone,))
        return canonical.Signal(node.id, data.label or "", group, data.trigger or canonical.Trigger.LEVEL)

    def _group(self, part: GroupPart, path: Path, where: str, node: str, depth: int) -> expressions.Group:
        self._pointers[path] = where
        if depth == DEPTH_MAX + 1:
            self._error("too-deep", where, f"groups nest more than {DEPTH_MAX} levels deep", node)
        members: list[expressions.Condition | expressions.Group] = []
        for i, member in enumerate(part.conditions):
            below, place = (*path, i), f"{where}/conditions/{i}"
            if isinstance(member, GroupPart):
                members.append(self._group(member, below, place, node, depth + 1))
            else:
                members.append(self._condition(member, below, place))
        return expressions.Group(part.operator, tuple(members))

    def _condition(self, part: ConditionPart, path: Path, where: str) -> expressions.Condition:
        self._conditions += 1
        if self._conditions == CONDITIONS_MAX + 1:
            self._error("too-many", "/nodes", f"there are more than {CONDITIONS_MAX} conditions")
        self._pointers[path] = where
        self._pointers[*path, "left"] = f"{where}/lhs"
        left, _ = next(_items(part.lhs, f"{where}/lhs"))
        right: list[expressions.Operand] = []
        for item, place in (*_items(part.rhs, f"{where}/rhs"), *_items(part.rhs_upper, f"{where}/rhsUpper")):
            self._pointers[*path, "right", len(right)] = place
            right.append(self._operand(item))
        name = part.id or ".".join(str(int(step) + 1) for step in path[3:])
        return expressions.Condition(name, self._operand(left), part.operator, tuple(right))

    def _operand(self, part: Single) -> expressions.Operand:
        if isinstance(part, IndicatorExpression):
            known = (self._facts.outputs or {}).get(part.name) or ("",)
            output = part.output or part.parameter or known[0]
            return expressions.IndicatorValue(part.name, output, abs(part.offset or 0))
        if isinstance(part, MarketDataExpression):
            return expressions.Candle(part.field, abs(part.offset or 0))
        plain = isinstance(part.value, bool | str)
        return expressions.Constant(part.value if plain else float(part.value) + 0.0)  # -0.0 becomes 0.0


def _items(side: Single | ListExpression | None, where: str) -> Iterator[tuple[Single, str]]:
    """Yield what a side compares with and where each stands: a list's items, or the side itself."""
    if isinstance(side, ListExpression):
        yield from ((item, f"{where}/items/{i}") for i, item in enumerate(side.items))
    elif side is not None:
        yield side, where
