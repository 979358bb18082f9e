"""Lists in the forms of Upstox and Binance; and what becomes of rows that are wrong."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.shared import shared
from tests.unit.adapters.masters.rows import OPTION, SHARE, binance, upstox, write, write_json
from tradingd.adapters.masters.reading import read
from tradingd.core.markets.contracts import Contracts
from tradingd.model.errors import DataError
from tradingd.model.instrument import InstrumentKind

if TYPE_CHECKING:
    from pathlib import Path


def test_a_row_of_upstox(tmp_path: Path) -> None:
    """Its tick is in paise, its expiry the last second of the day in India."""
    (option,) = read(write_json(tmp_path / "list.json.gz", [upstox()])).instruments
    assert (option.id, option.kind, option.token) == ("NFO:NIFTY 24300 CE 21 JUL 26", InstrumentKind.OPTION, "57352")
    assert (option.underlying, option.expiry, option.right) == ("NIFTY", dt.date(2026, 7, 21), "CE")
    numbers = (option.strike, option.tick_size, option.lot_size, option.multiplier, option.freeze_quantity)
    assert [str(n) for n in numbers] == ["24300", "0.05", "65", "1", "1755"]


def test_other_rows_of_upstox(tmp_path: Path) -> None:
    rows = [
        upstox(26000, segment="NSE_INDEX", instrument_type="INDEX", trading_symbol="NIFTY"),
        upstox(1, segment="NSE_EQ", instrument_type="EQ", trading_symbol="TCS", lot_size=1),
        upstox(2, segment="NSE_EQ", instrument_type="GS", trading_symbol="749RJ35"),
        upstox(3, segment="NSE_EQ", instrument_type="GS", trading_symbol="750RJ35"),
        upstox(4, segment="NCD_FO", instrument_type="FUT", trading_symbol="USDINR", tick_size=0.25),
    ]
    master = read(write_json(tmp_path / "list.json", rows))
    index, share, currency = master.instruments
    assert (index.id, index.kind, index.tradable) == ("NSE:NIFTY", InstrumentKind.INDEX, False)
    assert (share.id, share.kind, share.expiry, share.underlying) == ("NSE:TCS", InstrumentKind.EQUITY, None, "")
    assert (currency.exchange, currency.right, currency.strike, currency.tick_size) == (
        "CDS", "FUT", None, Decimal("0.0025"),
    )  # fmt: skip
    assert master.unread == {"NSE_EQ GS": 2}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"segment": "XYZ"}, "row 2: segment is 'XYZ'; it must be one of NSE_EQ, "),
        ({"trading_symbol": ""}, "row 2: trading_symbol is empty"),
        ({"tick_size": None}, "row 2: tick_size is missing; it is the price grid in paise"),
        ({"tick_size": -5.0}, "row 2: tick_size is '-0.05'; it must be a number, not below 0"),
        ({"lot_size": "many"}, "row 2: Invalid decimal string - at `$.lot_size` in {"),
        ({"strike_price": 0.0}, "row 2: strike_price is '0.0'; an option's is above 0"),
        ({"expiry": None}, "row 2: expiry is None; it must be an instant in ms since the epoch"),
        ({"expiry": 10**17}, "row 2: expiry is 100000000000000000; it must be an instant in ms since the epoch"),
        ({}, "row 2: NFO:NIFTY 24300 CE 21 JUL 26 stands on row 1 already; a symbol is listed once"),
        ({"trading_symbol": "X"}, "row 2: NFO:X has the token 57352, which is that of NFO:NIFTY 24300 CE 21 JUL 26"),
    ],
)
def test_a_wrong_row_of_upstox(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    path = write_json(tmp_path / "list.json", [upstox(), upstox(**changed)])
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: {message}")


def test_symbols_of_binance(tmp_path: Path) -> None:
    told = {"timezone": "UTC", "symbols": [binance(), binance(symbol="LUNAUSDT", status="BREAK")]}
    master = read(write_json(tmp_path / "exchangeInfo.json", told))
    (btc,) = master.instruments
    assert (btc.id, btc.kind) == ("BINANCE:BTCUSDT", InstrumentKind.SPOT)
    numbers = (btc.lot_size, btc.tick_size, btc.quantity_step, btc.freeze_quantity)
    assert [str(n) for n in numbers] == ["1", "0.01", "0.00001", "9000"]
    assert master.unread == {"status BREAK": 1}


def test_a_symbol_without_its_grid_is_wrong(tmp_path: Path) -> None:
    path = write_json(tmp_path / "x.json", {"symbols": [binance(filters=[{"filterType": "NOTIONAL"}])]})
    with pytest.raises(DataError, match="row 1: BTCUSDT has the filters NOTIONAL; it needs PRICE_FILTER and LOT_SIZE"):
        read(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"timezone": "UTC"}, "an object with the keys timezone; Binance's exchangeInfo has symbols"),
        ([], "there is no instrument in it"),
        ([upstox(segment="NSE_EQ", instrument_type="GS")], "there is no instrument in it"),
        (7, "no column exchange_token, "),
    ],
)
def test_what_is_no_list_is_refused(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(write_json(tmp_path / "list.json", content))


def test_a_few_wrong_rows_are_left_out_and_told(tmp_path: Path) -> None:
    path = write(tmp_path / "list.csv", SHARE, OPTION.replace("0.05", "cheap"), OPTION, OPTION.replace(",CE,", ",,"))
    master = read(path, faults_max=2)
    assert [i.symbol for i in master.instruments] == ["RELIANCE", "NIFTY25O2024550CE"]
    assert master.faults == [
        "line 3: tick_size is 'cheap'; it must be a number, not below 0",
        "line 5: instrument_type is ''; it must be EQ, FUT, CE or PE",
    ]


def test_too_many_wrong_rows_are_an_error_that_tells_the_first_and_the_last(tmp_path: Path) -> None:
    bad = OPTION.replace("0.05", "cheap")
    path = write(tmp_path / "list.csv", SHARE, bad, bad, bad)
    with pytest.raises(DataError, match=r"line 5: tick_size is .*; 2 rows before it are wrong too: line 3: tick_size"):
        read(path, faults_max=2)


def test_a_real_master_of_upstox() -> None:
    master = read(shared("data/instruments/upstox_nse_instruments_2026-07.json.gz"))
    assert len(master.instruments) + sum(master.unread.values()) == 88_196
    assert Counter(i.exchange for i in master.instruments) == {"NFO": 37_674, "NCO": 31_341, "CDS": 9_588, "NSE": 3_408}
    nifty = [i for i in master.instruments if i.underlying == "NIFTY"]
    assert len(nifty) == 1621
    assert {(i.lot_size, i.freeze_quantity) for i in nifty} == {(Decimal(65), Decimal(1755))}
    assert {i.tick_size for i in nifty if i.right != "FUT"} == {Decimal("0.05")}
    assert len(Contracts(master.instruments).families["NFO", "NIFTY"].options) == 18


def test_a_real_answer_of_binance() -> None:
    (btc,) = read(shared("data/crypto_ws/basana_binance_exchange_info.json")).instruments
    assert (btc.symbol, btc.tick_size, btc.quantity_step) == ("BTCUSDT", Decimal("0.01"), Decimal("0.00001"))
