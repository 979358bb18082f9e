"""Money is exact: whatever was filled, in whatever parts, the books say what the fills say, worked out in fractions."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingd.core.orders import OrderBook
from tradingd.core.positions import Positions
from tradingd.model.errors import InvariantError
from tradingd.model.events import OrderCancelled, OrderFilled
from tradingd.model.instrument import Instrument
from tradingd.model.trading import Fill, Order, OrderType, PositionStatus, Product, Purpose, Side

DATE = dt.date(2024, 1, 2)

grids = st.sampled_from(["0.05", "0.01", "0.25", "1", "0.00000001"])
lots = st.sampled_from(["1", "65", "0.001", "0.00000001"])
steps = st.lists(
    st.tuples(
        st.sampled_from(["enter", "leave", "fill", "fill", "fill", "cancel", "overfill", "overclose"]),
        st.sampled_from(["p", "q"]),
        st.integers(1, 10**6),
        st.integers(1, 10**9),
    ),
    max_size=40,
)


@dataclass
class Books:
    """The books under test, and the same in fractions beside them."""

    instrument: Instrument
    positions: Positions = field(default_factory=lambda: Positions("s", [("p", ""), ("q", "")]))
    book: OrderBook = field(default_factory=OrderBook)
    flows: list[tuple[Fraction, Fraction]] = field(default_factory=list)
    """Signed units and price of every fill."""
    count: int = 0

    def send(self, vpi: str, purpose: Purpose, side: Side, quantity: Decimal) -> None:
        self.count += 1
        order = Order(
            f"o{self.count}", "s", "n", vpi, purpose, self.instrument, side, OrderType.MARKET, Product.INTRADAY,
            quantity, self.count, 0, 1,
        )  # fmt: skip
        self.positions.on_submitted(order)
        self.book.add(order)

    def working(self, vpi: str, purpose: Purpose | None = None) -> Order | None:
        return next((o for o in self.book.working.values() if o.vpi == vpi and purpose in (None, o.purpose)), None)

    def report(self, order: Order, report: OrderFilled | OrderCancelled) -> None:
        applied = self.book.apply(report)
        assert applied is not None
        if isinstance(report, OrderFilled):
            fill, room = report.fill, self.positions.room(order, applied.filled, applied.beyond)
            if room:
                self.positions.apply(order, fill, room, applied.filled, DATE)
            if room < fill.quantity:
                self.positions.stray(order, fill, fill.quantity - room, DATE)
            self.flows.append((order.side.sign * Fraction(fill.quantity), Fraction(fill.price)))
        if order.id not in self.book.working:
            self.positions.on_final(order)

    def fill(self, order: Order, quantity: Decimal, price: Decimal) -> None:
        self.count += 1
        self.report(order, OrderFilled(Fill(f"f{self.count}", order.id, self.count, price, quantity)))

    def state(self) -> tuple[object, ...]:
        slots = [(s.opening, s.open, s.closing, s.count) for s in self.positions.slots.values()]
        return (slots, self.positions.cash, self.positions.realized, sorted(self.book.working))

    def step(self, what: str, vpi: str, units: int, ticks: int) -> None:
        """Do what can be done; what cannot must be refused and change nothing."""
        lot, slot = self.instrument.lot_size, self.positions.slots[vpi]
        quantity, price = units * lot, ticks * self.instrument.tick_size
        order = self.working(vpi)
        if what == "enter" and slot.flat:
            self.send(vpi, Purpose.ENTRY, Side.BUY if units % 2 else Side.SELL, quantity)
        elif what == "leave" and slot.free > 0 and slot.position is not None:
            self.send(vpi, Purpose.EXIT, slot.position.side.opposite, min(quantity, slot.free))
        elif what == "fill" and order is not None:
            self.fill(order, min(quantity, order.remaining), price)
        elif what == "cancel" and order is not None:
            self.report(order, OrderCancelled(order.id, self.count))
        elif what == "overfill" and order is not None:
            self.fill(order, order.remaining + quantity, price)
        elif what == "overclose":
            attempt = partial(self.send, vpi, Purpose.EXIT, Side.SELL, slot.free + lot)
            before = self.state()
            with pytest.raises(InvariantError):
                attempt()
            assert self.state() == before

    def check(self, mark: Fraction) -> None:
        positions, scale = self.positions, Fraction(self.instrument.multiplier)
        cash = -sum((units * price for units, price in self.flows), Fraction(0)) * scale
        assert Fraction(positions.cash) == cash
        held = Fraction(0)
        for slot in positions.slots.values():
            assert 0 <= slot.closing <= slot.open
            assert slot.opening >= 0
            if slot.position is not None:
                assert slot.position.quantity == slot.open == slot.position.entered - slot.position.exited
                held += slot.position.side.sign * Fraction(slot.open)
        assert held == sum((units for units, _ in self.flows), Fraction(0))
        realized = sum((Fraction(p.pnl) for p in positions.closed), Fraction(0))
        assert Fraction(positions.realized) == realized
        # Realized of closed positions, and of the open ones all that moved and all they would bring at the mark.
        still = Fraction(0)
        for position in positions.open():
            moved = Fraction(position.exit_value) - Fraction(position.entry_value)
            still += position.side.sign * (moved + Fraction(position.quantity) * mark) * scale
        assert cash + held * mark * scale == realized + still


@given(steps=steps, grid=grids, lot=lots, multiplier=st.sampled_from(["1", "50", "0.1"]), mark=st.integers(1, 10**9))
def test_cash_and_positions_at_any_mark_are_what_the_fills_say(
    steps: list[tuple[str, str, int, int]], grid: str, lot: str, multiplier: str, mark: int
) -> None:
    instrument = Instrument(
        "SIM",
        "X",
        tick_size=Decimal(grid),
        lot_size=Decimal(lot),
        quantity_step=Decimal(lot),
        multiplier=Decimal(multiplier),
    )
    books = Books(instrument)
    for step in steps:
        books.step(*step)
        books.check(Fraction(mark) * Fraction(instrument.tick_size))
    for position in books.positions.closed:
        assert position.status is PositionStatus.CLOSED
        assert position.entered == position.exited


parts = st.lists(st.tuples(st.integers(1, 10**12), st.integers(1, 10**10)), min_size=1, max_size=8)


@given(parts=parts, exits=st.lists(st.integers(1, 10**12), min_size=1, max_size=4), side=st.sampled_from(Side))
def test_pnl_of_satoshis_is_exact_when_flat(parts: list[tuple[int, int]], exits: list[int], side: Side) -> None:
    """Prices up to 10,000 and quantities up to 100, both in hundred-millionths."""
    unit = Decimal("0.00000001")
    instrument = Instrument("BINANCE", "X", tick_size=unit, quantity_step=unit)
    books = Books(instrument)
    entries = [(price * unit, quantity * unit) for price, quantity in parts]
    whole = sum((quantity for _, quantity in entries), Decimal(0))
    books.send("p", Purpose.ENTRY, side, whole)
    for paid, quantity in entries:
        order = books.working("p")
        assert order is not None
        books.fill(order, quantity, paid)
    left = whole
    for k, price in enumerate(exits, 1):
        part = left if k == len(exits) else (left / 2).quantize(unit)
        if part > 0:
            books.send("p", Purpose.EXIT, side.opposite, part)
            order = books.working("p")
            assert order is not None
            books.fill(order, part, price * unit)
            left -= part
    expected = -sum((units * price for units, price in books.flows), Fraction(0))
    (position,) = books.positions.closed
    assert Fraction(position.pnl) == Fraction(books.positions.cash) == expected


@given(grid=grids, ticks=st.integers(1, 10**9), off=st.floats(-0.49, 0.49))
def test_a_price_near_one_of_the_grid_is_that_price(grid: str, ticks: int, off: float) -> None:
    instrument = Instrument("SIM", "X", tick_size=Decimal(grid))
    assert instrument.price((ticks + off) * float(grid)) == ticks * Decimal(grid)


@given(grid=grids, value=st.decimals("0.00000001", "1000000", places=10))
def test_up_and_down_are_the_neighbours_on_the_grid(grid: str, value: Decimal) -> None:
    instrument = Instrument("SIM", "X", tick_size=Decimal(grid))
    down, up = instrument.price_down(value), instrument.price_up(value)
    assert down <= value <= up
    assert up - down == (0 if instrument.on_grid(value) else instrument.tick_size)
    assert instrument.on_grid(down)
    assert instrument.on_grid(up)
