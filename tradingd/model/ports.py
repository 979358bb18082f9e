"""What the inside asks of the outside: the five ports an adapter can implement.

Each port has one contract suite that every implementation passes. Ports speak model types only; a failure is
raised as the port's own recoverable error (`FeedError`, `BrokerError`, `PublisherError`) or as `StoreError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence

    from tradingd.model.events import Event, FeedGap, MarketEvent, OrderReport
    from tradingd.model.instrument import Instrument
    from tradingd.model.market import Bar, Tick, Timeframe
    from tradingd.model.trading import Order


class Provider(Protocol):
    """A source of market data."""

    async def history(self, instrument: Instrument, timeframe: Timeframe, count: int, until: int) -> Sequence[Bar]:
        """Return at most `count` closed bars that end at or before `until` (ns), oldest first."""

    async def last(self, instrument: Instrument) -> tuple[Tick, int] | None:
        """Return the last quote and its age in ns, or none where there is no quote."""

    def subscribe(self, instruments: Sequence[Instrument]) -> AsyncGenerator[MarketEvent | FeedGap, None]:
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
