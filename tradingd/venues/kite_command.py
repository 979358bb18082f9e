"""`python -m tradingd.venues.kite`: the simulated Kite ticker as a process, until it is stopped.

One line of JSON on standard output says that it is ready and on which port; what is wrong with the options is told on
standard error before. SIGTERM and SIGINT close the connections in order.
"""

# Annotations are evaluated here: typer reads them.
# ruff: noqa: FBT002 - a switch is an option
import asyncio
import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

import typer

from tradingd.adapters.feeds.instants import parse_instant
from tradingd.adapters.masters.store import read_instruments
from tradingd.core.markets.contracts import Refusal
from tradingd.core.markets.listing import may_expire, ruled_family
from tradingd.core.markets.sessions import market
from tradingd.model.errors import ConfigError, TradingdError
from tradingd.model.instrument import Instrument
from tradingd.model.market import HOUR, SECOND
from tradingd.venues import generated
from tradingd.venues.chain import with_chain
from tradingd.venues.kite import KiteVenue
from tradingd.venues.kite_listing import Listed, listing, on_the_wire
from tradingd.venues.kite_rest import Sessions
from tradingd.venues.options import (
    EXIT_CONFIG,
    EXIT_FAILED,
    begin_of,
    files_of,
    serve,
    speed_of,
    symbols_of,
    zone_of,
)
from tradingd.venues.recorded import read_trades
from tradingd.venues.tape import Tape
from tradingd.venues.trades import Trades

SYMBOLS = "NIFTY,INFY,RELIANCE,TCS"


def main() -> None:
    """Run the command line."""
    typer.run(_command)


def _command(  # noqa: PLR0913 - the options of the command
    ticks: Annotated[
        list[str] | None, typer.Option(metavar="SYM=FILE", help="Play recorded ticks, as many files as wanted.")
    ] = None,
    timezone: Annotated[str, typer.Option(metavar="ZONE", help="Zone of times without an offset.")] = "Asia/Kolkata",
    symbols: Annotated[
        str, typer.Option(metavar="A,B,...", help="What is traded where the market is made up.")
    ] = SYMBOLS,
    exchange: Annotated[str, typer.Option(metavar="NAME", help="Where symbols are listed that no list has.")] = "NSE",
    instruments: Annotated[
        Path | None, typer.Option(metavar="FILE", help="An instrument list that has the symbols.", exists=True)
    ] = None,
    chain: Annotated[
        str, typer.Option(metavar="SYM", help="Make up options on this index of a made-up market, as NIFTY.")
    ] = "",
    strikes: Annotated[int, typer.Option(min=1, help="So many strikes on either side of the money.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds make up equal markets.")] = 42,
    history_h: Annotated[float, typer.Option(min=0.0, help="Hours of made-up history before the start.")] = 48.0,
    start: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Where it opens: else the first tick, or the 2nd of January 2025."),
    ] = None,
    speed: Annotated[str, typer.Option(metavar="X", help="How fast its time runs, or max: as fast as is taken.")] = "1",
    wait_for_client: Annotated[bool, typer.Option(help="Let time stand still until somebody listens.")] = True,
    end: Annotated[
        Literal["hold", "close"], typer.Option(help="What becomes of connections after the last tick.")
    ] = "hold",
    control: Annotated[
        bool, typer.Option("--control", help="Take faults at POST /sim/faults, end the session at POST /sim/expire.")
    ] = False,
    api_key: Annotated[str, typer.Option(help="The application that is let in.")] = "key",
    api_secret: Annotated[str, typer.Option(help="The secret by which it logs in.")] = "secret",  # noqa: S107 - made up
    access_token: Annotated[str, typer.Option(help="The token of its present session.")] = "token",  # noqa: S107 - made up
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Where to listen; 0 lets the system choose.")] = 0,
) -> None:
    """Serve a made-up or recorded market on loopback, by the protocol of Kite's ticker and REST."""
    try:
        zone, pace = zone_of(timezone), speed_of(speed)
        known = read_instruments(instruments) if instruments else []
        if ticks:
            files = files_of(ticks)
            listed = listing(files, exchange, known)
            ts_open = None if start is None else parse_instant(start, zone)[0]
            tape = Tape([on_the_wire(read_trades(files, zone), listed)], ts_open=ts_open)
        else:
            ts, history = begin_of(start, zone) // SECOND * SECOND, int(history_h * HOUR)
            names = symbols_of(symbols, SYMBOLS)
            listed, blocks = made_up(names, exchange, known, seed, ts - history, (chain, strikes))
            tape = Tape(blocks, ts_open=ts, history_ns=history)
        venue = KiteVenue(
            tape, listed, sessions=Sessions(api_key, api_secret, access_token), speed=pace,
            wait_for_client=wait_for_client, end=end, with_control=control,
        )  # fmt: skip
        asyncio.run(serve(venue, port, until_finished=end == "close"))
    except TradingdError as error:
        typer.echo(f"kite: {error}", err=True)
        raise typer.Exit(EXIT_CONFIG if isinstance(error, ConfigError) else EXIT_FAILED) from None


def made_up(  # noqa: PLR0913 - what it is made from
    symbols: list[str], exchange: str, known: list[Instrument], seed: int, ts_begin: int, chain: tuple[str, int]
) -> tuple[dict[str, Listed], Iterator[dict[str, Trades]]]:
    """Return what is listed, and the market without end; `chain` is an underlying and how many strikes of it."""
    underlying, strikes = chain
    spots = listing(symbols, exchange, known)
    blocks = (
        on_the_wire(block, spots, generated.STEPS_PER_UNIT) for block in generated.blocks(symbols, seed, ts_begin)
    )
    if not underlying:
        return spots, blocks
    if underlying not in symbols:
        msg = f"--chain {underlying}: it must be one of --symbols {','.join(symbols)}"
        raise ConfigError(msg)
    first = next(generated.generate(underlying, seed, ts_begin)).price[0].item()
    contracts = _contracts(underlying, ts_begin, first, strikes)
    listed = listing([*symbols, *(contract.symbol for contract in contracts)], exchange, [*known, *contracts])
    return listed, with_chain(blocks, underlying, [listed[contract.symbol].instrument for contract in contracts], seed)


def _contracts(underlying: str, ts: int, spot: float, strikes: int) -> list[Instrument]:
    """Return the options of the nearest expiry about a price, as the exchange's rules list them."""
    on = dt.datetime.fromtimestamp(ts // SECOND, market("NFO").zone).date()
    segment = "BFO" if underlying in ("SENSEX", "BANKEX") else "NFO"
    family = ruled_family(underlying, on, lambda date: may_expire()(segment, date))
    if isinstance(family, Refusal):
        msg = f"--chain {underlying}: {family.reason}"
        raise ConfigError(msg)
    expiry = min(date for date in family.expiries("CE") if date > on)
    contracts = []
    for right in ("CE", "PE"):
        rows = family.chain(expiry, right, Decimal(str(spot)))
        nearest = sorted(rows, key=lambda strike: (abs(float(strike) - spot), strike))[: 2 * strikes + 1]
        contracts += [rows[strike] for strike in sorted(nearest)]
    return contracts
