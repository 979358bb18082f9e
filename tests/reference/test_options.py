"""A day of a real option beside its index: the drawn strategy trades it at its prices, or says why not."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.shared import shared
from tests.unit.research.requests import backtest, bars
from tradingd.adapters.masters.store import read_instruments
from tradingd.core.graph.loading import parse
from tradingd.core.indicators.catalog import CATALOG
from tradingd.core.indicators.declaration import declare
from tradingd.core.settings import ContractSettings, CoreSettings, SimulationSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradingd.model.instrument import Instrument
    from tradingd.research.backtest import Result

SYMBOL = "NIFTY 24300 CE 21 JUL 26"
WHO = "nifty-rsi-call, node entry-123456: entry entry-123456-pos1 refused: "
BLACK = SimulationSettings(option_pricing="black76", volatility=Decimal("0.12"))


@pytest.fixture(scope="module")
def listed() -> list[Instrument]:
    """All that the exchange listed on NIFTY in July 2026."""
    rows = read_instruments(shared("data/instruments/upstox_nse_instruments_2026-07.json.gz"))
    return [row for row in rows if "NIFTY" in (row.underlying, row.symbol)]


def run(
    drawing: str,
    instruments: Sequence[Instrument],
    settings: CoreSettings | None = None,
    strike: str = "ATM",
    *,
    option: bool = True,
) -> Result:
    """Run a seed example; `strike` is what its leg asks for instead of what is drawn."""
    drawn: dict[str, Any] = json.loads(shared(f"strategies/seed/{drawing}.json").read_bytes())
    (entry,) = (node for node in drawn["nodes"] if node["type"] == "entryNode")
    entry["data"]["positions"][0]["optionDetails"]["strikeType"] = strike
    document = parse(json.dumps(drawn), CATALOG, declare)
    data = [bars("NIFTY", shared("data/nse_options/NIFTY50_index_1min_2026-07-15.csv"))]
    if option:
        data.append(bars(SYMBOL, shared("data/nse_options/NIFTY_24300CE_21JUL26_1min_2026-07-15.csv"), exchange="NFO"))
    return backtest(document, *data, instruments=instruments, settings=settings or CoreSettings())


def test_without_prices_of_the_contract_the_entry_is_refused_and_the_run_goes_on(listed: list[Instrument]) -> None:
    result = run("nifty_rsi_call", listed)
    assert result.trades == []
    assert result.notes[-1] == f"{WHO}there is no market data for NIFTY 24050 CE 21 JUL 26"
    assert (result.bars, result.pricing) == (750, "")


def test_where_there_are_prices_of_the_contract_it_trades_at_them(listed: list[Instrument]) -> None:
    result = run("nifty_rsi_call", listed, strike="OTM5")
    (trade,) = result.trades
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
    assert result.valuations == {"optimistic": "-3.25", "base": "-3.25", "pessimistic": "-9.75"}


def test_its_charges_are_those_of_the_day(listed: list[Instrument]) -> None:
    """65 bought at 61.35 and sold at 61.30, worked out by hand."""
    result = run("nifty_rsi_call", listed, strike="OTM5")
    bought, sold = Decimal("61.35") * 65, Decimal("61.30") * 65
    both = bought + sold
    parts = {
        "brokerage": Decimal(40),
        "stt": sold * Decimal("0.0015"),
        "exchange": both * Decimal("0.0003503"),
        "ipft": both * Decimal("0.000005"),
        "sebi": both * Decimal("0.000001"),
        "stamp": bought * Decimal("0.00003"),
        "gst": (40 + both * Decimal("0.0003513")) * Decimal("0.18"),
        "depository": Decimal(0),
    }
    assert result.charges == parts
    assert result.account.equity == 1_000_000 + Decimal("-3.25") - sum(parts.values())
    told: dict[str, Any] = result.as_dict()
    assert told["account"]["margin_model"] == "approx"
    assert told["trades"][0]["charges"] == f"{sum(parts.values(), Decimal(0)).normalize():f}"


def test_a_model_prices_what_the_market_did_not_and_only_that(listed: list[Instrument]) -> None:
    made = run("nifty_rsi_call", listed, CoreSettings(simulation=BLACK))
    (trade,) = made.trades
    assert trade["instrument"] == "NIFTY 24050 CE 21 JUL 26"
    assert made.as_dict()["option_pricing"] == "black76 at volatility 0.12"
    real = run("nifty_rsi_call", listed, CoreSettings(simulation=BLACK), strike="OTM5")
    assert (real.trades[0]["entry_price"], real.pricing) == ("61.35", "")


def test_without_a_list_the_contract_is_that_of_the_dated_rules() -> None:
    result = run("nifty_rsi_call", (), CoreSettings(simulation=BLACK), option=False)
    (trade,) = result.trades
    assert (trade["instrument"], trade["lot_size"]) == ("NIFTY2672124050CE", "65")
    assert result.pricing == "black76 at volatility 0.12"
    refused = run("nifty_rsi_call", (), option=False)
    assert refused.notes[-1] == f"{WHO}NFO lists no contracts of NIFTY"


def test_the_model_is_near_the_market(listed: list[Instrument]) -> None:
    """At 12.5 % a year, about what the option's own price implies, it costs about what it cost."""
    settings = CoreSettings(simulation=replace(BLACK, volatility=Decimal("0.125")))
    (real,) = run("nifty_rsi_call", listed, strike="OTM5").trades
    (made,) = run("nifty_rsi_call", listed, settings, strike="OTM5", option=False).trades
    assert float(str(made["entry_price"])) == pytest.approx(float(str(real["entry_price"])), rel=0.05)


def test_a_multiplier_that_is_not_the_lot_is_refused_with_both_numbers(listed: list[Instrument]) -> None:
    result = run("nifty_rsi_call_multiplier_50", listed, strike="OTM5")
    assert result.trades == []
    assert result.notes[-1].endswith(f"refused: multiplier 50 is not the lot of {SYMBOL}, 65")


def test_or_the_contracts_lot_is_traded_when_told_so(listed: list[Instrument]) -> None:
    told_so = CoreSettings(contracts=ContractSettings(lot_mismatch="contract"))
    result = run("nifty_rsi_call_multiplier_50", listed, told_so, strike="OTM5")
    assert [(trade["lot_size"], trade["pnl"]) for trade in result.trades] == [("65", "-3.25")]
    assert result.notes[-1].endswith(f"multiplier 50 is not the lot of {SYMBOL}, 65; trading the contract's lot")
