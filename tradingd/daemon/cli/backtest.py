"""`tradingd backtest`: strategies over stored data, with the trades, P&L and metrics they would have made."""

# Annotations are evaluated here: typer reads them.
# ruff: noqa: FBT002, PLC0415 - switches are options; help must not wait for what only the work needs
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tradingd.daemon.cli.terminal import progress, tell
from tradingd.model.errors import Severity

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from tradingd.core.graph.document import Document
    from tradingd.daemon.config import Settings
    from tradingd.model.instrument import Instrument
    from tradingd.research.contents import Contents
    from tradingd.research.request import DataFile, HistoryBars

_BARS = "Bars of an instrument: SYM, SYM:1m, EXCHANGE:SYM or EXCHANGE:SYM:1m, then = and the file."
_TICKS = "Ticks of an instrument: SYM or EXCHANGE:SYM, then = and the file."
_CONFIG = "TOML file; without --bars and --ticks the data are those of its [data]."
_VOLUME = "What the volume of tick files counts, whatever their columns are named."
_PRICING = "How contracts without market data are priced; with black76 the result says so in its first line."
_MODE = "scanned skips bars on which nothing can happen; the answer is the same."


def backtest(  # noqa: PLR0913 - the options of the command
    strategies: Annotated[
        list[Path] | None, typer.Argument(metavar="STRATEGY.json", exists=True, dir_okay=False, show_default=False)
    ] = None,
    bars: Annotated[list[str] | None, typer.Option("--bars", metavar="SYM[:1m]=FILE", help=_BARS)] = None,
    ticks: Annotated[list[str] | None, typer.Option("--ticks", metavar="SYM=FILE", help=_TICKS)] = None,
    recording: Annotated[
        Path | None,
        typer.Option(metavar="STATE_DIR", exists=True, file_okay=False, help="Run what a daemon recorded, instead."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("-c", "--config", metavar="FILE", exists=True, dir_okay=False, help=_CONFIG)
    ] = None,
    instruments: Annotated[
        Path | None,
        typer.Option(metavar="FILE", exists=True, dir_okay=False, help="Instrument list, CSV as in Kite's dump."),
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Zone of times without an offset; else the exchange's.")
    ] = None,
    start: Annotated[str | None, typer.Option(metavar="TIME", help="Trade from here on; earlier data warm up.")] = None,
    end: Annotated[str | None, typer.Option(metavar="TIME", help="Until here: a date included, a time not.")] = None,
    volume: Annotated[Literal["print", "cumulative"] | None, typer.Option(help=_VOLUME)] = None,
    mode: Annotated[Literal["scanned", "stepped"], typer.Option(help=_MODE)] = "stepped",
    option_pricing: Annotated[Literal["none", "black76"] | None, typer.Option(help=_PRICING)] = None,
    volatility: Annotated[
        str | None, typer.Option(metavar="V", help="Per year, as 0.15: what --option-pricing black76 needs.")
    ] = None,
    skip_bad_rows: Annotated[bool, typer.Option("--skip-bad-rows", help="Count bad rows instead of refusing.")] = False,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a configuration key.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", file_okay=False, help="Folder to write the result to.")
    ] = None,
) -> None:
    """Run strategies over stored data, and print what came of it."""
    if recording is not None:
        _recorded(recording, alone=not (strategies or bars or ticks), as_json=as_json)
        return
    if not strategies:
        msg = "there is no strategy: name at least one STRATEGY.json"
        raise typer.BadParameter(msg)
    named = [*(_data_file("bars", text) for text in bars or ()), *(_data_file("ticks", text) for text in ticks or ())]
    if not named and config is None:
        msg = "there is no data: give --bars SYM=FILE or --ticks SYM=FILE, or a configuration that has them (-c FILE)"
        raise typer.BadParameter(msg)
    model = {"option_pricing": option_pricing, "volatility": volatility}
    overrides = [*(f"simulation.{key}={value}" for key, value in model.items() if value), *(overrides or ())]
    for text in overrides:
        if not text.partition("=")[0].strip() or "=" not in text:
            msg = f"--set {text!r} is not KEY=VALUE, as risk.max_entries_per_session=5"
            raise typer.BadParameter(msg)
    from tradingd.adapters.masters.store import read_instruments
    from tradingd.daemon.config import core_settings, load
    from tradingd.daemon.datafiles import instrument_list
    from tradingd.research import report
    from tradingd.research.backtest import run
    from tradingd.research.inputs import day
    from tradingd.research.request import Request

    settings = load(config, os.environ, overrides)
    base = config.parent if config else Path()
    listed = read_instruments(instruments) if instruments else instrument_list(settings.daemon, base)
    documents = _documents(strategies, listed)
    data: Sequence[DataFile | HistoryBars] = named
    if not named:
        days = [day(*asked, timezone, documents[0].exchange) for asked in (("start", start), ("end", end))]
        data = _configured(settings, base, documents, days, listed, skip_bad_rows=skip_bad_rows)
    with progress("backtest") as on_progress:
        result = run(
            Request(
                documents=documents,
                data=data,
                settings=core_settings(settings),
                instruments=listed,
                timezone=timezone,
                start=start,
                end=end,
                volume=volume,
                mode=mode,
                skip_bad_rows=skip_bad_rows,
                out=out,
                progress=on_progress,
            )
        )
    if as_json:
        typer.echo(json.dumps(result.as_dict(), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        report.show(result.as_dict(), sys.stdout)


def _configured(  # noqa: PLR0913 - what is asked, and what there is
    settings: "Settings",
    base: Path,
    documents: "Sequence[Document]",
    days: "Sequence[dt.date | None]",
    listed: "Sequence[Instrument]",
    *,
    skip_bad_rows: bool,
) -> "Sequence[DataFile | HistoryBars]":
    """Return what the configuration has for strategies, its files or bars of its feed's history."""
    import asyncio

    from tradingd.daemon import datafiles, logs, sources, wiring
    from tradingd.research.contents import contents

    logs.configure(settings.log)  # a feed that must be asked again is told of

    async def look(file: "DataFile") -> "Contents":
        return contents(file, skip_bad_rows=skip_bad_rows)

    async def find() -> "Sequence[DataFile | HistoryBars]":
        files = datafiles.files_of(settings.data, base)
        start, end = days
        async with wiring.provider(settings.feed, lambda _state, _detail: None) as provider:
            feed = sources.Feed(provider, settings.feed.rest_url) if settings.data.history == "feed" else None
            return (await sources.find(documents, start, end, files, listed, look, feed)).data

    return asyncio.run(find())


def _recorded(path: Path, *, alone: bool, as_json: bool) -> None:
    """Run a recorded session again: its strategies, settings and market, with fills from the simulator."""
    if not alone:
        msg = "--recording brings its own strategies and data; give neither"
        raise typer.BadParameter(msg)
    from tradingd.daemon import state, wiring
    from tradingd.research import report
    from tradingd.research.backtest import outcome

    recorded = state.recording(path)
    rerun = wiring.again(recorded)
    bars = sum(line.series.count for feed in rerun.session.engine.feeds.values() for line in feed.lines)
    result = outcome(
        rerun.session, rerun.curve, execution_id=f"rec-{recorded.created_ms}", bars=bars, ticks=rerun.ticks
    ).as_dict()
    if as_json:
        typer.echo(json.dumps(result, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        report.show(result, sys.stdout)


def _documents(paths: "Sequence[Path]", listed: "Sequence[Instrument]") -> "list[Document]":
    """Read the strategies; warnings are told on stderr, remarks are `check`'s to tell."""
    from tradingd.daemon.cli import documents

    found = []
    for path in paths:
        loaded = documents.examine(path, listed)
        found.append(documents.document(path, loaded))
        warnings = [finding for finding in loaded.findings if finding.severity is Severity.WARNING]
        if warnings:
            typer.echo(f"{path}:", err=True)
            tell(warnings, err=True)
    return found


def _data_file(kind: Literal["bars", "ticks"], text: str) -> "DataFile":
    """Read `[EXCHANGE:]SYM[:1m]=FILE`."""
    from tradingd.core.markets.sessions import market
    from tradingd.model.market import Timeframe
    from tradingd.research.request import DataFile

    name, _, file = text.partition("=")
    parts = [part.strip() for part in name.split(":")]
    timeframe = None
    if len(parts) > 1:
        try:
            timeframe = Timeframe.parse(parts[-1])
        except ValueError:
            pass
        else:
            parts.pop()
    try:
        if not file or len(parts) > 2 or not all(parts) or (timeframe and kind == "ticks"):  # noqa: PLR2004 - exchange, symbol
            wanted = "SYM[:1m]=FILE" if kind == "bars" else "SYM=FILE"
            msg = f"{text!r} is not {wanted}, the symbol with or without its exchange, as SIM:DEMO=demo.csv"
            raise ValueError(msg)  # noqa: TRY301 - told as the others are
        exchange = market(parts[0]).name if len(parts) > 1 else None
    except ValueError as error:
        msg = f"--{kind}: {error}"
        raise typer.BadParameter(msg) from None
    return DataFile(symbol=parts[-1], kind=kind, path=Path(file), timeframe=timeframe, exchange=exchange)
