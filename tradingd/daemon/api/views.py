"""What a strategy looks like from outside: the seven names of its execution context, as JSON.

Positions are the records that results have, alerts the messages that were published, times those of the exchange.
Nothing is computed here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tradingd.model.market import Bar
from tradingd.research.result import iso, record

if TYPE_CHECKING:
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

    from tradingd.core.graph.view import StrategyView
    from tradingd.model.trading import Alert


def state(view: StrategyView, zone: ZoneInfo, published: Callable[[Alert], bytes]) -> dict[str, Any]:
    """Return a strategy's state; `published` gives an alert as it went out."""
    return {
        "strategy_id": view.strategy_id,
        "current_time": _time(view.current_time, zone),
        "market_data": _market_data(view.market_data, zone),
        "indicators": view.indicators,
        "positions": [record(position) for position in view.positions],
        "alerts": [msgspec.Raw(published(alert)) for alert in view.alerts],
        "execution_state": view.execution_state,
    }


def _market_data(market_data: dict[str, float | int | Bar | None], zone: ZoneInfo) -> dict[str, Any]:
    shown = {name: value for name, value in market_data.items() if name != "ts" and not isinstance(value, Bar)}
    ts, bar = market_data.get("ts"), market_data.get("bar")
    return shown | {
        "time": _time(ts, zone) if isinstance(ts, int) else None,
        "bar": _bar(bar, zone) if isinstance(bar, Bar) else None,
    }


def _bar(bar: Bar, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "timeframe": str(bar.timeframe),
        "open_time": iso(bar.ts_open, zone),
        "close_time": iso(bar.ts_close, zone),
        "open": bar.open,
        "high": bar.high,
        "low": bar.low,
        "close": bar.close,
        "volume": bar.volume,
        "tick_count": bar.tick_count,
        "quality": str(bar.quality),
    }


def _time(ts: int, zone: ZoneInfo) -> str | None:
    """Return a time, none before the first event."""
    return iso(ts, zone) if ts else None
