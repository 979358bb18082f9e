"""Binance's own client against the simulated exchange: every message decodes, and is what was really traded.

The client (`binance-sdk-spot`, the dependency group `clients`) runs in a process of its own, with the interpreter that
`TRADINGD_CLIENTS_PYTHON` names, else with that of the tests; where it is not installed the test is skipped.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.venues.markets import T0, connected, get, made_up
from tradingd.venues.exchange import Exchange

PROJECT = Path(__file__).resolve().parents[2]
PYTHON = os.environ.get("TRADINGD_CLIENTS_PYTHON", sys.executable)
PATIENCE_S = 25.0

CLIENT = """
import asyncio, importlib.util, json, sys

if importlib.util.find_spec("binance_sdk_spot") is None:
    sys.exit(3)
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


async def official(port: int, symbol: str, messages: int) -> dict[str, list[Any]]:
    """Let the official client ask and listen; return what it understood, by kind."""
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
    if process.returncode == 3:
        pytest.skip("binance-sdk-spot is not installed; it is the dependency group clients")
    assert process.returncode == 0, errors.decode()
    understood: dict[str, list[Any]] = {}
    for line in out.decode().splitlines():
        kind, answer = json.loads(line)
        understood.setdefault(kind, []).append(answer)
    return understood


async def test_the_official_client_understands_every_message() -> None:
    exchange = Exchange(made_up(), speed=120.0)
    async with exchange.serving() as port, connected(port, "/stream") as ear:
        await ear.ask("SUBSCRIBE", *(f"btcusdt@{kind}" for kind in ("aggTrade", "bookTicker", "kline_1m")))
        hearing = asyncio.create_task(ear.hear(texts=1_000_000))
        understood = await official(port, "BTCUSDT", 500)
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
        understood = await official(port, "BTCUSDT", 1)
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
