"""Station 4, intents to orders: ids, and which way an order's state may move.

The table is data, and the only place where a state changes. An illegal move raises and changes nothing; a
report that tells what is known already (a repeat, or a step behind) changes nothing either and says so. A fill that
the order has no room for changes no state: it is handed back, since what was traded was traded.
"""

from __future__ import annotations

import functools
import hashlib
from typing import TYPE_CHECKING, NamedTuple

from tradingd.model.errors import InvariantError
from tradingd.model.events import (
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from tradingd.model.trading import ZERO, Order, OrderState, Purpose

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence
    from decimal import Decimal

    from tradingd.model.events import OrderReport

S = OrderState

TABLE: dict[tuple[OrderState, type], OrderState] = {
    (S.SUBMITTED, OrderAccepted): S.ACCEPTED,
    (S.SUBMITTED, OrderFilled): S.PARTIAL,
    (S.SUBMITTED, OrderCancelled): S.CANCELLED,
    (S.SUBMITTED, OrderRejected): S.REJECTED,
    (S.SUBMITTED, OrderExpired): S.EXPIRED,
    (S.SUBMITTED, OrderUnknown): S.UNKNOWN,
    (S.ACCEPTED, OrderFilled): S.PARTIAL,
    (S.ACCEPTED, OrderCancelled): S.CANCELLED,
    (S.ACCEPTED, OrderRejected): S.REJECTED,
    (S.ACCEPTED, OrderExpired): S.EXPIRED,
    (S.ACCEPTED, OrderUnknown): S.UNKNOWN,
    (S.PARTIAL, OrderFilled): S.PARTIAL,
    (S.PARTIAL, OrderCancelled): S.CANCELLED,
    (S.PARTIAL, OrderRejected): S.CANCELLED,
    (S.PARTIAL, OrderExpired): S.EXPIRED,
    (S.PARTIAL, OrderUnknown): S.UNKNOWN,
    (S.UNKNOWN, OrderAccepted): S.ACCEPTED,
    (S.UNKNOWN, OrderFilled): S.PARTIAL,
    (S.UNKNOWN, OrderCancelled): S.CANCELLED,
    (S.UNKNOWN, OrderRejected): S.REJECTED,
    (S.UNKNOWN, OrderExpired): S.EXPIRED,
}
"""Where a report moves an order.

A fill that completes it goes on to FILLED, an acceptance of what has filled in part to PARTIAL, a rejection of its rest
to CANCELLED.
"""

FINAL = frozenset({S.FILLED, S.CANCELLED, S.REJECTED, S.EXPIRED})
KEPT_MAX = 1_000
"""So many orders that are over are remembered, since a venue may tell of their fills late or twice."""

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def base36(number: int) -> str:
    """Return a non-negative number in base 36, lower case."""
    text = ""
    while True:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
        if not number:
            return text


@functools.cache
def _digest(strategy: str) -> str:
    return hashlib.sha256(strategy.encode()).hexdigest()[:6]


def serial(strategy: str, session: dt.date, count: int, mark: str = "") -> str:
    """Return the id of a strategy's `count`-th intent of a session: hash of the strategy, date, counter.

    `mark` tells other numbered things, as alerts, from intents.

    At most 20 characters, letters and digits only, so that every broker takes it as a tag.

    Raises:
        InvariantError: the counter does not fit.
    """
    text = f"{_digest(strategy)}{session:%y%m%d}{mark}{base36(count)}"
    if len(text) > 20:  # noqa: PLR2004 - the brokers' bound, said above
        msg = f"strategy {strategy!r}: {count} intents in one session do not fit an order id of 20 characters"
        raise InvariantError(msg)
    return text


class Applied(NamedTuple):
    """What a report did to an order: `filled` units that it had room for, `beyond` units that it had not."""

    order: Order
    filled: Decimal = ZERO
    beyond: Decimal = ZERO


class OrderBook:
    """The orders of one strategy that are not final, by id; `apply` is the only way their state moves."""

    def __init__(self) -> None:
        self.working: dict[str, Order] = {}
        self._over: dict[str, Order] = {}
        self._fills: dict[str, set[str]] = {}

    def add(self, order: Order) -> None:
        """Take in an order about to be sent."""
        if order.id in self._fills:
            msg = f"order {order.id} exists already"
            raise InvariantError(msg)
        self.working[order.id] = order
        self._fills[order.id] = set()

    def of(self, vpis: Sequence[str], purpose: Purpose) -> list[Order]:
        """Return the working orders of some slots, oldest first."""
        return [o for o in self.working.values() if o.purpose is purpose and o.vpi in vpis]

    def apply(self, report: OrderReport) -> Applied | None:
        """Move the order a report is about; none where the report changes nothing.

        Raises:
            InvariantError: the report is not possible in the order's state, or is a fill of nothing.
        """
        order = self.working.get(report.order)
        if order is None:
            order = self._over.get(report.order)
            return self._late(order, report) if order is not None else None
        if isinstance(report, OrderAccepted) and order.state in (S.ACCEPTED, S.PARTIAL):
            return None
        if isinstance(report, OrderUnknown) and order.state is S.UNKNOWN:
            return None
        state = TABLE.get((order.state, type(report)))
        if state is None:
            msg = f"order {order.id} is {order.state}; {type(report).__name__} is not possible"
            raise InvariantError(msg)
        if not isinstance(report, OrderFilled):
            return Applied(self._move(order, self._with_fills(order, state), report))
        fill = report.fill
        if not self._first(order, report):
            return None
        filled = min(fill.quantity, order.remaining)
        order.filled += filled
        self._move(order, state if order.remaining else S.FILLED, report)
        return Applied(order, filled, fill.quantity - filled)

    def _late(self, order: Order, report: OrderReport) -> Applied | None:
        """Take what is told of an order that is over: a fill not heard of before, which it has no room for."""
        if isinstance(report, OrderFilled) and self._first(order, report):
            return Applied(order, ZERO, report.fill.quantity)
        return None

    def _first(self, order: Order, report: OrderFilled) -> bool:
        """Whether a fill is told for the first time; then it is remembered."""
        fill = report.fill
        if fill.id in self._fills[order.id]:
            return False
        if fill.quantity <= 0:
            msg = f"fill {fill.id} of {fill.quantity}: order {order.id} has {order.remaining} left"
            raise InvariantError(msg)
        self._fills[order.id].add(fill.id)
        order.value += fill.price * fill.quantity * order.instrument.multiplier
        return True

    @staticmethod
    def _with_fills(order: Order, state: OrderState) -> OrderState:
        return {S.ACCEPTED: S.PARTIAL, S.REJECTED: S.CANCELLED}.get(state, state) if order.filled else state

    def _move(self, order: Order, state: OrderState, report: OrderReport) -> Order:
        if not isinstance(report, OrderAccepted | OrderFilled):
            order.reason = report.reason
        order.state = state
        if state in FINAL:
            self._over[order.id] = self.working.pop(order.id)
            if len(self._over) > KEPT_MAX:
                oldest = next(iter(self._over))
                del self._over[oldest], self._fills[oldest]
        return order
