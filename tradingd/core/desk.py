"""From intent to order: one strategy's desk, where its books lie.

The strategy says what it wants; the desk resolves the contract, asks risk, numbers the order and reserves
what it will open or close, all in market time. It is the engine's side of `graph.strategy.Desk`: the only
place besides `engine.py` where stations meet.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from tradingd.core import alerts, risk, tickets
from tradingd.core.account import Item
from tradingd.core.endings import EXPIRY
from tradingd.core.markets import charges
from tradingd.core.markets.charges import Charges
from tradingd.core.markets.contracts import Refusal
from tradingd.core.orders import OrderBook, serial
from tradingd.core.positions import Positions
from tradingd.model.commands import CancelOrder, ModifyOrder, PublishAlert, SubmitOrder
from tradingd.model.errors import InvariantError
from tradingd.model.instrument import InstrumentKind
from tradingd.model.market import SECOND
from tradingd.model.trading import AlertKind, AlertType, Intent, Order, OrderState, Product, Purpose, Side

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from tradingd.core.engine import Engine
    from tradingd.core.feed import Feed, Line
    from tradingd.core.graph.arithmetic import Value
    from tradingd.core.graph.document import Document
    from tradingd.core.markets.contracts import Resolution
    from tradingd.core.sight import Sight
    from tradingd.model.instrument import Instrument
    from tradingd.model.market import Bar, TradingSession
    from tradingd.model.trading import Alert, Fill, OptionChoice, Position, Slot

ALERTS_MAX = 50


class Desk:
    """Orders, positions and counters of one strategy.

    `short_history` says that some session began with fewer bars than its indicators need (`Series.short_history`),
    `capped` that the cap on a session's entries held one back. `charges` are those of all its fills; `blocked` is why
    no entry may run until the strategy starts afresh, empty where one may.
    """

    def __init__(
        self,
        engine: Engine,
        document: Document,
        line: Line,
        lists: Sequence[list[float]],
        slots: Sequence[tuple[str, str]],
    ) -> None:
        self._engine = engine
        self._clearing = engine.clearing
        self._document = document
        self._settings = engine.settings
        self.feed: Feed = line.feed
        self._series = line.series
        self._cold = list(lists)
        self.book = OrderBook()
        self.positions = Positions(document.id, slots)
        self.slots: Mapping[str, Slot] = self.positions.slots
        self.recent: deque[Alert] = deque(maxlen=ALERTS_MAX)
        self.indicators: Mapping[str, list[float]] = {}
        self.short_history = self.capped = False
        self.sight: Sight
        self.charges = Charges()
        self.blocked = ""
        self._chased: dict[str, int] = {}
        self._hours: TradingSession | None = None
        self._entries = 0
        self._session: dt.date | None = None
        self._intents = self._alerts = 0

    def begin_session(self) -> None:
        """Start the session's counters afresh."""
        self._entries = 0
        self.blocked = ""
        self.short_history |= self._series.short_history
        self.positions.begin_session()

    def redate(self, date: dt.date) -> None:
        """Give the contracts held the expiries that the day's list has for them; nothing else of them changes."""
        for position in self.positions.open():
            was, held = position.instrument, self._engine.contracts.current(position.instrument, date)
            if held.expiry != was.expiry:
                position.instrument = held
                text = f"{held.symbol} now expires on {held.expiry}, not on {was.expiry}; position {position.vpi} stays"
                self.alert(AlertKind.RISK, position.entry_node, text, AlertType.WARNING, {}, cause=0)

    def inherit(self, before: Desk) -> None:
        """Take over the books and counters of the desk whose place this one takes; it is flat."""
        self.positions.inherit(before.positions)
        self.recent, self.charges, self.blocked = before.recent, before.charges, before.blocked
        self._entries, self._session = before._entries, before._session
        self._intents, self._alerts = before._intents, before._alerts

    # --- what the strategy asks ------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        """Market time, ns UTC."""
        return self._engine.now

    def ready(self) -> bool:
        """Whether every operand has had a value, and there is a price of this session."""
        if self._cold:
            self._cold = [values for values in self._cold if values[-1] != values[-1]]
        return not self._cold and self._series.count > 0 and self.feed.fresh

    def bars(self) -> int:
        """How many bars of the strategy's series have closed."""
        return self._series.count

    @property
    def last_bar(self) -> Bar | None:
        """The last bar that closed."""
        return self._series.last

    def gap_within(self, bars: int) -> bool:
        """Whether one of the last so many closed bars has a hole."""
        return self._series.last_gap < bars

    def attend(self) -> None:
        """A strategy began or ceased to wait for market events."""
        self._engine.eager = bool(self._engine.waiting) or any(s.eager for s in self._engine.strategies)

    def entry_gate(self) -> str:
        """Why no entry may run now; empty where it may."""
        if self.blocked:
            return self.blocked
        if any(order.state is OrderState.UNKNOWN for order in self.book.working.values()):
            return "risk: what became of an order is not known"
        gate = risk.entry_gate(self._entries, self._settings.risk.max_entries_per_session)
        self.capped = self.capped or bool(gate)
        return gate

    def count_entry(self) -> None:
        """An entry runs."""
        self._entries += 1

    def submit(self, intent: Intent) -> tuple[Order, ...] | str:
        """Turn an intent into orders on their way, or return why not; an entry's refusal is told to a person.

        It is one order, or as many as the venue needs for the quantity.
        """
        date = self._day(self.now)
        found = self._instrument(intent, date)
        if isinstance(found, str):
            return self._refused(intent, found)
        quantity = intent.quantity if intent.lots is None else intent.lots * found.lot_size
        if quantity is None:
            msg = f"{intent.strategy} {intent.node}: an intent needs lots or a quantity"
            raise InvariantError(msg)
        feed = self._engine.feeds[found.id]
        session = feed.market.session_from(self.now, found)  # its own hours, not its underlying's
        ticket = tickets.write(intent, found, quantity, feed, session.date)
        if isinstance(ticket, str):
            return self._refused(intent, ticket)
        if intent.purpose is Purpose.ENTRY:
            price = ticket.limit_price or found.price(feed.price)
            reason = self._clearing.too_much(found, intent.product, intent.side, quantity, price, session.date)
            if reason:
                return self._refused(intent, reason)
        orders = tuple(
            Order(
                self._number(date), intent.strategy, intent.node, intent.vpi, intent.purpose, found, intent.side,
                ticket.type, intent.product, part, self.now, session.ts_open, session.ts_close, ticket.limit_price,
                tag=intent.tag, cause=intent.cause, protected=ticket.protected,
            )
            for part in ticket.parts
        )  # fmt: skip
        for order in orders:
            self.positions.on_submitted(order)
            self.book.add(order)
            self._clearing.send(SubmitOrder(order, self.now), order, self)
        return orders

    def cancel(self, order: Order) -> None:
        """Withdraw what is left of an order."""
        order.cancelling = True
        self._engine.out.append(CancelOrder(order, self.now))

    def chase(self, order: Order) -> bool:
        """Let the limit of an exit that stands for the market follow the price; return whether it still works."""
        if order.id not in self.book.working or order.cancelling:
            self._chased.pop(order.id, None)
            return False
        times = self._chased[order.id] = self._chased.get(order.id, 0) + 1
        feed = self._engine.feeds[order.instrument.id]
        limit = tickets.chase(order, feed, feed.market.date_of(order.ts_valid), times)
        if times == 1:
            text = f"exit {order.id} of {order.vpi} did not fill at {order.limit_price}: its limit follows the price"
            self.alert(AlertKind.ORDER, order.node, text, AlertType.CRITICAL, {}, cause=order.cause)
        if limit is not None and limit != order.limit_price:
            order.limit_price = limit
            self._engine.out.append(ModifyOrder(order, self.now))
        return True

    def working(self, vpis: Sequence[str], purpose: Purpose) -> list[Order]:
        """Return the working orders of these slots, oldest first."""
        return self.book.of(vpis, purpose)

    def alert(  # noqa: PLR0913 - the parts of an alert
        self, kind: AlertKind, node: str, message: str, type_: AlertType, operands: Mapping[str, Value], *, cause: int
    ) -> None:
        """Publish an alert with the market as it is."""
        date = self._day(self.now)
        self._date(date)
        self._alerts += 1
        number = serial(self._document.id, date, self._alerts, "-a")
        price = self.feed.price if self.feed.ts else None
        indicators = {name: values[-1] for name, values in self.indicators.items()}
        made = alerts.make(
            number, kind, self._document.id, node, message, type_, self.now, price, indicators, operands, cause
        )
        self.recent.append(made)
        self._engine.out.append(PublishAlert(made, self.now))

    def wake(self, ts: int, node: str) -> None:
        """Have the strategy's node woken at `ts`."""
        self._engine.wake(ts, self._document.id, node)

    # --- what the venue tells --------------------------------------------------------------------------------

    def on_fill(self, order: Order, fill: Fill, filled: Decimal, beyond: Decimal) -> tuple[Decimal, Position | None]:
        """Book a fill of which the order had room for `filled`.

        Return how much of it its slot took, and the position that the rest is, none where there is no rest.
        """
        date = self._day(order.ts)
        room = self.positions.room(order, filled, beyond)
        position = stray = None
        if room:
            position = self.positions.apply(order, fill, room, filled, date)
        if room < fill.quantity:
            stray = self.positions.stray(order, fill, fill.quantity - room, date)
        for held in (position, stray):
            if held is not None:
                self._clearing.endings.watch(held)
        self._pay(order, fill, position or stray)  # type: ignore[arg-type] # a fill is of something
        text = f"{order.purpose} {order.side} {fill.quantity:f} {order.instrument.symbol} at {fill.price:f}"
        self.alert(AlertKind.FILL, order.node, text, AlertType.INFO, {}, cause=order.cause)
        if stray is not None:
            self.blocked = "risk: more filled than was asked for"
            text = f"{stray.entered:f} of fill {fill.id} was not asked for: closing it, and no entry until all is flat"
            self.alert(AlertKind.ORDER, order.node, text, AlertType.CRITICAL, {}, cause=order.cause)
        return room, stray

    def _pay(self, order: Order, fill: Fill, position: Position) -> None:
        """Move the money of a fill, and what it costs."""
        instrument, account, plan = order.instrument, self._clearing.account, self._settings.charges.plan
        value = fill.price * fill.quantity * instrument.multiplier
        account.book(fill.ts, Item.FILL, position.id, instrument, -value * order.side.sign)
        date = self._engine.feeds[instrument.id].market.date_of(fill.ts)
        costs = charges.charge(
            instrument, order.product, order.side, date, fill.price, fill.quantity,
            filled_value=order.value - value, plan=plan, maker=fill.maker,
        )  # fmt: skip
        delivery = order.product is Product.CARRY_FORWARD and instrument.kind is InstrumentKind.EQUITY
        if delivery and order.side is Side.SELL and position.session < date and account.delivers(instrument, date):
            costs += charges.depository(instrument, date, plan)
        self._charge(fill.ts, position, costs)

    def _charge(self, ts: int, position: Position, costs: Charges) -> None:
        total = self._clearing.account.charge(ts, position.id, position.instrument, costs)
        if total:
            position.charges += total
            self.charges += costs

    def settle(self, name: str, price: Decimal, value: Decimal, told: str) -> list[str]:
        """Close what is open in an expired contract at what it pays; return the slots."""
        closed = []
        for vpi, slot in self.slots.items():
            position = slot.position
            if position is None or not position.quantity or position.instrument.id != name:
                continue
            instrument, quantity, ts = position.instrument, position.quantity, self.now
            self.positions.settle(vpi, price, ts, EXPIRY)
            amount = price * quantity * position.side.sign * instrument.multiplier
            self._clearing.account.book(ts, Item.SETTLEMENT, position.id, instrument, amount)
            if instrument.kind is InstrumentKind.OPTION:
                date = self._engine.feeds[name].market.date_of(ts)
                self._charge(ts, position, charges.exercise(instrument, position.side, date, value, quantity))
            self.alert(AlertKind.FILL, position.entry_node, told, AlertType.INFO, {}, cause=0)
            closed.append(vpi)
        return closed

    def closed_out(self, name: str) -> None:
        """The broker closes intraday positions in an instrument, at its fee."""
        date = self._engine.feeds[name].market.date_of(self.now)
        for position in self.positions.open():
            if position.instrument.id == name and position.product is Product.INTRADAY:
                fee = charges.square_off_fee(position.instrument, date, self._settings.charges.plan)
                self._charge(self.now, position, fee)
                text = f"the broker closes {position.vpi}, {position.instrument.symbol}: intraday positions end now"
                self.alert(AlertKind.ORDER, position.entry_node, text, AlertType.CRITICAL, {}, cause=0)

    # --- inside ----------------------------------------------------------------------------------------------

    def _day(self, ts: int) -> dt.date:
        """Return the date of the session whose hours contain `ts`, else of the next one to open."""
        hours = self._hours
        if hours is None or not hours.ts_open <= ts < hours.ts_close:
            hours = self._hours = self.feed.market.session_from(ts)
        return hours.date

    def _date(self, date: dt.date) -> None:
        if date != self._session:
            self._session = date
            self._intents = self._alerts = 0

    def _number(self, date: dt.date) -> str:
        self._date(date)
        self._intents += 1
        return serial(self._document.id, date, self._intents)

    def _refused(self, intent: Intent, reason: str) -> str:
        if intent.purpose is Purpose.ENTRY:
            text = f"entry {intent.vpi} refused: {reason}"
            self.alert(AlertKind.RISK, intent.node, text, AlertType.CRITICAL, {}, cause=intent.cause)
        return reason

    def _instrument(self, intent: Intent, date: dt.date) -> Instrument | str:
        """Return what to trade: the position's own contract for an exit, the drawn or resolved one for an entry."""
        if intent.purpose is Purpose.EXIT:
            position = self.slots[intent.vpi].position
            return "nothing is open" if position is None else position.instrument
        if intent.choice is None:
            found = self.feed.instrument
        else:
            age_s = (self.now - self.feed.ts) / SECOND
            if age_s > self._settings.contracts.spot_age_s_max:
                limit = self._settings.contracts.spot_age_s_max
                name = self.feed.instrument.symbol
                return f"the price of {name} is {age_s:.0f} s old, contracts.spot_age_s_max is {limit}"
            resolved = self._resolve(intent, intent.choice, date, age_s)
            if isinstance(resolved, Refusal):
                return resolved.reason
            found = resolved.instrument
        if not self._clearing.priced(found, self.feed):
            return f"there is no market data for {found.symbol}"
        return self._lot(intent, found)

    def _resolve(self, intent: Intent, choice: OptionChoice, date: dt.date, age_s: float) -> Resolution | Refusal:
        """Find the contract of a choice, and leave in the trace what it was found from."""
        answer = self._engine.contracts.resolve(
            choice, self.feed.market.derivatives, self._document.symbol, self.feed.price, date, self._price
        )
        told = {"refused": answer.reason} if isinstance(answer, Refusal) else answer.as_dict()
        strategy = self._engine.roster.by_id[intent.strategy]
        asked = {"vpi": intent.vpi, "choice": str(choice), "spot_age_s": age_s}
        strategy.record(strategy.nodes[intent.node], contract_resolved={**asked, **told})
        return answer

    def _price(self, instrument: Instrument) -> float | None:
        """Return the last price of an instrument, none where there is none of this session, or it is too old.

        Where prices are made, that of an instrument without data is made for the asking.
        """
        feed = self._engine.feeds.get(instrument.id)
        if feed is None or instrument.id in self._clearing.derived.contracts:
            return self._clearing.estimate(instrument, self.feed)
        if not feed.fresh:
            return None
        return feed.price if self.now - feed.ts <= self._settings.contracts.spot_age_s_max * SECOND else None

    def _lot(self, intent: Intent, found: Instrument) -> Instrument | str:
        """Hold the document's multiplier against the contract's lot; without lots it is the P&L multiplier."""
        if intent.multiplier is None or intent.multiplier == found.lot_size:
            return found
        if found.lot_size == 1:
            return replace(found, multiplier=intent.multiplier)
        told = f"multiplier {intent.multiplier} is not the lot of {found.symbol}, {found.lot_size}"
        if self._settings.contracts.lot_mismatch == "refuse":
            return told
        text = f"{told}; trading the contract's lot"
        self.alert(AlertKind.RISK, intent.node, text, AlertType.WARNING, {}, cause=intent.cause)
        return found

    @property
    def exposure(self) -> list[tuple[float, str]]:
        """Signed money per point of each open position, and the instrument it is in."""
        held = []
        for position in self.positions.open():
            if position.quantity:
                weight = position.quantity * position.side.sign * position.instrument.multiplier
                held.append((float(weight), position.instrument.id))
        return held
