from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingd.core.performance import EquityCurve, Metrics, metrics
from tradingd.model.errors import InvariantError
from tradingd.model.instrument import Instrument
from tradingd.model.trading import Position, PositionStatus, Product, Side

ABC = Instrument("SIM", "ABC")


def make_position(
    pnl: Decimal | str | int, number: int = 0, status: PositionStatus = PositionStatus.CLOSED
) -> Position:
    """One unit bought at 100 and sold `pnl` higher."""
    return Position(
        id=f"p{number:03}",
        strategy="s",
        vpi="v",
        tag="",
        instrument=ABC,
        side=Side.BUY,
        product=Product.INTRADAY,
        session=dt.date(2024, 1, 1),
        entry_node="e",
        entry_ts=number,
        entered=Decimal(1),
        entry_value=Decimal(100),
        exited=Decimal(1),
        exit_value=Decimal(100) + Decimal(pnl),
        exit_ts=number if status is PositionStatus.CLOSED else None,
        status=status,
    )


def make_curve(*sessions: list[float], cash: float = 1000, held: bool = False) -> EquityCurve:
    """One list of marks a session."""
    curve = EquityCurve(Decimal(cash))
    for marks in sessions:
        for equity in marks:
            curve.mark(len(curve.ts), equity, held)
        curve.end_session()
    return curve


def figures(*pnls: Decimal | str | int) -> Metrics:
    return metrics([make_position(pnl, number) for number, pnl in enumerate(pnls)], make_curve(), 252)


def test_the_nine_of_a_case_counted_by_hand() -> None:
    """Trades +30, -10, +15, -20, 0; equity 1000, 1030, 990, 1020, 1005, 1015."""
    positions = [make_position(pnl, number) for number, pnl in enumerate([30, -10, 15, -20, 0])]
    result = metrics(positions, make_curve([1000.0, 1030.0, 990.0], [1020.0, 1005.0, 1015.0]), 252)
    assert (result.total_pnl, result.total_trades) == (Decimal(15), 5)
    assert (result.winning_trades, result.losing_trades, result.win_rate) == (2, 2, 0.4)
    assert (result.avg_win, result.avg_loss) == (Decimal("22.5"), Decimal(-15))
    assert result.profit_factor == 1.5  # 45 / 30
    assert result.max_drawdown == 40  # 1030 to 990
    assert result.payoff_ratio == 1.5  # 22.5 / 15
    assert result.max_drawdown_pct == pytest.approx(100 * 40 / 1030)
    assert result.expectancy == 3


def test_profit_factor_and_payoff_ratio_differ_where_wins_and_losses_are_not_as_many() -> None:
    result = figures(10, 10, 10, -15)
    assert result.profit_factor == 2
    assert result.payoff_ratio == pytest.approx(2 / 3)


def test_without_trades_or_marks_nothing_is_made_up() -> None:
    result = figures()
    assert [result.total_pnl, result.avg_win, result.avg_loss, result.expectancy, result.max_drawdown] == [0] * 5
    assert (result.total_trades, result.win_rate, result.max_drawdown_pct) == (0, 0.0, 0.0)
    assert [result.profit_factor, result.payoff_ratio, result.exposure] == [None] * 3
    assert [result.sharpe, result.sortino, result.calmar] == [None] * 3


def test_what_would_be_infinite_is_none() -> None:
    result = figures(10, 20)
    assert (result.profit_factor, result.payoff_ratio, result.win_rate) == (None, None, 1.0)


def test_only_closed_positions_are_trades() -> None:
    positions = [make_position(10, 0), make_position(99, 1, PositionStatus.OPEN)]
    assert metrics(positions, make_curve(), 252).total_pnl == 10


def test_averages_are_rounded_to_money() -> None:
    result = figures(10, 0, 0)
    assert str(result.expectancy) == "3.33333333"


@pytest.mark.parametrize(
    ("pnls", "run"), [([], 0), ([1, 2], 0), ([-1, -1, 1, -1], 2), ([-1, 0, -1], 1), ([1, -1, -1, -1], 3)]
)
def test_the_longest_losing_run(pnls: list[int], run: int) -> None:
    assert figures(*pnls).longest_losing_run == run


def test_a_losing_run_is_counted_by_exit_not_by_the_order_given() -> None:
    positions = [make_position(pnl, number) for number, pnl in [(2, 5), (1, -1), (3, -1), (0, -1)]]
    assert metrics(positions, make_curve(), 252).longest_losing_run == 2


@given(st.lists(st.decimals(-10_000, 10_000, places=8), max_size=50))
def test_totals_are_exact(pnls: list[Decimal]) -> None:
    assert Fraction(figures(*pnls).total_pnl) == sum(map(Fraction, pnls))


@given(st.lists(st.integers(1, 2000), min_size=1, max_size=40), st.integers(1, 2000))
def test_drawdown_is_the_deepest_fall_from_any_mark_to_a_later_one(marks: list[int], cash: int) -> None:
    result = metrics([], make_curve(list(map(float, marks)), cash=cash), 252)
    line = [cash, *marks]
    falls = [(before - after, before) for i, before in enumerate(line) for after in line[i:]]
    assert result.max_drawdown == max(fall for fall, _ in falls)
    assert result.max_drawdown_pct == pytest.approx(max(100 * fall / before for fall, before in falls))


def test_drawdown_sees_inside_a_session() -> None:
    result = metrics([], make_curve([900.0, 1100.0], [1000.0, 1200.0]), 252)
    assert (result.max_drawdown, result.max_drawdown_pct) == (Decimal(100), 10.0)


def test_exposure_is_the_share_of_marks_that_held() -> None:
    curve = EquityCurve(Decimal(1000))
    for ts in range(8):
        curve.mark(ts, 1000.0, ts in {3, 4})
    curve.end_session()
    assert metrics([], curve, 252).exposure == 0.25


def test_the_first_return_is_from_the_starting_cash() -> None:
    curve = make_curve([1010.0, 1005.0], [1020.0], [], cash=1000)
    assert curve.daily() == [1000.0, 1005.0, 1020.0, 1020.0]
    assert make_curve([], [1001.0]).daily() == [1000.0, 1000.0, 1001.0]


def test_ratios_need_two_sessions() -> None:
    one = metrics([], make_curve([990.0]), 252)
    two = metrics([], make_curve([990.0], [1020.0]), 252)
    assert [one.sharpe, one.sortino, one.calmar] == [None] * 3
    assert None not in [two.sharpe, two.sortino, two.calmar]


@pytest.mark.parametrize(
    "daily",
    [
        [1000.0, 1000.0, 1000.0],
        [1000.0 + 1e-13, 1000.0, 1000.0],  # rounding is no risk
        [1010.0, 1020.1, 1030.301],  # nor is it a return that is always the same
    ],
)
def test_where_nothing_varies_there_is_no_ratio(daily: list[float]) -> None:
    result = metrics([], make_curve(*([equity] for equity in daily)), 252)
    assert [result.sharpe, result.sortino, result.calmar] == [None] * 3


def test_ratios_end_where_equity_does() -> None:
    result = metrics([], make_curve([500.0], [-20.0], [100.0]), 252)
    assert [result.sharpe, result.sortino, result.calmar] == [None] * 3
    assert (result.max_drawdown, result.max_drawdown_pct) == (Decimal(1020), 102.0)


def test_a_growth_beyond_any_float_is_none() -> None:
    assert metrics([], make_curve([1e6], [9e5], [1e9]), 365).calmar is None


def test_without_cash_there_is_no_percentage() -> None:
    result = metrics([], make_curve([-10.0], [5.0], cash=0), 252)
    assert (result.max_drawdown, result.max_drawdown_pct) == (Decimal(10), None)


def test_a_session_left_open_is_an_error() -> None:
    curve = EquityCurve(Decimal(1000))
    curve.mark(0, 1000.0, held=False)
    with pytest.raises(InvariantError, match="end_session"):
        metrics([], curve, 252)


def test_marks_are_kept_as_given() -> None:
    curve = make_curve([1000.5, 1001.25], [999.0], held=True)
    assert (list(curve.ts), list(curve.equity), list(curve.held)) == ([0, 0, 2], [1000.5, 1001.25, 999.0], [1, 1, 1])
    assert curve.session_ends == [2, 3]
