from __future__ import annotations

from decimal import Decimal
from typing import Literal

import pytest

from tradingd.core.risk import entry_gate, refuse
from tradingd.model.instrument import Instrument, InstrumentKind
from tradingd.model.trading import OrderType

EQUITY = Instrument("NSE", "ACME", tick_size=Decimal("0.05"))
INDEX = Instrument("NSE", "NIFTY", InstrumentKind.INDEX, tick_size=Decimal("0.05"))
COIN = Instrument("BINANCE", "BTC", InstrumentKind.SPOT, quantity_step=Decimal("0.001"))


@pytest.mark.parametrize(
    ("entries", "cap", "held"), [(0, 1, False), (1, 1, True), (2, 1, True), (0, 0, True), (10**6, "none", False)]
)
def test_the_cap_on_entries(entries: int, cap: int | Literal["none"], held: bool) -> None:
    gate = entry_gate(entries, cap)
    assert bool(gate) is held
    if held:
        assert f"{entries} entries" in gate
        assert f"risk.max_entries_per_session is {cap}" in gate


@pytest.mark.parametrize(
    ("instrument", "quantity", "kind", "limit", "reason"),
    [
        (EQUITY, "10", OrderType.MARKET, None, ""),
        (EQUITY, "10", OrderType.LIMIT, "100.15", ""),
        (COIN, "0.005", OrderType.MARKET, None, ""),
        (INDEX, "10", OrderType.MARKET, None, "NIFTY is an index: it quotes, but cannot be traded"),
        (EQUITY, "0", OrderType.MARKET, None, "ACME: quantity 0 is not positive"),
        (EQUITY, "-1", OrderType.MARKET, None, "ACME: quantity -1 is not positive"),
        (EQUITY, "1.5", OrderType.MARKET, None, "ACME: quantity 1.5 is not a multiple of 1"),
        (COIN, "0.0005", OrderType.MARKET, None, "BTC: quantity 0.0005 is not a multiple of 0.001"),
        (EQUITY, "1", OrderType.LIMIT, "100.12", "ACME: limit price 100.12 is not a multiple of the tick 0.05"),
        (EQUITY, "1", OrderType.STOP_LIMIT, "0", "ACME: a stop_limit order needs a positive limit price, not 0"),
        (EQUITY, "1", OrderType.LIMIT, None, "ACME: a limit order needs a positive limit price, not None"),
    ],
)
def test_an_impossible_order_is_refused_with_the_numbers(
    instrument: Instrument, quantity: str, kind: OrderType, limit: str | None, reason: str
) -> None:
    assert refuse(instrument, Decimal(quantity), kind, None if limit is None else Decimal(limit)) == reason
