from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.core.markets.lists import make_chain
from tradingd.adapters.masters.changes import Changes, compare
from tradingd.model.instrument import Instrument, InstrumentKind

BEFORE, ON = dt.date(2025, 8, 28), dt.date(2025, 8, 29)
CHAIN = [
    replace(row, token=str(47_000 + n))
    for n, row in enumerate(make_chain("NIFTY", "04-Sep-2025", [24_500, 24_550], "25904", lot=75))
]


def changes(after: list[Instrument], before: list[Instrument] = CHAIN) -> Changes:
    return compare("NFO", BEFORE, before, ON, after)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"lot_size": Decimal(65)}, "lot_size 75 -> 65"),
        ({"tick_size": Decimal("0.01")}, "tick_size 0.05 -> 0.01"),
        ({"freeze_quantity": Decimal(1755)}, "freeze_quantity none -> 1755"),
    ],
)
def test_what_moved_is_told_once_for_all_contracts_it_moved_for(changed: dict[str, Any], told: str) -> None:
    found = changes([replace(row, **changed) for row in CHAIN])
    assert list(found.lines()) == [
        "NFO since 2025-08-28: 0 new, 0 expired, 0 gone before their expiry, 4 changes",
        f"  NIFTY 2025-09-04: {told} (4)",
    ]
    assert len(found.as_dict()["changed"]) == 4


def test_a_contract_that_is_re_dated_is_the_same_contract() -> None:
    expiry = dt.date(2025, 9, 9)
    found = changes([replace(row, expiry=expiry, symbol=row.symbol.replace("904", "909")) for row in CHAIN])
    assert (found.came, found.gone, found.expired) == ((), (), 0)
    assert {(c.field, str(c.before), str(c.after)) for c in found.changed if c.field == "expiry"} == {
        ("expiry", "2025-09-04", "2025-09-09")
    }
    assert "  NIFTY 2025-09-09: other symbols (4)" in found.lines()


def test_a_token_that_was_given_anew_is_another_contract() -> None:
    old = [replace(CHAIN[0], expiry=BEFORE)]
    found = changes([replace(CHAIN[0], strike=Decimal(25_000), symbol="OTHER")], old)
    assert (len(found.came), found.gone, found.expired, found.changed) == (1, (), 1, ())


def test_what_is_gone_before_its_expiry_is_told_apart_from_what_expired() -> None:
    found = changes(CHAIN[:1], [*CHAIN, replace(CHAIN[0], token=CHAIN[0].token + "9", expiry=BEFORE)])
    assert (len(found.gone), found.expired) == (3, 1)
    assert list(found.lines())[-1] == "  NIFTY 2025-09-04: gone (3)"


def test_an_index_and_a_share_may_have_one_number() -> None:
    number = "1001"
    index = Instrument("NSE", "NIFTY 50", InstrumentKind.INDEX, token=number)
    share = Instrument("NSE", "ACME", token=number)
    assert compare("NSE", BEFORE, [index, share], ON, [share, index]).changed == ()


def test_equal_lists_have_no_changes() -> None:
    assert list(changes(CHAIN).lines()) == [
        "NFO since 2025-08-28: 0 new, 0 expired, 0 gone before their expiry, 0 changes"
    ]
