from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.unit.daemon.cli.runs import EMA, run

ALERT: dict[str, Any] = {
    "v": 1,
    "id": "a1",
    "kind": "alert",
    "strategy_id": None,
    "node_id": "tell",
    "message": "RSI is low",
    "alert_type": "warning",
    "timestamp": "2025-01-02T09:20:00+05:30",
    "ts": 1735789800000000000,
    "market_data": {"price": None, "indicators": {"rsi": 28.5, "sma": None}},
    "operands": {"rsi": 28.5},
}


def schema(what: str) -> Draft202012Validator:
    result = run("schema", what)
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(found)
    return Draft202012Validator(found)


def test_the_schema_of_strategies_accepts_one_and_refuses_another() -> None:
    judge, document = schema("strategy"), json.loads(EMA.read_text("utf-8"))
    assert judge.is_valid(document)
    document["nodes"][0]["data"]["colour_of_money"] = "red"
    assert not judge.is_valid(document)


def test_the_schema_of_configuration() -> None:
    judge = schema("config")
    assert judge.is_valid({"risk": {"max_entries_per_session": "none"}})
    assert not judge.is_valid({"risk": {"max_entris": 5}})


def test_the_schema_of_alerts_accepts_an_envelope() -> None:
    assert schema("alert").is_valid(ALERT)


@pytest.mark.parametrize("key", ALERT)
def test_no_key_of_an_alert_is_ever_absent(key: str) -> None:
    assert not schema("alert").is_valid({name: value for name, value in ALERT.items() if name != key})


@pytest.mark.parametrize(("key", "value"), [("kind", "shout"), ("v", 2), ("alert_type", "loud"), ("more", 1)])
def test_the_schema_of_alerts_refuses_what_is_not_one(key: str, value: object) -> None:
    assert not schema("alert").is_valid(ALERT | {key: value})
