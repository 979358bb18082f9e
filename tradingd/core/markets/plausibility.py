"""Whether a price can be that of its option: feeds have sent an index's price under an option's name.

No model and no history, so that a real jump gets through: only what no option has ever cost is held to be no price
of it. It judges one price and keeps nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tradingd.model.instrument import Instrument

TIME_VALUE_MAX = 0.3
"""Above its intrinsic value an option is worth at most this share of its underlying: a year at 75 % volatility."""

STRIKE_SHARE_MAX = 0.5
"""Where the underlying's price is not known, an option costs at most this share of its strike."""


def implausible(instrument: Instrument, price: float, spot: float | None) -> bool:
    """Whether a price cannot be that of an option; `spot` is its underlying's, none where it is not known."""
    if instrument.strike is None:
        return False
    strike = float(instrument.strike)
    if spot is None:
        return price > strike * STRIKE_SHARE_MAX
    inside = spot - strike if instrument.right == "CE" else strike - spot
    return price > max(inside, 0.0) + spot * TIME_VALUE_MAX
