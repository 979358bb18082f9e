"""The paper account: the money of one engine, which all its strategies share.

Every fill, charge and settlement is a row of its ledger, and its cash their sum. What may be opened is measured
against equity - cash, and all that is held at its last price - less the margin that is bound already, which is an
approximation and called one. It only ever answers: an exit is never asked about, and nothing is closed for money.
"""

from __future__ import annotations

import enum
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from tradingd.core.markets import margin
from tradingd.core.markets.charges import FREE, Charges
from tradingd.core.markets.margin import Holding
from tradingd.model.trading import ZERO, Purpose

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from decimal import Decimal

    from tradingd.core.desk import Desk
    from tradingd.core.feed import Feed
    from tradingd.model.instrument import Instrument

LEDGER_MAX = 1_000


class Item(enum.StrEnum):
    """Why money moved."""

    FILL = "fill"
    CHARGES = "charges"
    SETTLEMENT = "settlement"


class Row(NamedTuple):
    """Money that moved: at `ts` so much, for a position, which left `balance`."""

    ts: int
    item: Item
    position: str
    instrument: str
    amount: Decimal
    balance: Decimal


class Account:
    """Cash, charges and ledger. `ledger` keeps the last rows, `on_row` is told of every one.

    `margin_peak` is the most that was ever bound when an entry was let through.
    """

    def __init__(self, starting_cash: Decimal, on_row: Callable[[Row], None] | None = None) -> None:
        self.starting_cash = self.cash = starting_cash
        self.charges = Charges()
        self.margin_peak = ZERO
        self.ledger: deque[Row] = deque(maxlen=LEDGER_MAX)
        self._on_row = on_row
        self._delivered: set[tuple[str, dt.date]] = set()

    def book(self, ts: int, item: Item, position: str, instrument: Instrument, amount: Decimal) -> None:
        """Take money in, or out where it is negative."""
        self.cash += amount
        row = Row(ts, item, position, instrument.symbol, amount, self.cash)
        self.ledger.append(row)
        if self._on_row is not None:
            self._on_row(row)

    def charge(self, ts: int, position: str, instrument: Instrument, charges: Charges) -> Decimal:
        """Pay charges; return their sum."""
        if charges is FREE:
            return ZERO
        total = charges.total
        self.charges += charges
        self.book(ts, Item.CHARGES, position, instrument, -total)
        return total

    def delivers(self, instrument: Instrument, date: dt.date) -> bool:
        """Whether shares leave the account for the first time that day."""
        first = (instrument.id, date) not in self._delivered
        self._delivered.add((instrument.id, date))
        return first

    # --- what it can carry -----------------------------------------------------------------------------------

    def equity(self, positions: Iterable[Holding]) -> Decimal:
        """Return cash, and the positions at their prices."""
        return sum((held.value for held in positions), self.cash)

    def refuse(  # noqa: PLR0913 - what is held, and what is wanted
        self,
        positions: Sequence[Holding],
        orders: Sequence[Holding],
        wanted: Holding,
        charges: Decimal,
        spots: Mapping[str, Decimal],
        date: dt.date,
    ) -> str:
        """Return why the account cannot carry an entry beside its positions and working entries; empty where it can."""
        equity = self.equity(positions)
        needed = margin.required((*positions, *orders, wanted), spots, date) + charges
        if needed <= equity:
            self.margin_peak = max(self.margin_peak, needed)
            return ""
        bound = margin.required((*positions, *orders), spots, date)
        return (
            f"{wanted.instrument.symbol}: it takes {needed - bound:.2f} of the account "
            f"(margin: {margin.MODEL}), of which {max(equity - bound, ZERO):.2f} is free"
        )


def positions_of(desks: Iterable[Desk], feeds: Mapping[str, Feed]) -> list[Holding]:
    """Return what strategies hold, at the last prices."""
    held = []
    for desk in desks:
        for position in desk.positions.open():
            if position.quantity:
                feed, signed = feeds[position.instrument.id], position.quantity * position.side.sign
                price = position.instrument.price(feed.price)
                held.append(Holding(position.instrument, position.product, signed, price))
    return held


def entries_of(desks: Iterable[Desk], feeds: Mapping[str, Feed]) -> list[Holding]:
    """Return what the working entries of strategies would make, at their limits or the last prices."""
    return [
        Holding(
            order.instrument,
            order.product,
            order.remaining * order.side.sign,
            order.limit_price or order.instrument.price(feeds[order.instrument.id].price),
        )
        for desk in desks
        for order in desk.book.working.values()
        if order.purpose is Purpose.ENTRY
    ]


def underlying(instrument: Instrument, feeds: Mapping[str, Feed]) -> Feed | None:
    """Return the feed of what a future or an option is of, none where there is none."""
    for feed in feeds.values():
        if feed.instrument.symbol == instrument.underlying and feed.market.derivatives == instrument.exchange:
            return feed
    return None


def spots_of(holdings: Iterable[Holding], feeds: Mapping[str, Feed]) -> dict[str, Decimal]:
    """Return the last prices of what the futures and options among some holdings are of, by name."""
    spots = {}
    for holding in holdings:
        name = holding.instrument.underlying
        if holding.instrument.right and name not in spots:
            feed = underlying(holding.instrument, feeds)
            if feed is not None and feed.ts:
                spots[name] = feed.instrument.price(feed.price)
    return spots
