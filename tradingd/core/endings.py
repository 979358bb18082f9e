"""What ends a position that its strategy let run: the last day of its contract, and the broker's own square-off.

An expiring option pays what it is worth at its underlying's settlement value, an expiring future is closed at it. On
the exchanges that value is an average of the last half hour; here it is that of one price a minute, where at least
half of them came, and else the last price: which one is told with the settlement. Intraday positions that are left
when the broker closes them are closed then, at its fee. What is watched is plain data.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from tradingd.core.account import underlying
from tradingd.core.markets.order_rules import square_off
from tradingd.core.markets.pricing import intrinsic
from tradingd.model.instrument import InstrumentKind
from tradingd.model.market import MINUTE
from tradingd.model.trading import Product

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradingd.core.desk import Desk
    from tradingd.core.engine import Engine
    from tradingd.model.instrument import Instrument
    from tradingd.model.trading import Position

AVERAGED_MIN = 30
EXPIRY = "expiry"
"""What stands for the node that closed a position."""
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a contract settled at: `price`, from the `value` of what it is `of`, its underlying where there is data.

    `value` is an average of so many `prices`; 0 says that it is the last price.
    """

    instrument: Instrument
    ts: int
    of: str
    value: Decimal
    prices: int
    price: Decimal

    def __str__(self) -> str:
        how = f"the average of {self.prices} prices of the last half hour" if self.prices else "the last price"
        return f"{self.instrument.symbol} settled at {self.price:f}: {self.of} at {self.value:f}, {how}"


class Endings:
    """Watches over open positions; `expire` and `left_open` answer the times it asked for."""

    def __init__(self, engine: Engine, ask: Callable[[int, str, str], None]) -> None:
        self.settled: list[Settlement] = []
        self._engine = engine
        self._ask = ask
        self._prices: dict[str, list[float]] = {}
        self._closed_out: set[tuple[str, dt.date]] = set()

    def watch(self, position: Position) -> None:
        """Ask for the times at which a position that was just opened may end by itself."""
        instrument = position.instrument
        if instrument.expiry is not None and instrument.id not in self._prices:
            session = self._engine.feeds[instrument.id].market.session_on(instrument.expiry, instrument)
            if session is not None:
                self._prices[instrument.id] = []
                begin = session.ts_close - (AVERAGED_MIN - 1) * MINUTE
                self._ask(max(begin, self._next_minute(session.ts_close)), instrument.id, EXPIRY)
        if position.product is Product.INTRADAY:
            self._watch_broker(instrument)

    def _next_minute(self, ts_close: int) -> int:
        """Return the next whole minute before a close, the close itself where it is near."""
        return min(self._engine.now + (ts_close - self._engine.now) % MINUTE, ts_close)

    def _watch_broker(self, instrument: Instrument) -> None:
        feed = self._engine.feeds[instrument.id]
        venue, session = feed.market, feed.market.session_at(self._engine.now, instrument)
        if session is None or (instrument.id, session.date) in self._closed_out:
            return
        opens, closes = (
            dt.datetime.fromtimestamp(ts // 1_000_000_000, venue.zone).time()
            for ts in (session.ts_open, session.ts_close)
        )
        at = square_off(instrument, session.date, opens, closes)
        if at is not None:
            self._closed_out.add((instrument.id, session.date))
            self._ask(venue.ts_of(session.date, at), instrument.id, "")

    # --- the times have come ---------------------------------------------------------------------------------

    def left_open(self, name: str) -> list[Desk]:
        """Return whose intraday positions in an instrument the broker closes now."""
        return [
            desk
            for desk in self._desks()
            if any(p.instrument.id == name and p.product is Product.INTRADAY for p in desk.positions.open())
        ]

    def expire(self, name: str, due: int, grace: int) -> Settlement | None:
        """Take a price for the average; past the close return what the contract settles at, where it is still held."""
        feed = self._engine.feeds[name]
        session = feed.market.session_on(feed.instrument.expiry or feed.market.date_of(due), feed.instrument)
        if session is None or not any(p.instrument.id == name for desk in self._desks() for p in desk.positions.open()):
            self._prices.pop(name, None)
            return None
        of = underlying(feed.instrument, self._engine.feeds) or feed
        begin = session.ts_close - (AVERAGED_MIN - 1) * MINUTE
        if due < begin:  # it was re-dated meanwhile
            self._ask(begin, name, EXPIRY)
            return None
        if due <= session.ts_close:
            if of.ts and due - of.ts <= MINUTE:
                self._prices[name].append(of.price)
            self._ask(due + MINUTE if due < session.ts_close else due + grace, name, EXPIRY)
            return None
        prices = self._prices.pop(name)
        settled = self._settlement(feed.instrument, of.instrument, prices, of.price, due)
        self.settled.append(settled)
        return settled

    @staticmethod
    def _settlement(instrument: Instrument, of: Instrument, prices: list[float], last: float, ts: int) -> Settlement:
        averaged = len(prices) if len(prices) * 2 >= AVERAGED_MIN else 0
        value = of.price(last)
        if averaged:
            value = (sum(map(of.price, prices), Decimal(0)) / averaged).quantize(_CENT)
        option = instrument.kind is InstrumentKind.OPTION and of is not instrument
        price = intrinsic(instrument, value) if option else value
        return Settlement(instrument, ts, of.symbol, value, averaged, price)

    def _desks(self) -> list[Desk]:
        return [self._engine.desks[strategy.id] for strategy in self._engine.strategies]
