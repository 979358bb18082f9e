from __future__ import annotations

import datetime as dt
import gzip
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tests.shared import shared
from tests.unit.adapters.masters.rows import FUTURE, HEADER, INDEX, OPTION, SHARE, write
from tradingd.adapters.masters.store import read_instruments
from tradingd.model.errors import DataError
from tradingd.model.instrument import InstrumentKind

if TYPE_CHECKING:
    from pathlib import Path


def test_rows_become_instruments(tmp_path: Path) -> None:
    option, future, share, index = read_instruments(write(tmp_path / "list.csv", OPTION, FUTURE, SHARE, INDEX))
    assert (option.id, option.kind, option.token) == ("NFO:NIFTY25O2024550CE", InstrumentKind.OPTION, "46955")
    assert (option.underlying, option.expiry, option.strike) == ("NIFTY", dt.date(2025, 10, 20), Decimal(24550))
    assert (option.right, option.lot_size, option.tick_size) == ("CE", Decimal(75), Decimal("0.05"))
    assert (future.kind, future.right, future.strike, future.underlying) == (
        InstrumentKind.FUTURE,
        "FUT",
        None,
        "NIFTY",
    )
    assert (share.kind, share.exchange, share.underlying, share.expiry) == (InstrumentKind.EQUITY, "NSE", "", None)
    assert (index.kind, index.tradable, index.lot_size) == (InstrumentKind.INDEX, False, Decimal(1))


def test_a_quantity_moves_in_whole_lots(tmp_path: Path) -> None:
    assert read_instruments(write(tmp_path / "list.csv", FUTURE))[0].quantity_step == 75


def test_equal_numbers_print_alike(tmp_path: Path) -> None:
    (option,) = read_instruments(write(tmp_path / "list.csv", OPTION.replace("0.05,75", "0.050,75.0")))
    assert [str(n) for n in (option.strike, option.tick_size, option.lot_size)] == ["24550", "0.05", "75"]


def test_column_names_are_case_blind_in_any_order_among_others(tmp_path: Path) -> None:
    names, values = HEADER.split(","), SHARE.split(",")
    header = ",".join([" Remark", *(name.upper() for name in reversed(names))])
    path = write(tmp_path / "list.csv", ",".join(["seen", *reversed(values)]), "", header=header)
    assert read_instruments(path) == read_instruments(write(tmp_path / "plain.csv", SHARE))


def test_a_compressed_list_reads_the_same(tmp_path: Path) -> None:
    plain = write(tmp_path / "list.csv", OPTION, SHARE)
    packed = tmp_path / "list.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert read_instruments(packed) == read_instruments(plain)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (OPTION.replace("2025-10-20", "20/10/2025"), "line 3: expiry is '20/10/2025'; it must be a date as 2025-09-30"),
        (OPTION.replace("24550.0", "0.0"), "line 3: strike is '0.0'; an option's is above 0"),
        (
            OPTION.replace("OPT,NFO", "OPT,../NFO"),
            "line 3: exchange is '../NFO'; it must be capitals and digits, as NFO",
        ),
        (SHARE.replace(",RELIANCE,", ",RIL,"), "line 3: NSE:RIL has the token 2885, which is that of NSE:RELIANCE"),
        (OPTION.replace("24550.0", "high"), "line 3: strike is 'high'; it must be a number, not below 0"),
        (OPTION.replace(",75,", ",-75,"), "line 3: lot_size is '-75'; it must be a number, not below 0"),
        (OPTION.replace(",75,", ",0,"), "line 3: NFO:NIFTY25O2024550CE: lot_size is 0; it must be a positive number"),
        (OPTION.replace("0.05", "nan"), "line 3: tick_size is 'nan'"),
        (OPTION.replace("CE,NFO-OPT", "XX,NFO-OPT"), "line 3: instrument_type is 'XX'; it must be EQ, FUT, CE or PE"),
        (OPTION.replace("NIFTY25O2024550CE", ""), "line 3: tradingsymbol is empty"),
        (OPTION.replace("NIFTY25O2024550CE,NIFTY", "NIFTY24550,"), "line 3: name is empty, and 'NIFTY24550' does not"),
        (OPTION + ",more", "line 3: 13 fields; the header has 12"),
        (SHARE, "line 3: NSE:RELIANCE stands on line 2 already"),
    ],
)
def test_a_wrong_row_is_an_error_with_line_and_value(tmp_path: Path, row: str, message: str) -> None:
    path = write(tmp_path / "list.csv", SHARE, row)
    with pytest.raises(DataError) as caught:
        read_instruments(path)
    assert str(caught.value).startswith(f"{path}: {message}")


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    header = HEADER.replace(",lot_size", "").replace(",segment", "")
    with pytest.raises(DataError, match="line 1: no column lot_size, segment; needed are"):
        read_instruments(write(tmp_path / "list.csv", header=header))


@pytest.mark.parametrize("name", ["absent.csv", "broken.csv.gz", "cut.csv.gz", "latin.csv"])
def test_a_file_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "broken.csv.gz":
        path.write_bytes(b"not gzip")
    elif name == "cut.csv.gz":
        path.write_bytes(gzip.compress(HEADER.encode() * 100)[:-20])
    elif name == "latin.csv":
        path.write_bytes(HEADER.encode() + b"\n\xff\xfe")
    with pytest.raises(DataError, match=name):
        read_instruments(path)


def test_a_real_list_of_one_segment() -> None:
    instruments = read_instruments(shared("data/instruments/kite_instruments_nfo_2025-09.csv.gz"))
    assert len({i.token for i in instruments}) == len(instruments) == 32_504
    assert Counter(i.right for i in instruments) == {"PE": 15_972, "CE": 15_892, "FUT": 640}
    assert Counter(i.underlying for i in instruments)["NIFTY"] == 1527
    assert Counter(i.underlying for i in instruments)["BANKNIFTY"] == 924
    assert {i.lot_size for i in instruments if i.underlying == "NIFTY"} == {75}
    assert {i.lot_size for i in instruments if i.underlying == "BANKNIFTY"} == {35}


def test_an_old_list_without_names_says_the_underlying_by_its_symbols() -> None:
    instruments = read_instruments(shared("data/kite_mocks/instruments_all.csv"))
    assert len(instruments) == 99
    options = {i.symbol: i.underlying for i in instruments if i.kind is InstrumentKind.OPTION}
    assert len(options) == 25
    assert options["BANKNIFTY18JAN23500CE"] == "BANKNIFTY"
    assert options["ADANIPORTS17DEC490PE"] == "ADANIPORTS"
    assert len(read_instruments(shared("data/kite_mocks/instruments_nse.csv"))) == 99
