"""What orders do to books and money: charges, the account's limit, expiry, the broker's hour, and what goes wrong."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.core.options import CALL, NIFTY, Options, simulated
from tests.unit.core.runs import XYZ, Run, ist
from tradingd.core.settings import ChargeSettings, CoreSettings, SessionSettings
from tradingd.model.commands import canonical
from tradingd.model.errors import InvariantError
from tradingd.model.events import (
    BarOpened,
    FeedGap,
    FlattenRequested,
    HistoryLoaded,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderUnknown,
)
from tradingd.model.market import MINUTE, Bar, Tick, Timeframe
from tradingd.model.trading import Fill, PositionStatus, Side

if TYPE_CHECKING:
    from tradingd.model.events import Event

MILLION = Decimal(1_000_000)


# --- charges and the ledger --------------------------------------------------------------------------------------


def bought_and_sold(settings: CoreSettings | None = None) -> Options:
    """Buy 65 at 150 and sell them at 160."""
    run = Options(settings=settings)
    run.opened()
    run.index("10:02", 24_601.0)
    run.option("10:02:30", 160.0)
    run.index("10:03", 24_601.0)
    run.option("10:03:01", 160.0)
    return run


def test_every_fill_pays_its_charges_out_of_the_account() -> None:
    run = bought_and_sold()
    (closed,) = run.positions.closed
    assert closed.pnl == 650
    assert closed.charges == Decimal("27.9829565") + Decimal("43.5631536")
    assert run.account.cash == MILLION + closed.pnl - closed.charges
    assert run.engine.equity == pytest.approx(float(run.account.cash))
    assert run.account.charges.total == closed.charges
    rows = [(row.item, row.amount) for row in run.account.ledger]
    assert rows == [
        ("fill", Decimal("-9750.00")), ("charges", Decimal("-27.9829565")),
        ("fill", Decimal("10400.00")), ("charges", Decimal("-43.5631536")),
    ]  # fmt: skip
    assert run.account.ledger[-1].balance == run.account.cash


def test_a_broker_may_take_nothing_and_the_state_still_does() -> None:
    run = bought_and_sold(replace(CoreSettings(), charges=ChargeSettings(plan="zero")))
    (closed,) = run.positions.closed
    assert run.account.charges.brokerage == 0
    assert 0 < closed.charges < 25


def test_what_goes_in_parts_pays_brokerage_for_each() -> None:
    run = Options(quantity=28)
    position = run.opened()
    assert [one["quantity"] for one in run.orders] == ["1755", "65"]
    assert [one["id"][-1] for one in run.orders] == ["1", "2"]
    assert position.quantity == 1820
    assert run.account.charges.brokerage == 40


# --- what the account carries ------------------------------------------------------------------------------------


def test_an_entry_that_the_account_cannot_carry_is_refused_with_both_numbers() -> None:
    run = Options("sell", simulated(starting_cash=Decimal(100_000)))
    run.option("10:00", 150.0)
    run.index("10:00", 24_495.0)
    run.index("10:01", 24_495.0)
    assert run.orders == []
    (told,) = run.told()
    assert told.startswith("entry p refused: NIFTY2672124500CE: it takes 2")
    assert told.endswith(" of the account (margin: approx), of which 100000.00 is free")


def test_an_exit_is_never_too_much() -> None:
    run = Options("sell", simulated(starting_cash=Decimal(300_000)))
    run.opened()
    run.index("10:02", 24_601.0)
    run.option("10:02:30", 7_000.0)
    run.index("10:03", 24_601.0)
    run.option("10:03:01", 7_000.0)
    (closed,) = run.positions.closed
    assert closed.pnl == -6_850 * 65
    assert run.account.cash < 0


def test_what_works_already_is_counted() -> None:
    run = Options("sell", simulated(starting_cash=Decimal(300_000)))
    run.option("10:00", 150.0)
    run.index("10:00", 24_495.0)
    run.index("10:01", 24_495.0)
    (order,) = run.engine.desks["story"].book.working.values()
    clearing = run.engine.clearing
    wanted = (CALL, order.product, order.side, Decimal(65), Decimal(150), dt.date(2026, 7, 21))
    assert "of the account (margin: approx)" in clearing.too_much(*wanted)
    assert clearing.standing().margin_used > 200_000
    assert clearing.standing().equity == 300_000


# --- expiry ------------------------------------------------------------------------------------------------------


def held_to_the_end(side: str = "buy", **drawn: Any) -> Options:
    run = Options(side, **drawn)
    run.opened()
    return run


def close_at(run: Options, price: float) -> None:
    """Let the last half hour pass with the index at a price, then the contracts' own close."""
    run.minutes("15:00", "15:30", price)
    run.session.advance(run.at("15:31"))


@pytest.mark.parametrize(
    ("side", "final", "pays", "tax"),
    [("buy", 24_561.3, "61.30", "5.976750"), ("buy", 24_480.0, "0", "0"), ("sell", 24_561.3, "61.30", "0")],
)
def test_an_expiring_option_pays_what_it_is_worth_at_the_settlement_value(
    side: str, final: float, pays: str, tax: str
) -> None:
    run = held_to_the_end(side)
    before = run.account.charges.total
    close_at(run, final)
    (closed,) = run.positions.closed
    assert (closed.exit_price, closed.exit_node, closed.status) == (Decimal(pays), "expiry", PositionStatus.CLOSED)
    assert closed.pnl == (Decimal(pays) - 150) * 65 * (1 if side == "buy" else -1)
    assert run.account.charges.total - before == Decimal(tax)
    assert run.account.cash == MILLION + closed.pnl - closed.charges
    assert run.told("fill")[-1].startswith(f"NIFTY2672124500CE settled at {Decimal(pays):f}: NIFTY at {final:.2f}")


def test_the_settlement_value_is_the_average_of_the_last_half_hour_where_there_is_one() -> None:
    run = held_to_the_end()
    run.minutes("15:00", "15:14", 24_550.0)
    run.minutes("15:15", "15:29", 24_590.0)
    run.session.advance(run.at("15:31"))
    (settled,) = run.engine.clearing.endings.settled
    assert settled.prices == 30
    assert 24_550 < settled.value < 24_590
    assert "the average of 30 prices of the last half hour" in str(settled)


def test_else_it_is_the_last_price_and_that_is_told() -> None:
    run = held_to_the_end()
    run.index("15:10", 24_570.0)
    run.session.advance(run.at("15:31"))
    (settled,) = run.engine.clearing.endings.settled
    assert (settled.prices, settled.price) == (0, Decimal("70.00"))
    assert str(settled) == "NIFTY2672124500CE settled at 70.00: NIFTY at 24570.00, the last price"


def test_the_run_of_a_settled_position_has_ended_and_arms_nothing() -> None:
    run = held_to_the_end(re_entry={"maxReEntries": None})
    close_at(run, 24_550.0)
    strategy = run.engine.strategies[0]
    assert strategy.idle
    assert strategy.runs == []
    assert {name for name, node in strategy.nodes.items() if node.state != "idle"} == set()


def test_an_exit_that_worked_at_the_close_is_over_with_the_position() -> None:
    run = held_to_the_end(limit_exit=300)
    run.index("15:28", 24_601.0)
    run.option("15:28:30", 220.0)
    run.index("15:29", 24_601.0)
    assert [one["purpose"] for one in run.orders] == ["entry", "exit"]
    run.session.advance(run.at("15:31"))
    (closed,) = run.positions.closed
    assert closed.exit_node == "expiry"
    slot = run.positions.slots["p"]
    assert slot.open == slot.closing == 0
    assert run.engine.desks["story"].book.working == {}


def test_a_position_that_was_closed_before_does_not_settle() -> None:
    run = bought_and_sold()
    close_at(run, 24_601.0)
    assert run.engine.clearing.endings.settled == []


def test_a_future_settles_at_the_value_itself() -> None:
    run = Options(day="2026-07-28", details={"expiry": "M0", "optionType": "FUT"})
    future = run.engine.contracts.families["NFO", "NIFTY"].futures
    (contract,) = future.values()
    run.option("10:00", 24_500.0, contract)
    run.index("10:00", 24_495.0)
    run.index("10:01", 24_495.0)
    run.option("10:01:01", 24_500.0, contract)
    close_at(run, 24_550.0)
    (closed,) = run.positions.closed
    assert closed.pnl == 50 * 65


# --- the broker's hour -------------------------------------------------------------------------------------------


def test_intraday_positions_that_are_left_are_closed_by_the_broker_at_its_fee() -> None:
    settings = replace(CoreSettings(), session=SessionSettings(intraday_exit="none"))
    run = Options(settings=settings, day="2026-07-15", productType="intraday")
    run.opened()
    run.option("15:24:59", 170.0)
    run.option("15:25:01", 171.0)
    (closed,) = run.positions.closed
    assert closed.exit_node == "square_off"
    assert closed.exit_price == 171
    (told,) = [one for one in run.told("order") if "broker" in one]
    assert told == "the broker closes p, NIFTY2672124500CE: intraday positions end now"
    assert closed.charges > 59  # fifty and its tax


def test_the_own_square_off_comes_first_and_costs_no_fee() -> None:
    run = Options(day="2026-07-15", productType="intraday")
    run.opened()
    run.option("15:14:59", 170.0)
    run.option("15:15:01", 171.0)
    run.option("15:25:01", 171.0)
    assert [one for one in run.told("order") if "broker" in one] == []


# --- prices that are none ----------------------------------------------------------------------------------------


def test_an_index_price_under_an_option_s_name_is_kept_out_counted_and_told_once() -> None:
    run = Options()
    run.opened(120.0)
    run.index("10:02", 24_601.0)
    run.option("10:02:30", 120.0)
    run.index("10:03", 24_601.0)
    run.option("10:03:01", 24_500.0)
    run.option("10:03:02", 24_501.0)
    assert run.positions.closed == []
    assert run.engine.feeds[CALL.id].price == 120.0
    assert run.engine.counts.quarantined == 2
    (told,) = run.told()
    assert told == "24500.0 cannot be a price of NIFTY2672124500CE: it is not used, nor are others like it"
    run.option("10:03:03", 121.0)
    (closed,) = run.positions.closed
    assert closed.exit_price == 121


def test_a_price_may_jump_as_far_as_the_index_lets_it() -> None:
    run = Options()
    run.opened(0.5)
    run.index("10:02", 25_000.0)
    run.option("10:02:01", 505.0)
    assert run.engine.feeds[CALL.id].price == 505.0
    assert run.engine.counts.quarantined == 0


# --- protected orders that do not fill ---------------------------------------------------------------------------


def test_an_exit_whose_limit_was_left_behind_follows_the_price_until_it_fills() -> None:
    run = Options("sell")
    run.opened(50.0)
    run.index("10:02", 24_601.0)
    run.option("10:02:59", 50.0)
    run.index("10:03", 24_601.0)
    assert (run.orders[1]["type"], run.orders[1]["limit_price"]) == ("limit", "51.50")
    for second in range(1, 20):
        run.option(f"10:03:{second:02d}", 50.0, bid=49.0, ask=60.0)
    changed = [one["limit_price"] for one in run.said if one["command"] == "modify"]
    assert changed == ["53.00", "54.50", "56.00", "57.50", "59.00", "60.50"]
    (closed,) = run.positions.closed
    assert closed.exit_price == 60
    assert [one for one in run.told("order") if "follows" in one] == [
        "exit c478362607212 of p did not fill at 51.50: its limit follows the price"
    ]


# --- what a venue may tell ---------------------------------------------------------------------------------------


def step(run: Run, event: Event) -> None:
    """Let the engine take an event past the simulator, and note what it says."""
    run.said += [json.loads(canonical(command)) for command in run.engine.step(event)]


def told_fill(run: Options, order: str, quantity: int, name: str, price: str = "150") -> None:
    step(run, OrderFilled(Fill(name, order, run.engine.now, Decimal(price), Decimal(quantity))))


def test_what_fills_beyond_an_order_is_closed_at_once_and_blocks_entries() -> None:
    run = Options()
    run.opened()
    entry_order = run.orders[0]["id"]
    told_fill(run, entry_order, 65, "late")
    sent = run.orders[1]
    assert (sent["side"], sent["quantity"], sent["purpose"], sent["node"]) == ("sell", "65", "exit", "strays")
    (told,) = [one for one in run.alerts("order") if one["alert_type"] == "critical"]
    assert told["message"] == "65 of fill late was not asked for: closing it, and no entry until all is flat"
    assert run.engine.desks["story"].entry_gate() == "risk: more filled than was asked for"
    told_fill(run, sent["id"], 65, "back", "149")
    assert [p.pnl for p in run.positions.closed] == [-65]
    assert [p.vpi for p in run.positions.open()] == ["p"]  # as it was
    assert run.positions.slots["p"].free == 65


def test_a_fill_told_twice_is_one() -> None:
    run = Options()
    position = run.opened()
    told_fill(run, run.orders[0]["id"], 65, f"{run.orders[0]['id']}.1")
    assert position.quantity == 65
    assert len(run.orders) == 1


def test_an_exit_that_fills_after_the_settlement_is_undone() -> None:
    run = held_to_the_end(limit_exit=300)
    run.index("15:28", 24_601.0)
    run.option("15:28:30", 220.0)
    run.index("15:29", 24_601.0)
    order = run.orders[1]["id"]
    run.session.advance(run.at("15:31"))
    told_fill(run, order, 65, "late", "300")
    (stray,) = run.positions.open()
    assert stray.side is Side.SELL
    assert stray.quantity == 65
    assert [one["node"] for one in run.orders[2:]] == ["strays"]


def test_a_late_fill_of_an_exit_closes_what_is_still_open_and_no_more() -> None:
    run = Options(quantity=2)
    position = run.opened()
    run.index("10:02", 24_601.0)
    run.option("10:02:59", 220.0)
    run.index("10:03", 24_601.0)
    order = run.orders[1]["id"]
    told_fill(run, order, 65, "first", "220")
    step(run, OrderCancelled(order, run.engine.now, "by the exchange"))
    told_fill(run, order, 65, "late", "220")
    assert position.status is PositionStatus.CLOSED
    assert [p.vpi for p in run.positions.open()] == []
    assert len([one for one in run.orders if one["node"] == "strays"]) == 0


def test_a_late_fill_for_a_strategy_that_is_gone_is_counted() -> None:
    run = bought_and_sold()
    run.engine.roster.want([], ())
    run.engine.switch()
    told_fill(run, run.orders[0]["id"], 65, "late")
    assert run.engine.clearing.foreign == 1


def test_an_order_of_which_nothing_is_known_blocks_entries_and_no_exit() -> None:
    run = Options()
    run.opened()
    run.index("10:02", 24_601.0)
    run.option("10:02:59", 160.0)
    run.index("10:03", 24_601.0)
    order = run.orders[1]["id"]
    step(run, OrderUnknown(order, run.engine.now, "no answer"))
    assert run.engine.desks["story"].entry_gate() == "risk: what became of an order is not known"
    told_fill(run, order, 65, "found", "160")
    assert run.engine.desks["story"].entry_gate() == ""


def test_a_report_on_an_order_that_is_not_ours_is_counted() -> None:
    run = Options()
    step(run, OrderAccepted("somebody's", run.at("10:00")))
    assert run.engine.clearing.foreign == 1


@pytest.mark.parametrize(
    "event",
    [
        Tick("SIM:OTHER", ist("2026-07-15 10:00"), 1.0),
        FeedGap("SIM:OTHER", ist("2026-07-15 10:00")),
        HistoryLoaded("SIM:OTHER", Timeframe(MINUTE), (), ist("2026-07-15 10:00")),
        BarOpened("SIM:OTHER", ist("2026-07-15 10:00"), 1.0),
    ],
)
def test_an_event_of_an_unknown_instrument_says_which(event: Event) -> None:
    with pytest.raises(InvariantError, match="there is no feed of SIM:OTHER; there are SIM:XYZ"):
        Run(instruments=[XYZ]).engine.step(event)


def test_a_strategy_that_does_not_run_cannot_be_flattened() -> None:
    with pytest.raises(InvariantError, match="no strategy 'other' runs that could be flattened; running: story"):
        Options().engine.step(FlattenRequested("other", ist("2026-07-15 10:00")))


# --- prices that are made ----------------------------------------------------------------------------------------

BLACK = simulated(option_pricing="black76", volatility=Decimal("0.15"))


def made(run: Options) -> Options:
    """Trade in a contract whose price is made, on ticks of the index alone."""
    run.index("10:00", 24_495.0)
    run.index("10:01", 24_495.0)
    run.index("10:01:05", 24_500.0)
    run.index("10:01:30", 24_520.0)
    run.index("10:02", 24_601.0)
    run.index("10:03", 24_601.0)
    run.index("10:03:05", 24_601.0)
    return run


def test_a_contract_without_a_market_is_priced_from_its_underlying_while_it_is_held() -> None:
    run = made(Options(settings=BLACK, day="2026-07-15"))
    (closed,) = run.positions.closed
    assert closed.instrument.id == CALL.id
    assert 150 < closed.entry_price < 300
    assert closed.exit_price is not None
    assert closed.exit_price - closed.entry_price == pytest.approx(Decimal(56), abs=4)  # a delta of some 0.55
    assert str(run.engine.clearing.derived) == "black76 at volatility 0.15"
    before = run.engine.feeds[CALL.id].price
    run.index("10:04", 25_000.0)
    assert run.engine.feeds[CALL.id].price == before  # nobody holds it


def test_it_does_not_fill_on_the_event_that_made_its_price() -> None:
    run = Options(settings=BLACK, day="2026-07-15")
    run.index("10:00", 24_495.0)
    run.index("10:01", 24_495.0)
    assert len(run.orders) == 1
    assert run.positions.open() == []
    run.index("10:01:05", 24_500.0)
    assert len(run.positions.open()) == 1


def test_a_recording_of_made_prices_gives_the_same_commands_stepped_or_run_anew() -> None:
    first = Options(settings=BLACK, day="2026-07-15")
    recorded: list[Event] = []
    first.session._take = first.session._told(recorded.append)
    made(first)
    assert any(isinstance(event, Tick) and event.instrument == CALL.id for event in recorded)
    stepped = Options(settings=BLACK, day="2026-07-15")
    for event in recorded:
        step(stepped, event)
    assert stepped.said == first.said
    anew = Options(settings=BLACK, day="2026-07-15")
    for event in recorded:
        if isinstance(event, Tick):
            anew.session.step(event)
    assert anew.bytes == first.bytes


def test_bars_of_the_underlying_price_it_too_and_do_so_whichever_way_they_come() -> None:
    def rows(run: Options) -> list[tuple[int, int, float, float, float, float, float]]:
        closes = [24_480.0, 24_495.0, 24_500.0, 24_610.0, 24_605.0, 24_605.0]
        begin = run.at("10:00")
        return [
            (begin + k * MINUTE, begin + (k + 1) * MINUTE, c - 5, c + 5, c - 10, c, 0.0) for k, c in enumerate(closes)
        ]

    together, single = (Options(settings=BLACK, day="2026-07-15") for _ in range(2))
    together.session.bars(NIFTY.id, Timeframe(MINUTE), rows(together))
    for row in rows(single):
        single.session.step(BarOpened(NIFTY.id, row[0], row[2]))
        single.session.step(Bar(NIFTY.id, Timeframe(MINUTE), *row))
    assert together.bytes == single.bytes
    assert len(together.positions.closed) == 1


def test_made_prices_settle_like_others() -> None:
    run = Options(settings=BLACK)
    run.index("10:00", 24_495.0)
    run.index("10:01", 24_495.0)
    run.index("10:01:05", 24_495.0)
    close_at(run, 24_561.3)
    (closed,) = run.positions.closed
    assert (closed.exit_price, closed.exit_node) == (Decimal("61.30"), "expiry")


def test_an_option_may_be_chosen_by_a_premium_that_is_made() -> None:
    details = {"expiry": "W0", "strikeType": "premium", "strikeValue": 100, "optionType": "CE"}
    run = Options(settings=BLACK, day="2026-07-15", details=details)
    run.index("10:00", 24_495.0)
    run.index("10:01", 24_495.0)
    run.index("10:01:05", 24_495.0)
    (held,) = run.positions.open()
    assert held.instrument.strike is not None
    assert held.instrument.strike > 24_600
    assert held.entry_price == pytest.approx(Decimal(100), abs=15)


def test_without_the_setting_an_entry_without_prices_is_refused_and_the_run_goes_on() -> None:
    run = Options(day="2026-07-15")
    del run.engine.feeds[CALL.id]
    run.index("10:00", 24_495.0)
    run.index("10:01", 24_495.0)
    assert run.told() == ["entry p refused: there is no market data for NIFTY2672124500CE"]
    run.index("10:05", 24_495.0)
    assert run.orders == []
