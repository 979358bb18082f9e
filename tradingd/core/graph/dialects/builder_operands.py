"""Expressions of the builder dialect, judged already, as operands of the canonical document.

Look-backs are counted from the forming bar here and from the last closed one there; lists and ranges by count become
what they are made of. Nothing is judged but what only the canonical form shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradingd.core.graph.dialects import builder_expressions as read
from tradingd.core.graph.dialects import spellings
from tradingd.core.graph.expressions import (
    Candle,
    CandleAt,
    CandleRange,
    Constant,
    CurrentTime,
    ExternalTrigger,
    Gathered,
    Gathering,
    GlobalVariable,
    IndicatorValue,
    Live,
    Mark,
    Math,
    NodeVariable,
    Operand,
    Pnl,
    PositionValue,
    TimeOfDay,
    TimeOffset,
    Trailing,
)
from tradingd.model.market import DAY, HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tradingd.core.graph.dialects.fields import Facts
    from tradingd.model.market import Timeframe

_UNITS = {"days": DAY, "hours": HOUR, "minutes": MINUTE, "seconds": SECOND}


class Operands:
    """Turns expressions into operands; `timeframes` are those of the lines, `variables` global names by id or name."""

    def __init__(self, facts: Facts, timeframes: Sequence[Timeframe], variables: Mapping[str, str]) -> None:
        self._facts = facts
        self._timeframes = timeframes
        self._variables = variables

    def items(self, part: Any) -> list[Any]:
        """Return what a side compares with: a plain list's items, or the side itself."""
        return part.items if isinstance(part, read.ListRead) and part.aggregation_type is None else [part]

    def of(self, part: Any) -> Operand:  # noqa: C901, PLR0911, PLR0912 - one line an expression
        """Return the operand of an expression."""
        match part:
            case read.IndicatorRead():
                line = part.line(self._facts) or 0
                known = (self._facts.lines[line].outputs.get(part.name) if self._facts.lines else None) or ("",)
                return IndicatorValue(part.name, part.parameter or known[0], _back(part.offset), line)
            case read.CandleRead():
                return self._candle(part)
            case read.LiveRead():
                return self._live(part)
            case read.BuilderConstant():
                return _constant(part)
            case read.CurrentTimeRead():
                return CurrentTime()
            case read.TimeFunctionRead():
                return TimeOfDay(part.time_value)
            case read.PositionTimeRead():
                return PositionValue(part.vpi, part.time_field)
            case read.TimeOffsetRead():
                return TimeOffset(self.of(part.base_time), self._ns(part))
            case read.PositionDataRead():
                return PositionValue(part.vpi, part.position_field)
            case read.PnlRead():
                vpi = part.vpi if part.scope == "position" else None
                return Pnl(part.pnl_type, vpi or "", underlying=part.type == "underlying_pnl")
            case read.TrailingRead():
                return Trailing(part.variable_id)
            case read.NodeVariableRead():
                return NodeVariable(part.node_id, part.variable_name)
            case read.GlobalVariableRead():
                name = part.global_variable_id or part.global_variable_name or ""
                return GlobalVariable(self._variables.get(name, name))
            case read.MathRead():
                first, *rest = part.items
                return Math(self.of(first.expression), tuple((i.operator or "+", self.of(i.expression)) for i in rest))
            case read.OperationRead():
                return Math(self.of(part.left), ((part.operation, self.of(part.right)),))
            case read.FunctionRead():
                return Gathered(Gathering(part.function_name), tuple(map(self.of, part.expressions)))
            case read.CandleRangeRead():
                return self._range(part, part.aggregation_type)
            case read.AggregationRead() if part.candle_range is not None and part.source_type == "candle_range":
                return self._range(part.candle_range, part.aggregation_type)
            case read.AggregationRead():
                return Gathered(part.aggregation_type, tuple(map(self.of, part.expressions or ())))
            case read.ListRead():
                return Gathered(part.aggregation_type or Gathering.FIRST, tuple(map(self.of, part.items)))
            case _:
                return ExternalTrigger(part.trigger_id)

    def _candle(self, part: read.CandleRead) -> Operand:
        line, field = part.line(self._facts) or 0, part.field or part.data_field or ""
        match part.candle_selection_mode:
            case "by_time":
                return CandleAt(field, line, second=part.candle_time)
            case "by_number":
                return CandleAt(field, line, number=part.candle_number)
            case _:
                return Candle(field, _back(part.offset), line)

    def _live(self, part: read.LiveRead) -> Live:
        line = self._facts.first(part.instrument_type or "TI") if self._facts.lines else 0
        field = "ltp" if part.field.endswith("_ltp") else part.field
        return Live(field, line, "" if part.field == "underlying_ltp" else part.vpi or "")

    def _ns(self, part: read.TimeOffsetRead) -> int:
        if part.offset_type == "candles":
            line = self._facts.line(part.candle_instrument, part.candle_timeframe) or 0
            unit = self._timeframes[line].ns if self._timeframes else MINUTE
        else:
            unit = _UNITS[part.offset_type]
        ns = int(part.offset_value * unit)
        return -ns if part.direction == "before" else ns

    def _range(self, part: read.CandleRangeRead, how: Gathering) -> Operand:
        line, field = part.line(self._facts) or 0, part.ohlcv_field
        if part.range_type == "by_count":
            newest, oldest = sorted((part.start_index or 0, part.end_index or 0))
            return Gathered(how, tuple(Candle(field, i - 1, line) for i in range(oldest, newest - 1, -1)))
        if part.range_type == "by_time":
            begin, end = (Mark(TimeOfDay(second or 0)) for second in (part.start_time, part.end_time))
            return CandleRange(field, how, line, begin, end)
        count = part.candle_count or 0
        if part.reference_type == "current_candle":
            return Gathered(how, tuple(Candle(field, i, line) for i in range(count - 1, -1, -1)))
        begin = _mark(part)
        if part.range_type == "to_current":
            return CandleRange(field, how, line, begin)
        return CandleRange(field, how, line, begin, count=count if part.direction == "after" else -count)


def _mark(part: read.CandleRangeRead) -> Mark:
    match part.reference_type:
        case "time":
            return Mark(TimeOfDay(part.reference_time or 0))
        case "candle_number":
            return Mark(number=part.reference_candle_number)
        case "position_exit":
            return Mark(PositionValue(part.reference_vpi or "", "exitTime"))
        case _:
            return Mark(PositionValue(part.reference_vpi or "", "entryTime"))


def _back(offset: int | None) -> int:
    """Return the look-back from the last closed bar of one from the forming bar."""
    return abs(-1 if offset is None else offset) - 1


def _constant(part: read.BuilderConstant) -> Constant:
    value = part.constant()
    if part.value_type == "status":
        return Constant(spellings.STATUSES.find(value) or value)
    return Constant(value if isinstance(value, bool | str) else float(value) + 0.0)  # -0.0 becomes 0.0
