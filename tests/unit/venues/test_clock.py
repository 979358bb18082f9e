"""A venue's time: at rest until it is started, then as fast as it was told."""

from __future__ import annotations

from tests.unit.venues.markets import T0
from tradingd.model.market import SECOND
from tradingd.venues.clock import AS_FAST_AS_TAKEN, Schedule


def test_time_rests_until_it_is_started_and_then_runs_at_its_speed() -> None:
    ours = [100.0]
    schedule = Schedule(T0, 60.0, lambda: ours[0])
    ours[0] = 150.0
    assert (schedule.is_running, schedule.reached()) == (False, T0)
    schedule.start()
    ours[0] = 152.0
    schedule.start()
    assert (schedule.is_running, schedule.reached()) == (True, T0 + 120 * SECOND)
    assert schedule.seconds_until(T0 + 180 * SECOND) == 1.0
    assert schedule.seconds_until(T0) == 0.0


def test_as_fast_as_taken_everything_is_due() -> None:
    schedule = Schedule(T0, AS_FAST_AS_TAKEN, lambda: 0.0)
    assert not schedule.is_paced
    assert schedule.seconds_until(T0 + SECOND) == 0.0
