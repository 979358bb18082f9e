"""The simulated exchange of backtest and paper: working orders and market events in, reports out.

For each market event it matches the orders that were working before; an order never fills on the event that
caused it. A tick fills at bid or ask where it has them, else at its price worsened by the declared half
spread. A bar fills at its open, then along a declared path inside it: open, the extreme nearer to the open,
the other, close; a market order meets the next open, or the last price of the bar inside which it was sent.
An order that could trade at once on arrival gets the market's price, a resting limit its own; a stop becomes
a market or limit order when the last price reaches it. Sizes are bounded by the volume shown, where it is
shown. Nothing here is random.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

from tradingd.model.events import BarOpened, OrderAccepted, OrderCancelled, OrderExpired, OrderFilled
from tradingd.model.market import Bar, FoldedTick, Tick
from tradingd.model.trading import Fill, Order, OrderType, Side

if TYPE_CHECKING:
    from tradingd.core.settings import SimulationSettings
    from tradingd.model.events import Deadline, MarketEvent, OrderReport

MILLISECOND = 1_000_000
BPS = Decimal(10_000)


@dataclass(slots=True, eq=False)
class _Working:
    """An order on the exchange. `ts_seen` is when it arrives; `arriving` until it met its first price."""

    order: Order
    ts_seen: int
    triggered: bool
    arriving: bool = True
    fills: int = 0


class Simulator:
    """Fills orders from market data."""

    def __init__(self, settings: SimulationSettings) -> None:
        self._working: dict[str, list[_Working]] = {}
        self._latency = settings.latency_ms * MILLISECOND
        self._slippage = settings.slippage_bps / BPS
        self._half_spread = settings.half_spread_ticks
        self._share = None if settings.max_volume_share == "none" else settings.max_volume_share
        self.busy = False
        self.guessed_path = False

    def submit(self, order: Order) -> list[OrderReport]:
        """Take an order in."""
        stop = order.type in (OrderType.STOP, OrderType.STOP_LIMIT)
        self._working.setdefault(order.instrument.id, []).append(_Working(order, order.ts + self._latency, not stop))
        self.busy = True
        return [OrderAccepted(order.id, order.ts)]

    def cancel(self, order: Order, ts: int) -> list[OrderReport]:
        """Withdraw what is left of an order; nothing where it is not working any more."""
        for working in self._working.get(order.instrument.id, ()):
            if working.order is order:
                self._remove(working)
                return [OrderCancelled(order.id, ts, "cancelled by the strategy")]
        return []

    def match(self, event: MarketEvent | Deadline) -> list[OrderReport]:
        """Return what the working orders make of an event; day orders whose day is over expire first."""
        reports = self._expire(event)
        if isinstance(event, Tick | FoldedTick):
            self._on_price(event.instrument, event.ts, event.price, event.bid, event.ask, event.volume, reports)
        elif isinstance(event, BarOpened):
            self._on_price(event.instrument, event.ts, event.price, 0.0, 0.0, 0.0, reports)
        elif isinstance(event, Bar):
            self._on_bar(event, reports)
        return reports

    def _expire(self, event: MarketEvent | Deadline) -> list[OrderReport]:
        ts = event.ts_open if isinstance(event, Bar) else event.ts
        over = [w for ws in self._working.values() for w in ws if w.order.ts_expiry <= ts]
        for working in over:
            self._remove(working)
        return [OrderExpired(w.order.id, ts) for w in over]

    def _remove(self, working: _Working) -> None:
        key = working.order.instrument.id
        self._working[key].remove(working)
        if not self._working[key]:
            del self._working[key]
        self.busy = bool(self._working)

    # --- one price -------------------------------------------------------------------------------------------

    def _on_price(  # noqa: PLR0913 - the parts of a quote
        self, instrument: str, ts: int, price: float, bid: float, ask: float, volume: float, reports: list[OrderReport]
    ) -> None:
        room = self._room(volume)
        for working in tuple(self._working.get(instrument, ())):
            order = working.order
            if not (working.ts_seen <= ts and order.ts_valid <= ts):
                continue
            last = order.instrument.price(price)
            if not working.triggered and order.stop_price is not None:
                beyond = last >= order.stop_price if order.side is Side.BUY else last <= order.stop_price
                if not beyond:
                    continue
                working.triggered = True
            quoted = ask if order.side is Side.BUY else bid
            touch = order.instrument.price(quoted) if quoted > 0 else self._worse(order, last, spread=True)
            room = self._trade(working, ts, touch, room, reports)

    def _trade(
        self, working: _Working, ts: int, touch: Decimal, room: Decimal | None, reports: list[OrderReport]
    ) -> Decimal | None:
        """Fill what the price allows; return the room that is left for later orders."""
        order, arriving = working.order, working.arriving
        working.arriving = False
        if order.type in (OrderType.LIMIT, OrderType.STOP_LIMIT) and order.limit_price is not None:
            if (touch - order.limit_price) * order.side.sign > 0:
                return room
            price = touch if arriving else order.limit_price
        else:
            price = self._worse(order, touch, slippage=True)
        return self._fill(working, ts, price, room, reports)

    def _fill(
        self, working: _Working, ts: int, price: Decimal, room: Decimal | None, reports: list[OrderReport]
    ) -> Decimal | None:
        order = working.order
        quantity = order.remaining
        if room is not None and quantity > room:
            step = order.instrument.lot_size if order.instrument.right else order.instrument.quantity_step
            quantity = min((room / step).to_integral_value(ROUND_FLOOR) * step, quantity)
            if quantity <= 0:
                return room
        working.fills += 1
        fill = Fill(f"{order.id}.{working.fills}", order.id, ts, price, quantity)
        if quantity == order.remaining:
            self._remove(working)
        reports.append(OrderFilled(fill))
        return None if room is None else room - quantity

    def _room(self, volume: float) -> Decimal | None:
        """Return how many units may trade against a volume, none where it bounds nothing."""
        return None if self._share is None or volume <= 0 else Decimal(repr(volume)) * self._share

    def _worse(self, order: Order, price: Decimal, *, spread: bool = False, slippage: bool = False) -> Decimal:
        """Return a price moved against the order, on the grid."""
        away = self._half_spread * order.instrument.tick_size if spread else price * self._slippage if slippage else 0
        if not away:
            return price
        instrument = order.instrument
        if order.side is Side.BUY:
            return instrument.price_up(price + away)
        return max(instrument.price_down(price - away), instrument.tick_size)

    # --- a bar -----------------------------------------------------------------------------------------------

    def _on_bar(self, bar: Bar, reports: list[OrderReport]) -> None:
        working = self._working.get(bar.instrument)
        if not working:
            return
        ts = bar.ts_close - 1
        room = self._room(bar.volume)
        for w in tuple(working):
            order = w.order
            if not (w.ts_seen <= ts and order.ts_valid <= ts):
                continue
            begin, high, low, end = map(order.instrument.price, (bar.open, bar.high, bar.low, bar.close))
            path = [begin, high, low, end] if high - begin < begin - low else [begin, low, high, end]
            if order.type is OrderType.MARKET and w.ts_seen <= bar.ts_open:
                continue  # decided at this very open: the next one is its first price
            if order.type is OrderType.MARKET:
                room = self._fill(w, ts, self._worse_both(order, path[-1]), room, reports)
                continue
            self.guessed_path = True
            met = self._along(w, path)
            if met is not None:
                room = self._fill(w, ts, met, room, reports)

    def _along(self, working: _Working, path: list[Decimal]) -> Decimal | None:
        """Walk the path inside a bar; return the price at which the order trades, none where it does not."""
        order, sign, arriving = working.order, working.order.side.sign, working.arriving
        for before, after in pairwise(path):
            begin = before
            if not working.triggered and order.stop_price is not None:
                if (max(before * sign, after * sign)) < order.stop_price * sign:
                    continue
                working.triggered = True
                begin = order.stop_price if before * sign < order.stop_price * sign else before
            working.arriving = False
            if order.limit_price is None:
                return self._worse_both(order, begin)
            limit = order.limit_price
            for price, at_once in ((begin, arriving or order.type is OrderType.STOP_LIMIT), (after, False)):
                touch = self._worse(order, price, spread=True)
                if touch * sign <= limit * sign:
                    return touch if at_once else limit
        return None

    def _worse_both(self, order: Order, price: Decimal) -> Decimal:
        return self._worse(order, self._worse(order, price, spread=True), slippage=True)
