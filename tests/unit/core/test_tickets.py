"""How an intent goes to its venue: protected where market orders are not taken, cut where too large, or refused."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.core.runs import ACME, XYZ, ist
from tradingd.core import tickets
from tradingd.core.feed import Feed
from tradingd.core.markets.sessions import market
from tradingd.model.instrument import Instrument, InstrumentKind
from tradingd.model.trading import Intent, Order, OrderType, Product, Purpose, Side

CALL = Instrument(
    "NFO", "NIFTY 24300 CE", InstrumentKind.OPTION, Decimal("0.05"), Decimal(65), Decimal(65), underlying="NIFTY",
    expiry=dt.date(2026, 7, 21), strike=Decimal(24_300), right="CE",
)  # fmt: skip
DAY = dt.date(2026, 7, 15)
BEFORE = dt.date(2026, 3, 30)


def feed(instrument: Instrument = CALL, price: float = 50.0, day: dt.date = DAY) -> Feed:
    """Return a feed whose last price is of that day, none where it is 0."""
    made = Feed(instrument, market(instrument.exchange))
    at = ist(f"{day} 10:00")
    session = made.market.session_on(day, instrument)
    assert session is not None
    made.roll(session, at)
    if price:
        made.price, made.ts = price, at
    return made


def write(
    quantity: int = 65, side: Side = Side.BUY, purpose: Purpose = Purpose.ENTRY, **more: Any
) -> tickets.Ticket | str:
    limit = more.get("limit")
    intent = Intent(
        "s", "n", "p", purpose, side, OrderType.MARKET if limit is None else OrderType.LIMIT, Product.INTRADAY,
        limit_price=None if limit is None else Decimal(limit),
    )  # fmt: skip
    day = more.get("day", DAY)
    quoted = more.get("feed") or feed(day=day)
    return tickets.write(intent, quoted.instrument, Decimal(quantity), quoted, day)


@pytest.mark.parametrize(("side", "limit"), [(Side.BUY, "51.50"), (Side.SELL, "48.50")])
def test_where_no_market_order_is_taken_a_limit_stands_for_it(side: Side, limit: str) -> None:
    assert write(side=side) == tickets.Ticket(OrderType.LIMIT, Decimal(limit), True, (Decimal(65),))


def test_where_one_is_taken_it_goes_as_it_is() -> None:
    assert write(day=BEFORE) == tickets.Ticket(OrderType.MARKET, None, False, (Decimal(65),))
    assert write(10, feed=feed(XYZ)) == tickets.Ticket(OrderType.MARKET, None, False, (Decimal(10),))


def test_a_contract_without_a_price_of_the_day_takes_no_market_order() -> None:
    untraded = "NIFTY 24300 CE has not traded on 2026-07-15: no market order is taken; a limit order would be"
    assert write(feed=feed(price=0)) == untraded
    assert write(feed=feed(price=0), purpose=Purpose.EXIT) == untraded
    old = feed(day=dt.date(2026, 7, 14))
    session = old.market.session_on(DAY)
    assert session is not None
    old.roll(session, ist("2026-07-15 10:00"))
    assert write(feed=old) == untraded


def test_an_entry_needs_a_price_to_be_measured_by_and_an_exit_none() -> None:
    assert write(feed=feed(ACME, price=0), quantity=1) == "ACME has had no price yet"
    assert isinstance(write(feed=feed(ACME, price=0), quantity=1, purpose=Purpose.EXIT), tickets.Ticket)
    assert isinstance(write(feed=feed(ACME, price=0), quantity=1, limit="100"), tickets.Ticket)


def test_a_limit_beyond_the_band_around_the_last_price_is_refused() -> None:
    assert isinstance(write(limit="70"), tickets.Ticket)
    assert write(limit="70.05") == (
        "NIFTY 24300 CE: a buy at 70.05 is above the band around 50.00; at most 70.00 is taken"
    )


def test_a_large_quantity_goes_in_parts() -> None:
    def parts(quantity: int) -> list[int]:
        ticket = write(quantity)
        assert isinstance(ticket, tickets.Ticket)
        return [int(part) for part in ticket.parts]

    assert [parts(quantity) for quantity in (1755, 1820, 3965)] == [[1755], [1755, 65], [1755, 1755, 455]]


def test_an_entry_of_too_many_parts_is_refused_and_an_exit_of_as_many_goes() -> None:
    wanted = 11 * 1755
    assert "needs 11 orders" in str(write(wanted))
    out = write(wanted, Side.SELL, Purpose.EXIT)
    assert isinstance(out, tickets.Ticket)
    assert len(out.parts) == 11


# --- chasing ------------------------------------------------------------------------------------------------------


def chased(times: int, price: float = 50.0, side: Side = Side.BUY, day: dt.date = DAY) -> Decimal | None:
    order = Order(
        "o", "s", "x", "p", Purpose.EXIT, CALL, side, OrderType.LIMIT, Product.INTRADAY, Decimal(65), 1, 0, 9,
        limit_price=Decimal("51.50"), protected=True,
    )  # fmt: skip
    return tickets.chase(order, feed(price=price, day=day), day, times)


def test_each_time_the_limit_goes_further_but_never_beyond_the_band() -> None:
    assert [chased(times) for times in (1, 2, 3, 12, 13, 50)] == list(
        map(Decimal, ("53.00", "54.50", "56.00", "69.50", "70.00", "70.00"))
    )
    assert [chased(times, side=Side.SELL) for times in (1, 13, 50)] == list(map(Decimal, ("47.00", "30.00", "30.00")))


def test_it_follows_the_last_price() -> None:
    assert chased(1, price=80.0) == Decimal("84.80")


def test_where_market_orders_are_taken_there_is_nothing_to_follow() -> None:
    assert chased(1, day=BEFORE) is None
