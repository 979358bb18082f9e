from __future__ import annotations

import io
from typing import Any

from tradingd.research import report

METRICS = {
    "total_pnl": "12.5", "total_trades": 1, "winning_trades": 1, "losing_trades": 0, "win_rate": 1.0, "avg_win": "12.5",
    "avg_loss": "0", "profit_factor": None, "max_drawdown": "3", "payoff_ratio": None, "max_drawdown_pct": 0.25,
    "expectancy": "12.5", "sharpe": None, "sortino": 1.23456, "calmar": None, "exposure": 0.5, "longest_losing_run": 0,
}  # fmt: skip
ANOMALIES = dict.fromkeys(
    ("equal_ts", "backwards", "equal_rows", "late", "outside_session", "volume_decreases", "max_gap_s"), 0
)


def make_record(**changed: Any) -> dict[str, Any]:
    closed = {
        "strategy_id": "s", "id": "s-1", "vpi": "slot", "vpt": "", "instrument": "ACME", "position_type": "buy",
        "quantity": "2", "multiplier": "1", "lot_size": "1", "product_type": "intraday", "status": "closed",
        "entry_time": "2025-01-02T09:20:00+05:30", "entry_price": "100.5", "entry_node": "buy",
        "exit_time": "2025-01-02T10:00:00+05:30", "exit_price": "106.75", "exit_node": "sell", "pnl": "12.5",
        "charges": "0",
    }  # fmt: skip
    return closed | changed


MONEY = {
    "option_pricing": None,
    "pnl": {"optimistic": "13", "base": "12.5", "pessimistic": "11"},
    "charges": {"brokerage": "40", "stt": "0", "gst": "7.2", "total": "47.2"},
    "account": {
        "starting_cash": "1000000", "equity": "999965.3", "margin_used": "0", "margin_peak": "201",
        "margin_model": "approx",
    },
}  # fmt: skip


def shown(**changed: Any) -> str:
    result = {
        "execution_id": "bt-1", "status": "completed", "strategy_id": "s", "metrics": METRICS,
        "trades": [make_record()], "positions_open": [], "bars": 1234, "ticks": 0, "anomalies": ANOMALIES, "notes": [],
        "decisions_sha256": "ab",
        "seconds": {"load": 0.125, "run": 1.5},
    } | MONEY | changed  # fmt: skip
    file = io.StringIO()
    report.show(result, file)
    return file.getvalue()


def row(text: str, begin: str) -> list[str]:
    return next(line for line in text.splitlines() if line.startswith(begin)).split()


def test_figures_without_a_value_are_a_dash_and_shares_are_percent() -> None:
    told = shown()
    assert row(told, "profit_factor")[:2] == ["profit_factor", "-"]
    assert row(told, "expectancy")[-3:] == ["max_drawdown_pct", "0.25", "%"]
    assert row(told, "avg_loss")[2:] == ["win_rate", "100.0", "%", "sortino", "1.235"]
    assert told.startswith("s: completed, 1,234 bars\n")
    assert "seconds: 0.12 to load, 1.50 to run\n" in told


def test_a_trade_is_a_row_with_times_in_the_zone_its_columns_name() -> None:
    told = shown()
    assert "entered (+05:30)" in told
    assert row(told, "slot") == [
        "slot", "ACME", "buy", "2", "2025-01-02", "09:20:00", "100.5", "2025-01-02", "10:00:00", "106.75", "12.5",
        "sell",
    ]  # fmt: skip


def test_times_of_several_zones_keep_their_offsets() -> None:
    told = shown(trades=[make_record(), make_record(exit_time="2025-01-02T10:00:00+00:00")])
    assert "entered (" not in told
    assert "2025-01-02 09:20:00+05:30" in told


def test_of_many_trades_the_first_and_the_last_are_shown_with_the_count_between() -> None:
    told = shown(trades=[make_record(vpi=f"slot{number}") for number in range(1500)])
    assert "... 1,490 more\n" in told
    assert [line.split()[0] for line in told.splitlines() if line.startswith("slot")] == [
        f"slot{number}" for number in (0, 1, 2, 3, 4, 1495, 1496, 1497, 1498, 1499)
    ]


def test_open_positions_notes_and_anomalies_are_told() -> None:
    still = make_record(exit_time=None, exit_price=None, exit_node=None, pnl="0", status="open", unrealized_pnl="-7.25")
    told = shown(
        trades=[],
        positions_open=[still],
        notes=["[odd] lot 1"],
        anomalies=ANOMALIES | {"late": 1200, "max_gap_s": 61.5},
    )
    assert "no trades\n" in told
    assert row(told, "slot")[-2:] == ["0", "-7.25"]
    assert "note: [odd] lot 1\n" in told
    assert "anomalies: late 1,200; largest step in time 61.5 s\n" in told


def test_what_it_cost_and_how_the_account_stands_is_told() -> None:
    told = shown()
    assert "P&L by fills: optimistic 13, base 12.5, pessimistic 11\n" in told
    assert "charges: 47.2 (brokerage 40, gst 7.2)\n" in told
    assert "account: 1000000 at the start, equity 999965.3, margin used 0, at most 201 (margin_model: approx)\n" in told


def test_prices_of_a_model_are_told_in_the_first_line() -> None:
    first = shown(option_pricing="black76 at volatility 0.15").splitlines()[0]
    assert first.startswith("s: completed, 1,234 bars; ")
    assert first.endswith("black76 at volatility 0.15")


def test_several_strategies_are_told_apart() -> None:
    told = shown(strategy_id=None, trades=[make_record(), make_record(strategy_id="t")])
    assert told.startswith("several strategies: completed")
    assert row(told, "t ")[:2] == ["t", "slot"]


def test_what_is_piped_is_plain_text_and_never_cut() -> None:
    name = "A" * 120
    told = shown(trades=[make_record(instrument=name)])
    assert name in told
    assert "\x1b" not in told
    assert all(line == line.rstrip() for line in told.splitlines())
