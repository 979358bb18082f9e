"""The line as a whole: which events count, in which order things happen, and that the same goes in gives the same."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from tests.stories import T0, Story, alert, document, drawing, entry, exit_, leg, signal, start
from tests.unit.core.runs import ACME, M1, XYZ, Run, always, compare, feed_bars, flat_bar, ist, when
from tradingd.core.engine import NOTHING, Engine
from tradingd.core.graph.expressions import IndicatorValue
from tradingd.core.graph.plan import plan
from tradingd.core.indicators.catalog import CATALOG
from tradingd.core.indicators.declaration import declare
from tradingd.core.markets.contracts import Contracts
from tradingd.core.session import Session
from tradingd.core.settings import BarSettings, CoreSettings, SimulationSettings
from tradingd.core.simulator import Simulator
from tradingd.model.commands import SubmitOrder
from tradingd.model.errors import InvariantError
from tradingd.model.events import BarOpened, FeedGap, HistoryLoaded, StrategiesReplaced
from tradingd.model.market import DAY, HOUR, MINUTE, SECOND, Bar, Tick
from tradingd.model.trading import Side

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tradingd.model.commands import Command


def in_and_out(name: str = "s", timeframe: str = "1m", **start_data: Any) -> dict[str, Any]:
    """Draw a strategy that enters and leaves as often as it can."""
    nodes = [
        start(timeframe=timeframe, **start_data),
        always("A"),
        entry("e", "p"),
        always("B"),
        exit_("x", {"maxReEntries": None}),
    ]
    return drawing(nodes, ["start > A > e > B > x"], name)


def nse(name: str = "s", **data: Any) -> dict[str, Any]:
    return in_and_out(name, symbol="ACME", exchange="NSE", **data)


def minute_ticks(count: int, begin: int = T0, instrument: str = XYZ.id) -> list[Tick]:
    return [Tick(instrument, begin + k * MINUTE, 100.0 + k % 7, 1.0) for k in range(count)]


# --- time --------------------------------------------------------------------------------------------------------


def test_market_time_is_the_furthest_an_event_has_come() -> None:
    run = Run(in_and_out())
    for second, now in ((0, 0), (50, 50), (10, 50), (49, 50), (61, 61)):
        run.session.step(Tick(XYZ.id, T0 + second * SECOND, 100.0))
        assert run.engine.now == T0 + now * SECOND


def test_the_last_price_is_the_latest_and_not_the_last_that_came() -> None:
    run = Run(drawing([start(), always("A"), alert("say")], ["start > A > say"]))
    for second, price in ((0, 100.0), (50, 101.0), (40, 500.0), (50, 102.0), (49, 500.0)):
        run.session.step(Tick(XYZ.id, T0 + second * SECOND, price))
    assert run.engine.feeds[XYZ.id].price == 102.0
    run.session.finish()
    assert [one["price"] for one in run.alerts("alert")] == [102.0]


def test_a_step_that_changes_nothing_gives_the_one_empty_answer() -> None:
    engine = Run(in_and_out()).engine
    assert engine.step(Tick(XYZ.id, T0, 100.0)) is NOTHING
    assert engine.step(Tick(XYZ.id, T0 + 1, 100.0)) is NOTHING


@pytest.mark.parametrize(
    ("time", "inside"),
    [("09:14:59", False), ("09:15:00", True), ("15:29:59", True), ("15:30:00", False), ("20:00:00", False)],
)
def test_which_ticks_are_of_the_session(time: str, inside: bool) -> None:
    run = Run(nse(), instruments=[ACME])
    run.session.step(Tick(ACME.id, ist(f"2024-01-02 {time}"), 100.0))
    feed = run.engine.feeds[ACME.id]
    assert run.engine.counts.outside_session == (not inside)
    assert run.engine.counts.late == 0
    assert feed.price == (100.0 if inside else 0.0)
    run.session.finish()
    assert feed.lines[0].series.count == inside


def test_nothing_is_decided_or_filled_outside_the_session() -> None:
    run = Run(nse(), instruments=[ACME])
    day = ist("2024-01-02 00:00")
    for second in range(10):
        run.session.step(Tick(ACME.id, day + 9 * HOUR + second * SECOND, 100.0))
    assert run.said == []
    for time in ("15:28:00", "15:29:00", "15:30:00", "15:30:05", "16:00:00"):
        run.session.step(Tick(ACME.id, ist(f"2024-01-02 {time}"), 100.0))
    assert [(one["ts"] - day) // MINUTE for one in run.orders] == [15 * 60 + 29]  # sent, and never filled
    assert run.alerts("fill") == []
    assert run.engine.counts.outside_session == 13


def test_a_weekend_tick_begins_nothing() -> None:
    run = Run(nse(), instruments=[ACME])
    run.session.step(Tick(ACME.id, ist("2024-01-06 12:00"), 100.0))
    assert run.engine.counts.outside_session == 1
    run.session.step(Tick(ACME.id, ist("2024-01-08 09:15"), 100.0))
    assert run.engine.counts.outside_session == 1
    assert run.engine.feeds[ACME.id].fresh


def test_a_session_s_last_bar_is_evaluated_after_its_end_and_before_the_next_day() -> None:
    """What it decides is an order for the next day."""
    run = Run(nse(timeframe="1h"), instruments=[ACME])
    run.session.step(Tick(ACME.id, ist("2024-01-02 15:20"), 100.0))
    run.session.step(Tick(ACME.id, ist("2024-01-03 09:15"), 101.0))
    sent, _ = run.orders  # and the exit, which the tick that filled it caused
    assert sent["ts"] == ist("2024-01-02 15:30") + SECOND
    assert sent["id"][6:12] == "240103"
    (position,) = run.engine.desks["s"].positions.open()
    assert (str(position.entry_price), position.entry_ts) == ("101.00", ist("2024-01-03 09:15"))


def test_the_grace_is_a_setting() -> None:
    settings = replace(CoreSettings(), bars=BarSettings(bar_grace_ms=5000))
    run = Run(in_and_out(), instruments=[XYZ, ACME], settings=settings)
    run.session.step(Tick(XYZ.id, T0, 100.0))
    run.session.step(Tick(ACME.id, T0 + 65 * SECOND - 1, 1.0))
    assert run.orders == []
    run.session.step(Tick(ACME.id, T0 + 65 * SECOND, 1.0))
    assert [one["ts"] for one in run.orders] == [T0 + 65 * SECOND]


def test_an_order_is_stamped_with_market_time_also_when_a_late_tick_caused_it() -> None:
    """The deadline of a bar falls due before whatever event shows that its time has come."""
    run = Run(in_and_out(), instruments=[XYZ, ACME])
    run.session.step(Tick(XYZ.id, T0 + 10 * SECOND, 100.0))
    run.session.step(Tick(ACME.id, T0 + 60_500_000_000, 1.0))
    run.session.step(Tick(XYZ.id, T0 + 60 * SECOND, 100.0))  # closes the bar, stamped before market time
    assert [one["ts"] for one in run.orders] == [T0 + 60_500_000_000]


# --- order -------------------------------------------------------------------------------------------------------


def test_strategies_take_an_event_in_the_order_of_their_ids() -> None:
    names = ["b", "a10", "a9", "B", "\u00e4"]
    run = Run(*(in_and_out(name) for name in names))
    for tick in minute_ticks(2):
        run.session.step(tick)
    assert [one["strategy"] for one in run.orders] == sorted(names) == ["B", "a10", "a9", "b", "\u00e4"]


def test_also_where_bars_of_several_widths_close_together() -> None:
    run = Run(in_and_out("c", "1m"), in_and_out("b", "5m"), in_and_out("a", "1m"), in_and_out("d", "5m"))
    for tick in [Tick(XYZ.id, T0 + 4 * MINUTE, 100.0), Tick(XYZ.id, T0 + 5 * MINUTE, 100.0)]:
        run.session.step(tick)
    assert [one["strategy"] for one in run.orders] == ["a", "b", "c", "d"]


def test_one_strategy_does_not_change_what_another_does() -> None:
    ticks = [Tick(tick.instrument, tick.ts, tick.price) for tick in minute_ticks(60)]  # of a volume, they would share
    alone = Run(in_and_out("b"))
    together = Run(in_and_out("a", "2m"), in_and_out("b"), in_and_out("c", "5m"))
    for run in (alone, together):
        for tick in ticks:
            run.session.step(tick)
    assert alone.bytes == [
        line for line, one in zip(together.bytes, together.said, strict=True) if one["strategy"] == "b"
    ]


def test_two_strategies_of_one_id_are_refused() -> None:
    with pytest.raises(InvariantError, match="two strategies have the id 's'"):
        Run(in_and_out("s"), in_and_out("s", "5m"))


def test_the_tick_that_closes_a_bar_comes_after_it() -> None:
    """An order decided at the close is in the market before that tick, but the tick caused it: it fills on the next."""
    run = Run(in_and_out())
    run.session.step(Tick(XYZ.id, T0, 100.0))
    run.session.step(Tick(XYZ.id, T0 + MINUTE, 101.0))
    assert len(run.orders) == 1
    assert run.alerts("fill") == []
    run.session.step(Tick(XYZ.id, T0 + MINUTE, 102.0))  # the same instant, another event
    assert run.told("fill") == ["entry buy 1 XYZ at 102.00"]


def test_equal_events_give_equal_bytes() -> None:
    digests = set()
    for _ in range(2):
        run = Run(in_and_out("a"), in_and_out("b", "2m"))
        for tick in minute_ticks(200):
            run.session.step(tick)
        digests.add(run.session.decisions_sha256)
        assert run.session.commands > 100
    assert len(digests) == 1


def test_one_traded_tick_by_one_tick_size_changes_them() -> None:
    ticks = minute_ticks(200)
    runs = []
    traded = -1
    for _ in range(2):
        run = Run(in_and_out())
        for tick in ticks:
            run.session.step(Tick(tick.instrument, tick.ts, tick.price + 0.01 * (tick.ts == traded), 1.0))
        runs.append(run)
        traded = run.alerts("fill")[10]["ts"]
    assert runs[0].session.decisions_sha256 != runs[1].session.decisions_sha256
    assert [one["id"] for one in runs[0].orders] == [one["id"] for one in runs[1].orders]


# --- retries, gaps -----------------------------------------------------------------------------------------------


def test_a_close_is_tried_again_after_1_2_5_10_and_then_every_30_seconds() -> None:
    nodes = [start(), signal("A", 0), entry("e", "p"), signal("B", 2), exit_("x")]
    story = Story(drawing(nodes, ["start > A > e > B > x"]))
    times: list[int] = []

    def refuse(order: Any) -> bool:
        if order.purpose == "exit":
            times.append(order.ts)
        return order.purpose == "exit" and len(times) < 8

    story.venue.refuse = refuse
    story.run(8)
    assert [(b - a) / SECOND for a, b in pairwise(times)] == [1, 2, 5, 10, 30, 30, 30]
    assert times[0] == T0 + 3 * MINUTE
    assert len([s for s in story.said if s.endswith("order critical")]) == 7
    assert not story.desk.positions.open()


def test_a_hole_in_the_data_holds_entries_and_not_exits() -> None:
    for lost_in, orders in ((0, [2, 3]), (1, [1, 2])):
        left = when("B", compare("close", ">", 100.0 + orders[0] - 0.5))  # with the bar after the entry
        run = Run(drawing([start(), always("A"), entry("e", "p"), left, exit_("x")], ["start > A > e > B > x"]))
        for k in range(6):
            if k == lost_in:
                run.session.tell(FeedGap(XYZ.id, T0 + k * MINUTE))
            run.session.step(Tick(XYZ.id, T0 + k * MINUTE, 100.0 + k))
            run.session.step(Tick(XYZ.id, T0 + k * MINUTE + 1, 100.0 + k))
        assert [(one["ts"] - T0) // MINUTE for one in run.orders] == orders


def test_a_hole_counts_as_far_back_as_the_condition_reads() -> None:
    nodes = [start(), when("A", compare("close@2", ">", 0)), entry("e", "p")]
    run = Run(drawing(nodes, ["start > A > e"]))
    for k in range(8):
        if k == 1:
            run.session.tell(FeedGap(XYZ.id, T0 + k * MINUTE))
        run.session.step(Tick(XYZ.id, T0 + k * MINUTE, 100.0))
    assert [(one["ts"] - T0) // MINUTE for one in run.orders] == [5]  # bar 1 is out of reach at the close of bar 4


# --- when trading begins -----------------------------------------------------------------------------------------


def test_trading_begins_with_the_first_bar_that_opens_at_its_beginning() -> None:
    run = Run(in_and_out(), trade_from=T0 + 3 * MINUTE)
    feed_bars(run, 0, 6)
    assert (run.orders[0]["ts"] - T0) // MINUTE == 4


def test_what_comes_before_warms_up() -> None:
    begin = start(indicators={"ma": {"type": "sma", "period": 4}})
    drawn = drawing([begin, when("A", compare("$ma", ">", 0)), entry("e", "p")], ["start > A > e"])
    for trade_from, first in ((0, 4), (T0 + 5 * MINUTE, 6)):
        run = Run(drawn, trade_from=trade_from)
        feed_bars(run, 0, 8)
        assert (run.orders[0]["ts"] - T0) // MINUTE == first


def test_a_wider_strategy_does_not_delay_the_beginning_of_another() -> None:
    """At 5 minutes a bar of before and one of after close together."""
    alone, together = (
        Run(*drawn, trade_from=T0 + 4 * MINUTE)
        for drawn in ([in_and_out("a")], [in_and_out("a"), in_and_out("b", "5m")])
    )
    for run in (alone, together):
        feed_bars(run, 0, 30)
    assert (alone.orders[0]["ts"] - T0) // MINUTE == 5
    assert alone.bytes == [
        line for line, one in zip(together.bytes, together.said, strict=True) if one["strategy"] == "a"
    ]
    assert next(one for one in together.orders if one["strategy"] == "b")["ts"] == T0 + 10 * MINUTE


def test_trading_that_begins_on_a_later_day() -> None:
    run = Run(nse(), instruments=[ACME], trade_from=ist("2024-01-03 00:00"))
    for day in ("2024-01-02", "2024-01-03"):
        for tick in minute_ticks(5, ist(f"{day} 09:15"), ACME.id):
            run.session.step(tick)
    assert run.orders[0]["ts"] == ist("2024-01-03 09:16")


# --- history -----------------------------------------------------------------------------------------------------


def history(instrument: str, begins: Iterable[int], ts: int) -> HistoryLoaded:
    bars = tuple(Bar(instrument, M1, t, t + MINUTE, 100.0, 101.0, 99.0, 100.0, 1.0, 1) for t in begins)
    return HistoryLoaded(instrument, M1, bars, ts)


def test_history_decides_nothing_and_is_no_price() -> None:
    run = Run(in_and_out())
    run.session.tell(history(XYZ.id, range(T0 - 10 * MINUTE, T0, MINUTE), T0))
    assert run.said == []
    assert run.engine.feeds[XYZ.id].price == 0.0
    assert run.engine.desks["s"].bars() == 10


@pytest.mark.parametrize("begin_minute", [-10, 0])
def test_after_history_ticks_make_bars_also_in_the_session_that_history_ends_in(begin_minute: int) -> None:
    run = Run(in_and_out())
    begin = T0 + begin_minute * MINUTE
    now = begin + 10 * MINUTE
    run.session.tell(history(XYZ.id, range(begin, now, MINUTE), now))
    for tick in minute_ticks(4, now):
        run.session.step(tick)
    assert run.engine.counts.late == 0
    assert run.engine.desks["s"].bars() == 13
    assert [one["ts"] for one in run.orders][:1] == [now + MINUTE]


def test_a_tick_of_a_bar_that_history_brought_is_late() -> None:
    run = Run(in_and_out())
    run.session.tell(history(XYZ.id, range(T0, T0 + 10 * MINUTE, MINUTE), T0 + 10 * MINUTE))
    run.session.step(Tick(XYZ.id, T0 + 10 * MINUTE - 1, 500.0))
    run.session.step(Tick(XYZ.id, T0 + 10 * MINUTE, 100.0))
    run.session.step(Tick(XYZ.id, T0 + 11 * MINUTE, 100.0))
    assert run.engine.counts.late == 1
    assert run.engine.desks["s"].bars() == 11


DAYS = [ist(f"2024-01-0{day} 09:15") for day in (1, 2, 3)]


def session_ticks(begin: int) -> list[Tick]:
    """Return a tick a minute of a whole session, wandering by its date."""
    return [
        Tick(ACME.id, begin + k * MINUTE, 100 + (k * 37 + begin // DAY * 11) % 23 / 20, 1.0 + k % 3) for k in range(375)
    ]


def values_of(run: Run, ticks: Iterable[Tick]) -> list[list[float]]:
    """Feed ticks; return what conditions read of indicators after each."""
    found = []
    lists = run.engine.strategies[0].lists
    for tick in ticks:
        run.session.step(tick)
        found.append([values[-1 - o.back] for o, values in lists.items() if isinstance(o, IndicatorValue)])
    return found


@pytest.mark.parametrize("kind", ["rsi", "ema", "atr", "vwap"])
def test_a_value_of_the_third_day_does_not_depend_on_how_the_days_before_came(kind: str) -> None:
    """By the same engine, as long history, as just the N bars before, or with the program started at noon."""
    params = {} if kind == "vwap" else {"period": 3}
    begin = start(symbol="ACME", exchange="NSE", indicators={"i": {"type": kind} | params})
    drawn = drawing(
        [begin, when("A", compare("$i", ">", 0), compare("$i@1", ">", 0)), alert("say")], ["start > A > say"]
    )
    third = session_ticks(DAYS[2])
    noon = 150

    fed = Run(drawn, instruments=[ACME])
    closed: list[Bar] = []
    for tick in [*session_ticks(DAYS[0]), *session_ticks(DAYS[1])]:
        fed.session.step(tick)
        last = fed.engine.feeds[ACME.id].lines[0].series.last
        if last is not None and (not closed or closed[-1] is not last):
            closed.append(last)
    fed.session.finish()
    last = fed.engine.feeds[ACME.id].lines[0].series.last
    assert last is not None
    closed.append(last)
    assert len(closed) == 750
    expected = values_of(fed, third)

    count = CATALOG[kind].anchor_bars(declare(kind, params))
    assert count < 375
    for bars in (closed, closed[-count:] if count else closed[-1:]):
        run = Run(drawn, instruments=[ACME])
        run.session.tell(HistoryLoaded(ACME.id, M1, tuple(bars), DAYS[2] - MINUTE))
        assert values_of(run, third)[2:] == expected[2:]

    morning = tuple(flat_bar(ACME, t.ts, t.price, t.volume) for t in third[:noon])
    for bars in (closed, closed[-count:] if count else closed[-1:]):
        late = Run(drawn, instruments=[ACME])
        late.session.tell(HistoryLoaded(ACME.id, M1, (*bars, *morning), third[noon].ts))
        assert values_of(late, third[noon:]) == expected[noon:]


@pytest.mark.parametrize(("kind", "params"), [("ema", {"period": 3}), ("rsi", {"period": 3}), ("vwap", {})])
def test_a_program_started_within_a_session_anchors_at_its_open_though_history_ends_the_day_before(
    kind: str, params: dict[str, object]
) -> None:
    begin = start(symbol="ACME", exchange="NSE", indicators={"i": {"type": kind} | params})
    drawn = drawing([begin, when("A", compare("$i", ">", 0)), alert("say")], ["start > A > say"])
    bars = [flat_bar(ACME, t.ts, t.price, t.volume) for t in session_ticks(DAYS[1])]
    count = max(CATALOG[kind].anchor_bars(declare(kind, params)), 1)
    runs = []
    for ts in (DAYS[2] - MINUTE, DAYS[2] + 30):
        for known in (bars, bars[-count:]):
            run = Run(drawn, instruments=[ACME])
            run.session.tell(HistoryLoaded(ACME.id, M1, tuple(known), ts))
            runs.append(values_of(run, session_ticks(DAYS[2])[1:60]))
    assert all(run[2:] == runs[0][2:] for run in runs)  # the look-back of the first two reaches the day before


# --- square-off, and strategies that go --------------------------------------------------------------------------


def load(text: str) -> Any:
    return plan(document(json.loads(text)))


def intraday(name: str) -> dict[str, Any]:
    nodes = [
        start(),
        always("A"),
        entry("e", leg("p", productType="intraday")),
        when("B", compare("close", "<", 0)),
        exit_("x"),
    ]
    return drawing(nodes, ["start > A > e > B > x"], name)


def test_a_strategy_that_was_taken_out_leaves_no_deadline_behind() -> None:
    settings = CoreSettings()
    engine = Engine([load(json.dumps(intraday(n))) for n in ("a", "b")], [XYZ], Contracts([]), settings, load=load)
    session = Session(engine, Simulator(settings.simulation))
    session.step(Tick(XYZ.id, T0, 100.0))
    session.tell(StrategiesReplaced(T0 + SECOND, (json.dumps(intraday("b")),)))
    assert list(engine.desks) == ["b"]
    for tick in minute_ticks(1439, T0 + MINUTE):
        session.step(tick)
    (closed,) = engine.desks["b"].positions.closed
    assert closed.exit_ts == T0 + 23 * HOUR + 45 * MINUTE


def test_a_strategy_that_comes_later_takes_its_place_by_id() -> None:
    """At the close of a bar, and at a tick, on which an entry directly under start runs."""
    settings = CoreSettings()
    begins = {name: json.dumps(in_and_out(name)) for name in "bd"}
    begins |= {name: json.dumps(drawing([start(), entry("e", "p")], ["start > e"], name)) for name in "ac"}
    engine = Engine([load(begins["b"])], [XYZ], Contracts([]), settings, load=load)
    run: list[str] = []

    def on_command(command: Command, _: bytes) -> None:
        if isinstance(command, SubmitOrder):
            run.append(command.order.strategy)

    session = Session(engine, Simulator(settings.simulation), on_command)
    session.step(Tick(XYZ.id, T0, 100.0))
    session.step(Tick(XYZ.id, T0 + MINUTE, 100.0))
    for k, names in enumerate(("db", "cdb", "acdb")):
        session.tell(StrategiesReplaced(T0 + MINUTE + k, tuple(begins[name] for name in names)))
    session.step(Tick(XYZ.id, T0 + MINUTE + SECOND, 100.0))
    session.step(Tick(XYZ.id, T0 + 2 * MINUTE, 100.0))
    assert run == ["b", *"abc", *"bd"]


@pytest.mark.parametrize(("side", "pnl"), [(Side.BUY, "-0.30"), (Side.SELL, "0.10")])
def test_the_spread_is_paid_on_the_way_in_and_out(side: Side, pnl: str) -> None:
    """Five ticks each way, while the price falls by twenty."""
    settings = replace(CoreSettings(), simulation=SimulationSettings(half_spread_ticks=Decimal(5)))
    nodes = [start(), signal("A", 0), entry("e", leg("p", positionType=side.value)), signal("B", 1), exit_("x")]
    run = Run(drawing(nodes, ["start > A > e > B > x"]), settings=settings)
    for k, price in enumerate((100.0, 100.0, 99.8, 99.8)):
        ts = T0 + k * MINUTE
        run.session.step(BarOpened(XYZ.id, ts, price))
        run.session.step(flat_bar(XYZ, ts, price, float(k)))
    (closed,) = run.engine.desks["story"].positions.closed
    assert str(closed.pnl) == pnl
