"""Bars as Binance makes them: summed over columns as they are formed trade by trade."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.venues.markets import T0, make_trades
from tradingd.model.market import MINUTE
from tradingd.venues.klines import Kline, klines

MINUTE_0 = T0 // MINUTE


def test_a_bar_tells_prices_volumes_and_ids() -> None:
    trades = make_trades((0, 5, 2), (10, 7, 1), (59.999, 4, 3), (60, 6, 1))
    assert klines(trades, MINUTE, MINUTE_0, MINUTE_0) == [
        Kline(T0, 5.0, 7.0, 4.0, 4.0, 6.0, 29.0, 3, 5.0, 22.0, first_id=0, last_id=2)
    ]


def test_a_quiet_interval_is_flat_and_nothing_precedes_the_first_trade() -> None:
    trades = make_trades((61, 5), (200, 7))
    bars = klines(trades, MINUTE, MINUTE_0 - 5, MINUTE_0 + 4)
    assert [(bar.ts_open, bar.close, bar.count) for bar in bars] == [
        (T0 + MINUTE, 5.0, 1),
        (T0 + 2 * MINUTE, 5.0, 0),
        (T0 + 3 * MINUTE, 7.0, 1),
        (T0 + 4 * MINUTE, 7.0, 0),
    ]
    assert bars[1] == Kline.flat(T0 + 2 * MINUTE, 5.0)
    assert klines(trades.part(0, 0), MINUTE, MINUTE_0, MINUTE_0) == []


def test_a_late_trade_counts_in_the_bar_that_forms_and_in_no_closed_one() -> None:
    trades = make_trades((0, 5), (70, 6), (65, 9), (30, 1))
    first, second = klines(trades, MINUTE, MINUTE_0, MINUTE_0 + 1)
    assert (first.low, first.count) == (5.0, 1)
    assert (second.open, second.high, second.close, second.count) == (6.0, 9.0, 6.0, 2)


rows = st.lists(st.tuples(st.integers(0, 400), st.integers(1, 9), st.integers(0, 5)), min_size=1, max_size=60)


@given(rows, st.integers(0, 5), st.integers(1, 6))
def test_summed_and_formed_bars_agree(rows: list[tuple[int, int, int]], first: int, count: int) -> None:
    trades = make_trades(*rows)
    formed: dict[int, Kline] = {}
    price = 0.0
    for number, ts, now, cost, quantity, is_sell in zip(
        *(column.tolist() for column in trades.columns[:6]), strict=True
    ):
        slot = now - now % MINUTE
        bar = formed.setdefault(slot, Kline.flat(slot, price))
        if ts >= slot:
            bar.add(number, cost, quantity, is_sell=is_sell, is_late=ts < now)
        price = bar.close
    begin = MINUTE_0 + first
    summed = klines(trades, MINUTE, begin, begin + count)
    assert [bar for bar in summed if bar.count] == [
        bar for slot, bar in sorted(formed.items()) if begin <= slot // MINUTE <= begin + count and bar.count
    ]
    opens = [bar.ts_open for bar in summed]
    assert opens == list(range(opens[0], opens[0] + len(opens) * MINUTE, MINUTE)) if opens else True
    assert not opens or opens[-1] == (begin + count) * MINUTE
