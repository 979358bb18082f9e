from __future__ import annotations

from typing import Literal

import pytest

from tradingd.core.risk import entry_gate


@pytest.mark.parametrize(
    ("entries", "cap", "held"), [(0, 1, False), (1, 1, True), (2, 1, True), (0, 0, True), (10**6, "none", False)]
)
def test_the_cap_on_entries(entries: int, cap: int | Literal["none"], held: bool) -> None:
    gate = entry_gate(entries, cap)
    assert bool(gate) is held
    if held:
        assert f"{entries} entries" in gate
        assert f"risk.max_entries_per_session is {cap}" in gate
