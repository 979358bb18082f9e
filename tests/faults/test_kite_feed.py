"""What networks, mornings and hostile frames do to the Kite feed: it comes back, tells its gaps, and cries no wolf.

Every packet carries its number as its price, so what arrived says by itself what is missing.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.contracts.binance_server import Line
from tests.contracts.feeds import PATIENCE_S, Listener, listening
from tests.contracts.kite_feeds import KiteFeed, frame, full, kite_feed, listed, make_ticker, quote
from tests.contracts.kite_server import KiteServer
from tests.unit.venues.markets import make_trades
from tradingd.adapters.feeds.kite_wire import instrument_token
from tradingd.core.markets.sessions import default_instrument
from tradingd.model.events import FeedGap
from tradingd.model.market import SECOND, Tick
from tradingd.venues.faults import Fault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tradingd.model.events import MarketEvent

AAA = dataclasses.replace(default_instrument("SIM", "AAA"), token="1001")  # noqa: S106 - the exchange's number
INFY = dataclasses.replace(default_instrument("NSE", "INFY"), token="1594")  # noqa: S106 - the exchange's number
T0 = 1_704_082_500  # 2024-01-01 09:45 in India, a Monday
NIGHT = T0 + 10 * 3600
HEARTBEAT = b"\x00"


def known(instrument: Any = AAA, timestamp: str = "2024-01-01 09:40:00") -> dict[str, dict[str, Any]]:
    token = instrument_token(instrument)
    return {instrument.id: {"instrument_token": token, "last_price": 1.0, "timestamp": timestamp}}


class Story:
    """A venue, the line to it, the feed at its end, and who listens to one instrument."""

    def __init__(self, server: KiteServer, line: Line, told: KiteFeed, listener: Listener, instrument: Any) -> None:
        self.server, self.line, self.told, self.listener = server, line, told, listener
        self.token = instrument_token(instrument)
        self.seconds = T0
        self.made = 0

    def packets(self, count: int) -> list[bytes]:
        """Make packets a second apart, each in a frame of its own."""
        self.made += count
        return [frame(full(self.token, self.seconds + n, 100 * n)) for n in range(self.made - count + 1, self.made + 1)]

    async def subscribed(self, connections: int) -> None:
        """Wait until the latest of so many connections has subscribed, and show it what is known."""
        await self.server.subscribed(connections, 1)
        shown = full(self.token, self.seconds + self.made, 100 * self.made or 1)
        await self.server.say(frame(quote(self.token, 1)), frame(shown))

    @property
    def prices(self) -> list[int | str]:
        return [int(event.price) if isinstance(event, Tick) else "gap" for event in self.listener.events]


@contextlib.asynccontextmanager
async def story(
    instrument: Any = AAA, *, by_byte: bool = False, seconds: int = T0, **options: Any
) -> AsyncIterator[Story]:
    async with (
        KiteServer(**known(instrument)).serving() as server,
        Line(server.port, by_byte=by_byte).laid() as line,
        kite_feed(server.port, ws_url=line.url, **options) as told,
        listening(told.provider, instrument) as listener,
    ):
        it = Story(server, line, told, listener, instrument)
        it.seconds = seconds
        await it.subscribed(1)
        yield it


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():  # noqa: ASYNC110 - the feed tells nobody
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("how", ["reset", "end", "hang_up"])
async def test_a_connection_that_is_cut_comes_back_between_two_gaps(how: str) -> None:
    async with story() as it:
        await it.server.say(*it.packets(3))
        await it.listener.until(ticks=3)
        if how == "hang_up":
            await it.server.sockets[-1].close(code=1000)
        else:
            getattr(it.line, how)()
        it.packets(2)  # nobody is told
        await it.subscribed(2)
        await it.server.say(*it.packets(2))
        await it.listener.until(ticks=5)
        assert it.prices == [1, 2, 3, "gap", "gap", 6, 7]
        assert [gap.ts for gap in it.listener.gaps] == [(T0 + 3) * SECOND, (T0 + 6) * SECOND]
        assert it.told.words == ["connected", "gap", "lost", "connected"]


async def test_a_line_without_beats_is_cut() -> None:
    async with story(stale_s=0.2) as it:
        await it.server.say(*it.packets(1))
        await it.listener.until(ticks=1)
        it.line.is_mute = True
        await it.listener.until(gaps=1)
        it.line.is_mute = False
        await it.subscribed(2)
        await it.server.say(*it.packets(1))
        await it.listener.until(ticks=2)
        assert it.prices == [1, "gap", "gap", 2]
        assert it.told.words == ["connected", "gap", "stale", "connected"]


async def beat(server: KiteServer) -> None:
    while True:
        with contextlib.suppress(IndexError, ConnectionError):
            await server.say(HEARTBEAT)
        await asyncio.sleep(0.02)


async def test_a_line_that_beats_but_tells_nothing_is_found_by_what_rest_knows() -> None:
    async with story(stale_s=0.2) as it:
        await it.server.say(*it.packets(1))
        await it.listener.until(ticks=1)
        it.server.quotes |= known(timestamp="2024-01-01 09:46:00")
        beating = asyncio.create_task(beat(it.server))
        await it.listener.until(gaps=1)
        await it.server.subscribed(2, 1)
        beating.cancel()
        assert it.told.counts["mute"] == 1
        assert [state for state in it.told.words if state != "gap"] == ["connected", "stale", "lost", "connected"]


@pytest.mark.parametrize("timestamp", ["2024-01-01 09:45:01", "2024-01-01 16:30:00"])
async def test_a_market_that_rests_is_no_fault(timestamp: str) -> None:
    """Nothing newer is known elsewhere, or it is of after the close: the line is left in peace."""
    async with story(INFY, stale_s=0.05) as it:
        await it.server.say(*it.packets(1))
        await it.listener.until(ticks=1)
        it.server.quotes |= known(INFY, timestamp)
        beating = asyncio.create_task(beat(it.server))
        await until(lambda: sum(path == "/quote" for path, _ in it.server.asked) >= 4)
        beating.cancel()
        assert it.told.words == ["connected"]
        assert it.prices == [1]


async def test_a_line_that_is_lost_after_the_close_makes_no_gap() -> None:
    async with story(INFY, seconds=NIGHT) as it:
        await it.server.say(*it.packets(2))
        await it.listener.until(ticks=2)
        it.line.reset()
        await it.subscribed(2)
        it.seconds = T0 + 24 * 3600
        await it.server.say(*it.packets(2))
        await it.listener.until(ticks=4)
        assert it.prices == [1, 2, 3, 4]
        assert it.told.words == ["connected", "lost", "connected"]


async def test_bytes_that_come_one_by_one_are_read() -> None:
    async with story(by_byte=True) as it:
        await it.server.say(*it.packets(12))
        await it.listener.until(ticks=12)
        assert it.prices == list(range(1, 13))


async def test_a_session_that_is_over_is_waited_for_and_taken_up_with_the_next_token() -> None:
    async with story() as it:
        await it.server.say(*it.packets(1))
        await it.listener.until(ticks=1)
        it.server.tokens = {"of today"}
        it.line.reset()
        await until(lambda: "expired" in it.told.words)
        refused = it.server.refused
        await asyncio.sleep(0)
        it.told.credential.renew("not of today")
        await it.server.until(lambda: it.server.refused == refused + 1)
        it.told.credential.renew("of today")
        await it.subscribed(2)
        await it.server.say(*it.packets(1))
        await it.listener.until(ticks=2)
        assert it.prices == [1, "gap", "gap", 2]
        assert it.told.words == ["connected", "gap", "lost", "expired", "expired", "connected"]
        assert it.told.counts["refused"] == 2
        assert not any("today" in detail for _, detail in it.told.states)


async def test_without_a_token_nothing_is_tried() -> None:
    async with KiteServer(**known()).serving() as server, kite_feed(server.port) as told:
        told.credential.access_token = ""
        async with listening(told.provider, AAA):
            await until(lambda: told.words == ["expired"])
            assert server.connections == server.refused == 0
            told.credential.renew("token")
            await server.subscribed(1, 1)


async def test_what_cannot_be_read_is_counted_and_the_rest_heard() -> None:
    async with story() as it:
        first, second, third = it.packets(3)
        hostile = [
            b"", b"\x00\x00", b"\x00\x01", first[:-1], b"\xff" * 50, frame(bytes(164)), frame(b"", bytes(3)),
            frame(full(99 << 8 | 1, T0, 5)), frame(full(it.token, T0, 0)), frame(full(it.token, T0, 1 << 31)),
            frame(full(it.token, 0, 7)), HEARTBEAT,
        ]  # fmt: skip
        texts = ["", "{", '{"type":"order","data":{"order_id":"1"}}', '{"type":"error","data":"no"}', '{"type":"new"}']
        await it.server.say(first, *hostile, second, *texts, third)
        await it.listener.until(ticks=3)
        assert it.prices == [1, 2, 3]
        assert it.told.counts == {
            "cached": 1, "untimed": 2, "unpriced": 2, "strangers": 1, "unknown": 3, "malformed": 6, "errors": 1,
        }  # fmt: skip
        assert [kind for kind, _ in it.told.texts] == ["order", "error", "new"]


async def test_a_frame_too_large_ends_the_connection_and_no_more() -> None:
    async with story() as it:
        await it.server.say(*it.packets(1), b"x" * (1 << 21))
        await it.subscribed(2)
        await it.server.say(*it.packets(1))
        await it.listener.until(ticks=2)
        assert it.prices == [1, "gap", "gap", 2]


# --- many faults, seeded -----------------------------------------------------------------------------------------


async def campaign(seed: int, count: int, *, is_honest: bool = True) -> Story:
    """Let chance cut the line; each time the feed must be back, and have told it."""
    rng = np.random.default_rng(seed)
    async with story() as it:
        await it.server.say(*it.packets(1))
        await it.listener.until(ticks=1)
        for n in range(count):
            how = rng.choice(["reset", "end", "hang_up", "expire"])
            if how == "hang_up":
                await it.server.sockets[-1].close(code=1000)
            elif how == "expire":
                it.server.tokens = {f"token {n}"}
                it.line.reset()
                await it.server.turned_away()
                it.told.credential.renew(f"token {n}")
            else:
                getattr(it.line, how)()
            it.packets(int(rng.integers(0, 3)))
            await it.subscribed(n + 2)
            frames = it.packets(2)
            await it.server.say(*(frames if is_honest or n % 2 else frames[1:]))
            await it.listener.until(price=it.made)
    return it


def unmarked(events: list[MarketEvent | FeedGap]) -> list[int]:
    """Return the packets before which others are missing without a gap."""
    found, before, had_gap = [], 0, False
    for event in events:
        if isinstance(event, FeedGap):
            had_gap = True
            continue
        assert isinstance(event, Tick)
        if event.price != before + 1 and not had_gap:
            found.append(int(event.price))
        before, had_gap = int(event.price), False
    return found


@pytest.mark.parametrize("seed", range(2))
async def test_after_every_cut_the_feed_is_back_and_what_is_missing_lies_in_a_gap(seed: int) -> None:
    it = await campaign(seed, 15)
    assert unmarked(it.listener.events) == []
    assert it.told.counts["lost"] == 15
    assert len(it.listener.gaps) == 30


async def test_the_campaign_sees_a_packet_that_is_lost_in_silence() -> None:
    """The control: a venue that swallows the first packet after a reconnect is not found by gaps, but by this check."""
    async with story() as it:
        frames = it.packets(4)
        await it.server.say(*frames[:2], frames[3])
        await it.listener.until(ticks=3)
    assert unmarked(it.listener.events) == [4]


# --- the simulated ticker's own faults ---------------------------------------------------------------------------


async def test_the_simulated_ticker_with_all_its_faults_is_heard_to_the_last_row() -> None:
    trades = {"AAA": make_trades(*((n, 1.0 + n) for n in range(400)))}
    faults = [
        Fault("disconnect", 20), Fault("trickle", 40, count=3), Fault("reset", 60), Fault("skip", 80, count=2),
        Fault("end", 100), Fault("duplicate", 110, count=2), Fault("mute", 130, seconds=60.0),
        Fault("delay", 150, seconds=0.01), Fault("hush", 170, seconds=60.0),
    ]  # fmt: skip
    venue = make_ticker(trades, "SIM", speed=200.0, faults=faults)
    instrument = listed(venue, "AAA")
    async with venue.serving() as port, kite_feed(port, stale_s=0.2) as told:
        async with listening(told.provider, instrument) as listener:
            await listener.until(price=400.0)
        numbers = [int(tick.price) for tick in listener.ticks]
        assert set(numbers) <= set(range(1, 401))
        assert (told.counts["lost"], told.counts["stale"], told.counts["mute"]) == (4, 1, 1)
        assert 2 in [numbers.count(n) for n in numbers]
