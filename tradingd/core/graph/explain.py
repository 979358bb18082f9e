"""A strategy in plain words and as a drawing, from the canonical document: what will run, not what was typed.

A person who drew a graph should recognise it here, and see what they did not mean. Nothing is computed that
runs; the compiled functions are `plan.py`'s to print.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from tradingd.core.graph.document import (
    AlertNode,
    End,
    Entry,
    Exit,
    ExitQuantity,
    Kind,
    Measure,
    Modify,
    Protection,
    Signal,
    SquareOff,
    Trigger,
)
from tradingd.core.graph.verify import ranks
from tradingd.core.graph.words import clock_in_words, condition_in_words, operand_in_words
from tradingd.model.instrument import InstrumentKind
from tradingd.model.market import MINUTE
from tradingd.model.trading import OrderType, Product

if TYPE_CHECKING:
    from tradingd.core.graph.document import Document, Leg, Node
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
    Kind.MODIFY: ("[\\", "\\]"),
    Kind.SQUARE_OFF: ("((", "))"),
    Kind.END: ("(", ")"),
}
_LABEL_MAX = 120


def in_words(document: Document) -> str:
    """Return the strategy as lines of text: what it watches, then each node in the order of its rank."""
    back = document.way_back
    rank = ranks((node.id for node in document.nodes), (edge for edge in document.edges if edge not in back))
    children: dict[str, list[str]] = defaultdict(list)
    for source, target in document.edges:
        children[source].append(target)
    lines = [f"{document.name or document.id}", f"  {_watches(document)}"]
    for watched in document.lines:
        lines += [f"  {key} is {decl}" for key, decl in watched.indicators]
    lines += [f"  {name} begins at {value:g}" for name, value in document.variables]
    if document.intraday:
        lines.append("  intraday: flat before the end of each session")
    elif document.product is Product.CARRY_FORWARD:
        lines.append("  positions stay open over the end of a session")
    lines.append("")
    width = max(len(node.id) for node in document.nodes)
    for node in sorted(document.nodes, key=lambda n: (rank[n.id], n.id)):
        arms = f" -> {', '.join(children[node.id])}" if children[node.id] else ""
        lines.append(f"{rank[node.id]:3}  {node.id:{width}}  {_does(node, document)}{arms}")
    return "\n".join(lines) + "\n"


def mermaid(document: Document) -> str:
    """Return the strategy as a mermaid flowchart."""
    names = {node.id: f"n{i}" for i, node in enumerate(document.nodes)}
    lines = ["flowchart TD"]
    for node in document.nodes:
        opening, closing = _SHAPES[node.kind]
        title = f"{_escaped(node.label or node.id)}<br/>{_escaped(_does(node, document))}"
        lines.append(f'    {names[node.id]}{opening}"{title}"{closing}')
    lines += [f"    {names[source]} --> {names[target]}" for source, target in document.edges]
    return "\n".join(lines) + "\n"


def _watches(document: Document) -> str:
    kind = _TRADED.get(document.instrument_kind, "")
    watched = f"{document.exchange}:{document.symbol}"
    return f"watches closed {document.timeframe} bars of {watched}, trades {kind}{document.symbol}"


def _does(node: Node, document: Document) -> str:  # noqa: PLR0911 - one line a node
    match node:
        case Signal():
            once = "becomes true: " if node.trigger is Trigger.EDGE else ""
            return f"waits until {once}{condition_in_words(node.condition, document)}{_more(node, document)}"
        case Entry():
            return "; ".join(_leg(leg) for leg in sorted(node.legs, key=lambda leg: leg.priority))
        case Exit():
            return _closes(node)
        case AlertNode():
            return f"alerts ({node.type.value}): {' '.join(node.message.split())}"
        case Modify():
            return f"sets {_guarded(node.protection)} of position {node.vpi}"
        case SquareOff():
            return _ends(node)
        case End():
            return "ends this path"
        case _:
            return "begins each session"


def _more(node: Signal, document: Document) -> str:
    """Say what else a signal does than to fire."""
    parts = []
    if node.again is not None:
        parts.append(f"in a re-entry: {condition_in_words(node.again, document)}")
    parts += [f"keeps {name} = {operand_in_words(operand, document)}" for name, operand in node.variables]
    parts += [f"sets {name} to {operand_in_words(operand, document)}" for name, operand in node.updates]
    if node.re_entry is not None:
        times = "without limit" if node.re_entry.limit is None else f"at most {node.re_entry.limit} times"
        parts.append(f"then enters again, {times} (group {node.re_entry.group})")
    return "".join(f"; {part}" for part in parts)


def _ends(node: SquareOff) -> str:
    when = []
    if node.immediate:
        when.append("at once")
    if node.at is not None and node.at.second is not None:
        when.append(f"at {clock_in_words(node.at.second)}")
    if node.at is not None and node.at.before_close is not None:
        when.append(f"{node.at.before_close // MINUTE} min before the session's end")
    if node.profit is not None:
        when.append(f"at a profit of {node.profit.normalize():f}")
    if node.loss is not None:
        when.append(f"at a loss of {node.loss.normalize():f}")
    what = "closes everything and ends" if node.closes else "ends, leaving open what is open,"
    return f"{what} {' or '.join(when) or 'never'}"


_UNITS = {Measure.POINTS: " points", Measure.PERCENTAGE: " %", Measure.PNL: " in money", Measure.PRICE: ""}


def _guarded(protection: Protection) -> str:
    parts = [
        f"{name} {level.value.normalize():f}{_UNITS[level.measure]}"
        for name, level in (("stop", protection.stop), ("target", protection.target))
        if level is not None
    ]
    trail = protection.trail
    if trail is not None:
        begin = "" if trail.distance is None else f" {trail.distance.normalize():f}{_UNITS[trail.measure]} behind"
        step = f", {trail.shift.normalize():f} for every {trail.step.normalize():f}" if trail.step else ""
        parts.append(f"trail{begin}{step}{' of the underlying' if trail.underlying else ''}")
    return ", ".join(parts)


def _leg(leg: Leg) -> str:
    lots = f"{leg.quantity.normalize():f} lot{'' if leg.quantity == 1 else 's'}"
    contract = f" of {_contract(leg.choice)}" if leg.choice else ""
    stage = f"stage {leg.priority}: " if leg.priority > 1 else ""
    lot = f", lot size {leg.multiplier.normalize():f} expected" if leg.multiplier else ""
    tag = f", tag {leg.tag}" if leg.tag else ""
    most = f", at most {leg.max_entries} times a session" if leg.max_entries else ""
    kept = leg.product.value.replace("_", " ")
    guard = f", {_guarded(leg.protection)}" if leg.protection != Protection() else ""
    return (
        f"{stage}{leg.side.value}s {lots}{contract} {_price(leg)}, {kept}{lot} (position {leg.vpi}{tag}){most}{guard}"
    )


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
