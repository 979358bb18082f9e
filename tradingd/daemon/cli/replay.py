"""`tradingd replay`: a recorded session once more, and whether it decides the same."""

# Annotations are evaluated here: typer reads them.
# ruff: noqa: FBT002, PLC0415 - switches are options; help must not wait for what only the work needs
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

EXIT_DIVERGED = 1


def replay(
    state_dir: Annotated[Path, typer.Argument(metavar="STATE_DIR", exists=True, file_okay=False)],
    verify: Annotated[
        bool, typer.Option("--verify", help="Fail where a command differs from the one recorded.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Step a recorded session's events, fills and deadlines again, and name the first command that differs."""
    from tradingd.daemon import state, wiring

    outcome = wiring.replay(state.recording(state_dir))
    answer = {
        "events": outcome.events,
        "commands": outcome.commands,
        "decisions_sha256": outcome.decisions_sha256,
        "divergence": asdict(outcome.divergence) if outcome.divergence else None,
    }
    if as_json:
        typer.echo(json.dumps(answer, indent=2))
    else:
        typer.echo(f"{outcome.events} events, {outcome.commands} commands, decisions_sha256 {outcome.decisions_sha256}")
        if outcome.divergence is not None:
            first = outcome.divergence
            typer.echo(f"first divergence at event {first.seq}: {first.event}")
            typer.echo(f"  recorded: {first.recorded or 'no command'}")
            typer.echo(f"  replayed: {first.replayed or 'no command'}")
        else:
            typer.echo("every command is as recorded")
    if verify and outcome.divergence is not None:
        raise typer.Exit(EXIT_DIVERGED)
