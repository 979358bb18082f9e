from __future__ import annotations

import json
from types import UnionType
from typing import TYPE_CHECKING, get_args

import pytest

from tests.unit.adapters.stores.samples import TS, facts, make_events
from tradingd.adapters.stores.codec import decode, encode
from tradingd.model import events
from tradingd.model.errors import StoreError
from tradingd.model.events import BarOpened, OrderAccepted, OrderFilled, StrategiesReplaced
from tradingd.model.market import FoldedTick, Tick

if TYPE_CHECKING:
    from tradingd.model.events import Event

RARE = [event for event in make_events() if not isinstance(event, Tick | FoldedTick)]


def kinds(union: type | UnionType) -> set[type]:
    return set().union(*map(kinds, get_args(union))) if isinstance(union, UnionType) else {union}


def test_there_is_a_sample_of_every_kind_of_event() -> None:
    assert {type(event) for event in make_events()} == kinds(events.Event)


@pytest.mark.parametrize("event", RARE, ids=lambda event: type(event).__name__)
def test_what_is_written_is_read_to_the_last_bit(event: Event) -> None:
    content = encode(event)
    assert facts(decode(content)) == facts(event)
    assert encode(decode(content)) == content


def test_the_forms_on_disk_stay_as_they_are() -> None:
    """A journal written by an older build is read by a newer one: change a form only under a new version."""
    told = {json.loads(encode(event))["event"]: encode(event).decode() for event in reversed(RARE)}
    bar = f'["NSE:TCS",60000000000,{TS},{TS + 60_000_000_000},0.1,0.3,-0.0,0.3333333333333333,5e-324,7,"gap"]'
    start = '{"event":"history_loaded/1","instrument":"NSE:TCS","timeframe_ns":300000000000,'
    history = f'{start}"bars":[{bar},{bar}],"ts":{TS}}}'
    order = f'"order":"a1b2c3260714z","ts":{TS}'
    assert told == {
        "bar/1": f'{{"event":"bar/1","bar":{bar}}}',
        "bar_opened/1": (f'{{"event":"bar_opened/1","instrument":"NSE:TCS","ts":{TS},"price":0.30000000000000004}}'),
        "bar_moved/1": f'{{"event":"bar_moved/1","instrument":"NSE:TCS","ts":{TS},"price":0.30000000000000004}}',
        "pulse/1": f'{{"event":"pulse/1","name":"news","ts":{TS}}}',
        "deadline/1": f'{{"event":"deadline/1","ts":{TS}}}',
        "feed_gap/1": f'{{"event":"feed_gap/1","instrument":"NSE:TATA मोटर्स","ts":{TS}}}',
        "flatten_requested/1": f'{{"event":"flatten_requested/1","strategy":"s-1","ts":{TS}}}',
        "history_loaded/1": history,
        "strategies_replaced/2": (
            f'{{"event":"strategies_replaced/2","ts":{TS},"sources":["{{\\"nodes\\": []}}","{{}}"],"instruments":['
            '{"exchange":"NFO","symbol":"NIFTY24300CE","kind":"option","tick_size":"0.05","lot_size":"75",'
            '"quantity_step":"75.0","multiplier":"1E+2","token":"46955","underlying":"NIFTY","expiry":"2026-07-14",'
            '"strike":"24300.00","right":"CE","freeze_quantity":"1755"},'
            '{"exchange":"SIM","symbol":"A","kind":"equity","tick_size":"0.01","lot_size":"1","quantity_step":"1",'
            '"multiplier":"1","token":"","underlying":"","expiry":null,"strike":null,"right":"","freeze_quantity":null}],'
            f'"history":[{history}]}}'
        ),
        "order_unknown/1": f'{{"event":"order_unknown/1",{order},"reason":"no answer within 5 s"}}',
        "order_accepted/1": f'{{"event":"order_accepted/1",{order}}}',
        "order_filled/2": (
            f'{{"event":"order_filled/2","id":"t-1",{order},"price":"24300.050","quantity":"1.5E+3",'
            '"maker":true,"best":null,"worst":"24300.10"}'
        ),
        "order_cancelled/1": f'{{"event":"order_cancelled/1",{order},"reason":"because \\"so\\"\\n"}}',
        "order_rejected/1": f'{{"event":"order_rejected/1",{order},"reason":"margin"}}',
        "order_expired/1": f'{{"event":"order_expired/1",{order},"reason":"day order"}}',
    }


def test_an_older_form_is_still_read() -> None:
    """Before instruments told the most that one order may carry."""
    event = next(event for event in RARE if isinstance(event, StrategiesReplaced))
    content = encode(event)
    older = content.replace(b"replaced/2", b"replaced/1").replace(b',"freeze_quantity":"1755"', b"")
    older = older.replace(b',"freeze_quantity":null', b"")
    before = decode(older)
    assert isinstance(before, StrategiesReplaced)
    assert [i.freeze_quantity for i in before.instruments] == [None, None]
    assert [i.id for i in before.instruments] == [i.id for i in event.instruments]
    assert encode(before) == content.replace(b'"1755"', b"null")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"event":"deadline/2","ts":1}', "deadline/2"),
        (b'{"event":"moon_phase/1","ts":1}', "moon_phase/1"),
        (b'{"ts":1}', "event"),
        (b'{"event":"deadline/1"}', "ts"),
        (b'{"event":"deadline/1","ts":1,"more":2}', "more"),
        (b'{"event":"deadline/1","ts":1.5}', "ts"),
        (b'{"event":"bar_opened/1","instrument":"A","ts":1,"price":null}', "price"),
        (b'{"event":"deadline/1","ts":1} ,', "malformed"),
        (b"", "truncated"),
        (b"\xff\x00", "malformed"),
        (b'{"a":' + b"[" * 100_000, "recursion"),
    ],
)
def test_bytes_that_are_no_event_are_refused_with_the_reason(content: bytes, said: str) -> None:
    with pytest.raises(StoreError, match=said):
        decode(content)


@pytest.mark.parametrize("price", [float("nan"), float("inf"), -float("inf")])
def test_a_price_that_json_cannot_tell_is_refused_when_it_is_written(price: float) -> None:
    with pytest.raises(StoreError, match="not a finite number"):
        encode(BarOpened("NSE:TCS", TS, price))


@pytest.mark.parametrize("event", [Tick("A", 1, 1.0), OrderAccepted("\ud800", 1), OrderFilled("no fill")])  # type: ignore[arg-type]
def test_what_has_no_form_is_refused_when_it_is_written(event: Event) -> None:
    with pytest.raises(StoreError, match=type(event).__name__):
        encode(event)
