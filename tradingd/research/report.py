"""A result as a person reads it in a terminal: figures, trades, what is still open, and what to know about the run.

It shows the printed object of a result and computes nothing; the same object as JSON holds all that is shown. Colours
appear on a terminal only, tables have no frames, so that the text can be piped, quoted and compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TextIO

SHOWN_AT_EACH_END = 5
"""Of many trades, so many of the first and so many of the last are shown."""

_WIDTH = 240  # wide enough to cut nothing: a narrow window wraps its lines itself
_FIGURES = (
    ("total_pnl", "trades", "max_drawdown"),
    ("expectancy", "winning_trades", "max_drawdown_pct"),
    ("avg_win", "losing_trades", "sharpe"),
    ("avg_loss", "win_rate", "sortino"),
    ("profit_factor", "longest_losing_run", "calmar"),
    ("payoff_ratio", "exposure", ""),
)
_SOURCES = {"trades": "total_trades"}
_SHARES = ("win_rate", "exposure")


def show(result: Mapping[str, Any], file: TextIO) -> None:
    """Print a result, given as its printed object."""
    console = Console(file=file, width=_WIDTH, highlight=False)
    with console.capture() as captured:
        _print(result, console)
    file.writelines(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def _print(result: Mapping[str, Any], console: Console) -> None:
    trades, still_open = result["trades"], result["positions_open"]
    read = " and ".join(f"{result[unit]:,} {unit}" for unit in ("bars", "ticks") if result[unit])
    blocks: list[Text | Table] = [
        Text(f"{result['strategy_id'] or 'several strategies'}: {result['status']}, {read}{_priced(result)}", "bold"),
        _figures(result["metrics"]),
        _money(result),
        _positions(trades, still_open=False) if trades else Text("no trades"),
    ]
    if still_open:
        blocks.append(_positions(still_open, still_open=True))
    for block in blocks:
        console.print(block)
        console.line()
    anomalies = dict(result["anomalies"])
    gap_s = anomalies.pop("max_gap_s")
    met = ", ".join(f"{name} {count:,}" for name, count in anomalies.items() if count)
    lines = [
        *(f"note: {note}" for note in result["notes"]),
        f"anomalies: {met or 'none'}; largest step in time {gap_s:g} s",
        f"decisions_sha256: {result['decisions_sha256']}",
        f"seconds: {result['seconds']['load']:.2f} to load, {result['seconds']['run']:.2f} to run",
    ]
    for line in lines:
        console.print(Text(line), soft_wrap=True)


def _priced(result: Mapping[str, Any]) -> str:
    pricing = result["option_pricing"]
    return f"; option prices are not the market's where it had none: {pricing}" if pricing else ""


def _money(result: Mapping[str, Any]) -> Text:
    """Return the P&L in three valuations, what trading cost, and how the account stands."""
    pnl, charges, account = result["pnl"], dict(result["charges"]), result["account"]
    total = charges.pop("total")
    parts = ", ".join(f"{name} {amount}" for name, amount in charges.items() if amount != "0")
    margin = f"{account['margin_used']}, at most {account['margin_peak']} (margin_model: {account['margin_model']})"
    lines = [
        f"P&L by fills: optimistic {pnl['optimistic']}, base {pnl['base']}, pessimistic {pnl['pessimistic']}",
        f"charges: {total}" + (f" ({parts})" if parts else ""),
        f"account: {account['starting_cash']} at the start, equity {account['equity']}, margin used {margin}",
    ]
    return Text("\n".join(lines))


def _figures(metrics: Mapping[str, Any]) -> Table:
    table = _table()
    table.show_header = False
    for _ in range(3):
        table.add_column(style="dim")
        table.add_column(justify="right")
        table.add_column()
    for row in _FIGURES:
        cells: list[str] = []
        for name in filter(None, row):
            cells += [name, _figure(name, metrics[_SOURCES.get(name, name)]), ""]
        table.add_row(*cells)
    return table


def _figure(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name in _SHARES:
        return f"{100 * value:.1f} %"
    if name == "max_drawdown_pct":
        return f"{value:.2f} %"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _positions(records: Sequence[Mapping[str, Any]], *, still_open: bool) -> Table:
    """Return the first and the last of the records, and how many stand between."""
    table = _table()
    several = len({record["strategy_id"] for record in records}) > 1
    offset = _common_offset(records)
    in_zone = f" ({offset})" if offset else ""
    columns = [*(("strategy",) if several else ()), "open" if still_open else "trade", "instrument", "side", "lots",
               f"entered{in_zone}", "at"]  # fmt: skip
    columns += ["P&L so far", "unrealized"] if still_open else [f"exited{in_zone}", "at", "P&L", "by"]
    for name in columns:
        table.add_column(name, justify="right" if name in ("lots", "at", "unrealized") or "P&L" in name else "left")
    between = len(records) - 2 * SHOWN_AT_EACH_END
    shown = records if between <= 0 else [*records[:SHOWN_AT_EACH_END], *records[-SHOWN_AT_EACH_END:]]
    for number, record in enumerate(shown):
        if between > 0 and number == SHOWN_AT_EACH_END:
            table.add_row(f"... {between:,} more")
        cells = [record["strategy_id"]] if several else []
        cells += [record["vpi"], record["instrument"], record["position_type"], record["quantity"]]
        cells += [_time(record["entry_time"], offset), record["entry_price"]]
        cells += (
            [record["pnl"], record["unrealized_pnl"]]
            if still_open
            else [_time(record["exit_time"], offset), record["exit_price"], record["pnl"], record["exit_node"] or "-"]
        )
        table.add_row(*map(Text, cells))
    return table


def _table() -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")


def _common_offset(records: Sequence[Mapping[str, Any]]) -> str:
    """Return the offset from UTC that all times have, empty where they differ."""
    offsets = {record[key][-6:] for record in records for key in ("entry_time", "exit_time") if record[key]}
    return offsets.pop() if len(offsets) == 1 else ""


def _time(text: str, offset: str) -> str:
    return text.removesuffix(offset).replace("T", " ")
