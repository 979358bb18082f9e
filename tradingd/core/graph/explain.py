"""A strategy in plain words and as a drawing, from the canonical document: what will run, not what was typed.

A person who drew a graph should recognise it here, and see what they did not mean. Nothing is computed that
runs; the compiled functions are `plan.py`'s to print.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from tradingd.core.graph.conditions import CROSSES
from tradingd.core.graph.document import (
    AlertNode,
    Candle,
    Condition,
    Constant,
    Entry,
    Exit,
    ExitQuantity,
    Group,
    IndicatorValue,
    Kind,
    Logic,
    Op,
    Signal,
    Trigger,
)
from tradingd.core.graph.verify import ranks
from tradingd.model.instrument import InstrumentKind
from tradingd.model.trading import OrderType, Product

if TYPE_CHECKING:
    from tradingd.core.graph.document import Document, Leg, Node, Operand
    from tradingd.model.trading import OptionChoice

_TRADED = {
    InstrumentKind.OPTION: "options of ",
    InstrumentKind.FUTURE: "futures of ",
    InstrumentKind.INDEX: "the index ",
}
_SHAPES = {
    Kind.START: ("([", "])"),
    Kind.SIGNAL: ("{{", "}}"),
    Kind.ENTRY: ("[", "]"),
    Kind.EXIT: ("[/", "/]"),
    Kind.ALERT: (">", "]"),
}
_LABEL_MAX = 120


def in_words(document: Document) -> str:
    """Return the strategy as lines of text: what it watches, then each node in the order of its rank."""
    rank = ranks((node.id for node in document.nodes), document.edges)
    children: dict[str, list[str]] = defaultdict(list)
    for source, target in document.edges:
        children[source].append(target)
    outputs = {key: decl.name for key, decl in document.indicators}
    lines = [f"{document.name or document.id}", f"  {_watches(document)}"]
    lines += [f"  {key} is {decl}" for key, decl in document.indicators]
    if document.intraday:
        lines.append("  intraday: flat before the end of each session")
    elif document.product is Product.CARRY_FORWARD:
        lines.append("  positions stay open over the end of a session")
    lines.append("")
    width = max(len(node.id) for node in document.nodes)
    for node in sorted(document.nodes, key=lambda n: (rank[n.id], n.id)):
        arms = f" -> {', '.join(children[node.id])}" if children[node.id] else ""
        lines.append(f"{rank[node.id]:3}  {node.id:{width}}  {_does(node, outputs)}{arms}")
    return "\n".join(lines) + "\n"


def mermaid(document: Document) -> str:
    """Return the strategy as a mermaid flowchart."""
    outputs = {key: decl.name for key, decl in document.indicators}
    names = {node.id: f"n{i}" for i, node in enumerate(document.nodes)}
    lines = ["flowchart TD"]
    for node in document.nodes:
        opening, closing = _SHAPES[node.kind]
        title = f"{_escaped(node.label or node.id)}<br/>{_escaped(_does(node, outputs))}"
        lines.append(f'    {names[node.id]}{opening}"{title}"{closing}')
    lines += [f"    {names[source]} --> {names[target]}" for source, target in document.edges]
    return "\n".join(lines) + "\n"


def condition_in_words(member: Condition | Group, outputs: dict[str, str]) -> str:
    """Return a condition as a person writes it; `outputs` has each indicator's own name, which needs no telling."""
    if isinstance(member, Condition):
        return _comparison(member, outputs)
    parts = [
        f"({text})" if isinstance(part, Group) and part.logic is not Logic.NOT and len(part.members) > 1 else text
        for part, text in ((m, condition_in_words(m, outputs)) for m in member.members)
    ]
    if member.logic is Logic.NOT:
        return f"not {parts[0]}" if parts[0].startswith("(") else f"not ({parts[0]})"
    return f" {member.logic.value} ".join(parts)


def _comparison(condition: Condition, outputs: dict[str, str]) -> str:
    left, *right = (_operand(o, outputs) for o in (condition.left, *condition.right))
    match condition.op:
        case Op.BETWEEN | Op.NOT_BETWEEN:
            return f"{left} {condition.op.value.replace('_', ' ')} {right[0]} and {right[1]}"
        case Op.IN | Op.NOT_IN:
            return f"{left} {condition.op.value.replace('_', ' ')} ({', '.join(right)})"
        case op if op in CROSSES:
            return f"{left} {op.value.replace('_', ' ')} {right[0]}"
        case op:
            return f"{left} {op.value} {right[0]}"


def _operand(operand: Operand, outputs: dict[str, str]) -> str:
    match operand:
        case Constant(value):
            return (
                f"{value:g}"
                if isinstance(value, float)
                else repr(value)
                if isinstance(value, str)
                else str(value).lower()
            )
        case IndicatorValue(key, output, back):
            return _ago(key if output == outputs.get(key) else f"{key}.{output}", back)
        case Candle(field, back):
            return _ago(field, back)


def _ago(name: str, back: int) -> str:
    return name if not back else f"{name} [{back} bar{'s' if back > 1 else ''} before]"


def _watches(document: Document) -> str:
    kind = _TRADED.get(document.instrument_kind, "")
    watched = f"{document.exchange}:{document.symbol}"
    return f"watches closed {document.timeframe} bars of {watched}, trades {kind}{document.symbol}"


def _does(node: Node, outputs: dict[str, str]) -> str:
    match node:
        case Signal():
            once = "becomes true: " if node.trigger is Trigger.EDGE else ""
            return f"waits until {once}{condition_in_words(node.condition, outputs)}"
        case Entry():
            return "; ".join(_leg(leg) for leg in sorted(node.legs, key=lambda leg: leg.priority))
        case Exit():
            return _closes(node)
        case AlertNode():
            return f"alerts ({node.type.value}): {' '.join(node.message.split())}"
        case _:
            return "begins each session"


def _leg(leg: Leg) -> str:
    lots = f"{leg.quantity.normalize():f} lot{'' if leg.quantity == 1 else 's'}"
    contract = f" of {_contract(leg.choice)}" if leg.choice else ""
    stage = f"stage {leg.priority}: " if leg.priority > 1 else ""
    lot = f", lot size {leg.multiplier.normalize():f} expected" if leg.multiplier else ""
    tag = f", tag {leg.tag}" if leg.tag else ""
    most = f", at most {leg.max_entries} times a session" if leg.max_entries else ""
    kept = leg.product.value.replace("_", " ")
    return f"{stage}{leg.side.value}s {lots}{contract} {_price(leg)}, {kept}{lot} (position {leg.vpi}{tag}){most}"


def _contract(choice: OptionChoice) -> str:
    return " ".join(part for part in (choice.expiry, choice.strike, choice.right) if part)


def _price(order: Leg | Exit) -> str:
    if order.order_type is OrderType.LIMIT and order.limit_price is not None:
        return f"at {order.limit_price.normalize():f} or better"
    return "at market"


def _closes(node: Exit) -> str:
    match node.quantity:
        case ExitQuantity.PERCENTAGE if node.amount is not None:
            much = f"{node.amount.normalize():f} % of "
        case ExitQuantity.SPECIFIC if node.amount is not None:
            much = f"{node.amount.normalize():f} lots of "
        case _:
            much = ""
    what = f"position {node.vpi}" if node.vpi else f"positions with tag {node.tag}" if node.tag else "all positions"
    again = ""
    if node.re_entry is not None:
        times = "without limit" if node.re_entry.limit is None else f"at most {node.re_entry.limit} times"
        again = f"; then may enter again, {times} (group {node.re_entry.group})"
    return f"closes {much}{what} {_price(node)}{again}"


def _escaped(text: str) -> str:
    """Return text as mermaid shows it literally: everything that could mean something becomes its code point."""
    short = text if len(text) <= _LABEL_MAX else text[:_LABEL_MAX] + "..."
    return re.sub(r"[^\w .,:=+%/-]", lambda found: f"#{ord(found[0])};", short)
