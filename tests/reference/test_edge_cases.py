"""Seventy-five cases that a trader of Indian derivatives, or of crypto, would ask about first; one row, one test.

A row is shown by the function of its number in `tests/reference/edges`. A row that nothing shows yet fails, and is
expected to: it names who will build it, and says so loudly the day it passes.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest

from tests.reference.edges import contracts, feeds, money, orders, sessions

ROWS = contracts.ROWS | feeds.ROWS | money.ROWS | orders.ROWS | sessions.ROWS


class Case(NamedTuple):
    """One row: its number, what it is about, and who owns it."""

    row: int
    title: str
    owner: str


CASES = (
    Case(1, "W0 on expiry day", "contracts"),
    Case(2, "the day after expiry", "contracts"),
    Case(3, "the holiday itself", "contracts"),
    Case(4, "a shifted monthly", "contracts"),
    Case(5, "a holiday added late", "contracts"),
    Case(6, "an expiry re-dated under the same token", "contracts"),
    Case(7, "a weekly after the monthly", "contracts"),
    Case(8, "no weekly series", "contracts"),
    Case(9, "a replay of 2024", "contracts"),
    Case(10, "December's month code", "contracts"),
    Case(11, "the nearest strike", "contracts"),
    Case(12, "two strikes equally near", "contracts"),
    Case(13, "a missing strike", "contracts"),
    Case(14, "an offset out of range", "contracts"),
    Case(15, "an underlying of MCX", "contracts"),
    Case(16, "mixed lots", "contracts"),
    Case(17, "a strategy's multiplier of 50", "contracts"),
    Case(18, "a quantity off the lot", "contracts"),
    Case(19, "a quantity cut at the freeze", "order path"),
    Case(20, "quantities at the freeze", "order path"),
    Case(21, "a freeze that changes by date", "order path"),
    Case(22, "slices of which some fail", "order path"),
    Case(23, "more than ten slices", "order path"),
    Case(24, "a limit off the tick", "contracts"),
    Case(25, "the tick of a future", "contracts"),
    Case(26, "a stop-market order on an option", "order path"),
    Case(27, "a market order without protection", "order path"),
    Case(28, "a protected market order in a spike", "order path"),
    Case(29, "a limit outside the price band", "order path"),
    Case(30, "a stop's limit outside the band when triggered", "order path"),
    Case(31, "a contract that has not traded", "order path"),
    Case(32, "the derivatives' close of autumn 2026", "sessions"),
    Case(33, "the same minute before", "sessions"),
    Case(34, "an expiring contract from 7 December 2026", "sessions"),
    Case(35, "bars of an hour", "sessions"),
    Case(36, "the last quarter of an hour", "sessions"),
    Case(37, "the spot in the closing auction", "sessions"),
    Case(38, "a tick on the boundary", "feeds"),
    Case(39, "a tick before the open", "feeds"),
    Case(40, "the cached first tick", "feeds"),
    Case(41, "a late tick", "feeds"),
    Case(42, "a quiet interval", "feeds"),
    Case(43, "a day volume that begins anew", "feeds"),
    Case(44, "an indicator over the day's boundary", "feeds"),
    Case(45, "too little history", "feeds"),
    Case(46, "Muhurat", "sessions"),
    Case(47, "a Sunday session", "sessions"),
    Case(48, "a split session", "sessions"),
    Case(49, "open, high, low and close of an index packet", "feeds"),
    Case(50, "the divisor of currencies", "feeds"),
    Case(51, "heartbeats and broken frames", "feeds"),
    Case(52, "the host's time zone", "feeds"),
    Case(53, "packets after a reconnect", "feeds"),
    Case(54, "a timeout whose order exists", "order path"),
    Case(55, "a timeout whose order does not", "order path"),
    Case(56, "a refusal that is none", "order path"),
    Case(57, "too many requests", "order path"),
    Case(58, "an error under another class", "order path"),
    Case(59, "a token that dies in mid-session", "order path"),
    Case(60, "a cancellation told twice", "order path"),
    Case(61, "updates out of order", "order path"),
    Case(62, "a cancelled order that filled in part", "order path"),
    Case(63, "a partial fill off the lot", "order path"),
    Case(64, "a modification that did nothing", "order path"),
    Case(65, "the 26th modification", "order path"),
    Case(66, "two exits in one second", "order path"),
    Case(67, "the broker's own square-off", "order path"),
    Case(68, "settlement at expiry", "money"),
    Case(69, "charges", "money"),
    Case(70, "margin on expiry day", "money"),
    Case(71, "an index price for an option's", "money"),
    Case(72, "a restart in mid-session", "durability"),
    Case(73, "paper beside live credentials", "order path"),
    Case(74, "the venue's cut after 24 hours", "feeds"),
    Case(75, "a kline that still forms", "feeds"),
)


def owed(case: Case) -> tuple[pytest.MarkDecorator, ...]:
    return () if case.row in ROWS else (pytest.mark.xfail(strict=True, reason=f"{case.owner}: not built yet"),)


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=owed(case), id=f"{case.row}-{case.title.replace(' ', '-')}") for case in CASES]
)
def test_edge_case(case: Case) -> None:
    shown = ROWS.get(case.row)
    assert shown is not None, f"row {case.row}, {case.title}: {case.owner} owes it"
    shown()


def test_the_table_is_whole() -> None:
    assert [case.row for case in CASES] == list(range(1, 76))
    assert set(ROWS) <= {case.row for case in CASES}
