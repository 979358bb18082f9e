"""What a person sees beside the answer: findings in lines, and how far long work has come.

stdout carries the answer alone, so that it can be piped; colours and the progress bar appear on a terminal only.
"""

# ruff: noqa: PLC0415 - only a terminal needs rich
from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from tradingd.model.errors import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tradingd.model.errors import Finding

_COLOURS = {Severity.ERROR: typer.colors.RED, Severity.WARNING: typer.colors.YELLOW, Severity.INFO: typer.colors.BLUE}


def tell(findings: Iterable[Finding], *, err: bool = False) -> None:
    """Print findings, one a line: severity, code, place, message, suggestion."""
    for finding in findings:
        severity = typer.style(f"{finding.severity:7}", fg=_COLOURS[finding.severity])
        place = " ".join(filter(None, (finding.pointer, finding.node and f"({finding.node})")))
        better = f" [{finding.suggestion}]" if finding.suggestion else ""
        typer.echo(f"  {severity} {finding.code}{' ' if place else ''}{place}: {finding.message}{better}", err=err)


@contextmanager
def progress(label: str) -> Iterator[Callable[[float], None]]:
    """Give a function that is told how much is done, 0 to 1; it draws a bar where stderr is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=1.0)
        yield lambda done: bar.update(task, completed=done)
