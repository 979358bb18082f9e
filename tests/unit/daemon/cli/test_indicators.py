from __future__ import annotations

import json

from tests.unit.daemon.cli.runs import run
from tradingd.core.indicators.catalog import CATALOG


def test_every_indicator_is_listed_with_its_convention() -> None:
    told = run("indicators").stdout
    for spec in CATALOG.values():
        assert f"{spec.name}  {spec.title}\n" in told
        assert spec.convention in told
    assert "period=14 (2 to 10000)" in told
    assert "price sources: open, high, low, close, volume, hl2, hlc3, ohlc4\n" in told


def test_json_says_the_same() -> None:
    listed = {entry["name"]: entry for entry in json.loads(run("indicators", "--json").stdout)}
    assert list(listed) == list(CATALOG)
    assert listed["rsi"]["warm_up"] == 14
    assert listed["rsi"]["params"][0]["default"] == 14
    assert listed["macd"]["outputs"] == ["macd", "signal", "histogram"]
    assert listed["atr"]["takes_source"] is False
