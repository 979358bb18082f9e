"""The simulated exchange of backtest and paper: working orders and market events in, reports out.

For each market event it matches the orders that were working before; an order never fills on the event that
caused it. A tick fills along the book where it shows one, at bid or ask where it has them, else at its price
worsened by the declared half spread. A bar fills at its open, then along a declared path inside it: open, the
extreme nearer to the open, the other, close, from where it is when the order arrives; a market order meets the next
open, or the last price of the bar inside which it was sent. An order that could trade at once on arrival gets the
market's price, a resting limit its own; a stop becomes a market or limit order when the last price reaches it. Sizes
are bounded by the book or the volume shown, where one is shown. Nothing here is random.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

from tradingd.core.markets.order_rules import outside_band, price_band
from tradingd.core.markets.sessions import market
from tradingd.model.events import (
    BarMoved,
    BarOpened,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
)
from tradingd.model.market import SECOND, Bar, FoldedTick, Tick
from tradingd.model.trading import ZERO, Fill, Order, OrderType, Side

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tradingd.core.settings import SimulationSettings
    from tradingd.model.events import Deadline, MarketEvent, OrderReport
    from tradingd.model.instrument import Instrument

MILLISECOND = 1_000_000
BPS = Decimal(10_000)
_THIRDS = 3  # a bar's path has four points


@dataclass(slots=True, eq=False)
class _Working:
    """An order on the exchange. `ts_seen` is when it arrives; `arriving` until it met its first price."""

    order: Order
    ts_seen: int
    triggered: bool
    arriving: bool = True
    fills: int = 0


@dataclass(slots=True, eq=False)
class _Shown:
    """What one event shows of an instrument, and what of it is left: `room` units, of each level so many."""

    ts: int
    last: Decimal
    bid: Decimal | None
    ask: Decimal | None
    room: Decimal | None
    books: dict[Side, list[list[Decimal]]] = field(default_factory=dict)

    @property
    def middle(self) -> Decimal:
        """Between bid and ask, the last price where one is missing."""
        return self.last if self.bid is None or self.ask is None else (self.bid + self.ask) / 2


class Simulator:
    """Fills orders from market data.

    `busy` says that an order works, `guessed_path` that one has met the inside of a bar.
    """

    def __init__(self, settings: SimulationSettings) -> None:
        self._working: dict[str, list[_Working]] = {}
        self._latency = settings.latency_ms * MILLISECOND
        self._age_max = settings.quote_age_s_max * SECOND
        self._slippage = settings.slippage_bps / BPS
        self._half_spread = settings.half_spread_ticks
        self._beyond = settings.beyond_depth_ticks
        self._pessimism = settings.pessimistic_ticks
        self._share = None if settings.max_volume_share == "none" else settings.max_volume_share
        self._now = 0
        self.busy = False
        self.guessed_path = False

    def submit(self, order: Order) -> list[OrderReport]:
        """Take an order in."""
        stop = order.type in (OrderType.STOP, OrderType.STOP_LIMIT)
        self._working.setdefault(order.instrument.id, []).append(_Working(order, order.ts + self._latency, not stop))
        self._now = max(self._now, order.ts)
        self.busy = True
        return [OrderAccepted(order.id, order.ts)]

    def modify(self, order: Order, ts: int) -> None:
        """Take a working order's new limit: it arrives anew; nothing where it is not working any more."""
        working = self._find(order)
        if working is not None:
            working.ts_seen, working.arriving = ts + self._latency, True

    def cancel(self, order: Order, ts: int) -> list[OrderReport]:
        """Withdraw what is left of an order; nothing where it is not working any more."""
        working = self._find(order)
        if working is None:
            return []
        self._remove(working)
        return [OrderCancelled(order.id, ts, "cancelled by the strategy")]

    def match(self, event: MarketEvent | Deadline) -> list[OrderReport]:
        """Return what the working orders make of an event; day orders whose day is over expire first."""
        self._now = max(self._now, event.ts)
        reports = self._expire(event)
        if isinstance(event, Tick | FoldedTick):
            self._on_price(event, reports)
        elif isinstance(event, BarOpened | BarMoved):
            self._on_price(Tick(event.instrument, event.ts, event.price), reports)
        elif isinstance(event, Bar):
            self._on_bar(event, reports)
        return reports

    def _find(self, order: Order) -> _Working | None:
        return next((w for w in self._working.get(order.instrument.id, ()) if w.order is order), None)

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

    def _on_price(self, tick: Tick | FoldedTick, reports: list[OrderReport]) -> None:
        """Let the orders of an instrument meet a price, a quote or a book, unless it is an old one."""
        working = self._working.get(tick.instrument)
        if not working or self._now - tick.ts > self._age_max:
            return
        shown = self._shown(tick, working[0].order.instrument)
        for one in tuple(working):
            order = one.order
            if not (one.ts_seen <= tick.ts and order.ts_valid <= tick.ts):
                continue
            if not one.triggered and order.stop_price is not None:
                if (shown.last - order.stop_price) * order.side.sign < 0:
                    continue
                if self._refused_when_triggered(one, shown.last, tick.ts, reports):
                    continue
            self._trade(one, shown, reports)

    def _shown(self, tick: Tick | FoldedTick, instrument: Instrument) -> _Shown:
        bid = instrument.price(tick.bid) if tick.bid > 0 else None
        ask = instrument.price(tick.ask) if tick.ask > 0 else None
        shown = _Shown(tick.ts, instrument.price(tick.price), bid, ask, self._room(tick.volume))
        if tick.depth is not None:
            for side, levels in ((Side.BUY, tick.depth.asks), (Side.SELL, tick.depth.bids)):
                shown.books[side] = [[instrument.price(p), Decimal(repr(n))] for p, n in levels if p > 0 and n > 0]
        return shown

    def _refused_when_triggered(self, working: _Working, last: Decimal, ts: int, reports: list[OrderReport]) -> bool:
        """Turn a stop into what it is to become, unless its limit is then beyond what the venue takes."""
        order = working.order
        working.triggered = True
        if order.limit_price is None:
            return False
        date = market(order.instrument.exchange).date_of(order.ts_valid)
        band = price_band(order.instrument, last, date)
        reason = outside_band(order.instrument, order.side, order.limit_price, band) if band else ""
        if reason:
            self._remove(working)
            reports.append(OrderRejected(order.id, ts, reason))
        return bool(reason)

    def _trade(self, working: _Working, shown: _Shown, reports: list[OrderReport]) -> None:
        """Fill what the levels allow, one fill a level; what they do not show rests, or goes behind the last of them.

        A limit that rested gets its own price, whatever the levels.
        """
        order, arriving = working.order, working.arriving
        working.arriving = False
        limit, left = order.limit_price, order.remaining
        for price, room in self._levels(order, shown):
            if limit is not None and (price - limit) * order.side.sign > 0:
                return
            maker = limit is not None and not arriving
            quantity = left if room is None else self._whole(order, min(left, room))
            if quantity <= 0:
                continue
            left -= quantity
            self._take(order, shown, price, quantity)
            paid = limit if limit is not None and maker else self._paid(order, price)
            self._fill(working, shown.ts, paid, quantity, None if maker else shown.middle, reports)
            if left <= 0:
                self._remove(working)
                return

    def _paid(self, order: Order, price: Decimal) -> Decimal:
        """Return what an order pays that takes a price: slippage is the market's, not a limit's."""
        if order.limit_price is None:
            return self._worse(order, price, slippage=True)
        if not order.protected:
            return price
        sign = order.side.sign
        return min(self._worse(order, price, slippage=True) * sign, order.limit_price * sign) * sign

    def _levels(self, order: Order, shown: _Shown) -> Iterator[tuple[Decimal, Decimal | None]]:
        """Yield the prices at which the order may trade, the best first, and how much at each."""
        book = shown.books.get(order.side)
        if book is None:
            quoted = shown.ask if order.side is Side.BUY else shown.bid
            yield self._worse(order, shown.last, spread=True) if quoted is None else quoted, shown.room
            return
        yield from [(price, room) for price, room in book]
        if book:
            yield self._moved(order, book[-1][0], self._beyond * order.instrument.tick_size), None

    @staticmethod
    def _take(order: Order, shown: _Shown, price: Decimal, quantity: Decimal) -> None:
        """Leave less of a level, or of the volume, to later orders."""
        for level in shown.books.get(order.side, ()):
            if level[0] == price:
                level[1] -= quantity
        if not shown.books and shown.room is not None:
            shown.room -= quantity

    def _fill(  # noqa: PLR0913 - the parts of a fill
        self,
        working: _Working,
        ts: int,
        price: Decimal,
        quantity: Decimal,
        middle: Decimal | None,
        reports: list[OrderReport],
    ) -> None:
        """Report a fill, with the best and the worst it might have been; without a `middle` the price was its own."""
        order = working.order
        working.fills += 1
        best = worst = price
        if middle is not None:
            sign = order.side.sign
            best = min(price * sign, middle * sign) * sign
            worst = max(price + self._pessimism * order.instrument.tick_size * sign, ZERO)
            if order.limit_price is not None:
                worst = min(worst * sign, order.limit_price * sign) * sign
        name = f"{order.id}.{working.fills}"
        reports.append(OrderFilled(Fill(name, order.id, ts, price, quantity, middle is None, best, worst)))

    def _room(self, volume: float) -> Decimal | None:
        """Return how many units may trade against a volume, none where it bounds nothing."""
        return None if self._share is None or volume <= 0 else Decimal(repr(volume)) * self._share

    @staticmethod
    def _whole(order: Order, room: Decimal) -> Decimal:
        """Return what of an order may trade where there is so much room: whole lots, or steps."""
        if room >= order.remaining:
            return order.remaining
        step = order.instrument.lot_size if order.instrument.right else order.instrument.quantity_step
        return (room / step).to_integral_value(ROUND_FLOOR) * step

    def _worse(self, order: Order, price: Decimal, *, spread: bool = False, slippage: bool = False) -> Decimal:
        """Return a price moved against the order by half the declared spread or by slippage."""
        away = ZERO
        if spread:
            away = self._half_spread * order.instrument.tick_size
        elif slippage:
            away = price * self._slippage
        return self._moved(order, price, away) if away else price

    @staticmethod
    def _moved(order: Order, price: Decimal, away: Decimal) -> Decimal:
        """Return a price moved against the order, on the grid."""
        instrument = order.instrument
        if order.side is Side.BUY:
            return instrument.price_up(price + away)
        return max(instrument.price_down(price - away), instrument.tick_size)

    # --- a bar -----------------------------------------------------------------------------------------------

    def _on_bar(self, bar: Bar, reports: list[OrderReport]) -> None:
        ts = bar.ts_close - 1
        room = self._room(bar.volume)
        for w in tuple(self._working.get(bar.instrument, ())):
            order = w.order
            if not (w.ts_seen <= ts and order.ts_valid <= ts):
                continue
            path = _path(bar, order.instrument, max(w.ts_seen, order.ts_valid))
            if order.type is OrderType.MARKET:
                if w.ts_seen <= bar.ts_open:
                    continue  # decided at this very open: the next one is its first price
                met: tuple[Decimal, Decimal | None] | None = self._worse_both(order, path[-1]), path[-1]
            else:
                self.guessed_path = True
                met = self._along(w, path, ts, reports)
            if met is None:
                continue
            quantity = order.remaining if room is None else self._whole(order, min(order.remaining, room))
            if quantity > 0:
                room = None if room is None else room - quantity
                self._fill(w, ts, met[0], quantity, met[1], reports)
                if quantity == order.remaining:
                    self._remove(w)

    def _along(
        self, working: _Working, path: list[Decimal], ts: int, reports: list[OrderReport]
    ) -> tuple[Decimal, Decimal | None] | None:
        """Walk the path inside a bar; return the price at which the order trades, none where it does not.

        With it comes the market's, none where the order rested and got its own.
        """
        order, sign, arriving = working.order, working.order.side.sign, working.arriving
        for before, after in pairwise(path):
            begin = before
            if not working.triggered and order.stop_price is not None:
                if (max(before * sign, after * sign)) < order.stop_price * sign:
                    continue
                begin = order.stop_price if before * sign < order.stop_price * sign else before
                if self._refused_when_triggered(working, begin, ts, reports):
                    return None
            working.arriving = False
            if order.limit_price is None:
                return self._worse_both(order, begin), begin
            limit = order.limit_price
            for price, at_once in ((begin, arriving or order.type is OrderType.STOP_LIMIT), (after, False)):
                touch = self._worse(order, price, spread=True)
                if touch * sign <= limit * sign:
                    return (self._paid(order, touch), price) if at_once else (limit, None)
        return None

    def _worse_both(self, order: Order, price: Decimal) -> Decimal:
        return self._worse(order, self._worse(order, price, spread=True), slippage=True)


def _path(bar: Bar, instrument: Instrument, ts_seen: int) -> list[Decimal]:
    """Return the points of the declared path inside a bar, from the time on at which an order arrives.

    They lie at 0, 1/3, 2/3 and 1 ns before the end, with straight lines between them.
    """
    begin, high, low, end = map(instrument.price, (bar.open, bar.high, bar.low, bar.close))
    points = [begin, high, low, end] if high - begin < begin - low else [begin, low, high, end]
    if ts_seen <= bar.ts_open:
        return points
    span = bar.ts_close - 1 - bar.ts_open
    passed, rest = divmod((ts_seen - bar.ts_open) * _THIRDS, span)
    if passed >= _THIRDS:
        return [end, end]
    at = points[passed] + (points[passed + 1] - points[passed]) * rest / span
    return [instrument.price(float(at)), *points[passed + 1 :]]
