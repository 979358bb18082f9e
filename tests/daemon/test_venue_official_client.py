"""Binance's own client against the simulated exchange: every message decodes, is what was really traded, and is what
our provider makes of it.

The client (`binance-sdk-spot`, the dependency group `clients`) runs in a process of its own, in the environment that
`make clients` prepares, and `make system` with it; where there is none the tests are skipped.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.binance_server import Server
from tests.contracts.feeds import BTC, feed, listening
from tests.unit.venues.markets import T0, connected, get, made_up
from tradingd.adapters.feeds.binance_wire import FeedCounts
from tradingd.model.market import Timeframe
from tradingd.venues.exchange import Exchange

PROJECT = Path(__file__).resolve().parents[2]
PYTHON = PROJECT / ".venv-clients/bin/python"
PATIENCE_S = 25.0
MS = 1_000_000

CLIENT = """
import asyncio, json, sys

from binance_common.configuration import ConfigurationRestAPI, ConfigurationWebSocketStreams
from binance_sdk_spot.spot import Spot

port, symbol, wanted = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])

def tell(kind, answer):
    print(json.dumps([kind, answer]), flush=True)

def plain(answer):
    if isinstance(answer, list):
        return [plain(item) for item in answer]
    answer = answer.to_dict() if hasattr(answer, "to_dict") else answer
    if isinstance(answer, dict):  # a field that the client does not know stays, and is found out
        return {key: plain(value) for key, value in answer.items() if (key, value) != ("additional_properties", {})}
    return answer

async def main():
    client = Spot(
        config_rest_api=ConfigurationRestAPI(api_key="", base_path=f"http://127.0.0.1:{port}"),
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=f"ws://127.0.0.1:{port}/stream"),
    )
    rest, streams = client.rest_api, client.websocket_streams
    for name, arguments in (
        ("ping", {}), ("time", {}), ("exchange_info", {}), ("exchange_info", {"symbol": symbol}),
        ("klines", {"symbol": symbol, "interval": "1m", "limit": 100}), ("agg_trades", {"symbol": symbol, "limit": 50}),
        ("ticker_price", {"symbol": symbol}), ("ticker_book_ticker", {"symbol": symbol}),
    ):
        tell(name, plain(await asyncio.to_thread(lambda: getattr(rest, name)(**arguments).data())))
    try:
        await asyncio.to_thread(rest.klines, symbol="NONE", interval="1m")
    except Exception as error:
        tell("refused", [type(error).__name__, str(error)])
    connection = await streams.create_connection()
    enough, count = asyncio.Event(), 0

    def on(kind):
        def hear(message):
            nonlocal count
            count += 1
            tell(kind, plain(message))
            if count >= wanted:
                enough.set()
        return hear

    connection.on_connection("ping", lambda payload: tell("ping_frame", payload.decode()))
    connection.on_connection("error", lambda error: tell("error", str(error)))
    (await connection.agg_trade(symbol=symbol)).on("message", on("aggTrade"))
    (await connection.book_ticker(symbol=symbol)).on("message", on("bookTicker"))
    (await connection.kline(symbol=symbol, interval="1m")).on("message", on("kline"))
    await enough.wait()
    await connection.close_connection(close_session=True)

asyncio.run(main())
"""


pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="no official client; `make clients` installs it")


async def official(port: int, symbol: str, messages: int) -> list[tuple[str, Any]]:
    """Let the official client ask and listen; return what it understood, each with its kind."""
    process = await asyncio.create_subprocess_exec(
        PYTHON, "-c", CLIENT, str(port), symbol, str(messages), stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(PATIENCE_S):
            out, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, errors.decode()
    return [(kind, answer) for kind, answer in map(json.loads, out.decode().splitlines())]


def by_kind(understood: list[tuple[str, Any]]) -> dict[str, list[Any]]:
    kinds: dict[str, list[Any]] = {}
    for kind, answer in understood:
        kinds.setdefault(kind, []).append(answer)
    return kinds


async def test_the_official_client_understands_every_message() -> None:
    exchange = Exchange(made_up(), speed=120.0)
    async with exchange.serving() as port, connected(port, "/stream") as ear:
        await ear.ask("SUBSCRIBE", *(f"btcusdt@{kind}" for kind in ("aggTrade", "bookTicker", "kline_1m")))
        hearing = asyncio.create_task(ear.hear(texts=1_000_000))
        understood = by_kind(await official(port, "BTCUSDT", 500))
        hearing.cancel()
        first, last = understood["aggTrade"][0]["a"], understood["aggTrade"][-1]["a"]
        traded = await get(port, "/api/v3/aggTrades", symbol="BTCUSDT", fromId=first, limit=last - first + 1)
        bars = {row[0]: row for row in await get(port, "/api/v3/klines", symbol="BTCUSDT", interval="1m", limit=1000)}
    assert "error" not in understood

    heard = understood["aggTrade"]
    assert [{key: message[key] for key in traded[0]} for message in heard] == traded
    assert {message["s"] for message in heard} == {"BTCUSDT"}

    said = {message["data"]["u"]: message["data"] for message in ear.messages if "u" in message["data"]}
    quotes = [quote for quote in understood["bookTicker"] if quote["u"] in said]
    assert len(quotes) > 100
    assert quotes == [said[quote["u"]] for quote in quotes]

    closed = [message["k"] for message in understood["kline"] if message["k"]["x"]]
    assert closed
    for k in closed:
        told = [k["t"], k["o"], k["h"], k["l"], k["c"], k["v"], k["T"], k["q"], k["n"], k["V"], k["Q"], "0"]
        assert told == bars[k["t"]]
    pings = [int(ping) for ping in understood["ping_frame"]]
    assert pings == sorted(pings)


async def test_the_official_client_understands_every_answer() -> None:
    exchange = Exchange(made_up(), speed=120.0)
    async with exchange.serving() as port:  # its time rests until the client listens
        bars = await get(port, "/api/v3/klines", symbol="BTCUSDT", interval="1m", limit=100)
        trades = await get(port, "/api/v3/aggTrades", symbol="BTCUSDT", limit=50)
        book = await get(port, "/api/v3/ticker/bookTicker", symbol="BTCUSDT")
        understood = by_kind(await official(port, "BTCUSDT", 1))
    assert understood["ping"]
    assert understood["time"] == [{"serverTime": T0 // 1_000_000}]
    everything, single = understood["exchange_info"]
    assert [row["symbol"] for row in everything["symbols"]] == ["BTCUSDT", "NIFTY 50"]
    assert [row["symbol"] for row in single["symbols"]] == ["BTCUSDT"]
    assert understood["klines"] == [bars]
    assert understood["agg_trades"] == [trades]
    assert understood["ticker_price"] == [{"symbol": "BTCUSDT", "price": trades[-1]["p"]}]
    assert understood["ticker_book_ticker"] == [book]
    kind, message = understood["refused"][0]
    assert (kind, "Invalid symbol" in message) == ("BadRequestError", True)


async def test_our_provider_and_the_official_client_hear_the_same() -> None:
    exchange = Exchange(made_up(history_h=2), speed=120.0)
    async with exchange.serving() as port:  # its time rests until our provider listens
        [before] = await get(port, "/api/v3/aggTrades", symbol="BTCUSDT", limit=1)
        async with (
            feed(Server(), ws_url=f"ws://127.0.0.1:{port}", rest_url=f"http://127.0.0.1:{port}") as told,
            listening(told.provider, BTC) as listener,
        ):
            bars = await told.provider.history(BTC, Timeframe.parse("1m"), 1000, T0)
            heard = await official(port, "BTCUSDT", 600)
            ids = [message["a"] for kind, message in heard if kind == "aggTrade"]
            await listener.until(ticks=ids[-1] - before["a"])
        assert told.provider.counts == FeedCounts()  # none missed or said twice: the n-th tick is the n-th trade

    ours = dict(enumerate(listener.ticks, before["a"] + 1))
    quotes, quoted = None, 0
    for kind, message in heard:
        if kind == "bookTicker":
            quotes = float(message["b"]), float(message["a"])
        elif kind == "aggTrade":
            tick = ours[message["a"]]
            assert (tick.ts, tick.price, tick.volume) == (message["T"] * MS, float(message["p"]), float(message["q"]))
            if quotes is not None:
                assert (tick.bid, tick.ask) == quotes
                quoted += 1
    assert ids == list(range(ids[0], ids[-1] + 1))
    assert quoted > 100

    [rows] = [{row[0] * MS: row for row in rows if row[6] * MS < T0} for kind, rows in heard if kind == "klines"]
    both = [(rows[bar.ts_open], bar) for bar in bars if bar.ts_open in rows]
    assert len(both) == len(rows) > 20
    for row, bar in both:
        assert (row[6] + 1) * MS == bar.ts_close
        assert [float(text) for text in row[1:6]] == [bar.open, bar.high, bar.low, bar.close, bar.volume]
