from __future__ import annotations

import pytest

from tests.unit.core.graph.corpus import CASES, Case
from tests.unit.core.graph.loaded import errors, loaded, of_severity
from tradingd.model.errors import Severity


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_one_broken_rule_is_refused_at_its_place_and_its_twin_accepted(case: Case) -> None:
    broken, sound = case.texts()
    assert errors(broken) == [(case.code, case.pointer)]
    assert loaded(broken).document is None
    assert errors(sound) == []
    assert loaded(sound).document is not None


def test_the_corpus_is_large_and_its_names_are_unique() -> None:
    assert len(CASES) >= 100
    assert len({case.name for case in CASES}) == len(CASES)


def test_a_finding_names_its_node_and_says_something() -> None:
    for case in CASES:
        for finding in of_severity(loaded(case.texts()[0]), Severity.ERROR):
            assert finding.message
            assert finding.node or not finding.pointer.startswith("/nodes/1/data")
