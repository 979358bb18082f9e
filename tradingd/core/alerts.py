"""Station 6, facts to alerts: numbered messages with the market as it was."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tradingd.model.trading import Alert, AlertKind, AlertType

if TYPE_CHECKING:
    from collections.abc import Mapping


def plain(values: Mapping[str, float | str | bool]) -> dict[str, float | None]:
    """Return the numbers of a mapping, unknown ones as none; texts are left out."""
    numbers = {name: value for name, value in values.items() if isinstance(value, float)}
    return {name: value if math.isfinite(value) else None for name, value in numbers.items()}


def make(  # noqa: PLR0913 - the parts of an alert
    number: str,
    kind: AlertKind,
    strategy: str,
    node: str,
    message: str,
    type_: AlertType,
    ts: int,
    price: float | None,
    indicators: Mapping[str, float | str | bool],
    operands: Mapping[str, float | str | bool],
    cause: int,
) -> Alert:
    """Make one alert; `number` is its id, unique for ever."""
    return Alert(number, kind, strategy, node, message, type_, ts, price, plain(indicators), plain(operands), cause)
