"""Planned faults strike once, at their message."""

from __future__ import annotations

import pytest

from tradingd.model.errors import ConfigError
from tradingd.venues.faults import Cut, Fault, Mute, Pause, Plan


def test_without_faults_messages_are_sent_together() -> None:
    plan = Plan()
    assert plan.steps(["a", "b"]) == [b"ab"]
    assert plan.steps([]) == []
    assert plan.sent == 2


def test_a_cut_loses_what_follows_and_counts_only_what_was_sent() -> None:
    plan = Plan([Fault("disconnect", after=3)])
    assert plan.steps(["a", "b"]) == [b"ab"]
    assert plan.steps(["c", "d", "e"]) == [b"c", Cut()]
    assert plan.sent == 3
    assert plan.steps(["d", "e"]) == [b"de"]


def test_each_kind_strikes_where_it_was_placed() -> None:
    assert Plan([Fault("mute", after=1, seconds=2.0)]).steps(["a", "b"]) == [b"a", Mute(2.0)]
    assert Plan([Fault("delay", after=1, seconds=2.0)]).steps(["a", "b"]) == [b"a", Pause(2.0), b"b"]
    assert Plan([Fault("skip", after=1)]).steps(["a", "b", "c"]) == [b"a", b"c"]
    assert Plan([Fault("duplicate", after=1)]).steps(["a", "b", "c"]) == [b"a", b"bb", b"c"]


@pytest.mark.parametrize(("kind", "expected"), [("skip", b"af"), ("duplicate", b"abbccddeef")])
def test_several_messages_are_hit_however_they_are_grouped(kind: str, expected: bytes) -> None:
    for groups in (["abcdef"], ["ab", "cdef"], ["a", "b", "c", "d", "e", "f"], ["abcd", "ef"]):
        plan = Plan([Fault(kind, after=1, count=4)])  # type: ignore[arg-type] # one of the kinds
        assert (
            b"".join(step for group in groups for step in plan.steps(list(group)) if isinstance(step, bytes))
            == expected
        )


def test_faults_added_later_strike_at_once_where_their_place_has_passed() -> None:
    plan = Plan([Fault("skip", after=4)])
    plan.steps(["a", "b"])
    plan.add([Fault("duplicate", after=0)])
    assert plan.steps(["c", "d", "e"]) == [b"cc", b"e"]


@pytest.mark.parametrize("wrong", [{"after": -1}, {"after": 0, "count": 0}, {"after": 0, "seconds": -1.0}])
def test_a_fault_that_cannot_strike_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="must be at least"):
        Fault("skip", **wrong)  # type: ignore[arg-type] # that is the point
