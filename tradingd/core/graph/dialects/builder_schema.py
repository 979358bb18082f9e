"""The builder dialect as models: every envelope, node type, key and value its editor can save.

This is the closed table of keys (`keys()`) and the JSON Schema (`schema()`) of what is read. It judges one part
at a time, by itself and by the facts of the start node; `builder.py` turns judged parts into the canonical document,
and what needs the whole graph is `verify.py`'s.
"""

# Annotations are evaluated here: pydantic reads them.
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, Tag, ValidationInfo, field_validator

from tradingd.core.graph.dialects import builder_expressions, spellings
from tradingd.core.graph.dialects.builder_expressions import AnyRead, ListRead, TimeText
from tradingd.core.graph.dialects.fields import (
    Amount,
    Label,
    MaybeName,
    Name,
    Number,
    Part,
    Spelled,
    Whole,
    refuse,
)
from tradingd.core.graph.dialects.protections import PostExecution, PriceLevel, TrailingConfig
from tradingd.core.graph.dialects.seed_schema import (
    AlertData,
    EdgePart,
    EntryData,
    Envelope,
    ExitData,
    NodeData,
    NodePart,
    TimeframeText,
    TradingInstrument,
    parts_of,
)
from tradingd.core.graph.document import Kind, Trigger
from tradingd.core.graph.expressions import Logic, Op
from tradingd.model.instrument import InstrumentKind
from tradingd.model.trading import Product

_LISTS, _RANGES = (Op.IN, Op.NOT_IN), (Op.BETWEEN, Op.NOT_BETWEEN)


# --- conditions --------------------------------------------------------------------------------------------------


class BuilderCondition(Part):
    """One comparison."""

    id: MaybeName = Field(None, description="Its name in traces; its place in the group where absent.")
    operator: Annotated[Op, Spelled(spellings.OPERATORS)] = Field(description="How the sides are compared.")
    lhs: AnyRead = Field(description="The left side.")
    rhs: AnyRead = Field(description="The right side; the lower bound of a range; the list of in, not_in.")
    rhs_upper: AnyRead | None = Field(
        None, description="The upper bound of between, not_between; of nothing else.", validate_default=True
    )

    @field_validator("lhs", "rhs", "rhs_upper")
    @classmethod
    def _fits(cls, side: Any, info: ValidationInfo) -> Any:
        op = info.data.get("operator")
        several = isinstance(side, ListRead) and side.aggregation_type is None
        if several and (info.field_name != "rhs" or (op is not None and op not in _LISTS)):
            refuse("type-mismatch", "a list can only be the right side of in and not_in; or choose an aggregation")
        if op in _LISTS and info.field_name == "rhs" and not several:
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


class ConditionGroup(Part):
    """Conditions and groups joined by AND, OR, NOT."""

    id: MaybeName = Field(None, description="Its name on the canvas.")
    group_logic: Annotated[Logic, Spelled(spellings.LOGIC)] = Field(description="How the members are joined.")
    conditions: "list[BuilderMember]" = Field(description="The members, at least one; exactly one for NOT.")

    @field_validator("conditions")
    @classmethod
    def _some(cls, members: list[Any], info: ValidationInfo) -> list[Any]:
        if not members:
            refuse("empty-group", "this group has no conditions; add one or remove the group")
        if info.data.get("group_logic") is Logic.NOT and len(members) > 1:
            refuse("not-takes-one", f"not takes one member, here are {len(members)}; put them into a group")
        return members


def _tag_of_member(value: Any) -> str | None:
    if not isinstance(value, dict):
        return None
    return "ConditionGroup" if "conditions" in value or "groupLogic" in value else "BuilderCondition"


BuilderMember = Annotated[
    Annotated[ConditionGroup, Tag("ConditionGroup")] | Annotated[BuilderCondition, Tag("BuilderCondition")],
    Discriminator(_tag_of_member, custom_error_type="unknown-member", custom_error_message="-"),
]
ConditionGroup.model_rebuild()
TAGS = builder_expressions.TAGS | {"ConditionGroup", "BuilderCondition"}
"""What pydantic adds to the place of an error inside a union; no part of a pointer."""


def _if_switched_on(value: Any, info: ValidationInfo) -> Any:
    """Read other conditions only where the drawing says that there are such."""
    if not info.data.get(f"has_{info.field_name}"):
        return None
    if not value:
        refuse("empty-group", "re-entries are said to have conditions of their own; add one, or switch them off")
    return value


Roots = list[BuilderMember]
"""Groups of which all must hold."""
Again = Annotated[list[BuilderMember] | None, BeforeValidator(_if_switched_on)]
"""Other conditions, for re-entries."""


# --- the start node ----------------------------------------------------------------------------------------------


class BuilderIndicator(Part):
    """One declared indicator; its parameters are those of the catalogue (`tradingd indicators`)."""

    model_config = ConfigDict(extra="allow")
    indicator_name: Name = Field(alias="indicator_name", description="Its name in the catalogue.")
    price_field: MaybeName = Field(None, alias="price_field", description="The price it is computed from.")


class TimeframePart(Part):
    """One timeframe with what is computed on it."""

    id: MaybeName = Field(None, description="What expressions call it; the timeframe itself where absent.")
    timeframe: TimeframeText = Field(description="Width of a bar, as 1m, 15m, 1h, 1d.")
    indicators: dict[str, BuilderIndicator] = Field({}, description="Indicators by the key expressions name them by.")


class InstrumentConfig(Part):
    """An instrument and its timeframes."""

    symbol: Label = Field(description="The venue's name of what is watched.")
    type: Annotated[InstrumentKind, Spelled(spellings.INSTRUMENTS)] | None = Field(None, description="What it is.")
    timeframes: list[TimeframePart] = Field(description="What is read of it.")

    @field_validator("timeframes")
    @classmethod
    def _once(cls, timeframes: list[TimeframePart]) -> list[TimeframePart]:
        names = [part.id or str(part.timeframe) for part in timeframes]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            refuse("duplicate-id", f"several timeframes have the id {', '.join(twice)}; ids are unique")
        return timeframes


class BuilderStartData(NodeData):
    """What the strategy watches and trades."""

    exchange: Annotated[str, Spelled(spellings.EXCHANGES)] = Field(description="Where the symbols are listed.")
    trading_instrument: TradingInstrument | None = Field(None, description="What the entries trade.")
    trading_instrument_config: InstrumentConfig = Field(description="What is watched: symbol and timeframes.")
    supporting_instrument_enabled: bool | None = Field(None, description="Whether a second instrument is watched.")
    supporting_instrument_config: InstrumentConfig | None = Field(None, description="That instrument.")
    strategy_type: Annotated[Product, Spelled(spellings.PRODUCTS)] | None = Field(
        None, description="intraday: flat by each session's end; carryforward: positions stay open over it."
    )
    symbol: Any = Field(None, description="Of the seed dialect; refused beside tradingInstrumentConfig.")

    @field_validator("trading_instrument_config")
    @classmethod
    def _watched(cls, config: InstrumentConfig) -> InstrumentConfig:
        if not config.symbol.strip():
            refuse("empty", "the trading instrument has no symbol")
        if not config.timeframes:
            refuse("empty", "the trading instrument has no timeframe; add one")
        return config

    @field_validator("symbol")
    @classmethod
    def _one_dialect(cls, symbol: Any) -> Any:
        if symbol is not None:
            refuse("dialect-ambiguous", "the start node has both symbol and tradingInstrumentConfig; remove one")
        return symbol


# --- signals -----------------------------------------------------------------------------------------------------


class VariablePart(Part):
    """A number that is kept when the signal fires."""

    id: MaybeName = Field(None, description="Its id on the canvas.")
    name: Name = Field(description="Its name.")
    expression: AnyRead = Field(description="What is kept.")


class UpdatePart(Part):
    """What a global variable becomes when the signal fires."""

    global_variable_id: MaybeName = Field(None, description="Which variable, by id.")
    global_variable_name: MaybeName = Field(None, description="Which variable, by name.")
    expression: AnyRead = Field(description="What it becomes.")


class GlobalPart(Part):
    """A number of the whole strategy."""

    id: Name = Field(description="Its id.")
    name: MaybeName = Field(None, description="Its name.")
    initial_value: Number = Field(description="What it is at the start of a session.")


class BuilderSignalData(NodeData):
    """What a signal waits for."""

    conditions: Roots = Field(description="The condition: a list of groups, of which all must hold.")
    trigger: Annotated[Trigger, Spelled(spellings.TRIGGERS)] | None = Field(
        None, description="level (default): fires while true; edge: only when it became true since arming."
    )
    variables: list[VariablePart] = Field([], description="What is kept when it fires.")
    global_variable_updates: list[UpdatePart] = Field([], description="What global variables become.")
    has_re_entry_conditions: bool | None = Field(None, description="Whether re-entries have conditions of their own.")
    re_entry_conditions: Again = Field(None, description="Those conditions.", validate_default=True)
    has_re_entry_exit_conditions: bool | None = Field(
        None, description="Whether exits of re-entries have conditions of their own."
    )
    re_entry_exit_conditions: Again = Field(None, description="Those conditions.", validate_default=True)

    @property
    def again(self) -> tuple[str, list[Any]] | None:
        """The conditions for the runs of re-entries, with the key they stand at."""
        if self.re_entry_exit_conditions:
            return "reEntryExitConditions", self.re_entry_exit_conditions
        return ("reEntryConditions", self.re_entry_conditions) if self.re_entry_conditions else None

    @field_validator("conditions")
    @classmethod
    def _some(cls, roots: list[Any]) -> list[Any]:
        if not roots:
            refuse("empty-group", "this signal has no conditions; add one")
        return roots

    @field_validator("variables")
    @classmethod
    def _distinct(cls, variables: list[VariablePart]) -> list[VariablePart]:
        names = [variable.name for variable in variables]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            refuse("duplicate-id", f"several variables are named {', '.join(twice)}; names are unique in a node")
        return variables


class RetryConfig(Part):
    """How often an entry may run again."""

    group_number: Whole | None = Field(1, description="Re-entries of one group share one budget.")
    max_re_entries: Annotated[Whole, Field(ge=0)] | None = Field(None, description="Re-entries; null: no limit.")
    max_entries: Annotated[Whole, Field(ge=1)] | None = Field(None, description="All entries; null: no limit.")


class ReEntrySignalData(BuilderSignalData):
    """What a re-entry waits for."""

    retry_config: RetryConfig = Field(description="How often.")
    target_entry_node_id: MaybeName = Field(None, description="The entry that its edge leads to.")


# --- modify, square-off, ends ------------------------------------------------------------------------------------


class Modifications(Part):
    """What becomes of a position."""

    stop_loss: PriceLevel | None = Field(None, description="Where it is closed at a loss.")
    take_profit: PriceLevel | None = Field(None, description="Where it is closed at a profit.")
    target: PriceLevel | None = Field(None, description="The same, by its other name.")
    trailing_config: TrailingConfig | None = Field(None, description="How the stop follows the price.")
    post_execution_config: PostExecution | None = Field(None, description="Stop, target and trail.")


class ModifiedPosition(Modifications):
    """What becomes of one position."""

    vpi: Name = Field(description="The position.")


class ModifyData(NodeData):
    """What a modification changes."""

    action_type: Literal["modify"] = Field("modify", description="What the node does.")
    target_position_id: MaybeName = Field(None, description="The position's vpi.")
    modifications: Modifications | None = Field(None, description="What becomes of it.")
    positions: list[ModifiedPosition] = Field([], description="Several positions, each with what becomes of it.")

    @field_validator("positions")
    @classmethod
    def _one(cls, positions: list[ModifiedPosition], info: ValidationInfo) -> list[ModifiedPosition]:
        if len(positions) + (info.data.get("modifications") is not None) != 1:
            refuse("not-supported", "a modification changes one position: say one, in modifications or positions")
        return positions


class Switch(Part):
    """What is on or off."""

    enabled: bool = Field(default=False, description="Whether it is on.")


class TimeExit(Switch):
    """The end at a time."""

    exit_time: Annotated[TimeText | None, BeforeValidator(lambda v: None if v == "" else v)] = Field(
        None, description="HH:MM."
    )
    exit_at_market_close: bool = Field(default=False, description="So long before the session's end instead.")
    minutes_before_close: Annotated[Whole, Field(ge=0, le=1440)] | None = Field(None, description="How long.")

    @field_validator("minutes_before_close")
    @classmethod
    def _when(cls, minutes: int | None, info: ValidationInfo) -> int | None:
        on, at_close = info.data.get("enabled"), info.data.get("exit_at_market_close")
        if on and not at_close and info.data.get("exit_time", 0) is None:
            refuse("missing-key", "the exit by time is on: say exitTime, or exitAtMarketClose and minutesBeforeClose")
        return minutes

    model_config = ConfigDict(validate_default=True)


class ProfitTarget(Switch):
    """The end at a profit."""

    target_amount: Amount | None = Field(None, description="Money, or percent of initialCapital.")
    target_type: Literal["absolute", "percentage"] = Field("absolute", description="absolute or percentage.")
    initial_capital: Amount | None = Field(None, description="What percentages are of.")


class LossLimit(Switch):
    """The end at a loss."""

    limit_amount: Amount | None = Field(None, description="Money, or percent of initialCapital.")
    limit_type: Literal["absolute", "percentage"] = Field("absolute", description="absolute or percentage.")
    initial_capital: Amount | None = Field(None, description="What percentages are of.")


class PerformanceExit(Switch):
    """The end by the session's profit or loss."""

    daily_pnl_target: ProfitTarget | None = Field(None, alias="dailyPnLTarget", description="At a profit.")
    daily_loss_limit: LossLimit | None = Field(None, description="At a loss.")


class Closure(Part):
    """How positions are closed."""

    order_type: Literal["market"] = Field("market", description="market.")


class EndConditions(Part):
    """When a strategy ends for the session."""

    immediate_exit: Switch | None = Field(None, description="As soon as the node is armed.")
    time_based_exit: TimeExit | None = Field(None, description="At a time.")
    performance_based_exit: PerformanceExit | None = Field(None, description="At a profit or loss.")
    position_closure: Closure | None = Field(None, description="How positions are closed.")
    alert_notification: Switch | None = Field(None, description="Whether a person is told.")


class SquareOffData(NodeData):
    """When everything is closed."""

    message: Label | None = Field(None, description="What a person is told.")
    end_conditions: EndConditions = Field(description="When.")


class ForceEndData(NodeData):
    """The end of the strategy for the session, once armed."""

    close_positions: bool | None = Field(None, description="Whether everything is closed.")
    close_all: bool | None = Field(None, description="The same, by its other name.")
    message: Label | None = Field(None, description="What a person is told.")


class EndData(NodeData):
    """The end of a path."""


# --- nodes and envelopes -----------------------------------------------------------------------------------------


class BuilderNode(NodePart):
    """What every node of this dialect has."""


class BuilderStart(BuilderNode):
    """Where a strategy begins."""

    kind: ClassVar[Kind] = Kind.START
    type: Literal["startNode"] = Field(description="Kind of node.")
    data: BuilderStartData = Field(description="Its settings.")


class BuilderSignal(BuilderNode):
    """Waits for a condition."""

    kind: ClassVar[Kind] = Kind.SIGNAL
    type: Literal["signalNode", "entrySignalNode", "exitSignalNode"] = Field(description="Kind of node.")
    data: BuilderSignalData = Field(description="Its settings.")


class ReEntrySignal(BuilderNode):
    """Waits for a condition, then lets an entry run again."""

    kind: ClassVar[Kind] = Kind.SIGNAL
    returns: ClassVar[bool] = True
    type: Literal["reEntrySignalNode", "retryNode"] = Field(description="Kind of node.")
    data: ReEntrySignalData = Field(description="Its settings.")


class BuilderEntry(BuilderNode):
    """Opens positions."""

    kind: ClassVar[Kind] = Kind.ENTRY
    type: Literal["entryNode", "actionNode"] = Field(description="Kind of node.")
    data: EntryData = Field(description="Its settings.")


class BuilderExit(BuilderNode):
    """Closes positions."""

    kind: ClassVar[Kind] = Kind.EXIT
    type: Literal["exitNode", "actionNode"] = Field(description="Kind of node.")
    data: ExitData = Field(ExitData.model_validate({}), description="Its settings.")


class BuilderAlert(BuilderNode):
    """Tells a person."""

    kind: ClassVar[Kind] = Kind.ALERT
    type: Literal["alertNode", "actionNode"] = Field(description="Kind of node.")
    data: AlertData = Field(description="Its settings.")


class ModifyNode(BuilderNode):
    """Changes where a position is closed by its price."""

    kind: ClassVar[Kind] = Kind.MODIFY
    type: Literal["modifyNode", "actionNode"] = Field(description="Kind of node.")
    data: ModifyData = Field(description="Its settings.")


class SquareOffNode(BuilderNode):
    """Closes everything and ends the strategy for the session."""

    kind: ClassVar[Kind] = Kind.SQUARE_OFF
    type: Literal["squareOffNode"] = Field(description="Kind of node.")
    data: SquareOffData = Field(description="Its settings.")


class ForceEndNode(BuilderNode):
    """Ends the strategy for the session."""

    kind: ClassVar[Kind] = Kind.SQUARE_OFF
    type: Literal["forceEndNode"] = Field(description="Kind of node.")
    data: ForceEndData = Field(ForceEndData.model_validate({}), description="Its settings.")


class EndNode(BuilderNode):
    """Ends a path."""

    kind: ClassVar[Kind] = Kind.END
    type: Literal["endNode"] = Field(description="Kind of node.")
    data: EndData = Field(EndData.model_validate({}), description="Its settings.")


class BuilderEnvelope(Envelope):
    """A strategy as the editor exports it, or as its engines take it (strategy_id)."""

    id: MaybeName = Field(None, description="The strategy's id; its name where absent.")
    strategy_id: MaybeName = Field(None, alias="strategy_id", description="The same, by its other name.")
    name: Name = Field(description="Its name.")
    global_variables: list[GlobalPart] = Field([], description="Numbers of the whole strategy.")

    @property
    def identity(self) -> str:
        """The strategy's id."""
        return self.id or self.strategy_id or self.name


class Row(Part):
    """A strategy as a row of the editor's database: the document one level down."""

    id: MaybeName = Field(None, description="The strategy's id; its name where absent.")
    name: Name = Field(description="Its name.")
    strategy: dict[str, Any] = Field(description="Nodes and edges.")


NODES: dict[str, type[BuilderNode]] = {
    "startNode": BuilderStart, "signalNode": BuilderSignal, "entrySignalNode": BuilderSignal,
    "exitSignalNode": BuilderSignal, "reEntrySignalNode": ReEntrySignal, "retryNode": ReEntrySignal,
    "entryNode": BuilderEntry, "exitNode": BuilderExit, "alertNode": BuilderAlert, "modifyNode": ModifyNode,
    "squareOffNode": SquareOffNode, "forceEndNode": ForceEndNode, "endNode": EndNode,
}  # fmt: skip
"""The model of each node type."""

ACTIONS: dict[str, type[BuilderNode]] = {
    "entry": BuilderEntry, "exit": BuilderExit, "alert": BuilderAlert, "modify": ModifyNode,
}  # fmt: skip
"""What an `actionNode` is, by its `actionType`."""


def _tag_of_node(value: Any) -> str | None:
    model = model_of(value)
    return None if model is None else model.__name__


def model_of(raw: Any) -> type[BuilderNode] | None:
    """Return the model that a node is judged by, none where its type is not known."""
    kind = raw.get("type") if isinstance(raw, dict) else None
    if kind == "actionNode":
        data = raw.get("data")
        action = data.get("actionType") if isinstance(data, dict) else None
        return ACTIONS.get(action) if isinstance(action, str) else None
    return NODES.get(kind) if isinstance(kind, str) else None


class BuilderStrategy(BuilderEnvelope):
    """A strategy document of the builder dialect."""

    model_config = ConfigDict(title="Strategy (builder dialect)")
    nodes: list[
        Annotated[BuilderStart, Tag("BuilderStart")]
        | Annotated[BuilderSignal, Tag("BuilderSignal")]
        | Annotated[ReEntrySignal, Tag("ReEntrySignal")]
        | Annotated[BuilderEntry, Tag("BuilderEntry")]
        | Annotated[BuilderExit, Tag("BuilderExit")]
        | Annotated[BuilderAlert, Tag("BuilderAlert")]
        | Annotated[ModifyNode, Tag("ModifyNode")]
        | Annotated[SquareOffNode, Tag("SquareOffNode")]
        | Annotated[ForceEndNode, Tag("ForceEndNode")]
        | Annotated[EndNode, Tag("EndNode")]
    ] = Field(description="The nodes; one of them starts.")
    edges: list[EdgePart] = Field(description="The edges.")


def keys() -> dict[str, dict[str, str]]:
    """Return the closed table: for each part, every key and whether it is read, inert or carried."""
    return {name: part.keys() for name, part in (parts_of(BuilderStrategy) | parts_of(Row)).items()}


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a document of this dialect."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **BuilderStrategy.model_json_schema()}
