"""Stops, targets and trails as a drawing holds them, and what they come to: `Protection` of the canonical document.

They are judged by themselves. What is switched off says nothing, whatever figures an editor left in it.
"""

# Annotations are evaluated here: pydantic reads them.
from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from tradingd.core.graph.dialects import spellings
from tradingd.core.graph.dialects.fields import Amount, Number, Part, Spelled, refuse
from tradingd.core.graph.document import Level, Measure, Protection, Trail

_UNITS = Annotated[Measure, Spelled(spellings.MEASURES)]


class Step(Part):
    """One of stop, target, trail; `distances` names its figure for each way to measure."""

    distances: ClassVar[dict[Measure, str]] = {}
    enabled: bool = Field(default=False, description="Whether it is on.")
    trigger_type: _UNITS = Field(Measure.PERCENTAGE, description="percentage of the entry price, points, or pnl.")

    def figure(self) -> Any:
        """Return the distance in the measure that is chosen."""
        return getattr(self, self.distances[self.trigger_type])

    @model_validator(mode="after")
    def _told(self) -> Self:
        name = self.distances[self.trigger_type]
        if self.enabled and self.figure() is None:
            refuse("missing-key", f"it is on, by {self.trigger_type.value}: say {type(self).key(name)}")
        if self.enabled and not self.figure() > 0:
            refuse("out-of-range", f"{type(self).key(name)} is {self.figure()}; it must be greater than 0")
        return self

    def level(self) -> Level | None:
        """Return the level, none where it is off."""
        return Level(self.trigger_type, self.figure()) if self.enabled else None


class StopLoss(Step):
    """Closes a position that went against us so far."""

    distances: ClassVar[dict[Measure, str]] = {
        Measure.PERCENTAGE: "stop_percentage",
        Measure.POINTS: "stop_points",
        Measure.PNL: "stop_pnl",
    }
    stop_percentage: Number | None = Field(None, description="Percent of the entry price.")
    stop_points: Number | None = Field(None, description="Points.")
    stop_pnl: Number | None = Field(None, description="Loss in money.")


class TakeProfit(Step):
    """Closes a position that went our way so far."""

    distances: ClassVar[dict[Measure, str]] = {
        Measure.PERCENTAGE: "target_percentage",
        Measure.POINTS: "target_points",
        Measure.PNL: "target_pnl",
    }
    target_percentage: Number | None = Field(None, description="Percent of the entry price.")
    target_points: Number | None = Field(None, description="Points.")
    target_pnl: Number | None = Field(None, description="Profit in money.")


class TrailingStop(Step):
    """A stop that follows the price."""

    distances: ClassVar[dict[Measure, str]] = {
        Measure.PERCENTAGE: "initial_distance",
        Measure.POINTS: "initial_points",
        Measure.PNL: "initial_pnl",
    }
    initial_distance: Number | None = Field(None, description="Percent of the entry price at first.")
    initial_points: Number | None = Field(None, description="Points at first.")
    initial_pnl: Number | None = Field(None, description="Money at first.")
    step_size: Number | None = Field(None, description="Percent by which it moves; 0 or absent: with every price.")
    points_step_size: Number | None = Field(None, description="Points by which it moves.")
    pnl_step_size: Number | None = Field(None, description="Money by which it moves.")

    def trail(self) -> Trail | None:
        """Return the trail, none where it is off."""
        steps = {Measure.PERCENTAGE: self.step_size, Measure.POINTS: self.points_step_size}
        step = steps.get(self.trigger_type, self.pnl_step_size) or Decimal(0)
        return Trail(self.trigger_type, self.figure(), step, step) if self.enabled else None


class PostExecution(Part):
    """Where a position is closed by its price alone."""

    stop_loss: StopLoss | None = Field(None, description="Closes at a loss.")
    take_profit: TakeProfit | None = Field(None, description="Closes at a profit.")
    trailing_stop: TrailingStop | None = Field(None, description="Closes when the price comes back.")

    def protection(self) -> Protection:
        """Return what is on."""
        return Protection(
            self.stop_loss.level() if self.stop_loss else None,
            self.take_profit.level() if self.take_profit else None,
            self.trailing_stop.trail() if self.trailing_stop else None,
        )


class TrailingConfig(Part):
    """For every `priceMove` that the price goes our way, the stop moves by `trailPrice`."""

    enabled: bool = Field(default=False, description="Whether it is on.")
    units: _UNITS = Field(Measure.POINTS, description="points or percentage of the entry price.")
    trail_type: Annotated[str, Spelled(spellings.TRAILS)] = Field(
        "position", description="position: by its own price; underlying: by its underlying's."
    )
    price_move: Number | None = Field(None, description="How far the price goes.")
    trail_price: Number | None = Field(None, description="How far the stop follows.", validate_default=True)

    @field_validator("trail_price")
    @classmethod
    def _follows(cls, shift: Decimal | None, info: ValidationInfo) -> Decimal | None:
        move = info.data.get("price_move")
        if not info.data.get("enabled"):
            return shift
        if move is None or shift is None or move <= 0 or shift <= 0:
            refuse("missing-key", "trailing is on: say priceMove and trailPrice, both above 0")
        if shift > move:
            refuse("out-of-range", f"trailPrice {shift} is more than priceMove {move}: the stop would pass the price")
        return shift

    def trail(self) -> Trail | None:
        """Return the trail, none where it is off."""
        if not self.enabled or self.price_move is None or self.trail_price is None:
            return None
        return Trail(self.units, None, self.price_move, self.trail_price, self.trail_type == "underlying")


class PriceLevel(Part):
    """A price, or a distance from the entry price."""

    type: Annotated[Measure, Spelled(spellings.LEVELS)] = Field(description="price, points, percentage or pnl.")
    value: Amount = Field(description="How much.")

    def level(self) -> Level:
        """Return it in canonical form."""
        return Level(self.type, self.value)


def joined(protections: Iterable[Protection]) -> tuple[Protection, list[str]]:
    """Return what several protections of one position come to, and the names of those they differ in."""
    found: dict[str, Any] = {"stop": None, "target": None, "trail": None}
    differ = []
    for protection in protections:
        for name, before in found.items():
            given = getattr(protection, name)
            if given is not None and before not in (None, given):
                differ.append(name)
            found[name] = before or given
    return Protection(**found), differ
