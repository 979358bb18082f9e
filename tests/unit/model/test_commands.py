from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from tradingd.model.commands import CancelOrder, PublishAlert, SubmitOrder, canonical
from tradingd.model.instrument import Instrument
from tradingd.model.trading import Alert, AlertKind, AlertType, Order, OrderState, OrderType, Product, Purpose, Side

ORDER = Order(
    "0a1b2c2401021", "s", "e", "p", Purpose.ENTRY, Instrument("NSE", "ACME", tick_size=Decimal("0.05")), Side.BUY,
    OrderType.STOP_LIMIT, Product.INTRADAY, Decimal(50), 1_704_167_100_000_000_000, 1, 2,
    limit_price=Decimal("100.10"), stop_price=Decimal("99.95"), tag="t", cause=7,
)  # fmt: skip
ALERT = Alert(
    "0a1b2c240102-a1", AlertKind.ALERT, "s", "say", "hält \u20b9", AlertType.INFO, 1, 100.1, {"rsi": 30.5, "ma": None},
    {"close": 100.1}, cause=3,
)  # fmt: skip


def test_the_bytes_of_an_order() -> None:
    assert canonical(SubmitOrder(ORDER, 1_704_167_100_000_000_000)) == (
        b'{"command":"submit","id":"0a1b2c2401021","instrument":"NSE:ACME","limit_price":"100.10","node":"e",'
        b'"product":"intraday","purpose":"entry","quantity":"50","side":"buy","stop_price":"99.95","strategy":"s",'
        b'"tag":"t","ts":1704167100000000000,"type":"stop_limit","vpi":"p"}'
    )


def test_the_bytes_of_a_cancellation() -> None:
    assert canonical(CancelOrder(ORDER, 5)) == b'{"command":"cancel","id":"0a1b2c2401021","strategy":"s","ts":5}'


def test_the_bytes_of_an_alert() -> None:
    assert (
        canonical(PublishAlert(ALERT, 1))
        == (
            '{"alert_type":"info","command":"alert","id":"0a1b2c240102-a1","indicators":{"ma":null,"rsi":30.5},'
            '"kind":"alert","message":"hält \u20b9","node":"say","operands":{"close":100.1},"price":100.1,'
            '"strategy":"s","ts":1}'
        ).encode()
    )


@pytest.mark.parametrize(
    ("quantity", "text"),
    [
        ("1E+2", "100"),
        ("100.00", "100"),
        ("0.50", "0.5"),
        ("1E-8", "0.00000001"),
        ("65", "65"),
        ("123456789.125", "123456789.125"),
    ],
)
def test_equal_quantities_have_equal_bytes_without_exponents(quantity: str, text: str) -> None:
    order = replace(ORDER, quantity=Decimal(quantity))
    assert json.loads(canonical(SubmitOrder(order, 1)))["quantity"] == text


@pytest.mark.parametrize(
    ("price", "text"), [("5E-8", "0.00000005"), ("1.5E+3", "1500"), ("0.10", "0.10"), (None, None)]
)
def test_prices_have_no_exponent(price: str | None, text: str | None) -> None:
    order = replace(ORDER, limit_price=None if price is None else Decimal(price))
    assert json.loads(canonical(SubmitOrder(order, 1)))["limit_price"] == text


def test_what_happens_to_an_order_later_does_not_change_its_bytes() -> None:
    order = replace(ORDER)
    before = canonical(SubmitOrder(order, 1))
    order.state, order.filled, order.cancelling, order.reason = OrderState.PARTIAL, Decimal(3), True, "why"
    assert canonical(SubmitOrder(order, 1)) == before


def test_only_market_time_and_no_cause_gets_into_the_bytes() -> None:
    """A cause counts the records of a run; a strategy that is asked more often must not differ by it."""
    for command in (SubmitOrder(ORDER, 1), CancelOrder(ORDER, 1), PublishAlert(ALERT, 1)):
        said = json.loads(canonical(command))
        assert not {"cause", "mode", "run", "received", "state"} & said.keys()
        assert [key for key, value in said.items() if key.startswith("ts") and not isinstance(value, int)] == []
        assert list(said) == sorted(said)


def test_a_number_that_is_none_is_an_error_and_never_bytes() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical(PublishAlert(replace(ALERT, price=float("nan")), 1))
