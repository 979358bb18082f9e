"""Cash, positions and charges against a double-entry ledger in whole numbers, which shares no code with them.

A session of random fills runs through `Positions` and `charges`: entries in parts, partial exits, flips, cancelled
rests, expiries. The ledger posts every fill between its accounts by rates written out here, and after each one the
money, the units and the result must be equal to the last digit. `make fuzz` does 5,000 sessions: a million fills.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.markets.listed import make_coin, make_future, make_option, make_share
from tradingd.core.markets.charges import Charges, charge, exercise
from tradingd.core.markets.pricing import intrinsic
from tradingd.core.positions import Positions
from tradingd.model.instrument import Instrument, InstrumentKind
from tradingd.model.trading import Fill, Order, OrderType, Position, Product, Purpose, Side

FILLS = 200
ATOM = 10**18
"""Money is counted in so many parts of a rupee: price in 1/100, units in 1/100000, rates in 1/10**9, GST in 1/100."""
SETTLED = Decimal("24561.30")
INSTRUMENTS = (make_option(), make_option(strike=24_600, right="PE"), make_future(), make_share(), make_coin())
BEFORE, AFTER = dt.date(2026, 3, 31), dt.date(2026, 4, 1)


@dataclass(frozen=True)
class Rates:
    """In 1/10**9 of the value; `flat` is rupees an order: the brokerage itself, or the cap of its part."""

    part: int = 0
    flat: int | None = None
    stt: tuple[int, int] = (0, 0)
    exchange: int = 0
    ipft: int = 0
    sebi: int = 0
    stamp: int = 0
    exercise: tuple[int, int] = (0, 0)

    def brokerage(self, value: int) -> int:
        if not self.part:
            return (self.flat or 0) * ATOM
        part = value * self.part // 10**9
        return part if self.flat is None else min(part, self.flat * ATOM)


RATES = {
    InstrumentKind.OPTION: Rates(
        flat=20, stt=(1_000_000, 1_500_000), exchange=350_300, ipft=5_000, sebi=1_000, stamp=30_000,
        exercise=(1_250_000, 1_500_000),
    ),
    InstrumentKind.FUTURE: Rates(
        part=300_000, flat=20, stt=(200_000, 500_000), exchange=17_300, ipft=1_000, sebi=1_000, stamp=20_000
    ),
    InstrumentKind.EQUITY: Rates(
        part=300_000, flat=20, stt=(250_000, 250_000), exchange=29_700, ipft=1_000, sebi=1_000, stamp=30_000
    ),
    InstrumentKind.SPOT: Rates(part=1_000_000),
}  # fmt: skip


@dataclass
class Ledger:
    """Accounts in atoms, each posting on two of them; units held in 1/100000."""

    date: dt.date
    accounts: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    units: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    traded: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    def post(self, debit: str, credit: str, amount: int) -> None:
        self.accounts[debit] += amount
        self.accounts[credit] -= amount

    def move(self, name: str, price: int, units: int) -> int:
        """Take `units`, signed, in exchange for their value, and return it unsigned."""
        value = price * units * (ATOM // 10**7)
        self.post(f"held {name}", "cash", value)
        self.units[name] += units
        return abs(value)

    def expire(self, position: Position, price: int, units: int) -> None:
        long = position.side is Side.BUY
        value = self.move(position.instrument.id, price, -units if long else units)
        if long:
            rate = RATES[position.instrument.kind].exercise[self.date >= AFTER]
            self.post("stt", "cash", value * rate // 10**9)

    def trade(self, order: Order, price: int, units: int) -> None:
        kind = order.instrument.kind
        rates = RATES[kind]
        value = self.move(order.instrument.id, price, order.side.sign * units)
        brokerage = rates.brokerage(self.traded[order.id] + value)
        if self.traded[order.id]:
            brokerage -= rates.brokerage(self.traded[order.id])
        self.traded[order.id] += value
        exchange, sebi = value * rates.exchange // 10**9, value * rates.sebi // 10**9
        self.post("brokerage", "cash", brokerage)
        self.post("exchange", "cash", exchange)
        self.post("sebi", "cash", sebi)
        self.post("ipft", "cash", value * rates.ipft // 10**9)
        if order.side is Side.SELL:
            self.post("stt", "cash", value * rates.stt[self.date >= AFTER] // 10**9)
        else:
            self.post("stamp", "cash", value * rates.stamp // 10**9)
        if kind is not InstrumentKind.SPOT:
            self.post("gst", "cash", (brokerage + exchange + sebi) * 18 // 100)

    def equity(self, marks: dict[str, int]) -> int:
        assert sum(self.accounts.values()) == 0
        return self.accounts["cash"] + sum(units * marks[name] * (ATOM // 10**7) for name, units in self.units.items())


def atoms(money: Decimal) -> int:
    whole, parts = money.as_integer_ratio()
    assert ATOM % parts == 0
    return whole * (ATOM // parts)


def cents(price: Decimal) -> int:
    return int(price * 100)


def units(quantity: Decimal) -> int:
    return int(quantity * 10**5)


class Session:
    """The books under test and the ledger, one random step at a time."""

    def __init__(self, seed: int, date: dt.date) -> None:
        self.random = np.random.default_rng(seed)
        self.date = date
        self.ledger = Ledger(date)
        self.positions = Positions("s", [(instrument.id, "") for instrument in INSTRUMENTS])
        self.charged = Charges()
        self.orders = self.fills = 0

    def below(self, end: int) -> int:
        return int(self.random.integers(end))

    def order(self, instrument: Instrument, purpose: Purpose, side: Side, quantity: Decimal) -> Order:
        self.orders += 1
        order = Order(
            f"o{self.orders}", "s", "n", instrument.id, purpose, instrument, side, OrderType.MARKET, Product.INTRADAY,
            quantity, self.orders, 0, 1,
        )  # fmt: skip
        self.positions.on_submitted(order)
        return order

    def fill(self, order: Order, quantity: Decimal, price: Decimal) -> None:
        self.fills += 1
        paid = charge(order.instrument, order.product, order.side, self.date, price, quantity, filled_value=order.value)
        fill = Fill(f"f{self.fills}", order.id, self.fills, price, quantity)
        order.filled += quantity
        order.value += price * quantity
        position = self.positions.apply(order, fill, quantity, quantity, self.date)
        self.ledger.trade(order, cents(price), units(quantity))
        self.book(position, paid)

    def settle(self, instrument: Instrument) -> None:
        """Let the contract expire; an exit may be on its way, which then finds nothing."""
        slot = self.positions.slots[instrument.id]
        position = slot.position
        assert position is not None
        late = []
        if self.below(2):
            late.append(self.order(instrument, Purpose.EXIT, position.side.opposite, slot.open))
        self.fills += 1
        worth = intrinsic(instrument, SETTLED) if instrument.strike else SETTLED
        paid = exercise(instrument, position.side, self.date, SETTLED, slot.open)
        self.ledger.expire(position, cents(worth), units(slot.open))
        self.positions.settle(instrument.id, worth, self.fills, "expiry")
        for order in late:
            self.positions.on_final(order)
        self.book(position, paid)

    def book(self, position: Position, paid: Charges) -> None:
        position.charges += paid.total
        self.charged += paid

    def work(self, order: Order) -> None:
        """Fill an order in up to three parts at prices of their own; sometimes its rest is cancelled."""
        for _ in range(3):
            lots = int(order.remaining / self.lot(order.instrument))
            part = (1 + self.below(lots)) * self.lot(order.instrument)
            self.fill(order, part, self.price(order.instrument))
            if not order.remaining or self.below(5) == 0:
                break
        self.positions.on_final(order)

    def lot(self, instrument: Instrument) -> Decimal:
        return instrument.lot_size if instrument.right else instrument.quantity_step

    def price(self, instrument: Instrument) -> Decimal:
        return (1 + self.below(10**6)) * instrument.tick_size

    def step(self) -> None:
        instrument = INSTRUMENTS[self.below(len(INSTRUMENTS))]
        slot = self.positions.slots[instrument.id]
        what = self.below(10)
        lots = (1 + self.below(40)) * self.lot(instrument)
        if slot.position is None:
            self.work(self.order(instrument, Purpose.ENTRY, list(Side)[what % 2], lots))
            return
        side, held = slot.position.side, slot.open
        if what == 0 and instrument.right:
            self.settle(instrument)
        elif what <= 2:
            order = self.order(instrument, Purpose.EXIT, side.opposite, held)
            self.fill(order, held, self.price(instrument))
            self.positions.on_final(order)
            self.work(self.order(instrument, Purpose.ENTRY, side.opposite, lots))
        else:
            self.work(self.order(instrument, Purpose.EXIT, side.opposite, min(lots, held)))

    def check(self) -> None:
        marks = {instrument.id: self.price(instrument) for instrument in INSTRUMENTS}
        positions, ledger = self.positions, self.ledger
        result = sum((p.pnl for p in positions.closed), Decimal(0))
        worth, paid = Decimal(0), sum((p.charges for p in positions.closed), Decimal(0))
        for slot in positions.slots.values():
            assert slot.open == abs(ledger.units[slot.vpi]) / Decimal(10**5)
            if slot.position is not None:
                held, sign = slot.position, slot.position.side.sign
                assert sign * ledger.units[slot.vpi] >= 0
                value = held.quantity * marks[slot.vpi] * sign
                worth += value
                result += (held.exit_value - held.entry_value) * sign + value
                paid += held.charges
        equity = ledger.equity({name: cents(mark) for name, mark in marks.items()})
        assert atoms(positions.cash + worth - self.charged.total) == equity
        assert atoms(result - paid) == equity
        for item, money in self.charged.as_dict().items():
            assert atoms(money) == ledger.accounts[item]


@given(seed=st.integers(0, 2**63 - 1), date=st.sampled_from([BEFORE, AFTER]))
def test_the_books_are_those_of_a_double_entry_ledger(seed: int, date: dt.date) -> None:
    session = Session(seed, date)
    while session.fills < FILLS:
        session.step()
        session.check()
    assert session.positions.realized == sum((p.pnl for p in session.positions.closed), Decimal(0))
