"""All that may come out of the engine, and its canonical bytes.

Two runs are the same if the bytes of their commands are: sorted keys, no blanks, Decimals as strings, times
as int ns of market time; no receive time, wall clock, run id or mode ever gets in here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

    from tradingd.model.trading import Alert, Order


@dataclass(frozen=True, slots=True)
class SubmitOrder:
    """Send this approved order."""

    order: Order
    ts: int

    def fields(self) -> dict[str, object]:
        """Return what the command says."""
        order = self.order
        return {
            "command": "submit",
            "id": order.id,
            "instrument": order.instrument.id,
            "limit_price": plain(order.limit_price),
            "node": order.node,
            "product": order.product,
            "purpose": order.purpose,
            "quantity": quantity(order.quantity),
            "side": order.side,
            "stop_price": plain(order.stop_price),
            "strategy": order.strategy,
            "tag": order.tag,
            "ts": self.ts,
            "type": order.type,
            "vpi": order.vpi,
        }


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """Withdraw what is left of this order."""

    order: Order
    ts: int

    def fields(self) -> dict[str, object]:
        """Return what the command says."""
        return {"command": "cancel", "id": self.order.id, "strategy": self.order.strategy, "ts": self.ts}


@dataclass(frozen=True, slots=True)
class ModifyOrder:
    """Give this working order the limit price that it has now."""

    order: Order
    ts: int

    def fields(self) -> dict[str, object]:
        """Return what the command says."""
        order = self.order
        return {
            "command": "modify",
            "id": order.id,
            "limit_price": plain(order.limit_price),
            "strategy": order.strategy,
            "ts": self.ts,
        }


@dataclass(frozen=True, slots=True)
class PublishAlert:
    """Tell a person."""

    alert: Alert
    ts: int

    def fields(self) -> dict[str, object]:
        """Return what the command says."""
        alert = self.alert
        return {
            "alert_type": alert.type,
            "command": "alert",
            "id": alert.id,
            "indicators": alert.indicators,
            "kind": alert.kind,
            "message": alert.message,
            "node": alert.node,
            "operands": alert.operands,
            "price": alert.price,
            "strategy": alert.strategy,
            "ts": self.ts,
        }


Command = SubmitOrder | ModifyOrder | CancelOrder | PublishAlert

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode


def canonical(command: Command) -> bytes:
    """Return the command's bytes: equal bytes, equal decision."""
    return _encode(command.fields()).encode()


def plain(price: Decimal | None) -> str | None:
    """Return a price as it stands on its grid, never in exponent form."""
    return None if price is None else format(price, "f")


def quantity(value: Decimal) -> str:
    """Return a quantity without trailing zeros."""
    return format(value.normalize(), "f")
