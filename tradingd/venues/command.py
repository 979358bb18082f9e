"""`python -m tradingd.venues.exchange`: the simulated exchange as a process, until it is stopped.

One line of JSON on standard output says that it is ready and on which port; what is wrong with the options is told on
standard error before. SIGTERM and SIGINT close the connections in order.
"""

# Annotations are evaluated here: typer reads them.
# ruff: noqa: FBT002 - a switch is an option
import asyncio
import signal
import sys
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from tradingd.adapters.feeds.instants import parse_instant
from tradingd.model.errors import ConfigError, TradingdError
from tradingd.model.market import HOUR
from tradingd.venues import generated
from tradingd.venues.clock import AS_FAST_AS_TAKEN
from tradingd.venues.exchange import HOST, Exchange
from tradingd.venues.recorded import read_trades
from tradingd.venues.tape import Tape
from tradingd.venues.wire import dumps

SYMBOLS = "BTCUSDT,DEMO,ETHUSDT,SOLUSDT"
START = "2025-01-02T00:00:00Z"
_EXIT_FAILED, _EXIT_CONFIG = 1, 78


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
        zone, pace = _zone(timezone), _speed(speed)
        ts_open = None if start is None else parse_instant(start, zone)[0]
        if ticks:
            tape = Tape([read_trades(_files(ticks), zone)], ts_open=ts_open)
        else:
            tape = _made_up([name.strip() for name in symbols.split(",")], seed, ts_open, int(history_h * HOUR))
        exchange = Exchange(tape, speed=pace, wait_for_client=wait_for_client, end=end, with_control=control)
        # The end of the data is the end of the process where connections are closed then.
        asyncio.run(_serve(exchange, port, exchange.finished if end == "close" else asyncio.Event()))
    except TradingdError as error:
        typer.echo(f"exchange: {error}", err=True)
        raise typer.Exit(_EXIT_CONFIG if isinstance(error, ConfigError) else _EXIT_FAILED) from None


async def _serve(exchange: Exchange, port: int, stopped: asyncio.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    tape = exchange.tape
    async with exchange.serving(port) as bound:
        ready = {"event": "ready", "host": HOST, "port": bound, "ts": tape.ts, "symbols": tape.symbols}
        sys.stdout.write(f"{dumps(ready)}\n")
        sys.stdout.flush()
        await stopped.wait()


def _made_up(symbols: list[str], seed: int, ts_open: int | None, history: int) -> Tape:
    if not all(symbols) or len(set(symbols)) < len(symbols):
        msg = f"--symbols {','.join(symbols)}: write different names between commas, as {SYMBOLS}"
        raise ConfigError(msg)
    ts = parse_instant(START, ZoneInfo("UTC"))[0] if ts_open is None else ts_open
    return Tape(generated.blocks(symbols, seed, ts - history), ts_open=ts, history_ns=history)


def _files(texts: list[str]) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for text in texts:
        symbol, _, file = text.partition("=")
        if not symbol or not file:
            msg = f"--ticks {text!r} is not SYM=FILE, as BTCUSDT=ticks.csv"
            raise ConfigError(msg)
        if symbol in files:
            msg = f"--ticks {text!r}: {symbol} has a file already, {files[symbol]}"
            raise ConfigError(msg)
        files[symbol] = Path(file)
    return files


def _speed(text: str) -> float:
    if text == "max":
        return AS_FAST_AS_TAKEN
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < AS_FAST_AS_TAKEN:
        msg = f"--speed {text} is neither a number above 0 nor max"
        raise ConfigError(msg)
    return speed


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        msg = f"--timezone {name!r} is not known; write a name as Asia/Kolkata or UTC"
        raise ConfigError(msg) from error
