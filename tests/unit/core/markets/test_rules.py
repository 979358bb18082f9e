"""Every row of the data files of rules is dated in order, sourced, and asks for what the code can answer."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import get_args, get_type_hints

import pytest

from tradingd.core.markets import charges, margin, order_rules
from tradingd.core.markets.rules import row, tables
from tradingd.core.markets.sessions import market
from tradingd.core.settings import ChargeSettings
from tradingd.model.instrument import InstrumentKind
from tradingd.model.trading import OrderType, Product, Side

FILES = (charges.FILE, margin.FILE, order_rules.FILE)
ASKED: dict[str, set[str]] = {
    "kind": set(InstrumentKind),
    "product": set(Product),
    "side": set(Side),
    "type": set(OrderType),
    "plan": set(get_args(get_type_hints(ChargeSettings)["plan"])),
    "liquidity": {"maker", "taker"},
}


@pytest.mark.parametrize("file", FILES)
def test_every_row_names_its_source_and_rows_follow_one_another_in_time(file: str) -> None:
    for name, entries in tables(file).items():
        for entry in entries:
            dates = [given.get("valid_from", dt.date.min) for given in entry["by_date"]]
            assert dates == sorted(set(dates)), name
            assert all(len(given["source"]) > 3 for given in entry["by_date"]), name


@pytest.mark.parametrize("file", FILES)
def test_entries_ask_for_what_there_is(file: str) -> None:
    for name, entries in tables(file).items():
        for entry in entries:
            for key, wanted in entry.items():
                if key in ASKED:
                    assert set(wanted) <= ASKED[key], (name, key)
                elif key == "exchange":
                    assert all(market(exchange) for exchange in wanted), name
                else:
                    assert key in ("underlying", "by_date"), (name, key)


@pytest.mark.parametrize("file", FILES)
def test_figures_are_written_as_exact_decimals(file: str) -> None:
    for entries in tables(file).values():
        for given in (given for entry in entries for given in entry["by_date"]):
            for key in ("percent", "amount", "units", "least", "far", "beyond"):
                figures = given.get(key, "0")
                for figure in [figures] if isinstance(figures, str) else figures:
                    assert Decimal(figure) >= 0


def test_the_last_row_that_applies_holds_and_none_before_the_first() -> None:
    of = {"exchange": "BFO", "kind": "option", "underlying": "SENSEX"}
    assert row(charges.FILE, "exchange", dt.date(2023, 10, 31), **of)["percent"] == "0.005"
    assert row(charges.FILE, "exchange", dt.date(2023, 11, 1), **of)["percent"] == "0.0375"
    assert row(charges.FILE, "exchange", dt.date(2026, 11, 1), **of)["percent"] == "0.0325"
    assert row(charges.FILE, "exchange", dt.date(2026, 11, 1), **of | {"underlying": "SENSEX50"})["percent"] == "0.005"
    assert row(charges.FILE, "ipft", dt.date(2023, 3, 31), exchange="NFO", kind="option") == {}
    assert row(charges.FILE, "stt", dt.date(2026, 11, 1), exchange="SIM", kind="option", side="sell") == {}
