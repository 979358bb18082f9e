"""Binance's words as ticks and bars: real captures, and a venue on real sockets."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
import stamina

from tests.contracts.binance_server import Line, Server, frame, kline
from tests.contracts.feeds import BTC, ETH, T0_MS, feed, listening
from tests.shared import shared
from tradingd.adapters.feeds.binance_wire import FeedCounts, Hole, Notice, Tape
from tradingd.adapters.feeds.connection import Change, LastingConnection
from tradingd.core.markets.sessions import default_instrument, market
from tradingd.model.errors import FeedError
from tradingd.model.instrument import Instrument
from tradingd.model.market import DAY, HOUR, MINUTE, Quality, Tick, Timeframe

if TYPE_CHECKING:
    from collections.abc import Iterator

MS = 1_000_000
T0 = T0_MS * MS
MINUTE_MS = 60_000


@pytest.fixture(autouse=True)
def _no_waiting_between_attempts() -> Iterator[None]:
    with stamina.set_testing(True, attempts=5, cap=True):
        yield


def said(*instruments: Instrument) -> tuple[Tape, FeedCounts]:
    counts = FeedCounts()
    return Tape(instruments, counts), counts


def agg_trade(number: int, ts_ms: int, price: str = "1.5", quantity: str = "2", **more: Any) -> bytes:
    return frame("BTCUSDT", "aggTrade", {"a": number, "p": price, "q": quantity, "T": ts_ms} | more).encode()


def seen(tick: Any) -> tuple[str, int, float, float, float, float]:
    assert isinstance(tick, Tick)
    return tick.instrument, tick.ts, tick.price, tick.volume, tick.bid, tick.ask


# --- the words ---------------------------------------------------------------------------------------------------


def test_a_captured_combined_stream_reads_as_its_json_says() -> None:
    lines = shared("data/crypto_ws/cryptofeed/BINANCE.ws.1.0").read_text().splitlines()[1:]
    frames = [line.split(": ", 1)[1] for line in lines if line[:1].isdigit()]
    names = ("NKNUSDT", "BLZETH", "LRCBTC", "RUNEEUR")
    tape, counts = said(*(default_instrument("BINANCE", name) for name in names))
    found = [seen(tick) for one in frames if (tick := tape.read(one.encode())) is not None]
    expected = []
    quotes = dict.fromkeys(names, (0.0, 0.0))
    for one in frames:
        content = json.loads(one)
        data = content["data"]
        if content["stream"].endswith("@bookTicker"):
            quotes[data["s"]] = float(data["b"]), float(data["a"])
        elif content["stream"].endswith("@aggTrade"):
            price, quantity = float(data["p"]), float(data["q"])
            expected.append((f"BINANCE:{data['s']}", data["T"] * MS, price, quantity, *quotes[data["s"]]))
    assert found == expected
    assert len(found) == 2
    assert all(bid and ask for *_, bid, ask in found)
    assert counts == FeedCounts()


def test_five_minutes_of_real_trades_and_quotes_have_no_hole() -> None:
    """The capture has single trades; spelled as aggregate ones they are numbered by the same rule."""
    path = shared("data/crypto_ws/hftbacktest/binance_spot_btcusdt_20240809.gz")
    tape, counts = said(BTC)
    ticks, quote = 0, (0.0, 0.0)
    with gzip.open(path, "rt") as lines:
        for line in lines:
            _, _, text = line.partition(" ")
            data = json.loads(text).get("data", {})
            if data.get("e") == "trade":
                text = agg_trade(data["t"], data["T"], data["p"], data["q"]).decode()
            tick = tape.read(text.encode())
            if tick is not None:
                ticks += 1
                assert seen(tick) == (BTC.id, data["T"] * MS, float(data["p"]), float(data["q"]), *quote)
            elif "b" in data and "e" not in data:
                quote = float(data["b"]), float(data["a"])
    assert ticks == 10_147
    assert counts == FeedCounts()


def test_a_quote_makes_no_tick_and_an_empty_side_is_unknown() -> None:
    tape, _ = said(BTC)
    assert tape.read(frame("BTCUSDT", "bookTicker", {"b": "1.0", "a": "0.00000000"}).encode()) is None
    assert seen(tape.read(agg_trade(7, T0_MS)))[2:] == (1.5, 2.0, 1.0, 0.0)


def test_numbers_may_begin_at_zero() -> None:
    tape, _ = said(BTC)
    assert isinstance(tape.read(agg_trade(0, T0_MS)), Tick)
    hole = tape.read(agg_trade(2, T0_MS))
    assert isinstance(hole, Hole)
    assert list(hole.ids) == [1]


def test_a_recorded_trade_that_steps_back_in_time_is_no_duplicate() -> None:
    tape, counts = said(BTC)
    ticks = [tape.read(agg_trade(n, T0_MS + at)) for n, at in enumerate((5, 9, 3, 4))]
    assert [tick.ts for tick in ticks if isinstance(tick, Tick)] == [T0 + at * MS for at in (5, 9, 3, 4)]
    assert tape.read(agg_trade(1, T0_MS + 9)) is None
    assert counts.duplicates == 1
    assert tape.ts == T0 + 9 * MS


def test_symbols_of_other_venues_have_streams_of_their_own() -> None:
    tape, _ = said(Instrument("NSE", "NIFTY 50"), Instrument("NSE", "M&M"))
    trades = [name.removesuffix("@aggTrade") for name in tape.streams if name.endswith("@aggTrade")]
    assert trades == ["nifty_2050", "m_26m"]


def test_a_symbol_that_two_instruments_share_is_refused() -> None:
    with pytest.raises(FeedError, match="NSE:RELIANCE, BSE:RELIANCE: two of them have one symbol"):
        said(Instrument("NSE", "RELIANCE"), Instrument("BSE", "RELIANCE"))


def test_a_shutdown_is_noticed() -> None:
    tape, _ = said(BTC)
    assert tape.read(b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}') is Notice.SHUTDOWN


# --- the present -------------------------------------------------------------------------------------------------


async def test_the_venue_tells_its_time_and_the_last_trade_with_its_age() -> None:
    async with Server("BTCUSDT").serving() as server, feed(server) as told:
        assert await told.provider.last(BTC) is None
        server.trade("BTCUSDT", T0_MS, 10.0, 3.0)
        server.quote("BTCUSDT", "9.0", "11.0")
        server.now_ms += 250
        last = await told.provider.last(BTC)
        assert last is not None
        assert seen(last[0]) == (BTC.id, T0, 10.0, 3.0, 9.0, 11.0)
        assert last[1] == 250 * MS
        assert await told.provider.server_time() == T0 + 250 * MS


async def test_streams_of_all_instruments_are_asked_for_on_one_connection() -> None:
    async with Server("BTCUSDT", "ETHUSDT").serving() as server, feed(server) as told:
        async with listening(told.provider, BTC, ETH):
            await server.connected(1)
            assert server.streams == [
                "btcusdt@aggTrade", "ethusdt@aggTrade", "btcusdt@bookTicker", "ethusdt@bookTicker",
            ]  # fmt: skip
        await server.listeners(0)


async def test_an_unknown_symbol_is_refused_by_name() -> None:
    async with Server("BTCUSDT").serving() as server, feed(server) as told:
        with pytest.raises(FeedError, match="does not know BINANCE:ETHUSDT; name symbols as it does"):
            await anext(told.provider.subscribe([BTC, ETH]))
        assert server.connections == 0


async def test_a_venue_whose_rest_is_down_streams_all_the_same() -> None:
    async with Server("BTCUSDT").serving() as server, feed(server) as told:
        server.answers["ticker/bookTicker"] = [(503, "", {})]
        async with listening(told.provider, BTC) as listener:
            await server.connected(1)
            await server.say(server.trade("BTCUSDT", T0_MS, 1.0))
            await listener.until(ticks=1)


async def test_more_instruments_than_an_address_holds_are_refused() -> None:
    many = [Instrument("BINANCE", f"COIN{n}USDT") for n in range(300)]
    async with Server().serving() as server, feed(server) as told:
        with pytest.raises(FeedError, match="300 instruments are too many for one subscription"):
            await anext(told.provider.subscribe(many))


async def test_an_address_that_is_none_is_refused() -> None:
    async with Server("BTCUSDT").serving() as server, feed(server, ws_url="http://127.0.0.1:1") as told:
        with pytest.raises(FeedError, match="as wss://host or ws://host:port"):
            await anext(told.provider.subscribe([BTC]))


async def test_attempts_to_come_back_are_spread() -> None:
    drawn: list[float] = []

    def jitter() -> float:
        drawn.append(0.0)
        return 0.0

    async with Server("BTCUSDT").serving() as server, Line(server.port).laid() as line:
        line.refuse = 12
        wire = LastingConnection(f"{line.url}/stream?streams=a", stale_s=5, lifetime_s=1e6, jitter=jitter)
        assert await wire.receive() is Change.UNREACHABLE
        assert await wire.receive() is Change.CONNECTED
        await wire.close()
    assert len(drawn) == 12  # the first attempt is made at once


# --- the past ----------------------------------------------------------------------------------------------------


def with_klines(server: Server, interval: str, width_ms: int, count: int, quiet: frozenset[int] = frozenset()) -> None:
    """Give the venue bars from T0 on; the bar number n opens at 100 + n."""
    rows = [kline(T0_MS + n * width_ms, width_ms, 100.0 + n, trades=0 if n in quiet else 2) for n in range(count)]
    server.klines["BTCUSDT"][interval] = rows
    server.now_ms = T0_MS + count * width_ms


async def history(server: Server, width: str, count: int, until: int, instrument: Instrument = BTC) -> list[Any]:
    async with feed(server) as told:
        bars = await told.provider.history(instrument, Timeframe.parse(width), count, until)
        assert all(bar.timeframe == Timeframe.parse(width) and bar.instrument == instrument.id for bar in bars)
        return list(bars)


async def test_history_is_the_last_closed_bars_before_a_time() -> None:
    async with Server("BTCUSDT").serving() as server:
        with_klines(server, "1m", MINUTE_MS, 30)
        bars = await history(server, "1m", 3, T0 + 10 * MINUTE + 59)
        assert [(b.ts_open - T0) // MINUTE for b in bars] == [7, 8, 9]
        last = bars[-1]
        assert (last.open, last.high, last.low, last.close, last.volume) == (109, 110, 108, 109.5, 10)
        assert (last.ts_close - last.ts_open, last.tick_count, last.quality) == (MINUTE, 2, Quality.COMPLETE)


async def test_history_has_no_bar_that_is_still_forming_at_the_venue() -> None:
    async with Server("BTCUSDT").serving() as server:
        with_klines(server, "1m", MINUTE_MS, 30)
        server.now_ms = T0_MS + 20 * MINUTE_MS + 59_999
        assert [b.open for b in await history(server, "1m", 2, T0 + DAY)] == [118, 119]
        server.now_ms += 1
        assert [b.open for b in await history(server, "1m", 2, T0 + DAY)] == [119, 120]


async def test_history_is_read_page_by_page() -> None:
    async with Server("BTCUSDT").serving() as server:
        with_klines(server, "1m", MINUTE_MS, 2600)
        bars = await history(server, "1m", 2500, T0 + DAY * 2)
        assert [b.open for b in bars] == [100.0 + n for n in range(100, 2600)]
        asked = [int(query["limit"]) for path, query in server.asked if path == "klines"]
        assert max(asked) == 1000
        assert len(asked) == 3


async def test_history_is_what_there_is() -> None:
    async with Server("BTCUSDT").serving() as server:
        with_klines(server, "1m", MINUTE_MS, 5)
        assert len(await history(server, "1m", 100, T0 + DAY)) == 5
        assert await history(server, "1m", 100, T0) == []
        assert await history(server, "1m", 0, T0 + DAY) == []


async def test_a_quiet_interval_is_no_bar_and_others_are_had_instead() -> None:
    async with Server("BTCUSDT").serving() as server:
        with_klines(server, "1m", MINUTE_MS, 1200, quiet=frozenset(range(20, 1195)))
        assert [b.open for b in await history(server, "1m", 8, T0 + DAY)] == [
            *(100.0 + n for n in (17, 18, 19)), *(100.0 + n for n in range(1195, 1200)),
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("width", "interval", "width_ms"), [("2m", "1m", MINUTE_MS), ("10m", "5m", 5 * MINUTE_MS), ("30s", "1s", 1000)]
)
async def test_bars_the_venue_does_not_have_are_made_of_its_smaller_ones(
    width: str, interval: str, width_ms: int
) -> None:
    async with Server("BTCUSDT").serving() as server:
        with_klines(server, interval, width_ms, 1500)
        ratio = Timeframe.parse(width).ns // (width_ms * MS)
        bars = await history(server, width, 40, T0 + 1499 * width_ms * MS)
        assert len(bars) == 40
        assert bars[-1].ts_close == T0 + 1499 // ratio * ratio * width_ms * MS
        for bar in bars:
            first = (bar.ts_open - T0) // (width_ms * MS)
            assert (bar.open, bar.close) == (100 + first, 100 + first + ratio - 1 + 0.5)
            assert (bar.low, bar.high) == (99 + first, 100 + first + ratio)
            assert (bar.volume, bar.tick_count) == (10 * ratio, 2 * ratio)


async def test_bars_that_do_not_fill_the_day_are_cut_at_its_end() -> None:
    async with Server("BTCUSDT").serving() as server:
        with_klines(server, "1m", MINUTE_MS, 1450)
        bars = await history(server, "7m", 3, T0 + DAY + 8 * MINUTE)
        bounds = [((b.ts_open - T0) // MINUTE, (b.ts_close - T0) // MINUTE) for b in bars]
        assert bounds == [(1428, 1435), (1435, 1440), (1440, 1447)]


async def test_bars_of_a_venue_with_hours_are_anchored_at_its_open() -> None:
    """An hour from 09:15 in India is no hour of UTC: it is made of quarters."""
    acme = Instrument("NSE", "BTCUSDT")
    session = market("NSE").session_from(T0)
    async with Server("BTCUSDT").serving() as server:
        with_klines(server, "15m", 15 * MINUTE_MS, 96)
        hours = await history(server, "1h", 10, T0 + DAY, acme)
        assert [b.ts_open for b in hours] == [session.ts_open + n * HOUR for n in range(7)]
        assert hours[-1].ts_close == session.ts_close
        (day,) = await history(server, "1d", 10, T0 + DAY, acme)
        assert (day.ts_open, day.ts_close) == (session.ts_open, session.ts_close)
        assert day.open == hours[0].open


async def test_bars_that_nothing_makes_up_are_refused_with_what_there_is() -> None:
    async with Server("BTCUSDT").serving() as server:
        with pytest.raises(FeedError, match=r"bars of 1439m cannot be made of what the venue has: 1s, 1m, 3m, .*1d"):
            await history(server, "1439m", 1, T0)


# --- REST --------------------------------------------------------------------------------------------------------


async def test_a_venue_that_is_busy_is_asked_again() -> None:
    async with Server("BTCUSDT").serving() as server, feed(server) as told:
        server.now_ms = T0_MS
        server.answers["time"] = [(503, "", {}), (429, "", {"Retry-After": "1"}), (418, "", {})]
        assert await told.provider.server_time() == T0
        assert len(server.asked) == 4


async def test_a_venue_that_stays_away_is_a_feed_error() -> None:
    async with Server("BTCUSDT").serving() as server, feed(server) as told:
        server.answers["time"] = [(502, "", {})] * 9
        with pytest.raises(FeedError, match=r"/api/v3/time.*: status 502"):
            await told.provider.server_time()
        assert len(server.asked) == 5
    async with Server().serving() as server, feed(server, rest_url="http://127.0.0.1:1") as told:
        with pytest.raises(FeedError, match=r"127\.0\.0\.1:1"):
            await told.provider.server_time()


async def test_a_ban_of_minutes_is_not_sat_out() -> None:
    async with Server("BTCUSDT").serving() as server, feed(server) as told:
        server.answers["time"] = [(418, "", {"Retry-After": "600"})]
        with pytest.raises(FeedError, match="418"):
            await told.provider.server_time()
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("status", "text", "told_as"),
    [
        (400, '{"code":-1120,"msg":"Invalid interval."}', "refused with -1120, Invalid interval"),
        (404, "<html>", "status 404, and an answer that cannot be read"),
        (200, '{"serverTime":"soon"}', "status 200, and an answer that cannot be read"),
    ],
)
async def test_a_refusal_is_told_in_the_venues_words_and_not_repeated(status: int, text: str, told_as: str) -> None:
    async with Server("BTCUSDT").serving() as server, feed(server) as told:
        server.answers["time"] = [(status, text, {})]
        with pytest.raises(FeedError, match=told_as):
            await told.provider.server_time()
        assert len(server.asked) == 1


async def test_a_hole_waits_for_no_second_answer() -> None:
    async with Server("BTCUSDT").serving() as server, feed(server) as told:
        async with listening(told.provider, BTC) as listener:
            await server.connected(1)
            frames = [server.trade("BTCUSDT", T0_MS + n, 1.0 + n) for n in range(3)]
            server.answers["aggTrades"] = [(503, "", {})]
            await server.say(frames[0], frames[2])
            await listener.until(ticks=2, gaps=2)
        assert [path for path, _ in server.asked].count("aggTrades") == 1
