"""`tradingd indicators`: the catalogue, with parameters, outputs and the conventions behind the values."""

# Annotations are evaluated here: typer reads them.
# ruff: noqa: FBT002, PLC0415 - switches are options; help must not wait for what only the work needs
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tradingd.model.indicator import IndicatorSpec, Parameter


def indicators(as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False) -> None:
    """List the indicators with parameters, outputs and conventions."""
    from tradingd.core.indicators.catalog import CATALOG
    from tradingd.model.indicator import PRICE_SOURCES

    if as_json:
        typer.echo(json.dumps([_as_dict(spec) for spec in CATALOG.values()], indent=2, ensure_ascii=False))
        return
    for spec in CATALOG.values():
        typer.echo(f"{typer.style(spec.name, bold=True)}  {spec.title}")
        typer.echo(f"    parameters  {', '.join(map(_told, spec.params)) or 'none'}")
        typer.echo(f"    reads       {'source, close by default' if spec.takes_source else ', '.join(spec.inputs)}")
        typer.echo(f"    gives       {', '.join(spec.outputs)}")
        typer.echo(f"    convention  {spec.convention}")
        typer.echo(f"    source      {spec.source}\n")
    typer.echo(f"price sources: {', '.join(PRICE_SOURCES)}")


def _told(parameter: "Parameter") -> str:
    return f"{parameter.name}={parameter.default:g} ({parameter.minimum:g} to {parameter.maximum:g})"


def _as_dict(spec: "IndicatorSpec") -> dict[str, Any]:
    from tradingd.core.indicators.declaration import declare

    default = declare(spec.name, {})
    return {
        "name": spec.name,
        "title": spec.title,
        "params": [
            {
                "name": p.name,
                "aliases": list(p.aliases),
                "type": "integer" if p.integer else "number",
                "default": p.default,
                "minimum": p.minimum,
                "maximum": p.maximum,
            }
            for p in spec.params
        ],
        "inputs": list(spec.inputs),
        "takes_source": spec.takes_source,
        "outputs": list(spec.outputs),
        "resets": spec.resets,
        "warm_up": spec.warm_up(default),
        "anchor_bars": spec.anchor_bars(default),
        "convention": spec.convention,
        "source": spec.source,
    }
