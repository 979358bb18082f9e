"""Expressions and conditions, in canonical form: plain frozen trees, equal when they mean the same.

A leaf is a constant, a column of closed bars, or something that is asked for at the moment (`Asked`); the rest
joins other expressions. Look-backs count from the last closed bar: 0 is it, -1 the bar that forms. `line` is the
index of a document's line, an instrument and timeframe. Nothing here knows how a value is found.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMING = -1
"""The look-back of the bar that forms."""

PRICE_FIELDS = ("open", "high", "low", "close")


class Type(enum.StrEnum):
    """What kind of value an expression has; only like is compared with like."""

    NUMBER = "number"
    TEXT = "text"
    TRUTH = "truth value"
    TIME = "time"


# --- leaves ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, or a text or truth value that only equality understands."""

    value: float | str | bool


@dataclass(frozen=True, slots=True)
class IndicatorValue:
    """An output of an indicator that a line declares."""

    key: str
    output: str
    back: int = 0
    line: int = 0


@dataclass(frozen=True, slots=True)
class Candle:
    """A field of a bar: open, high, low, close, volume."""

    field: str
    back: int = 0
    line: int = 0


@dataclass(frozen=True, slots=True)
class CandleAt:
    """A field of a closed bar of the current session: the one that holds a time of day, or the n-th (from 1)."""

    field: str
    line: int
    second: int | None = None
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Live:
    """What the market says now: ltp, bid, ask, oi, or the session's volume so far.

    Of the instrument of a line, or of what position `vpi` holds.
    """

    field: str
    line: int = 0
    vpi: str = ""


@dataclass(frozen=True, slots=True)
class CurrentTime:
    """The time of the instant: of a bar its end, of a deadline the deadline, else market time."""


@dataclass(frozen=True, slots=True)
class TimeOfDay:
    """A time of the session's day, in seconds after midnight of the exchange's zone."""

    second: int


@dataclass(frozen=True, slots=True)
class PositionValue:
    """A property of the session's last position in a slot, open or closed: one of `POSITION_TYPES`."""

    vpi: str
    field: str


@dataclass(frozen=True, slots=True)
class Pnl:
    """Profit and loss: realized, unrealized or total; of the session's last position in a slot, or of all of it.

    `underlying`: the underlying's move since the entry, times quantity, in place of the contract's.
    """

    part: str
    vpi: str = ""
    underlying: bool = False


@dataclass(frozen=True, slots=True)
class Trailing:
    """The level a position trails, by its own price or by its underlying's; unknown once closed."""

    vpi: str


@dataclass(frozen=True, slots=True)
class NodeVariable:
    """What a signal stored when it last fired in this session."""

    node: str
    name: str


@dataclass(frozen=True, slots=True)
class GlobalVariable:
    """A number of the whole strategy, which signals update."""

    name: str


@dataclass(frozen=True, slots=True)
class ExternalTrigger:
    """Whether this very instant is the pulse of that name."""

    pulse: str


# --- expressions of expressions ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TimeOffset:
    """A time so many ns after another, before it where negative."""

    base: Operand
    ns: int


@dataclass(frozen=True, slots=True)
class Math:
    """Arithmetic from left to right: `first`, then each operator with its operand; `a +% b` is a + a b / 100."""

    first: Operand
    rest: tuple[tuple[str, Operand], ...]


class Gathering(enum.StrEnum):
    """What is made of several numbers."""

    MIN = "min"
    MAX = "max"
    AVG = "avg"
    SUM = "sum"
    FIRST = "first"
    LAST = "last"
    COUNT = "count"
    ABS = "abs"


@dataclass(frozen=True, slots=True)
class Gathered:
    """One number made of several; `abs` takes one."""

    how: Gathering
    operands: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A bar of the current session: that of a time (an operand of type time), or the n-th (from 1)."""

    time: Operand | None = None
    number: int | None = None


@dataclass(frozen=True, slots=True)
class CandleRange:
    """One number made of a field of bars in a row, oldest first.

    From the bar `begin` up to and with `end`, none for the last closed one; or `count` bars from `begin` on, before
    it where negative.
    """

    field: str
    how: Gathering
    line: int
    begin: Mark
    end: Mark | None = None
    count: int = 0


Column = IndicatorValue | Candle
Asked = (
    CandleAt | CandleRange | Live | CurrentTime | TimeOfDay | PositionValue | Pnl | Trailing | NodeVariable
    | GlobalVariable | ExternalTrigger
)  # fmt: skip
"""What is asked for at the moment it is needed."""
Operand = Constant | Column | Asked | TimeOffset | Math | Gathered

POSITION_TYPES: dict[str, Type] = {
    "entryPrice": Type.NUMBER, "exitPrice": Type.NUMBER, "currentPrice": Type.NUMBER, "quantity": Type.NUMBER,
    "multiplier": Type.NUMBER, "status": Type.TEXT, "underlyingPriceOnEntry": Type.NUMBER,
    "underlyingPriceOnExit": Type.NUMBER, "unrealizedPnl": Type.NUMBER, "realizedPnl": Type.NUMBER, "pnl": Type.NUMBER,
    "instrumentName": Type.TEXT, "instrumentType": Type.TEXT, "symbol": Type.TEXT, "expiryDate": Type.TEXT,
    "strikePrice": Type.NUMBER, "optionType": Type.TEXT, "strikeType": Type.TEXT, "underlyingName": Type.TEXT,
    "entryTime": Type.TIME, "exitTime": Type.TIME, "trailingPositionPrice": Type.NUMBER,
}  # fmt: skip
"""The properties of a position that can be read."""


def parts(operand: Operand) -> tuple[Operand, ...]:
    """Return the expressions an expression is made of."""
    match operand:
        case TimeOffset(base, _):
            return (base,)
        case Math(first, rest):
            return (first, *(part for _, part in rest))
        case Gathered(_, operands):
            return operands
        case CandleRange():
            marks = (operand.begin, operand.end)
            return tuple(mark.time for mark in marks if mark is not None and mark.time is not None)
        case _:
            return ()


def walk(operand: Operand) -> Iterator[Operand]:
    """Yield an expression and all that it is made of."""
    yield operand
    for part in parts(operand):
        yield from walk(part)


Variables = Mapping[tuple[str, str], "Operand"]
"""What each variable of a node is made of, by the node's id and the variable's name."""


def type_of(operand: Operand, variables: Variables, depth: int = 0) -> Type | None:  # noqa: PLR0911 - one line a kind
    """Return what kind of value an expression has, none where it puts together what does not go together."""
    match operand:
        case Constant(bool()) | ExternalTrigger():
            return Type.TRUTH
        case Constant(str()):
            return Type.TEXT
        case CurrentTime() | TimeOfDay():
            return Type.TIME
        case PositionValue(_, name):
            return POSITION_TYPES[name]
        case TimeOffset(base, _):
            return Type.TIME if type_of(base, variables, depth) is Type.TIME else None
        case NodeVariable(node, name):
            kept = variables.get((node, name))
            return Type.NUMBER if kept is None or depth > len(variables) else type_of(kept, variables, depth + 1)
        case Math() | Gathered():
            numbers = all(type_of(part, variables, depth) is Type.NUMBER for part in parts(operand))
            return Type.NUMBER if numbers else None
        case _:
            return Type.NUMBER


def forming(operand: Operand) -> bool:
    """Whether a leaf reads the bar that forms."""
    return isinstance(operand, Column) and operand.back == FORMING


def live(operand: Operand) -> bool:
    """Whether an expression may change between two bars, with a price or with a position."""
    moving = (Live, PositionValue, Pnl, Trailing)
    return any(isinstance(leaf, moving) or forming(leaf) for leaf in walk(operand))


# --- conditions --------------------------------------------------------------------------------------------------


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


def comparisons(group: Group) -> Iterator[Condition]:
    """Yield the comparisons of a group, in the order drawn."""
    for member in group.members:
        if isinstance(member, Group):
            yield from comparisons(member)
        else:
            yield member
