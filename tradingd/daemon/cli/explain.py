"""`tradingd explain`: a strategy in plain words, as a diagram, or as the functions it was compiled to."""

# Annotations are evaluated here: typer reads them.
# ruff: noqa: FBT002, PLC0415 - switches are options; help must not wait for what only the work needs
from pathlib import Path
from typing import Annotated

import typer


def explain(
    strategy: Annotated[Path, typer.Argument(metavar="STRATEGY.json", exists=True, dir_okay=False)],
    code: Annotated[bool, typer.Option("--code", help="Print the compiled functions.")] = False,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Print a mermaid flowchart.")] = False,
) -> None:
    """Tell in plain words what a strategy will do."""
    if code and mermaid:
        msg = "--code and --mermaid exclude each other"
        raise typer.BadParameter(msg)
    from tradingd.core.graph import explain as telling
    from tradingd.core.graph.plan import plan
    from tradingd.daemon.cli import documents

    document = documents.document(strategy, documents.examine(strategy))
    if code:
        typer.echo(plan(document).source, nl=False)
    elif mermaid:
        typer.echo(telling.mermaid(document), nl=False)
    else:
        typer.echo(telling.in_words(document), nl=False)
