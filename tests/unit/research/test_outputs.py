"""The folder of a run: six files, of which each says the same as the result."""

from __future__ import annotations

import csv
import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from tests.unit.research.requests import UNLIMITED, backtest, bars, file, once, reversal
from tradingd.model.errors import ConfigError, DataError

if TYPE_CHECKING:
    from pathlib import Path

    from tradingd.research.backtest import Result

FILES = ["commands.jsonl", "equity.csv", "ledger.csv", "result.json", "trades.csv", "trace.jsonl"]


@pytest.fixture
def zigzag(tmp_path: Path) -> Path:
    """Three hundred minutes that go up and down."""
    prices = [100 + (i % 40 if i % 80 < 40 else 40 - i % 40) * 0.25 for i in range(300)]
    rows = [(1_704_067_200 + 60 * i, p, p + 0.1, p - 0.1, p) for i, p in enumerate(prices)]
    return file(tmp_path / "zigzag.csv", "timestamp,open,high,low,close", rows)


def ran(zigzag: Path, out: Path) -> Result:
    return backtest(reversal(), bars("XYZ", zigzag), settings=UNLIMITED, out=out)


def names(folder: Path) -> list[str]:
    return sorted((path.name for path in folder.iterdir()), key=str.casefold)


def test_the_files_say_what_the_result_says(zigzag: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    result = ran(zigzag, out)
    assert names(out) == sorted(FILES)
    assert json.loads((out / "result.json").read_bytes()) == result.as_dict()
    assert len(result.trades) > 2
    with (out / "trades.csv").open() as trades:
        assert list(csv.DictReader(trades)) == result.trades
    with (out / "ledger.csv").open() as ledger:
        rows = list(csv.DictReader(ledger))
    assert len(rows) == 2 * len(result.trades) + len(result.positions_open)
    assert {row["item"] for row in rows} == {"fill"}
    cash = 1_000_000 + sum(float(row["amount"]) for row in rows)
    assert float(rows[-1]["balance"]) == pytest.approx(cash)
    commands = (out / "commands.jsonl").read_bytes()
    assert hashlib.sha256(commands).hexdigest() == result.decisions_sha256
    with (out / "equity.csv").open() as equity:
        marks = list(csv.DictReader(equity))
    assert len(marks) == result.bars == 300
    assert marks[-1] == {
        "time": "2024-01-01T05:00:00+00:00",
        "equity": str(round(result.curve.equity[-1], 8)),
        "held": str(result.curve.held[-1]),
    }


def test_every_order_points_at_the_record_that_caused_it(zigzag: Path, tmp_path: Path) -> None:
    ran(zigzag, tmp_path / "out")
    records = [json.loads(line) for line in (tmp_path / "out" / "trace.jsonl").read_text().splitlines()]
    assert [record["number"] for record in records] == list(range(1, len(records) + 1))
    first = next(record for record in records if record["kind"] == "signal")
    assert (first["node"], first["data"]["signal_triggered"], first["leaves"][0]["truth"]) == ("low", True, True)
    assert first["time"].endswith("+00:00")


def test_a_folder_in_use_keeps_its_other_files_and_a_failed_run_leaves_the_last(zigzag: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = ran(zigzag, out)
    (out / "notes.txt").write_text("mine")
    kept = {path.name: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(DataError):
        backtest(reversal(timeframe="30s"), bars("XYZ", zigzag), out=out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == kept
    backtest(once(), bars("XYZ", zigzag), out=out)
    assert sorted(path.name for path in out.iterdir()) == sorted([*FILES, "notes.txt"])
    assert json.loads((out / "result.json").read_bytes())["execution_id"] != result.execution_id


def test_a_folder_that_cannot_be_is_refused(zigzag: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(ConfigError, match="out: cannot be written to: File exists"):
        ran(zigzag, tmp_path / "out")
    assert (tmp_path / "out").read_text() == "a file"
