"""The door: `tradingd VERB ...`, its version, and what becomes of an error.

Verbs import what they need when they run, so that help and version come at once. An error that the project raises
on purpose ends as one message on stderr and an exit code - 78 where something must be corrected before it can
work, 1 where something went wrong, 2 for wrong usage - and never as a traceback.
"""

# Annotations are evaluated here: typer reads them.
# ruff: noqa: FBT002 - a switch is an option
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import tradingd
from tradingd.daemon.cli import backtest, check, ctl, demo, explain, indicators, instruments, replay, schema
from tradingd.daemon.cli import run as run_verb
from tradingd.model.errors import ConfigError, DocumentError, TradingdError

EXIT_FAILED = 1
EXIT_CONFIG = 78  # EX_CONFIG of sysexits.h: a service manager must not restart what cannot work


class _Verbs(TyperGroup):
    """The verbs, with their errors told."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except TradingdError as error:
            typer.echo(f"tradingd: {error}", err=True)
            raise typer.Exit(EXIT_CONFIG if isinstance(error, ConfigError | DocumentError) else EXIT_FAILED) from None


app = typer.Typer(
    cls=_Verbs,
    help="Run trading strategies drawn as graphs: on paper against a live feed, or over stored data.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for verb in (
    demo.demo,
    run_verb.run,
    ctl.ctl,
    check.check,
    backtest.backtest,
    replay.replay,
    explain.explain,
    schema.schema,
    indicators.indicators,
):
    app.command()(verb)
app.add_typer(instruments.app, name="instruments")


def _version(asked: bool) -> None:  # noqa: FBT001 - a callback of typer's
    if asked:
        typer.echo(f"tradingd {tradingd.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass


def run() -> None:
    """Run the command line; the entry point of `tradingd`."""
    sys.exit(app(prog_name="tradingd"))
