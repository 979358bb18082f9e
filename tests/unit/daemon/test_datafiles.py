"""What `data.files` names: patterns, symbols in names, and every way to get it wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tradingd.daemon import desired
from tradingd.daemon.datafiles import examine, files_of
from tradingd.daemon.settings import DataSettings, StoredData
from tradingd.model.errors import ConfigError
from tradingd.model.market import Timeframe

if TYPE_CHECKING:
    from pathlib import Path

TICKS = "timestamp,price\n1735776000000,1\n"
BARS = "timestamp,open,high,low,close\n1735776000000,1,1,1,1\n"


def entries(*rows: StoredData) -> DataSettings:
    return DataSettings(files=rows)


def ticks(path: str, symbol: str = "", exchange: str = "") -> StoredData:
    return StoredData(path=path, symbol=symbol, kind="ticks", exchange=exchange)


def write(folder: Path, *names: str, content: str = TICKS) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, "utf-8")


def named(folder: Path, *rows: StoredData) -> list[tuple[str, str]]:
    """The symbols and files, which are found good."""
    assert examine(entries(*rows), folder, "own.toml") == []
    return [(file.symbol, str(file.path.relative_to(folder))) for file in files_of(entries(*rows), folder)]


def faults(folder: Path, *rows: StoredData) -> list[tuple[str, str]]:
    """Where something is wrong, and what; nothing is read then."""
    return [(finding.pointer, finding.message) for finding in examine(entries(*rows), folder, "own.toml")]


# --- patterns ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "symbol", "expected"),
    [
        ("a/{symbol}.csv", "", [("M&M", "a/M&M.csv"), ("NIFTY 50", "a/NIFTY 50.csv")]),
        ("./a/{symbol}.csv", "M&M", [("M&M", "a/M&M.csv")]),
        ("*/{symbol}-t.csv", "", [("X", "b/X-t.csv"), ("X-Y", "c/X-Y-t.csv")]),
        ("{symbol}/{symbol}.csv", "", [("Z", "Z/Z.csv")]),
        ("?/X-t.*", "X", [("X", "b/X-t.csv")]),
        ("c[1]/x.csv", "X", [("X", "c[1]/x.csv")]),
        ("{symbol}/*.csv", "Z", [("Z", "Z/Z.csv")]),
    ],
)
def test_a_pattern_names_files_and_their_symbols(
    tmp_path: Path, path: str, symbol: str, expected: list[tuple[str, str]]
) -> None:
    folder = tmp_path / "of [all] {things}"
    write(folder, "a/NIFTY 50.csv", "a/M&M.csv", "b/X-t.csv", "c/X-Y-t.csv", "Z/Z.csv", "Y/Z2.csv", "c[1]/x.csv")
    assert named(folder, ticks(path, symbol)) == expected


def test_an_absolute_path_is_itself(tmp_path: Path) -> None:
    write(tmp_path, "x.csv")
    [file] = files_of(entries(ticks(f"{tmp_path}/{{symbol}}.csv")), tmp_path / "elsewhere")
    assert (file.symbol, file.path) == ("x", tmp_path / "x.csv")


def test_a_file_that_comes_later_is_there(tmp_path: Path) -> None:
    write(tmp_path, "a.csv")
    assert named(tmp_path, ticks("{symbol}.csv")) == [("a", "a.csv")]
    write(tmp_path, "b.csv")
    assert named(tmp_path, ticks("{symbol}.csv")) == [("a", "a.csv"), ("b", "b.csv")]


def test_timeframe_and_exchange_are_read(tmp_path: Path) -> None:
    write(tmp_path, "x.csv", content=BARS)
    [file] = files_of(entries(StoredData(path="x.csv", symbol="X", timeframe="5MIN", exchange="NSE")), tmp_path)
    assert (file.timeframe, file.exchange) == (Timeframe.parse("5m"), "NSE")


# --- what is wrong -----------------------------------------------------------------------------------------------


def test_every_fault_is_told_with_its_place_and_value(tmp_path: Path) -> None:
    write(tmp_path, "good.csv", content=BARS)
    good = StoredData(path="good.csv", symbol="X")
    bad = StoredData(path="none/*.csv", symbol="Y", timeframe="5x", exchange="NSEE")
    told = faults(tmp_path, good, bad)
    assert [pointer for pointer, _ in told] == [f"/data/files/1/{key}" for key in ("timeframe", "exchange", "path")]
    timeframe, exchange, path = (message for _, message in told)
    assert timeframe.startswith("data.files[1].timeframe = \"5x\" (own.toml): timeframe '5x' is not a width; write")
    assert exchange.startswith("data.files[1].exchange = \"NSEE\" (own.toml): exchange 'NSEE' is not known; did you")
    assert path.startswith('data.files[1].path = "none/*.csv" (own.toml): there is no such file; it is looked for')
    assert path.endswith(f"{tmp_path}/none/*.csv")
    with pytest.raises(ConfigError, match="NSEE"):
        files_of(entries(good, bad), tmp_path)


def test_a_start_and_a_reload_refuse_what_check_refuses(tmp_path: Path) -> None:
    write(tmp_path, "x.csv")
    path = tmp_path / "own.toml"
    path.write_text('[data]\nfiles = [{path = "x.csv", symbol = "X"}, {path = "y.csv", symbol = "Y"}]\n', "utf-8")
    with pytest.raises(ConfigError) as refused:
        desired.read(path, {}, ())
    lines = str(refused.value).splitlines()
    assert [line.partition(" = ")[0] for line in lines] == ["data.files[1].path", "data.files[0].path"]
    write(tmp_path, "x.csv", "y.csv", content=BARS)
    assert desired.read(path, {}, ()).documents == ()


@pytest.mark.parametrize(
    ("row", "key", "told"),
    [
        (StoredData(path="x.csv"), "path", "write {symbol} where the path has it"),
        (StoredData(path="", symbol="X"), "path", "it is empty"),
        (StoredData(path="folder", symbol="X"), "path", "there is no such file"),
        (StoredData(path="x.csv", symbol="X", kind="ticks", timeframe="1m"), "timeframe", "ticks have none"),
        (StoredData(path="x.csv", symbol="X"), "path", "x.csv: no column open, high, low, close; bars need"),
        (StoredData(path="empty.csv", symbol="X"), "path", "the first line must name the columns"),
    ],
)
def test_an_entry_that_cannot_be_meant(tmp_path: Path, row: StoredData, key: str, told: str) -> None:
    write(tmp_path, "x.csv", "folder/y.csv")
    write(tmp_path, "empty.csv", content="")
    [(pointer, message)] = faults(tmp_path, row)
    assert pointer == f"/data/files/0/{key}"
    assert told in message


@pytest.mark.parametrize(
    "rows",
    [
        [ticks("*/{symbol}.csv")],
        [ticks("*/X.csv", "X")],
        [ticks("a/X.csv", "X"), ticks("b/{symbol}.csv")],
        [ticks("a/X.csv", "X", "NSE"), ticks("b/X.csv", "X")],
    ],
)
def test_two_files_of_one_symbol_and_kind_are_both_named(tmp_path: Path, rows: list[StoredData]) -> None:
    write(tmp_path, "a/X.csv", "b/X.csv")
    [(pointer, message)] = faults(tmp_path, *rows)
    assert pointer == f"/data/files/{len(rows) - 1}/path"
    assert f"{tmp_path}/a/X.csv (data.files[0]) and {tmp_path}/b/X.csv are both ticks of X" in message


def test_what_differs_in_exchange_kind_or_timeframe_is_not_the_same(tmp_path: Path) -> None:
    write(tmp_path, "x.csv")
    write(tmp_path, "bars.csv", content=BARS)
    rows = (
        ticks("x.csv", "X", "NSE"),
        ticks("x.csv", "X", "BSE"),
        StoredData(path="bars.csv", symbol="X", timeframe="1m"),
        StoredData(path="bars.csv", symbol="X", timeframe="1d"),
    )
    assert len(named(tmp_path, *rows)) == 4
