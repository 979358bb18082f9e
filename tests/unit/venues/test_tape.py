"""How a market is told: in one order, from where it opens, with only the past to be seen."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.venues.markets import T0, made_up, make_trades
from tradingd.model.errors import ConfigError
from tradingd.model.market import HOUR, MINUTE, SECOND
from tradingd.venues.generated import BLOCK
from tradingd.venues.tape import Tape


def two() -> Tape:
    return Tape([{"B": make_trades((0, 1), (2, 2), (1, 3)), "A": make_trades((0, 4), (2, 5), (3, 6))}])


def test_trades_come_by_time_then_symbol_then_row_late_ones_where_the_file_has_them() -> None:
    tape = two()
    assert tape.symbols == ("A", "B")
    told = [(tape.symbols[row[0]], row[1], row[4]) for row in tape.take(100)]
    assert told == [("A", 0, 4.0), ("B", 0, 1.0), ("A", 1, 5.0), ("B", 1, 2.0), ("B", 2, 3.0), ("A", 2, 6.0)]
    assert tape.ts_next is None
    assert tape.take(1) == []


def test_no_more_are_told_than_asked_for_or_than_are_due() -> None:
    tape = two()
    assert len(tape.take(1)) == 1
    assert len(tape.take(100, until=T0 + SECOND)) == 1
    assert tape.take(100, until=T0 + SECOND) == []
    assert tape.ts == T0
    assert tape.ts_next == T0 + 2 * SECOND


def test_only_what_was_told_is_history() -> None:
    tape = two()
    assert [len(tape.trades(0)), len(tape.trades(1)), len(tape.latest(0))] == [0, 0, 0]
    tape.take(3)
    assert tape.trades(0).price.tolist() == [4.0, 5.0]
    assert tape.latest(0).price.tolist() == [5.0]
    assert tape.trades(1).price.tolist() == [1.0]


def test_what_lies_before_the_start_is_history_from_the_start() -> None:
    tape = Tape([{"A": make_trades((0, 1), (1, 2), (2, 3))}], ts_open=T0 + SECOND)
    assert tape.ts == T0 + SECOND
    assert tape.trades(0).price.tolist() == [1.0]
    assert [row[4] for row in tape.take(10)] == [2.0, 3.0]


def test_a_start_behind_the_data_is_refused() -> None:
    with pytest.raises(ConfigError, match="no trade is at or after the start"):
        Tape([{"A": make_trades((0, 1))}], ts_open=T0 + SECOND)


def test_an_endless_market_goes_on_and_forgets_what_is_too_old() -> None:
    tape = made_up(history_h=1)
    first = tape.trades(0)
    assert first.number[0] == 0
    while tape.ts < T0 + 3 * HOUR:
        tape.take(1000)
    later = tape.trades(0)
    assert np.all(np.diff(later.number) == 1)
    assert later.number[0] > first.number[-1]
    assert tape.ts - HOUR - BLOCK < later.ts[0] < tape.ts - HOUR + MINUTE
    assert tape.steps["BTCUSDT"] == ("0.01000000", "0.00100000")
