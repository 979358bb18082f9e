"""`tradingd run`: the daemon, in the foreground, until it is told to stop."""

# Annotations are evaluated here: typer reads them.
# ruff: noqa: PLC0415 - help must not wait for what only the work needs
import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


def run(
    config: Annotated[
        Path | None, typer.Option("-c", "--config", metavar="FILE", exists=True, dir_okay=False, help="TOML file.")
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a configuration key.")
    ] = None,
) -> None:
    """Trade on paper until stopped: SIGTERM or Ctrl-C stop cleanly, SIGHUP reloads."""
    import asyncio

    from tradingd.daemon import logs
    from tradingd.daemon.supervisor import Daemon

    daemon = Daemon(config, os.environ, overrides or ())
    logs.configure(daemon.settings.log)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        code = runner.run(daemon.run())
    raise typer.Exit(code)


def _loop_factory() -> "Callable[[], asyncio.AbstractEventLoop] | None":
    """Return uvloop's loop where it is installed."""
    if importlib.util.find_spec("uvloop") is None:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module("uvloop").new_event_loop
    return factory
