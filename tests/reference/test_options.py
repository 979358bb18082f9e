"""A day of a real option beside its index: the drawn strategy trades it, or says why not."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.reference.test_contracts import _from_upstox
from tests.shared import shared
from tests.unit.research.requests import backtest, bars
from tradingd.core.graph.loading import parse
from tradingd.core.indicators.catalog import CATALOG
from tradingd.core.indicators.declaration import declare
from tradingd.core.settings import ContractSettings, CoreSettings

if TYPE_CHECKING:
    from tradingd.model.instrument import Instrument
    from tradingd.research.backtest import Result

SYMBOL = "NIFTY 24300 CE 21 JUL 26"


@pytest.fixture(scope="module")
def listed() -> list[Instrument]:
    """The index options of July 2026."""
    with gzip.open(shared("data/instruments/upstox_nse_instruments_2026-07.json.gz")) as file:
        rows: list[dict[str, Any]] = json.load(file)
    return [_from_upstox(row) for row in rows if row["segment"] == "NSE_FO" and row["underlying_symbol"] == "NIFTY"]


def run(drawing: str, instruments: list[Instrument], settings: CoreSettings | None = None) -> Result:
    document = parse(shared(f"strategies/seed/{drawing}.json").read_bytes(), CATALOG, declare)
    index = bars("NIFTY", shared("data/nse_options/NIFTY50_index_1min_2026-07-15.csv"))
    option = bars(SYMBOL, shared("data/nse_options/NIFTY_24300CE_21JUL26_1min_2026-07-15.csv"))
    return backtest(document, index, option, instruments=instruments, settings=settings or CoreSettings())


def only_the_one_with_data(listed: list[Instrument]) -> list[Instrument]:
    """Leave of the week's calls the one that there are prices of, which is then at the money."""
    week = next(instrument.expiry for instrument in listed if instrument.symbol == SYMBOL)
    return [i for i in listed if i.symbol == SYMBOL or i.expiry != week]


def test_without_prices_of_the_contract_the_entry_is_refused(listed: list[Instrument]) -> None:
    result = run("nifty_rsi_call", listed)
    assert result.trades == []
    assert result.notes[-1] == (
        "nifty-rsi-call, node entry-123456: entry entry-123456-pos1 refused: "
        "there is no market data for NIFTY 24050 CE 21 JUL 26"
    )


def test_the_weeks_call_is_bought_when_the_index_is_oversold(listed: list[Instrument]) -> None:
    (trade,) = run("nifty_rsi_call", only_the_one_with_data(listed)).trades
    told = {key: trade[key] for key in ("instrument", "quantity", "lot_size", "entry_price", "exit_price", "pnl")}
    assert told == {
        "instrument": SYMBOL,
        "quantity": "1",
        "lot_size": "65",
        "entry_price": "61.35",
        "exit_price": "61.3",
        "pnl": "-3.25",
    }
    assert (trade["entry_time"], trade["exit_time"]) == ("2026-07-15T13:00:00+05:30", "2026-07-15T14:25:00+05:30")


def test_a_multiplier_that_is_not_the_lot_is_refused_with_both_numbers(listed: list[Instrument]) -> None:
    result = run("nifty_rsi_call_multiplier_50", only_the_one_with_data(listed))
    assert result.trades == []
    assert result.notes[-1].endswith(f"refused: multiplier 50 is not the lot of {SYMBOL}, 65")


def test_or_the_contracts_lot_is_traded_when_told_so(listed: list[Instrument]) -> None:
    told_so = CoreSettings(contracts=ContractSettings(lot_mismatch="contract"))
    result = run("nifty_rsi_call_multiplier_50", only_the_one_with_data(listed), told_so)
    assert [(trade["lot_size"], trade["pnl"]) for trade in result.trades] == [("65", "-3.25")]
    assert result.notes[-1].endswith(f"multiplier 50 is not the lot of {SYMBOL}, 65; trading the contract's lot")
