"""One instrument of each kind, as the exchanges list them: for the tests of what orders, fills and holdings cost."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal

from tests.unit.core.markets import lists
from tradingd.model.instrument import Instrument, InstrumentKind

EXPIRY = dt.date(2026, 7, 21)


def make_option(
    underlying: str = "NIFTY",
    strike: float = 24500,
    right: str = "CE",
    *,
    lot: int = 65,
    expiry: dt.date = EXPIRY,
    exchange: str = "NFO",
    freeze: Decimal | None = None,
) -> Instrument:
    (listed,) = lists.make_chain(
        underlying, f"{expiry:%d-%b-%Y}", [strike], exchange=exchange, lot=lot, rights=right
    )  # fmt: skip
    return replace(listed, freeze_quantity=freeze)


def make_future(underlying: str = "NIFTY", *, lot: int = 65, tick: str = "0.10", exchange: str = "NFO") -> Instrument:
    listed = lists.make_future(underlying, f"{EXPIRY:%d-%b-%Y}", exchange=exchange, lot=lot)
    return replace(listed, tick_size=Decimal(tick))


def make_share(symbol: str = "SBIN", exchange: str = "NSE") -> Instrument:
    return Instrument(exchange, symbol, InstrumentKind.EQUITY, tick_size=Decimal("0.05"))


def make_coin() -> Instrument:
    return Instrument("BINANCE", "BTCUSDT", InstrumentKind.SPOT, quantity_step=Decimal("0.00001"))
