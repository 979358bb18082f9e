from __future__ import annotations

import datetime as dt
import gzip
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tests.unit.adapters.masters.rows import FUTURE, INDEX, OPTION, SHARE, binance, upstox, write, write_json
from tradingd.adapters.masters.reading import read
from tradingd.adapters.masters.store import Store, read_instruments
from tradingd.model.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from tradingd.model.instrument import Instrument

MONDAY, TUESDAY, WEDNESDAY = (dt.date(2026, 7, day) for day in (13, 14, 15))


@pytest.fixture
def listed(tmp_path: Path) -> list[Instrument]:
    kite = read(write(tmp_path / "kite.csv", OPTION, FUTURE, SHARE, INDEX)).instruments
    other = read(write_json(tmp_path / "upstox.json", [upstox(qty_multiplier=1000.0)])).instruments
    return kite + other + read(write_json(tmp_path / "binance.json", {"symbols": [binance()]})).instruments


def test_what_is_kept_reads_back_to_the_last_digit(tmp_path: Path, listed: list[Instrument]) -> None:
    store = Store(tmp_path / "kept")
    files = store.write(MONDAY, listed)
    assert [file.relative_to(tmp_path).as_posix() for file in files] == [
        f"kept/2026-07-13/{exchange}.csv.gz" for exchange in ("BINANCE", "NFO", "NSE")
    ]
    found = store.read()
    assert sorted(map(repr, found.instruments)) == sorted(map(repr, listed))
    assert found.dates == dict.fromkeys(("BINANCE", "NFO", "NSE"), MONDAY)


def test_a_list_taken_from_the_store_is_a_list(tmp_path: Path, listed: list[Instrument]) -> None:
    Store(tmp_path / "kept").write(MONDAY, listed)
    assert read_instruments(tmp_path / "kept/2026-07-13/BINANCE.csv.gz")[0].quantity_step == Decimal("0.00001")


def test_equal_lists_are_equal_bytes(tmp_path: Path, listed: list[Instrument]) -> None:
    one, other = (Store(tmp_path / name).write(MONDAY, listed) for name in ("one", "other"))
    assert [file.read_bytes() for file in one] == [file.read_bytes() for file in other]


def test_each_exchange_has_its_last_list_not_after_the_day(tmp_path: Path, listed: list[Instrument]) -> None:
    store = Store(tmp_path / "kept")
    store.write(MONDAY, [i for i in listed if i.exchange != "BINANCE"])
    store.write(WEDNESDAY, [i for i in listed if i.exchange == "NFO"])
    assert store.read(MONDAY - dt.timedelta(days=1)).instruments == []
    assert store.read(TUESDAY).dates == {"NFO": MONDAY, "NSE": MONDAY}
    assert store.read(WEDNESDAY).dates == store.read().dates == {"NFO": WEDNESDAY, "NSE": MONDAY}
    assert store.dates() == [MONDAY, WEDNESDAY]
    assert store.dates("NSE") == [MONDAY]
    before = store.before(WEDNESDAY, "NFO")
    assert before is not None
    assert (before[0], len(before[1])) == (MONDAY, 3)
    assert store.before(MONDAY, "NFO") is None


def test_a_day_that_is_loaded_again_has_the_new_list(tmp_path: Path, listed: list[Instrument]) -> None:
    store = Store(tmp_path / "kept")
    store.write(MONDAY, listed)
    store.write(MONDAY, [i for i in listed if i.right == "FUT"])
    found = store.read().instruments
    assert [i.right for i in found if i.exchange == "NFO"] == ["FUT"]
    assert len(found) == 4  # with those of the other exchanges


def test_other_files_are_none_of_ours(tmp_path: Path, listed: list[Instrument]) -> None:
    store = Store(tmp_path / "kept")
    store.write(MONDAY, listed)
    for name in ("notes-10-10/NFO.csv.gz", "2026-07-14/readme.txt"):
        path = tmp_path / "kept" / name
        path.parent.mkdir()
        path.write_text("x")
    assert store.dates() == [MONDAY]


def test_a_folder_stands_for_its_newest_lists(tmp_path: Path, listed: list[Instrument]) -> None:
    store = Store(tmp_path / "kept")
    store.write(MONDAY, listed)
    store.write(WEDNESDAY, [i for i in listed if i.right == "FUT"])
    assert read_instruments(tmp_path / "kept") == store.read().instruments


def test_an_empty_folder_says_how_to_fill_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no instrument list in it; `tradingd instruments load FILE --store"):
        read_instruments(tmp_path)


def test_a_list_that_was_damaged_is_named(tmp_path: Path, listed: list[Instrument]) -> None:
    store = Store(tmp_path / "kept")
    (file, *_) = store.write(MONDAY, listed)
    file.write_bytes(gzip.compress(gzip.decompress(file.read_bytes()).replace(b"spot", b"spit")))
    with pytest.raises(DataError, match=r"BINANCE.csv.gz: line 2: kind is 'spit'; it must be one of equity, "):
        store.read()


def test_a_store_that_cannot_be_written_is_named(tmp_path: Path, listed: list[Instrument]) -> None:
    (tmp_path / "kept").write_text("a file")
    with pytest.raises(DataError, match=r"kept: .*; instrument lists are kept in a folder that can be written to"):
        Store(tmp_path / "kept").write(MONDAY, listed)
