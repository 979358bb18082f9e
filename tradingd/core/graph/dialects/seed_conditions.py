"""Conditions and expressions of the seed dialect as models: groups, comparisons, and what they compare.

They are judged by themselves and by the indicators that the start node declares; nothing here knows the graph,
or what a comparison will be worth.
"""

# Annotations are evaluated here: pydantic reads them.
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationInfo, WithJsonSchema, field_validator

from tradingd.core.graph.dialects import spellings
from tradingd.core.graph.dialects.fields import (
    LOOK_BACK_MAX,
    Facts,
    MaybeName,
    Name,
    Part,
    Spelled,
    Whole,
    refuse,
)
from tradingd.core.graph.dialects.text import brief
from tradingd.core.graph.expressions import Logic, Op

_LISTS = (Op.IN, Op.NOT_IN)
_RANGES = (Op.BETWEEN, Op.NOT_BETWEEN)

LATER_EXPRESSIONS = (
    "candle_data", "live_data", "current_time", "time_function", "position_time", "time_offset", "position_data",
    "pnl_data", "underlying_pnl", "trailing_variable", "node_variable", "global_variable", "math_expression",
    "expression", "function", "candle_range", "aggregation", "external_trigger",
)  # fmt: skip
"""Expressions of the builder dialect, which this one does not have."""

Back = Annotated[Whole, Field(ge=-LOOK_BACK_MAX, le=LOOK_BACK_MAX)]
_OFFSET = "Look-back: 0 is the last closed bar, 1 or -1 the one before."


class Expression(Part):
    """What all expressions may carry along."""


class MarketExpression(Expression):
    """What reads a series; this dialect has one instrument and one timeframe."""

    offset: Back | None = Field(0, description=_OFFSET)


class IndicatorExpression(MarketExpression):
    """An output of an indicator that the start node declares."""

    type: Literal["indicator"] = Field(description="Kind of expression.")
    name: Name = Field(description="Key of the indicator in the start node.")
    output: MaybeName = Field(None, description="Which output; the indicator's first where absent.")
    parameter: MaybeName = Field(None, description="The same, by its other name.")

    @field_validator("name")
    @classmethod
    def _declared(cls, name: str, info: ValidationInfo) -> str:
        outputs = Facts.of(info).outputs
        if outputs is not None and name not in outputs:
            refuse("unknown-indicator", f"indicator {brief(name)} is not declared by the start node", tuple(outputs))
        return name

    @field_validator("output", "parameter")
    @classmethod
    def _given(cls, output: str | None, info: ValidationInfo) -> str | None:
        known = (Facts.of(info).outputs or {}).get(info.data.get("name", ""))
        if output is None or known is None:
            return output
        folded = {o.casefold(): o for o in known}
        if output.casefold() not in folded:
            refuse("unknown-output", f"indicator {info.data['name']} has no output {brief(output)}", known)
        if info.data.get("output") not in (None, folded[output.casefold()]):
            refuse("contradiction", f"output says {info.data['output']}, parameter {output}; write one")
        return folded[output.casefold()]


class MarketDataExpression(MarketExpression):
    """A field of a closed bar."""

    type: Literal["market_data"] = Field(description="Kind of expression.")
    field: Annotated[str, Spelled(spellings.FIELDS)] = Field(description="Which field of the bar.")


def _scalar(value: Any) -> Any:
    if not isinstance(value, str | int | float):
        refuse("wrong-type", f"{brief(value)} is no constant; write a number, a text, true or false")
    return value


class ConstantExpression(Expression):
    """A number, a text or a truth value. `value` is what counts; an editor's `numberValue` may be stale."""

    type: Literal["constant"] = Field(description="Kind of expression.")
    value: Annotated[Any, BeforeValidator(_scalar), WithJsonSchema({"type": ["number", "string", "boolean"]})] = Field(
        description="The constant."
    )
    value_type: Literal["number", "string", "boolean", "status"] | None = Field(None, description="What the value is.")

    @field_validator("value_type")
    @classmethod
    def _agrees(cls, value_type: str | None, info: ValidationInfo) -> str | None:
        value = info.data.get("value")
        found = "boolean" if isinstance(value, bool) else "string" if isinstance(value, str) else "number"
        wanted = "string" if value_type == "status" else value_type
        if value is not None and wanted not in (None, found):
            refuse("type-mismatch", f"valueType is {value_type}, but value {brief(value)} is a {found}")
        return value_type


def _tag_of_expression(value: Any) -> str | None:
    kind = value.get("type") if isinstance(value, dict) else None
    return f"({kind})" if isinstance(kind, str) else None


Item = Annotated[
    Annotated[IndicatorExpression, Tag("(indicator)")]
    | Annotated[MarketDataExpression, Tag("(market_data)")]
    | Annotated[ConstantExpression, Tag("(constant)")],
    Discriminator(_tag_of_expression, custom_error_type="unknown-expression", custom_error_message="-"),
]


class ListExpression(Expression):
    """What `in` and `not_in` compare with."""

    type: Literal["list"] = Field(description="Kind of expression.")
    items: list[Item] = Field(description="Its members, at least one.")

    @field_validator("items")
    @classmethod
    def _some(cls, items: list[Any]) -> list[Any]:
        if not items:
            refuse("empty", "this list is empty, so nothing is ever in it; add an item")
        return items


AnyExpression = Annotated[
    Annotated[IndicatorExpression, Tag("(indicator)")]
    | Annotated[MarketDataExpression, Tag("(market_data)")]
    | Annotated[ConstantExpression, Tag("(constant)")]
    | Annotated[ListExpression, Tag("(list)")],
    Discriminator(_tag_of_expression, custom_error_type="unknown-expression", custom_error_message="-"),
]


class ConditionPart(Part):
    """One comparison."""

    id: MaybeName = Field(None, description="Its name in traces; its place in the group where absent.")
    type: Literal["condition"] = Field("condition", description="Kind of member.")
    operator: Annotated[Op, Spelled(spellings.OPERATORS)] = Field(description="How the sides are compared.")
    lhs: AnyExpression = Field(description="The left side.")
    rhs: AnyExpression = Field(description="The right side; the lower bound of a range; the list of in, not_in.")
    rhs_upper: AnyExpression | None = Field(
        None, description="The upper bound of between, not_between; of nothing else.", validate_default=True
    )

    @field_validator("lhs", "rhs", "rhs_upper")
    @classmethod
    def _fits(cls, side: Any, info: ValidationInfo) -> Any:
        op = info.data.get("operator")
        is_list = isinstance(side, ListExpression)
        if is_list and (info.field_name != "rhs" or (op is not None and op not in _LISTS)):
            refuse("type-mismatch", "a list can only be the right side of in and not_in")
        if op in _LISTS and info.field_name == "rhs" and not is_list:
            refuse("type-mismatch", f"{op.value} compares with a list, as {{type: list, items: [...]}}")
        return side

    @field_validator("rhs_upper")
    @classmethod
    def _bounded(cls, upper: Any, info: ValidationInfo) -> Any:
        op = info.data.get("operator")
        if op in _RANGES and upper is None:
            refuse("missing-key", f"{op.value} needs rhsUpper, the upper bound")
        if op is not None and op not in _RANGES and upper is not None:
            refuse("unexpected-key", f"{op.value} takes no rhsUpper; between and not_between do")
        return upper


def _tag_of_member(value: Any) -> str | None:
    if not isinstance(value, dict):
        return None
    kind = value.get("type", "group" if "conditions" in value else "condition")
    return f"({kind})" if isinstance(kind, str) else None


class GroupPart(Part):
    """Conditions and groups joined by and, or, not."""

    type: Literal["group"] = Field(description="Kind of member.")
    operator: Annotated[Logic, Spelled(spellings.LOGIC)] = Field(description="How the members are joined.")
    conditions: "list[Member]" = Field(description="The members, at least one; exactly one for not.")

    @field_validator("conditions")
    @classmethod
    def _some(cls, members: list[Any], info: ValidationInfo) -> list[Any]:
        if not members:
            refuse("empty-group", "this group has no conditions; add one or remove the group")
        if info.data.get("operator") is Logic.NOT and len(members) > 1:
            refuse("not-takes-one", f"not takes one member, here are {len(members)}; put them into an and, or an or")
        return members


Member = Annotated[
    Annotated[GroupPart, Tag("(group)")] | Annotated[ConditionPart, Tag("(condition)")],
    Discriminator(_tag_of_member, custom_error_type="unknown-member", custom_error_message="-"),
]
GroupPart.model_rebuild()

TAGS = frozenset({"(indicator)", "(market_data)", "(constant)", "(list)", "(group)", "(condition)"})
"""What pydantic adds to the place of an error inside a union; no part of a pointer."""
