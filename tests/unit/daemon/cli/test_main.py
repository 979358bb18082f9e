from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import tradingd
from tests.unit.daemon.cli.runs import EMA, make_bars, make_document, run

if TYPE_CHECKING:
    from pathlib import Path

ARRAYS = {"numpy", "talib", "rich"}
HEAVY = ARRAYS | {"pydantic", "pydantic_settings", "asyncio"}
LOADED_BY = """
import sys
sys.argv = ["tradingd", *sys.argv[1:]]
from tradingd.daemon.cli.main import run
try:
    run()
finally:
    print("loaded:", *sys.modules)
"""


def loaded_by(*arguments: str) -> set[str]:
    """The modules that are loaded when the command has run."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED_BY, *arguments],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return set(done.stdout.rpartition("loaded: ")[2].split())


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_and_version_do_not_wait_for_libraries(argument: str) -> None:
    modules = loaded_by(argument)
    assert "tradingd.daemon.cli.backtest" in modules
    assert modules.isdisjoint(HEAVY)


@pytest.mark.parametrize("arguments", [("backtest", "--help"), ("schema", "alert"), ("check", str(EMA))])
def test_what_needs_no_arrays_does_not_wait_for_them(arguments: tuple[str, ...]) -> None:
    assert loaded_by(*arguments).isdisjoint(ARRAYS)


def test_help_names_every_verb() -> None:
    result = run("--help")
    assert result.exit_code == 0
    for verb in ("check", "backtest", "explain", "schema", "indicators", "--version"):
        assert verb in result.stdout


def test_version() -> None:
    assert run("--version").stdout == f"tradingd {tradingd.__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("fly",),
        ("check", "--fast"),
        ("check", "absent.json"),
        ("check", "-c", "absent.toml"),
        ("schema",),
        ("schema", "orders"),
        ("explain",),
        ("explain", "--code", "--mermaid", EMA),
        ("backtest",),
        ("backtest", EMA),
        ("backtest", EMA, "--bars", "DEMO"),
        ("backtest", EMA, "--bars", "=x.csv"),
        ("backtest", EMA, "--bars", "DEMO="),
        ("backtest", EMA, "--bars", "A:B:C=x.csv"),
        ("backtest", EMA, "--bars", "SIMM:DEMO=x.csv"),
        ("backtest", EMA, "--ticks", "DEMO:1m=x.csv"),
        ("backtest", EMA, "--bars", "DEMO=x.csv", "--volume", "net"),
        ("backtest", EMA, "--bars", "DEMO=x.csv", "--mode", "fast"),
        ("backtest", EMA, "--bars", "DEMO=x.csv", "--set", "risk.max_entries_per_session"),
        ("backtest", EMA, "--bars", "DEMO=x.csv", "--set", "=5"),
    ],
)
def test_wrong_usage_exits_2_and_says_so_on_stderr(arguments: tuple[object, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Usage: tradingd" in (result.stderr if arguments else result.stdout + result.stderr)


def test_what_must_be_corrected_exits_78(tmp_path: Path) -> None:
    bars = make_bars(tmp_path, 10)
    refused = make_document(tmp_path, colour="red")
    for arguments in (
        ("backtest", EMA, "--bars", f"DEMO={bars}", "--set", "risk.max=5"),
        ("backtest", EMA, "--bars", f"DEMO={bars}", "--timezone", "Mars/Olympus"),
        ("backtest", refused, "--bars", f"DEMO={bars}"),
        ("explain", refused),
        ("check", refused),
    ):
        result = run(*arguments)
        assert result.exit_code == 78, arguments


def test_what_went_wrong_exits_1(tmp_path: Path) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_text("timestamp,open,high,low,close\n2024-01-01 00:00,1,2,x,1\n", "utf-8")
    for file in (broken, tmp_path / "absent.csv"):
        result = run("backtest", EMA, "--bars", f"DEMO={file}")
        assert result.exit_code == 1
        assert result.stdout == ""
        assert result.stderr.startswith("tradingd: ")
        assert str(file) in result.stderr
