"""`tradingd demo`: everything at once, on this machine, without an account."""

# Annotations are evaluated here: typer reads them.
# ruff: noqa: PLC0415 - help must not wait for what only the work needs
import sys
from typing import Annotated

import typer


def demo(
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds make equal markets, and equal decisions.")] = 42,
    speed: Annotated[int, typer.Option(min=1, max=600, help="How many times as fast as life.")] = 120,
    span_s: Annotated[int, typer.Option("--for", min=0, metavar="SECONDS", help="How long; 0: until Ctrl-C.")] = 90,
    redis_url: Annotated[
        str,
        typer.Option(
            "--redis", metavar="URL", envvar="TRADINGD__REDIS__URL", help="A server to use instead of one's own."
        ),
    ] = "",
) -> None:
    """Trade a made-up market on paper, and show signals, fills and alerts as they come."""
    import asyncio

    from tradingd.daemon import logs
    from tradingd.daemon.demo import Demo
    from tradingd.daemon.settings import LogSettings

    logs.configure(LogSettings(level="error"))
    raise typer.Exit(asyncio.run(Demo(seed, speed, span_s, redis_url).run(sys.stdout)))
