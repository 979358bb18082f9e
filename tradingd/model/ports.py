"""What the inside asks of the outside: the five ports an adapter can implement.

Each port has one contract suite that every implementation passes. Ports speak model types only; a failure is
raised as the port's own recoverable error (`FeedError`, `BrokerError`, `PublisherError`) or as `StoreError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from decimal import Decimal

    from tradingd.model.events import Event, FeedGap, MarketEvent
    from tradingd.model.instrument import Instrument
    from tradingd.model.market import Bar, Tick, Timeframe
    from tradingd.model.trading import Order, VenueOrder, VenuePosition, VenueTrade


class Provider(Protocol):
    """A source of market data."""

    async def history(self, instrument: Instrument, timeframe: Timeframe, count: int, until: int) -> Sequence[Bar]:
        """Return at most `count` closed bars that end at or before `until` (ns), oldest first."""

    async def last(self, instrument: Instrument) -> tuple[Tick, int] | None:
        """Return the last quote and its age in ns, or none where there is no quote."""

    def subscribe(self, instruments: Sequence[Instrument]) -> AsyncGenerator[MarketEvent | FeedGap, None]:
        """Yield market events of the instruments, and where some are missing, until closed."""


class Broker(Protocol):
    """A venue that takes orders. Our order id goes with each as its tag, and comes back in `VenueOrder.tag`.

    Every request is sent once, and has one of the outcomes that the errors name; which of them a venue's error means
    is the adapter's knowledge. `dedupes` says that the venue itself refuses a second order with the same tag;
    `visible_within_s` is the longest that an order it took may be missing from its books.
    """

    dedupes: bool
    visible_within_s: float

    async def submit(self, order: Order) -> str:
        """Send an order once; return the venue's id of it.

        Raises:
            OrderRefused, OrderUncertain, BrokerBusy, LoginExpired: what became of it.
        """

    async def modify(self, venue_id: str, order: Order) -> None:
        """Give a working order the prices and the quantity that `order` has now; raises as `submit` does."""

    async def cancel(self, venue_id: str) -> None:
        """Ask to withdraw what is left of an order; raises as `submit` does."""

    async def orders(self) -> Sequence[VenueOrder]:
        """Return the day's orders, final ones too; raises BrokerError where that cannot be known."""

    async def trades(self) -> Sequence[VenueTrade]:
        """Return the day's trades; raises BrokerError where that cannot be known."""

    async def positions(self) -> Sequence[VenuePosition]:
        """Return what the account holds; raises BrokerError where that cannot be known: an empty answer means flat."""

    async def margins(self) -> Decimal:
        """Return the money free for new orders; raises BrokerError where that cannot be known."""

    def events(self) -> AsyncGenerator[VenueOrder | VenueTrade, None]:
        """Yield what the venue says of its own accord, reconnecting; late, twice and out of order as it comes."""

    async def close(self) -> None:
        """Let go of all connections."""


class Publisher(Protocol):
    """A place where alerts go. Every method raises PublisherError within a bounded time, or has done its work."""

    async def publish(self, rows: Sequence[tuple[int, bytes]]) -> None:
        """Deliver alerts, each with its number in the outbox, in order; one delivered before may come again."""

    async def check(self) -> None:
        """Find out whether the other side answers."""

    async def close(self) -> None:
        """Let go of the connection; a later call opens another."""


class Store(Protocol):
    """The journal: taken in order, durable when `commit` returns."""

    def event(self, seq: int, event: Event) -> None:
        """Take an event, before the step that reads it."""

    def command(self, seq: int, content: bytes) -> None:
        """Take the bytes of a command that event `seq` caused."""

    def alert(self, seq: int, ts: int, body: bytes) -> int:
        """Take an alert for the outbox; return its number there."""

    async def commit(self) -> None:
        """Make all that was taken durable."""


class Clock(Protocol):
    """Where market time comes from when no event brings it."""

    speed: float
    """How many of its seconds pass in one of ours."""

    def now(self) -> int:
        """Return the time in ns UTC."""
