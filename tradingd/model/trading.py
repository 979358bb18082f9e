"""What we do about it: intents, orders, fills, slots, positions, alerts.

Every amount here is Decimal: quantities in units (not lots), prices on the instrument's grid, money exact.
Times are int nanoseconds of market time, UTC.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt

    from tradingd.model.instrument import Instrument

ZERO = Decimal(0)


class Side(enum.StrEnum):
    """Which way an order trades."""

    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> Side:
        """The side that undoes this one."""
        return Side.SELL if self is Side.BUY else Side.BUY

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell."""
        return 1 if self is Side.BUY else -1


class OrderType(enum.StrEnum):
    """How an order may fill."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"


class Purpose(enum.StrEnum):
    """Whether an order opens exposure or closes it."""

    ENTRY = "entry"
    EXIT = "exit"


class Product(enum.StrEnum):
    """How long a position may live: flat by the session's end, or carried over it."""

    INTRADAY = "intraday"
    CARRY_FORWARD = "carry_forward"


class OrderState(enum.StrEnum):
    """Where an order stands. UNKNOWN: sent, no definite answer; it blocks new exposure until resolved."""

    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    PARTIAL = "partial"
    UNKNOWN = "unknown"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"


EXPIRY_CODES = ("W0", "W1", "W2", "W3", "W4", "M0", "M1", "M2", "Q0", "Q1", "Y0", "Y1")
PREMIUM = "premium"
STRIKE_CODES = ("ATM", *(f"ITM{n}" for n in range(1, 21)), *(f"OTM{n}" for n in range(1, 21)), PREMIUM)
RIGHTS = ("CE", "PE", "FUT")


@dataclass(frozen=True, slots=True)
class OptionChoice:
    """Which contract of an underlying a leg asks for, resolved at the moment of its entry.

    `expiry` is one of `EXPIRY_CODES`, `strike` of `STRIKE_CODES` (empty for a future), `right` of `RIGHTS`. `premium`
    is the price that the option wanted is nearest to, where the strike is chosen by it, and none elsewhere.
    """

    expiry: str
    strike: str
    right: str
    premium: Decimal | None = None

    def __str__(self) -> str:
        price = None if self.premium is None else f"{self.premium:f}"
        return " ".join(part for part in (self.expiry, self.strike, price, self.right) if part)


@dataclass(frozen=True, slots=True)
class Intent:
    """What a node wants: one order for one slot, before contract resolution and risk.

    `lots` is the quantity in lots for an entry; `quantity` the units for an exit. `limit_price` is set for
    limit orders only. `multiplier` is the document's assertion about the lot.
    """

    strategy: str
    node: str
    vpi: str
    purpose: Purpose
    side: Side
    type: OrderType
    product: Product
    lots: Decimal | None = None
    quantity: Decimal | None = None
    limit_price: Decimal | None = None
    choice: OptionChoice | None = None
    multiplier: Decimal | None = None
    tag: str = ""
    cause: int = 0


@dataclass(slots=True, eq=False)
class Order:
    """An order of ours, from its approval to its final state.

    It may trade within `[ts_valid, ts_expiry)`, a session. `cause` is the number of the trace record that decided
    it, `position` the id of what an exit closes. `protected` says that its limit stands for the market, which the venue
    would not take as such. `filled` never falls, `value` is the sum of price x quantity x multiplier of all its fills;
    `state` moves only along the table of `core.orders`.
    """

    id: str
    strategy: str
    node: str
    vpi: str
    purpose: Purpose
    instrument: Instrument
    side: Side
    type: OrderType
    product: Product
    quantity: Decimal
    ts: int
    ts_valid: int
    ts_expiry: int
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    tag: str = ""
    cause: int = 0
    position: str = ""
    protected: bool = False
    state: OrderState = OrderState.SUBMITTED
    filled: Decimal = ZERO
    value: Decimal = ZERO
    cancelling: bool = False
    reason: str = ""

    @property
    def remaining(self) -> Decimal:
        """Units not filled yet."""
        return self.quantity - self.filled


@dataclass(frozen=True, slots=True)
class Fill:
    """A trade of ours. `id` is the venue's trade id, unique: a fill is applied once, for ever.

    `maker` says that our order rested and the other side came to it. A simulated fill is a guess between two others:
    `best` and `worst` are the prices it might have had; a venue's own has none.
    """

    id: str
    order: str
    ts: int
    price: Decimal
    quantity: Decimal
    maker: bool = False
    best: Decimal | None = None
    worst: Decimal | None = None


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order as its venue shows it. `tag` is our order's id, empty on orders that are not ours.

    `instrument` is the id of what it trades; `filled` is in units, `average_price` 0 before the first fill.
    """

    venue_id: str
    tag: str
    instrument: str
    side: Side
    quantity: Decimal
    filled: Decimal
    average_price: Decimal
    state: OrderState
    ts: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class VenueTrade:
    """A trade as its venue shows it; `id` is unique at the venue, `venue_id` that of the order."""

    id: str
    venue_id: str
    instrument: str
    side: Side
    price: Decimal
    quantity: Decimal
    ts: int


@dataclass(frozen=True, slots=True)
class VenuePosition:
    """What the account holds of an instrument under one product, in signed units."""

    instrument: str
    product: Product
    quantity: Decimal


class PositionStatus(enum.StrEnum):
    """Whether a position still holds anything."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(slots=True, eq=False)
class Position:
    """One holding in one slot, from its first entry fill to flat.

    `entry_value` and `exit_value` are exact sums of price x quantity; averages are derived from them, never
    stored. `quantity` is what is open now, `entered` all that was ever filled in, both in units. `optimism` and
    `pessimism` are what the P&L would gain, and lose, had every fill been as good, or as bad, as it might.
    """

    id: str
    strategy: str
    vpi: str
    tag: str
    instrument: Instrument
    side: Side
    product: Product
    session: dt.date
    entry_node: str
    entry_ts: int
    entered: Decimal = ZERO
    quantity: Decimal = ZERO
    entry_value: Decimal = ZERO
    exited: Decimal = ZERO
    exit_value: Decimal = ZERO
    exit_ts: int | None = None
    exit_node: str | None = None
    charges: Decimal = ZERO
    optimism: Decimal = ZERO
    pessimism: Decimal = ZERO
    status: PositionStatus = PositionStatus.OPEN

    @property
    def entry_price(self) -> Decimal:
        """Average entry price."""
        return self.entry_value / self.entered if self.entered else ZERO

    @property
    def exit_price(self) -> Decimal | None:
        """Average exit price of what was closed so far; none before the first."""
        return self.exit_value / self.exited if self.exited else None

    @property
    def pnl(self) -> Decimal:
        """Realized P&L of what was closed so far, charges apart: exact when flat."""
        flat = self.exited == self.entered  # a quotient of products would round where the sums have not
        cost = self.entry_value if flat else self.entry_value * self.exited / self.entered
        return (self.exit_value - cost) * self.side.sign * self.instrument.multiplier


@dataclass(slots=True, eq=False)
class Slot:
    """The place of one vpi: what is being opened, what is open, what is being closed, in units.

    `closing <= open` always: a position is never reversed. `count` numbers the openings of the session.
    """

    vpi: str
    tag: str
    opening: Decimal = ZERO
    open: Decimal = ZERO
    closing: Decimal = ZERO
    count: int = 0
    position: Position | None = None

    @property
    def free(self) -> Decimal:
        """Open units that no working order is closing yet."""
        return self.open - self.closing

    @property
    def flat(self) -> bool:
        """Whether nothing is open and nothing is being opened."""
        return not self.open and not self.opening


class AlertKind(enum.StrEnum):
    """What an alert is about."""

    ALERT = "alert"
    FILL = "fill"
    ORDER = "order"
    RISK = "risk"
    FEED = "feed"
    CONFIG = "config"


class AlertType(enum.StrEnum):
    """How loud an alert is."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Alert:
    """One message to a person, with the market as it was: see the envelope in docs and `tradingd schema alert`."""

    id: str
    kind: AlertKind
    strategy: str | None
    node: str | None
    message: str
    type: AlertType
    ts: int
    price: float | None = None
    indicators: dict[str, float | None] = field(default_factory=dict)
    operands: dict[str, float | None] = field(default_factory=dict)
    cause: int = 0
