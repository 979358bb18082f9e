"""The account, the books and the charges agree to the last digit with double entries made by somebody else.

Random entries, partial and late and excessive fills, cancellations, exits of parts, and the expiry at the end, in
options of two strikes by three slots; the oracle knows only what was traded, writes every amount twice in fractions,
and has the rates of July 2026 by heart.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stories import drawing, entry, exit_, leg, start
from tests.unit.core.options import CHAIN, NIFTY, simulated
from tests.unit.core.runs import Run, compare, ist, when
from tradingd.model.commands import SubmitOrder
from tradingd.model.events import Deadline, OrderCancelled, OrderFilled
from tradingd.model.market import MINUTE, SECOND, Tick
from tradingd.model.trading import Fill, Intent, OptionChoice, OrderType, Product, Purpose, Side

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradingd.model.trading import Order

START = 10**12
SLOTS = ("p", "q", "r")
CALLS = {row.id: row for row in CHAIN if row.right == "CE"}
RATES = {"exchange": "0.0003503", "ipft": "0.000005", "sebi": "0.000001"}
STT, STAMP, GST, BROKERAGE = Fraction("0.0015"), Fraction("0.00003"), Fraction("0.18"), 20


@dataclass
class Oracle:
    """Double entries: what one account gets, another gives."""

    sums: defaultdict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    units: Counter[str] = field(default_factory=Counter)
    traded: set[str] = field(default_factory=set)

    def post(self, to: str, from_: str, amount: Fraction) -> None:
        self.sums[to] += amount
        self.sums[from_] -= amount

    def fill(self, order: Order, price: Decimal, quantity: Decimal) -> None:
        value = Fraction(price) * Fraction(quantity)
        buys = order.side is Side.BUY
        self.post(order.instrument.id, "cash", value if buys else -value)
        self.units[order.instrument.id] += order.side.sign * int(quantity)
        brokerage = Fraction(0 if order.id in self.traded else BROKERAGE)
        self.traded.add(order.id)
        parts = {name: value * Fraction(rate) for name, rate in RATES.items()}
        gst = GST * (brokerage + parts["exchange"] + parts["sebi"])
        self.post("charges", "cash", brokerage + sum(parts.values()) + gst + value * (STAMP if buys else STT))

    def settle(self, contract: str, spot: Fraction, held: list[tuple[Side, Decimal]]) -> None:
        pays = max(spot - Fraction(CALLS[contract].strike or 0), Fraction(0))
        for side, quantity in held:
            value = pays * Fraction(quantity)
            self.post("cash", contract, value if side is Side.BUY else -value)
            self.units[contract] -= side.sign * int(quantity)
            if side is Side.BUY:
                self.post("charges", "cash", value * STT)


class Trader:
    """An engine whose orders are made by hand, and the oracle beside it."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.Generator(np.random.PCG64(seed))
        legs = [leg(vpi, optionDetails={"expiry": "W0", "strikeType": "ATM", "optionType": "CE"}) for vpi in SLOTS]
        begin = start(symbol="NIFTY", exchange="NSE", tradingInstrument={"type": "options"})
        nodes = [begin, when("A", compare("close", ">", 10**6)), entry("e", *legs), when("B", compare("close", "<", 1))]
        drawn = drawing([*nodes, exit_("x")], ["start > A > e > B > x"])
        settings = simulated(starting_cash=Decimal(START))
        self.run = Run(drawn, instruments=[NIFTY, *CHAIN], contracts=CHAIN, settings=settings)
        self.engine, self.desk = self.run.engine, self.run.engine.desks["story"]
        self.oracle = Oracle()
        self.orders: list[Order] = []
        self.now = ist("2026-07-21 10:00")
        self.met: Counter[str] = Counter()
        self.market()

    def market(self) -> None:
        """Move the index and the prices of its calls."""
        self.now += SECOND
        self.spot = round(24_300 + int(self.rng.integers(6000)) * 0.05, 2)
        self.take(Tick(NIFTY.id, self.now, self.spot))
        for name in CALLS:
            self.take(Tick(name, self.now, 1 + int(self.rng.integers(1, 4000)) * 0.05))

    def take(self, event: object) -> None:
        for command in self.engine.step(event):  # type: ignore[arg-type] # whatever the test makes up
            if isinstance(command, SubmitOrder):
                self.orders.append(command.order)

    def intent(self, vpi: str, purpose: Purpose, side: Side, lots: int) -> None:
        entered = purpose is Purpose.ENTRY
        intent = Intent(
            "story", "e", vpi, purpose, side, OrderType.MARKET, Product.CARRY_FORWARD,
            lots=Decimal(lots) if entered else None, quantity=None if entered else Decimal(65 * lots),
            choice=OptionChoice("W0", str(self.rng.choice(["ATM", "OTM1"])), "CE"),
        )  # fmt: skip
        sent = self.desk.submit(intent)
        assert not isinstance(sent, str), sent
        self.take(Deadline(self.now))  # brings out what was submitted

    def step(self) -> None:
        """Do one thing that can be done."""
        what = str(
            self.rng.choice(["enter", "leave", "fill", "fill", "fill", "fill", "over", "late", "cancel", "move"])
        )
        vpi = str(self.rng.choice(SLOTS))
        slot, working = self.desk.slots[vpi], [o for o in self.orders if o.id in self.desk.book.working]
        over = [o for o in self.orders if o.id not in self.desk.book.working]
        if what == "move":
            self.market()
        elif what == "enter" and slot.flat and not slot.closing:
            side = Side.BUY if self.rng.random() < 0.5 else Side.SELL
            self.intent(vpi, Purpose.ENTRY, side, int(self.rng.integers(1, 60)))
        elif what == "leave" and slot.free >= 65 and slot.position is not None:
            lots = int(self.rng.integers(1, int(slot.free / 65) + 1))
            self.intent(vpi, Purpose.EXIT, slot.position.side.opposite, lots)
        elif what in ("fill", "over") and working:
            order = working[int(self.rng.integers(len(working)))]
            part = Decimal(int(self.rng.integers(1, int(order.remaining) + 1)))
            self.fill(order, part + (order.remaining if what == "over" else 0))
        elif what == "late" and over and self.rng.random() < 0.2:
            self.fill(over[int(self.rng.integers(len(over)))], Decimal(65))
        elif what == "cancel" and working and self.rng.random() < 0.3:
            self.take(OrderCancelled(working[0].id, self.now, "by hand"))
        else:
            return
        self.met[what] += 1

    def fill(self, order: Order, quantity: Decimal) -> None:
        price = int(self.rng.integers(1, 8000)) * Decimal("0.05")
        self.met["fills"] += 1
        self.oracle.fill(order, price, quantity)
        self.take(OrderFilled(Fill(f"f{self.met['fills']}", order.id, self.now, price, quantity)))

    def expire(self) -> None:
        """Come to the end of the contracts' last day, at the price that the index has had for an hour."""
        for order in [o for o in self.orders if o.id in self.desk.book.working]:
            self.take(OrderCancelled(order.id, self.now, "day order"))
        for minute in range(61):
            self.take(Tick(NIFTY.id, ist("2026-07-21 14:29:59") + minute * MINUTE, self.spot))
        held = defaultdict(list)
        for position in self.desk.positions.open():
            held[position.instrument.id].append((position.side, position.quantity))
        for contract, sides in held.items():
            self.oracle.settle(contract, Fraction(str(self.spot)), sides)
        while self.engine.next_deadline <= ist("2026-07-21 15:31"):
            self.take(Deadline(self.engine.next_deadline))

    def check(self) -> None:
        """Everything that both know is equal."""
        account, oracle, positions = self.engine.clearing.account, self.oracle, self.desk.positions
        assert sum(oracle.sums.values()) == 0
        assert Fraction(account.cash) == START + oracle.sums["cash"]
        assert Fraction(account.charges.total) == oracle.sums["charges"]
        held = [*positions.closed, *positions.open()]
        assert sum((Fraction(p.charges) for p in held), Fraction(0)) == oracle.sums["charges"]
        units: Counter[str] = Counter()
        marks = {
            name: Fraction(self.engine.feeds[name].instrument.price(self.engine.feeds[name].price)) for name in CALLS
        }
        value = profit = Fraction(0)
        for position in held:
            name, signed = position.instrument.id, position.side.sign * int(position.quantity)
            units[name] += signed
            value += signed * marks[name]
            moved = Fraction(position.exit_value) - Fraction(position.entry_value)
            profit += position.side.sign * moved + signed * marks[name]
        assert {name: n for name, n in units.items() if n} == {name: n for name, n in oracle.units.items() if n}
        assert Fraction(account.cash) + value == START + profit - Fraction(account.charges.total)


def test_double_entries_agree_to_the_last_digit(record_property: Callable[[str, object], None]) -> None:
    met: Counter[str] = Counter()

    longest = 400 if settings().max_examples <= 100 else 2_000  # so that `make fuzz` comes to a million fills

    @given(st.integers(0, 2**32 - 1), st.integers(10, longest))
    def check(seed: int, steps: int) -> None:
        trader = Trader(seed)
        for _ in range(steps):
            trader.step()
        trader.check()
        trader.expire()
        trader.check()
        assert trader.desk.positions.open() == []
        met.update(trader.met)

    check()
    record_property("told", f"account: {', '.join(f'{met[name]} {name}' for name in sorted(met))}")
    assert min(met[name] for name in ("enter", "leave", "fills", "over", "late", "cancel")) > 50
