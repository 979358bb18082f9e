"""The made-up market: the same for everybody who asks with the same seed, and worth trading on."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.unit.venues.markets import T0
from tradingd.model.market import MINUTE
from tradingd.venues.generated import BLOCK, blocks, generate
from tradingd.venues.trades import joined, step

if TYPE_CHECKING:
    from tradingd.venues.trades import Trades

DAY_OF_BLOCKS = 144


def day(symbol: str = "DEMO", seed: int = 42) -> Trades:
    return joined(list(islice(generate(symbol, seed, T0), DAY_OF_BLOCKS)))


def same(one: Trades, other: Trades) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one.columns, other.columns, strict=True))


def test_equal_seeds_make_equal_markets_whatever_else_is_traded() -> None:
    alone = [next(blocks(["DEMO"], 42, T0))["DEMO"]]
    among = [next(blocks(["AAA", "DEMO", "ZZZ"], 42, T0))["DEMO"]]
    assert same(alone[0], among[0])
    assert same(day(), day())
    assert not same(day().part(0, 100), day(seed=43).part(0, 100))
    assert not same(day().part(0, 100), day("DEMO2").part(0, 100))


def test_trades_are_numbered_without_a_gap_and_in_time() -> None:
    trades = day()
    assert np.array_equal(trades.number, np.arange(len(trades)))
    assert np.all(np.diff(trades.ts) >= 0)
    assert trades.ts[0] >= T0
    assert trades.ts[-1] < T0 + DAY_OF_BLOCKS * BLOCK
    assert not np.any(trades.ts % 1_000_000)


def test_prices_are_on_the_grid_and_between_the_quotes() -> None:
    trades = day()
    assert step(trades.price) == pytest.approx(0.01)
    assert step(trades.quantity) == pytest.approx(0.001)
    assert np.array_equal(trades.price, np.where(trades.is_sell, trades.bid, trades.ask))
    assert np.all(trades.bid < trades.ask)
    assert np.all(trades.quantity > 0)
    changed = (np.diff(trades.bid) != 0) | (np.diff(trades.ask) != 0)
    assert np.all(trades.is_quoted[1:][changed])


def test_there_are_calm_hours_wild_hours_and_bursts() -> None:
    trades = day()
    minute = (trades.ts - T0) // MINUTE
    per_minute = np.bincount(minute)
    assert np.percentile(per_minute, 90) > 3 * np.percentile(per_minute, 10)
    ends = trades.price[np.searchsorted(minute, np.unique(minute), side="right") - 1]
    moves = np.abs(np.diff(np.log(ends)))
    assert moves.max() > 5 * np.median(moves)
    assert 0.01 < trades.price.max() / trades.price.min() - 1 < 0.3
