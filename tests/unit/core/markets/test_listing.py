"""Contracts made by the dated rules: which there are on a day, with which lots and strikes."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from tests.unit.core.markets.lists import answer_to, choose, day, make_chain, make_future, refuse
from tradingd.core.markets.contracts import Refusal
from tradingd.core.markets.listing import RuledContracts, may_expire, rule_chain, unexpected
from tradingd.model.instrument import Instrument, InstrumentKind

RULED = RuledContracts((), may_expire())


def chain(underlying: str, on: str, spot: float, segment: str = "NFO") -> list[Instrument]:
    found = rule_chain(underlying, day(on), Decimal(str(spot)), lambda date: may_expire()(segment, date))
    assert not isinstance(found, Refusal)
    return found


def weeks(underlying: str, on: str, segment: str = "NFO") -> list[str]:
    """Return the expiries that W0 to W4 stand for."""
    found = [choose(RULED, f"W{k} ATM CE", underlying, 50_000, on, segment).expiry for k in range(5)]
    return [f"{date:%d-%b}" for date in found if date is not None]


@pytest.mark.parametrize(
    ("underlying", "on", "expected"),
    [
        ("NIFTY", "29-Oct-2024", ["31-Oct", "07-Nov", "14-Nov", "21-Nov", "28-Nov"]),
        ("NIFTY", "28-Aug-2025", ["28-Aug", "04-Sep", "11-Sep", "18-Sep", "25-Sep"]),
        ("NIFTY", "29-Aug-2025", ["02-Sep", "09-Sep", "16-Sep", "23-Sep", "30-Sep"]),  # re-dated overnight
        ("NIFTY", "14-Oct-2025", ["14-Oct", "20-Oct", "28-Oct", "04-Nov", "11-Nov"]),  # Muhurat is no trading day
        ("NIFTY", "13-Apr-2026", ["13-Apr", "21-Apr", "28-Apr", "05-May", "12-May"]),
        ("BANKNIFTY", "01-Sep-2023", ["07-Sep", "14-Sep", "21-Sep", "28-Sep", "05-Oct"]),
        ("BANKNIFTY", "04-Sep-2023", ["06-Sep", "13-Sep", "20-Sep", "28-Sep", "04-Oct"]),  # the month's Thursday
        ("BANKNIFTY", "29-Jan-2024", ["31-Jan", "07-Feb", "14-Feb", "21-Feb", "29-Feb"]),
    ],
)
def test_weeks_by_era(underlying: str, on: str, expected: list[str]) -> None:
    assert weeks(underlying, on) == expected


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        ("02-Jan-2025", ["03-Jan", "07-Jan", "14-Jan", "21-Jan", "28-Jan"]),  # the last Friday, then Tuesdays
        ("25-Sep-2025", ["25-Sep", "01-Oct", "09-Oct", "16-Oct", "23-Oct"]),
        ("22-Dec-2025", ["24-Dec", "01-Jan", "08-Jan", "14-Jan", "22-Jan"]),
    ],
)
def test_weeks_of_sensex(on: str, expected: list[str]) -> None:
    assert weeks("SENSEX", on, "BFO") == expected


@pytest.mark.parametrize(
    ("underlying", "last", "after"),
    [
        ("BANKNIFTY", "13-Nov-2024", "14-Nov-2024"),
        ("FINNIFTY", "19-Nov-2024", "20-Nov-2024"),
        ("MIDCPNIFTY", "18-Nov-2024", "19-Nov-2024"),
    ],
)
def test_weekly_series_ended_in_november_2024(underlying: str, last: str, after: str) -> None:
    assert choose(RULED, "W0 ATM CE", underlying, 50_000, last).expiry == day(last)
    assert "no weekly series" in refuse(RULED, "W0 ATM CE", underlying, 50_000, after)


@pytest.mark.parametrize(
    ("code", "on", "symbol", "lot"),
    [
        ("W0 ATM CE", "29-Jul-2021", "NIFTY21JUL24500CE", 50),  # the month's, while the weeks of July had 75
        ("W1 ATM CE", "15-Jul-2021", "NIFTY2172224500CE", 75),
        ("W1 ATM CE", "29-Jul-2021", "NIFTY2180524500CE", 50),
        ("W0 ATM CE", "25-Apr-2024", "NIFTY24APR24500CE", 50),
        ("W1 ATM CE", "25-Apr-2024", "NIFTY2450224500CE", 25),
        ("W0 ATM CE", "19-Dec-2024", "NIFTY24D1924500CE", 25),
        ("W1 ATM CE", "27-Dec-2024", "NIFTY2510924500CE", 75),
        ("M0 ATM CE", "27-Dec-2024", "NIFTY25JAN24500CE", 25),
        ("M1 ATM CE", "27-Dec-2024", "NIFTY25FEB24500CE", 75),
        ("M2 FUT", "27-Dec-2024", "NIFTY25MARFUT", 75),
        ("M0 ATM CE", "30-Dec-2025", "NIFTY25DEC24500CE", 75),
        ("W0 ATM CE", "31-Dec-2025", "NIFTY2610624500CE", 65),
        ("Q1 ATM PE", "30-Dec-2025", "NIFTY26MAR24000PE", 75),
        ("Q0 ATM PE", "31-Dec-2025", "NIFTY26MAR24500PE", 65),  # one of the nearest months by then
    ],
)
def test_lots_go_by_contract(code: str, on: str, symbol: str, lot: int) -> None:
    contract = choose(RULED, code, "NIFTY", 24_500, on)
    assert (contract.symbol, contract.lot_size, contract.quantity_step) == (symbol, Decimal(lot), Decimal(lot))


def test_the_lot_of_a_long_contract_changes_overnight() -> None:
    for on, lot in (("26-Dec-2024", 25), ("27-Dec-2024", 75), ("30-Dec-2025", 75), ("31-Dec-2025", 65)):
        assert choose(RULED, "Y1 ATM CE", "NIFTY", 24_000, on).lot_size == lot


def test_strikes_lie_about_the_price_and_wider_in_long_contracts() -> None:
    near, far = (answer_to(RULED, f"{code} ATM CE", "NIFTY", 24_512.35, "02-Sep-2025") for code in ("W0", "Y1"))
    assert not isinstance(near, Refusal)
    assert not isinstance(far, Refusal)
    assert [int(near.strikes[k]) for k in (0, 1, -1)] == [22_100, 22_150, 26_950]
    assert {b - a for a, b in zip(far.strikes, far.strikes[1:], strict=False)} == {1000}


def test_a_chain_has_every_contract_once() -> None:
    found = chain("NIFTY", "02-Sep-2025", 24_512.35)
    assert len({i.id for i in found}) == len(found)
    assert {i.kind for i in found} == {InstrumentKind.FUTURE, InstrumentKind.OPTION}
    assert len({i.expiry for i in found if i.kind is InstrumentKind.OPTION}) == 4 + 3 + 3 + 8
    assert len([i for i in found if i.kind is InstrumentKind.FUTURE]) == 3
    assert {i.tick_size for i in found if i.right != "FUT"} == {Decimal("0.05")}


@pytest.mark.parametrize(
    ("on", "spot", "tick"),
    [
        ("11-Apr-2025", 24_500, "0.05"),
        ("15-Apr-2025", 15_000, "0.05"),
        ("15-Apr-2025", 24_500, "0.10"),
        ("15-Apr-2025", 30_000.05, "0.20"),
    ],
)
def test_the_tick_of_futures_goes_by_the_index(on: str, spot: float, tick: str) -> None:
    assert choose(RULED, "M0 FUT", "NIFTY", spot, on).tick_size == Decimal(tick)


def test_where_there_is_no_rule_there_is_no_contract() -> None:
    assert "begin on 2019-02-11; 2018-05-02 needs an instrument list" in refuse(
        RULED, "M0 FUT", "NIFTY", 10_700, "02-May-2018"
    )
    assert "NFO lists no contracts of RELIANCE" in refuse(RULED, "M0 FUT", "RELIANCE", 2500, "02-May-2025")
    assert "BFO lists no contracts of NIFTY" in refuse(RULED, "M0 FUT", "NIFTY", 24_500, "02-May-2025", "BFO")
    assert isinstance(rule_chain("RELIANCE", day("02-May-2025"), Decimal(1), lambda _: True), Refusal)


def test_a_list_wins_over_the_rules() -> None:
    listed = make_chain("NIFTY", "03-Sep-2025", [24_500], "25903", lot=7)
    contracts = RuledContracts(listed, may_expire())
    found = choose(contracts, "W0 ATM CE", "NIFTY", 24_500, "02-Sep-2025")
    assert (found.expiry, found.lot_size) == (day("03-Sep-2025"), Decimal(7))
    assert choose(contracts, "M0 ATM CE", "BANKNIFTY", 54_000, "02-Sep-2025").expiry == day("30-Sep-2025")
    assert (contracts.segments("NIFTY"), contracts.segments("SENSEX"), contracts.segments("X")) == (
        ["NFO"],
        ["BFO"],
        [],
    )


def test_what_a_list_has_otherwise_is_told() -> None:
    listed = [
        *make_chain("NIFTY", "02-Sep-2025", [24_500], "25902", lot=75),
        *make_chain("NIFTY", "08-Sep-2025", [24_500], "25908", lot=75),
        *make_chain("NIFTY", "16-Sep-2025", [24_500], "25916", lot=50),
        make_future("NIFTY", "30-Sep-2025"),
        *make_chain("ACME", "16-Sep-2025", [100]),
    ]
    told = list(unexpected(RuledContracts(listed, may_expire()), day("01-Sep-2025"), may_expire()))
    assert told == [
        "NIFTY: the list has an expiry on 2025-09-08 where the rules have 2025-09-09; the list is right",
        "NIFTY 2025-09-16: the list's lot is 50 where the rules' is 75; the list is right",
    ]


def test_beyond_the_days_known_every_weekday_is_taken_for_one_of_trading() -> None:
    """Otherwise a contract of next year would seem to end this year."""
    assert choose(RULED, "Y1 ATM CE", "NIFTY", 24_000, "20-Nov-2026").expiry == dt.date(2027, 12, 28)
