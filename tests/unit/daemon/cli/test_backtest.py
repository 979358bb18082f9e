from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.daemon.cli.runs import EMA, RSI, make_bars, make_document, run
from tradingd.model.market import Timeframe

if TYPE_CHECKING:
    from pathlib import Path

KEYS = [
    "option_pricing", "execution_id", "status", "strategy_id", "metrics", "pnl", "charges", "account", "trades",
    "positions_open", "bars", "ticks", "anomalies", "notes", "decisions_sha256", "seconds",
]  # fmt: skip


def printed(*arguments: object, env: dict[str, str] | None = None) -> dict[str, Any]:
    """The object that a backtest prints."""
    result = run("backtest", *arguments, "--json", env=env)
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_json_is_one_object_with_the_agreed_keys(tmp_path: Path) -> None:
    found = printed(RSI, "--bars", f"DEMO={make_bars(tmp_path)}")
    assert list(found) == KEYS
    assert found["status"] == "completed"
    assert found["strategy_id"] == "rsi-reversal"
    assert found["bars"] == 3000
    assert found["metrics"]["total_trades"] == len(found["trades"]) > 3


def test_a_person_is_told_figures_trades_notes_and_the_hash(tmp_path: Path) -> None:
    bars = make_bars(tmp_path)
    found, told = printed(EMA, "--bars", f"DEMO={bars}"), run("backtest", EMA, "--bars", f"DEMO={bars}")
    assert told.exit_code == 0
    assert told.stderr == ""
    assert told.stdout.startswith("ema-crossover: completed, 3,000 bars\n")
    assert f"decisions_sha256: {found['decisions_sha256']}\n" in told.stdout
    assert found["metrics"]["total_pnl"] in told.stdout
    assert found["trades"][0]["entry_price"] in told.stdout
    assert all(f"note: {note}\n" in told.stdout for note in found["notes"])
    assert "\x1b" not in told.stdout


@pytest.mark.parametrize("name", ["DEMO", "SIM:DEMO", "DEMO:1m", "SIM:DEMO:1MIN", " SIM : DEMO "])
def test_every_way_to_name_an_instrument(tmp_path: Path, name: str) -> None:
    found = printed(EMA, "--bars", f"{name}={make_bars(tmp_path, 300)}")
    assert (found["bars"], found["status"]) == (300, "completed")


def test_a_stated_timeframe_is_believed(tmp_path: Path) -> None:
    bars = make_bars(tmp_path, 300)
    result = run("backtest", RSI, "--bars", f"DEMO:{Timeframe.parse('5m')}={bars}")
    assert result.exit_code == 1
    assert "less than the stated timeframe 5m" in result.stderr


def test_several_strategies_share_a_run(tmp_path: Path) -> None:
    bars = make_bars(tmp_path)
    found = printed(RSI, EMA, "--bars", f"DEMO={bars}")
    assert found["strategy_id"] is None
    assert {trade["strategy_id"] for trade in found["trades"]} == {"rsi-reversal", "ema-crossover"}
    assert found["decisions_sha256"] == printed(EMA, RSI, "--bars", f"DEMO={bars}")["decisions_sha256"]
    told = run("backtest", RSI, EMA, "--bars", f"DEMO={bars}").stdout
    assert "ema-crossover  trend " in told


def test_configuration_comes_from_file_environment_and_command_line(tmp_path: Path) -> None:
    bars, path = make_bars(tmp_path), tmp_path / "own.toml"
    path.write_text("[risk]\nmax_entries_per_session = 0\n", "utf-8")
    arguments = (EMA, "--bars", f"DEMO={bars}")
    name = "TRADINGD__RISK__MAX_ENTRIES_PER_SESSION"
    assert printed(*arguments)["trades"]
    assert not printed(*arguments, "-c", path)["trades"]
    assert not printed(*arguments, env={name: "0"})["trades"]
    assert printed(*arguments, "-c", path, env={name: "5"})["trades"]
    assert not printed(*arguments, "--set", "risk.max_entries_per_session=0", env={name: "5"})["trades"]
    assert printed(*arguments, "-c", path, "--set", "risk.max_entries_per_session=none")["trades"]


def test_start_and_end_bound_the_trades(tmp_path: Path) -> None:
    found = printed(EMA, "--bars", f"DEMO={make_bars(tmp_path)}", "--start", "2025-01-03", "--end", "2025-01-03")
    assert found["trades"]
    assert all(trade["entry_time"].startswith("2025-01-03") for trade in found["trades"])


def test_an_instrument_list_is_read(tmp_path: Path) -> None:
    listing = tmp_path / "instruments.csv"
    listing.write_text(
        "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,"
        "instrument_type,segment,exchange\n1,1,DEMO,DEMO,0,,0,0.05,3,EQ,SIM,SIM\n",
        "utf-8",
    )
    found = printed(EMA, "--bars", f"DEMO={make_bars(tmp_path)}", "--instruments", listing)
    assert {trade["lot_size"] for trade in found["trades"]} == {"3"}


def test_bad_rows_are_refused_or_counted(tmp_path: Path) -> None:
    rows = [f"2025-01-02 00:{minute:02}:00,1,2,0.5,1" for minute in range(9)]
    path = tmp_path / "bars.csv"
    path.write_text("\n".join(["timestamp,open,high,low,close", *rows, "2025-01-02 00:09:00,1,2,x,1"]), "utf-8")
    refused = run("backtest", EMA, "--bars", f"DEMO={path}")
    assert refused.exit_code == 1
    assert f"{path}:11: low 'x'" in refused.stderr
    found = printed(EMA, "--bars", f"DEMO={path}", "--skip-bad-rows")
    assert any("1 bad row" in note for note in found["notes"])


def test_ticks_volume_mode_and_zone_are_handed_on(tmp_path: Path) -> None:
    path = tmp_path / "ticks.csv"
    path.write_text("timestamp,price,volume\n2025-01-02 09:00:00,100,5\n2025-01-02 09:00:01,101,4\n", "utf-8")
    arguments = (EMA, "--ticks", f"SIM:DEMO={path}", "--timezone", "Asia/Kolkata", "--mode", "scanned")
    found = printed(*arguments, "--volume", "cumulative")
    assert (found["ticks"], found["anomalies"]["volume_decreases"]) == (2, 1)
    assert printed(*arguments, "--volume", "print")["anomalies"]["volume_decreases"] == 0


def test_prices_by_a_formula_need_a_volatility_and_are_told_only_where_they_were_used(tmp_path: Path) -> None:
    bars = ("--bars", f"DEMO={make_bars(tmp_path)}", "--option-pricing", "black76")
    refused = run("backtest", EMA, *bars)
    assert refused.exit_code == 78
    assert 'simulation.option_pricing = "black76" needs simulation.volatility, per year, as 0.15' in refused.stderr
    assert printed(EMA, *bars, "--volatility", "0.15")["option_pricing"] is None


def test_out_is_written(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    found = printed(EMA, "--bars", f"DEMO={make_bars(tmp_path)}", "--out", out)
    assert {path.name for path in out.iterdir()} == {
        "result.json", "trades.csv", "equity.csv", "ledger.csv", "commands.jsonl", "trace.jsonl",
    }  # fmt: skip
    assert json.loads((out / "result.json").read_text("utf-8"))["decisions_sha256"] == found["decisions_sha256"]


def test_a_refused_strategy_is_told_with_its_file_and_places(tmp_path: Path) -> None:
    refused = make_document(tmp_path, exchange="NSEE", colour="red")
    result = run("backtest", refused, "--bars", f"DEMO={make_bars(tmp_path, 10)}")
    assert result.exit_code == 78
    assert result.stdout == ""
    assert result.stderr.startswith(f"tradingd: {refused}: 2 error(s)\n")
    assert "/nodes/0/data/colour: " in result.stderr


def test_warnings_go_to_stderr_and_leave_the_answer_alone(tmp_path: Path) -> None:
    document = json.loads(EMA.read_text("utf-8"))
    document["nodes"] = [node for node in document["nodes"] if node["id"] not in ("death", "sell")]
    document["edges"] = [edge for edge in document["edges"] if edge["target"] not in ("death", "sell")]
    path = tmp_path / "unclosed.json"
    path.write_text(json.dumps(document), "utf-8")
    result = run("backtest", path, "--bars", f"DEMO={make_bars(tmp_path)}", "--json")
    assert "warning never-closed" in result.stderr
    assert json.loads(result.stdout)["positions_open"]
    told = run("backtest", path, "--bars", f"DEMO={make_bars(tmp_path)}").stdout
    assert "no trades" in told
    assert "unrealized" in told
