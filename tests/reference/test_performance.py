"""Sharpe, Sortino, Calmar and drawdown against empyrical-reloaded, on the same daily series."""

from __future__ import annotations

import itertools
from decimal import Decimal

import empyrical
import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tradingd.core.performance import EquityCurve, metrics

# Below this spread a return is rounding: there the project says none, and the oracle a number of any size.
SPREAD = 1e-12
equities = st.floats(1_000, 1_000_000)


@given(st.lists(equities, min_size=2, max_size=60), st.sampled_from([252, 365]))
@example([100_100.0, 99_900.0, 100_250.0, 100_250.0, 99_000.0, 101_000.0], 252)
@example([101_000.0, 102_000.0], 252)
@example([99_000.0, 98_000.0], 365)
def test_curve_figures_are_those_of_the_oracle(daily: list[float], sessions_per_year: int) -> None:
    curve = EquityCurve(Decimal(100_000))
    for ts, equity in enumerate(daily):
        curve.mark(ts, equity, held=True)
        curve.end_session()
    returns = np.array([after / before - 1 for before, after in itertools.pairwise([100_000.0, *daily])])
    assume(np.ptp(returns) > SPREAD)
    assume(returns.min() < -SPREAD or returns.min() >= 0)

    result = metrics([], curve, sessions_per_year)

    assert result.max_drawdown_pct == pytest.approx(-100 * empyrical.max_drawdown(returns), abs=1e-9)
    _agree(result.sharpe, empyrical.sharpe_ratio(returns, annualization=sessions_per_year))
    _agree(result.sortino, empyrical.sortino_ratio(returns, annualization=sessions_per_year))
    _agree(result.calmar, empyrical.calmar_ratio(returns, annualization=sessions_per_year))


def _agree(ours: float | None, oracle: float) -> None:
    assert ours == (pytest.approx(oracle, rel=1e-9, abs=1e-9) if np.isfinite(oracle) else None)
