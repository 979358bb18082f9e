"""The canonical strategy document: typed, frozen, versioned, free of any dialect.

Importers (`dialects/`) turn what a builder saved into this; everything after them knows only this. Numbers
are already numbers, spellings already canonical, look-backs already counted from the last closed bar.
Equal canonical documents mean equal strategies: `Document.hash` is over their bytes.
"""

from __future__ import annotations

import enum
import hashlib
import json
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tradingd.model.trading import AlertType, OptionChoice, OrderType, Product, Side

if TYPE_CHECKING:
    from tradingd.model.indicator import IndicatorDecl
    from tradingd.model.instrument import InstrumentKind
    from tradingd.model.market import Timeframe

VERSION = 1


class Op(enum.StrEnum):
    """How two operands are compared."""

    LT = "<"
    GT = ">"
    LE = "<="
    GE = ">="
    EQ = "=="
    NE = "!="
    CROSSES_ABOVE = "crosses_above"
    CROSSES_BELOW = "crosses_below"
    BETWEEN = "between"
    NOT_BETWEEN = "not_between"
    IN = "in"
    NOT_IN = "not_in"


class Logic(enum.StrEnum):
    """How a group joins its members; `not` negates its single member."""

    AND = "and"
    OR = "or"
    NOT = "not"


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, or a text or truth value that only equality understands."""

    value: float | str | bool


@dataclass(frozen=True, slots=True)
class IndicatorValue:
    """An output of a declared indicator, `back` closed bars before the last."""

    key: str
    output: str
    back: int = 0


@dataclass(frozen=True, slots=True)
class Candle:
    """A field of a closed bar: open, high, low, close, volume; `back` bars before the last."""

    field: str
    back: int = 0


Operand = Constant | IndicatorValue | Candle


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison. `right` has one operand, two for (not_)between (lower, upper), any number for (not_)in."""

    id: str
    left: Operand
    op: Op
    right: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Comparisons and groups joined by one logic; never empty."""

    logic: Logic
    members: tuple[Condition | Group, ...]


class Kind(enum.StrEnum):
    """What a node does; the order of STRATEGY 4 within a rank is `KIND_ORDER` in `graph.plan`."""

    START = "start"
    SIGNAL = "signal"
    ENTRY = "entry"
    EXIT = "exit"
    ALERT = "alert"


class Trigger(enum.StrEnum):
    """When a true condition fires: while true, or only when it became true since arming."""

    LEVEL = "level"
    EDGE = "edge"


@dataclass(frozen=True, slots=True)
class Leg:
    """One position an entry opens. `quantity` is in lots; `max_entries` none means the leg has no limit of its own."""

    vpi: str
    tag: str
    priority: int
    side: Side
    order_type: OrderType
    limit_price: Decimal | None
    quantity: Decimal
    multiplier: Decimal | None
    product: Product
    choice: OptionChoice | None
    max_entries: int | None


class ExitQuantity(enum.StrEnum):
    """How much an exit closes."""

    ALL = "all"
    PERCENTAGE = "percentage"
    SPECIFIC = "specific"


@dataclass(frozen=True, slots=True)
class ReEntry:
    """Permission to enter again after an exit: `limit` re-entries in the group's budget, none = without limit."""

    group: int
    limit: int | None


@dataclass(frozen=True, slots=True)
class Start:
    """Where a strategy begins."""

    id: str
    label: str
    kind: Kind = Kind.START


@dataclass(frozen=True, slots=True)
class Signal:
    """Waits for its condition."""

    id: str
    label: str
    condition: Group
    trigger: Trigger
    kind: Kind = Kind.SIGNAL


@dataclass(frozen=True, slots=True)
class Entry:
    """Opens its legs, stage by stage."""

    id: str
    label: str
    legs: tuple[Leg, ...]
    kind: Kind = Kind.ENTRY


@dataclass(frozen=True, slots=True)
class Exit:
    """Closes one slot (`vpi`), the slots of a tag (`tag`), or all the strategy holds (neither).

    `amount` is the percentage (0-100) or the number of lots; none for `all`.
    """

    id: str
    label: str
    vpi: str | None
    tag: str | None
    quantity: ExitQuantity
    amount: Decimal | None
    order_type: OrderType
    limit_price: Decimal | None
    re_entry: ReEntry | None
    kind: Kind = Kind.EXIT


@dataclass(frozen=True, slots=True)
class AlertNode:
    """Tells a person."""

    id: str
    label: str
    message: str
    type: AlertType
    kind: Kind = Kind.ALERT


Node = Start | Signal | Entry | Exit | AlertNode


@dataclass(frozen=True, slots=True)
class Document:
    """One strategy. `indicators` maps the document's keys to declarations; nodes and edges keep their order."""

    id: str
    name: str
    symbol: str
    exchange: str
    instrument_kind: InstrumentKind
    timeframe: Timeframe
    indicators: tuple[tuple[str, IndicatorDecl], ...]
    product: Product | None  # strategyType where the drawing says one
    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str], ...]
    dialect: str
    version: int = VERSION

    @property
    def start(self) -> Start:
        """The one start node."""
        return next(n for n in self.nodes if isinstance(n, Start))

    @property
    def legs(self) -> tuple[Leg, ...]:
        """Every leg of every entry, in order."""
        return tuple(leg for node in self.nodes if isinstance(node, Entry) for leg in node.legs)

    @property
    def intraday(self) -> bool:
        """Whether the strategy is flat by each session's end: said so, or every leg is intraday."""
        if self.product is not None:
            return self.product is Product.INTRADAY
        return bool(self.legs) and all(leg.product is Product.INTRADAY for leg in self.legs)

    @property
    def squared_off(self) -> tuple[str, ...]:
        """The slots that are closed out before a session's end: all of an intraday strategy, or its intraday legs."""
        return tuple(leg.vpi for leg in self.legs if self.intraday or leg.product is Product.INTRADAY)

    def canonical(self) -> bytes:
        """Return the document as canonical JSON: sorted keys, no blanks, Decimals as strings; no display names."""
        plain = asdict(self)
        for part in (plain, *plain["nodes"]):
            part.pop("name", None)
            part.pop("label", None)
        return json.dumps(plain, sort_keys=True, separators=(",", ":"), default=_plain).encode()

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical bytes, in hex."""
        return hashlib.sha256(self.canonical()).hexdigest()


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    msg = f"{type(value).__name__} has no canonical form"
    raise TypeError(msg)
