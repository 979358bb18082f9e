"""The graphs people draw, as stories: each test is a row of the worked examples, or a drawing from the issue of old."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.stories import T0, Story, alert, drawing, entry, exit_, leg, signal, start
from tests.unit.core.runs import compare, when
from tradingd.core.settings import CoreSettings, OrderSettings, RiskSettings, SessionSettings
from tradingd.model.market import DAY, HOUR, MINUTE

if TYPE_CHECKING:
    from tradingd.model.trading import Order


def test_entries_with_alerts_and_re_entries_up_to_the_budget() -> None:
    nodes = [
        start(), signal("A", 1, 5, 9, 13), alert("say"), entry("e", "p"),
        signal("B", 3, 7, 11), exit_("x", {"maxReEntries": 2}),
    ]  # fmt: skip
    story = Story(drawing(nodes, ["start > A > say", "A > e > B > x"])).run(14)
    entries = [f"{k} entry buy p 1" for k in (1, 5, 9)]
    exits = [f"{k} exit sell p 1" for k in (3, 7, 11)]
    assert story.orders() == [line for pair in zip(entries, exits, strict=True) for line in pair]
    assert [s for s in story.said if "alert" in s] == ["1 alert say", "5 alert say", "9 alert say"]
    assert "11 x budget" in story.gates()  # the fill at the open of 12, after the close of 11
    assert not story.desk.positions.open()


def test_a_refused_close_stays_armed_and_tries_after_1_2_5_seconds() -> None:
    nodes = [start(), entry("e", "p"), signal("B", 2), exit_("x")]
    story = Story(drawing(nodes, ["start > e > B > x"]))
    refusals = iter([True, True, True, False])
    story.venue.refuse = lambda order: order.purpose == "exit" and next(refusals)
    story.run(5)
    sent = [s for s in story.said if s.startswith(("2 exit", "3 exit"))]
    assert len([s for s in sent if "filled" not in s]) == 4
    assert len([s for s in story.said if s.endswith("order critical")]) == 3
    closed = story.desk.positions.closed[0]
    assert (
        closed.exit_ts == T0 + 4 * MINUTE - 1
    )  # sent 1 + 2 + 5 s after the close of 2, inside bar 3: met by its last price


def test_an_exit_beside_the_entry_does_not_fire_before_there_is_something_to_close() -> None:
    nodes = [start(), signal("A", 2), entry("e", "p"), signal("B", *range(20)), exit_("x"), alert("say")]
    story = Story(drawing(nodes, ["start > A > e", "start > B > x", "B > say"])).run(6)
    assert story.orders() == ["2 entry buy p 1", "3 exit sell p 1"]
    assert [s for s in story.said if "alert" in s] == ["3 alert say"]
    assert "0 B nothing to close" in story.gates()


def test_re_entry_arms_only_the_first_signal_of_a_chain() -> None:
    nodes = [
        start(),
        signal("A", 0),
        signal("B", 1, 5),
        entry("e", "p"),
        signal("C", 3),
        exit_("x", {"maxReEntries": 5}),
    ]
    story = Story(drawing(nodes, ["start > A > B > e > C > x"])).run(7)
    assert story.orders() == ["1 entry buy p 1", "3 exit sell p 1"]
    assert story.armed() == {"A"}


def test_a_chain_fires_through_in_one_instant() -> None:
    nodes = [start(), signal("A", 2), signal("B", 2), entry("e", "p")]
    assert Story(drawing(nodes, ["start > A > B > e"])).run(3).orders() == ["2 entry buy p 1"]


def test_an_exit_cancels_the_leg_that_never_filled_and_closes_the_other() -> None:
    resting = leg("q", orderType="limit", limitPrice=1)
    nodes = [start(), signal("A", 0), entry("e", "p", resting), signal("B", 2), exit_("x")]
    story = Story(drawing(nodes, ["start > A > e > B > x"])).run(4)
    assert story.orders() == ["0 entry buy p 1", "0 entry buy q 1", "2 cancel q", "2 exit sell p 1"]
    assert story.armed() == set()
    assert not story.desk.positions.open()


def test_closing_one_leg_leaves_the_exit_of_the_other_armed() -> None:
    nodes = [
        start(), signal("A", 0), entry("e", "p", "q"),
        signal("B", 2), exit_("xp", targetPositionVpi="p"), signal("C", 4), exit_("xq", targetPositionVpi="q"),
    ]  # fmt: skip
    story = Story(drawing(nodes, ["start > A > e > B > xp", "e > C > xq"])).run(3)
    assert story.armed() == {"C"}
    story.run(6)
    assert story.orders()[2:] == ["2 exit sell p 1", "4 exit sell q 1"]
    assert story.armed() == set()


def test_half_of_one_lot_is_one_lot() -> None:
    nodes = [
        start(),
        signal("A", 0),
        entry("e", "p"),
        signal("B", 2),
        exit_("x", quantity="percentage", partialQuantityPercentage=50),
    ]
    assert Story(drawing(nodes, ["start > A > e > B > x"])).run(4).orders()[-1] == "2 exit sell p 1"


def test_half_of_five_lots_is_two_and_the_rest_stays_open() -> None:
    half = exit_("x", quantity="percentage", partialQuantityPercentage=50)
    nodes = [start(), signal("A", 0), entry("e", leg("p", quantity=5)), signal("B", 2), half]
    story = Story(drawing(nodes, ["start > A > e > B > x"])).run(4)
    assert story.orders()[-1] == "2 exit sell p 2"
    assert [p.quantity for p in story.desk.positions.open()] == [3]


def test_an_exit_leads_into_the_next_entry() -> None:
    nodes = [
        start(), signal("A", 0), entry("e1", "p"), signal("B", 2), exit_("x1"),
        entry("e2", leg("q", positionType="sell")), signal("C", 5), exit_("x2"),
    ]  # fmt: skip
    story = Story(drawing(nodes, ["start > A > e1 > B > x1 > e2 > C > x2"])).run(7)
    assert story.orders() == ["0 entry buy p 1", "2 exit sell p 1", "3 entry sell q 1", "5 exit buy q 1"]


def test_two_signals_into_one_entry_and_one_re_entry() -> None:
    nodes = [
        start(),
        signal("A", 0, 10),
        signal("B", 2, 6),
        entry("e", "p"),
        signal("C", 4, 8),
        exit_("x", {"maxReEntries": 1}),
    ]
    story = Story(drawing(nodes, ["start > A > e", "start > B > e", "e > C > x"]))
    story.run(3)
    assert "2 B occupied" in story.gates()
    story.run(5)
    assert {"A", "B"} <= story.armed()
    story.run(12)
    assert story.orders() == ["0 entry buy p 1", "4 exit sell p 1", "6 entry buy p 1", "8 exit sell p 1"]
    assert "10 A spent" in story.gates()


def test_a_diamond_sends_one_order_and_the_trace_names_both_ways() -> None:
    nodes = [start(), signal("S1", 3), signal("S2", 3), entry("e", "p")]
    story = Story(drawing(nodes, ["start > S1 > e", "start > S2 > e"])).run(5)
    assert story.orders() == ["3 entry buy p 1"]
    assert {t.node for t in story.traces if t.data.get("signal_triggered")} == {"S1", "S2"}


def test_a_signal_to_alerts_only_fires_at_each_rising_edge() -> None:
    nodes = [start(), signal("A", 0, 1, 2, 4), alert("say")]
    story = Story(drawing(nodes, ["start > A > say"])).run(6)
    assert [s for s in story.said if "alert" in s] == ["0 alert say", "4 alert say"]


def test_stop_and_reverse() -> None:
    nodes = [
        start(), signal("A", 0), entry("long", "p"), signal("B", 3), exit_("out", targetPositionVpi="p"),
        entry("short", leg("q", positionType="sell")), signal("C", 6), exit_("cover", targetPositionVpi="q"),
    ]  # fmt: skip
    story = Story(drawing(nodes, ["start > A > long > B > out", "B > short > C > cover"])).run(8)
    assert story.orders() == ["0 entry buy p 1", "3 exit sell p 1", "3 entry sell q 1", "6 exit buy q 1"]
    assert not story.desk.positions.open()


def test_a_signal_armed_by_a_fill_is_looked_at_by_the_event_that_filled() -> None:
    nodes = [start(), signal("A", 1), entry("e", "p"), signal("B", 1), exit_("x", {"maxReEntries": None})]
    story = Story(drawing(nodes, ["start > A > e > B > x"])).run(4)
    assert story.orders() == ["1 entry buy p 1", "2 exit sell p 1"]  # at the open of 2 the last closed bar is 1
    assert story.desk.positions.closed[0].exit_ts == T0 + 3 * MINUTE  # decided at an open, filled at the next


def test_an_exit_that_cannot_be_judged_is_told_once() -> None:
    blind = when("B", compare("$slow", ">", 0))
    indicators = {"slow": {"type": "sma", "period": 50}}
    nodes = [start(indicators=indicators), entry("e", "p"), blind, exit_("x")]
    story = Story(drawing(nodes, ["start > e > B > x"]))
    story.strategy.desk._cold.clear()  # as after a restart: the position is there before the values are
    story.run(6)
    assert [s for s in story.said if "alert" in s] == ["1 alert B"]


def test_target_and_stop_as_siblings_send_one_closing_order() -> None:
    nodes = [start(), signal("A", 0), entry("e", "p"), signal("T", 3), exit_("xt"), signal("S", 3), exit_("xs")]
    story = Story(drawing(nodes, ["start > A > e > T > xt", "e > S > xs"])).run(5)
    assert len([s for s in story.orders() if "exit" in s]) == 1
    assert story.armed() == set()


def test_parallel_exit_signals_hanging_on_start_close_every_re_entry() -> None:
    nodes = [start(), signal("A", 0, 4, 8), entry("e", "p"), signal("B", 2, 6, 10), exit_("x", {"maxReEntries": None})]
    story = Story(drawing(nodes, ["start > A > e", "start > B > x"])).run(12)
    assert [s for s in story.orders() if "entry" in s] == [f"{k} entry buy p 1" for k in (0, 4, 8)]
    assert [s for s in story.orders() if "exit" in s] == [f"{k} exit sell p 1" for k in (2, 6, 10)]


def refuse_leg(vpi: str) -> object:
    """Refuse entries of one leg."""

    def decide(order: Order) -> bool:
        return order.vpi == vpi and order.purpose == "entry"

    return decide


@pytest.mark.parametrize("incomplete", ["keep", "close"])
def test_two_legs_with_one_refused(incomplete: str) -> None:
    nodes = [start(), signal("A", 0), entry("e", "p", "q"), signal("B", 4), exit_("x")]
    settings = replace(CoreSettings(), orders=OrderSettings(incomplete_entry=incomplete))  # type: ignore[arg-type] # the two literals
    story = Story(drawing(nodes, ["start > A > e > B > x"]), settings)
    story.venue.refuse = refuse_leg("q")  # type: ignore[assignment] # a predicate
    story.run(6)
    assert "0 order critical" in story.said
    exits = [s for s in story.orders() if "exit" in s]
    assert exits == (["4 exit sell p 1"] if incomplete == "keep" else ["1 exit sell p 1"])
    assert not story.desk.positions.open()


def test_later_stages_wait_for_the_first_and_do_not_come_after_a_refusal() -> None:
    nodes = [start(), signal("A", 0), entry("e", leg("p", priority=1), leg("q", priority=2))]
    assert Story(drawing(nodes, ["start > A > e"])).run(3).orders() == ["0 entry buy p 1", "1 entry buy q 1"]
    story = Story(drawing(nodes, ["start > A > e"]))
    story.venue.refuse = refuse_leg("p")  # type: ignore[assignment] # a predicate
    assert story.run(3).orders() == ["0 entry buy p 1"]
    assert not story.strategy.runs


def test_a_partly_filled_leg_is_closed_whole_with_what_fills_late() -> None:
    big = leg("p", quantity=5)
    nodes = [start(), signal("A", 1), entry("e", big), signal("B", 2), exit_("x")]
    settings = replace(CoreSettings(), session=SessionSettings(intraday_exit="none"))
    story = Story(drawing(nodes, ["start > A > e > B > x"]), settings)
    story.run(1)
    order = next(iter(story.desk.book.working.values()))
    from tradingd.model.events import OrderFilled  # noqa: PLC0415 - the venue's own words, used here only
    from tradingd.model.trading import Fill  # noqa: PLC0415

    story.session._perform(
        (),
        [
            OrderFilled(
                Fill("late.1", order.id, story.engine.now, order.instrument.price(102.0), order.instrument.lot_size * 2)
            )
        ],
    )
    assert [p.quantity for p in story.desk.positions.open()] == [2]
    story.run(5)
    assert not story.desk.positions.open()
    assert sum(p.exited for p in story.desk.positions.closed) == sum(p.entered for p in story.desk.positions.closed)


def test_an_entry_directly_under_start_runs_once_a_session() -> None:
    story = Story(drawing([start(), entry("e", "p")], ["start > e"])).run(4)
    assert story.orders() == ["0 entry buy p 1"]


def test_re_entry_budgets_are_counted_by_group() -> None:
    nodes = [
        start(), signal("A", 0, 4, 8, 12), entry("e", "p"),
        signal("T", 2, 10), exit_("xt", {"groupNumber": 1, "maxReEntries": 1}),
        signal("S", 6), exit_("xs", {"groupNumber": 2, "maxReEntries": 1}),
    ]  # fmt: skip
    story = Story(drawing(nodes, ["start > A > e > T > xt", "e > S > xs"])).run(14)
    assert [s for s in story.orders() if "entry" in s] == [f"{k} entry buy p 1" for k in (0, 4, 8)]
    assert "10 xt budget" in story.gates()


def test_the_cap_on_entries_of_a_session_holds_the_signal() -> None:
    nodes = [start(), signal("A", 0, 4, 8), entry("e", "p"), signal("B", 2, 6), exit_("x", {"maxReEntries": None})]
    settings = replace(CoreSettings(), risk=RiskSettings(max_entries_per_session=2))
    story = Story(drawing(nodes, ["start > A > e > B > x"]), settings).run(9)
    assert len([s for s in story.orders() if "entry" in s]) == 2
    assert any("risk" in g for g in story.gates())


def test_a_position_is_carried_over_a_session_with_its_exit_armed() -> None:
    nodes = [start(), signal("A", 0), entry("e", "p"), signal("B", 1500), exit_("x")]
    story = Story(drawing(nodes, ["start > A > e > B > x"])).run(1502)
    assert story.orders() == ["0 entry buy p 1", "1500 exit sell p 1"]
    assert story.desk.positions.closed[0].exit_ts - T0 > DAY


def test_square_off_cancels_what_works_and_closes_what_is_open() -> None:
    intraday = {"productType": "intraday"}
    resting = leg("q", orderType="limit", limitPrice=1, **intraday)
    nodes = [
        start(), signal("A", 1420), entry("e", leg("p", **intraday), resting),
        signal("B", 1), exit_("x"),
    ]  # fmt: skip
    story = Story(drawing(nodes, ["start > A > e > B > x"])).run(1430)
    # 23:45 is the open of bar 1425: the deadline comes before the close of 1424 is looked at
    assert story.orders() == ["1420 entry buy p 1", "1420 entry buy q 1", "1424 cancel q", "1424 exit sell p 1"]
    assert story.desk.positions.closed[0].exit_node == "square_off"
    assert story.desk.positions.closed[0].exit_ts == T0 + 23 * HOUR + 45 * MINUTE
    assert story.armed() == set()
    story.run(1442)
    assert "A" in story.armed()  # a new session, afresh


def test_square_off_leaves_a_market_exit_that_is_on_its_way() -> None:
    nodes = [start(), signal("A", 1400), entry("e", leg("p", productType="intraday")), signal("B", 1424), exit_("x")]
    story = Story(drawing(nodes, ["start > A > e > B > x"])).run(1430)
    assert len([s for s in story.orders() if "exit" in s]) == 1


def test_edge_needs_the_condition_to_have_been_false_since_arming() -> None:
    nodes = [start(), signal("A", 0, 1, 4, trigger="edge"), entry("e", "p")]
    assert Story(drawing(nodes, ["start > A > e"])).run(5).orders() == ["4 entry buy p 1"]


def test_of_a_mixed_strategy_only_the_intraday_legs_are_squared_off() -> None:
    nodes = [
        start(),
        signal("A", 1400),
        entry("e", leg("p", productType="intraday"), "q"),
        signal("B", 1500),
        exit_("x"),
    ]
    story = Story(drawing(nodes, ["start > A > e > B > x"])).run(1502)
    assert story.orders()[2:] == ["1424 exit sell p 1", "1500 exit sell q 1"]
    assert [p.exit_node for p in story.desk.positions.closed] == ["square_off", "x"]
