"""What is traded: one row of an exchange's list, and the only place where floats become Decimals.

Measurement (ticks, bars, indicators) is float; bookkeeping (orders, cash, P&L) is Decimal. `Instrument`
alone converts between them, on its own price grid, so that no rounding happens anywhere else.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt


_ONE = Decimal(1)


class InstrumentKind(enum.StrEnum):
    """What sort of thing an instrument is."""

    EQUITY = "equity"
    INDEX = "index"
    FUTURE = "future"
    OPTION = "option"
    SPOT = "spot"


@dataclass(frozen=True, slots=True)
class Instrument:
    """One tradable row, or an index that only quotes.

    `symbol` is the venue's string; `exchange` the segment that lists it (NSE, NFO, BINANCE, SIM). `lot_size`
    is units per lot, `quantity_step` the smallest change of a quantity in units, `multiplier` money per point
    and unit. `underlying`, `expiry`, `strike`, `right` (CE, PE or FUT) are set on derivatives only.
    `freeze_quantity` is the most units that one order may carry, none where the list does not say.
    """

    exchange: str
    symbol: str
    kind: InstrumentKind = InstrumentKind.EQUITY
    tick_size: Decimal = Decimal("0.01")
    lot_size: Decimal = Decimal(1)
    quantity_step: Decimal = Decimal(1)
    multiplier: Decimal = Decimal(1)
    token: str = ""
    underlying: str = ""
    expiry: dt.date | None = None
    strike: Decimal | None = None
    right: str = ""
    freeze_quantity: Decimal | None = None
    _tick: float = field(init=False, repr=False, compare=False)
    id: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Check the grid and derive the id."""
        for name in ("tick_size", "lot_size", "quantity_step", "multiplier"):
            value = getattr(self, name)
            if not (value.is_finite() and value > 0):
                msg = f"{self.exchange}:{self.symbol}: {name} is {value}; it must be a positive number"
                raise ValueError(msg)
        if self.freeze_quantity is not None and not self.freeze_quantity > 0:
            msg = f"{self.exchange}:{self.symbol}: freeze_quantity is {self.freeze_quantity}; it must be above 0"
            raise ValueError(msg)
        object.__setattr__(self, "_tick", float(self.tick_size))
        object.__setattr__(self, "id", f"{self.exchange}:{self.symbol}")

    @property
    def tradable(self) -> bool:
        """Whether orders may be sent for it; an index only quotes."""
        return self.kind is not InstrumentKind.INDEX

    def price(self, value: float) -> Decimal:
        """Return `value` on the price grid, nearest tick."""
        return self.tick_size * round(value / self._tick)

    def price_up(self, value: Decimal) -> Decimal:
        """Return the lowest price on the grid that is not below `value`."""
        return (value / self.tick_size).quantize(_ONE, ROUND_CEILING) * self.tick_size

    def price_down(self, value: Decimal) -> Decimal:
        """Return the highest price on the grid that is not above `value`."""
        return (value / self.tick_size).quantize(_ONE, ROUND_FLOOR) * self.tick_size

    def on_grid(self, price: Decimal) -> bool:
        """Whether `price` is a whole number of ticks."""
        return price % self.tick_size == 0
