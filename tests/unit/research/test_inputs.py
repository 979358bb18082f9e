"""What a request may say, what is refused with what would be right, and what is assumed and told."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.research.requests import backtest, bars, file, once, ticks
from tradingd.core.settings import CoreSettings, SimulationSettings
from tradingd.model.errors import ConfigError, DataError
from tradingd.model.instrument import Instrument
from tradingd.model.market import HOUR, Timeframe

if TYPE_CHECKING:
    from pathlib import Path

OHLC = "timestamp,open,high,low,close"


@pytest.fixture
def minutes(tmp_path: Path) -> Path:
    """Six minutes of one morning in January; the prices rise by one a minute from 101."""
    rows = [(f"2024-01-02T09:{15 + i}:00", *[101 + i] * 4) for i in range(6)]
    return file(tmp_path / "minutes.csv", OHLC, rows)


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    """A tick every half minute of the same morning."""
    rows = [(f"2024-01-02T09:{15 + i // 2}:{i % 2 * 30:02}", 101 + i) for i in range(12)]
    return file(tmp_path / "prices.csv", "timestamp,price", rows)


def refused(message: str, error: type[Exception], *asked: Any, **more: Any) -> None:
    with pytest.raises(error, match=re.escape(message)):
        backtest(*asked, **more)


def entered(*asked: Any, **more: Any) -> str | None:
    """Return when the position was opened."""
    return backtest(*asked, **more).positions_open[0]["entry_time"]


# --- whose data ----------------------------------------------------------------------------------------------


def test_the_exchange_is_that_of_the_strategy(minutes: Path) -> None:
    assert entered(once(exchange="NSE"), bars("XYZ", minutes)) == "2024-01-02T09:16:00+05:30"
    assert entered(once(exchange="SIM"), bars("XYZ", minutes)) == "2024-01-02T09:16:00+00:00"


def test_the_exchange_of_other_symbols_is_that_of_the_list(minutes: Path, prices: Path) -> None:
    listed = [Instrument("BSE", "OTHER")]
    result = backtest(once(), bars("XYZ", minutes), ticks("OTHER", prices), instruments=listed)
    assert (result.bars, result.ticks) == (6, 12)


def test_a_symbol_nobody_knows_needs_its_exchange(minutes: Path, prices: Path) -> None:
    refused(
        f"OTHER is the symbol of no strategy and on no instrument list; name its exchange, as NSE:OTHER={prices}",
        ConfigError, once(), bars("XYZ", minutes), ticks("OTHER", prices),
    )  # fmt: skip
    assert backtest(once(), bars("XYZ", minutes), ticks("OTHER", prices, exchange="NSE")).ticks == 12


def test_a_symbol_of_two_exchanges_needs_one(minutes: Path) -> None:
    documents = [once(exchange="NSE", name="a"), once(exchange="BSE", name="b")]
    refused(
        f"XYZ is on BSE and NSE; name its exchange, as BSE:XYZ={minutes}", ConfigError, documents, bars("XYZ", minutes)
    )


def test_an_exchange_nobody_knows(minutes: Path) -> None:
    refused("'NES' is not known; did you mean NSE?", ConfigError, once(), bars("XYZ", minutes, exchange="NES"))


def test_what_a_strategy_reads_must_be_there(minutes: Path) -> None:
    message = "strategy once reads SIM:ABC, for which there are no data; give --bars ABC=FILE or --ticks ABC=FILE"
    refused(message, ConfigError, once("ABC"), bars("XYZ", minutes, exchange="SIM"))


def test_an_instrument_has_one_file(minutes: Path, prices: Path) -> None:
    message = f"{minutes} and {prices} are both data of SIM:XYZ; give one file of bars or of ticks"
    refused(message, ConfigError, once(), bars("XYZ", minutes), ticks("XYZ", prices))


def test_there_must_be_a_strategy_and_each_has_its_own_id(minutes: Path) -> None:
    refused("there is no strategy to run", ConfigError, [], bars("XYZ", minutes, exchange="SIM"))
    refused("several strategies have the id once", ConfigError, [once(), once()], bars("XYZ", minutes))


def test_a_symbol_on_no_list_is_told_with_what_it_is_taken_for(minutes: Path, prices: Path) -> None:
    data = bars("XYZ", minutes), ticks("OTHER", prices, exchange="NSE")
    note = "on no instrument list, so taken with NSE's default tick 0.05 and lot 1: OTHER"
    assert note in backtest(once(), *data).notes
    listed = [Instrument("SIM", "XYZ", quantity_step=Decimal("0.01")), Instrument("NSE", "OTHER")]
    assert backtest(once(), *data, instruments=listed).notes == ()


# --- which bars ----------------------------------------------------------------------------------------------


def test_larger_bars_are_made_of_the_files(minutes: Path) -> None:
    assert entered(once(timeframe="3m", exchange="NSE"), bars("XYZ", minutes)) == "2024-01-02T09:18:00+05:30"
    assert backtest(once(timeframe="1d"), bars("XYZ", minutes)).bars == 6


def test_smaller_or_crooked_ones_cannot_be(minutes: Path, tmp_path: Path) -> None:
    message = (
        "strategy once reads bars of 1m, which cannot be made of bars of 1h; give smaller ones, "
        f"or state their timeframe as XYZ:1m={minutes}"
    )
    hours = [(f"2024-01-02T{hour:02}:00:00", *[101] * 4) for hour in range(4)]
    refused(message.replace(str(minutes), str(path := file(tmp_path / "hours.csv", OHLC, hours))),
            DataError, once(), bars("XYZ", path))  # fmt: skip
    refused("smaller ones", DataError, once(timeframe="90m"), bars("XYZ", path, timeframe=Timeframe(HOUR)))


def test_resting_orders_inside_bars_are_a_guess_that_can_be_refused(minutes: Path, prices: Path) -> None:
    strict = CoreSettings(simulation=SimulationSettings(intrabar="strict"))
    limit = once(orderType="limit", limitPrice=90)
    refused("strategy once, node buy: its orders rest", ConfigError, limit, bars("XYZ", minutes), settings=strict)
    assert backtest(limit, ticks("XYZ", prices), settings=strict).trades == []
    assert any(note.startswith("intrabar: synthetic") for note in backtest(limit, bars("XYZ", minutes)).notes)
    assert backtest(once(), bars("XYZ", minutes), settings=strict).positions_open


# --- from when to when ---------------------------------------------------------------------------------------


def test_trading_starts_with_the_first_bar_that_opens_at_the_start(minutes: Path) -> None:
    data = bars("XYZ", minutes)
    assert entered(once(exchange="NSE"), data, start="2024-01-02T09:17") == "2024-01-02T09:18:00+05:30"
    assert entered(once(exchange="NSE"), data, start="2024-01-02T09:16:30") == "2024-01-02T09:18:00+05:30"
    assert entered(once(exchange="NSE"), data, start="2024-01-02") == "2024-01-02T09:16:00+05:30"


@pytest.mark.parametrize(
    ("end", "left"),
    [
        ("2024-01-02", 6),
        ("2024-01-02T09:18", 3),
        ("2024-01-02T03:48Z", 3),
        ("2024-01-02T09:17:01", 3),
        ("1704167220", 2),
    ],
)
def test_an_end_that_is_a_date_is_included_and_an_instant_is_not(minutes: Path, end: str, left: int) -> None:
    assert backtest(once(exchange="NSE"), bars("XYZ", minutes), end=end).bars == left


def test_ticks_end_with_the_first_that_is_over(prices: Path) -> None:
    assert backtest(once(), ticks("XYZ", prices), end="2024-01-02T09:16:30").ticks == 3


def test_a_timezone_reads_stamps_start_and_end(minutes: Path) -> None:
    more = {"timezone": "Asia/Kolkata", "start": "2024-01-02T09:16", "end": "2024-01-02T09:19"}
    result = backtest(once(exchange="SIM"), bars("XYZ", minutes), **more)
    assert (result.bars, result.positions_open[0]["entry_time"]) == (4, "2024-01-02T03:47:00+00:00")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"timezone": "Asia/Calcuta"}, "timezone 'Asia/Calcuta' is not known; write a name as Asia/Kolkata or UTC"),
        ({"timezone": "../etc"}, "timezone '../etc' is not known"),
        ({"start": "yesterday"}, "start: 'yesterday' is not a time"),
        ({"end": "2024-13-01"}, "end: '2024-13-01' is not a time"),
        ({"start": "2024-01-03", "end": "2024-01-02"}, "end 2024-01-02 is not after start 2024-01-03"),
    ],
    ids=str,
)
def test_times_that_cannot_be_meant(minutes: Path, more: dict[str, str], message: str) -> None:
    refused(message, ConfigError, once(), bars("XYZ", minutes), **more)


def test_data_outside_of_start_and_end_are_no_data(minutes: Path) -> None:
    refused(
        "no row of the data is at or after the start, 2025", DataError, once(), bars("XYZ", minutes), start="2025-01-01"
    )
    refused("no row of the data is before the end, 2023", DataError, once(), bars("XYZ", minutes), end="2023-12-31")


# --- what is told --------------------------------------------------------------------------------------------


def test_ignored_columns_and_skipped_rows_are_told(tmp_path: Path) -> None:
    rows = [("2024-01-02 09:15", 101, 5, "x"), ("2024-01-02 09:16", -1, 5, "x"), ("2024-01-02 09:17", 103, 5, "x")]
    path = file(tmp_path / "odd.csv", "timestamp,price,oi,flag", rows)
    refused(f"{path}:3: price '-1' must be above zero", DataError, once(), ticks("XYZ", path))
    notes = backtest(once(), ticks("XYZ", path), skip_bad_rows=True).notes
    assert notes[1:] == ("odd.csv: not read: oi, flag", "odd.csv: 1 bad rows were skipped")


def test_volume_can_be_said_to_be_cumulative(tmp_path: Path) -> None:
    rows = [(f"2024-01-02 09:15:{i:02}", 101, volume) for i, volume in enumerate([10, 20, 15, 30])]
    path = file(tmp_path / "v.csv", "timestamp,price,volume", rows)
    assert backtest(once(), ticks("XYZ", path)).anomalies.volume_decreases == 0
    assert backtest(once(), ticks("XYZ", path), volume="cumulative").anomalies.volume_decreases == 1
