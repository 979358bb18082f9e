"""The venue over REST: Binance's answers, and Binance's errors."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.venues.markets import T0, connected, get, made_up, make_trades
from tradingd.model.market import MINUTE
from tradingd.venues.clock import AS_FAST_AS_TAKEN
from tradingd.venues.exchange import Exchange
from tradingd.venues.tape import Tape

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MS = T0 // 1_000_000
ALL = 100


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """Serve 100 trades of A, a second apart, and one of M&M; all of them have been told."""
    rows = [(n, 100.0 + n, 2.0, 99.0 + n, 101.0 + n) for n in range(ALL)]
    tape = Tape([{"A": make_trades(*rows), "M&M": make_trades((99, 7))}])
    exchange = Exchange(tape, speed=AS_FAST_AS_TAKEN, wait_for_client=False)
    async with exchange.serving() as port:
        await exchange.finished.wait()
        yield port


async def test_ping_and_time(port: int) -> None:
    assert await get(port, "/api/v3/ping") == {}
    assert await get(port, "/api/v3/time") == {"serverTime": MS + 99_000}
    micro = await get(port, "/api/v3/time", "MICROSECOND")
    assert micro == {"serverTime": (MS + 99_000) * 1000}


async def test_what_is_traded(port: int) -> None:
    info = await get(port, "/api/v3/exchangeInfo")
    assert [row["symbol"] for row in info["symbols"]] == ["A", "M&M"]
    one = await get(port, "/api/v3/exchangeInfo", symbol="M&M")
    assert [row["symbol"] for row in one["symbols"]] == ["M&M"]
    filters = {row["filterType"]: row for row in one["symbols"][0]["filters"]}
    assert filters["PRICE_FILTER"]["tickSize"] == "1.00000000"
    assert filters["LOT_SIZE"]["stepSize"] == "1.00000000"


async def test_last_prices_and_quotes(port: int) -> None:
    assert await get(port, "/api/v3/ticker/price", symbol="A") == {"symbol": "A", "price": "199.00000000"}
    everything = await get(port, "/api/v3/ticker/bookTicker")
    assert everything[0] == {
        "symbol": "A", "bidPrice": "198.00000000", "bidQty": "0.00000000",
        "askPrice": "200.00000000", "askQty": "0.00000000",
    }  # fmt: skip
    assert [row["symbol"] for row in await get(port, "/api/v3/ticker/price", symbols='["M&M","A"]')] == ["M&M", "A"]


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ({"limit": 3}, range(97, 100)),
        ({}, range(100)),
        ({"fromId": 10, "limit": 5}, range(10, 15)),
        ({"fromId": 98}, range(98, 100)),
        ({"fromId": 200}, range(0)),
        ({"startTime": MS + 90_000}, range(90, 100)),
        ({"startTime": MS + 5_000, "endTime": MS + 7_000}, range(5, 8)),
        ({"startTime": (MS + 5_000) * 1000, "endTime": (MS + 7_000) * 1000}, range(5, 8)),
        ({"endTime": MS + 50_999, "limit": 2}, range(49, 51)),
        ({"startTime": MS + 7_000, "endTime": MS + 5_000}, range(0)),
    ],
)
async def test_trades_by_number_and_by_time(port: int, query: dict[str, int], numbers: range) -> None:
    rows = await get(port, "/api/v3/aggTrades", symbol="A", **query)
    assert [row["a"] for row in rows] == list(numbers)


async def test_a_trade_as_binance_writes_it(port: int) -> None:
    [row] = await get(port, "/api/v3/aggTrades", symbol="A", fromId=1, limit=1)
    assert row == {
        "a": 1, "p": "101.00000000", "q": "2.00000000", "f": 1, "l": 1, "T": MS + 1000, "m": True, "M": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        ({"limit": 2}, [0, 60]),
        ({"limit": 1}, [60]),
        ({"startTime": MS}, [0, 60]),
        ({"startTime": MS + 1}, [60]),
        ({"endTime": MS + 59_999}, [0]),
        ({"startTime": MS - 3_600_000, "endTime": MS}, [0]),
        ({"endTime": MS - 1}, []),
        ({"startTime": MS + 3_600_000}, []),
        ({"startTime": 10**17}, []),
        ({"endTime": 10**17}, [0, 60]),
        ({"endTime": 0}, []),
    ],
)
async def test_bars_by_time(port: int, query: dict[str, int], seconds: list[int]) -> None:
    rows = await get(port, "/api/v3/klines", symbol="A", interval="1m", **query)
    assert [(row[0] - MS) // 1000 for row in rows] == seconds


async def test_a_bar_as_binance_writes_it(port: int) -> None:
    [row] = await get(port, "/api/v3/klines", symbol="A", interval="5m", limit=1)
    assert row == [
        MS, "100.00000000", "199.00000000", "100.00000000", "199.00000000", "200.00000000", MS + 299_999,
        "29900.00000000", 100, "100.00000000", "14900.00000000", "0",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("klines", {"interval": "1m"}, -1102),
        ("klines", {"symbol": "A"}, -1102),
        ("klines", {"symbol": "ZZZ", "interval": "1m"}, -1121),
        ("klines", {"symbol": "A", "interval": "7m"}, -1120),
        ("klines", {"symbol": "A", "interval": "1m", "limit": "x"}, -1100),
        ("klines", {"symbol": "A", "interval": "1m", "limit": 0}, -1130),
        ("klines", {"symbol": "A", "interval": "1m", "startTime": -1}, -1100),
        ("aggTrades", {"symbol": "A", "fromId": ""}, -1105),
        ("aggTrades", {"symbol": "A", "fromId": 1, "startTime": 1}, -1128),
        ("aggTrades", {"symbol": "A", "color": "red"}, -1104),
        ("ticker/price", {"symbol": "ZZZ"}, -1121),
        ("ticker/price", {"symbols": '["A","ZZZ"]'}, -1121),
        ("ticker/price", {"symbols": '["A","A"]'}, -1151),
        ("ticker/price", {"symbols": "A"}, -1135),
        ("ticker/bookTicker", {"symbol": "A", "symbols": '["A"]'}, -1128),
        ("exchangeInfo", {"symbol": "ZZZ"}, -1121),
        ("time", {"now": 1}, -1104),
    ],
)
async def test_a_wrong_request(port: int, path: str, query: dict[str, Any], code: int) -> None:
    answer = await get(port, f"/api/v3/{path}", **query)
    assert answer["code"] == code
    assert answer["msg"]


async def test_a_parameter_given_twice_and_an_unknown_unit(port: int) -> None:
    assert (await get(port, "/api/v3/klines?symbol=A&symbol=A"))["code"] == -1101
    assert (await get(port, "/api/v3/time", "HOUR"))["code"] == -1130


async def test_bars_agree_with_those_made_of_the_trades_that_were_streamed() -> None:
    exchange = Exchange(made_up(history_h=2), speed=AS_FAST_AS_TAKEN)
    async with exchange.serving() as port:
        before = await get(port, "/api/v3/klines", symbol="BTCUSDT", interval="1m", limit=1000)
        assert [before[0][0], before[-1][0]] == [MS - 7_200_000, MS]
        async with connected(port, "/stream?streams=btcusdt@aggTrade/btcusdt@kline_1m") as ear:
            await ear.hear(texts=6000)
        bars = await get(port, "/api/v3/klines", symbol="BTCUSDT", interval="1m", startTime=MS)
    trades = [m["data"] for m in ear.messages if m["data"]["e"] == "aggTrade"]
    assert len(trades) > 4000
    minutes = [list(group) for _, group in groupby(trades, lambda trade: trade["T"] * 1_000_000 // MINUTE)]
    made = [
        (
            group[0]["T"] // 60_000 * 60_000,
            *(f"{price:.8f}" for price in (prices[0], max(prices), min(prices), prices[-1])),
            f"{sum(float(trade['q']) for trade in group):.8f}",
            len(group),
        )
        for group in minutes
        for prices in [[float(trade["p"]) for trade in group]]
    ]
    told = [(row[0], *row[1:6], row[8]) for row in bars if row[8]]
    assert made[:-1] == told[: len(made) - 1]
    streamed = [m["data"]["k"] for m in ear.messages if m["data"]["e"] == "kline" and m["data"]["k"]["x"]]
    assert len(streamed) > 10
    assert [
        [k["t"], k["o"], k["h"], k["l"], k["c"], k["v"], k["T"], k["q"], k["n"], k["V"], k["Q"], "0"] for k in streamed
    ] == bars[: len(streamed)]
