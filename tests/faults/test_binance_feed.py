"""What networks and venues do to a feed: it comes back, counts what it met, and loses or doubles no trade it can name.

Every trade carries its number as its price, so what arrived says by itself what is missing.
"""

from __future__ import annotations

import contextlib
from datetime import UTC
from typing import TYPE_CHECKING

import aiohttp
import numpy as np
import pytest

from tests.contracts.binance_server import Line, Server
from tests.contracts.feeds import BTC, ETH, T0_MS, Feed, Listener, feed, listening
from tests.contracts.providers import INSTRUMENTS, NOW, market_rows, write_ticks
from tradingd.model.market import Tick
from tradingd.venues.exchange import Exchange
from tradingd.venues.faults import Fault
from tradingd.venues.recorded import read_trades
from tradingd.venues.tape import Tape

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.contracts.providers import Row
    from tradingd.model.events import FeedGap, MarketEvent

STEP_MS = 1000


class Story:
    """A venue, the line to it, the feed at its end, and who listens."""

    def __init__(self, server: Server, line: Line, told: Feed, listener: Listener) -> None:
        self.server, self.line, self.told, self.listener = server, line, told, listener
        self.made = 0

    def trades(self, count: int, symbol: str = "BTCUSDT") -> list[str]:
        """Make trades; return their frames."""
        frames = [self.server.trade(symbol, T0_MS + n * STEP_MS, n + 1.0) for n in range(self.made, self.made + count)]
        self.made += count
        return frames

    @property
    def counts(self) -> dict[str, int]:
        """What was counted, without the zeros."""
        counts = self.told.provider.counts
        return {name: n for name in counts.__slots__ if (n := getattr(counts, name))}


@contextlib.asynccontextmanager
async def story(*, by_byte: bool = False, stale_s: float = 5.0, lifetime_s: float = 1e6) -> AsyncIterator[Story]:
    async with (
        Server("BTCUSDT", "ETHUSDT").serving() as server,
        Line(server.port, by_byte=by_byte).laid() as line,
        feed(server, ws_url=line.url, stale_s=stale_s, lifetime_s=lifetime_s) as told,
        listening(told.provider, BTC, ETH) as listener,
    ):
        await server.connected(1)
        yield Story(server, line, told, listener)


def numbers(events: list[MarketEvent | FeedGap]) -> list[int | str]:
    """Return the trades' numbers, from 1, and `gap` where one is told."""
    return [int(event.price) if isinstance(event, Tick) else "gap" for event in events]


@pytest.mark.parametrize("how", ["reset", "end"])
async def test_a_connection_cut_without_a_word_comes_back_and_what_was_missed_is_had(how: str) -> None:
    async with story() as it:
        await it.server.say(*it.trades(3))
        await it.listener.until(ticks=3)
        getattr(it.line, how)()
        it.trades(4)  # nobody is told
        await it.server.connected(2)
        await it.listener.until(ticks=7)
        await it.server.say(*it.trades(2))
        await it.listener.until(ticks=9)
        assert numbers(it.listener.events) == list(range(1, 10))
        assert it.counts == {"lost": 1, "filled": 4}
        assert it.told.words == ["connected", "lost", "connected"]


async def test_a_connection_that_the_venue_ends_comes_back() -> None:
    async with story() as it:
        await it.server.say(*it.trades(2))
        await it.listener.until(ticks=2)
        await it.server.hang_up()
        await it.server.connected(2)
        await it.server.say(*it.trades(1))
        await it.listener.until(ticks=3)
        assert numbers(it.listener.events) == [1, 2, 3]
        assert "1001" in it.told.states[1][1]


async def test_a_silent_connection_is_cut_and_every_instrument_has_a_gap() -> None:
    async with story(stale_s=0.2) as it:
        await it.server.say(*it.trades(2))
        await it.listener.until(ticks=2)
        it.line.is_mute = True
        await it.server.say(*it.trades(2))
        await it.listener.until(gaps=2)
        it.line.is_mute = False
        await it.listener.until(ticks=4)
        await it.server.say(*it.trades(1))
        await it.listener.until(ticks=5)
        assert numbers(it.listener.events)[:6] == [1, 2, "gap", "gap", 3, 4]
        assert {gap.instrument for gap in it.listener.gaps} == {BTC.id, ETH.id}
        assert {gap.ts for gap in it.listener.gaps[:2]} == {it.listener.ticks[1].ts}
        assert it.told.words[:4] == ["connected", "stale", "gap", "connected"]


async def test_a_venue_that_cannot_be_reached_is_tried_for_ever_and_told_of_once() -> None:
    async with story() as it:
        await it.server.say(*it.trades(2))
        await it.listener.until(ticks=2)
        it.line.refuse = 25
        it.line.reset()
        it.trades(2)
        await it.server.connected(2)
        await it.listener.until(ticks=4)
        assert it.line.refuse == 0
        assert numbers(it.listener.events) == [1, 2, "gap", "gap", 3, 4]
        assert it.told.words == ["connected", "lost", "lost", "gap", "connected"]


async def test_bytes_that_come_one_by_one_are_read() -> None:
    async with story(by_byte=True) as it:
        await it.server.say(*it.trades(20))
        await it.listener.until(ticks=20)
        assert numbers(it.listener.events) == list(range(1, 21))
        assert it.counts == {}


async def test_garbage_is_counted_and_its_trade_had_by_its_number() -> None:
    async with story() as it:
        first, _, third, fourth = it.trades(4)
        garbage: list[str | bytes] = [
            "", "{", "null", "[]", b"\x00\xff", '{"stream":"btcusdt@aggTrade"}', '{"stream":7,"data":{}}',
            '{"stream":"btcusdt@aggTrade","data":{"a":1,"p":"NaN","q":"1","T":1704067200000}}',
            '{"stream":"btcusdt@aggTrade","data":{"a":1,"p":"-1","q":"1","T":1704067200000}}',
            '{"stream":"btcusdt@aggTrade","data":{"a":"one","p":"1","q":"1","T":1704067200000}}',
            '{"stream":"btcusdt@bookTicker","data":{"b":"x","a":"1"}}',
        ]  # fmt: skip
        strangers = ['{"result":null,"id":1}', '{"stream":"xrpusdt@aggTrade","data":{}}', '{"stream":"a","data":[1]}']
        await it.server.say(first, *garbage, *strangers, third, fourth)
        await it.listener.until(ticks=4)
        assert numbers(it.listener.events) == [1, 2, 3, 4]
        assert it.counts == {"malformed": len(garbage), "filled": 1}


async def test_a_frame_too_large_ends_the_connection_and_no_more() -> None:
    async with story() as it:
        await it.server.say(*it.trades(1), "x" * (1 << 21))
        await it.server.connected(2)
        await it.server.say(*it.trades(1))
        await it.listener.until(ticks=2)
        assert numbers(it.listener.events) == [1, 2]
        assert it.counts["lost"] == 1


async def test_trades_said_twice_are_dropped_and_missing_ones_asked_for() -> None:
    async with story() as it:
        frames = it.trades(8)
        await it.server.say(*frames[:2], frames[1], frames[0], frames[5], *frames[3:8], frames[7])
        await it.listener.until(ticks=8)
        assert numbers(it.listener.events) == list(range(1, 9))
        assert it.counts == {"duplicates": 6, "filled": 3}


async def test_what_rest_does_not_give_lies_between_two_gaps() -> None:
    async with story() as it:
        frames = it.trades(4)
        del it.server.trades["BTCUSDT"][1]
        await it.server.say(frames[0], frames[3])
        await it.listener.until(ticks=2, gaps=2)
        assert numbers(it.listener.events) == [1, "gap", 4, "gap"]
        assert [gap.ts for gap in it.listener.gaps] == [tick.ts for tick in it.listener.ticks]
        assert it.told.states[-1] == ("gap", "BINANCE:BTCUSDT: trades 1 to 2 are missing")
        assert it.counts == {"gaps": 1}


async def test_a_hole_larger_than_an_answer_is_a_gap_without_asking() -> None:
    async with story() as it:
        frames = it.trades(1500)
        await it.server.say(frames[0], frames[-1])
        await it.listener.until(ticks=2)
        assert numbers(it.listener.events)[:3] == [1, "gap", 1500]
        assert "aggTrades" not in {path for path, _ in it.server.asked}


async def test_a_venue_that_counts_anew_is_followed() -> None:
    async with story() as it:
        await it.server.say(*it.trades(3))
        it.server.trades.clear()
        again = [it.server.trade("BTCUSDT", T0_MS + n * STEP_MS, n + 1.0, number=n - 5) for n in range(5, 8)]
        await it.server.say(*again)
        await it.listener.until(ticks=6, gaps=2)
        assert numbers(it.listener.events) == [1, 2, 3, "gap", 6, "gap", 7, 8]
        assert it.counts == {"gaps": 1}


@pytest.mark.parametrize(
    "notice",
    [
        '{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}',
        '{"event":{"e":"serverShutdown","E":1770123456789}}',
        '{"e":"serverShutdown","E":1770123456789}',
    ],
)
async def test_a_shutdown_that_is_announced_is_moved_away_from_without_a_hole(notice: str) -> None:
    async with story() as it:
        frames = it.trades(5)
        await it.server.say(it.server.quote("BTCUSDT", "1.0", "2.0"), *frames[:2], notice, *frames[2:])
        await it.server.connected(2)
        await it.server.listeners(1)
        await it.listener.until(ticks=5)
        assert {tick.bid for tick in it.listener.ticks} == {1.0}  # none had to be asked for
        await it.server.say(*frames[3:], *it.trades(1))
        await it.listener.until(ticks=6)
        assert numbers(it.listener.events) == list(range(1, 7))
        assert it.told.words == ["connected", "connected"]
        assert it.counts["duplicates"] >= 2


async def test_a_connection_is_left_before_the_venue_cuts_it_for_its_age() -> None:
    async with story(lifetime_s=0.1) as it:
        await it.server.say(*it.trades(1))
        await it.listener.until(ticks=1)
        for n in range(2, 5):
            await it.server.connected(n)
            await it.server.listeners(1)
            await it.server.say(*it.trades(1))
            await it.listener.until(ticks=n)
        assert numbers(it.listener.events) == [1, 2, 3, 4]
        assert set(it.told.words) == {"connected"}


async def test_two_instruments_keep_their_own_numbers() -> None:
    async with story() as it:
        btc, eth = it.trades(4), it.trades(4, "ETHUSDT")
        await it.server.say(btc[0], eth[0], btc[3], eth[1], eth[2], eth[3])
        await it.listener.until(ticks=8)
        by_name = {i.id: [t.price for t in it.listener.ticks if t.instrument == i.id] for i in (BTC, ETH)}
        assert by_name == {BTC.id: [1, 2, 3, 4], ETH.id: [5, 6, 7, 8]}
        it.line.end()
        missed = [*it.trades(1, "ETHUSDT"), *it.trades(2), *it.trades(1, "ETHUSDT")]
        await it.listener.until(ticks=12)
        assert [tick.price for tick in it.listener.ticks[8:]] == [9, 10, 11, 12]
        assert it.counts["filled"] == 2 + len(missed)


# --- many faults, seeded -----------------------------------------------------------------------------------------


async def campaign(seed: int, *, is_honest: bool = True) -> tuple[Story, list[int]]:
    """Let chance lose, repeat and cut; return how it went, and the numbers of trades that REST denied."""
    rng = np.random.default_rng(seed)
    denied: list[int] = []
    async with story() as it:
        await it.server.say(*it.trades(1))
        await it.listener.until(ticks=1)  # what was before the first trade is no hole
        for _ in range(25):
            frames = it.trades(int(rng.integers(1, 5)))
            fault = rng.choice(["none", "lose", "twice", "garbage", "reset", "end"])
            if fault == "lose":
                frames = frames[-1:]
            elif fault == "twice":
                frames = [one for one in frames for _ in range(2)]
            elif fault == "garbage":
                frames.insert(0, "}{")
            if not is_honest and len(frames) == 1 and (row := it.server.trades["BTCUSDT"][-2])["a"] > 0:
                it.server.trades["BTCUSDT"].remove(row)
                denied.append(row["a"] + 1)
            await it.server.say(*frames)
            if fault in {"reset", "end"}:
                connections = it.server.connections
                getattr(it.line, fault)()
                await it.server.connected(connections + 1)
        await it.server.say(*it.trades(1))
        await it.listener.until(price=it.made)
    return it, denied


@pytest.mark.parametrize("seed", range(8))
async def test_no_trade_is_lost_or_doubled_whatever_happens(seed: int) -> None:
    it, _ = await campaign(seed)
    assert [tick.price for tick in it.listener.ticks] == list(range(1, it.made + 1))
    assert it.counts["lost"] > 0


async def test_the_campaign_sees_a_trade_that_is_lost() -> None:
    """The control: a venue that denies trades makes holes, and each lies between two gaps."""
    it, denied = await campaign(1, is_honest=False)
    told = numbers(it.listener.events)
    missing = set(range(1, it.made + 1)) - {n for n in told if n != "gap"}
    assert missing
    assert missing <= set(denied)
    for number in missing:
        after = next(i for i, n in enumerate(told) if n != "gap" and int(n) > number)
        assert told[after - 1] == told[after + 1] == "gap"


# --- the simulated exchange's own faults -------------------------------------------------------------------------


async def test_the_simulated_exchange_with_all_its_faults_is_heard_to_the_last_row(tmp_path: Path) -> None:
    rows = market_rows()
    tape = Tape([read_trades(write_ticks(tmp_path, rows), UTC)], ts_open=NOW)
    faults = [
        Fault("disconnect", 100), Fault("skip", 300, count=7), Fault("duplicate", 500, count=5),
        Fault("mute", 700, seconds=60.0), Fault("disconnect", 900), Fault("delay", 1000, seconds=0.01),
    ]  # fmt: skip
    venue = Exchange(tape, speed=400.0, faults=faults)
    async with venue.serving() as port, aiohttp.ClientSession() as http:
        url = f"://127.0.0.1:{port}"
        told = Feed(http, Server(), ws_url=f"ws{url}", rest_url=f"http{url}", stale_s=0.3)
        ahead = {name: [row[:3] for row in _from(own, NOW)] for name, own in rows.items()}
        async with listening(told.provider, *INSTRUMENTS) as listener:
            await listener.until(ticks=sum(map(len, ahead.values())))
        for name, expected in ahead.items():
            assert [(t.ts, t.price, t.volume) for t in listener.ticks if t.instrument == name] == expected
        counts = told.provider.counts
        assert (counts.lost, counts.stale) == (2, 1)
        assert counts.duplicates > 0
        assert counts.filled >= 7


def _from(rows: list[Row], ts: int) -> list[Row]:
    """Return the rows from the first at or after `ts` on."""
    return rows[next(n for n, row in enumerate(rows) if row[0] >= ts) :]
