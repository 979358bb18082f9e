"""The sequencer of a backtest: deadlines, matching, engine, commands; and its fast ways, which change nothing."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stories import T0, alert, document, drawing, entry, exit_, leg, signal, start
from tests.unit.core.runs import M1, XYZ, Run, always, compare, feed_bars, when
from tradingd.core.engine import Engine
from tradingd.core.graph.plan import plan
from tradingd.core.markets.contracts import Contracts
from tradingd.core.session import Session
from tradingd.core.settings import CoreSettings, SessionSettings, SimulationSettings
from tradingd.model.commands import canonical
from tradingd.model.events import BarOpened, OrderAccepted, OrderFilled
from tradingd.model.market import DAY, HOUR, MINUTE, SECOND, Bar, Tick

if TYPE_CHECKING:
    from tradingd.model.events import Event

SQUARE_OFF = T0 + 23 * HOUR + 45 * MINUTE
INTRADAY = {"productType": "intraday"}


def day_trade(*, target: float | None = None, **of_start: Any) -> dict[str, Any]:
    """Draw an intraday position that is opened at the first bar's close, with a resting way out or none."""
    way_out = exit_("x") if target is None else exit_("x", orderType="limit", limitPrice=target)
    never = signal("B") if target is None else always("B")
    nodes = [start(**of_start), always("A"), entry("e", leg("p", **INTRADAY)), never, way_out]
    return drawing(nodes, ["start > A > e > B > x"])


# --- order -------------------------------------------------------------------------------------------------------


def test_a_deadline_comes_before_a_tick_of_the_same_time() -> None:
    run = Run(day_trade())
    for ts in (T0, T0 + MINUTE, T0 + 2 * MINUTE, SQUARE_OFF - 1):
        run.session.step(Tick(XYZ.id, ts, 100.0))
    assert [one["purpose"] for one in run.orders] == ["entry"]
    run.session.step(Tick(XYZ.id, SQUARE_OFF, 101.0))
    assert [(one["node"], one["ts"]) for one in run.orders][1:] == [("square_off", SQUARE_OFF)]
    (closed,) = run.engine.desks["story"].positions.closed
    assert (closed.exit_ts, str(closed.exit_price)) == (SQUARE_OFF, "101.00")


def test_deadlines_come_at_their_own_time_in_order_however_far_the_next_event_is() -> None:
    run = Run(day_trade())
    for ts in (T0, T0 + MINUTE, T0 + 2 * MINUTE):
        run.session.step(Tick(XYZ.id, ts, 100.0))
    run.session.step(Tick(XYZ.id, T0 + DAY + 5 * MINUTE, 101.0))
    assert [(one["node"], one["ts"]) for one in run.orders][:2] == [("e", T0 + MINUTE), ("square_off", SQUARE_OFF)]


def test_the_inside_of_a_bar_lies_before_a_deadline_at_its_end() -> None:
    """A target is reached inside the bar that ends at the square-off: there is nothing left to square off."""
    run = Run(day_trade(target=105))
    bars = [
        (T0, 100.0, 101.0),
        (T0 + MINUTE, 100.0, 101.0),
        (SQUARE_OFF - MINUTE, 100.0, 106.0),
        (SQUARE_OFF, 100.0, 101.0),
    ]
    for ts, price, high in bars:
        run.session.step(BarOpened(XYZ.id, ts, price))
        run.session.step(Bar(XYZ.id, M1, ts, ts + MINUTE, price, high, price, price))
    (closed,) = run.engine.desks["story"].positions.closed
    assert (closed.exit_node, str(closed.exit_price), closed.exit_ts) == ("x", "105.00", SQUARE_OFF - 1)
    assert [one["node"] for one in run.orders] == ["e", "x"]


def test_the_open_of_a_bar_lies_after_a_deadline_at_that_time() -> None:
    run = Run(day_trade())
    for ts in (T0, T0 + MINUTE, SQUARE_OFF - MINUTE, SQUARE_OFF):
        run.session.step(BarOpened(XYZ.id, ts, 100.0))
        run.session.step(Bar(XYZ.id, M1, ts, ts + MINUTE, 100.0, 101.0, 99.0, 100.5))
    (closed,) = run.engine.desks["story"].positions.closed
    assert (closed.exit_ts, str(closed.exit_price)) == (SQUARE_OFF, "100.00")


def test_square_off_at_a_time_of_day_or_never() -> None:
    for setting, exits in (("12:30", [T0 + 12 * HOUR + 30 * MINUTE]), ("1h", [T0 + 23 * HOUR]), ("none", [])):
        run = Run(day_trade(), settings=replace(CoreSettings(), session=SessionSettings(intraday_exit=setting)))
        for minute in range(0, 1440, 5):
            run.session.step(Tick(XYZ.id, T0 + minute * MINUTE, 100.0))
        assert [one["ts"] for one in run.orders if one["purpose"] == "exit"] == exits


def test_what_the_exchange_answers_is_taken_in_before_the_next_event() -> None:
    seen: list[Event] = []
    run = Run(day_trade())
    session = Session(run.engine, run.simulator, on_event=seen.append)
    for ts in (T0, T0 + MINUTE, T0 + MINUTE + 1):
        session.step(Tick(XYZ.id, ts, 100.0))
    kinds = [type(event) for event in seen]
    assert kinds == [Tick, Tick, OrderAccepted, OrderFilled, Tick]


# --- commands ----------------------------------------------------------------------------------------------------


def test_the_hash_is_of_the_commands_one_a_line() -> None:
    run = Run(day_trade())
    assert run.session.decisions_sha256 == hashlib.sha256().hexdigest()
    feed_bars(run, 0, 5)
    assert run.session.commands == len(run.bytes) == 2  # an order, and the word of its fill
    assert run.session.decisions_sha256 == hashlib.sha256(b"".join(line + b"\n" for line in run.bytes)).hexdigest()


def test_the_bytes_told_are_those_of_the_command() -> None:
    told: list[tuple[Any, bytes]] = []
    run = Run(day_trade())
    session = Session(run.engine, run.simulator, lambda command, content: told.append((command, content)))
    for ts in (T0, T0 + MINUTE, T0 + 2 * MINUTE):
        session.step(Tick(XYZ.id, ts, 100.0))
    assert told
    assert all(canonical(command) == content for command, content in told)


# --- the end -----------------------------------------------------------------------------------------------------


def test_at_the_end_of_the_data_bars_that_form_close_and_are_looked_at() -> None:
    run = Run(day_trade(timeframe="5m"))
    run.session.step(Tick(XYZ.id, T0 + 10 * SECOND, 100.0))
    assert run.said == []
    run.session.finish()
    assert [one["ts"] for one in run.orders] == [T0 + 5 * MINUTE + SECOND]
    assert run.engine.desks["story"].bars() == 1
    run.session.finish()  # nothing more to close
    assert len(run.orders) == 1


def test_at_the_end_of_the_data_nothing_later_happens() -> None:
    run = Run(day_trade())
    for ts in (T0, T0 + MINUTE, T0 + 2 * MINUTE):
        run.session.step(Tick(XYZ.id, ts, 100.0))
    run.session.finish()
    assert run.engine.now == T0 + 3 * MINUTE + SECOND
    assert [one["purpose"] for one in run.orders] == ["entry"]
    assert run.engine.next_deadline == SQUARE_OFF


def test_the_end_of_nothing_is_nothing() -> None:
    run = Run(day_trade())
    run.session.finish()
    assert run.said == []


# --- fast ways ---------------------------------------------------------------------------------------------------


def rows_of(
    seed: int, count: int, begin: int, *, holes: bool
) -> list[tuple[int, int, float, float, float, float, float]]:
    """Return one-minute bars of a walk; with holes, some are missing, at times many in a row."""
    rng = np.random.Generator(np.random.PCG64(seed))
    closes = np.round(100 + np.cumsum(rng.normal(0, 0.4, count)), 2).clip(5)
    kept = rng.random(count) > 0.15 if holes else np.ones(count, bool)
    if holes:
        start_of_hole = int(rng.integers(0, count))
        kept[start_of_hole : start_of_hole + int(rng.integers(0, 30))] = False
    rows = []
    for k in range(count):
        open_, close = float(closes[k - 1] if k else closes[0]), float(closes[k])
        up, down = (round(float(v), 2) for v in rng.random(2))
        high, low = round(max(open_, close) + up, 2), round(min(open_, close) - down, 2)
        ts = begin + k * MINUTE
        if kept[k]:
            rows.append((ts, ts + MINUTE, open_, high, low, close, float(rng.integers(0, 9))))
    return rows


comparisons = st.builds(
    lambda lhs, operator, rhs, back: compare(lhs, operator, f"{rhs}@{back}"),
    st.sampled_from(["close", "open", "$fast"]),
    st.sampled_from(["<", ">", ">=", "crosses_above", "crosses_below", "!="]),
    st.sampled_from(["close", "$fast", "$slow", "high"]),
    st.integers(1, 4),
)  # fmt: skip
INDICATORS = {"fast": {"type": "sma", "period": 2}, "slow": {"type": "ema", "period": 5}}


@st.composite
def drawn_strategies(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw one or two strategies that enter and leave again and again, at the market and by resting limits."""
    found = []
    for name in draw(st.sampled_from(["a", "ab"])):
        product = draw(st.sampled_from(["intraday", "carryForward"]))
        limits = [
            {"orderType": "limit", "limitPrice": draw(st.integers(97, 103))} if draw(st.booleans()) else {}
            for _ in "pqx"
        ]
        legs = [
            leg(vpi, productType=product, quantity=n, positionType=draw(st.sampled_from(["buy", "sell"])), **limit)
            for vpi, n, limit in zip("pq", (5, 2), limits, strict=False)
        ]
        nodes = [
            start(timeframe=draw(st.sampled_from(["1m", "2m", "5m"])), indicators=INDICATORS),
            when("A", draw(comparisons), trigger=draw(st.sampled_from(["level", "edge"]))), entry("e", *legs),
            when("B", draw(comparisons), draw(comparisons), logic="or"),
            exit_("x", {"maxReEntries": None}, **limits[2]), when("C", draw(comparisons)), alert("say"),
            exit_("y", quantity="percentage", partialQuantityPercentage=50),
        ]  # fmt: skip
        look = draw(st.sampled_from(["start > C > say", "x > C > say"]))
        found.append(drawing(nodes, ["start > A > e > B > x", look, "e > C > y"], name))
    return found


settings = st.builds(
    lambda latency, share: replace(
        CoreSettings(), simulation=SimulationSettings(latency_ms=latency, max_volume_share=share)
    ),
    st.sampled_from([0, 0, 1500]),
    st.sampled_from(["none", SimulationSettings().max_volume_share]),
)
begins = st.sampled_from([T0, T0 + DAY - 45 * MINUTE, T0 + DAY - 10 * MINUTE])


@given(
    drawn=drawn_strategies(), settings=settings, begin=begins,
    seed=st.integers(0, 2**32 - 1), holes=st.booleans(), chunk=st.integers(1, 200),
)  # fmt: skip
def test_bars_given_together_are_bars_given_one_by_one(
    drawn: list[dict[str, Any]], settings: CoreSettings, begin: int, seed: int, holes: bool, chunk: int
) -> None:
    rows = rows_of(seed, 90, begin, holes=holes)
    together, stepped = Run(*drawn, settings=settings), Run(*drawn, settings=settings)
    for at in range(0, len(rows), chunk):
        together.session.bars(XYZ.id, M1, rows[at : at + chunk])
    for row in rows:
        stepped.session.step(BarOpened(XYZ.id, row[0], row[2]))
        stepped.session.step(Bar(XYZ.id, M1, *row))
    for run in (together, stepped):
        run.session.finish()
    assert together.bytes == stepped.bytes
    assert books(together) == books(stepped)


@given(
    drawn=drawn_strategies(), settings=settings, begin=begins,
    seed=st.integers(0, 2**32 - 1), chunk=st.integers(1, 300),
)  # fmt: skip
def test_ticks_given_together_are_ticks_given_one_by_one(
    drawn: list[dict[str, Any]], settings: CoreSettings, begin: int, seed: int, chunk: int
) -> None:
    """Some of them late, some twice."""
    rng = np.random.Generator(np.random.PCG64(seed))
    times = begin + np.cumsum(rng.exponential(16.0, 160) * SECOND).astype(np.int64)
    times -= (rng.random(160) < 0.05) * rng.integers(0, 120, 160) * SECOND
    times = np.where(rng.random(160) < 0.1, times // MINUTE * MINUTE, times)
    prices = np.round(100 + np.cumsum(rng.normal(0, 0.3, 160)), 2).clip(5)
    rows = [
        (int(t), float(p), float(v), 0.0, 0.0) for t, p, v in zip(times, prices, rng.integers(0, 5, 160), strict=True)
    ]
    together, stepped = Run(*drawn, settings=settings), Run(*drawn, settings=settings)
    for at in range(0, len(rows), chunk):
        together.session.ticks(XYZ.id, rows[at : at + chunk])
    for row in rows:
        stepped.session.step(Tick(XYZ.id, *row))
    for run in (together, stepped):
        run.session.finish()
    assert together.bytes == stepped.bytes
    assert books(together) == books(stepped)
    assert together.engine.counts == stepped.engine.counts


def test_a_deadline_inside_a_bar_is_not_passed_over_by_ticks_given_together() -> None:
    run = Run(day_trade(timeframe="5m"), settings=replace(CoreSettings(), session=SessionSettings(intraday_exit="90s")))
    at = T0 + DAY - 90 * SECOND
    rows = [(T0 + k * 10 * SECOND, 100.0, 1.0, 0.0, 0.0) for k in range(8640)]
    run.session.ticks(XYZ.id, rows)
    assert [(one["node"], one["ts"]) for one in run.orders] == [("e", T0 + 5 * MINUTE), ("square_off", at)]
    assert run.engine.desks["story"].positions.closed[0].exit_ts == at


def books(run: Run) -> list[Any]:
    """Return the end state: what is held, counted, priced and armed."""
    feed = run.engine.feeds[XYZ.id]
    state: list[Any] = [run.engine.now, feed.price, feed.ts, [line.series.count for line in feed.lines]]
    for strategy in run.engine.strategies:
        positions = run.engine.desks[strategy.id].positions
        state += [positions.cash, positions.realized, [p.id for p in positions.closed]]
        state.append({i: node.state for i, node in strategy.nodes.items()})
    return state


@given(drawn=drawn_strategies(), settings=settings, begin=begins, seed=st.integers(0, 2**32 - 1))
def test_the_events_of_a_run_give_its_commands_again(
    drawn: list[dict[str, Any]], settings: CoreSettings, begin: int, seed: int
) -> None:
    """What a journal will hold: a bare engine, given every event that a run's engine took, says the same."""
    events: list[Event] = []
    made: list[bytes] = []
    run = Run(*drawn, settings=settings)
    session = Session(run.engine, run.simulator, lambda _, content: made.append(content), events.append)
    session.bars(XYZ.id, M1, rows_of(seed, 60, begin, holes=True))
    session.finish()
    again = Engine([plan(document(one)) for one in drawn], [XYZ], Contracts([]), settings)
    assert [canonical(command) for event in events for command in again.step(event)] == made


@pytest.mark.parametrize("until", [T0 + 59 * SECOND, T0 + 61 * SECOND])
def test_a_clock_brings_what_is_due(until: int) -> None:
    run = Run(day_trade())
    run.session.step(Tick(XYZ.id, T0, 100.0))
    run.session.advance(until)
    assert len(run.orders) == (until >= T0 + 61 * SECOND)
