"""The message an alert becomes: docs/alerts.md as a type.

The sequencer makes these bytes once, in the transaction that records the alert's cause; every publisher sends them
as they are. So a repeat is equal to the byte, and nothing here may read a clock or depend on when it is called.
"""

# Annotations are evaluated here: msgspec reads them.
import datetime as dt
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from tradingd.model.trading import Alert, AlertKind, AlertType

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_Values = dict[str, float | None]


class MarketData(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The market as it was."""

    price: Annotated[float | None, Meta(description="Last price, null before the first.")]
    indicators: Annotated[_Values, Meta(description="Indicator values of the strategy, null where not ready.")]


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One message to a person."""

    v: Annotated[Literal[1], Meta(description="Version of this envelope.")]
    id: Annotated[str, Meta(description="Unique for ever: a repeat is the same message.", min_length=1)]
    kind: Annotated[AlertKind, Meta(description="What the message is about.")]
    strategy_id: Annotated[str | None, Meta(description="Strategy it comes from, null for none.")]
    node_id: Annotated[str | None, Meta(description="Node it comes from, null for none.")]
    message: Annotated[str, Meta(description="What a person reads.")]
    alert_type: Annotated[AlertType, Meta(description="How loud it is.")]
    timestamp: Annotated[dt.datetime, Meta(description="Market time, ISO 8601 with the exchange's zone.", tz=True)]
    ts: Annotated[int, Meta(description="The same, in nanoseconds since the epoch, UTC.")]
    market_data: MarketData
    operands: Annotated[_Values, Meta(description="What the signal that fired compared.")]


_encode = msgspec.json.Encoder().encode


def envelope(alert: Alert, journal_ms: int, zone: dt.tzinfo) -> bytes:
    """Return the alert as it is sent.

    An alert's own id is unique within a journal alone, since equal events give equal alerts: `journal_ms`, the time
    at which the journal was created, makes it unique for ever. `zone` is the exchange's.
    """
    moment = (_EPOCH + dt.timedelta(microseconds=alert.ts // 1000)).astimezone(zone)
    return _encode(
        Envelope(
            v=1,
            id=f"{journal_ms}-{alert.id}",
            kind=alert.kind,
            strategy_id=alert.strategy,
            node_id=alert.node,
            message=alert.message,
            alert_type=alert.type,
            timestamp=moment,
            ts=alert.ts,
            market_data=MarketData(price=alert.price, indicators=alert.indicators),
            operands=alert.operands,
        )
    )


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a message."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "tradingd alert",
        **msgspec.json.schema(Envelope),
    }
