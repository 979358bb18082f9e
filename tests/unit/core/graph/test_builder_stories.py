"""What the builder's own nodes and expressions do, as stories: bars with a way through them, and what was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.builders import (
    NOW,
    again,
    at,
    candle,
    clock,
    compare,
    entry,
    exit_,
    leg,
    live,
    modify,
    number,
    position,
    root,
    signal,
    square_off,
    start,
)
from tests.stories import T0, Story, alert, drawing
from tradingd.model.events import BarMoved, BarOpened, Pulse
from tradingd.model.market import MINUTE, Bar, Timeframe, way_through

if TYPE_CHECKING:
    from collections.abc import Sequence


def told(nodes: Sequence[dict[str, Any]], paths: Sequence[str], prices: Sequence[tuple[float, ...]]) -> Story:
    """Run bars (open, high, low, close) with their way through them; bar k has the volume k."""
    story = Story(drawing(nodes, paths))
    for k, bar in enumerate(prices):
        open_, high, low, close = bar if len(bar) == 4 else bar * 4
        ts, name = T0 + k * MINUTE, story.instrument.id
        story.event = k
        story.session.step(BarOpened(name, ts, open_))
        for when, price in way_through(ts, ts + MINUTE, open_, high, low, close):
            story.session.step(BarMoved(name, when, price))
        story.session.step(Bar(name, Timeframe(MINUTE), ts, ts + MINUTE, open_, high, low, close, float(k), 1))
    return story


def fills(story: Story) -> list[str]:
    return [line for line in story.said if "filled" in line]


def flat(count: int, price: float = 100.0) -> list[tuple[float, ...]]:
    return [(price,)] * count


RE_ENTERING = ["start > A > q > B1 > x1 > R1 > q", "q > B2 > x2 > R2 > q", "start > S"]


def re_entering(first: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        start(), signal("A", at(0)), entry("q", "p"),
        signal("B1", at(7), kind="exit"), exit_("x1", "p"), again("R1", "q", at(4, 9), **first),
        signal("B2", at(2, 7), kind="exit"), exit_("x2", "p"), again("R2", "q", at(4, 9), maxReEntries=10),
        square_off("S", timeBasedExit={"enabled": True, "exitTime": "00:12"}),
    ]  # fmt: skip


def test_re_entries_of_one_group_compare_it_each_with_its_own_limit() -> None:
    story = told(re_entering({"maxEntries": 1}), RE_ENTERING, flat(15))
    assert story.orders() == [
        "0 entry buy p 1", "2 exit sell p 1", "4 entry buy p 1", "7 exit sell p 1",
    ]  # fmt: skip
    assert "9 R1 budget" in story.gates()


def test_the_re_entry_that_follows_its_exit_counts_down() -> None:
    story = told(re_entering({"maxReEntries": 2}), RE_ENTERING, flat(15))
    assert [line for line in story.orders() if "entry" in line] == [f"{k} entry buy p 1" for k in (0, 4, 9)]
    assert story.orders()[-1] == "11 exit sell p 1"  # 00:12 is the end of bar 11
    assert story.strategy.ended


def test_other_conditions_hold_in_the_run_of_a_re_entry() -> None:
    more = {"hasReEntryExitConditions": True, "reEntryExitConditions": [root(at(8))]}
    nodes = [
        start(), signal("A", at(0)), entry("q", "p"), signal("B", at(2, 6), kind="exit", **more), exit_("x", "p"),
        again("R", "q", at(4), maxReEntries=1),
    ]  # fmt: skip
    story = told(nodes, ["start > A > q > B > x > R > q"], flat(10))
    assert story.orders() == ["0 entry buy p 1", "2 exit sell p 1", "4 entry buy p 1", "8 exit sell p 1"]


def test_an_immediate_square_off_goes_before_the_entry_beside_it() -> None:
    nodes = [start(), signal("A", at(1)), entry("e", "p"), square_off("S", immediateExit={"enabled": True})]
    story = told(nodes, ["start > A > e", "A > S"], flat(4))
    assert story.orders() == []
    assert story.strategy.ended


def test_a_force_end_closes_and_ends() -> None:
    end = {"id": "F", "type": "forceEndNode", "data": {"closeAll": True, "message": "over"}}
    nodes = [start(), signal("A", at(0)), entry("e", "p"), signal("B", at(2)), end]
    story = told(nodes, ["start > A > e > B > F"], flat(5))
    assert story.orders() == ["0 entry buy p 1", "2 exit sell p 1"]
    assert story.strategy.ended


def test_a_loss_limit_ends_the_session() -> None:
    limit = {"enabled": True, "dailyLossLimit": {"enabled": True, "limitAmount": 5, "limitType": "absolute"}}
    nodes = [start(), signal("A", at(0)), entry("e", "p"), square_off("S", performanceBasedExit=limit)]
    prices = [*flat(3), (100, 100, 94, 96), *flat(2)]
    story = told(nodes, ["start > A > e", "start > S"], prices)
    assert story.orders() == ["0 entry buy p 1", "3 exit sell p 1"]


def test_a_live_price_is_looked_at_inside_a_bar() -> None:
    nodes = [start(), signal("A", compare(live(), ">", candle("High"))), entry("e", "p")]
    story = told(nodes, ["start > A > e"], [*flat(3), (99, 101, 98, 100), *flat(1)])
    assert story.orders() == ["3 entry buy p 1"]
    order = story.desk.positions.open()[0]
    assert order.entry_ts == T0 + 4 * MINUTE - 1  # decided at the high, met the price after it


def test_a_live_crossing_goes_by_the_evaluation_before() -> None:
    crossing = compare(live(), "crosses_above", 100)
    nodes = [start(), signal("A", crossing), entry("e", "p")]
    story = told(nodes, ["start > A > e"], [(101,), (101,), (101, 101, 99, 101), (101,)])
    assert story.orders() == ["2 entry buy p 1"]  # above from the start is no crossing


@pytest.mark.parametrize(("operator", "event"), [(">=", 4), (">", 5)])
def test_a_time_is_a_deadline_of_its_own(operator: str, event: int) -> None:
    nodes = [start(), signal("A", compare(NOW, operator, clock("00:05"))), entry("e", "p")]
    story = told(nodes, ["start > A > e"], flat(8))  # 00:05 is the end of bar 4
    assert story.orders() == [f"{event} entry buy p 1"]


def test_a_stop_of_the_exit_guards_the_position_and_arms_nothing() -> None:
    post = {"stopLoss": {"enabled": True, "triggerType": "points", "stopPoints": 3}}
    nodes = [start(), signal("A", at(0)), entry("e", "p"), signal("B", at(9)), exit_("x", "p", post), alert("say")]
    story = told(nodes, ["start > A > e > B > x > say"], [*flat(3), (100, 100, 96, 99), *flat(2)])
    assert story.orders() == ["0 entry buy p 1", "3 exit sell p 1"]
    assert "say" not in " ".join(story.said)
    assert story.armed() == set()


def test_a_trail_follows_and_closes_on_the_way_back() -> None:
    post = {"trailingStop": {"enabled": True, "triggerType": "points", "initialPoints": 2, "pointsStepSize": 1}}
    nodes = [start(), signal("A", at(0)), entry("e", "p", postExecutionConfig=post)]
    prices = [(100,), (100,), (100, 103.5, 100, 103), (103, 103, 101.5, 102), (102, 102, 100.9, 101), (101,)]
    story = told(nodes, ["start > A > e"], prices)
    # 3.5 up is three whole steps: the stop has gone from 98 to 101.
    assert story.orders() == ["0 entry buy p 1", "4 exit sell p 1"]


def test_a_modification_sets_a_target() -> None:
    nodes = [
        start(), signal("A", at(0)), entry("e", "p"), signal("M", at(2)),
        modify("m", "p", takeProfit={"type": "price", "value": 104}),
    ]  # fmt: skip
    prices = [*flat(2), (100, 105, 100, 100), (100,), (100, 104, 100, 104), (104,)]
    story = told(nodes, ["start > A > e > M > m"], prices)
    assert story.orders() == ["0 entry buy p 1", "4 exit sell p 1"]


def test_variables_are_kept_when_a_signal_fires() -> None:
    low = {"id": "v", "name": "Low", "nodeId": "elsewhere", "expression": candle("Low")}
    below = compare(candle("Close"), "<", {"type": "node_variable", "nodeId": "A", "variableName": "Low"})
    nodes = [
        start(), signal("A", at(1), variables=[low]), entry("e", "p"), signal("B", below, kind="exit"), exit_("x", "p"),
    ]  # fmt: skip
    story = told(nodes, ["start > A > e > B > x"], [(100,), (100, 100, 95, 100), (96,), (96,), (94,), (94,)])
    assert story.orders() == ["1 entry buy p 1", "4 exit sell p 1"]


def test_global_variables_are_seen_by_later_nodes_of_the_instant() -> None:
    count = {"type": "global_variable", "globalVariableId": "n"}
    more = {"type": "math_expression", "items": [{"expression": count}, {"operator": "+", "expression": number(1)}]}
    update = {"id": "u", "globalVariableId": "n", "globalVariableName": "n", "expression": more}
    nodes = [
        start(), signal("A", at(1), globalVariableUpdates=[update]), signal("B", compare(count, "==", 1)),
        entry("e", "p"),
    ]  # fmt: skip
    drawn = drawing(nodes, ["start > A > B > e"]) | {"globalVariables": [{"id": "n", "name": "n", "initialValue": 0}]}
    story = Story(drawn).run(3)
    assert story.orders() == ["1 entry buy p 1"]


def test_a_position_and_its_profit_can_be_asked_for() -> None:
    pnl = {"type": "pnl_data", "pnlType": "unrealized", "scope": "position", "vpi": "p"}
    status = {"type": "constant", "valueType": "status", "value": "Open"}
    nodes = [
        start(), signal("A", at(0)), entry("e", "p"),
        signal("B", compare(pnl, ">=", 4), compare(position("p", "status"), "==", status), kind="exit"),
        exit_("x", "p"),
    ]  # fmt: skip
    story = told(nodes, ["start > A > e > B > x"], [(100,), (100,), (100, 103, 100, 103), (103, 104, 103, 104), (104,)])
    assert story.orders() == ["0 entry buy p 1", "3 exit sell p 1"]


def test_a_pulse_is_true_at_its_own_instant_only() -> None:
    pulse = {"type": "external_trigger", "triggerId": "go", "triggerType": "webhook", "parameters": {}}
    true = {"type": "constant", "valueType": "boolean", "value": True}
    nodes = [start(), signal("A", compare(pulse, "==", true)), entry("e", "p")]
    story = Story(drawing(nodes, ["start > A > e"])).run(2)
    assert story.orders() == []
    story.session.tell(Pulse("other", T0 + 3 * MINUTE))
    story.session.tell(Pulse("go", T0 + 3 * MINUTE))
    assert story.orders() == ["2 entry buy p 1"]


def test_bars_are_found_by_time_and_by_number_and_gathered() -> None:
    opening = {
        "type": "candle_range", "rangeType": "by_time", "startTime": "00:00", "endTime": "00:02", "ohlcvField": "High",
        "aggregationType": "max", "timeframeId": "1m", "instrumentType": "TI",
    }  # fmt: skip
    second = candle("Close", candleSelectionMode="by_number", candleNumber=2)
    first = candle("Close", candleSelectionMode="by_time", candleTime="00:00")
    nodes = [
        start(),
        signal("A", compare(candle("Close"), ">", opening), compare(second, "==", 101), compare(first, "==", 103)),
        entry("e", "p"),
    ]  # fmt: skip
    story = told(nodes, ["start > A > e"], [(103,), (101,), (102,), (104,), (104,)])
    assert story.orders() == ["3 entry buy p 1"]


def timeframes(*names: str) -> dict[str, Any]:
    parts = [{"id": name, "timeframe": name, "indicators": {}} for name in names]
    return start(tradingInstrumentConfig={"symbol": "XYZ", "type": "stock", "timeframes": parts})


def test_several_timeframes_are_evaluated_once_a_time() -> None:
    wide, narrow = (candle("Close", timeframeId=name) for name in ("3m", "1m"))
    nodes = [
        timeframes("3m", "1m"), signal("A", compare(wide, ">", 100), compare(narrow, "<", 100)),
        entry("e", "p"),
    ]  # fmt: skip
    story = told(nodes, ["start > A > e"], [(101,), (101,), (101,), (99,), (99,)])
    assert story.orders() == ["3 entry buy p 1"]
    assert [str(line.timeframe) for line in story.engine.feeds[story.instrument.id].lines] == ["1m", "3m"]


def test_a_leg_that_trails_by_its_own_config() -> None:
    trailing = {"enabled": True, "priceMove": 2, "trailPrice": 1, "units": "points", "trailType": "position"}
    nodes = [start(), signal("A", at(0)), entry("e", leg("p", trailingConfig=trailing))]
    prices = [(100,), (100,), (100, 100, 95, 95), (95, 104, 95, 104), (104, 104, 101.9, 102), (102,)]
    story = told(nodes, ["start > A > e"], prices)
    # No stop before it gained: at 104 the stop is at 102, and 101.9 meets it.
    assert story.orders() == ["0 entry buy p 1", "4 exit sell p 1"]
