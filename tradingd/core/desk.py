"""From intent to order: one strategy's desk, where its books lie.

The strategy says what it wants; the desk resolves the contract, asks risk, numbers the order and reserves
what it will open or close, all in market time. It is the engine's side of `graph.strategy.Desk`: the only
place besides `engine.py` where stations meet.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from tradingd.core import alerts, risk
from tradingd.core.markets.contracts import Refusal
from tradingd.core.orders import OrderBook, serial
from tradingd.core.positions import Positions
from tradingd.model.commands import CancelOrder, PublishAlert, SubmitOrder
from tradingd.model.errors import InvariantError
from tradingd.model.market import SECOND
from tradingd.model.trading import ZERO, AlertKind, AlertType, Intent, Order, Purpose

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    from tradingd.core.engine import Engine
    from tradingd.core.feed import Feed, Line
    from tradingd.core.graph.conditions import Value
    from tradingd.core.graph.document import Document
    from tradingd.model.instrument import Instrument
    from tradingd.model.market import Bar
    from tradingd.model.trading import Alert, Slot

ALERTS_MAX = 50


class Desk:
    """Orders, positions and counters of one strategy.

    `short_history` says that some session began with fewer bars than its indicators need (`Series.short_history`),
    `capped` that the cap on a session's entries held one back.
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
        self._entries = 0
        self._session: dt.date | None = None
        self._intents = self._alerts = 0

    def begin_session(self) -> None:
        """Start the session's counters afresh."""
        self._entries = 0
        self.short_history |= self._series.short_history
        self.positions.begin_session()

    def inherit(self, before: Desk) -> None:
        """Take over the books and counters of the desk whose place this one takes; it is flat."""
        self.positions.inherit(before.positions)
        self.recent = before.recent
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
        self._engine.eager = any(s.eager for s in self._engine.strategies)

    def entry_gate(self) -> str:
        """Why no entry may run now; empty where it may."""
        gate = risk.entry_gate(self._entries, self._settings.risk.max_entries_per_session)
        self.capped = self.capped or bool(gate)
        return gate

    def count_entry(self) -> None:
        """An entry runs."""
        self._entries += 1

    def submit(self, intent: Intent) -> Order | str:
        """Turn an intent into an order on its way, or return why not; an entry's refusal is told to a person."""
        session = self.feed.market.session_from(self.now)
        found = self._instrument(intent, session.date)
        if isinstance(found, str):
            return self._refused(intent, found)
        quantity = intent.quantity if intent.lots is None else intent.lots * found.lot_size
        if quantity is None:
            msg = f"{intent.strategy} {intent.node}: an intent needs lots or a quantity"
            raise InvariantError(msg)
        reason = risk.refuse(found, quantity, intent.type, intent.limit_price)
        if reason:
            return self._refused(intent, reason)
        limit = intent.limit_price and found.price_up(intent.limit_price)  # on the grid already, now written like it
        order = Order(
            self._number(session.date), intent.strategy, intent.node, intent.vpi, intent.purpose, found, intent.side,
            intent.type, intent.product, quantity, self.now, session.ts_open, session.ts_close, limit,
            tag=intent.tag, cause=intent.cause,
        )  # fmt: skip
        self.positions.on_submitted(order)
        self.book.add(order)
        self._engine.send(SubmitOrder(order, self.now), order, self)
        return order

    def cancel(self, order: Order) -> None:
        """Withdraw what is left of an order."""
        order.cancelling = True
        self._engine.out.append(CancelOrder(order, self.now))

    def working(self, vpis: Sequence[str], purpose: Purpose) -> list[Order]:
        """Return the working orders of these slots, oldest first."""
        return self.book.of(vpis, purpose)

    def alert(  # noqa: PLR0913 - the parts of an alert
        self, kind: AlertKind, node: str, message: str, type_: AlertType, operands: Mapping[str, Value], *, cause: int
    ) -> None:
        """Publish an alert with the market as it is."""
        date = self.feed.market.session_from(self.now).date
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

    # --- inside ----------------------------------------------------------------------------------------------

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
            choice, market = intent.choice, self.feed.market
            resolved = self._engine.contracts.resolve(
                choice, market.derivatives, self._document.symbol, self.feed.price, date
            )
            if isinstance(resolved, Refusal):
                return resolved.reason
            found = resolved.instrument
        if found.id not in self._engine.feeds:
            return f"there is no market data for {found.symbol}"
        return self._lot(intent, found)

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

    @property
    def cash(self) -> float:
        """Money that moved so far, buys negative."""
        return float(self.positions.cash) if self.positions.cash != ZERO else 0.0
