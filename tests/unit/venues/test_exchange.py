"""The simulated exchange over real sockets: nothing is lost, nothing differs twice, and faults are planned ones."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from websockets.asyncio.client import connect

from tests.unit.venues.markets import PATIENCE_S, T0, Ear, connected, counting, get, made_up
from tradingd.adapters.feeds.binance_symbols import stream_name
from tradingd.venues.clock import AS_FAST_AS_TAKEN
from tradingd.venues.connection import Limits
from tradingd.venues.exchange import Exchange
from tradingd.venues.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable

A = "/ws/a@aggTrade"
MS = T0 // 1_000_000


def ids(ear: Ear) -> list[int]:
    return [message["a"] for message in ear.messages if "a" in message]


def streams(symbols: Iterable[str], *kinds: str) -> str:
    return "/".join(f"{stream_name(symbol)}@{kind}" for symbol in symbols for kind in kinds)


async def first_texts(count: int, seed: int = 7, **options: Any) -> list[str]:
    """Return the first texts that a venue made up from a seed sends to a client that decodes frames by itself."""
    exchange = Exchange(made_up(seed), **options)
    path = f"/stream?streams={streams(exchange.tape.symbols, 'aggTrade', 'bookTicker', 'kline_1m')}"
    async with (
        asyncio.timeout(PATIENCE_S),
        exchange.serving() as port,
        connect(f"ws://127.0.0.1:{port}{path}", compression="deflate", max_queue=None, proxy=None) as socket,
    ):
        return [str(await socket.recv()) for _ in range(count)]


async def test_equal_seeds_say_the_same_byte_for_byte_at_any_speed() -> None:
    once = await first_texts(5000, speed=AS_FAST_AS_TAKEN)
    assert await first_texts(5000, speed=AS_FAST_AS_TAKEN) == once
    assert await first_texts(300, speed=3600.0) == once[:300]
    assert await first_texts(300, seed=8, speed=AS_FAST_AS_TAKEN) != once[:300]
    kinds = {json.loads(text)["stream"].partition("@")[2] for text in once}
    assert kinds == {"aggTrade", "bookTicker", "kline_1m"}


async def test_a_client_hears_everything_from_the_first_trade_on() -> None:
    exchange = Exchange(counting(count=5000), speed=AS_FAST_AS_TAKEN)
    async with exchange.serving() as port:
        assert await get(port, "/api/v3/time") == {"serverTime": MS}
        async with connected(port, A) as ear:
            await ear.hear(texts=5000)
    assert ids(ear) == list(range(5000))
    assert exchange.finished.is_set()


async def test_a_slow_client_makes_the_market_wait_and_loses_nothing() -> None:
    count = 60_000
    exchange = Exchange(counting(count=count), speed=AS_FAST_AS_TAKEN, end="close")
    async with exchange.serving() as port, connected(port, A) as slow, connected(port, A) as fast:
        await fast.hear(texts=1000)
        async with asyncio.timeout(PATIENCE_S):
            before = -1
            while exchange.tape.ts != before:  # until it stands still
                before = exchange.tape.ts
                await asyncio.sleep(0.1)
        assert not exchange.finished.is_set()
        await asyncio.gather(slow.hear(texts=2 * count), fast.hear(texts=2 * count))
    assert ids(slow) == list(range(count))
    assert ids(fast) == list(range(ids(fast)[0], count))


async def test_time_stands_still_while_nobody_listens() -> None:
    exchange = Exchange(counting(count=100_000), speed=AS_FAST_AS_TAKEN)
    async with exchange.serving() as port:
        async with connected(port, "/ws") as ear:
            assert await ear.ask("SUBSCRIBE", "zzz@aggTrade") == {"result": None, "id": 1}
            assert await get(port, "/api/v3/time") == {"serverTime": MS}
            await ear.ask("SUBSCRIBE", "a@aggTrade")
            await ear.hear(texts=1)
        async with connected(port, A) as ear:
            await ear.hear(texts=1)
            assert 0 < ids(ear)[0] < 50_000


async def test_a_paced_venue_keeps_its_pace_and_tells_its_time_when_it_is_quiet() -> None:
    exchange = Exchange(counting(count=3, gap_s=20.0), speed=100.0)
    loop = asyncio.get_running_loop()
    async with exchange.serving() as port, connected(port, A) as ear:
        await ear.hear(texts=1)
        began = loop.time()
        await ear.hear(texts=3)
        took = loop.time() - began
        await ear.hear(pings=len(ear.pings) + 1)
    assert 0.3 < took < 2.0
    assert len(ear.pings) > 10
    assert ear.pings == sorted(ear.pings)
    trades = [message["T"] for message in ear.messages]
    for ping, heard in zip(ear.pings, ear.pings_after, strict=True):
        assert all(ts >= ping for ts in trades[heard:])
    assert ear.pings[-1] == MS + 40_000  # the end of the data: no trade follows


async def test_without_waiting_the_market_is_open_before_anybody_comes() -> None:
    exchange = Exchange(counting(count=50), speed=AS_FAST_AS_TAKEN, wait_for_client=False)
    async with exchange.serving() as port:
        await exchange.finished.wait()
        async with connected(port, A) as ear:
            await ear.hear(pings=1)
    assert (ear.texts, ear.pings) == ([], [MS + 49_000])


async def test_the_end_of_the_data_is_announced_and_closes_the_connection() -> None:
    exchange = Exchange(counting(count=2), speed=AS_FAST_AS_TAKEN, end="close")
    async with exchange.serving() as port, connected(port, "/stream?streams=a@aggTrade") as ear:
        assert await ear.hear(texts=4) is False
        assert ear.socket.close_code == 1001
    assert ear.messages[-1] == {"stream": "!serverShutdown", "data": {"e": "serverShutdown", "E": MS + 1000}}
    assert ear.pings[-1] == MS + 1000


async def test_times_in_microseconds() -> None:
    exchange = Exchange(counting(count=2), speed=AS_FAST_AS_TAKEN)
    async with exchange.serving() as port, connected(port, f"{A}?timeUnit=microsecond") as ear:
        await ear.hear(texts=1)
    assert ear.messages[0]["T"] == T0 // 1000


@pytest.mark.parametrize("path", ["/ws/a@depth", "/stream?streams=A@aggTrade", "/ws/a@aggTrade?timeUnit=HOUR"])
async def test_a_connection_to_nothing_is_refused(path: str) -> None:
    async with Exchange(counting()).serving() as port:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with connected(port, path):
                pass
    assert refused.value.status == 400


# --- limits --------------------------------------------------------------------------------------------------


async def test_a_client_that_asks_too_often_is_disconnected() -> None:
    async with Exchange(counting()).serving() as port, connected(port, "/ws") as ear:
        for number in range(6):
            await ear.socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": number})
        assert await ear.hear(texts=6) is False
        assert ear.socket.close_code == 1008
    assert [message["id"] for message in ear.messages] == [0, 1, 2, 3, 4]


async def test_a_ping_is_answered() -> None:
    async with Exchange(counting()).serving() as port, connected(port, "/ws") as ear:
        await ear.hear(pings=1)
        await ear.socket.ping(b"\xff")
        async with asyncio.timeout(PATIENCE_S):
            message = await ear.socket.receive()
    assert (message.type, message.data) == (aiohttp.WSMsgType.PONG, b"\xff")


async def test_a_client_that_does_not_answer_pings_is_cut_off() -> None:
    limits = Limits(ping_every_s=0.02, pong_within_s=0.1)
    async with Exchange(counting(), limits=limits).serving() as port:
        async with connected(port, "/ws") as ear, asyncio.timeout(PATIENCE_S):
            while (await ear.socket.receive()).type is aiohttp.WSMsgType.PING:
                pass
            assert ear.socket.close_code == 1006
        async with connected(port, "/ws") as ear:
            assert await ear.hear(pings=10)


async def test_a_connection_lives_for_so_long_and_no_longer() -> None:
    limits = Limits(lifetime_s=0.1)
    async with Exchange(counting(), limits=limits).serving() as port, connected(port, "/ws") as ear:
        assert await ear.hear(texts=1) is False
        assert ear.socket.close_code == 1001


# --- faults --------------------------------------------------------------------------------------------------


async def test_a_cut_connection_ends_without_a_word_and_the_gap_can_be_had_over_rest() -> None:
    exchange = Exchange(counting(count=3000), speed=AS_FAST_AS_TAKEN, faults=[Fault("disconnect", after=100)])
    async with exchange.serving() as port:
        async with connected(port, A) as ear:
            assert await ear.hear(texts=3000) is False
            assert ear.socket.close_code == 1006
        async with connected(port, A) as again:
            await again.hear(texts=100)
        first = ids(again)[0]
        missed = await get(port, "/api/v3/aggTrades", symbol="A", fromId=100, limit=first - 100)
    assert ids(ear) == list(range(100))
    assert first > 100
    assert [row["a"] for row in missed] == list(range(100, first))


async def test_trades_are_skipped_and_said_twice() -> None:
    faults = [Fault("skip", after=10, count=5), Fault("duplicate", after=20, count=2)]
    exchange = Exchange(counting(count=30), speed=AS_FAST_AS_TAKEN, faults=faults)
    async with exchange.serving() as port, connected(port, A) as ear:
        await ear.hear(texts=27)
    assert ids(ear) == [*range(10), *range(15, 20), 20, 20, 21, 21, *range(22, 30)]


async def test_a_mute_connection_says_nothing_for_a_time() -> None:
    exchange = Exchange(counting(count=2000), speed=AS_FAST_AS_TAKEN, faults=[Fault("mute", after=100, seconds=0.2)])
    loop = asyncio.get_running_loop()
    async with exchange.serving() as port, connected(port, A) as ear:
        await ear.hear(texts=100)
        began = loop.time()
        pings = len(ear.pings)
        await ear.hear(pings=pings + 1)
        assert loop.time() - began > 0.1
        assert len(ear.texts) == 100
        await ear.hear(texts=101)
    assert ids(ear)[:100] == list(range(100))
    assert ids(ear)[100] == 512  # what was due with the last trade is lost


async def test_delayed_messages_come_late_and_in_order_while_time_goes_on() -> None:
    exchange = Exchange(counting(count=100, gap_s=10.0), speed=1000.0, faults=[Fault("delay", after=3, seconds=0.3)])
    async with exchange.serving() as port, connected(port, A) as ear:
        await ear.hear(texts=3)
        async with asyncio.timeout(PATIENCE_S):
            while (await get(port, "/api/v3/time"))["serverTime"] < MS + 100_000:
                pass
        seen = len(ear.texts)
        await ear.hear(texts=100)
    assert seen == 3
    assert ids(ear) == list(range(100))


async def test_faults_are_caused_over_rest_only_where_that_is_asked_for() -> None:
    exchange = Exchange(counting(count=10), speed=AS_FAST_AS_TAKEN, with_control=True)
    url = "http://127.0.0.1:{}/sim/faults"
    async with exchange.serving() as port, aiohttp.ClientSession() as session:
        async with session.post(url.format(port), json=[{"kind": "skip", "after": 3}]) as response:
            assert await response.json() == {"sent": 0}
        for wrong in ([{"kind": "explode", "after": 3}], [{"kind": "skip", "after": -3}]):
            async with session.post(url.format(port), json=wrong) as response:
                assert response.status == 400
        async with connected(port, A) as ear:
            await ear.hear(texts=9)
    assert 3 not in ids(ear)
    async with (
        Exchange(counting()).serving() as port,
        aiohttp.ClientSession() as session,
        session.post(url.format(port), json=[]) as response,
    ):
        assert response.status == 404
