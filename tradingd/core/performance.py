"""From closed positions and an equity curve to the figures of a report.

Trade figures are sums of exact Decimals; curve figures are floats, as marks are measurements. The curve is written
on every bar, so a mark is three appends and all else waits. Nothing here decides a trade: no other station may
read it.
"""

from __future__ import annotations

import itertools
import math
from array import array
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from tradingd.model.errors import InvariantError
from tradingd.model.trading import ZERO, PositionStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tradingd.model.trading import Position

_MONEY_PLACES = 8
_NOISE = 1e-15  # a return is a quotient of two floats less 1: a spread below this is rounding, not risk


class EquityCurve:
    """Equity marked to market over a run, from `starting_cash` on: 17 bytes a mark.

    `ts`, `equity` and `held` (1 where a position was open) are parallel, and hold the marks of the sessions that
    have ended; `session_ends` says how many marks there were at each end.
    """

    __slots__ = ("_equity", "_held", "_ts", "equity", "held", "session_ends", "starting_cash", "ts")

    def __init__(self, starting_cash: Decimal) -> None:
        self.starting_cash = float(starting_cash)
        self.ts = array("q")
        self.equity = array("d")
        self.held = bytearray()
        self.session_ends: list[int] = []
        # The open session's marks: a list takes one several times faster than an array does.
        self._ts: list[int] = []
        self._equity: list[float] = []
        self._held: list[bool] = []

    def mark(self, ts: int, equity: float, held: bool) -> None:  # noqa: FBT001 - positional, called on every bar
        """Write the equity at `ts`, cash and positions at the market, and whether any position is open."""
        self._ts.append(ts)
        self._equity.append(equity)
        self._held.append(held)

    def end_session(self) -> None:
        """End a session: its last mark is the day's equity, or the day before's where it has none."""
        self.ts.frombytes(np.array(self._ts, dtype=np.int64).tobytes())
        self.equity.frombytes(np.array(self._equity, dtype=np.float64).tobytes())
        self.held.extend(self._held)
        for marks in (self._ts, self._equity, self._held):
            marks.clear()
        self.session_ends.append(len(self.ts))

    @property
    def ended(self) -> bool:
        """Whether every mark belongs to a session that has ended."""
        return not self._ts

    def daily(self) -> list[float]:
        """Return the starting cash, then the equity at the end of each session."""
        return [self.starting_cash, *(self.equity[n - 1] if n else self.starting_cash for n in self.session_ends)]


@dataclass(frozen=True, slots=True)
class Metrics:
    """The figures of a report. Money is Decimal, charges apart; what has no finite value is None.

    `win_rate` is winning trades / trades, 0 without trades. `avg_win` and `avg_loss` (not above 0) and `expectancy`,
    the average of all trades, are rounded to 8 decimals, 0 where there are none. `profit_factor` is gross profit /
    gross loss, `payoff_ratio` average win / average loss, both positive.

    `max_drawdown` (not below 0) is the deepest fall of marked equity below its highest mark so far, starting cash
    included; `max_drawdown_pct` the deepest one in percent of that mark, not always the same fall. `exposure` is the
    share of marks with a position open, 0 to 1.

    `sharpe`, `sortino` and `calmar` are of the returns between session ends, the first from the starting cash, with
    no risk-free rate: mean / sample deviation and mean / downside deviation (root mean square of the negative
    returns, all sessions counted), times the root of the sessions per year; compound annual growth / deepest
    session-end drawdown. None with fewer than two sessions, or where equity fell to 0.

    `longest_losing_run` counts losing trades in a row, by exit time.
    """

    total_pnl: Decimal
    total_trades: int
    winning_trades: int
    losing_trades: int
    win_rate: float
    avg_win: Decimal
    avg_loss: Decimal
    profit_factor: float | None
    max_drawdown: Decimal
    payoff_ratio: float | None
    max_drawdown_pct: float | None
    expectancy: Decimal
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    exposure: float | None
    longest_losing_run: int


def metrics(positions: Iterable[Position], curve: EquityCurve, sessions_per_year: int) -> Metrics:
    """Return the figures of the closed ones among `positions` and of `curve`.

    Raises:
        InvariantError: the curve's last session has not been ended.
    """
    if not curve.ended:
        msg = "the equity curve has marks of a session that was not ended; end_session comes before metrics"
        raise InvariantError(msg)
    closed = sorted((p.exit_ts or 0, p.id, p.pnl) for p in positions if p.status is PositionStatus.CLOSED)
    pnls = [pnl for _, _, pnl in closed]
    wins = [pnl for pnl in pnls if pnl > 0]
    losses = [pnl for pnl in pnls if pnl < 0]
    gross_profit, gross_loss = sum(wins, ZERO), -sum(losses, ZERO)
    money, share = _drawdown(curve)
    daily = curve.daily()
    returns = _returns(daily)
    return Metrics(
        total_pnl=sum(pnls, ZERO),
        total_trades=len(pnls),
        winning_trades=len(wins),
        losing_trades=len(losses),
        win_rate=len(wins) / len(pnls) if pnls else 0.0,
        avg_win=_average(wins),
        avg_loss=_average(losses),
        profit_factor=float(gross_profit / gross_loss) if gross_loss else None,
        max_drawdown=_money(Decimal(str(money))),
        payoff_ratio=float(gross_profit / len(wins) / (gross_loss / len(losses))) if wins and losses else None,
        max_drawdown_pct=None if share is None else 100 * share,
        expectancy=_average(pnls),
        sharpe=_sharpe(returns, sessions_per_year),
        sortino=_sortino(returns, sessions_per_year),
        calmar=_calmar(daily, sessions_per_year) if returns else None,
        exposure=curve.held.count(1) / len(curve.held) if curve.held else None,
        longest_losing_run=_longest_losing_run(pnls),
    )


def _money(amount: Decimal) -> Decimal:
    """Round to the places of money, in the shortest plain form."""
    return Decimal(f"{round(amount, _MONEY_PLACES).normalize():f}")


def _average(amounts: Sequence[Decimal]) -> Decimal:
    return _money(sum(amounts, ZERO) / len(amounts)) if amounts else ZERO


def _longest_losing_run(pnls: Sequence[Decimal]) -> int:
    longest = run = 0
    for pnl in pnls:
        run = run + 1 if pnl < 0 else 0
        longest = max(longest, run)
    return longest


def _drawdown(curve: EquityCurve) -> tuple[float, float | None]:
    """Return the deepest drawdown of all marks in money, and the deepest as a share of its peak.

    Maxima and differences only: no sum, so that the order of a reduction cannot show.
    """
    start = curve.starting_cash
    if not curve.equity:
        return 0.0, 0.0
    equity = np.frombuffer(curve.equity)
    peaks = np.maximum(np.maximum.accumulate(equity), start)
    falls = peaks - equity
    money = float(falls.max())
    return money, float(np.divide(falls, peaks, out=falls).max()) if start > 0 else None


def _returns(daily: Sequence[float]) -> list[float]:
    """Return the change of each day upon the day before; nothing where they are too few or equity fell to 0."""
    if min(daily) <= 0:
        return []
    returns = [after / before - 1 for before, after in itertools.pairwise(daily)]
    return returns if len(returns) > 1 else []


def _sharpe(returns: Sequence[float], sessions_per_year: int) -> float | None:
    if not returns or max(returns) - min(returns) <= _NOISE:
        return None
    mean = math.fsum(returns) / len(returns)
    deviation = math.sqrt(math.fsum((r - mean) ** 2 for r in returns) / (len(returns) - 1))
    return mean / deviation * math.sqrt(sessions_per_year)


def _sortino(returns: Sequence[float], sessions_per_year: int) -> float | None:
    if not returns or min(returns) >= -_NOISE:
        return None
    mean = math.fsum(returns) / len(returns)
    downside = math.sqrt(math.fsum(r * r for r in returns if r < 0) / len(returns))
    return mean / downside * math.sqrt(sessions_per_year)


def _calmar(daily: Sequence[float], sessions_per_year: int) -> float | None:
    peaks = itertools.accumulate(daily, max)
    drawdown = max(1 - equity / peak for equity, peak in zip(daily, peaks, strict=True))
    if drawdown <= _NOISE:
        return None
    try:
        growth = math.pow(daily[-1] / daily[0], sessions_per_year / (len(daily) - 1)) - 1
    except OverflowError:  # a gain of days, compounded over a year, beyond any float
        return None
    return growth / drawdown
