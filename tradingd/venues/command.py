"""`python -m tradingd.venues.exchange`: the simulated exchange as a process, until it is stopped.

One line of JSON on standard output says that it is ready and on which port; what is wrong with the options is told on
standard error before. SIGTERM and SIGINT close the connections in order.
"""

# Annotations are evaluated here: typer reads them.
# ruff: noqa: FBT002 - a switch is an option
import asyncio
from typing import Annotated, Literal

import typer

from tradingd.adapters.feeds.instants import parse_instant
from tradingd.model.errors import ConfigError, TradingdError
from tradingd.model.market import HOUR
from tradingd.venues import generated
from tradingd.venues.exchange import Exchange
from tradingd.venues.options import (
    EXIT_CONFIG,
    EXIT_FAILED,
    START,
    begin_of,
    files_of,
    serve,
    speed_of,
    symbols_of,
    zone_of,
)
from tradingd.venues.recorded import read_trades
from tradingd.venues.tape import Tape

SYMBOLS = "BTCUSDT,DEMO,ETHUSDT,SOLUSDT"


def main() -> None:
    """Run the command line."""
    typer.run(_command)


def _command(  # noqa: PLR0913 - the options of the command
    ticks: Annotated[
        list[str] | None, typer.Option(metavar="SYM=FILE", help="Play recorded ticks, as many files as wanted.")
    ] = None,
    timezone: Annotated[str, typer.Option(metavar="ZONE", help="Zone of times without an offset.")] = "UTC",
    symbols: Annotated[
        str, typer.Option(metavar="A,B,...", help="What is traded where the market is made up.")
    ] = SYMBOLS,
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds make up equal markets.")] = 42,
    history_h: Annotated[float, typer.Option(min=0.0, help="Hours of made-up history before the start.")] = 48.0,
    start: Annotated[
        str | None, typer.Option(metavar="TIME", help=f"Where it opens: else the first tick, or {START}.")
    ] = None,
    speed: Annotated[str, typer.Option(metavar="X", help="How fast its time runs, or max: as fast as is taken.")] = "1",
    wait_for_client: Annotated[bool, typer.Option(help="Let time stand still until somebody listens.")] = True,
    end: Annotated[
        Literal["hold", "close"], typer.Option(help="What becomes of connections after the last tick.")
    ] = "hold",
    control: Annotated[bool, typer.Option("--control", help="Take faults to be caused at POST /sim/faults.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Where to listen; 0 lets the system choose.")] = 0,
) -> None:
    """Serve a made-up or recorded market on loopback, by the protocol of Binance's public market data."""
    try:
        zone, pace = zone_of(timezone), speed_of(speed)
        if ticks:
            ts_open = None if start is None else parse_instant(start, zone)[0]
            tape = Tape([read_trades(files_of(ticks), zone)], ts_open=ts_open)
        else:
            ts, history = begin_of(start, zone), int(history_h * HOUR)
            tape = Tape(
                generated.blocks(symbols_of(symbols, SYMBOLS), seed, ts - history), ts_open=ts, history_ns=history
            )
        exchange = Exchange(tape, speed=pace, wait_for_client=wait_for_client, end=end, with_control=control)
        # The end of the data is the end of the process where connections are closed then.
        asyncio.run(serve(exchange, port, until_finished=end == "close"))
    except TradingdError as error:
        typer.echo(f"exchange: {error}", err=True)
        raise typer.Exit(EXIT_CONFIG if isinstance(error, ConfigError) else EXIT_FAILED) from None
