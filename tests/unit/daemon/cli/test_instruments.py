from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

import pytest

from tests.unit.adapters.masters.rows import FUTURE, OPTION, SHARE, upstox, write, write_json
from tests.unit.daemon.cli.runs import run

if TYPE_CHECKING:
    from pathlib import Path

NIFTY = ("resolve", "NIFTY")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Two days' lists of calls that end on 21 July 2026; overnight the lot has moved and a strike has gone."""
    for date, lot, strikes in (("2026-07-14", 75, (24_250, 24_300, 24_350)), ("2026-07-15", 65, (24_250, 24_300))):
        rows = [
            upstox(57_000 + n, trading_symbol=f"NIFTY {strike} CE", strike_price=float(strike), lot_size=lot)
            for n, strike in enumerate(strikes)
        ]
        run("instruments", "load", write_json(tmp_path / "x.json", rows), "--date", date, "--store", tmp_path / "kept")
    return tmp_path / "kept"


def test_load_tells_what_is_kept_and_what_is_wrong(tmp_path: Path) -> None:
    path = write(tmp_path / "list.csv", OPTION, OPTION.replace("0.05", "cheap"), FUTURE, SHARE)
    told = run("instruments", "load", path, "--date", "2025-09-26", "--store", tmp_path / "kept")
    assert told.exit_code == 0
    assert "NFO: 2 instruments on 2025-09-26\nNSE: 1 instruments on 2025-09-26\n" in told.stdout
    assert "left out, wrong: line 3: tick_size is 'cheap'; it must be a number, not below 0" in told.stdout
    assert "in doubt: NFO NIFTY: no option ends after 2025-10-20; a list has two expiries at least" in told.stdout
    assert "in doubt: NIFTY: the list has an expiry on 2025-10-20 where the rules have 2025-09-30" in told.stdout
    assert {p.name for p in (tmp_path / "kept/2025-09-26").iterdir()} == {"NFO.csv.gz", "NSE.csv.gz"}


def test_load_tells_what_changed_since_the_day_before(tmp_path: Path, store: Path) -> None:
    rows = [upstox(57_001, trading_symbol="NIFTY 24300 CE", strike_price=24_300.0, freeze_quantity=1800.0)]
    path = write_json(tmp_path / "next.json.gz", rows)
    told = run("instruments", "load", path, "--date", "2026-07-16", "--store", store).stdout
    assert "NFO since 2026-07-15: 0 new, 0 expired, 1 gone before their expiry, 1 changes\n" in told
    assert "  NIFTY 2026-07-21: freeze_quantity 1755 -> 1800 (1)\n  NIFTY 2026-07-21: gone (1)\n" in told


def test_load_as_json(tmp_path: Path, store: Path) -> None:
    path = write_json(tmp_path / "next.json", [upstox(1), upstox(2, segment="NSE_EQ", instrument_type="GS")])
    told = json.loads(run("instruments", "load", path, "--date", "2026-07-16", "--store", store, "--json").stdout)
    assert (told["date"], told["instruments"], told["unread"]) == ("2026-07-16", {"NFO": 1}, {"NSE_EQ GS": 1})
    assert told["changes"][0]["new"] == ["NFO:NIFTY 24300 CE 21 JUL 26"]
    assert told["changes"][0]["gone"] == ["NFO:NIFTY 24250 CE", "NFO:NIFTY 24300 CE"]


def test_load_without_a_date_is_of_today(tmp_path: Path) -> None:
    told = run("instruments", "load", write(tmp_path / "x.csv", SHARE), "--store", tmp_path / "kept", "--json")
    (folder,) = (tmp_path / "kept").iterdir()
    assert folder.name == json.loads(told.stdout)["date"]
    assert dt.date.fromisoformat(folder.name) >= dt.date(2026, 7, 1)


def test_what_is_no_list_is_refused(tmp_path: Path) -> None:
    told = run("instruments", "load", write(tmp_path / "x.csv", SHARE, header="a,b"), "--store", tmp_path / "kept")
    assert told.exit_code == 1
    assert "line 1: no column exchange_token" in told.stderr
    assert not (tmp_path / "kept").exists()


def test_show_a_contract_on_a_day(store: Path) -> None:
    for name in ("NIFTY 24300 CE", "NFO:NIFTY 24300 CE", "57001"):
        told = run("instruments", "show", name, "--date", "2026-07-14", "--store", store).stdout
        assert told.startswith("NFO:NIFTY 24300 CE\n")
        assert "    lot_size        75\n" in told
    newest = json.loads(run("instruments", "show", "57001", "--store", store, "--json").stdout)
    assert newest["lists"] == {"NFO": "2026-07-15"}
    assert newest["instruments"][0]["lot_size"] == "65"


def test_show_an_underlying(store: Path) -> None:
    told = run("instruments", "show", "NIFTY", "--store", store).stdout
    assert told == "NFO 2026-07-21: lot 65, 2 strikes 24250 to 24300\n"


def test_what_is_not_listed_is_said(store: Path) -> None:
    told = run("instruments", "show", "GOLD", "--store", store)
    assert told.exit_code == 1
    assert 'GOLD is on none of these lists: {"NFO": "2026-07-15"}' in told.stderr


def test_resolve_on_a_list(store: Path) -> None:
    asked = ("W0", "OTM1", "CE", "--spot", "24262.35", "--date", "2026-07-15", "--store", store)
    told = run("instruments", *NIFTY, *asked)
    assert "no weekly series" in told.stdout  # one expiry, the last of its month as far as this list knows
    assert told.exit_code == 1
    answer = run("instruments", *NIFTY, "M0", *asked[1:]).stdout
    assert answer.startswith("NFO:NIFTY 24300 CE\n    expires 2026-07-21, lot 65, tick 0.05, token 57001\n")
    assert "chosen as M0 OTM1 CE of NIFTY at 24262.35 on 2026-07-15, from the list of 2026-07-15" in answer
    assert "strikes: 2 of them, 24250 to 24300; 24250 is at the money" in answer


def test_resolve_by_premium(store: Path) -> None:
    prices = ("--price", "24250=120.5", "--price", "24300=98", "--premium", "100")
    told = run(
        "instruments", *NIFTY, "M0", "premium", "CE", "--spot", "24262", "--date", "2026-07-15", *prices,
        "--store", store, "--json",
    )  # fmt: skip
    answer = json.loads(told.stdout)
    assert (answer["choice"], answer["instrument"]) == ("M0 premium 100 CE", "NFO:NIFTY 24300 CE")
    assert answer["quotes"] == {"24250": "120.5", "24300": "98.0"}


def test_resolve_by_the_dated_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where there is no list
    told = run("instruments", *NIFTY, "W1", "ATM", "CE", "--spot", "24466.85", "--date", "2024-10-29")
    assert told.stdout.startswith("NFO:NIFTY24N0724450CE\n    expires 2024-11-07, lot 25, tick 0.05\n")
    assert "from the dated rules; no list has it" in told.stdout


@pytest.mark.parametrize(
    ("at", "date", "expiry"),
    [
        ("2026-11-23T10:00", "2026-11-23", "2026-11-23"),
        ("2026-11-23T16:00", "2026-11-25", "2026-12-01"),  # the session is over, and the 24th is a holiday
        ("2026-11-24T10:00", "2026-11-25", "2026-12-01"),
    ],
)
def test_a_time_stands_for_its_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str, date: str, expiry: str
) -> None:
    monkeypatch.chdir(tmp_path)
    told = run("instruments", *NIFTY, "W0", "ATM", "CE", "--spot", "26000", "--at", at, "--json")
    answer = json.loads(told.stdout)
    assert (answer["date"], answer["expiry"]) == (date, expiry)


def test_a_refusal_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    asked = ("resolve", "BANKNIFTY", "W0", "ATM", "CE", "--spot", "59000", "--date", "2026-01-05")
    told = run("instruments", *asked)
    assert told.exit_code == 1
    assert told.stdout == (
        "W0 ATM CE of BANKNIFTY on 2026-01-05: refused: W0: BANKNIFTY has no weekly series of CE; "
        "M0 is the nearest month\n"
    )
    assert json.loads(run("instruments", *asked, "--json").stdout)["refused"].startswith("W0: BANKNIFTY")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("NIFTY", "M0", "FUT", "--spot", "1"), "say which day"),
        (("NIFTY", "M0", "FUT", "--spot", "high", "--date", "2026-07-15"), "--spot has 'high', which is no number"),
        (("ACME", "M0", "FUT", "--spot", "1", "--date", "2026-07-15"), "ACME is nowhere listed"),
    ],
)
def test_wrong_usage_says_what_would_be_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    told = run("instruments", "resolve", *asked)
    assert told.exit_code == 2
    assert message in told.stderr
