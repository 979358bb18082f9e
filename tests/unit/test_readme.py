"""What the README says can be done as it stands there: its make targets, its commands, the output it quotes.

Its sessions in the shell, with a daemon, Redis and systemd, are those of tests/daemon/test_readme.py.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from tests.unit.daemon.cli.runs import run
from tradingd.examples.market import minute_bars

PROJECT = Path(__file__).resolve().parents[2]
README = (PROJECT / "README.md").read_text("utf-8")
FENCED = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
BLOCKS = [block for language, block in FENCED if not language]
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.startswith("tradingd ")]
EXPLAINED, DEMO = (block for block in BLOCKS if "rsi-reversal: completed" in block or "waits until" in block)


@pytest.fixture
def demo_csv(tmp_path: Path) -> Path:
    path = tmp_path / "demo.csv"
    columns = minute_bars(5 * 1440, 1)
    rows = np.column_stack(list(columns.values()))
    formats = ["%d", *["%.2f"] * 5]
    np.savetxt(path, rows, fmt=formats, delimiter=",", header=",".join(columns), comments="")
    return path


def test_it_begins_with_two_commands_that_make_knows() -> None:
    targets = re.findall(r"^    make (\w+)", README, re.MULTILINE)
    assert targets == ["demo", "test"]
    makefile = (PROJECT / "Makefile").read_text("utf-8")
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


def test_every_verb_is_shown() -> None:
    assert {command.split()[1] for command in COMMANDS} == {"check", "backtest", "explain", "schema", "indicators"}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_runs_as_it_is_written(command: str, demo_csv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    _, *arguments = shlex.split(command.replace("demo.csv", str(demo_csv)))
    result = run(*arguments)
    assert result.exit_code == 0, result.stderr
    assert result.stdout


def test_the_demonstration_prints_what_is_quoted() -> None:
    command = [sys.executable, "-m", "tradingd.examples.demo"]
    printed = subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.PIPE, text=True).stdout
    assert set(DEMO.splitlines()) <= set(printed.splitlines())


def test_the_explanation_is_what_is_quoted() -> None:
    printed = run("explain", PROJECT / "tradingd/examples/rsi_reversal.json").stdout
    assert set(EXPLAINED.splitlines()) <= set(printed.splitlines())


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)\)", README))))
def test_what_it_links_to_is_there(link: str) -> None:
    assert (PROJECT / link).exists()


def test_what_stands_elsewhere_too_is_the_same() -> None:
    [message] = [block for language, block in FENCED if language == "json"]
    assert message in (PROJECT / "docs/alerts.md").read_text("utf-8")
    [install] = [block for _, block in FENCED if block.startswith("python3 -m venv")]
    assert textwrap.indent(install, "    ") in (PROJECT / "docs/running.md").read_text("utf-8")


def test_it_is_short_and_says_what_it_is_not() -> None:
    assert len(README.splitlines()) <= 220
    assert "financial advice" in README
    assert "## What it does not do" in README
