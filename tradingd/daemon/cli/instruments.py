"""`tradingd instruments`: instrument lists kept by day, what is in them, and which contract a choice stands for."""

# Annotations are evaluated here: typer reads them.
# ruff: noqa: FBT002, PLC0415 - switches are options; help must not wait for what only the work needs
import datetime as dt
import json
from collections import defaultdict
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tradingd.adapters.masters.changes import Changes
    from tradingd.core.markets.contracts import Contracts, Refusal, Resolution
    from tradingd.model.instrument import Instrument
    from tradingd.model.trading import OptionChoice

FAULTS_MAX = 100
"""So many wrong rows are left out and told; a list with more is refused."""
STORE = Path("instruments")
_SHOWN, _WIDTH = 20, 100

app = typer.Typer(help="Keep instrument lists by day, look into them, resolve contracts.", no_args_is_help=True)
_Store = Annotated[Path, typer.Option("--store", metavar="DIR", help="Where lists are kept, a folder for each day.")]
_Lists = Annotated[
    Path | None, typer.Option("--store", metavar="PATH", help="A folder of lists by day, or one list.", exists=True)
]
_Date = Annotated[dt.datetime | None, typer.Option(metavar="DATE", formats=["%Y-%m-%d"], help="As 2026-07-15.")]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def load(
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, show_default=False)],
    date: _Date = None,
    store: _Store = STORE,
    as_json: _Json = False,
) -> None:
    """Check an instrument list, keep it as that of a day (today), and tell what changed since the day before.

    FILE is Kite's instrument dump, Upstox's JSON master or Binance's exchangeInfo, plain or .gz.
    """
    from tradingd.adapters.masters import changes
    from tradingd.adapters.masters.reading import read
    from tradingd.adapters.masters.store import Store
    from tradingd.core.markets.contracts import Contracts
    from tradingd.core.markets.listing import may_expire, unexpected

    master = read(file, FAULTS_MAX)
    on = date.date() if date else _today(master.instruments[0])
    contracts = Contracts(master.instruments)
    by_exchange: dict[str, list[Instrument]] = defaultdict(list)
    for instrument in master.instruments:
        by_exchange[instrument.exchange].append(instrument)
    kept = Store(store)
    before = {exchange: kept.before(on, exchange) for exchange in sorted(by_exchange)}
    compared = [
        changes.compare(exchange, held[0], held[1], on, by_exchange[exchange])
        for exchange, held in before.items()
        if held is not None
    ]
    doubts = [*_thin(contracts, on), *unexpected(contracts, on, may_expire())]
    written = kept.write(on, master.instruments)
    told = {
        "date": on.isoformat(),
        "instruments": {exchange: len(rows) for exchange, rows in sorted(by_exchange.items())},
        "files": list(map(str, written)),
        "faults": master.faults,
        "unread": dict(master.unread.most_common()),
        "doubts": doubts,
        "changes": [part.as_dict() for part in compared],
    }
    if as_json:
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        _tell_load(told, compared)


@app.command()
def show(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="A symbol, EXCHANGE:SYMBOL, token or underlying.")],
    date: _Date = None,
    store: _Lists = None,
    as_json: _Json = False,
) -> None:
    """Show what the list of a day (the newest) has of a symbol, or of all contracts of an underlying."""
    from tradingd.adapters.masters import stored

    rows, dates = _lists(store or STORE, date.date() if date else None)
    found = [i for i in rows if symbol in (i.id, i.symbol, i.token)]
    contracts = [] if found else [i for i in rows if i.underlying == symbol]
    if as_json:
        told = [stored.as_dict(i) for i in found or contracts]
        typer.echo(json.dumps({"lists": dates, "instruments": told}, indent=2, ensure_ascii=False))
    for instrument in () if as_json else found:
        typer.echo(typer.style(instrument.id, bold=True))
        for name, value in stored.as_dict(instrument).items():
            if value:
                typer.echo(f"    {name:16}{value}")
    if contracts and not as_json:
        typer.echo("\n".join(_series(contracts)))
    if not (found or contracts):
        typer.echo(f"tradingd: {symbol} is on none of these lists: {json.dumps(dates)}", err=True)
        raise typer.Exit(1)


@app.command()
def resolve(  # noqa: PLR0913 - the options of the command
    underlying: Annotated[str, typer.Argument(metavar="UNDERLYING", show_default=False)],
    code: Annotated[list[str], typer.Argument(metavar="EXPIRY [STRIKE] RIGHT", help="As W0 ATM CE or M0 FUT.")],
    spot: Annotated[str, typer.Option(metavar="PRICE", help="The underlying's price.")],
    date: _Date = None,
    at: Annotated[
        dt.datetime | None, typer.Option(metavar="TIME", help="The venue's time, instead of a date: its session's.")
    ] = None,
    exchange: Annotated[str | None, typer.Option(metavar="SEGMENT", help="Where it is listed, as NFO.")] = None,
    premium: Annotated[str | None, typer.Option(metavar="PRICE", help="Of the strike `premium`: which.")] = None,
    prices: Annotated[
        list[str] | None, typer.Option("--price", metavar="STRIKE=PRICE", help="What an option costs, for `premium`.")
    ] = None,
    store: _Lists = None,
    as_json: _Json = False,
) -> None:
    """Tell which contract a choice stands for, and what it was chosen from; exit code 1 where it is refused.

    Where no list has the underlying, the contracts are those that the dated rules know.
    """
    from tradingd.core.markets.listing import RuledContracts, may_expire, unexpected
    from tradingd.model.trading import OptionChoice

    given = date or at
    if given is None or (date and at):
        msg = "say which day: --date 2026-07-15, or --at 2026-07-15T10:00"
        raise typer.BadParameter(msg)
    day = given.date()
    rows, dates = _lists(store, day) if store else _lists(STORE, day) if STORE.exists() else ([], {})
    contracts = RuledContracts([i for i in rows if i.underlying == underlying], may_expire())
    segments = [exchange] if exchange else contracts.segments(underlying)
    if len(segments) != 1:
        found = f"is listed on {' and '.join(segments)}; name one with --exchange" if segments else "is nowhere listed"
        msg = f"{underlying} {found}"
        raise typer.BadParameter(msg)
    on = _session(segments[0], at) if at else day
    expiry, *strike, right = code if len(code) > 1 else (*code, "")
    choice = OptionChoice(expiry, "".join(strike), right, None if premium is None else _number("--premium", premium))
    quotes = dict(_quote(text) for text in prices or ())
    answer = contracts.resolve(
        choice, segments[0], underlying, _number("--spot", spot), on,
        lambda i: None if i.strike is None else quotes.get(i.strike),
    )  # fmt: skip
    listed = contracts.families and dates.get(segments[0])
    source = f"the list of {listed}" if listed else "the dated rules; no list has it"
    doubts = list(unexpected(contracts, on, may_expire()))
    _tell_answer(choice, underlying, on, answer, source, doubts, as_json=as_json)


def _tell_load(told: dict[str, Any], compared: "list[Changes]") -> None:
    for exchange, count in told["instruments"].items():
        typer.echo(f"{exchange}: {count:,} instruments on {told['date']}")
    if told["unread"]:
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in told["unread"].items())
        typer.echo(f"of kinds that are not read: {sum(told['unread'].values()):,} rows ({kinds[:_WIDTH]})")
    _some("left out, wrong", told["faults"])
    _some("in doubt", told["doubts"])
    for changes in compared:
        lines = list(changes.lines())
        typer.echo("\n".join(lines[: _SHOWN + 1]))
        if len(lines) > _SHOWN + 1:
            typer.echo(f"  ... and {len(lines) - _SHOWN - 1:,} lines more (--json has all)")


def _some(label: str, lines: list[str]) -> None:
    for line in lines[:_SHOWN]:
        typer.echo(f"{label}: {line}")
    if len(lines) > _SHOWN:
        typer.echo(f"{label}: ... and {len(lines) - _SHOWN:,} more (--json has all)")


def _tell_answer(  # noqa: PLR0913 - what was asked, and what was found
    choice: "OptionChoice",
    underlying: str,
    on: dt.date,
    answer: "Resolution | Refusal",
    source: str,
    doubts: list[str],
    *,
    as_json: bool,
) -> None:
    from tradingd.core.markets.contracts import Refusal

    refused = isinstance(answer, Refusal)
    if as_json:
        asked = {"choice": str(choice), "underlying": underlying, "date": on.isoformat(), "source": source}
        told: dict[str, Any] = {"refused": answer.reason} if isinstance(answer, Refusal) else answer.as_dict()
        typer.echo(json.dumps({**asked, "doubts": doubts, **told}, indent=2, ensure_ascii=False))
    elif isinstance(answer, Refusal):
        typer.echo(f"{choice} of {underlying} on {on}: refused: {answer.reason}")
    else:
        found = answer.instrument
        typer.echo(typer.style(found.id, bold=True))
        token = f", token {found.token}" if found.token else ""
        typer.echo(f"    expires {answer.expiry}, lot {found.lot_size:f}, tick {found.tick_size:f}{token}")
        typer.echo(f"    chosen as {choice} of {underlying} at {answer.spot:f} on {on}, from {source}")
        typer.echo(f"    expiries: {', '.join(map(str, answer.expiries))}")
        if answer.strikes:
            span = f"{answer.strikes[0]:f} to {answer.strikes[-1]:f}"
            typer.echo(f"    strikes: {len(answer.strikes)} of them, {span}; {answer.atm:f} is at the money")
        for strike, price in answer.quotes:
            typer.echo(f"    {strike:f} costs {price:f}")
    if not as_json:
        _some("in doubt", doubts)
    if refused:
        raise typer.Exit(1)


def _lists(path: Path, on: dt.date | None) -> "tuple[list[Instrument], dict[str, str]]":
    """Return what the lists of a folder hold on a day, or what one list does, and of which days they are."""
    from tradingd.adapters.masters.store import Store, read_instruments

    if not path.is_dir():
        rows = read_instruments(path)
        return rows, dict.fromkeys(sorted({i.exchange for i in rows}), path.name)
    found, dates = Store(path).read(on)
    return found, {exchange: date.isoformat() for exchange, date in dates.items()}


def _thin(contracts: "Contracts", on: dt.date) -> "Iterable[str]":
    """Say which underlyings have options that end on one day only: a list that was cut looks like this."""
    for (segment, underlying), family in contracts.families.items():
        ahead = [expiry for expiry in family.options if expiry >= on]
        if len(ahead) == 1:
            yield f"{segment} {underlying}: no option ends after {ahead[0]}; a list has two expiries at least"


def _series(contracts: "list[Instrument]") -> "Iterable[str]":
    """Yield the contracts of an underlying by expiry."""
    by_expiry: dict[tuple[str, str], list[Instrument]] = defaultdict(list)
    for row in contracts:
        by_expiry[str(row.expiry), row.exchange].append(row)
    for (expiry, exchange), rows in sorted(by_expiry.items()):
        lots = " and ".join(f"{lot:f}" for lot in sorted({row.lot_size for row in rows}))
        strikes = sorted({row.strike for row in rows if row.strike is not None})
        span = f", {len(strikes)} strikes {strikes[0]:f} to {strikes[-1]:f}" if strikes else ""
        future = ", a future" if any(row.right == "FUT" for row in rows) else ""
        yield f"{exchange} {expiry}: lot {lots}{span}{future}"


def _today(instrument: "Instrument") -> dt.date:
    from tradingd.core.markets.sessions import market
    from tradingd.daemon.clock import UtcClock

    return market(instrument.exchange).date_of(UtcClock().now())


def _session(segment: str, at: dt.datetime) -> dt.date:
    """Return the date of the session that is open at a time, or opens next."""
    from tradingd.core.markets.sessions import market

    venue = market(segment)
    return venue.session_from(venue.ts_of(at.date(), at.time())).date


def _quote(text: str) -> tuple[Decimal, float]:
    strike, _, price = text.partition("=")
    return _number("--price", strike), float(_number("--price", price))


def _number(option: str, text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        msg = f"{option} has {text!r}, which is no number"
        raise typer.BadParameter(msg) from None
