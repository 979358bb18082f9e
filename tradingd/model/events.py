"""All that may go into the engine. Every event has `ts`, its market time in ns UTC.

Market events are `Tick`, `BarOpened` and `Bar` (a bar happens at its close); the sequencer adds `Deadline`;
a venue, real or simulated, reports on orders. Events carry no receive time and no wall clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradingd.model.market import Bar, FoldedTick, Tick

if TYPE_CHECKING:
    from tradingd.model.instrument import Instrument
    from tradingd.model.market import Timeframe
    from tradingd.model.trading import Fill


class BarOpened:
    """The first price of a bar, where bars and not ticks are the input: what an order sent at the last close meets."""

    __slots__ = ("instrument", "price", "ts")

    def __init__(self, instrument: str, ts: int, price: float) -> None:
        self.instrument = instrument
        self.ts = ts
        self.price = price

    def __repr__(self) -> str:
        return f"BarOpened({self.instrument!r}, {self.ts}, {self.price})"


class BarMoved:
    """A price on the assumed way through a bar, between its opening and its close, where bars are the input."""

    __slots__ = ("instrument", "price", "ts")

    def __init__(self, instrument: str, ts: int, price: float) -> None:
        self.instrument = instrument
        self.ts = ts
        self.price = price

    def __repr__(self) -> str:
        return f"BarMoved({self.instrument!r}, {self.ts}, {self.price})"


@dataclass(frozen=True, slots=True)
class Pulse:
    """An external trigger: true at this instant and at no other."""

    name: str
    ts: int


@dataclass(frozen=True, slots=True)
class Deadline:
    """Market time has come to `ts`, which the engine asked to be told of."""

    ts: int


@dataclass(frozen=True, slots=True)
class FeedGap:
    """The feed of `instrument` was lost: what forms now has a hole."""

    instrument: str
    ts: int


@dataclass(frozen=True, slots=True)
class HistoryLoaded:
    """Closed bars from before now, oldest first, to warm up with; they cause no evaluation."""

    instrument: str
    timeframe: Timeframe
    bars: tuple[Bar, ...]
    ts: int


@dataclass(frozen=True, slots=True)
class StrategiesReplaced:
    """From here on these strategies are wanted: `sources` are their documents as given, in JSON.

    `instruments` are those that the new ones read and that had no data before; `history` warms up what is new.
    """

    ts: int
    sources: tuple[str, ...]
    instruments: tuple[Instrument, ...] = ()
    history: tuple[HistoryLoaded, ...] = ()


@dataclass(frozen=True, slots=True)
class FlattenRequested:
    """A person wants a strategy closed out, and ended for the session."""

    strategy: str
    ts: int


@dataclass(frozen=True, slots=True)
class OrderAccepted:
    """The venue has the order."""

    order: str
    ts: int


@dataclass(frozen=True, slots=True)
class OrderFilled:
    """The order traded, wholly or in part."""

    fill: Fill

    @property
    def order(self) -> str:
        """Id of the order that traded."""
        return self.fill.order

    @property
    def ts(self) -> int:
        """When it traded."""
        return self.fill.ts


@dataclass(frozen=True, slots=True)
class OrderCancelled:
    """The rest of the order is withdrawn."""

    order: str
    ts: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class OrderRejected:
    """The venue refused the order."""

    order: str
    ts: int
    reason: str


@dataclass(frozen=True, slots=True)
class OrderUnknown:
    """The order was sent and nothing definite came back: it may be at the venue or not."""

    order: str
    ts: int
    reason: str


@dataclass(frozen=True, slots=True)
class OrderExpired:
    """The order's day is over."""

    order: str
    ts: int
    reason: str = "day order"


OrderReport = OrderAccepted | OrderFilled | OrderCancelled | OrderRejected | OrderExpired | OrderUnknown
MarketEvent = Tick | FoldedTick | BarOpened | BarMoved | Bar
Event = MarketEvent | Deadline | FeedGap | HistoryLoaded | StrategiesReplaced | FlattenRequested | Pulse | OrderReport
