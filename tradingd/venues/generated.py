"""A venue's market that is made up: prices that swing about their usual level, with calm and wild hours and bursts.

For demonstrations and long tests. Each symbol is drawn from its own generator, seeded by the seed and its name, so a
symbol's trades depend on nothing else but where its time begins: not on the other symbols, nor on speed or
listeners. Nothing about them should be taken for a real market's behaviour.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tradingd.model.market import MINUTE, SECOND
from tradingd.venues.trades import Trades, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

BLOCK = 10 * MINUTE
TICKS_PER_UNIT = 100  # prices are whole numbers of 0.01
STEPS_PER_UNIT = 1000  # quantities of 0.001
_MS = 1_000_000
_BLOCK_MS = BLOCK // _MS
_PULL_PER_S = 0.002 / 60  # share of its distance from the usual level that the price comes back in a second
_USUAL_PRICES = (20_000, 5_000_000)  # in ticks
_BURSTS_PER_BLOCK = 0.25
_BURST_TRADES = 60
_BURST_SPREAD_MS = 4_000
_BURST_MOVE = (0.002, 0.006)


class Regime(NamedTuple):
    """How a market is for a while: trades a second, relative move in the root of a second, spread in ticks."""

    rate: float
    noise: float
    spread: float
    next_at: tuple[float, float]  # the next block is calm below the first draw, wild from the second on


_REGIMES = (
    Regime(0.6, 4e-5, 1.0, (0.85, 0.99)),
    Regime(1.5, 8e-5, 2.0, (0.12, 0.92)),
    Regime(4.0, 1.8e-4, 5.0, (0.03, 0.30)),
)


@dataclass(slots=True)
class _State:
    """What one block leaves to the next."""

    regime: int
    level: float = 0.0  # relative distance from the usual price
    number: int = 0
    ms_quiet: int = 0  # time since the last trade
    book: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)


def blocks(symbols: Sequence[str], seed: int, ts_begin: int) -> Iterator[dict[str, Trades]]:
    """Yield the trades of all symbols, ten minutes at a time, without end."""
    sources = {symbol: generate(symbol, seed, ts_begin) for symbol in symbols}
    while True:
        yield {symbol: next(source) for symbol, source in sources.items()}


def generate(symbol: str, seed: int, ts_begin: int) -> Iterator[Trades]:
    """Yield the trades of `symbol`, a block of ten minutes at a time, without end; times are whole milliseconds."""
    rng = np.random.Generator(np.random.PCG64([seed, *symbol.encode()]))
    usual_ticks = int(rng.integers(*_USUAL_PRICES))
    state = _State(regime=1)
    while True:
        yield _block(rng, usual_ticks, state, ts_begin)
        ts_begin += BLOCK


def _block(rng: np.random.Generator, usual_ticks: int, state: _State, ts_begin: int) -> Trades:
    """Draw ten minutes from `ts_begin` on, and move the state to their end."""
    regime = _REGIMES[state.regime]
    at_ms, push = _arrivals(rng, regime)
    count = len(at_ms)
    gap_s = np.diff(at_ms, prepend=-state.ms_quiet) / 1000
    moves = regime.noise * np.sqrt(gap_s) * rng.standard_normal(count) + push
    level = _levels(state.level, moves, gap_s)
    middle = np.maximum(np.rint(usual_ticks * (1.0 + level)), 10.0)
    spread = 1.0 + rng.poisson(regime.spread, count)
    bid = middle - spread // 2
    is_sell = rng.random(count) < 0.5 - 0.35 * np.sign(push)
    book = (
        bid / TICKS_PER_UNIT,
        (bid + spread) / TICKS_PER_UNIT,
        _quantities(rng, count, 2000),
        _quantities(rng, count, 2000),
    )
    ts = ts_begin + at_ms * _MS
    trades = Trades(
        number=state.number + np.arange(count),
        ts=ts,
        ts_market=ts,
        price=np.where(is_sell, book[0], book[1]),
        quantity=_quantities(rng, count, 300),
        is_sell=is_sell,
        bid=book[0],
        ask=book[1],
        bid_quantity=book[2],
        ask_quantity=book[3],
        is_quoted=quoted(*book, before=state.book),
    )
    state.number += count
    if count:
        state.level = float(level[-1])
        state.book = tuple(float(column[-1]) for column in book)
        state.ms_quiet = _BLOCK_MS - int(at_ms[-1])
    else:
        state.ms_quiet += _BLOCK_MS
    calm, wild = regime.next_at
    draw = rng.random()
    state.regime = 0 if draw < calm else 2 if draw >= wild else 1
    return trades


def _arrivals(rng: np.random.Generator, regime: Regime) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Draw when trades happen, in ms from the block's begin, and how much each pushes the price."""
    times = [rng.integers(0, _BLOCK_MS, int(rng.poisson(regime.rate * BLOCK / SECOND)))]
    pushes = [np.zeros(len(times[0]))]
    for _ in range(int(rng.poisson(_BURSTS_PER_BLOCK))):
        size = 1 + int(rng.poisson(_BURST_TRADES))
        move = float(rng.uniform(*_BURST_MOVE)) * float(rng.choice((-1.0, 1.0)))
        begin = int(rng.integers(0, _BLOCK_MS))
        burst = begin + np.floor(rng.exponential(_BURST_SPREAD_MS, size)).astype(np.int64)
        times.append(np.minimum(burst, _BLOCK_MS - 1))
        pushes.append(np.full(size, move / size))
    at_ms = np.concatenate(times)
    order = np.argsort(at_ms, kind="stable")
    return at_ms[order], np.concatenate(pushes)[order]


def _levels(before: float, moves: NDArray[np.float64], gap_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Walk from `before` by `moves`, drawn back to 0 in between."""
    kept = np.maximum(1.0 - _PULL_PER_S * gap_s, 0.0).tolist()
    steps = zip(kept, moves.tolist(), strict=True)
    walk = accumulate(steps, lambda level, step: level * step[0] + step[1], initial=before)
    return np.fromiter(walk, np.float64, len(moves) + 1)[1:]


def _quantities(rng: np.random.Generator, count: int, usual_steps: int) -> NDArray[np.float64]:
    return np.asarray((1.0 + np.floor(rng.exponential(usual_steps, count))) / STEPS_PER_UNIT)
