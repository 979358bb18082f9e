"""`tradingd check`: everything that is wrong with strategies and configuration, before anything runs."""

# Annotations are evaluated here: typer reads them.
# ruff: noqa: FBT002, PLC0415 - switches are options; help must not wait for what only the work needs
import json
import os
from pathlib import Path
from typing import Annotated

import typer

from tradingd.daemon.cli.terminal import tell
from tradingd.model.errors import ConfigError, Finding, Severity

EXIT_REFUSED = 78


def check(
    strategies: Annotated[
        list[Path] | None, typer.Argument(metavar="STRATEGY.json", exists=True, dir_okay=False, show_default=False)
    ] = None,
    config: Annotated[
        Path | None, typer.Option("-c", "--config", metavar="FILE", exists=True, dir_okay=False, help="TOML file.")
    ] = None,
    show_origin: Annotated[
        bool, typer.Option("--show-origin", help="Print every key with its value, and where that comes from.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Report everything wrong with strategies and configuration, with the strategies that the configuration names.

    Warnings and remarks are reported too; only an error makes the exit code 78.
    """
    from tradingd.daemon.cli import documents
    from tradingd.daemon.config import examine, origins
    from tradingd.daemon.strategies import files as named

    found: dict[str, tuple[Finding, ...]] = {}
    settings, faults = examine(config, os.environ)
    paths = list(strategies or ())
    if settings is not None and config is not None:
        try:
            paths += named(config.parent, settings.daemon.strategies)
        except ConfigError as error:
            faults = [Finding(Severity.ERROR, "no-such-strategy", "/daemon/strategies", str(error))]
    if config is not None or faults or not strategies:
        found[str(config) if config else "configuration"] = tuple(faults)
    for path in paths:
        found[str(path)] = documents.examine(path).findings
    refused = {name: any(f.severity is Severity.ERROR for f in findings) for name, findings in found.items()}
    if as_json:
        files = [
            {"file": name, "ok": not refused[name], "findings": [finding.as_dict() for finding in findings]}
            for name, findings in found.items()
        ]
        typer.echo(json.dumps({"ok": not any(refused.values()), "files": files}, indent=2, ensure_ascii=False))
    else:
        for name, findings in found.items():
            typer.echo(f"{name}: {'refused' if refused[name] else 'ok'}")
            tell(findings)
    if show_origin and settings is not None and not as_json:
        for key, value, origin in origins(config, os.environ):
            typer.echo(f"{key} = {value}  ({origin})")
    if any(refused.values()):
        raise typer.Exit(EXIT_REFUSED)
