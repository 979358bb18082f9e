from __future__ import annotations

import json

from tradingd.core.alerts import make, plain
from tradingd.model.commands import PublishAlert, canonical
from tradingd.model.trading import AlertKind, AlertType


def test_unknown_numbers_are_none_and_texts_are_left_out() -> None:
    values: dict[str, float | str | bool] = {
        "rsi": 30.5,
        "cold": float("nan"),
        "far": float("inf"),
        "name": "x",
        "flag": True,
    }
    assert plain(values) == {"rsi": 30.5, "cold": None, "far": None}


def test_an_alert_carries_the_market_as_it_was_and_can_always_be_said() -> None:
    made = make(
        "n1",
        AlertKind.ALERT,
        "s",
        "say",
        "look",
        AlertType.WARNING,
        5,
        100.5,
        {"rsi": float("nan")},
        {"close": 100.5},
        3,
    )
    assert (made.price, made.indicators, made.operands, made.cause) == (100.5, {"rsi": None}, {"close": 100.5}, 3)
    said = json.loads(canonical(PublishAlert(made, made.ts)))
    assert said["indicators"] == {"rsi": None}
    assert (said["node"], said["alert_type"], said["ts"]) == ("say", "warning", 5)


def test_before_the_first_price_there_is_none() -> None:
    made = make("n1", AlertKind.RISK, "s", "e", "m", AlertType.INFO, 5, None, {}, {}, 0)
    assert json.loads(canonical(PublishAlert(made, 5)))["price"] is None
