"""The simulated Kite ticker: modes, beats, snapshots, sessions, REST, options, and the process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from typing import TYPE_CHECKING, Any

import aiohttp
import numpy as np
import pytest

from tests.contracts.kite_feeds import listed, make_ticker
from tests.unit.venues.markets import PATIENCE_S, T0, make_trades
from tests.unit.venues.test_command import PROJECT, ready
from tradingd.adapters.feeds.kite_wire import FULL, INDEX, INDEX_FULL, LTP, QUOTE, KiteCounts, read_packets
from tradingd.adapters.masters.store import read_instruments
from tradingd.core.markets.pricing import option_price, years
from tradingd.core.markets.sessions import market
from tradingd.model.errors import ConfigError, DataError
from tradingd.model.instrument import Instrument, InstrumentKind
from tradingd.model.market import MINUTE, SECOND
from tradingd.venues.kite_command import made_up
from tradingd.venues.kite_listing import dump, listing, on_the_wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tradingd.venues.kite import KiteVenue

INFY, NIFTY = 1001 << 8 | 1, 1002 << 8 | 9
AUTHORIZED = {"Authorization": "token key:token"}


def two(**options: Any) -> KiteVenue:
    """Return a ticker of a share and an index; its n-th trade costs 100 + n, its index 200 + n."""
    rows = [(n * 1.0, 100.0 + n, 5.0, 99.5 + n, 100.5 + n) for n in range(30)]
    parts = {"INFY": make_trades(*rows), "NIFTY": make_trades(*((n * 1.0, 200.0 + n) for n in range(30)))}
    return make_ticker(parts, "NSE", **options)


class Ear:
    """A client that keeps all it hears."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.packets: list[tuple[Any, ...]] = []
        self.texts: list[Any] = []
        self.beats = 0

    async def hear(self, packets: int = 0, texts: int = 0, beats: int = 0) -> bool:
        """Listen until so many have come in all; return False where the venue hung up before."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.packets) < packets or len(self.texts) < texts or self.beats < beats:
                message = await self.socket.receive()
                if message.type is aiohttp.WSMsgType.TEXT:
                    self.texts.append(json.loads(message.data))
                elif message.type is aiohttp.WSMsgType.BINARY:
                    self.beats += len(message.data) == 1
                    self.packets += read_packets(message.data, KiteCounts())
                else:
                    return False
        return True

    async def ask(self, action: str, value: Any) -> None:
        await self.socket.send_json({"a": action, "v": value})


@contextlib.asynccontextmanager
async def connected(port: int, token: str = "token") -> AsyncIterator[Ear]:  # noqa: S107 - made up
    url = f"ws://127.0.0.1:{port}?api_key=key&access_token={token}"
    async with aiohttp.ClientSession() as session, session.ws_connect(url, max_msg_size=0) as socket:
        yield Ear(socket)


async def get(port: int, path: str, token: str = "token", **query: Any) -> tuple[int, Any]:  # noqa: S107 - made up
    """Ask over REST; return the status, and what is said."""
    headers = {"Authorization": f"token key:{token}"}
    url = f"http://127.0.0.1:{port}{path}"
    async with aiohttp.ClientSession(headers=headers) as session, session.get(url, params=query) as answer:
        said = await answer.json()
    return answer.status, said.get("data", said)


# --- the ticker --------------------------------------------------------------------------------------------------


async def test_each_instrument_is_told_in_its_mode() -> None:
    venue = two()
    async with venue.serving() as port, connected(port) as ear:
        await ear.ask("subscribe", [INFY, NIFTY])
        await ear.ask("mode", ["ltp", [INFY]])
        await ear.hear(packets=2 + 1 + 60)
    kinds = [(packet[0], packet[1]) for packet in ear.packets]
    assert kinds[:3] == [(QUOTE, INFY), (INDEX, NIFTY), (LTP, INFY)]  # as it was subscribed, and as its mode changed
    assert kinds[3:] == [(LTP, INFY), (INDEX, NIFTY)] * 30
    assert [packet[2] for packet in ear.packets[3::2]] == [10_000 + 100 * n for n in range(30)]


async def test_a_full_packet_tells_the_day_so_far_and_the_book() -> None:
    async with two().serving() as port, connected(port) as ear:
        await ear.ask("subscribe", [INFY, NIFTY])
        await ear.ask("mode", ["full", [NIFTY, INFY]])
        await ear.hear(packets=4 + 60)
    share, index = ear.packets[-2], ear.packets[-1]
    assert (share[0], index[0]) == (FULL, INDEX_FULL)
    last, quantity, average, volume, *_ = share[2:8]
    assert (last, quantity, volume) == (12_900, 5, 150)
    assert average == sum(10_000 + 100 * n for n in range(30)) // 30
    assert share[8:12] == (10_000, 12_900, 10_000, 10_000)
    assert share[12] == share[16] == (T0 + 29 * SECOND) // SECOND
    assert share[17][:12] == bytes(4) + (12_850).to_bytes(4, "big") + bytes(4)
    assert index[2:7] == (22_900, 22_900, 20_000, 20_000, 20_000)  # last, high, low, open, close


async def test_who_subscribes_late_is_shown_the_present_at_once() -> None:
    venue = two(ts_open=T0 + 20 * SECOND, speed=1e-6)
    async with venue.serving() as port, connected(port) as ear:
        await ear.ask("subscribe", [INFY])
        await ear.ask("mode", ["full", [INFY]])
        await ear.hear(packets=2)
        shown = ear.packets[1]
        assert (shown[2], shown[5], shown[16] * SECOND) == (11_900, 100, T0 + 20 * SECOND)


async def test_a_beat_comes_every_second() -> None:
    async with two(speed=1e-6).serving() as port, connected(port) as ear:
        clock = asyncio.get_running_loop().time
        await ear.hear(beats=1)
        begin = clock()
        await ear.hear(beats=2)
        assert 0.5 < clock() - begin < 2


async def test_what_makes_no_sense_is_an_error_and_what_is_unknown_is_passed_over() -> None:
    async with two(speed=1e-6).serving() as port, connected(port) as ear:
        for text in ("", "{", '{"a":"subscribe"}', '{"a":"dance","v":[1]}', '{"a":"mode","v":["all",[1]]}', "[]"):
            await ear.socket.send_str(text)
        await ear.hear(texts=6)
        assert {text["type"] for text in ear.texts} == {"error"}
        await ear.ask("subscribe", ["256257", True, None, 7, INFY, INFY])
        await ear.ask("mode", ["full", [NIFTY]])  # which is not subscribed
        await ear.ask("unsubscribe", [INFY, 7])
        await ear.ask("subscribe", [NIFTY])
        await ear.hear(packets=2)
        assert [packet[1] for packet in ear.packets] == [INFY, NIFTY]


async def test_orders_are_told_to_everybody_in_words() -> None:
    venue = two(speed=1e-6)
    async with venue.serving() as port, connected(port) as one, connected(port) as other:
        await one.hear(beats=1)
        await other.hear(beats=1)
        venue.tell_order({"order_id": "1", "status": "COMPLETE"})
        for ear in (one, other):
            await ear.hear(texts=1)
            assert ear.texts == [{"type": "order", "id": "", "data": {"order_id": "1", "status": "COMPLETE"}}]


async def test_nobody_is_let_in_without_a_session_and_no_more_than_three() -> None:
    venue = two(speed=1e-6)
    async with venue.serving() as port, contextlib.AsyncExitStack() as stack:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await stack.enter_async_context(connected(port, "another"))
        assert refused.value.status == 403
        ears = [await stack.enter_async_context(connected(port)) for _ in range(3)]
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await stack.enter_async_context(connected(port))
        assert refused.value.status == 429
        venue.expire()
        assert not await ears[0].hear(packets=1)
        assert (await get(port, "/quote/ltp", i="NSE:INFY"))[0] == 403


# --- REST --------------------------------------------------------------------------------------------------------


async def test_quotes_tell_what_the_ticker_tells() -> None:
    venue = two(ts_open=T0 + 20 * SECOND, speed=1e-6)
    async with venue.serving() as port:
        _, quotes = await get(port, "/quote", i="NSE:INFY")
        _, prices = await get(port, "/quote/ltp", i=str(NIFTY))
        _, days = await get(port, "/quote/ohlc", i="NSE:NIFTY")
    quote = quotes["NSE:INFY"]
    assert (quote["last_price"], quote["volume"], quote["timestamp"]) == (119.0, 100, "2025-01-02 05:30:19")
    assert quote["depth"]["buy"][0] == {"price": 118.5, "quantity": 0, "orders": 0}
    assert prices == {str(NIFTY): {"instrument_token": NIFTY, "last_price": 219.0}}
    assert days["NSE:NIFTY"]["ohlc"] == {"open": 200.0, "high": 219.0, "low": 200.0, "close": 200.0}


async def test_candles_begin_with_the_session_and_end_with_the_one_that_forms() -> None:
    begin = market("NSE").session_from(T0)
    offset = (begin.ts_open - T0) // SECOND
    rows = [(offset + n * 30.0, 100.0 + n, 2.0) for n in range(-4, 40)]
    venue = make_ticker({"INFY": make_trades(*rows)}, "NSE", ts_open=begin.ts_open + 12 * MINUTE, speed=1e-6)
    token = listed(venue, "INFY").token
    async with venue.serving() as port:
        path = f"/instruments/historical/{int(token) << 8 | 1}/5minute"
        _, said = await get(port, path, **{"from": "2025-01-02 09:00:00", "to": "2025-01-02 09:25:00"})
        wrong = [
            await get(port, path, **{"from": "2025-01-02", "to": "x"}),
            await get(port, path, **{"from": "2024-01-02 00:00:00", "to": "2025-01-02 00:00:00"}),
            await get(port, path.replace("5minute", "week"), **{"from": "2025-01-02", "to": "2025-01-02"}),
            await get(port, "/instruments/historical/7/minute", **{"from": "2025-01-02", "to": "2025-01-02"}),
            await get(port, "/quote/ltp"),
        ]
    assert [row[0] for row in said["candles"]] == [f"2025-01-02T09:{m}:00+0530" for m in (15, 20, 25)]
    assert said["candles"][0][1:] == [100.0, 109.0, 100.0, 109.0, 20]
    assert said["candles"][2][1:] == [120.0, 123.0, 120.0, 123.0, 8]
    assert all(status == 400 and error["error_type"] == "InputException" for status, error in wrong)


async def test_requests_beyond_the_limits_are_refused() -> None:
    async with two(speed=1e-6, per_second={"quote": 1, "historical": 3, "other": 10}).serving() as port:
        answers = [await get(port, "/quote/ltp", i="NSE:INFY") for _ in range(2)]
        assert [status for status, _ in answers] == [200, 429]
        assert answers[1][1]["error_type"] == "NetworkException"
        assert (await get(port, "/user/profile"))[0] == 200


async def test_the_instrument_list_is_read_as_any_other(tmp_path: Path) -> None:
    found, blocks = made_up(["INFY", "NIFTY"], "NSE", [], 7, T0, ("NIFTY", 3))
    del blocks
    venue = make_ticker({"INFY": make_trades((0, 1.0)), "NIFTY": make_trades((0, 1.0))}, "NSE",
                        known=tuple(one.instrument for one in found.values()), speed=1e-6)  # fmt: skip
    url = "http://127.0.0.1:{}/instruments/{}"
    async with venue.serving() as port, aiohttp.ClientSession(headers=AUTHORIZED) as session:
        async with session.get(url.format(port, "NSE")) as answer:
            (tmp_path / "list.csv").write_text(await answer.text())
        async with session.get(url.format(port, "NFO")) as answer:
            assert (await answer.text()).count("\n") == 1
    rows = read_instruments(tmp_path / "list.csv")
    assert [(row.id, row.kind, row.token) for row in rows] == [
        (one.id, one.kind, one.token) for one in (listed(venue, "INFY"), listed(venue, "NIFTY"))
    ]
    assert rows[1].kind is InstrumentKind.INDEX


# --- what is told ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "what"),
    [((0, 10.001, 1), "a price of 10.001"), ((0, 10, 1.5), "a quantity of 1.5"), ((0, -1, 1), "a price of -1.0")],
)
def test_what_the_wire_cannot_carry_is_refused(row: tuple[float, ...], what: str) -> None:
    with pytest.raises(DataError, match=f"NSE:INFY: {what} is not carried"):
        on_the_wire({"INFY": make_trades(row)}, listing(["INFY"], "NSE"))


def test_times_are_told_in_whole_seconds() -> None:
    trades = on_the_wire({"INFY": make_trades((0.25, 10), (1.999, 11))}, listing(["INFY"], "NSE"))["INFY"]
    assert ((trades.ts - T0) // 1_000_000).tolist() == ((trades.ts_market - T0) // 1_000_000).tolist() == [0, 1000]


def test_a_chain_is_priced_from_its_underlying_and_equal_seeds_make_it_equal() -> None:
    first, again = (made_up(["NIFTY", "TCS"], "NSE", [], 7, T0, ("NIFTY", 4)) for _ in range(2))
    block, same = next(first[1]), next(again[1])
    options = [one.instrument for one in first[0].values() if one.instrument.kind is InstrumentKind.OPTION]
    assert len(options) == 18
    spot = block["NIFTY"]
    for option in options:
        trades = block[option.symbol]
        assert np.array_equal(trades.price, same[option.symbol].price)
        assert len(trades) > 20
        assert option.expiry is not None
        assert option.strike is not None
        expires = market("NFO").session_on(option.expiry)
        assert expires is not None
        for ts, price in list(zip(trades.ts.tolist(), trades.price.tolist(), strict=True))[::50]:
            level = spot.price[np.searchsorted(spot.ts_market, ts)].item()
            low, high = (
                option_price(option.right, level, float(option.strike), years(ts, expires.ts_close), volatility)
                for volatility in (0.12, 0.25)
            )
            assert low - 2 < price < high + 2
        assert np.all(trades.bid < trades.ask)
        assert np.array_equal(trades.quantity % float(option.lot_size), np.zeros(len(trades)))
    assert {option.lot_size for option in options} == {75}


# --- the process -------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def ticker(*options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tradingd.venues.kite", *options,
        cwd=PROJECT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_the_process_plays_recorded_files_in_the_tokens_of_a_list_to_their_end(tmp_path: Path) -> None:
    rows = ("timestamp,ltp,volume", "2025-01-02 09:15:00,10.05,5", "2025-01-02 09:15:01,10.1,9")
    (tmp_path / "ticks.csv").write_text("\n".join(rows))
    [infy] = listing(["INFY"], "NSE", [Instrument("NSE", "INFY", token="1594")]).values()  # noqa: S106 - a number
    (tmp_path / "list.csv").write_text(dump([infy]))
    options = (f"--ticks=INFY={tmp_path}/ticks.csv", f"--instruments={tmp_path}/list.csv", "--speed=max", "--end=close")
    async with ticker(*options, "--control") as process:
        line = await ready(process)
        assert line["symbols"] == ["INFY"]
        async with connected(line["port"]) as ear:
            await ear.ask("subscribe", [408_065])
            await ear.ask("mode", ["full", [408_065]])
            await ear.hear(packets=4)
            assert [(packet[2], packet[5]) for packet in ear.packets[2:]] == [(1005, 0), (1010, 4)]
        assert await process.wait() == 0


async def test_a_wrong_option_is_told() -> None:
    async with ticker("--speed", "0") as process:
        _, errors = await process.communicate()
        assert process.returncode == 78
        assert "kite: --speed 0 is neither a number above 0 nor max" in errors.decode()


@pytest.mark.parametrize(
    ("chain", "said"),
    [("TCS", "there are no rules of contracts on TCS"), ("SENSEX", "it must be one of --symbols TCS,INFY")],
)
def test_options_that_nobody_could_list_are_refused(chain: str, said: str) -> None:
    with pytest.raises(ConfigError, match=f"--chain {chain}: {said}"):
        made_up(["TCS", "INFY"], "NSE", [], 7, T0, (chain, 5))
