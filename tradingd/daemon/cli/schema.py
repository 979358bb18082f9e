"""`tradingd schema`: JSON Schemas for editors, and for whoever receives alerts."""

# Annotations are evaluated here: typer reads them.
# ruff: noqa: PLC0415 - help must not wait for what only the work needs
import json
from typing import Annotated, Literal

import typer


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
        from tradingd.adapters.publishers import envelope

        found = envelope.schema()
    typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
