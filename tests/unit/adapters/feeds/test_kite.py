"""The Kite provider on real sockets: history in pages, limits kept, lines shared, sessions renewed."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
import stamina

from tests.contracts.feeds import PATIENCE_S, listening, session_of
from tests.contracts.kite_feeds import frame, full, kite_feed, listed, make_ticker
from tests.contracts.kite_server import KiteServer
from tests.shared import shared
from tests.unit.venues.markets import make_trades
from tradingd.adapters.feeds.kite_rest import Credential, KiteRest, indian, instant
from tradingd.adapters.feeds.kite_wire import instrument_token
from tradingd.core.markets.sessions import default_instrument, market
from tradingd.model.errors import FeedError, FeedRefused
from tradingd.model.market import DAY, HOUR, MINUTE, SECOND, Depth, Timeframe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tradingd.model.instrument import Instrument

NOW = 1_704_190_500  # 2024-01-02 15:45 in India


@pytest.fixture(autouse=True)
def _no_waiting_between_attempts() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


def made(count: int, exchange: str = "SIM") -> list[Instrument]:
    names = [f"S{n:04d}" for n in range(count)]
    return [dataclasses.replace(default_instrument(exchange, name), token=str(n)) for n, name in enumerate(names, 1)]


def quotes(*instruments: Instrument, **more: Any) -> dict[str, Any]:
    return {i.id: {"instrument_token": instrument_token(i), "last_price": 5.0} | more for i in instruments}


# --- history -----------------------------------------------------------------------------------------------------


async def test_a_captured_history_is_cut_into_the_bars_of_its_sessions() -> None:
    """3,000 candles of eight sessions; larger bars are anchored at the open and truncated at the close."""
    with gzip.open(shared("data/kite_mocks_extra/omspy_historical_minute_2017-12.json.gz")) as file:
        candles = json.load(file)["data"]["candles"]
    [infy] = made(1, "NSE")
    async with KiteServer().serving() as server, kite_feed(server.port) as told:
        server.candles, server.seconds = candles, 1_514_370_600  # 2017-12-27T16:00 in India
        until = server.seconds * SECOND
        minutes = await told.provider.history(infy, Timeframe(MINUTE), 5000, until)
        hours = await told.provider.history(infy, Timeframe(HOUR), 5000, until)
    assert [(b.open, b.high, b.low, b.close, b.volume) for b in minutes] == [tuple(row[1:6]) for row in candles]
    assert len(hours) == 8 * 7
    assert {(bar.ts_close - bar.ts_open) // MINUTE for bar in hours} == {60, 15}
    last = [row for row in candles if row[0] >= "2017-12-27T15:15"]
    assert (hours[-1].open, hours[-1].close, hours[-1].volume) == (last[0][1], last[-1][4], sum(row[5] for row in last))


@pytest.mark.parametrize(
    ("timeframe", "interval", "days"),
    [("1m", "minute", 60), ("5m", "5minute", 100), ("10m", "10minute", 100), ("45m", "15minute", 200),
     ("1h", "60minute", 400), ("3h", "60minute", 400), ("1d", "60minute", 400), ("7m", "minute", 60)],
)  # fmt: skip
async def test_history_is_asked_for_in_the_widest_candles_and_the_longest_ranges(
    timeframe: str, interval: str, days: int
) -> None:
    [infy] = made(1, "NSE")
    async with KiteServer().serving() as server, kite_feed(server.port) as told:
        server.seconds = NOW
        dates = (dt.date(2024, 1, 2) - dt.timedelta(days=n) for n in range(8500))
        server.candles = [[f"{date}T09:15:00+0530", 1.0, 2.0, 0.5, 1.5, 10] for date in dates]
        await told.provider.history(infy, Timeframe.parse(timeframe), 100_000, NOW * SECOND)
        asked = [(path.rpartition("/")[2], dict(query)) for path, query in server.asked]
    assert {name for name, _ in asked} == {interval}
    spans = [(instant(query["from"]), instant(query["to"])) for _, query in asked]
    assert all(end - begin == days * DAY - SECOND for begin, end in spans)
    assert [begin for begin, _ in spans][:-1] == [end + SECOND for _, end in spans][1:]


async def test_little_history_is_asked_for_once() -> None:
    trades = {"AAA": make_trades(*((n, 10.0 + n % 7) for n in range(0, 20_000, 7)))}
    venue = make_ticker(trades, "SIM", ts_open=1_735_776_000 * SECOND + 19_000 * SECOND)
    async with venue.serving() as port, kite_feed(port) as told:
        bars = await told.provider.history(listed(venue, "AAA"), Timeframe(5 * MINUTE), 10, venue.now())
        assert [bar.ts_close - bar.ts_open for bar in bars] == [5 * MINUTE] * 10
        assert bars[-1].ts_close <= venue.now()


async def test_bars_that_the_venue_cannot_make_are_refused() -> None:
    async with KiteServer().serving() as server, kite_feed(server.port) as told:
        with pytest.raises(FeedRefused, match=r"bars of 30s cannot be made of what the venue has: 1m, .*1h"):
            await told.provider.history(made(1)[0], Timeframe(30 * SECOND), 5, NOW * SECOND)


# --- the present -------------------------------------------------------------------------------------------------


async def test_the_last_price_comes_with_its_book_and_age() -> None:
    [infy] = made(1, "NSE")
    sides = {"buy": [{"price": 4.95, "quantity": 7, "orders": 1}, {"price": 0, "quantity": 0, "orders": 0}],
             "sell": [{"price": 5.05, "quantity": 3, "orders": 1}]}  # fmt: skip
    async with KiteServer(**quotes(infy, timestamp="2024-01-02 15:29:59", oi=12, depth=sides)).serving() as server:
        server.seconds = NOW
        async with kite_feed(server.port) as told:
            last = await told.provider.last(infy)
    assert last is not None
    tick, age = last
    assert (tick.price, tick.bid, tick.ask, tick.oi, tick.volume) == (5.0, 4.95, 5.05, 12.0, 0.0)
    assert tick.depth == Depth(((4.95, 7.0),), ((5.05, 3.0),))
    assert indian(tick.ts) == "2024-01-02 15:29:59"
    assert age == 15 * MINUTE + SECOND


async def test_an_instrument_that_never_traded_has_no_last_price() -> None:
    [infy] = made(1)
    never = quotes(infy, last_price=0.0, timestamp=None)
    async with KiteServer(**never).serving() as server, kite_feed(server.port) as told:
        assert await told.provider.last(infy) is None


async def test_many_who_ask_for_a_last_price_are_answered_together() -> None:
    """As the venue takes one such request a second."""
    many = made(700)
    async with KiteServer(**quotes(*many, timestamp="2024-01-02 15:29:59")).serving() as server:
        async with kite_feed(server.port) as told:
            found = await asyncio.gather(*(told.provider.last(one) for one in many))
        assert [last is not None and last[0].instrument for last in found] == [one.id for one in many]
        assert [len(query) for path, query in server.asked if path == "/quote"] == [500, 200]


async def test_a_refusal_of_many_is_told_to_each() -> None:
    many = made(3)
    async with KiteServer(**quotes(*many)).serving() as server, kite_feed(server.port) as told:
        server.answers["/quote"] = [(400, {"status": "error", "message": "no", "error_type": "InputException"})]
        found = await asyncio.gather(*(told.provider.last(one) for one in many), return_exceptions=True)
    assert all(isinstance(one, FeedRefused) and "InputException, no" in str(one) for one in found)


# --- what REST may answer ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "content", "told_as"),
    [
        (400, {"status": "error", "message": "invalid token", "error_type": "InputException"}, "invalid token"),
        (200, {"status": "error", "message": "odd", "error_type": "GeneralException"}, "GeneralException, odd"),
        (404, "<html>", "status 404, and an answer that cannot be read"),
        (200, "{}", "an answer that cannot be read"),
        (200, {"status": "success", "data": {"candles": [["x"]]}}, "cannot be read"),
        (502, "gateway", "status 502"),
        (429, {"status": "error", "message": "Too many requests", "error_type": "NetworkException"}, "status 429"),
    ],
)
async def test_an_answer_that_is_none_is_told_as_what_it_is(status: int, content: Any, told_as: str) -> None:
    async with KiteServer().serving() as server, kite_feed(server.port) as told:
        path = f"/instruments/historical/{instrument_token(made(1)[0])}/minute"
        server.answers[path] = [(status, content)] * 9
        with pytest.raises(FeedError, match=told_as):
            await told.provider.history(made(1)[0], Timeframe(MINUTE), 5, NOW * SECOND)


async def test_requests_are_spread_over_the_seconds_that_the_venue_grants() -> None:
    async with KiteServer().serving() as server, kite_feed(server.port) as told:
        clock = asyncio.get_running_loop().time
        rest = KiteRest(told.provider._rest._http, f"http://127.0.0.1:{server.port}", Credential("key", "token"),
                        {"quote": 1, "historical": 3, "other": 10})  # fmt: skip
        begin = clock()
        await asyncio.gather(*(rest.candles(made(1)[0], MINUTE, 0, MINUTE) for _ in range(4)))
        assert clock() - begin >= 1.0


# --- the session -------------------------------------------------------------------------------------------------


async def test_a_question_waits_for_the_next_session() -> None:
    [one] = made(1)
    async with KiteServer(**quotes(one, timestamp="2024-01-02 15:29:59")).serving() as server:
        server.tokens = {"of today"}
        async with kite_feed(server.port) as told:
            asking = asyncio.create_task(told.provider.last(one))
            async with asyncio.timeout(PATIENCE_S):
                while "expired" not in told.words:  # noqa: ASYNC110 - the feed tells nobody
                    await asyncio.sleep(0.001)
                with pytest.raises(FeedRefused, match="does not take this access token"):
                    await told.provider.renew("of yesterday")
                assert not asking.done()
                await told.provider.renew("of today")
                assert await asking is not None


async def test_a_login_is_completed_by_its_request_token() -> None:
    async with KiteServer().serving() as server, kite_feed(server.port) as told:
        answer = {"status": "success", "data": {"access_token": "of today", "user_id": "AB1234"}}
        server.answers["/session/token"] = [(200, answer)]
        await told.provider.renew("a login", is_request=True)
        assert told.credential.access_token == "of today"  # noqa: S105 - made up
        refusal = {"status": "error", "message": "Token is invalid", "error_type": "TokenException"}
        server.answers["/session/token"] = [(403, refusal)]
        with pytest.raises(FeedError, match="Token is invalid"):
            await told.provider.renew("a login", is_request=True)
        assert told.credential.access_token == "of today"  # noqa: S105 - made up


async def test_the_simulated_ticker_knows_who_knows_the_secret() -> None:
    venue = make_ticker({"AAA": make_trades((0, 1.0))}, "SIM")
    async with venue.serving() as port, kite_feed(port) as told:
        venue.expire()
        await told.provider.renew("a login", is_request=True)
        assert venue.sessions.admits("key", told.credential.access_token)
        told.credential.api_secret = "another"  # noqa: S105 - made up
        with pytest.raises(FeedError, match="invalid or has expired"):
            await told.provider.renew("a login", is_request=True)


async def test_the_venues_time_is_known_without_a_session() -> None:
    async with KiteServer().serving() as server, kite_feed(server.port) as told:
        server.tokens, server.seconds = set(), NOW
        assert await told.provider.server_time() == NOW * SECOND


# --- lines -------------------------------------------------------------------------------------------------------


async def test_instruments_fill_one_line_after_the_other() -> None:
    many = made(3005)
    async with KiteServer(**quotes(*many)).serving() as server, kite_feed(server.port) as told:
        provider = told.provider
        async with listening(provider, *reversed(many[:3003])):
            async with asyncio.timeout(PATIENCE_S):
                while "connected" not in told.words:  # noqa: ASYNC110 - the feed tells nobody
                    await asyncio.sleep(0.001)
            assert [len(line) for line in provider._lines] == [3000, 3, 0]
            assert all(instrument_token(one) in provider._lines[n // 3000] for n, one in enumerate(many[:3003]))
            assert told.words == ["connected"]  # once, when both were
            async with listening(provider, *many[3000:]):  # beside the others, on the line that has room
                await server.until(lambda: server.full >= {instrument_token(one) for one in many[3003:]})
                assert [len(line) for line in provider._lines] == [3000, 5, 0]
            assert server.connections == 2


async def test_more_instruments_than_there_is_room_for_are_refused() -> None:
    many = made(9001)
    async with KiteServer(**quotes(*many)).serving() as server, kite_feed(server.port) as told:
        with pytest.raises(FeedRefused, match="9001 instruments are too many; 9000 of 9000 are free"):
            await anext(told.provider.subscribe(many))
        assert server.connections == 0


async def test_who_listens_to_the_same_hears_the_same_and_a_line_ends_with_the_last() -> None:
    [one, two] = made(2)
    token = instrument_token(one)
    async with KiteServer(**quotes(one, two)).serving() as server, kite_feed(server.port) as told:
        async with listening(told.provider, one) as first:
            await server.subscribed(1, 1)
            async with listening(told.provider, one, two) as second:
                await server.subscribed(1, 2)
                await server.say(frame(full(token, NOW, 1)), frame(full(token, NOW, 2)))
                await first.until(ticks=1)
                await second.until(ticks=1)
            await server.until(lambda: server.full == {token})
            await server.say(frame(full(token, NOW, 3)))
            await first.until(ticks=2)
            assert [len(first.ticks), len(second.ticks), server.connections] == [2, 1, 1]
        await server.until(lambda: not server.sockets)


async def test_a_listener_who_rests_makes_the_line_wait_and_loses_nothing() -> None:
    [one] = made(1)
    token = instrument_token(one)
    async with KiteServer(**quotes(one)).serving() as server, kite_feed(server.port) as told:
        stream = told.provider.subscribe([one])
        first = asyncio.create_task(anext(stream))
        await server.subscribed(1, 1)
        packets = [full(token, NOW + n // 500, n + 1) for n in range(40_001)]
        talking = asyncio.create_task(server.say(*(frame(*packets[n : n + 200]) for n in range(0, len(packets), 200))))
        heard = [(await first).ts]
        async with asyncio.timeout(PATIENCE_S):
            while len(heard) < 40_000:
                heard.append((await anext(stream)).ts)
        await talking
        await stream.aclose()
        assert heard == [(NOW + n // 500) * SECOND for n in range(1, 40_001)]


async def test_a_token_that_is_another_instruments_by_now_is_refused() -> None:
    [one] = made(1)
    other = {one.id: {"instrument_token": 77, "last_price": 1.0}}
    async with KiteServer(**other).serving() as server, kite_feed(server.port) as told:
        with pytest.raises(FeedRefused, match=r"not know SIM:S0000 \(271\); daemon.instruments must name today's"):
            await anext(told.provider.subscribe([one]))
        with pytest.raises(FeedRefused, match="does not know SIM:S0000"):
            await told.provider.last(one)


async def test_two_instruments_of_one_token_are_refused() -> None:
    [one] = made(1)
    twin = dataclasses.replace(one, symbol="TWIN")
    async with KiteServer().serving() as server, kite_feed(server.port) as told:
        with pytest.raises(FeedRefused, match="two of them have one token"):
            await anext(told.provider.subscribe([one, twin]))


async def test_an_address_that_is_none_ends_the_subscription_and_tells_no_secret() -> None:
    [one] = made(1)
    async with KiteServer(**quotes(one)).serving() as server, kite_feed(server.port, ws_url="ftp://x") as told:
        with pytest.raises(FeedError, match="as wss://host or ws://host:port") as refused:
            await anext(told.provider.subscribe([one]))
        assert "token" not in str(refused.value)


def test_indian_time_is_written_and_read() -> None:
    zone = market("NSE").zone
    assert str(zone) == "Asia/Kolkata"
    for ts in (0, NOW * SECOND, 1_800_000_000 * SECOND + 7):
        assert instant(indian(ts)) == ts // SECOND * SECOND
    assert session_of(made(1, "NSE")[0], instant("2024-01-02 09:15:00")).ts_open == instant("2024-01-02 09:15:00")
