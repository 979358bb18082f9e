"""What an option is worth: at expiry exactly, before that by Black's formula, where no market data says it.

A modelled price is never given for a market's: whoever asks for one says so in the result. The formula must give
the same bits on every machine, as its prices end in orders, so it computes exponential, logarithm and normal
distribution itself, from the operations that IEEE 754 defines exactly (and square root), never from the C library's.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tradingd.model.market import DAY
from tradingd.model.trading import ZERO

if TYPE_CHECKING:
    from decimal import Decimal

    from tradingd.model.instrument import Instrument

YEAR = 365 * DAY

_LN2_HIGH = 0.693145751953125  # with so few bits that a small multiple of it is exact
_LN2_LOW = 1.42860682030941723212e-6
_SQRT_HALF = 0.7071067811865476
_FACTORIALS = tuple(1.0 / math.factorial(n) for n in range(14))
_FAR = 37.0  # beyond so many deviations the normal distribution is 0 in double precision
_TAIL = 7.07106781186547
_UPPER = (
    0.0352624965998911, 0.700383064443688, 6.37396220353165, 33.912866078383, 112.079291497871, 221.213596169931,
    220.206867912376,
)  # fmt: skip
_LOWER = (
    0.0883883476483184, 1.75566716318264, 16.064177579207, 86.7807322029461, 296.564248779674, 637.333633378831,
    793.826512519948, 440.413735824752,
)  # fmt: skip
_SQRT_TWO_PI = 2.5066282746310002


def intrinsic(instrument: Instrument, value: Decimal) -> Decimal:
    """Return what one unit of an option pays if the underlying settles at `value`."""
    if instrument.strike is None:
        return ZERO
    inside = value - instrument.strike if instrument.right == "CE" else instrument.strike - value
    return max(inside, ZERO)


def years(ts: int, ts_expiry: int) -> float:
    """Return the time to expiry: calendar time over 365 days, to the close of the expiry's session; never below 0."""
    return max(ts_expiry - ts, 0) / YEAR


def option_price(  # noqa: PLR0913 - the formula's terms
    right: str, forward: float, strike: float, time: float, volatility: float, rate: float = 0.0
) -> float:
    """Return the price of a European option on a forward.

    `right` is CE or PE, `time` in years, `volatility` and the continuous `rate` per year as fractions. Without time
    or volatility it is the discounted intrinsic value.

    Source: F. Black, The pricing of commodity contracts, 1976.

    Raises:
        ValueError: a price is not above 0, or the volatility is below 0.
    """
    if not (forward > 0 and strike > 0 and volatility >= 0 and time >= 0):
        msg = (
            f"an option needs prices above 0, and time and volatility of at least 0, not forward {forward}, "
            f"strike {strike}, time {time}, volatility {volatility}"
        )
        raise ValueError(msg)
    sign = 1.0 if right == "CE" else -1.0
    discount = _exp(-rate * time)
    deviation = volatility * math.sqrt(time)
    if deviation == 0:
        return discount * max(sign * (forward - strike), 0.0)
    above = _log(forward / strike) / deviation + deviation / 2
    below = above - deviation
    return max(discount * sign * (forward * _normal(sign * above) - strike * _normal(sign * below)), 0.0)


def _exp(x: float) -> float:
    """Return e to the power of `x`: by Taylor's series within half a power of two."""
    powers = round(x / (_LN2_HIGH + _LN2_LOW))
    rest = (x - powers * _LN2_HIGH) - powers * _LN2_LOW
    total = 0.0
    for term in reversed(_FACTORIALS):
        total = total * rest + term
    return math.ldexp(total, powers)


def _log(x: float) -> float:
    """Return the natural logarithm of `x`: by the series of the inverse hyperbolic tangent near 1."""
    mantissa, powers = math.frexp(x)
    if mantissa < _SQRT_HALF:
        mantissa, powers = mantissa * 2, powers - 1
    slope = (mantissa - 1) / (mantissa + 1)
    square, total = slope * slope, 0.0
    for n in range(23, 0, -2):
        total = total * square + 1.0 / n
    return powers * _LN2_HIGH + (powers * _LN2_LOW + 2 * slope * total)


def _normal(x: float) -> float:
    """Return the share of a normal distribution below `x`.

    Source: G. West, Better approximations to cumulative normal functions, 2005, after J. F. Hart, 1968.
    """
    size = abs(x)
    if size > _FAR:
        below = 0.0
    elif size < _TAIL:
        upper = lower = 0.0
        for term in _UPPER:
            upper = upper * size + term
        for term in _LOWER:
            lower = lower * size + term
        below = _exp(-size * size / 2) * upper / lower
    else:
        fraction = size + 0.65
        for n in (4, 3, 2, 1):
            fraction = size + n / fraction
        below = _exp(-size * size / 2) / fraction / _SQRT_TWO_PI
    return 1.0 - below if x > 0 else below
