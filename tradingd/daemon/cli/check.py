"""`tradingd check`: everything that is wrong with strategies and configuration, before anything runs."""

# Annotations are evaluated here: typer reads them.
# ruff: noqa: FBT002, PLC0415 - switches are options; help must not wait for what only the work needs
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tradingd.daemon.cli.terminal import tell
from tradingd.model.errors import ConfigError, Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradingd.core.graph.document import Document
    from tradingd.daemon.config import Settings
    from tradingd.model.instrument import Instrument

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
    from tradingd.daemon.config import origins

    found: dict[str, list[Finding]] = {}
    settings, faults, named, listed = _configuration(config)
    if config is not None or faults or not strategies:
        found[str(config or "configuration")] = faults
    ids: dict[str, Path] = {}
    for path in dict.fromkeys((*(strategies or ()), *named)):
        document, findings = _strategy(path, listed)
        found[str(path)] = findings
        if path in named and document is not None and ids.setdefault(document.id, path) is not path:
            msg = f"{document.id!r} is the id of {ids[document.id]} already; each strategy needs its own"
            findings.append(Finding(Severity.ERROR, "same-id", "/id", msg))
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


def _strategy(path: Path, listed: "Sequence[Instrument]") -> "tuple[Document | None, list[Finding]]":
    """Return a strategy, none where it is refused, and all that is to be said about it."""
    from tradingd.daemon.cli import documents

    try:
        loaded = documents.examine(path, listed)
    except OSError as error:
        return None, [Finding(Severity.ERROR, "unreadable", "", f"it cannot be read: {error.strerror}")]
    return loaded.document, list(loaded.findings)


def _configuration(
    path: Path | None,
) -> "tuple[Settings | None, list[Finding], Sequence[Path], Sequence[Instrument]]":
    """Return settings, all that is wrong with them and with what they name, their strategy files and instruments."""
    from tradingd.daemon import datafiles, strategies
    from tradingd.daemon.config import examine

    settings, faults = examine(path, os.environ)
    if settings is None:
        return settings, faults, (), ()
    base = path.parent if path else Path()
    faults = datafiles.examine(settings.data, base, str(path or "configuration"))
    named: Sequence[Path] = ()
    listed: Sequence[Instrument] = ()
    try:
        named = strategies.files(base, settings.daemon.strategies)
    except ConfigError as error:
        faults.append(Finding(Severity.ERROR, "no-such-strategy", "/daemon/strategies", str(error)))
    try:
        listed = datafiles.instrument_list(settings.daemon, base)
    except ConfigError as error:
        faults.append(Finding(Severity.ERROR, "config-bad-value", "/daemon/instruments", str(error)))
    return settings, faults, named, listed
