"""The builder dialect's importer: what is its own is the start node, conditions, re-entries, and how all ends.

The shapes are `builder_schema.py`'s, what all dialects share `reader.py`'s; what stands here is only what turns the
one into the other: which envelope it came in, which line is the first, what several roots mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradingd.core.graph import document as canonical
from tradingd.core.graph.dialects import builder_schema as schema
from tradingd.core.graph.dialects import seed_schema
from tradingd.core.graph.dialects.builder_operands import Operands
from tradingd.core.graph.dialects.fields import LineFacts
from tradingd.core.graph.dialects.protections import joined
from tradingd.core.graph.dialects.reader import CONDITIONS_MAX, DEPTH_MAX, Reader, id_of
from tradingd.core.graph.dialects.text import pointer
from tradingd.core.graph.document import Clock, Protection
from tradingd.core.graph.draft import Draft, Unread
from tradingd.core.graph.expressions import Condition, Group, Logic, Operand
from tradingd.model.market import MINUTE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from tradingd.core.graph.dialects.reader import Declare, KindOf, Path
    from tradingd.model.errors import Finding
    from tradingd.model.indicator import IndicatorDecl, IndicatorSpec

DIALECT = "builder"


def within(raw: Any) -> Path:
    """Return where nodes and edges stand: a row of the editor's database holds them one level down."""
    row = isinstance(raw, dict) and "nodes" not in raw and isinstance(raw.get("strategy"), dict)
    return ("strategy",) if row else ()


def read(
    raw: Any, catalog: Mapping[str, IndicatorSpec], declare: Declare, kind_of: KindOf
) -> tuple[Draft | None, list[Finding]]:
    """Return the draft and what is wrong with its parts; no draft where there is too much to be looked at."""
    reader = _Reader(catalog, declare, kind_of, within(raw))
    return reader.read(raw), reader.findings


class _Reader(Reader):
    def read(self, raw: Any) -> Draft | None:
        self._lines: list[canonical.Watched] = []
        self._variables: dict[str, str] = {}
        self._identity = self._name = ""
        inner = self._envelope(raw)
        shape = self._shape(inner)
        if shape is None:
            return None
        nodes, edges, start = shape
        head = None if start is None else self._start(nodes[start], start)
        self._operands = Operands(self._facts, [line.timeframe for line in self._lines], self._variables)
        read_nodes, read_edges = tuple(self._nodes(nodes, start, head)), self._edges(edges)
        document = None
        if head is not None and self._lines:
            document = canonical.Document(
                id=self._identity,
                name=self._name,
                lines=tuple(self._lines),
                instrument_kind=self._kind(head.data),
                product=head.data.strategy_type,
                nodes=tuple(node for node in read_nodes if not isinstance(node, Unread)),
                edges=tuple(dict.fromkeys(read_edges)),
                dialect=DIALECT,
                variables=self._globals,
            )
        edges_read = isinstance(inner.get("edges"), list) and len(read_edges) == len(edges)
        return Draft(read_nodes, read_edges, document, edges_read, self._pointers)

    def _envelope(self, raw: Any) -> Any:
        """Judge what is around nodes and edges; return what holds these."""
        self._globals: tuple[tuple[str, float], ...] = ()
        if not self._within:
            envelope = self._judge(schema.BuilderEnvelope, raw, (), "")
            self._introduce(envelope, envelope)
            return raw
        row = self._judge(schema.Row, raw, (), "")
        inner = raw["strategy"]
        named = {"name": row.name if row else "-"} | inner
        self._introduce(row, self._judge(schema.BuilderEnvelope, named, self._within, ""))
        return inner

    def _introduce(self, outer: Any, envelope: schema.BuilderEnvelope | None) -> None:
        if outer is not None:
            self._name, self._identity = outer.name, outer.id or getattr(outer, "strategy_id", None) or outer.name
        if envelope is None:
            return
        for i, part in enumerate(envelope.global_variables):
            if part.id in dict(self._globals):
                self._error("duplicate-id", self._at("globalVariables", i, "id"), f"variable {part.id} is there twice")
            self._globals += ((part.id, float(part.initial_value)),)
            self._variables[part.id] = part.id
            self._variables.setdefault(part.name or part.id, part.id)

    def _kind(self, data: schema.BuilderStartData) -> Any:
        config = data.trading_instrument_config
        said = data.trading_instrument.type if data.trading_instrument else config.type
        return said or self._kind_of(data.exchange, config.symbol.strip())

    def _model(self, raw: dict[str, Any]) -> type[seed_schema.NodePart] | None:
        return schema.model_of(raw)

    def _types(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return (*schema.NODES, "actionNode"), ()

    # --- the start node ----------------------------------------------------------------------------------------

    def _start(self, raw: Any, i: int) -> schema.BuilderStart | None:
        """Judge the start node and learn from it what the others must know."""
        base = (*self._within, "nodes", i)
        node = self._judge(schema.BuilderStart, raw, base, id_of(raw))
        if node is None:
            return None
        data, facts = node.data, self._facts
        config = data.trading_instrument_config
        facts.symbol, facts.product = config.symbol.strip(), data.strategy_type
        said = data.trading_instrument.type if data.trading_instrument else config.type
        facts.start_read, facts.kind = True, said
        inner = (*base, "data")
        self._watch("TI", data.exchange, config, (*inner, "tradingInstrumentConfig"), node.id)
        if data.supporting_instrument_enabled:
            place = (*inner, "supportingInstrumentConfig")
            second = data.supporting_instrument_config
            if second is None or not second.symbol.strip() or not second.timeframes:
                message = "the supporting instrument is enabled: say its symbol and a timeframe"
                self._error("missing-key", pointer(*place), message, node.id)
            else:
                self._watch("SI", data.exchange, second, place, node.id)
        for path, key in (("symbol", "tradingInstrumentConfig"), ("kind", "tradingInstrument")):
            self._pointers[path,] = pointer(*inner, key if key in raw["data"] else "tradingInstrumentConfig")
        self._pointers["timeframe",] = pointer(*inner, "tradingInstrumentConfig", "timeframes")
        return node

    def _watch(self, role: str, exchange: str, config: schema.InstrumentConfig, base: Path, node: str) -> None:
        """Take the lines of one instrument in, the shortest timeframe first."""
        order = sorted(range(len(config.timeframes)), key=lambda n: config.timeframes[n].timeframe)
        for n in order:
            part = config.timeframes[n]
            declared: dict[str, IndicatorDecl] = {}
            outputs: dict[str, tuple[str, ...] | None] = {}
            for key, indicator in part.indicators.items():
                place = (*base, "timeframes", n, "indicators", key)
                source = (indicator.price_field or "").lower() or None
                decl, outputs[key] = self._declared(
                    indicator.indicator_name, indicator.model_extra or {}, source, place, node, "indicator_name"
                )
                if decl is not None:
                    declared[key] = decl
            name = part.id or str(part.timeframe)
            self._facts.lines.append(LineFacts(role, name, outputs))
            indicators = tuple(sorted(declared.items()))
            self._lines.append(canonical.Watched(name, exchange, config.symbol.strip(), part.timeframe, indicators))

    # --- nodes -------------------------------------------------------------------------------------------------

    def _special(self, node: seed_schema.NodePart, path: Path, base: str) -> canonical.Node:
        match node:
            case schema.ReEntrySignal() | schema.BuilderSignal():
                return self._signal(node, path, base)
            case schema.ModifyNode():
                return self._modify(node, path, base)
            case schema.SquareOffNode():
                return _square_off(node)
            case schema.ForceEndNode():
                closes = bool(node.data.close_positions or node.data.close_all)
                message = node.data.message or ""
                return canonical.SquareOff(
                    node.id, node.data.label or "", immediate=True, closes=closes, message=message
                )
            case _:
                return canonical.End(node.id, node.data.label or "")

    def _signal(self, node: schema.BuilderSignal | schema.ReEntrySignal, path: Path, base: str) -> canonical.Signal:
        data = node.data
        again = None
        if data.again is not None:
            key, roots = data.again
            again = self._roots(roots, (*path, "again"), f"{base}/{key}", node.id)
        re_entry = None
        if isinstance(data, schema.ReEntrySignalData):
            retry = data.retry_config
            limit = self._limit(
                retry.model_fields_set, retry.max_re_entries, retry.max_entries, f"{base}/retryConfig", node.id
            )
            re_entry = canonical.ReEntry(retry.group_number or 1, limit)
            self._pointers[*path, "re_entry"] = f"{base}/retryConfig"
            self._pointers[*path, "target"] = f"{base}/targetEntryNodeId"
        for i, _ in enumerate(data.variables):
            self._pointers[*path, "variables", i] = f"{base}/variables/{i}/expression"
        for i, _ in enumerate(data.global_variable_updates):
            self._pointers[*path, "updates", i] = f"{base}/globalVariableUpdates/{i}"
        return canonical.Signal(
            id=node.id,
            label=data.label or "",
            condition=self._roots(data.conditions, (*path, "condition"), f"{base}/conditions", node.id),
            trigger=data.trigger or canonical.Trigger.LEVEL,
            again=again,
            variables=tuple((part.name, self._operands.of(part.expression)) for part in data.variables),
            updates=tuple(self._update(part) for part in data.global_variable_updates),
            re_entry=re_entry,
            target=data.target_entry_node_id if isinstance(data, schema.ReEntrySignalData) else None,
        )

    def _update(self, part: schema.UpdatePart) -> tuple[str, Operand]:
        name = part.global_variable_id or part.global_variable_name or ""
        return self._variables.get(name, name), self._operands.of(part.expression)

    def _roots(self, roots: list[Any], path: Path, where: str, node: str) -> Group:
        """Return the group that several roots are: one alone is itself, all of several must hold."""
        if len(roots) == 1 and isinstance(roots[0], schema.ConditionGroup):
            return self._group(roots[0], path, f"{where}/0", node, 1)
        self._pointers[path] = where
        return Group(Logic.AND, tuple(self._members(roots, path, where, node, 1)))

    def _group(self, part: schema.ConditionGroup, path: Path, where: str, node: str, depth: int) -> Group:
        self._pointers[path] = where
        if depth == DEPTH_MAX + 1:
            self._error("too-deep", where, f"groups nest more than {DEPTH_MAX} levels deep", node)
        return Group(part.group_logic, tuple(self._members(part.conditions, path, f"{where}/conditions", node, depth)))

    def _members(self, parts: list[Any], path: Path, where: str, node: str, depth: int) -> list[Condition | Group]:
        members: list[Condition | Group] = []
        for i, part in enumerate(parts):
            below, place = (*path, i), f"{where}/{i}"
            if isinstance(part, schema.ConditionGroup):
                members.append(self._group(part, below, place, node, depth + 1))
            else:
                members.append(self._condition(part, below, place))
        return members

    def _condition(self, part: schema.BuilderCondition, path: Path, where: str) -> Condition:
        self._conditions += 1
        if self._conditions == CONDITIONS_MAX + 1:
            self._error("too-many", self._at("nodes"), f"there are more than {CONDITIONS_MAX} conditions")
        self._pointers[path] = where
        self._pointers[*path, "left"] = f"{where}/lhs"
        sides = [(item, f"{where}/rhs") for item in self._operands.items(part.rhs)]
        if part.rhs_upper is not None:
            sides.append((part.rhs_upper, f"{where}/rhsUpper"))
        for i, (_, place) in enumerate(sides):
            self._pointers[*path, "right", i] = place
        name = part.id or ".".join(str(int(step) + 1) for step in path[3:])
        right = tuple(self._operands.of(item) for item, _ in sides)
        return Condition(name, self._operands.of(part.lhs), part.operator, right)

    def _modify(self, node: schema.ModifyNode, path: Path, base: str) -> canonical.Modify:
        data = node.data
        part: Any = data.modifications or data.positions[0]
        vpi = str(data.target_position_id or getattr(part, "vpi", ""))
        guards = [part.post_execution_config.protection()] if part.post_execution_config else []
        target = part.take_profit or part.target
        trail = part.trailing_config.trail() if part.trailing_config else None
        guards.append(Protection(part.stop_loss and part.stop_loss.level(), target and target.level(), trail))
        protection, differ = joined(guards)
        if differ:
            self._error("contradiction", base, f"{' and '.join(differ)} is said in two ways; write one", node.id)
        if protection == Protection():
            self._error(
                "empty", base, "this modification changes nothing: say stopLoss, takeProfit or trailing", node.id
            )
        self._pointers[*path, "vpi"] = f"{base}/{'targetPositionId' if data.target_position_id else 'positions/0/vpi'}"
        return canonical.Modify(node.id, data.label or "", vpi, protection)


def _square_off(node: schema.SquareOffNode) -> canonical.SquareOff:
    conditions = node.data.end_conditions
    timed, performance = conditions.time_based_exit, conditions.performance_based_exit
    at = profit = loss = None
    if timed is not None and timed.enabled:
        if timed.exit_at_market_close:
            at = Clock(before_close=(timed.minutes_before_close or 0) * MINUTE)
        else:
            at = Clock(second=timed.exit_time)
    if performance is not None and performance.enabled:
        target, limit = performance.daily_pnl_target, performance.daily_loss_limit
        if target is not None and target.enabled:
            profit = _amount(target.target_amount, target.target_type, target.initial_capital)
        if limit is not None and limit.enabled:
            capital = limit.initial_capital or (target.initial_capital if target else None)
            loss = _amount(limit.limit_amount, limit.limit_type, capital)
    told = conditions.alert_notification is not None and conditions.alert_notification.enabled
    return canonical.SquareOff(
        id=node.id,
        label=node.data.label or "",
        immediate=bool(conditions.immediate_exit and conditions.immediate_exit.enabled),
        at=at,
        profit=profit,
        loss=loss,
        message=(node.data.message or "square-off") if told else "",
    )


def _amount(amount: Decimal | None, kind: str, capital: Decimal | None) -> Decimal | None:
    """Return an amount of money, of percent too."""
    if amount is None or kind == "absolute":
        return amount
    return None if capital is None else amount * capital / 100
