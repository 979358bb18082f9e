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

from tradingd.core.graph.expressions import comparisons, live, walk
from tradingd.model.trading import AlertType, OptionChoice, OrderType, Product, Side

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tradingd.core.graph.expressions import Group, Operand
    from tradingd.model.indicator import IndicatorDecl
    from tradingd.model.instrument import InstrumentKind
    from tradingd.model.market import Timeframe

VERSION = 2


class Kind(enum.StrEnum):
    """What a node does; the order of STRATEGY 4 within a rank is `KIND_ORDER` in `graph.plan`."""

    START = "start"
    SIGNAL = "signal"
    ENTRY = "entry"
    EXIT = "exit"
    MODIFY = "modify"
    ALERT = "alert"
    SQUARE_OFF = "square_off"
    END = "end"


class Trigger(enum.StrEnum):
    """When a true condition fires: while true, or only when it became true since arming."""

    LEVEL = "level"
    EDGE = "edge"


# --- positions ---------------------------------------------------------------------------------------------------


class Measure(enum.StrEnum):
    """What a distance from the entry price is told in: points, percent of it, money of the position; or a price."""

    POINTS = "points"
    PERCENTAGE = "percentage"
    PNL = "pnl"
    PRICE = "price"


@dataclass(frozen=True, slots=True)
class Level:
    """How far from the entry price something is, or at which price."""

    measure: Measure
    value: Decimal


@dataclass(frozen=True, slots=True)
class Trail:
    """A stop that follows: for every `step` that the price went a position's way, it moves by `shift`.

    It begins `distance` behind the entry price; without one it begins at the stop, and where there is none at the
    entry price, from the first step on. A `step` of zero follows every price. `underlying`: by its price, not by
    the contract's.
    """

    measure: Measure
    distance: Decimal | None
    step: Decimal
    shift: Decimal
    underlying: bool = False


@dataclass(frozen=True, slots=True)
class Protection:
    """Where a position is closed by its price alone; what is none is not there."""

    stop: Level | None = None
    target: Level | None = None
    trail: Trail | None = None


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
    protection: Protection = Protection()


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


# --- nodes -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Start:
    """Where a strategy begins."""

    id: str
    label: str
    kind: Kind = Kind.START


@dataclass(frozen=True, slots=True)
class Signal:
    """Waits for its condition; `again` is another one for the runs of re-entries.

    When it fires it stores `variables` and updates globals, each name with what it becomes. With `re_entry` it lets
    the entries that it leads to run again; `target` is the one that the drawing says it means.
    """

    id: str
    label: str
    condition: Group
    trigger: Trigger
    again: Group | None = None
    variables: tuple[tuple[str, Operand], ...] = ()
    updates: tuple[tuple[str, Operand], ...] = ()
    re_entry: ReEntry | None = None
    target: str | None = None
    kind: Kind = Kind.SIGNAL

    @property
    def groups(self) -> tuple[Group, ...]:
        """Its conditions: one, or two where re-entries have their own."""
        return (self.condition,) if self.again is None else (self.condition, self.again)


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

    def covers(self, leg: Leg) -> bool:
        """Whether it closes what the leg opens."""
        if self.vpi is not None:
            return self.vpi == leg.vpi
        return self.tag is None or self.tag == leg.tag


@dataclass(frozen=True, slots=True)
class Modify:
    """Sets where one slot's position is closed by its price; what the protection leaves open stays as it was."""

    id: str
    label: str
    vpi: str
    protection: Protection
    kind: Kind = Kind.MODIFY


@dataclass(frozen=True, slots=True)
class AlertNode:
    """Tells a person."""

    id: str
    label: str
    message: str
    type: AlertType
    kind: Kind = Kind.ALERT


@dataclass(frozen=True, slots=True)
class Clock:
    """A time of every session: a second of its day, or so many ns before its end."""

    second: int | None = None
    before_close: int | None = None


@dataclass(frozen=True, slots=True)
class SquareOff:
    """Ends the strategy for the session once armed and any of its conditions holds; closes everything if `closes`.

    `profit` and `loss` are amounts of the session's P&L after charges, both above zero. `message` is told where it
    is not empty.
    """

    id: str
    label: str
    immediate: bool
    at: Clock | None = None
    profit: Decimal | None = None
    loss: Decimal | None = None
    closes: bool = True
    message: str = ""
    kind: Kind = Kind.SQUARE_OFF


@dataclass(frozen=True, slots=True)
class End:
    """Where a path is finished."""

    id: str
    label: str
    kind: Kind = Kind.END


Node = Start | Signal | Entry | Exit | Modify | AlertNode | SquareOff | End


# --- the document ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Watched:
    """One instrument and timeframe that is read; `indicators` maps the document's keys to declarations."""

    name: str
    exchange: str
    symbol: str
    timeframe: Timeframe
    indicators: tuple[tuple[str, IndicatorDecl], ...]

    @property
    def instrument(self) -> str:
        """The instrument's id."""
        return f"{self.exchange}:{self.symbol}"


@dataclass(frozen=True, slots=True)
class Document:
    """One strategy; nodes and edges keep their order.

    `lines` are what it reads, the shortest timeframe of what it trades first. `variables` are the strategy's own
    numbers with their first values.
    """

    id: str
    name: str
    lines: tuple[Watched, ...]
    instrument_kind: InstrumentKind
    product: Product | None  # strategyType where the drawing says one
    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str], ...]
    dialect: str
    variables: tuple[tuple[str, float], ...] = ()
    version: int = VERSION

    @property
    def exchange(self) -> str:
        """Where what is traded, or its underlying, is listed."""
        return self.lines[0].exchange

    @property
    def symbol(self) -> str:
        """What is traded, or its underlying."""
        return self.lines[0].symbol

    @property
    def timeframe(self) -> Timeframe:
        """The width of the bars that pace the strategy."""
        return self.lines[0].timeframe

    @property
    def way_back(self) -> frozenset[tuple[str, str]]:
        """The edges by which re-entry signals lead back to entries: no part of the order of nodes."""
        kinds = {node.id: node for node in self.nodes}
        return frozenset(
            (source, target)
            for source, target in self.edges
            if isinstance(signal := kinds.get(source), Signal)
            and signal.re_entry is not None
            and isinstance(kinds.get(target), Entry)
        )

    @property
    def square_offs(self) -> tuple[Clock, ...]:
        """When the drawing itself ends every session: the times of square-offs that hang on start."""
        first = {target for source, target in self.edges if source == self.start.id}
        drawn = (node for node in self.nodes if isinstance(node, SquareOff) and node.closes and node.id in first)
        return tuple(node.at for node in drawn if node.at is not None)

    def operands(self) -> Iterator[Operand]:
        """Yield every expression of every signal, each with all that it is made of."""
        for node in self.nodes:
            if isinstance(node, Signal):
                for operand in reads(node):
                    yield from walk(operand)

    @property
    def live(self) -> bool:
        """Whether something is to be looked at between bars: a live operand, or a position's own stop."""
        if any(live(operand) for operand in self.operands()):
            return True
        protected = [leg.protection for leg in self.legs] + [n.protection for n in self.nodes if isinstance(n, Modify)]
        results = any(isinstance(n, SquareOff) and (n.profit or n.loss) is not None for n in self.nodes)
        return results or any(p != Protection() for p in protected)

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


def reads(signal: Signal) -> Iterator[Operand]:
    """Yield what a signal compares, stores, and makes of global variables."""
    for group in signal.groups:
        for condition in comparisons(group):
            yield condition.left
            yield from condition.right
    for _, operand in (*signal.variables, *signal.updates):
        yield operand


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    msg = f"{type(value).__name__} has no canonical form"
    raise TypeError(msg)
