"""Expressions of the builder dialect as models: every type, every key, every value the editor can emit.

They are judged by themselves and by the start node's timeframes and indicators, as `Facts` has them; nothing here
knows positions, the graph, or what an expression will be worth. `builder_operands.py` turns them into operands.
"""

# Annotations are evaluated here: pydantic reads them.
import re
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from tradingd.core.graph.dialects import spellings
from tradingd.core.graph.dialects.fields import (
    LOOK_BACK_MAX,
    Facts,
    MaybeName,
    Name,
    Number,
    Part,
    Spelled,
    Whole,
    refuse,
)
from tradingd.core.graph.dialects.seed_conditions import Expression
from tradingd.core.graph.dialects.text import brief
from tradingd.core.graph.expressions import POSITION_TYPES, Gathering

_OFFSET = "Look-back: 0 is the bar that forms, -1 (or 1) the last closed one, -2 (or 2) the one before it."


_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]?\d)(?::([0-5]?\d))?")


def _second(value: Any) -> int:
    match = _CLOCK.fullmatch(value) if isinstance(value, str) and value.isascii() else None
    if match is None:
        refuse("bad-time", f"{brief(value)} is no time of day; write HH:MM, as 09:17")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


TimeText = Annotated[int, BeforeValidator(_second), WithJsonSchema({"type": "string"})]
"""A time of day, in seconds after midnight."""


def _none_if_none(value: Any) -> Any:
    return None if value in ("none", "") else value


class LineRead(Expression):
    """What reads bars: of which instrument and timeframe."""

    instrument_type: Annotated[str, Spelled(spellings.ROLES)] | None = Field(
        None, description="TI: what is traded; SI: the supporting instrument."
    )
    timeframe_id: MaybeName = Field(
        None, description="Id of the timeframe; the only one where absent.", validate_default=True
    )

    @field_validator("timeframe_id")
    @classmethod
    def _declared(cls, name: str | None, info: ValidationInfo) -> str | None:
        Facts.of(info).line(info.data.get("instrument_type"), name)
        return name

    def line(self, facts: Facts) -> int | None:
        """Return the index of the line that is read."""
        return facts.line(self.instrument_type, self.timeframe_id)


class IndicatorRead(LineRead):
    """An output of an indicator that its timeframe declares."""

    type: Literal["indicator"] = Field(description="Kind of expression.")
    name: Name = Field(description="Key of the indicator in its timeframe.")
    parameter: MaybeName = Field(None, description="Which output; the indicator's first where absent.")
    offset: Annotated[Whole, Field(ge=-LOOK_BACK_MAX, le=LOOK_BACK_MAX)] | None = Field(-1, description=_OFFSET)

    @field_validator("name")
    @classmethod
    def _known(cls, name: str, info: ValidationInfo) -> str:
        declared = _declared_at(info)
        if declared is not None and name not in declared:
            refuse("unknown-indicator", f"indicator {brief(name)} is not declared by its timeframe", tuple(declared))
        return name

    @field_validator("parameter")
    @classmethod
    def _given(cls, output: str | None, info: ValidationInfo) -> str | None:
        known = (_declared_at(info) or {}).get(info.data.get("name", ""))
        if output is None or known is None:
            return output
        folded = {o.casefold(): o for o in known}
        if output.casefold() not in folded:
            refuse("unknown-output", f"indicator {info.data['name']} has no output {brief(output)}", known)
        return folded[output.casefold()]


def _declared_at(info: ValidationInfo) -> dict[str, tuple[str, ...] | None] | None:
    """Return the indicators of the line that the expression reads, none where that is not known."""
    if "timeframe_id" not in info.data:
        return None
    facts = Facts.of(info)
    line = facts.line(info.data.get("instrument_type"), info.data["timeframe_id"])
    return None if line is None else facts.lines[line].outputs


class CandleRead(LineRead):
    """A field of a bar: by look-back, by the time of day it holds, or by its number in the session."""

    type: Literal["candle_data", "market_data"] = Field(description="Kind of expression.")
    field: Annotated[str, Spelled(spellings.FIELDS)] | None = Field(None, description="Which field of the bar.")
    data_field: Annotated[str, Spelled(spellings.FIELDS)] | None = Field(
        None, description="The same, by its other name.", validate_default=True
    )
    candle_selection_mode: Annotated[str, Spelled(spellings.SELECTIONS)] | None = Field(
        None, description="offset (default), by_time or by_number."
    )
    offset: Annotated[Whole, Field(ge=-LOOK_BACK_MAX, le=LOOK_BACK_MAX)] | None = Field(-1, description=_OFFSET)
    candle_time: TimeText | None = Field(None, description="HH:MM, where by_time.", validate_default=True)
    candle_number: Annotated[Whole, Field(ge=1, le=10_000)] | None = Field(
        None, description="From 1, where by_number.", validate_default=True
    )

    @field_validator("data_field")
    @classmethod
    def _once(cls, other: str | None, info: ValidationInfo) -> str | None:
        one = info.data.get("field", other)
        if one is None and other is None:
            refuse("missing-key", "say which field of the bar, as Close", spellings.FIELDS.suggested)
        if None not in (one, other) and one != other:
            refuse("contradiction", f"field says {one}, dataField {other}; write one")
        return other

    @field_validator("candle_time", "candle_number")
    @classmethod
    def _selected(cls, value: Any, info: ValidationInfo) -> Any:
        by = "by_time" if info.field_name == "candle_time" else "by_number"
        if value is None and info.data.get("candle_selection_mode") == by:
            refuse("missing-key", f"the bar is selected {by}: say {cls.key(info.field_name or '')}")
        return value


class LiveRead(Expression):
    """A price of now: of the underlying, or of what a position holds."""

    type: Literal["live_data"] = Field(description="Kind of expression.")
    field: Annotated[str, Spelled(spellings.LIVE_FIELDS)] = Field(description="Which figure.")
    instrument_type: Annotated[str, Spelled(spellings.ROLES)] | None = Field(None, description="TI or SI.")
    vpi: MaybeName = Field(None, description="The position, where its own price is meant.", validate_default=True)

    @field_validator("vpi")
    @classmethod
    def _of_a_position(cls, vpi: str | None, info: ValidationInfo) -> str | None:
        facts, field = Facts.of(info), info.data.get("field", "")
        if facts.lines:
            facts.first(info.data.get("instrument_type") or "TI")
        if field.startswith("position_") and vpi is None:
            refuse("missing-key", f"{field} needs the vpi of a position")
        return vpi


class BuilderConstant(Expression):
    """A number, a text or a truth value; a status or text may stand in the field of its own type.

    `value` is what counts; an editor's `numberValue` may be stale.
    """

    type: Literal["constant"] = Field(description="Kind of expression.")
    value: Any = Field(None, description="The constant.")
    string_value: Any = Field(None, description="A text, where value is absent.")
    boolean_value: Any = Field(None, description="true or false, where value is absent.")
    status_value: Any = Field(None, description="A status, where value is absent.")
    value_type: Literal["number", "string", "boolean", "status"] | None = Field(
        None, description="What the value is.", validate_default=True
    )

    def constant(self) -> Any:
        """Return the value that counts: `value`, else the one of its own type; a number has no other place."""
        other = {"string": self.string_value, "boolean": self.boolean_value, "status": self.status_value}
        return self.value if self.value is not None else other.get(self.value_type or "")

    @field_validator("value_type")
    @classmethod
    def _agrees(cls, value_type: str | None, info: ValidationInfo) -> str | None:
        value = info.data.get("value")
        if value is None:
            value = info.data.get(f"{value_type}_value") if value_type not in (None, "number") else None
        if not isinstance(value, str | int | float):
            refuse("missing-key", "this constant has no value; write a number, a text, true or false")
        found = "boolean" if isinstance(value, bool) else "string" if isinstance(value, str) else "number"
        wanted = "string" if value_type == "status" else value_type
        if wanted not in (None, found):
            refuse("type-mismatch", f"valueType is {value_type}, but value {brief(value)} is a {found}")
        return value_type


class CurrentTimeRead(Expression):
    """The time of the instant."""

    type: Literal["current_time"] = Field(description="Kind of expression.")


class TimeFunctionRead(Expression):
    """A time of day."""

    type: Literal["time_function"] = Field(description="Kind of expression.")
    time_value: TimeText = Field(description="HH:MM in the exchange's zone.")


class PositionTimeRead(Expression):
    """When a position was entered or left."""

    type: Literal["position_time"] = Field(description="Kind of expression.")
    vpi: Name = Field(description="The position.")
    time_field: Literal["entryTime", "exitTime"] = Field("entryTime", description="Which time.")


class TimeOffsetRead(Expression):
    """A time before or after another."""

    type: Literal["time_offset"] = Field(description="Kind of expression.")
    base_time: "AnyRead" = Field(description="The other time.")
    offset_type: Literal["days", "hours", "minutes", "seconds", "candles"] = Field(description="The unit.")
    offset_value: Annotated[Number, Field(ge=0, le=100_000)] = Field(description="How many.")
    direction: Literal["before", "after"] = Field("after", description="before or after.")
    candle_timeframe: MaybeName = Field(None, description="The timeframe that candles are counted in.")
    candle_instrument: Annotated[str, Spelled(spellings.ROLES)] | None = Field(
        None, description="TI or SI.", validate_default=True
    )

    @field_validator("candle_instrument")
    @classmethod
    def _counted(cls, role: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("offset_type") == "candles":
            Facts.of(info).line(role, info.data.get("candle_timeframe"))
        return role


class PositionDataRead(Expression):
    """A property of a position."""

    type: Literal["position_data"] = Field(description="Kind of expression.")
    vpi: Name = Field(description="The position.")
    position_field: Literal[tuple(POSITION_TYPES)] = Field(description="Which property.")  # type: ignore[valid-type] # the table's keys


class PnlRead(Expression):
    """Profit and loss, of a position or of all."""

    type: Literal["pnl_data", "underlying_pnl"] = Field(description="Kind of expression.")
    pnl_type: Literal["realized", "unrealized", "total"] = Field("total", description="Which part.")
    scope: Literal["position", "overall"] = Field("overall", description="Of one position, or of all.")
    vpi: MaybeName = Field(None, description="The position.", validate_default=True)

    @field_validator("vpi")
    @classmethod
    def _scoped(cls, vpi: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("scope") == "position" and vpi is None:
            refuse("missing-key", "scope is position: say which, as vpi")
        return vpi


class TrailingRead(Expression):
    """The level that a position trails."""

    type: Literal["trailing_variable"] = Field(description="Kind of expression.")
    variable_id: Name = Field(description="The position's vpi.")
    trailing_field: Literal["trailingPosition", "trailingUnderlying"] = Field(
        "trailingPosition", description="By its own price, or by its underlying's."
    )


class NodeVariableRead(Expression):
    """What a signal stored when it last fired."""

    type: Literal["node_variable"] = Field(description="Kind of expression.")
    node_id: Name = Field(description="The signal.")
    variable_name: Name = Field(description="The variable's name.")


class GlobalVariableRead(Expression):
    """A number of the whole strategy."""

    type: Literal["global_variable"] = Field(description="Kind of expression.")
    global_variable_id: MaybeName = Field(None, description="Its id.")
    global_variable_name: MaybeName = Field(None, description="Its name.", validate_default=True)

    @field_validator("global_variable_name")
    @classmethod
    def _named(cls, name: str | None, info: ValidationInfo) -> str | None:
        if name is None and info.data.get("global_variable_id") is None:
            refuse("missing-key", "say which variable, as globalVariableId")
        return name


class MathItem(Part):
    """One operand, with the operator before it."""

    expression: "AnyRead" = Field(description="The operand.")
    operator: Literal["+", "-", "*", "/", "+%", "-%"] | None = Field(None, description="What joins it to the left.")


class MathRead(Expression):
    """Arithmetic from left to right."""

    type: Literal["math_expression"] = Field(description="Kind of expression.")
    items: list[MathItem] = Field(description="The operands, in order.")

    @field_validator("items")
    @classmethod
    def _joined(cls, items: list[MathItem]) -> list[MathItem]:
        if not items:
            refuse("empty", "this expression has no items; add one")
        for i, item in enumerate(items[1:], 1):
            if item.operator is None:
                refuse("missing-key", f"item {i + 1} has no operator, as +")
        return items


class OperationRead(Expression):
    """Arithmetic of two operands, as older editors wrote it."""

    type: Literal["expression"] = Field(description="Kind of expression.")
    operation: Literal["+", "-", "*", "/", "+%", "-%"] = Field(description="What joins them.")
    left: "AnyRead" = Field(description="The left operand.")
    right: "AnyRead" = Field(description="The right operand.")


class FunctionRead(Expression):
    """The least, the greatest, or the absolute value of expressions."""

    type: Literal["function"] = Field(description="Kind of expression.")
    function_name: Literal["min", "max", "abs"] = Field(description="min, max or abs.")
    expressions: "list[AnyRead]" = Field(description="At least one; exactly one for abs.")

    @field_validator("expressions")
    @classmethod
    def _some(cls, expressions: list[Any], info: ValidationInfo) -> list[Any]:
        if not expressions or (info.data.get("function_name") == "abs" and len(expressions) > 1):
            refuse("empty" if not expressions else "out-of-range", f"{len(expressions)} expressions do not fit here")
        return expressions


class CandleRangeRead(LineRead):
    """One number made of a field of bars in a row."""

    type: Literal["candle_range"] = Field(description="Kind of expression.")
    range_type: Literal["by_count", "by_time", "relative", "to_current"] = Field(description="How bars are chosen.")
    ohlcv_field: Annotated[str, Spelled(spellings.FIELDS)] = Field("close", description="Which field.")
    aggregation_type: Annotated[Gathering, Spelled(spellings.GATHERINGS)] = Field(description="What is made of them.")
    start_index: Annotated[Whole, Field(ge=0, le=LOOK_BACK_MAX)] | None = Field(None, description="by_count: 0 forms.")
    end_index: Annotated[Whole, Field(ge=0, le=LOOK_BACK_MAX)] | None = Field(None, description="by_count: the other.")
    start_time: TimeText | None = Field(None, description="by_time: HH:MM.")
    end_time: TimeText | None = Field(None, description="by_time: HH:MM.")
    reference_type: Literal["time", "candle_number", "position_entry", "position_exit", "current_candle"] | None = (
        Field(None, description="relative, to_current: from where.")
    )
    reference_time: TimeText | None = Field(None, description="HH:MM, where time.")
    reference_candle_number: Annotated[Whole, Field(ge=1, le=10_000)] | None = Field(None, description="From 1.")
    reference_vpi: MaybeName = Field(None, description="The position.")
    candle_count: Annotated[Whole, Field(ge=1, le=LOOK_BACK_MAX)] | None = Field(
        None, description="relative: how many."
    )
    direction: Literal["before", "after"] = Field("before", description="relative: before or after it.")

    @field_validator("direction")
    @classmethod
    def _complete(cls, direction: str, info: ValidationInfo) -> str:
        given, wanted = info.data, []
        match given.get("range_type"):
            case "by_count":
                wanted = ["start_index", "end_index"]
            case "by_time":
                wanted = ["start_time", "end_time"]
            case "relative":
                wanted = ["reference_type", "candle_count"]
            case "to_current":
                wanted = ["reference_type"]
        references = {"time": "reference_time", "candle_number": "reference_candle_number"}
        references |= dict.fromkeys(("position_entry", "position_exit"), "reference_vpi")
        if "reference_type" in wanted and given.get("reference_type") in references:
            wanted.append(references[given["reference_type"]])
        missing = [cls.key(name) for name in wanted if name in given and given[name] is None]
        if missing:
            refuse("missing-key", f"range {given['range_type']} needs {', '.join(missing)}")
        return direction

    model_config = ConfigDict(validate_default=True)


class AggregationRead(Expression):
    """One number made of expressions, or of a candle range."""

    type: Literal["aggregation"] = Field(description="Kind of expression.")
    aggregation_type: Annotated[Gathering, Spelled(spellings.GATHERINGS)] = Field(description="What is made of them.")
    source_type: Literal["expression_list", "candle_range"] = Field("expression_list", description="Of what.")
    expressions: "list[AnyRead] | None" = Field(None, description="The expressions.")
    candle_range: CandleRangeRead | None = Field(None, description="The range.", validate_default=True)

    @field_validator("candle_range")
    @classmethod
    def _given(cls, candles: Any, info: ValidationInfo) -> Any:
        source = info.data.get("source_type")
        if (source == "candle_range" and candles is None) or (
            source == "expression_list" and "expressions" in info.data and not info.data["expressions"]
        ):
            refuse("missing-key", f"sourceType is {source}, but there is none")
        return candles


class ListRead(Expression):
    """Several expressions: what `in` compares with, or one number made of them."""

    type: Literal["list"] = Field(description="Kind of expression.")
    items: "list[AnyRead]" = Field(description="Its members, at least one.")
    aggregation_type: Annotated[
        Annotated[Gathering, Spelled(spellings.GATHERINGS)] | None, BeforeValidator(_none_if_none)
    ] = Field(None, description="What is made of them; none for a list.")

    @field_validator("items")
    @classmethod
    def _some(cls, items: list[Any]) -> list[Any]:
        if not items:
            refuse("empty", "this list is empty, so nothing is ever in it; add an item")
        return items


class TriggerRead(Expression):
    """Whether a pulse from outside comes at this very instant."""

    type: Literal["external_trigger"] = Field(description="Kind of expression.")
    trigger_id: Name = Field(description="The pulse's name.")
    trigger_type: MaybeName = Field(None, description="Kept for display.")
    parameters: dict[str, Any] | None = Field(None, description="Kept for display.")


READS: dict[str, type[Expression]] = {
    "indicator": IndicatorRead, "candle_data": CandleRead, "market_data": CandleRead, "live_data": LiveRead,
    "constant": BuilderConstant, "current_time": CurrentTimeRead, "time_function": TimeFunctionRead,
    "position_time": PositionTimeRead, "time_offset": TimeOffsetRead, "position_data": PositionDataRead,
    "pnl_data": PnlRead, "underlying_pnl": PnlRead, "trailing_variable": TrailingRead,
    "node_variable": NodeVariableRead, "global_variable": GlobalVariableRead, "math_expression": MathRead,
    "expression": OperationRead, "function": FunctionRead, "candle_range": CandleRangeRead,
    "aggregation": AggregationRead, "list": ListRead, "external_trigger": TriggerRead,
}  # fmt: skip
"""The model of each expression type."""


def _tag(value: Any) -> str | None:
    kind = value.get("type") if isinstance(value, dict) else None
    return READS[kind].__name__ if isinstance(kind, str) and kind in READS else None


AnyRead = Annotated[
    Annotated[IndicatorRead, Tag("IndicatorRead")]
    | Annotated[CandleRead, Tag("CandleRead")]
    | Annotated[LiveRead, Tag("LiveRead")]
    | Annotated[BuilderConstant, Tag("BuilderConstant")]
    | Annotated[CurrentTimeRead, Tag("CurrentTimeRead")]
    | Annotated[TimeFunctionRead, Tag("TimeFunctionRead")]
    | Annotated[PositionTimeRead, Tag("PositionTimeRead")]
    | Annotated[TimeOffsetRead, Tag("TimeOffsetRead")]
    | Annotated[PositionDataRead, Tag("PositionDataRead")]
    | Annotated[PnlRead, Tag("PnlRead")]
    | Annotated[TrailingRead, Tag("TrailingRead")]
    | Annotated[NodeVariableRead, Tag("NodeVariableRead")]
    | Annotated[GlobalVariableRead, Tag("GlobalVariableRead")]
    | Annotated[MathRead, Tag("MathRead")]
    | Annotated[OperationRead, Tag("OperationRead")]
    | Annotated[FunctionRead, Tag("FunctionRead")]
    | Annotated[CandleRangeRead, Tag("CandleRangeRead")]
    | Annotated[AggregationRead, Tag("AggregationRead")]
    | Annotated[ListRead, Tag("ListRead")]
    | Annotated[TriggerRead, Tag("TriggerRead")],
    Discriminator(_tag, custom_error_type="unknown-expression", custom_error_message="-"),
]
for _model in (TimeOffsetRead, MathItem, MathRead, OperationRead, FunctionRead, AggregationRead, ListRead):
    _model.model_rebuild()

TAGS = frozenset(model.__name__ for model in READS.values())
"""What pydantic adds to the place of an error inside a union; no part of a pointer."""
