"""One event of every kind, and what of an event has to come back from the disk."""

from __future__ import annotations

import dataclasses
import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING

from tradingd.model.events import (
    BarMoved,
    BarOpened,
    Deadline,
    FeedGap,
    FlattenRequested,
    HistoryLoaded,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    Pulse,
    StrategiesReplaced,
)
from tradingd.model.instrument import Instrument, InstrumentKind
from tradingd.model.market import MINUTE, Bar, Depth, FoldedTick, Quality, Tick, Timeframe
from tradingd.model.trading import Fill

if TYPE_CHECKING:
    from tradingd.model.events import Event

TS = 1_700_000_000_123_456_789
BAR = Bar("NSE:TCS", Timeframe(MINUTE), TS, TS + MINUTE, 0.1, 0.3, -0.0, 1 / 3, 5e-324, 7, Quality.GAP)
OPTION = Instrument(
    "NFO", "NIFTY24300CE", InstrumentKind.OPTION, Decimal("0.05"), Decimal(75), Decimal("75.0"), Decimal("1E+2"),
    "46955", "NIFTY", dt.date(2026, 7, 14), Decimal("24300.00"), "CE", Decimal(1755),
)  # fmt: skip


def make_folded() -> FoldedTick:
    folded = FoldedTick(Tick("BINANCE:BTCUSDT", TS, 0.1, 0.2, 0.05, 0.15))
    folded.fold(Tick("BINANCE:BTCUSDT", TS + 5, 0.3, 0.1, 0.25, 0.35, 2.0, Depth((), ((0.35, 1.0),))))
    folded.fold(Tick("BINANCE:BTCUSDT", TS + 1, 0.05, 0.7))
    return folded


def make_events() -> list[Event]:
    history = HistoryLoaded("NSE:TCS", Timeframe(5 * MINUTE), (BAR, BAR), TS)
    return [
        Tick("NSE:TCS", TS, 3500.05, 10.0, 3500.0, 3500.1),
        Tick("NFO:NIFTY24300CE", TS, 120.0, 75.0, 119.95, 120.05, 4e6, Depth(((119.95, 750.0),), ((120.05, 75.0),))),
        make_folded(),
        BAR,
        BarOpened("NSE:TCS", TS, 0.1 + 0.2),
        BarMoved("NSE:TCS", TS, 0.1 + 0.2),
        Pulse("news", TS),
        Deadline(TS),
        FeedGap("NSE:TATA मोटर्स", TS),
        FlattenRequested("s-1", TS),
        history,
        HistoryLoaded("NSE:TCS", Timeframe(MINUTE), (), TS),
        StrategiesReplaced(TS, ('{"nodes": []}', "{}"), (OPTION, Instrument("SIM", "A")), (history,)),
        OrderAccepted("a1b2c3260714z", TS),
        OrderFilled(
            Fill("t-1", "a1b2c3260714z", TS, Decimal("24300.050"), Decimal("1.5E+3"), True, None, Decimal("24300.10"))
        ),
        OrderCancelled("a1b2c3260714z", TS, 'because "so"\n'),
        OrderRejected("a1b2c3260714z", TS, "margin"),
        OrderExpired("a1b2c3260714z", TS),
        OrderUnknown("a1b2c3260714z", TS, "no answer within 5 s"),
    ]


def facts(value: object) -> object:
    """Return all that a value says, spelled so that what differs by a bit, a zero or a type differs."""
    if isinstance(value, float):
        return value.hex()
    if isinstance(value, tuple):
        return tuple(map(facts, value))
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
    elif hasattr(value, "__slots__") and type(value).__module__.startswith("tradingd."):
        names = list(value.__slots__)
    else:
        return repr(value)
    return type(value).__name__, {name: facts(getattr(value, name)) for name in names}
