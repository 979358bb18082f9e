"""Contract facts that nobody here computed: dated cases of the exchanges, and real instrument lists."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import json
from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest

from tests.shared import shared
from tests.unit.core.markets.lists import choose, day, make_chain, make_future, refuse
from tradingd.adapters.feeds.masters import read_instruments
from tradingd.core.markets.contracts import Contracts
from tradingd.model.instrument import Instrument, InstrumentKind
from tradingd.model.trading import OptionChoice

IST = dt.timezone(dt.timedelta(hours=5, minutes=30))
MONTHS_ABOUT_GURU_NANAK_2026 = Contracts(
    make_chain("NIFTY", "23-Nov-2026", [26_000], "26NOV")
    + make_chain("NIFTY", "01-Dec-2026", [26_000], "26D01")
    + make_chain("NIFTY", "08-Dec-2026", [26_000], "26D08")
    + make_chain("NIFTY", "29-Dec-2026", [26_000], "26DEC")
    + [make_future("NIFTY", "23-Nov-2026"), make_future("NIFTY", "29-Dec-2026")]
)


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        # A Monday, the 24th being a holiday: the week's contract is the month's, and expires today.
        ("23-Nov-2026", {"W0": "23-Nov-2026", "M0": "23-Nov-2026", "W1": "01-Dec-2026", "M1": "29-Dec-2026"}),
        ("24-Nov-2026", {"W0": "01-Dec-2026"}),
        # Between the monthly expiry and the end of its month there is still a monthly to come.
        ("25-Nov-2026", {"W0": "01-Dec-2026", "W1": "08-Dec-2026", "M0": "29-Dec-2026"}),
    ],
)
def test_weeks_and_months_about_a_shifted_monthly_expiry(on: str, expected: dict[str, str]) -> None:
    found = {
        code: choose(MONTHS_ABOUT_GURU_NANAK_2026, f"{code} ATM CE", "NIFTY", 26_000.0, on).expiry for code in expected
    }
    assert found == {code: day(date) for code, date in expected.items()}


def test_a_monthly_expiry_shifted_to_monday_is_the_week_and_the_month() -> None:
    contracts = Contracts(
        make_chain("NIFTY", "30-Mar-2026", [23_000], "26MAR") + make_chain("NIFTY", "07-Apr-2026", [23_000], "26407")
    )
    for code in ("W0", "M0"):
        assert choose(contracts, f"{code} ATM PE", "NIFTY", 23_000, "30-Mar-2026").expiry == day("30-Mar-2026")


def test_the_list_wins_over_the_weekday_rule() -> None:
    """SENSEX, 15 Jan 2026: a holiday announced late moved the expiry to the 14th."""
    contracts = Contracts(
        make_chain("SENSEX", "14-Jan-2026", [84_000], "26114", exchange="BFO")
        + make_chain("SENSEX", "29-Jan-2026", [84_000], "26JAN", exchange="BFO")
    )
    assert choose(contracts, "W0 ATM CE", "SENSEX", 84_000, "13-Jan-2026", "BFO").expiry == day("14-Jan-2026")


def test_a_weekly_after_the_months_own_expiry_is_not_monthly() -> None:
    """BANKNIFTY in January 2024: monthly on the 25th, a weekly on the 31st."""
    contracts = Contracts(
        make_chain("BANKNIFTY", "31-Jan-2024", [45_500], "24131")
        + make_chain("BANKNIFTY", "07-Feb-2024", [45_500], "24207")
        + make_chain("BANKNIFTY", "29-Feb-2024", [45_500], "24FEB")
        + [make_future("BANKNIFTY", "29-Feb-2024")]
    )
    assert choose(contracts, "W0 ATM CE", "BANKNIFTY", 45_442.35, "29-Jan-2024").expiry == day("31-Jan-2024")
    assert choose(contracts, "M0 ATM CE", "BANKNIFTY", 45_442.35, "29-Jan-2024").expiry == day("29-Feb-2024")


def test_banknifty_has_no_weekly_series_in_2026() -> None:
    contracts = Contracts(
        make_chain("BANKNIFTY", "27-Jan-2026", [59_000], "26JAN")
        + make_chain("BANKNIFTY", "24-Feb-2026", [59_000], "26FEB")
        + [make_future("BANKNIFTY", "27-Jan-2026"), make_future("BANKNIFTY", "24-Feb-2026")]
    )
    assert "no weekly series" in refuse(contracts, "W0 ATM CE", "BANKNIFTY", 59_000, "05-Jan-2026")
    assert choose(contracts, "M0 ATM CE", "BANKNIFTY", 59_000, "05-Jan-2026").expiry == day("27-Jan-2026")


def test_a_day_of_2024_has_the_lot_and_symbol_of_2024() -> None:
    contracts = Contracts(
        make_chain("NIFTY", "01-Aug-2024", [24_950, 25_000], "24801", lot=25)
        + make_chain("NIFTY", "29-Aug-2024", [24_950, 25_000], "24AUG", lot=25)
        + make_chain("NIFTY", "01-Aug-2024", [24_500], "24801", lot=25)
    )
    contract = choose(contracts, "W0 ITM2 CE", "NIFTY", 25_010.9, "01-Aug-2024")
    assert (contract.symbol, contract.lot_size, contract.expiry) == (
        "NIFTY2480124500CE",
        Decimal(25),
        day("01-Aug-2024"),
    )


def test_a_december_weekly_is_found_by_its_fields() -> None:
    contracts = Contracts(
        make_chain("NIFTY", "17-Dec-2020", [13_550, 13_600], "20D17")
        + make_chain("NIFTY", "31-Dec-2020", [13_600], "20DEC")
    )
    assert choose(contracts, "W0 ATM CE", "NIFTY", 13_590.0, "16-Dec-2020").symbol == "NIFTY20D1713600CE"


@pytest.mark.parametrize(
    ("spot", "code", "strike"),
    [
        (24512.35, "ATM CE", 24500),
        (24512.35, "ITM2 CE", 24400),
        (24512.35, "OTM1 CE", 24550),
        (24512.35, "ITM1 PE", 24550),
        (24512.35, "OTM2 PE", 24400),
        (24525.00, "ATM CE", 24500),  # half-way: the lower, for calls and puts alike
        (24525.00, "ATM PE", 24500),
        (24575.00, "ATM CE", 24550),
        (Decimal("24575.05"), "ATM CE", 24600),
    ],
)
def test_strikes_are_counted_from_the_nearest(spot: Decimal | float, code: str, strike: int) -> None:
    contracts = Contracts(make_chain("NIFTY", "30-Sep-2025", range(24_000, 25_001, 50), "25SEP"))
    assert choose(contracts, f"M0 {code}", "NIFTY", spot, "26-Sep-2025").strike == strike


def test_a_missing_strike_is_stepped_over() -> None:
    contracts = Contracts(make_chain("NIFTY", "30-Sep-2025", [24_400, 24_450, 24_550, 24_600], "25SEP"))
    assert choose(contracts, "M0 ATM CE", "NIFTY", 24500.0, "26-Sep-2025").strike == 24_450
    assert choose(contracts, "M0 OTM1 CE", "NIFTY", 24500.0, "26-Sep-2025").strike == 24_550


def test_an_offset_out_of_range_is_refused() -> None:
    contracts = Contracts(make_chain("NIFTY", "30-Sep-2025", range(24_000, 25_001, 50), "25SEP"))
    assert "ITM60" in refuse(contracts, "M0 ITM60 CE", "NIFTY", 24512.35, "26-Sep-2025")
    assert "10 strikes below it" in refuse(contracts, "M0 ITM11 CE", "NIFTY", 24512.35, "26-Sep-2025")


def test_gold_is_not_its_smaller_contracts() -> None:
    contracts = Contracts(
        [
            make_future("GOLDM", "04-Sep-2026", exchange="MCX"),
            make_future("GOLDPETAL", "31-Aug-2026", exchange="MCX"),
            make_future("GOLD", "05-Oct-2026", exchange="MCX"),
            make_future("GOLD", "04-Dec-2026", exchange="MCX"),
        ]
    )
    contract = choose(contracts, "M0 FUT", "GOLD", 120_000, "20-Aug-2026", "MCX")
    assert (contract.underlying, contract.expiry) == ("GOLD", day("05-Oct-2026"))


# ------------------------------------------------------------------ real lists


def test_two_lots_of_one_underlying_coexist() -> None:
    """NIFTY on 1 Jan 2025: 75 in new series, 25 in the month's."""
    path = shared("data/nse_options/udiff_bhavcopy/NIFTY_2025-01-01.csv.gz")
    with gzip.open(path, "rt", newline="") as file:
        contracts = Contracts(_from_bhavcopy(row) for row in csv.DictReader(file))
    week = choose(contracts, "W0 ATM CE", "NIFTY", 23_742.9, "01-Jan-2025")
    month = choose(contracts, "M0 ATM CE", "NIFTY", 23_742.9, "01-Jan-2025")
    assert (week.symbol, week.lot_size) == ("NIFTY2510223750CE", Decimal(75))
    assert (month.symbol, month.lot_size) == ("NIFTY25JAN23750CE", Decimal(25))


def _from_bhavcopy(row: dict[str, str]) -> Instrument:
    option = bool(row["OptnTp"])
    return Instrument(
        exchange="NFO",
        symbol=row["FinInstrmNm"],
        kind=InstrumentKind.OPTION if option else InstrumentKind.FUTURE,
        lot_size=Decimal(row["NewBrdLotQty"]),
        underlying=row["TckrSymb"],
        expiry=dt.date.fromisoformat(row["XpryDt"]),
        strike=Decimal(row["StrkPric"]) if option else None,
        right=row["OptnTp"] or "FUT",
    )


@pytest.fixture(scope="module")
def september_2025() -> list[Instrument]:
    return read_instruments(shared("data/instruments/kite_instruments_nfo_2025-09.csv.gz"))


def test_the_expiries_of_september_2025(september_2025: list[Instrument]) -> None:
    contracts = Contracts(september_2025)
    answer = contracts.expiries(OptionChoice("W4", "ATM", "CE"), "NFO", "NIFTY", day("26-Sep-2025"))
    assert isinstance(answer, tuple)
    assert len(answer) == 18
    # Tuesdays, but for the 21st of October, a holiday.
    weeks = ["2025-09-30", "2025-10-07", "2025-10-14", "2025-10-20", "2025-10-28", "2025-11-04"]
    assert [str(date) for date in answer[:6]] == weeks
    months = [choose(contracts, f"M{k} ATM PE", "NIFTY", 24_654.7, "26-Sep-2025").expiry for k in range(3)]
    assert months == [day("30-Sep-2025"), day("28-Oct-2025"), day("25-Nov-2025")]


def test_contracts_of_september_2025(september_2025: list[Instrument]) -> None:
    contracts = Contracts(september_2025)
    shifted = choose(contracts, "W3 ATM CE", "NIFTY", 24_654.7, "26-Sep-2025")
    assert (shifted.symbol, shifted.lot_size) == ("NIFTY25O2024650CE", Decimal(75))
    assert "no weekly series" in refuse(contracts, "W0 ATM CE", "BANKNIFTY", 54_389.35, "26-Sep-2025")
    bank = choose(contracts, "M0 OTM2 PE", "BANKNIFTY", 54_389.35, "26-Sep-2025")
    assert (bank.symbol, bank.lot_size) == ("BANKNIFTY25SEP54200PE", Decimal(35))
    future = choose(contracts, "M0 FUT", "NIFTY", 24_654.7, "26-Sep-2025")
    assert (future.symbol, future.tick_size, future.token) == ("NIFTY25SEPFUT", Decimal("0.1"), "53001")


@pytest.fixture(scope="module")
def july_2026() -> list[dict[str, Any]]:
    with gzip.open(shared("data/instruments/upstox_nse_instruments_2026-07.json.gz")) as file:
        rows = json.load(file)
    return [row for row in rows if row["segment"] == "NSE_FO"]


def _from_upstox(row: dict[str, Any]) -> Instrument:
    """Expiry is in ms since the epoch, the tick in paise."""
    option = row["instrument_type"] != "FUT"
    return Instrument(
        exchange="NFO",
        symbol=row["trading_symbol"],
        kind=InstrumentKind.OPTION if option else InstrumentKind.FUTURE,
        tick_size=Decimal(str(row["tick_size"])) / 100,
        lot_size=Decimal(row["lot_size"]),
        token=row["exchange_token"],
        underlying=row["underlying_symbol"],
        expiry=dt.datetime.fromtimestamp(row["expiry"] / 1000, IST).date(),
        strike=Decimal(str(row["strike_price"])) if option else None,
        right=row["instrument_type"],
    )


def test_the_option_traded_on_15_july_2026(july_2026: list[dict[str, Any]]) -> None:
    """At the first minute's close, 24100.35, the week's 24300 call is four strikes out."""
    contracts = Contracts(map(_from_upstox, july_2026))
    contract = choose(contracts, "W0 OTM4 CE", "NIFTY", 24_100.35, "15-Jul-2026")
    assert (contract.token, contract.strike, contract.expiry) == ("57352", Decimal(24_300), day("21-Jul-2026"))
    assert (contract.lot_size, contract.tick_size) == (Decimal(65), Decimal("0.05"))


def test_the_months_are_those_the_list_itself_calls_monthly(july_2026: list[dict[str, Any]]) -> None:
    """The list flags weekly contracts; resolution does not see the flag, nor symbols it could read."""
    instruments = list(map(_from_upstox, july_2026))
    contracts = Contracts(instruments)
    flagged: dict[str, dict[bool, set[dt.date]]] = defaultdict(lambda: {False: set(), True: set()})
    for row, instrument in zip(july_2026, instruments, strict=True):
        assert instrument.expiry is not None
        if instrument.kind is InstrumentKind.OPTION:
            flagged[instrument.underlying][row["weekly"]].add(instrument.expiry)
    assert sum(bool(flags[True]) for flags in flagged.values()) == 1  # NIFTY
    for underlying, flags in flagged.items():
        monthly = contracts.expiries(OptionChoice("M0", "ATM", "CE"), "NFO", underlying, day("15-Jul-2026"))
        assert monthly == tuple(sorted(flags[False])), underlying
