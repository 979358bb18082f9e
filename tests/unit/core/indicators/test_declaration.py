from __future__ import annotations

from decimal import Decimal

import pytest

from tradingd.core.indicators.declaration import declare
from tradingd.model.indicator import IndicatorDecl


def test_defaults_are_filled_in_the_catalogue_s_order() -> None:
    assert declare("macd", {"signal": 5}) == IndicatorDecl("macd", (("fast", 12), ("slow", 26), ("signal", 5)), "close")
    assert declare("atr", {}) == IndicatorDecl("atr", (("period", 14),))


@pytest.mark.parametrize("alias", ["period", "length", "timeperiod"])
def test_a_parameter_has_several_names(alias: str) -> None:
    assert declare("rsi", {alias: 9}, "close") == declare("rsi", {"period": 9})


def test_what_means_the_same_is_one_declaration() -> None:
    written = [
        declare("bbands", {"length": 20, "std": 2}),
        declare("bbands", {"period": 20.0, "nbdevup": 2.0, "nbdevdn": Decimal(2)}, "close"),
        declare("bbands", {}),
    ]
    assert len(set(written)) == 1
    assert len({repr(decl) for decl in written}) == 1  # the canonical document is made of the very values


@pytest.mark.parametrize(
    ("name", "params", "source", "parts"),
    [
        ("rsl", {}, None, ["'rsl'", "rsi"]),
        ("zigzag", {}, None, ["'zigzag'", "sma", "supertrend"]),
        ("rsi", {"lenght": 14}, None, ["'lenght'", "14", "period"]),
        ("vwap", {"period": 14}, None, ["'period'", "none"]),
        ("rsi", {"period": 1}, None, ["period 1 ", "2 to 10000"]),
        ("rsi", {"period": 10_001}, None, ["10001", "2 to 10000"]),
        ("rsi", {"period": 14.5}, None, ["14.5", "whole number"]),
        ("rsi", {"period": "14"}, None, ["'14'", "whole number"]),
        ("rsi", {"period": True}, None, ["True", "whole number"]),
        ("rsi", {"period": None}, None, ["None", "whole number"]),
        ("bbands", {"std": float("nan")}, None, ["nan", "a number from 0.01 to 100"]),
        ("bbands", {"nbdevup": 2, "nbdevdn": 3}, None, ["std is given twice", "2", "3", "'nbdevdn'"]),
        ("macd", {"fast": 26, "slow": 12}, None, ["fast 26", "less than", "slow 12"]),
        ("macd", {"fast": 26}, None, ["fast 26", "less than", "slow 26"]),
        ("sma", {}, "closed", ["'closed'", "close"]),
        ("atr", {}, "close", ["'close'", "high, low, close"]),
    ],
)
def test_a_wrong_declaration_says_what_would_be_right(
    name: str, params: dict[str, object], source: str | None, parts: list[str]
) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        declare(name, params, source)
    for part in parts:
        assert part in str(refused.value)


def test_a_declaration_reads_as_a_person_writes_it() -> None:
    assert str(declare("rsi", {})) == "rsi(14, close)"
    assert str(declare("supertrend", {"factor": 2.5})) == "supertrend(10, 2.5)"
