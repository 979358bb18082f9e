"""What every test gets: the Hypothesis profiles, and a place for a test to tell its figures.

`HYPOTHESIS_PROFILE` chooses: `ci` (default) runs the same cases every time, `fuzz` many new ones.
A test tells a figure with `record_property("told", "412 of 500 cases ordered")`; it is printed at the end,
from whichever process ran the test.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    import pytest

_SLOW_IS_FINE = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile("ci", derandomize=True, database=None, deadline=None, suppress_health_check=_SLOW_IS_FINE)
settings.register_profile(
    "fuzz", max_examples=5_000, deadline=None, print_blob=True, suppress_health_check=_SLOW_IS_FINE
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the tests told."""
    told = [
        f"{report.nodeid}: {text}"
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, text in getattr(report, "user_properties", ())
        if name == "told" and report.when == "call"
    ]
    if told:
        terminalreporter.section("told")
        for line in sorted(told):
            terminalreporter.write_line(line)
