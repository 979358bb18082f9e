"""The trades of one symbol as columns: what every source of a venue's market gives, and every answer is made from.

A trade carries the best prices that stood when it happened, so one row tells both streams. Rows are in the order in
which they are told; a recorded feed may step back in time, hence two times: `ts`, as it was recorded, and
`ts_market`, the latest so far. Nothing here knows how it is sent.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Trades:
    """Some successive trades of a symbol; prices of 0 in `bid` and `ask` mean that none is known.

    `number` counts the symbol's trades, without a gap. `is_sell`: the buyer's order was waiting (Binance's `m`).
    `is_quoted`: `bid`, `ask` or their quantities are not those of the trade before.
    """

    number: NDArray[np.int64]
    ts: NDArray[np.int64]
    ts_market: NDArray[np.int64]
    price: NDArray[np.float64]
    quantity: NDArray[np.float64]
    is_sell: NDArray[np.bool_]
    bid: NDArray[np.float64]
    ask: NDArray[np.float64]
    bid_quantity: NDArray[np.float64]
    ask_quantity: NDArray[np.float64]
    is_quoted: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.number)

    @property
    def columns(self) -> tuple[NDArray[Any], ...]:
        """The columns, in the order of the fields."""
        return tuple(getattr(self, name) for name in _COLUMNS)

    def part(self, start: int, stop: int) -> Trades:
        """Return rows `[start, stop)`, without copying."""
        return Trades(*(column[start:stop] for column in self.columns))


_COLUMNS = tuple(field.name for field in fields(Trades))


def joined(parts: Sequence[Trades]) -> Trades:
    """Return the rows of all parts, one after the other; of a single part, that part."""
    if len(parts) == 1:
        return parts[0]
    return Trades(*(np.concatenate(columns) for columns in zip(*(part.columns for part in parts), strict=True)))


def quoted(*columns: NDArray[np.float64], before: Sequence[float]) -> NDArray[np.bool_]:
    """Return in which rows any of `columns` is not what it was in the row above; above the first stands `before`."""
    changes = [np.diff(column, prepend=first) != 0 for column, first in zip(columns, before, strict=True)]
    return np.asarray(np.logical_or.reduce(changes))


def step(column: NDArray[np.float64]) -> float:
    """Return the coarsest step, a power of ten from 1 to 1e-8, of which all values are multiples."""
    return next((10.0**-digits for digits in range(8) if np.array_equal(np.round(column, digits), column)), 1e-8)
