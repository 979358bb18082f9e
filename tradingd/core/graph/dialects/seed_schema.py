"""The seed dialect as models: every node type, every key, every type, in one place.

This is the closed table of keys (`keys()`) and the JSON Schema (`schema()`) of what is read. It judges one part
at a time, by itself and by the facts of the start node; `seed.py` turns judged parts into the canonical document,
and what needs the whole graph is `verify.py`'s.
"""

# Annotations are evaluated here: pydantic reads them.
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BeforeValidator, ConfigDict, Field, ValidationInfo, WithJsonSchema, field_validator

from tradingd.core.graph.dialects import spellings
from tradingd.core.graph.dialects.fields import Label, MaybeName, Name, Part, Spelled, refuse
from tradingd.core.graph.dialects.orders import OrderConfig, PositionPart, ReEntryConfig
from tradingd.core.graph.dialects.protections import PostExecution
from tradingd.core.graph.dialects.seed_conditions import (
    Member,
)
from tradingd.core.graph.dialects.text import brief
from tradingd.core.graph.document import Kind, Trigger
from tradingd.model.instrument import InstrumentKind
from tradingd.model.market import Timeframe
from tradingd.model.trading import AlertType, Product


class NodeData(Part):
    """What the data of every node may hold."""

    label: Label | None = Field(None, description="Its name on the canvas.")


class IndicatorPart(Part):
    """One declared indicator; its parameters are those of the catalogue (`tradingd indicators`)."""

    model_config = ConfigDict(extra="allow")
    type: Name = Field(description="Its name in the catalogue.")
    source: MaybeName = Field(None, description="The price it is computed from; close where absent.")
    price_field: MaybeName = Field(None, alias="price_field", description="The same, by its other name.")

    @field_validator("price_field")
    @classmethod
    def _once(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("source") not in (None, value):
            refuse("contradiction", f"source says {info.data['source']}, price_field {value}; write one")
        return value


class TradingInstrument(Part):
    """What the entries trade."""

    type: Annotated[InstrumentKind, Spelled(spellings.INSTRUMENTS)] = Field(description="Kind of instrument.")
    underlying_type: Annotated[str, Spelled(spellings.UNDERLYINGS)] | None = Field(
        None, description="What derivatives are counted from."
    )


def _timeframe(value: Any) -> Timeframe:
    if not isinstance(value, str):
        refuse("wrong-type", f"{brief(value)} is no timeframe; write a number and a unit, as 5MIN or 1d")
    try:
        return Timeframe.parse(value)
    except ValueError as error:
        refuse("bad-timeframe", str(error))


TimeframeText = Annotated[Any, BeforeValidator(_timeframe), WithJsonSchema({"type": "string"})]
"""The width of a bar."""


class StartData(NodeData):
    """What the strategy watches and trades."""

    symbol: Name | None = Field(None, description="The venue's name of what is watched.", validate_default=True)
    timeframe: TimeframeText = Field(description="Width of a bar, as 5MIN, 1m, 1h, 1d.")
    exchange: Annotated[str, Spelled(spellings.EXCHANGES)] = Field(description="Where the symbol is listed.")
    trading_instrument: TradingInstrument | None = Field(
        None, description="What the entries trade; the symbol itself where absent."
    )
    indicators: dict[str, IndicatorPart] = Field({}, description="Indicators by the key that conditions name them by.")
    strategy_type: Annotated[Product, Spelled(spellings.PRODUCTS)] | None = Field(
        None, description="intraday: flat by each session's end; carryforward: positions stay open over it."
    )
    trading_instrument_config: Any = Field(None, description="Of the builder dialect; refused beside symbol.")

    @field_validator("symbol")
    @classmethod
    def _named(cls, symbol: str | None) -> str:
        if symbol is None:
            message = (
                "the start node names no instrument: write symbol (or tradingInstrumentConfig, in the builder dialect)"
            )
            refuse("dialect-unknown", message)
        return symbol.strip()

    @field_validator("trading_instrument_config")
    @classmethod
    def _one_dialect(cls, config: Any) -> Any:
        if config is not None:
            refuse("dialect-ambiguous", "the start node has both symbol and tradingInstrumentConfig; remove one")
        return config


# --- signal, entry, exit, alert ------------------------------------------------------------------------------


class SignalData(NodeData):
    """What a signal waits for."""

    conditions: Member = Field(description="The condition: a group.")
    trigger: Annotated[Trigger, Spelled(spellings.TRIGGERS)] | None = Field(
        None, description="level (default): fires while true; edge: only when it became true since arming."
    )


class EntryData(NodeData):
    """What an entry opens."""

    action_type: Literal["entry"] = Field("entry", description="What the node does.")
    positions: list[PositionPart] = Field(description="The positions, at least one.")
    post_execution_config: PostExecution | None = Field(None, description="Stop, target and trail of its positions.")

    @field_validator("positions")
    @classmethod
    def _some(cls, positions: list[Any]) -> list[Any]:
        if not positions:
            refuse("empty", "this entry opens no position; add one")
        return positions


class ExitNodeData(Part):
    """The inner settings of an exit."""

    order_config: OrderConfig = Field(OrderConfig.model_validate({}), description="What it closes, and how.")
    re_entry_config: ReEntryConfig | None = Field(None, description="Re-entry after it.")
    post_execution_config: PostExecution | None = Field(
        None, description="Stop, target and trail of the positions that it closes, from their opening on."
    )


class ExitData(NodeData):
    """What an exit closes."""

    action_type: Literal["exit"] = Field("exit", description="What the node does.")
    exit_node_data: ExitNodeData = Field(ExitNodeData.model_validate({}), description="Its settings.")
    exit_type: Annotated[str, Spelled(spellings.EXIT_TYPES)] | None = Field(
        None, description="specific: one position or tag; all: everything the strategy holds."
    )

    @field_validator("exit_type")
    @classmethod
    def _targeted(cls, exit_type: str | None, info: ValidationInfo) -> str | None:
        inner = info.data.get("exit_node_data")
        if inner is None or exit_type is None:
            return exit_type
        target = inner.order_config.target_position_vpi or inner.order_config.tag
        if exit_type == "specific" and target is None:
            refuse("missing-target", "exitType is specific: name targetPositionVpi or targetTag")
        if exit_type == "all" and target is not None:
            refuse("contradiction", f"exitType is all, but the exit names {brief(target)}; write one")
        return exit_type


class AlertData(NodeData):
    """What an alert says."""

    action_type: Literal["alert"] = Field("alert", description="What the node does.")
    alert_message: Label = Field(description="What a person reads.")
    alert_type: Annotated[AlertType, Spelled(spellings.ALERT_TYPES)] | None = Field(
        None, description="info (default), warning or critical."
    )

    @field_validator("alert_message")
    @classmethod
    def _said(cls, message: str) -> str:
        if not message.strip():
            refuse("empty", "this alert says nothing; write alertMessage")
        return message


# --- nodes, edges, envelope ----------------------------------------------------------------------------------


class NodePart(Part):
    """What every node has; where it stands on the canvas is kept for display."""

    kind: ClassVar[Kind]
    returns: ClassVar[bool] = False
    id: Name = Field(description="Unique in the strategy.")
    data: Any = Field(description="Its settings.")


class StartNode(NodePart):
    """Where a strategy begins."""

    kind: ClassVar[Kind] = Kind.START
    type: Literal["startNode"] = Field(description="Kind of node.")
    data: StartData = Field(description="Its settings.")


class SignalNode(NodePart):
    """Waits for a condition."""

    kind: ClassVar[Kind] = Kind.SIGNAL
    type: Literal["signalNode"] = Field(description="Kind of node.")
    data: SignalData = Field(description="Its settings.")


class EntryNode(NodePart):
    """Opens positions."""

    kind: ClassVar[Kind] = Kind.ENTRY
    type: Literal["entryNode"] = Field(description="Kind of node.")
    data: EntryData = Field(description="Its settings.")


class ExitNode(NodePart):
    """Closes positions."""

    kind: ClassVar[Kind] = Kind.EXIT
    type: Literal["exitNode"] = Field(description="Kind of node.")
    data: ExitData = Field(ExitData.model_validate({}), description="Its settings.")


class AlertNode(NodePart):
    """Tells a person."""

    kind: ClassVar[Kind] = Kind.ALERT
    type: Literal["alertNode"] = Field(description="Kind of node.")
    data: AlertData = Field(description="Its settings.")


class EdgePart(Part):
    """When its source has done its work, its target is armed."""

    source: Name = Field(description="Id of the node it leaves.")
    target: Name = Field(description="Id of the node it leads to.")


class Envelope(Part):
    """A strategy document, its nodes and edges not yet looked at."""

    nodes: list[Any] = Field(description="The nodes; one of them starts.")
    edges: list[Any] = Field(description="The edges.")


class SeedEnvelope(Envelope):
    """The envelope of the seed dialect."""

    id: Name = Field(description="The strategy's id.")
    name: Label | None = Field(None, description="Its name for a person.")


class Strategy(SeedEnvelope):
    """A strategy document of the seed dialect."""

    model_config = ConfigDict(title="Strategy (seed dialect)")
    nodes: list[Annotated[StartNode | SignalNode | EntryNode | ExitNode | AlertNode, Field(discriminator="type")]] = (
        Field(description="The nodes; one of them starts.")
    )
    edges: list[EdgePart] = Field(description="The edges.")


NODES: dict[str, type[StartNode | SignalNode | EntryNode | ExitNode | AlertNode]] = {
    "startNode": StartNode,
    "signalNode": SignalNode,
    "entryNode": EntryNode,
    "exitNode": ExitNode,
    "alertNode": AlertNode,
}
"""The model of each node type."""

LATER_NODES = (
    "entrySignalNode", "exitSignalNode", "reEntrySignalNode", "retryNode", "reEntryNode", "actionNode", "modifyNode",
    "endNode", "forceEndNode", "squareOffNode", "monitorNode",
)  # fmt: skip
"""Nodes of the builder dialect, which this one does not have."""

IGNORED_NODES = ("strategyOverview",)
"""Drawn by the editor for itself."""


def parts_of(part: type[Part]) -> dict[str, type[Part]]:
    """Return a part and all that its fields are made of, by name."""
    found: dict[str, type[Part]] = {}
    waiting: list[Any] = [part]
    while waiting:
        one = waiting.pop()
        if isinstance(one, type) and issubclass(one, Part):
            if one.__name__ not in found:
                found[one.__name__] = one
                waiting += [field.annotation for field in one.model_fields.values()]
        else:
            waiting += get_args(one)
    return found


def keys() -> dict[str, dict[str, str]]:
    """Return the closed table: for each part, every key and whether it is read, inert or carried."""
    return {name: part.keys() for name, part in parts_of(Strategy).items()}


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a document of this dialect."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Strategy.model_json_schema()}
