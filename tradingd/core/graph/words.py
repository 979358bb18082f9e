"""Expressions and conditions in plain words: as a person writes them, for `explain`, traces and alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradingd.core.graph.conditions import CROSSES
from tradingd.core.graph.expressions import (
    FORMING,
    Candle,
    CandleAt,
    CandleRange,
    Condition,
    Constant,
    CurrentTime,
    ExternalTrigger,
    Gathered,
    GlobalVariable,
    Group,
    IndicatorValue,
    Live,
    Logic,
    Math,
    NodeVariable,
    Op,
    Pnl,
    PositionValue,
    TimeOfDay,
    TimeOffset,
    Trailing,
)
from tradingd.model.market import SECOND

if TYPE_CHECKING:
    from tradingd.core.graph.document import Document
    from tradingd.core.graph.expressions import Mark, Operand


def condition_in_words(member: Condition | Group, document: Document) -> str:
    """Return a condition as a person writes it."""
    if isinstance(member, Condition):
        return _comparison(member, document)
    parts = [
        f"({text})" if isinstance(part, Group) and part.logic is not Logic.NOT and len(part.members) > 1 else text
        for part, text in ((m, condition_in_words(m, document)) for m in member.members)
    ]
    if member.logic is Logic.NOT:
        return f"not {parts[0]}" if parts[0].startswith("(") else f"not ({parts[0]})"
    return f" {member.logic.value} ".join(parts)


def _comparison(condition: Condition, document: Document) -> str:
    left, *right = (operand_in_words(o, document) for o in (condition.left, *condition.right))
    match condition.op:
        case Op.BETWEEN | Op.NOT_BETWEEN:
            return f"{left} {condition.op.value.replace('_', ' ')} {right[0]} and {right[1]}"
        case Op.IN | Op.NOT_IN:
            return f"{left} {condition.op.value.replace('_', ' ')} ({', '.join(right)})"
        case op if op in CROSSES:
            return f"{left} {op.value.replace('_', ' ')} {right[0]}"
        case op:
            return f"{left} {op.value} {right[0]}"


def operand_in_words(operand: Operand, document: Document) -> str:  # noqa: C901, PLR0911, PLR0912 - one line a kind
    """Return an expression as a person writes it."""
    match operand:
        case Constant(bool() as value):
            return str(value).lower()
        case Constant(value):
            return f"{value:g}" if isinstance(value, float) else repr(value)
        case IndicatorValue(key, output, back, line):
            own = dict(document.lines[line].indicators)[key].name
            return _of(_ago(key if output == own else f"{key}.{output}", back), line, document)
        case Candle(field, back, line):
            return _of(_ago(field, back), line, document)
        case CandleAt(field, line, second, number):
            which = f"bar {number} of the session" if second is None else f"the bar of {clock_in_words(second)}"
            return _of(f"{field} of {which}", line, document)
        case CandleRange(field, how, line):
            return _of(
                f"{how.value} of {field} from {_mark(operand.begin, document)}{_end(operand, document)}", line, document
            )
        case Live(field, line, vpi):
            whose = f"position {vpi}" if vpi else document.lines[line].symbol
            return f"{field} of {whose}"
        case CurrentTime():
            return "the time"
        case TimeOfDay(second):
            return clock_in_words(second)
        case TimeOffset(base, ns):
            way = "before" if ns < 0 else "after"
            return f"{abs(ns) / SECOND:g} s {way} {operand_in_words(base, document)}"
        case PositionValue(vpi, field):
            return f"{field} of position {vpi}"
        case Pnl(part, vpi, underlying):
            what = "P&L by the underlying" if underlying else "P&L"
            return f"{part} {what} of {f'position {vpi}' if vpi else 'all'}"
        case Trailing(vpi):
            return f"the trail of position {vpi}"
        case NodeVariable(node, name):
            return f"{node}.{name}"
        case GlobalVariable(name):
            return name
        case ExternalTrigger(pulse):
            return f"pulse {pulse}"
        case Math(first, rest):
            text = operand_in_words(first, document)
            return f"({text}{''.join(f' {op} {operand_in_words(o, document)}' for op, o in rest)})"
        case Gathered(how, operands):
            return f"{how.value}({', '.join(operand_in_words(o, document) for o in operands)})"


def clock_in_words(second: int) -> str:
    """Return a time of day as HH:MM, with seconds where there are any."""
    hours, rest = divmod(second, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours:02}:{minutes:02}" + (f":{seconds:02}" if seconds else "")


def _of(text: str, line: int, document: Document) -> str:
    """Add whose bars they are, where they are not those of the first line."""
    if not line:
        return text
    watched = document.lines[line]
    own = watched.instrument == document.lines[0].instrument
    return f"{text} ({watched.timeframe})" if own else f"{text} ({watched.symbol} {watched.timeframe})"


def _mark(mark: Mark, document: Document) -> str:
    return f"bar {mark.number}" if mark.time is None else operand_in_words(mark.time, document)


def _end(operand: CandleRange, document: Document) -> str:
    if operand.count:
        return f", {abs(operand.count)} bars {'on' if operand.count > 0 else 'before'}"
    return " on" if operand.end is None else f" to {_mark(operand.end, document)}"


def _ago(name: str, back: int) -> str:
    if back == FORMING:
        return f"{name} [forming]"
    return name if not back else f"{name} [{back} bar{'s' if back > 1 else ''} before]"
