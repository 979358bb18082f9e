"""One client's requests, answered as Binance answers them, and what it hears of the market."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.venues.markets import T0, make_trades
from tradingd.model.market import MINUTE, SECOND
from tradingd.venues.subscriber import STREAMS_MAX, Subscriber
from tradingd.venues.tape import Tape


def make_tape() -> Tape:
    return Tape([{"A": make_trades((0, 5, 1, 4, 6), (30, 6, 1, 4, 6), (70, 7, 1, 5, 7)), "M&M": make_trades((200, 9))}])


def listening(*streams: str, tape: Tape | None = None, combined: bool = False) -> Subscriber:
    subscriber = Subscriber(tape or make_tape(), combined=combined)
    subscriber.subscribe(streams, T0)
    return subscriber


def told(frames: list[str]) -> list[Any]:
    return [json.loads(frame[frame.index("{") :]) for frame in frames]


def ask(subscriber: Subscriber, **request: object) -> Any:
    return json.loads(subscriber.answer(json.dumps(request), T0))


def test_what_is_subscribed_can_be_listed_and_ended() -> None:
    subscriber = listening("a@aggTrade")
    assert ask(subscriber, method="SUBSCRIBE", params=["m_26m@bookTicker"], id=7) == {"result": None, "id": 7}
    assert ask(subscriber, method="LIST_SUBSCRIPTIONS", id="x") == {
        "result": ["a@aggTrade", "m_26m@bookTicker"], "id": "x",
    }  # fmt: skip
    assert ask(subscriber, method="UNSUBSCRIBE", params=["a@aggTrade"], id=None) == {"result": None, "id": None}
    assert ask(subscriber, method="LIST_SUBSCRIPTIONS", id=1)["result"] == ["m_26m@bookTicker"]


def test_messages_can_be_made_to_name_their_stream() -> None:
    tape = make_tape()
    subscriber = listening("a@aggTrade", tape=tape)
    assert ask(subscriber, method="GET_PROPERTY", params=["combined"], id=1)["result"] is False
    assert ask(subscriber, method="SET_PROPERTY", params=["combined", True], id=1)["result"] is None
    assert ask(subscriber, method="GET_PROPERTY", params=["combined"], id=1)["result"] is True
    assert told(subscriber.frames(tape.take(1)))[0]["stream"] == "a@aggTrade"


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("{", 3, "Invalid JSON: expected value"),
        ("[]", 2, "Invalid request: missing field `method`"),
        ('{"method":"GREET","id":1}', 2, "unknown variant `GREET`, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`"),
        ('{"method":["SUBSCRIBE"],"id":1}', 2, "unknown variant"),
        ('{"method":"LIST_SUBSCRIPTIONS"}', 2, "request ID must be an unsigned integer"),
        ('{"method":"LIST_SUBSCRIPTIONS","id":1.5}', 2, "request ID must be an unsigned integer"),
        ('{"method":"SUBSCRIBE","params":"a@aggTrade","id":1}', 2, "Invalid request: params"),
        ('{"method":"SUBSCRIBE","params":[1],"id":1}', 2, "Invalid request: invalid stream"),
        ('{"method":"SUBSCRIBE","params":["a@depth"],"id":1}', 2, "Invalid request: invalid stream"),
        ('{"method":"SUBSCRIBE","params":["A@aggTrade"],"id":1}', 2, "Invalid request: invalid stream"),
        ('{"method":"SUBSCRIBE","params":["a@kline_7m"],"id":1}', 2, "Invalid request: invalid stream"),
        ('{"method":"GET_PROPERTY","params":[],"id":1}', 2, "property name must be a string"),
        ('{"method":"GET_PROPERTY","params":["combined",1],"id":1}', 2, "too many parameters"),
        ('{"method":"SET_PROPERTY","params":["loud",true],"id":1}', 0, "Unknown property"),
        ('{"method":"SET_PROPERTY","params":["combined",1],"id":1}', 1, "expected Boolean"),
    ],
)
def test_a_wrong_request_changes_nothing_and_says_why(text: str, code: int, message: str) -> None:
    subscriber = listening("a@aggTrade")
    error = json.loads(subscriber.answer(text, T0))["error"]
    assert error["code"] == code
    assert message in error["msg"]
    assert ask(subscriber, method="LIST_SUBSCRIPTIONS", id=1)["result"] == ["a@aggTrade"]


def test_more_streams_than_a_connection_may_hear_are_refused() -> None:
    subscriber = listening(*(f"s{number}@aggTrade" for number in range(STREAMS_MAX)))
    reply = ask(subscriber, method="SUBSCRIBE", params=["a@aggTrade"], id=1)
    assert reply["error"] == {"code": 4, "msg": "Too many subscriptions"}


def test_a_stream_of_an_unknown_symbol_is_silent() -> None:
    subscriber = listening("zzz@aggTrade")
    assert not subscriber.is_listening
    assert subscriber.frames(make_tape().take(10)) == []


def test_quotes_come_before_their_trade_and_only_when_they_change() -> None:
    tape = make_tape()
    heard = told(listening("a@aggTrade", "a@bookTicker", tape=tape).frames(tape.take(10)))
    assert [(m["u"], m["b"], m["a"]) if "u" in m else m["a"] for m in heard] == [
        (0, "4.00000000", "6.00000000"), 0, 1, (2, "5.00000000", "7.00000000"), 2,
    ]  # fmt: skip


def test_a_kline_forms_and_is_closed_exactly_once_before_anything_later() -> None:
    tape = make_tape()
    heard = told(listening("a@kline_1m", "a@aggTrade", "m_26m@aggTrade", tape=tape).frames(tape.take(10)))
    told_bars = [m["k"] if "k" in m else m["a"] for m in heard]
    bars = [m["k"] for m in heard if "k" in m]
    assert [(k["t"] // 1000 - T0 // SECOND, k["x"], k["c"], k["n"]) for k in bars] == [
        (0, False, "6.00000000", 2),
        (0, True, "6.00000000", 2),
        (60, False, "7.00000000", 1),
        (60, True, "7.00000000", 1),
        (120, True, "7.00000000", 0),
    ]
    closed = [index for index, bar in enumerate(told_bars) if isinstance(bar, dict) and bar["x"]]
    assert [told_bars[index + 1] for index in closed if isinstance(told_bars[index + 1], int)] == [2, 0]
    assert [m["E"] for m in heard] == sorted(m["E"] for m in heard)


def test_a_kline_that_is_subscribed_late_has_what_was_traded_before() -> None:
    tape = make_tape()
    tape.take(2)
    subscriber = Subscriber(tape, combined=False)
    subscriber.subscribe(["a@kline_1m"], tape.ts)
    [closed] = told(subscriber.closed(T0 + MINUTE))
    assert (closed["k"]["o"], closed["k"]["n"], closed["k"]["x"]) == ("5.00000000", 2, True)


def test_other_subscriptions_do_not_disturb_a_kline_that_forms() -> None:
    tape = make_tape()
    subscriber = listening("a@kline_1m", tape=tape)
    subscriber.frames(tape.take(2))
    subscriber.subscribe(["a@bookTicker", "m_26m@kline_1m"], tape.ts)
    subscriber.unsubscribe(["a@bookTicker"], tape.ts)
    [closed] = told(subscriber.closed(T0 + MINUTE))
    assert closed["k"]["n"] == 2
    assert subscriber.closed(T0 + MINUTE) == []
