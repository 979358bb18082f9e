"""Contracts on real lists that nobody here made: lots, expiries and strikes, and what the dated rules make of them."""

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
from tests.unit.core.markets.lists import choose, day, make_chain, refuse
from tradingd.adapters.masters.store import read_instruments
from tradingd.core.markets.contracts import Contracts, Refusal
from tradingd.core.markets.listing import RuledContracts, may_expire, unexpected
from tradingd.model.instrument import Instrument, InstrumentKind
from tradingd.model.trading import OptionChoice

INDICES = ("NIFTY", "BANKNIFTY", "FINNIFTY", "MIDCPNIFTY", "NIFTYNXT50")


# --- the exchange's end-of-day files -----------------------------------------------------------------------------


def bhavcopy(underlying: str, date: str) -> list[Instrument]:
    """Read the contracts of one underlying in a day's file of the NSE."""
    name = f"data/nse_options/udiff_bhavcopy/{underlying}_{date}.csv"
    path = shared(f"{name}.gz" if underlying == "NIFTY" else name)
    with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as file:
        return list(map(_from_bhavcopy, csv.DictReader(file)))


def _from_bhavcopy(row: dict[str, str]) -> Instrument:
    option = bool(row["OptnTp"])
    return Instrument(
        exchange="NFO",
        symbol=row["FinInstrmNm"],
        kind=InstrumentKind.OPTION if option else InstrumentKind.FUTURE,
        lot_size=Decimal(row["NewBrdLotQty"]),
        token=row["FinInstrmId"],
        underlying=row["TckrSymb"],
        expiry=dt.date.fromisoformat(row["XpryDt"]),
        strike=Decimal(row["StrkPric"]) if option else None,
        right=row["OptnTp"] or "FUT",
    )


def test_two_lots_of_one_underlying_coexist() -> None:
    """NIFTY on 1 January 2025: 75 in new series, 25 in the month's; BANKNIFTY 15 in the month's, 30 in the next."""
    contracts = Contracts(bhavcopy("NIFTY", "2025-01-01") + bhavcopy("BANKNIFTY", "2025-01-01"))
    for code, symbol, lot in (("W0", "NIFTY2510223750CE", 75), ("M0", "NIFTY25JAN23750CE", 25)):
        found = choose(contracts, f"{code} ATM CE", "NIFTY", 23_742.9, "01-Jan-2025")
        assert (found.symbol, found.lot_size) == (symbol, Decimal(lot))
    for code, lot in (("M0", 15), ("M1", 30)):
        assert choose(contracts, f"{code} ATM CE", "BANKNIFTY", 51_060.6, "01-Jan-2025").lot_size == lot


def test_a_month_s_contracts_were_re_dated_overnight() -> None:
    """BANKNIFTY at the end of 1 January 2025: from the last Wednesday to the last Thursday, under the same tokens."""
    after = Contracts(bhavcopy("BANKNIFTY", "2025-01-02"))
    moved = defaultdict(set)
    for held in bhavcopy("BANKNIFTY", "2025-01-01"):
        current = after.current(held, day("02-Jan-2025"))
        assert (current.symbol, current.token, current.lot_size) == (held.symbol, held.token, held.lot_size)
        moved[str(held.expiry)].add(str(current.expiry))
    assert moved["2025-01-29"] == {"2025-01-30"}
    assert moved["2025-02-26"] == {"2025-02-27"}
    assert moved["2025-12-31"] == {"2025-12-24"}


# --- lists of brokers ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def september_2025() -> list[Instrument]:
    return read_instruments(shared("data/instruments/kite_instruments_nfo_2025-09.csv.gz"))


@pytest.fixture(scope="module")
def july_2026() -> list[Instrument]:
    listed = read_instruments(shared("data/instruments/upstox_nse_instruments_2026-07.json.gz"))
    return [row for row in listed if row.exchange == "NFO"]


def test_the_expiries_of_september_2025(september_2025: list[Instrument]) -> None:
    contracts = Contracts(september_2025)
    answer = contracts.expiries(OptionChoice("W4", "ATM", "CE"), "NFO", "NIFTY", day("26-Sep-2025"))
    assert isinstance(answer, tuple)
    assert len(answer) == 18
    # Tuesdays, but for the 21st of October, a holiday.
    weeks = ["2025-09-30", "2025-10-07", "2025-10-14", "2025-10-20", "2025-10-28", "2025-11-04"]
    assert [str(date) for date in answer[:6]] == weeks
    expected = {
        "M0": "30-Sep-2025", "M1": "28-Oct-2025", "M2": "25-Nov-2025", "Q0": "30-Sep-2025", "Q1": "30-Dec-2025",
        "Y0": "30-Dec-2025", "Y1": "29-Dec-2026",
    }  # fmt: skip
    for code, expiry in expected.items():
        assert choose(contracts, f"{code} ATM PE", "NIFTY", 24_654.7, "26-Sep-2025").expiry == day(expiry)


def test_contracts_of_september_2025(september_2025: list[Instrument]) -> None:
    contracts = Contracts(september_2025)
    shifted = choose(contracts, "W3 ATM CE", "NIFTY", 24_654.7, "26-Sep-2025")
    assert (shifted.symbol, shifted.lot_size) == ("NIFTY25O2024650CE", Decimal(75))
    assert "no weekly series" in refuse(contracts, "W0 ATM CE", "BANKNIFTY", 54_389.35, "26-Sep-2025")
    bank = choose(contracts, "M0 OTM2 PE", "BANKNIFTY", 54_389.35, "26-Sep-2025")
    assert (bank.symbol, bank.lot_size) == ("BANKNIFTY25SEP54200PE", Decimal(35))
    future = choose(contracts, "M0 FUT", "NIFTY", 24_654.7, "26-Sep-2025")
    assert (future.symbol, future.tick_size, future.token) == ("NIFTY25SEPFUT", Decimal("0.1"), "53001")


def test_the_option_traded_on_15_july_2026(july_2026: list[Instrument]) -> None:
    """At the first minute's close, 24100.35, the week's 24300 call is four strikes out."""
    contract = choose(Contracts(july_2026), "W0 OTM4 CE", "NIFTY", 24_100.35, "15-Jul-2026")
    assert (contract.token, contract.strike, contract.expiry) == ("57352", Decimal(24_300), day("21-Jul-2026"))
    assert (contract.lot_size, contract.tick_size) == (Decimal(65), Decimal("0.05"))


def test_the_months_are_those_the_list_itself_calls_monthly(july_2026: list[Instrument]) -> None:
    """The list flags weekly contracts; resolution does not see the flag, nor symbols it could read."""
    with gzip.open(shared("data/instruments/upstox_nse_instruments_2026-07.json.gz")) as file:
        rows: list[dict[str, Any]] = json.load(file)
    weekly = {row["exchange_token"]: row["weekly"] for row in rows if row["segment"] == "NSE_FO"}
    flagged: dict[str, dict[bool, set[dt.date]]] = defaultdict(lambda: {False: set(), True: set()})
    for instrument in july_2026:
        assert instrument.expiry is not None
        if instrument.kind is InstrumentKind.OPTION:
            flagged[instrument.underlying][weekly[instrument.token]].add(instrument.expiry)
    assert sum(bool(flags[True]) for flags in flagged.values()) == 1  # NIFTY
    contracts = Contracts(july_2026)
    for underlying, flags in flagged.items():
        monthly = contracts.expiries(OptionChoice("M0", "ATM", "CE"), "NFO", underlying, day("15-Jul-2026"))
        assert monthly == tuple(sorted(flags[False])), underlying


# --- the dated rules beside them -----------------------------------------------------------------------------------


def series(contracts: Contracts, underlying: str, on: dt.date) -> dict[str, set[int]]:
    """Return the lots of the options on an index by their expiry."""
    family = contracts.family("NFO", underlying, on)
    assert not isinstance(family, Refusal), family
    ahead = [expiry for expiry in family.expiries("CE") if expiry >= on]
    return {str(e): {int(row.lot_size) for row in family.chain(e, "CE", Decimal(24_000)).values()} for e in ahead}


@pytest.mark.parametrize(
    ("on", "differing"),
    [
        # What the rules know of holidays that were announced later, and the list of holidays far ahead.
        ("2025-01-01", {"BANKNIFTY": {"2025-02-26": "2025-02-25"}}),
        ("2025-01-02", {}),
        ("2025-09-26", {
            "NIFTY": {"2026-03-31": "2026-03-30", "2029-12-24": "2029-12-25"},
            "BANKNIFTY": {"2026-03-31": "2026-03-30"},
        }),
        ("2026-07-15", {"NIFTY": {"2029-12-24": "2029-12-25"}}),
    ],
)  # fmt: skip
def test_the_rules_list_what_the_exchange_listed(
    on: str, differing: dict[str, dict[str, str]], request: pytest.FixtureRequest
) -> None:
    """Every series with its lot: 18 of NIFTY, weeks to half-years, and those of four other indices."""
    if on.startswith("2025-01"):
        indices: tuple[str, ...] = INDICES[:2]
        listed = bhavcopy("NIFTY", on) + bhavcopy("BANKNIFTY", on)
    else:
        indices = INDICES
        listed = request.getfixturevalue("september_2025" if on.startswith("2025") else "july_2026")
    date = dt.date.fromisoformat(on)
    for underlying in indices:
        expected = series(Contracts(listed), underlying, date)
        for theirs, ours in differing.get(underlying, {}).items():
            expected[ours] = expected.pop(theirs)
        assert series(RuledContracts((), may_expire()), underlying, date) == expected, underlying


def test_the_lots_of_14_november_2025_as_traded() -> None:
    """The quantity of each contract over the number of its lots, of all index options of a day."""
    ruled = RuledContracts((), may_expire())
    on = day("14-Nov-2025")
    known = {underlying: series(ruled, underlying, on) for underlying in INDICES}
    for underlying in INDICES[:2]:  # the last day of March 2026 was not yet known to be a holiday
        known[underlying]["2026-03-31"] = known[underlying].pop("2026-03-30")
    traded: dict[tuple[str, str], set[int]] = defaultdict(set)
    with gzip.open(shared("data/nse_options/eod_2025-11-14/op14112025.csv.gz"), "rt", newline="") as file:
        for row in csv.reader(file):
            if row[0].strip() == "OPTIDX" and int(row[11]):
                expiry = dt.datetime.strptime(row[2].strip(), "%d/%m/%Y").replace(tzinfo=dt.UTC).date()
                traded[row[1].strip(), str(expiry)].add(int(row[10]) // int(row[11]))
    assert len(traded) == 22
    assert {key: known[key[0]].get(key[1]) for key in traded} == traded
    assert {lot for (name, _), lots in traded.items() if name == "NIFTY" for lot in lots} == {65, 75}


def test_a_real_list_is_as_expected_but_for_a_holiday_that_came_later(september_2025: list[Instrument]) -> None:
    told = list(unexpected(Contracts(september_2025), day("26-Sep-2025"), may_expire()))
    assert told == [
        "BANKNIFTY: the list has an expiry on 2026-03-31 where the rules have 2026-03-30; the list is right"
    ]


# --- what the market says is at the money --------------------------------------------------------------------------


def at_the_money(quotes: dict[Decimal, tuple[Decimal, Decimal]]) -> tuple[Decimal, Decimal]:
    """Return the strike whose call and put cost most nearly the same, and the price of the index that this implies."""
    strike = min(quotes, key=lambda strike: abs(quotes[strike][0] - quotes[strike][1]))
    call, put = quotes[strike]
    return strike, strike + call - put


def test_at_the_money_is_where_call_and_put_cost_the_same_in_april_2020() -> None:
    quotes = {}
    with shared("data/nse_options/NIFTY_option_chain_website_csv_2020-04.csv").open(newline="") as file:
        rows = [row for row in csv.reader(file) if row[11:12] and row[11].replace(".", "").isdigit()]
    for row in rows:
        call, put = (row[at].replace(",", "") for at in (5, 17))
        if "-" not in (call, put):
            quotes[Decimal(row[11])] = Decimal(call), Decimal(put)
    strikes = [float(row[11]) for row in rows]
    expected, forward = at_the_money(quotes)
    contracts = Contracts(make_chain("NIFTY", "16-Apr-2020", strikes))
    for right in ("CE", "PE"):
        assert choose(contracts, f"M0 ATM {right}", "NIFTY", forward, "09-Apr-2020").strike == expected


def test_at_the_money_is_where_call_and_put_settled_the_same_on_1_january_2025() -> None:
    settled: dict[Decimal, dict[str, Decimal]] = defaultdict(dict)
    with gzip.open(shared("data/nse_options/udiff_bhavcopy/NIFTY_2025-01-01.csv.gz"), "rt", newline="") as file:
        for row in csv.DictReader(file):
            if row["XpryDt"] == "2025-01-02" and row["OptnTp"]:
                settled[Decimal(row["StrkPric"])][row["OptnTp"]] = Decimal(row["SttlmPric"])
    expected, forward = at_the_money({strike: (both["CE"], both["PE"]) for strike, both in settled.items()})
    contracts = Contracts(bhavcopy("NIFTY", "2025-01-01"))
    assert choose(contracts, "W0 ATM PE", "NIFTY", forward, "01-Jan-2025").strike == expected
