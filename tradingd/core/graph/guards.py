"""Where a position is closed by its price alone: stop, target, and the trail that moves the stop.

One guard watches one slot. It is told every price of what the position holds, and of its underlying where it trails
by that, before the nodes are stepped; it only answers which of its levels was met. All state is plain data.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import floor
from typing import TYPE_CHECKING

from tradingd.core.graph.arithmetic import NAN
from tradingd.core.graph.document import Level, Measure, Protection

if TYPE_CHECKING:
    from tradingd.core.graph.document import Trail
    from tradingd.model.trading import Position

NONE = Protection()
_NOISE = 1e-9
"""So much of a step may be the rounding of a float."""


@dataclass(slots=True)
class Guard:
    """One slot's levels; `drawn` is what every opening begins with, `now` what holds since the last modification.

    `entry` is the price that trailing counts from, the contract's or its underlying's, and `best` the best since then.
    """

    drawn: Protection
    now: Protection = NONE
    entry: float = NAN
    best: float = NAN

    def begin(self, underlying: float) -> None:
        """A position was opened, at this price of its underlying."""
        self.now = self.drawn
        self._trail_from(underlying)

    def modify(self, change: Protection, underlying: float) -> None:
        """Set what the change says; a new trail begins here."""
        given = {name: level for name in ("stop", "target", "trail") if (level := getattr(change, name)) is not None}
        self.now = replace(self.now, **given)
        if change.trail is not None:
            self._trail_from(underlying)

    def _trail_from(self, underlying: float) -> None:
        trail = self.now.trail
        self.entry = underlying if trail is not None and trail.underlying else NAN
        self.best = NAN

    def met(self, position: Position, price: float, underlying: float) -> str:
        """Return which level these prices have met: stop, target or trail; empty for none."""
        sign, now = position.side.sign, self.now
        if now.stop is not None and (price - self._price(position, now.stop, -sign)) * sign <= 0:
            return "stop"
        if now.target is not None and (price - self._price(position, now.target, sign)) * sign >= 0:
            return "target"
        trail = now.trail
        if trail is None:
            return ""
        seen = underlying if trail.underlying else price
        way = _way(position, trail)
        if seen == seen and not (self.best - seen) * way >= 0:  # noqa: PLR0124 - NaN is the unknown
            self.best = seen
        begun = trail.distance is not None or now.stop is not None or self._moved(position, trail) > 0
        return "trail" if begun and (seen - self.level(position)) * way <= 0 else ""

    def level(self, position: Position) -> float:
        """Return where the trail stands, unknown where nothing trails."""
        trail = self.now.trail
        if trail is None:
            return NAN
        begin = self._begin(position, trail)
        way, stop = _way(position, trail), self.now.stop
        if trail.distance is not None:
            begin -= way * _distance(position, trail.measure, float(trail.distance), begin)
        elif stop is not None and not trail.underlying:
            begin = self._price(position, stop, -way)
        return begin + way * self._moved(position, trail)

    def _moved(self, position: Position, trail: Trail) -> float:
        """Return how far the stop has followed."""
        begin = self._begin(position, trail)
        gained = (self.best - begin) * _way(position, trail)
        if not gained > 0:
            return 0.0
        step = _distance(position, trail.measure, float(trail.step), begin)
        if not step:
            return gained
        return floor(gained / step + _NOISE) * _distance(position, trail.measure, float(trail.shift), begin)

    def _begin(self, position: Position, trail: Trail) -> float:
        return self.entry if trail.underlying else float(position.entry_price)

    @staticmethod
    def _price(position: Position, level: Level, way: int) -> float:
        if level.measure is Measure.PRICE:
            return float(level.value)
        entry = float(position.entry_price)
        return entry + way * _distance(position, level.measure, float(level.value), entry)


def _way(position: Position, trail: Trail) -> int:
    """Return which way of the trailed price is good: a put gains when its underlying falls."""
    falls = trail.underlying and position.instrument.right == "PE"
    return -position.side.sign if falls else position.side.sign


def _distance(position: Position, measure: Measure, value: float, begin: float) -> float:
    """Return a distance in points."""
    match measure:
        case Measure.PERCENTAGE:
            return begin * value / 100
        case Measure.PNL:
            held = float(position.quantity * position.instrument.multiplier)
            return value / held if held else NAN
        case _:
            return value
