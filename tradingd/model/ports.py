"""What the inside asks of the outside: the five ports an adapter can implement.

Each port has one contract suite that every implementation passes. Ports speak model types only; a failure is
raised as the port's own recoverable error (`FeedError`, `BrokerError`, `PublisherError`) or as `StoreError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from tradingd.model.events import Event, FeedGap, MarketEvent, OrderReport
    from tradingd.model.instrument import Instrument
    from tradingd.model.market import Bar, Tick, Timeframe
    from tradingd.model.trading import Alert, Order


class Provider(Protocol):
    """A source of market data."""

    async def history(self, instrument: Instrument, timeframe: Timeframe, count: int, until: int) -> Sequence[Bar]:
        """Return at most `count` closed bars that end at or before `until` (ns), oldest first."""

    async def last(self, instrument: Instrument) -> tuple[Tick, int] | None:
        """Return the last quote and its age in ns, or none where there is no quote."""

    def subscribe(self, instruments: Sequence[Instrument]) -> AsyncIterator[MarketEvent | FeedGap]:
        """Yield market events of the instruments, and where some are missing, until closed."""


class Broker(Protocol):
    """A venue that takes orders; its reports come through `reports`."""

    async def submit(self, order: Order) -> None:
        """Send the order once; its fate arrives as a report."""

    async def cancel(self, order: Order) -> None:
        """Ask to withdraw what is left of the order."""

    def reports(self) -> AsyncIterator[OrderReport]:
        """Yield what the venue says about our orders."""


class Publisher(Protocol):
    """A place where alerts go; a repeat of one id is the same message."""

    async def publish(self, alert: Alert) -> None:
        """Deliver the alert at least once."""


class Store(Protocol):
    """The journal: what is appended is durable when `append` returns."""

    async def append(self, events: Sequence[Event]) -> int:
        """Make the events durable and return the sequence number of the last."""


class Clock(Protocol):
    """Where market time comes from when no event brings it."""

    def now(self) -> int:
        """Return the time in ns UTC."""
