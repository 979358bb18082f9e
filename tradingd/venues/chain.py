"""Options on a venue's index that are made up from it: each trades now and then, at what a formula says it is worth.

For demonstrations and tests of strategies that choose contracts. Each option is drawn from its own generator, seeded
by the seed and its name. Prices follow one volatility smile and carry no information; nothing about them should be
taken for a real market's behaviour.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tradingd.core.markets.pricing import option_price, years
from tradingd.core.markets.sessions import market
from tradingd.model.errors import ConfigError
from tradingd.venues.trades import Trades, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from tradingd.model.instrument import Instrument

_SHARE = 0.2  # of the underlying's trades that are followed by one of a given option
_LEVEL, _SMILE = 0.14, 0.6  # volatility at the money, and how it grows with the distance from it
_LOTS = 4.0


def with_chain(
    blocks: Iterable[Mapping[str, Trades]], underlying: str, contracts: Sequence[Instrument], seed: int
) -> Iterator[dict[str, Trades]]:
    """Yield the blocks with the trades of options on `underlying`, one of their symbols.

    Raises:
        ConfigError: a contract is no option.
    """
    options = [_Option(contract, seed) for contract in contracts]
    for block in blocks:
        yield {**block, **{option.symbol: option.follow(block[underlying]) for option in options}}


class _Option:
    """One contract, and what its trades so far leave to the next."""

    def __init__(self, contract: Instrument, seed: int) -> None:
        expires = market(contract.exchange).session_on(contract.expiry) if contract.expiry else None
        if contract.strike is None or expires is None:
            msg = f"{contract.id} expires on {contract.expiry} with strike {contract.strike}; options have both"
            raise ConfigError(msg)
        self.symbol = contract.symbol
        self._right, self._strike, self._ts_expiry = contract.right, float(contract.strike), expires.ts_close
        self._tick, self._lot = float(contract.tick_size), float(contract.lot_size)
        self._rng = np.random.Generator(np.random.PCG64([seed, *contract.symbol.encode()]))
        self._number = 0
        self._book: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)

    def follow(self, underlying: Trades) -> Trades:
        """Return the trades that follow those of the underlying."""
        rng = self._rng
        chosen = np.flatnonzero(rng.random(len(underlying)) < _SHARE)
        ts = underlying.ts_market[chosen]
        count = len(chosen)
        worth = [self._worth(*at) for at in zip(ts.tolist(), underlying.price[chosen].tolist(), strict=True)]
        spread = 1.0 + rng.poisson(1.0, count)
        bid = np.maximum(np.rint(np.array(worth, np.float64) / self._tick) - spread // 2, 1.0)
        is_sell = rng.random(count) < 0.5  # noqa: PLR2004 - as many of each
        lots = 1.0 + rng.poisson(_LOTS, (3, count))
        book = self._prices(bid), self._prices(bid + spread), lots[1] * self._lot, lots[2] * self._lot
        trades = Trades(
            number=self._number + np.arange(count),
            ts=ts,
            ts_market=ts,
            price=np.where(is_sell, book[0], book[1]),
            quantity=lots[0] * self._lot,
            is_sell=is_sell,
            bid=book[0],
            ask=book[1],
            bid_quantity=book[2],
            ask_quantity=book[3],
            is_quoted=quoted(*book, before=self._book),
        )
        self._number += count
        if count:
            self._book = tuple(float(column[-1]) for column in book)
        return trades

    def _worth(self, ts: int, spot: float) -> float:
        volatility = _LEVEL + _SMILE * abs(math.log(self._strike / spot))
        return option_price(self._right, spot, self._strike, years(ts, self._ts_expiry), volatility)

    def _prices(self, ticks: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return prices with the decimals they are written with."""
        return np.round(ticks * self._tick, 4)
