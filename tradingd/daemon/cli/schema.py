"""`tradingd schema`: JSON Schemas for editors, and for whoever receives alerts."""

# Annotations are evaluated here: typer reads them.
# ruff: noqa: PLC0415 - help must not wait for what only the work needs
import json
from typing import Annotated, Any, Literal

import typer

from tradingd.model.trading import AlertKind, AlertType


def schema(
    what: Annotated[Literal["strategy", "config", "alert"], typer.Argument(help="Of what to print the schema.")],
) -> None:
    """Print the JSON Schema of strategies, configuration or alerts."""
    if what == "strategy":
        from tradingd.core.graph import loading

        found = loading.schema()
    elif what == "config":
        from tradingd.daemon import config

        found = config.schema()
    else:
        found = alert_schema()
    typer.echo(json.dumps(found, indent=2, ensure_ascii=False))


def alert_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the envelope in which an alert is published."""
    name_or_null = {"type": ["string", "null"]}
    values = {"type": "object", "additionalProperties": {"type": ["number", "null"]}}
    market_data = _closed(
        "The market as it was.",
        price={"type": ["number", "null"], "description": "Last price, null before the first."},
        indicators={**values, "description": "Indicator values of the strategy, null where not ready."},
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "tradingd alert",
        **_closed(
            "One message to a person.",
            v={"const": 1, "description": "Version of this envelope."},
            id={"type": "string", "description": "Unique for ever: a repeat is the same message."},
            kind={"enum": [kind.value for kind in AlertKind], "description": "What the message is about."},
            strategy_id={**name_or_null, "description": "Strategy it comes from, null for none."},
            node_id={**name_or_null, "description": "Node it comes from, null for none."},
            message={"type": "string", "description": "What a person reads."},
            alert_type={"enum": [loud.value for loud in AlertType], "description": "How loud it is."},
            timestamp={"type": "string", "format": "date-time", "description": "Market time, ISO 8601 with its zone."},
            ts={"type": "integer", "description": "The same, in nanoseconds since the epoch, UTC."},
            market_data=market_data,
            operands={**values, "description": "What the signal that fired compared."},
        ),
    }


def _closed(description: str, **properties: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an object that has these properties, all of them and no others."""
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
