"""Station 4, intents to orders: ids, and which way an order's state may move.

The table is data, and the only place where a state changes. An illegal move raises and changes nothing; a
report that tells what is known already (a repeat, or a step behind) changes nothing either and says so.
"""

from __future__ import annotations

import functools
import hashlib
from typing import TYPE_CHECKING

from tradingd.model.errors import InvariantError
from tradingd.model.events import OrderAccepted, OrderCancelled, OrderExpired, OrderFilled, OrderRejected
from tradingd.model.trading import Order, OrderState, Purpose

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from tradingd.model.events import OrderReport

S = OrderState

TABLE: dict[tuple[OrderState, type], OrderState] = {
    (S.SUBMITTED, OrderAccepted): S.ACCEPTED,
    (S.SUBMITTED, OrderFilled): S.PARTIAL,
    (S.SUBMITTED, OrderCancelled): S.CANCELLED,
    (S.SUBMITTED, OrderRejected): S.REJECTED,
    (S.SUBMITTED, OrderExpired): S.EXPIRED,
    (S.ACCEPTED, OrderFilled): S.PARTIAL,
    (S.ACCEPTED, OrderCancelled): S.CANCELLED,
    (S.ACCEPTED, OrderRejected): S.REJECTED,
    (S.ACCEPTED, OrderExpired): S.EXPIRED,
    (S.PARTIAL, OrderFilled): S.PARTIAL,
    (S.PARTIAL, OrderCancelled): S.CANCELLED,
    (S.PARTIAL, OrderExpired): S.EXPIRED,
    (S.UNKNOWN, OrderAccepted): S.ACCEPTED,
    (S.UNKNOWN, OrderFilled): S.PARTIAL,
    (S.UNKNOWN, OrderCancelled): S.CANCELLED,
    (S.UNKNOWN, OrderRejected): S.REJECTED,
    (S.UNKNOWN, OrderExpired): S.EXPIRED,
}
"""Where a report moves an order; a fill that completes it goes on to FILLED."""

FINAL = frozenset({S.FILLED, S.CANCELLED, S.REJECTED, S.EXPIRED})

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


class OrderBook:
    """The orders of one strategy that are not final, by id; `apply` is the only way their state moves."""

    def __init__(self) -> None:
        self.working: dict[str, Order] = {}
        self._fills: dict[str, set[str]] = {}

    def add(self, order: Order) -> None:
        """Take in an order about to be sent."""
        if order.id in self.working:
            msg = f"order {order.id} exists already"
            raise InvariantError(msg)
        self.working[order.id] = order
        self._fills[order.id] = set()

    def of(self, vpis: Sequence[str], purpose: Purpose) -> list[Order]:
        """Return the working orders of some slots, oldest first."""
        return [o for o in self.working.values() if o.purpose is purpose and o.vpi in vpis]

    def apply(self, report: OrderReport) -> Order | None:
        """Move the order a report is about; return it, or none where the report changes nothing.

        Raises:
            InvariantError: the report is not possible in the order's state, or fills more than was ordered.
        """
        order = self.working.get(report.order)
        if order is None or (isinstance(report, OrderAccepted) and order.state in (S.ACCEPTED, S.PARTIAL)):
            return None
        state = TABLE.get((order.state, type(report)))
        if state is None:
            msg = f"order {order.id} is {order.state}; {type(report).__name__} is not possible"
            raise InvariantError(msg)
        if isinstance(report, OrderFilled):
            fill = report.fill
            if fill.id in self._fills[order.id]:
                return None
            if not 0 < fill.quantity <= order.remaining:
                msg = f"fill {fill.id} of {fill.quantity}: order {order.id} has {order.remaining} left"
                raise InvariantError(msg)
            self._fills[order.id].add(fill.id)
            order.filled += fill.quantity
            state = state if order.remaining else S.FILLED
        elif not isinstance(report, OrderAccepted):
            order.reason = report.reason
        order.state = state
        if state in FINAL:
            del self.working[order.id], self._fills[order.id]
        return order
