"""What a backtest answers: positions, figures, counts and the hash of every decision, as one plain object.

The words are those of the strategy page's position record. This is a display: here times get their exchange's
offset and money becomes text, exact; nothing is computed that the core has not decided. It must never know when or
where it was run, except for the two durations it is told.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from tradingd.core.markets.sessions import market
from tradingd.model.market import SECOND
from tradingd.model.trading import ZERO, Position, PositionStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from zoneinfo import ZoneInfo

    from tradingd.core.clearing import Standing
    from tradingd.core.performance import EquityCurve, Metrics

COLUMNS = (
    "strategy_id", "id", "vpi", "vpt", "instrument", "position_type", "quantity", "multiplier", "lot_size",
    "product_type", "status", "entry_time", "entry_price", "entry_node", "exit_time", "exit_price", "exit_node",
    "pnl", "charges",
)  # fmt: skip
"""The keys of a position record, in their order."""

_PLACES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomalies:
    """What was met in the data and is not as it should be, summed over the files; `max_gap_s` is the largest.

    `late` ticks belong to a bar that had closed, rows `outside_session` to no session, `quarantined` ones tell a price
    that their option cannot have: the engine counted them. The rest describes the files as they stand, to their last
    row: steps of no and of negative time, repeated rows, falls of a cumulative volume, and the largest step forward
    (between the opens of bars). `missing_sessions` counts, for each instrument, the sessions between its first and last
    row in which it has none.
    """

    equal_ts: int = 0
    backwards: int = 0
    equal_rows: int = 0
    late: int = 0
    outside_session: int = 0
    quarantined: int = 0
    volume_decreases: int = 0
    missing_sessions: int = 0
    max_gap_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A finished run.

    `execution_id` is derived from all that decides the result, so that equal requests have one id. `positions` are
    in the order (exit time, id), open ones last; `prices` has the last price of each instrument by id. `bars` counts
    the rows of bar files, and the bars of ticks that strategies read; `ticks` the rows of tick files. `notes` says
    in sentences what was assumed, left out, guessed or refused. Metrics are annualised by the market of the first
    strategy by id. `charges` are by item, `account` is that of the engine, all its strategies together. `pricing` says
    which model priced contracts without market data, at which volatility; empty where none was needed.
    """

    execution_id: str
    strategies: tuple[str, ...]
    metrics: Metrics
    charges: Mapping[str, Decimal]
    account: Standing
    pricing: str
    curve: EquityCurve
    positions: Sequence[Position]
    prices: Mapping[str, float]
    bars: int
    ticks: int
    anomalies: Anomalies
    notes: tuple[str, ...]
    decisions_sha256: str
    load_s: float
    run_s: float

    @property
    def trades(self) -> list[dict[str, str | None]]:
        """The records of the closed positions."""
        return [record(p) for p in self.positions if p.status is PositionStatus.CLOSED]

    @property
    def positions_open(self) -> list[dict[str, str | None]]:
        """The records of the open positions, with what they would give at the last price."""
        still = [p for p in self.positions if p.status is PositionStatus.OPEN]
        return [record(p) | {"unrealized_pnl": money(_unrealized(p, self.prices[p.instrument.id]))} for p in still]

    @property
    def valuations(self) -> dict[str, str]:
        """The P&L of the closed positions, had every fill been as good, as simulated, and as bad as it might."""
        closed = [p for p in self.positions if p.status is PositionStatus.CLOSED]
        base = self.metrics.total_pnl
        return {
            "optimistic": plain(base + sum((p.optimism for p in closed), ZERO)),
            "base": plain(base),
            "pessimistic": plain(base - sum((p.pessimism for p in closed), ZERO)),
        }

    def as_dict(self) -> dict[str, object]:
        """Return the result as it is printed: plain data, money and prices as text, times in ISO 8601."""
        figures = {field.name: getattr(self.metrics, field.name) for field in dataclasses.fields(self.metrics)}
        charged = sum(self.charges.values(), ZERO)
        return {
            "option_pricing": self.pricing or None,
            "execution_id": self.execution_id,
            "status": "completed",
            "strategy_id": self.strategies[0] if len(self.strategies) == 1 else None,
            "metrics": {name: money(x) if isinstance(x, Decimal) else x for name, x in figures.items()},
            "pnl": self.valuations,
            "charges": {name: money(amount) for name, amount in (*self.charges.items(), ("total", charged))},
            "account": {
                name: money(x) if isinstance(x, Decimal) else x for name, x in dataclasses.asdict(self.account).items()
            },
            "trades": self.trades,
            "positions_open": self.positions_open,
            "bars": self.bars,
            "ticks": self.ticks,
            "anomalies": dataclasses.asdict(self.anomalies),
            "notes": list(self.notes),
            "decisions_sha256": self.decisions_sha256,
            "seconds": {"load": round(self.load_s, 6), "run": round(self.run_s, 6)},
        }


def record(position: Position) -> dict[str, str | None]:
    """Return a position's record.

    `quantity` is in lots: what was opened where the position is closed, else what is open. `pnl` is realized; that of
    an open position is of what it has closed so far.
    """
    closed = position.status is PositionStatus.CLOSED
    instrument = position.instrument
    zone = market(instrument.exchange).zone
    units = position.entered if closed else position.quantity
    return {
        "strategy_id": position.strategy,
        "id": position.id,
        "vpi": position.vpi,
        "vpt": position.tag,
        "instrument": instrument.symbol,
        "position_type": str(position.side),
        "quantity": plain(units / instrument.lot_size),
        "multiplier": plain(instrument.multiplier),
        "lot_size": plain(instrument.lot_size),
        "product_type": str(position.product),
        "status": str(position.status),
        "entry_time": iso(position.entry_ts, zone),
        "entry_price": money(position.entry_price),
        "entry_node": position.entry_node,
        "exit_time": iso(position.exit_ts, zone) if closed and position.exit_ts is not None else None,
        "exit_price": money(position.exit_price) if closed and position.exit_price is not None else None,
        "exit_node": position.exit_node if closed else None,
        "pnl": plain(position.pnl) if closed else money(position.pnl),
        "charges": plain(position.charges),
    }


def iso(ts: int, zone: ZoneInfo) -> str:
    """Return a time in `zone`, in ISO 8601 with its offset and as many decimals, by threes, as it needs."""
    seconds, rest = divmod(ts, SECOND)
    text = dt.datetime.fromtimestamp(seconds, zone).isoformat()
    if not rest:
        return text
    decimals = f"{rest:09d}".removesuffix("000").removesuffix("000")
    return f"{text[:19]}.{decimals}{text[19:]}"


def plain(amount: Decimal) -> str:
    """Return an exact amount in its shortest form, never with an exponent or a negative zero."""
    return f"{(amount + ZERO).normalize():f}"


def money(amount: Decimal) -> str:
    """Return an amount that may come from a division, rounded to eight places."""
    return plain(round(amount, _PLACES))


def _unrealized(position: Position, price: float) -> Decimal:
    """Return what the open quantity would give at `price`."""
    instrument = position.instrument
    change = instrument.price(price) - position.entry_price
    return change * position.quantity * position.side.sign * instrument.multiplier
