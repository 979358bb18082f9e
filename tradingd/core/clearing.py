"""What becomes of orders: reports to the desk they belong to, money to the account, contracts to their end.

The engine's side of the order path. An order goes out through `send`; everything a venue says about it, now or late,
comes in through `on_report` and is told to the strategy once the books are right. Nothing here decides to trade, except
for the two things a venue does by itself: it settles what expires, and closes what a broker may close.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradingd.core.account import Account, entries_of, positions_of, spots_of, underlying
from tradingd.core.derived import DerivedPrices
from tradingd.core.endings import EXPIRY, Endings
from tradingd.core.feed import Feed
from tradingd.core.markets import margin
from tradingd.core.markets.charges import charge
from tradingd.core.markets.margin import Holding
from tradingd.core.markets.plausibility import implausible
from tradingd.model.events import OrderAccepted, OrderFilled
from tradingd.model.market import SECOND
from tradingd.model.trading import ZERO, AlertKind, AlertType, Purpose

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable
    from decimal import Decimal

    from tradingd.core.account import Row
    from tradingd.core.desk import Desk
    from tradingd.core.engine import Engine
    from tradingd.model.commands import Command
    from tradingd.model.events import OrderReport
    from tradingd.model.instrument import Instrument
    from tradingd.model.trading import Order, Product, Side

OWNED_MAX = 10_000
"""So many orders that are over have their desk remembered, since a venue may tell of them late."""
CHASE = "chase"


@dataclass(frozen=True, slots=True)
class Standing:
    """How the account stands: margins are an approximation by `margin_model`."""

    starting_cash: Decimal
    equity: Decimal
    margin_used: Decimal
    margin_peak: Decimal
    margin_model: str


class Clearing:
    """Account, endings and derived prices of one engine, and whose each order is.

    `ask(ts, name, what)` has `on_time(ts, name, what)` called when market time comes to `ts`. `foreign` counts
    reports on orders that nobody here has.
    """

    def __init__(
        self, engine: Engine, ask: Callable[[int, str, str], None], on_ledger: Callable[[Row], None] | None
    ) -> None:
        settings = engine.settings
        self.account = Account(settings.simulation.starting_cash, on_ledger)
        self.endings = Endings(engine, ask)
        self.derived = DerivedPrices(settings.simulation)
        self.foreign = 0
        self._engine = engine
        self._ask = ask
        self._grace = settings.bars.bar_grace_ms * SECOND // 1000
        self._chase_ns = settings.orders.chase_s * SECOND
        self._plan = settings.charges.plan
        self._underlyings: dict[str, Feed] = {}
        self._owners: dict[str, Desk] = {}
        self._over: deque[str] = deque()

    # --- orders ----------------------------------------------------------------------------------------------

    def send(self, command: Command, order: Order, desk: Desk) -> None:
        """Let an order go out, and remember whose it is."""
        self._owners[order.id] = desk
        self._engine.out.append(command)
        self._attend()
        if order.protected and order.purpose is Purpose.EXIT:
            self._ask(self._engine.now + self._chase_ns, order.id, CHASE)

    def on_report(self, report: OrderReport) -> None:
        """Take in what a venue says: the books first, then the strategy."""
        owner = self._owners.get(report.order)
        if owner is None:
            self.foreign += 1
            return
        applied = owner.book.apply(report)
        if applied is None:
            return
        order, filled, beyond = applied
        strategy = self._engine.roster.by_id.get(order.strategy)
        if strategy is None:  # taken out since, when it was flat: nothing of it is left that could act
            self.foreign += 1
            return
        if not isinstance(report, OrderFilled):
            self._finish(owner, order)
            if not isinstance(report, OrderAccepted):
                strategy.on_report(order, ZERO)
            self._engine.switch()
            return
        booked, stray = self._engine.desks[order.strategy].on_fill(order, report.fill, filled, beyond)
        if filled:
            self._finish(owner, order)
        self._attend()
        self._engine.recount()
        if filled:
            strategy.on_report(order, booked)
        elif booked:
            strategy.on_outside(order.vpi)
        if stray is not None:
            strategy.on_stray(stray.vpi)
        self._engine.switch()

    def _finish(self, owner: Desk, order: Order) -> None:
        """Free what an order reserved, once it is final."""
        if order.id in owner.book.working:
            return
        owner.positions.on_final(order)
        self._attend()
        self._over.append(order.id)
        if len(self._over) > OWNED_MAX:
            del self._owners[self._over.popleft()]

    def standing(self) -> Standing:
        """Return how the account stands now, with everything at the last prices."""
        engine, account = self._engine, self.account
        desks, feeds = engine.desks.values(), engine.feeds
        positions, orders = positions_of(desks, feeds), entries_of(desks, feeds)
        dates = [feed.market.date_of(engine.now) for feed in feeds.values()]
        used = ZERO
        if positions or orders:
            used = margin.required((*positions, *orders), spots_of((*positions, *orders), feeds), max(dates))
        return Standing(
            account.starting_cash, account.equity(positions), used, max(account.margin_peak, used), margin.MODEL
        )

    # --- what an entry meets ---------------------------------------------------------------------------------

    def too_much(  # noqa: PLR0913 - an order, before it is one
        self, instrument: Instrument, product: Product, side: Side, quantity: Decimal, price: Decimal, date: dt.date
    ) -> str:
        """Return why the account cannot carry an entry; empty where it can."""
        feeds, desks = self._engine.feeds, self._engine.desks.values()
        positions, orders = positions_of(desks, feeds), entries_of(desks, feeds)
        wanted = Holding(instrument, product, quantity * side.sign, price)
        costs = charge(instrument, product, side, date, price, quantity, plan=self._plan).total
        spots = spots_of((*positions, *orders, wanted), feeds)
        return self.account.refuse(positions, orders, wanted, costs, spots, date)

    def priced(self, instrument: Instrument, of: Feed) -> bool:
        """Whether there are prices of a contract: the market's, else such as the settings let us make."""
        feeds = self._engine.feeds
        if instrument.id in feeds and instrument.id not in self.derived.contracts:
            return True
        if not self.derived.enabled or not instrument.right:
            return False
        feed = feeds.setdefault(instrument.id, Feed(instrument, self._engine.market(instrument.exchange)))
        self.derived.take(feed, of, self._engine.now)
        return True

    def estimate(self, instrument: Instrument, of: Feed) -> float | None:
        """Return what an option without market data would cost now, none where no prices are made."""
        if not self.derived.enabled:
            return None
        venue = self._engine.market(instrument.exchange)
        return self.derived.price(instrument, venue, of.price, self._engine.now)

    def _attend(self) -> None:
        """Have those contracts priced that are held or about to be."""
        if self.derived.contracts:
            desks = self._engine.desks.values()
            held = [p.instrument.id for desk in desks for p in desk.positions.open()]
            self.derived.attend([*held, *(o.instrument.id for d in desks for o in d.book.working.values())])

    # --- what a market event meets ---------------------------------------------------------------------------

    def implausible(self, feed: Feed, price: float) -> bool:
        """Whether a price cannot be that of the option it is told of."""
        name = feed.instrument.id
        of = self._underlyings.get(name) or underlying(feed.instrument, self._engine.feeds)
        if of is not None:
            self._underlyings[name] = of
        return implausible(feed.instrument, price, of.price if of is not None and of.ts else None)

    def quarantined(self, feed: Feed, price: float) -> bool:
        """Keep out and count a price that is none of its option; the first is told to those that trade it."""
        if not self.implausible(feed, price):
            return False
        self._engine.counts.quarantined += 1
        if feed.suspected:
            return True
        feed.suspected = True
        name = feed.instrument.id
        for desk in self._engine.desks.values():
            nodes = [order.node for order in desk.book.working.values() if order.instrument.id == name]
            nodes += [p.entry_node for p in desk.positions.open() if p.instrument.id == name]
            if nodes:
                text = f"{price} cannot be a price of {feed.instrument.symbol}: it is not used, nor are others like it"
                desk.alert(AlertKind.RISK, nodes[0], text, AlertType.CRITICAL, {}, cause=0)
        return True

    # --- what happens by itself ------------------------------------------------------------------------------

    def on_time(self, due: int, name: str, what: str) -> None:
        """A time has come that was asked for."""
        if what == CHASE:
            owner = self._owners.get(name)
            order = owner.book.working.get(name) if owner is not None else None
            if owner is not None and order is not None and owner.chase(order):
                self._ask(due + self._chase_ns, name, CHASE)
        elif what == EXPIRY:
            self._expire(due, name)
        else:
            for desk in self.endings.left_open(name):
                desk.closed_out(name)
                self._engine.recount()
                self._engine.roster.by_id[desk.positions.strategy].on_square_off()

    def _expire(self, due: int, name: str) -> None:
        settled = self.endings.expire(name, due, self._grace)
        if settled is None:
            return
        for strategy in tuple(self._engine.strategies):
            closed = self._engine.desks[strategy.id].settle(name, settled.price, settled.value, str(settled))
            if closed:
                self._engine.recount()
            for vpi in closed:
                strategy.on_outside(vpi)
        self._attend()
        self._engine.switch()
