from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jsonschema
import pytest

from tradingd.adapters.publishers.envelope import envelope, schema
from tradingd.model.trading import Alert, AlertKind, AlertType

PROJECT = Path(__file__).resolve().parents[4]
KOLKATA = ZoneInfo("Asia/Kolkata")
TS = 1_622_173_500_123_456_789  # 2021-05-28 09:15:00.123456789 in Kolkata


def make_alert(**changes: Any) -> Alert:
    given: dict[str, Any] = {
        "id": "3f9a1c210528-a1", "kind": AlertKind.ALERT, "strategy": "rsi", "node": "alert-1",
        "message": "RSI under 30: buy ₹500", "type": AlertType.WARNING, "ts": TS, "price": 101.25,
        "indicators": {"rsi": 27.5, "ema": None}, "operands": {"rsi": 27.5, "30": 30.0},
    }  # fmt: skip
    return Alert(**(given | changes))


def sent(alert: Alert, journal_ms: int = 1_700_000_000_000, zone: dt.tzinfo = KOLKATA) -> Any:
    return json.loads(envelope(alert, journal_ms, zone))


def test_a_message_is_the_documented_envelope() -> None:
    assert sent(make_alert()) == {
        "v": 1,
        "id": "1700000000000-3f9a1c210528-a1",
        "kind": "alert",
        "strategy_id": "rsi",
        "node_id": "alert-1",
        "message": "RSI under 30: buy ₹500",
        "alert_type": "warning",
        "timestamp": "2021-05-28T09:15:00.123456+05:30",
        "ts": TS,
        "market_data": {"price": 101.25, "indicators": {"rsi": 27.5, "ema": None}},
        "operands": {"rsi": 27.5, "30": 30.0},
    }


def test_what_is_not_there_is_null_and_never_absent() -> None:
    message = sent(make_alert(strategy=None, node=None, price=None, indicators={}, operands={}))
    assert (message["strategy_id"], message["node_id"], message["market_data"]["price"]) == (None, None, None)
    assert list(message) == list(sent(make_alert()))


@pytest.mark.parametrize("kind", AlertKind)
@pytest.mark.parametrize("strategy", ["rsi", None])
def test_every_message_validates_against_the_schema(kind: AlertKind, strategy: str | None) -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(sent(make_alert(kind=kind, strategy=strategy, node=strategy)), schema())


@pytest.mark.parametrize(
    "change", [{"v": 2}, {"kind": "news"}, {"strategy_id": 7}, {"extra": 1}, {"market_data": {"price": 1}}, {"ts": "1"}]
)
def test_the_schema_refuses_what_is_no_alert(change: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(sent(make_alert()) | change, schema())


def test_the_schema_refuses_a_message_without_one_of_its_keys() -> None:
    whole = sent(make_alert())
    for key in whole:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({name: value for name, value in whole.items() if name != key}, schema())


def test_the_timestamp_is_exact_to_the_microsecond_and_tells_the_same_time_in_every_zone() -> None:
    for zone in (dt.UTC, KOLKATA, ZoneInfo("America/New_York")):
        told = dt.datetime.fromisoformat(sent(make_alert(), zone=zone)["timestamp"])
        assert (told - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1) == TS // 1000


def test_equal_alerts_of_two_journals_are_different_messages() -> None:
    alert = make_alert()
    assert envelope(alert, 1, KOLKATA) == envelope(alert, 1, KOLKATA)
    assert sent(alert, journal_ms=1)["id"] != sent(alert, journal_ms=2)["id"]


def test_the_documented_message_is_a_valid_one() -> None:
    text = (PROJECT / "docs/alerts.md").read_text("utf-8")
    message = json.loads(text.partition("```json\n")[2].partition("```")[0])
    jsonschema.validate(message, schema())
    assert dt.datetime.fromisoformat(message["timestamp"]).timestamp() * 10**9 == message["ts"]
    assert list(message) == list(sent(make_alert()))


def test_a_message_is_one_line() -> None:
    assert b"\n" not in envelope(make_alert(message="two\nlines"), 1, KOLKATA)
