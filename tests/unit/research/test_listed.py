"""Series that an underlying does not have are refused before the first event, in a backtest and in a daemon."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.stories import document, drawing, entry, leg, start
from tests.unit.adapters.masters.rows import OPTION, write
from tests.unit.core.markets.lists import make_chain, make_future
from tests.unit.core.runs import always
from tests.unit.research.requests import backtest, bars, file
from tradingd.daemon import desired
from tradingd.model.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

MESSAGE = "position p: W0: BANKNIFTY has no weekly series of CE; M0 is the nearest month"
LISTED = [
    *make_chain("BANKNIFTY", "27-Jan-2026", [59_000], "26JAN"),
    *make_chain("BANKNIFTY", "24-Feb-2026", [59_000], "26FEB"),
    make_future("BANKNIFTY", "27-Jan-2026"),
]


def drawn(expiry: str, symbol: str = "BANKNIFTY") -> dict[str, Any]:
    details = {"expiry": expiry, "optionType": "CE", "strikeType": "ATM"}
    begin = start(symbol=symbol, exchange="NSE", timeframe="1m", tradingInstrument={"type": "options"})
    return drawing([begin, always("A"), entry("e", leg("p", optionDetails=details))], ["start > A > e"])


def test_a_backtest_refuses_it(tmp_path: Path) -> None:
    rows = [(f"2026-01-05T09:{15 + i}:00", *[59_000] * 4) for i in range(6)]
    data = bars("BANKNIFTY", file(tmp_path / "bars.csv", "timestamp,open,high,low,close", rows))
    with pytest.raises(ConfigError, match=f"strategy story, {MESSAGE}"):
        backtest(document(drawn("W0")), data, instruments=LISTED)
    backtest(document(drawn("M0")), data, instruments=LISTED)
    backtest(document(drawn("W0")), data)  # no list: whether there is a series is seen at the entry


def test_a_daemon_refuses_it_with_the_file(tmp_path: Path) -> None:
    monthly = OPTION.replace("NIFTY25O2024550CE,NIFTY", "BANKNIFTY25OCT24550CE,BANKNIFTY")
    write(tmp_path / "list.csv", monthly)
    strategy, settings = tmp_path / "s.json", tmp_path / "own.toml"
    settings.write_text('[daemon]\ninstruments = "list.csv"\nstrategies = ["s.json"]\n', "utf-8")
    strategy.write_text(json.dumps(drawn("W0")), "utf-8")
    with pytest.raises(ConfigError, match=f"s.json: {MESSAGE}"):
        desired.read(settings, {}, ())
    strategy.write_text(json.dumps(drawn("M0")), "utf-8")
    assert [d.id for d in desired.read(settings, {}, ()).documents] == ["story"]
