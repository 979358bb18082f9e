"""The series of the benchmarks are those that other backtesters were measured on, to the last bit."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.shared import shared

if TYPE_CHECKING:
    from types import ModuleType

OURS = Path(__file__).resolve().parents[2] / "bench/series.py"
NAMES = {"timestamp": "ts"}
COUNT = 20_000


def module(path: Path) -> ModuleType:
    """Execute a script that lives outside every package, and leave no trace of it beside it."""
    spec = importlib.util.spec_from_file_location(f"bench_{path.stem}", path)
    assert spec is not None
    loaded = importlib.util.module_from_spec(spec)
    exec(compile(path.read_text("utf-8"), str(path), "exec"), loaded.__dict__)  # noqa: S102 - scripts of our own
    return loaded


@pytest.mark.parametrize(
    ("ours", "theirs", "names"),
    [("minute_bars", "_make_bars", NAMES), ("ticks", "_make_ticks", NAMES | {"volume": "size"})],
)
def test_they_are_equal(ours: str, theirs: str, names: dict[str, str]) -> None:
    reference = getattr(module(shared("peers/gen.py")), theirs)(COUNT)
    made = getattr(module(OURS), ours)(COUNT)
    assert {names.get(name, name) for name in made} == set(reference)
    for name, column in made.items():
        np.testing.assert_array_equal(column, reference[names.get(name, name)], err_msg=name)
