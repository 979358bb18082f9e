"""What a strategy can be asked: a read-only picture of one strategy at one moment.

The same names the customer's document gave its execution context. It is a copy: nothing that holds it can
change the strategy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tradingd.model.market import Bar
    from tradingd.model.trading import Alert, Position


@dataclass(frozen=True, slots=True)
class StrategyView:
    """One strategy now.

    `current_time` is market time in ns UTC. `market_data` holds the last price of the instrument read
    (`price`, `ts`) and its last closed `bar`. `indicators` maps the document's keys to their outputs, none
    while warming up. `alerts` are the most recent ones, bounded. `execution_state` maps node ids to `idle`,
    `armed` or `working`.
    """

    strategy_id: str
    current_time: int
    market_data: dict[str, float | int | Bar | None]
    indicators: dict[str, dict[str, float | None]]
    positions: tuple[Position, ...]
    alerts: tuple[Alert, ...]
    execution_state: dict[str, Any]
