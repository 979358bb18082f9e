"""Edge cases of money: settlement, charges and margin to the last digit, and a price that is none."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING

from tests.unit.core.markets.lists import make_chain
from tests.unit.core.options import CALL, Options
from tradingd.core.markets.charges import charge, exercise
from tradingd.core.markets.margin import Holding, required
from tradingd.model.trading import Product, Side

if TYPE_CHECKING:
    from collections.abc import Callable


def settlement() -> None:
    for final, pays, tax in ((24_561.3, "61.30", "0.0015"), (24_480.0, "0", "0")):
        run = Options()
        run.opened()
        before = run.account.charges.total
        run.minutes("15:00", "15:30", final)
        run.session.advance(run.at("15:31"))
        (closed,) = run.positions.closed
        assert closed.exit_price == Decimal(pays)
        assert closed.pnl == (Decimal(pays) - 150) * 65
        assert run.account.charges.total - before == Decimal(pays) * 65 * Decimal(tax)
    assert exercise(CALL, Side.SELL, dt.date(2026, 7, 21), Decimal("24561.30"), Decimal(65)).total == 0


def charges() -> None:
    def cost(side: Side, on: dt.date, price: int) -> Decimal:
        return charge(CALL, Product.CARRY_FORWARD, side, on, Decimal(price), Decimal(65)).total

    assert cost(Side.BUY, dt.date(2026, 4, 1), 150) == Decimal("27.9829565")
    assert cost(Side.SELL, dt.date(2026, 4, 1), 160) == Decimal("43.5631536")
    assert cost(Side.SELL, dt.date(2026, 3, 31), 160) == Decimal("38.3631536")


def expiry_margin() -> None:
    """Two percent of the underlying more on the last day: 2 % x 23,500 x 75."""
    last, before = dt.date(2025, 1, 30), dt.date(2025, 1, 29)
    (call,) = make_chain("NIFTY", "30-Jan-2025", [23_500], "25JAN", lot=75, rights="CE")
    short = [Holding(call, Product.CARRY_FORWARD, Decimal(-75), Decimal(100))]
    spots = {"NIFTY": Decimal(23_500)}
    assert required(short, spots, last) - required(short, spots, before) == 35_250


def index_price() -> None:
    run = Options()
    run.opened(120.0)
    run.index("10:02", 24_601.0)
    run.option("10:02:30", 120.0)
    run.index("10:03", 24_601.0)
    run.option("10:03:01", 24_500.0)
    assert run.positions.closed == []
    assert run.engine.feeds[CALL.id].price == 120.0
    assert run.engine.counts.quarantined == 1
    assert len(run.told()) == 1


ROWS: dict[int, Callable[[], None]] = {68: settlement, 69: charges, 70: expiry_margin, 71: index_price}
