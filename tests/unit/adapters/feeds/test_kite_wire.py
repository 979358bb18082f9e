"""Kite's frames as ticks: captured packets, made ones, and what is none."""

from __future__ import annotations

import base64
import csv
import datetime as dt
import gzip
import json
from dataclasses import fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.contracts.kite_feeds import frame, full, index, quote
from tests.shared import shared
from tradingd.adapters.feeds.kite_wire import (
    BOOK,
    FULL,
    INDEX_FULL,
    INDIAN_TIME,
    Channel,
    KiteCounts,
    divisor,
    instrument_token,
    read_packets,
    read_text,
)
from tradingd.core.markets.sessions import default_instrument
from tradingd.model.errors import FeedRefused
from tradingd.model.events import FeedGap
from tradingd.model.instrument import Instrument, InstrumentKind
from tradingd.model.market import SECOND, Depth

if TYPE_CHECKING:
    from tradingd.model.market import Tick

INFY = Instrument("NSE", "INFY", token="1594")  # noqa: S106 - the exchange's number
NIFTY = Instrument("NSE", "NIFTY 50", InstrumentKind.INDEX, token="1001")  # noqa: S106 - the exchange's number
TOKEN = 408_065
AT = 1_625_461_887  # 2021-07-05T10:41:27+05:30


def heard(instrument: Instrument, *packets: bytes) -> tuple[list[Tick | None], KiteCounts]:
    """Return what each packet is, after one that says what was before the subscription."""
    counts = KiteCounts()
    channel = Channel(instrument, counts)
    first = packets[0]
    return [channel.take(one) for one in read_packets(frame(first, *packets), counts)][1:], counts


def told(counts: KiteCounts) -> dict[str, int]:
    return {one.name: n for one in fields(counts) if (n := getattr(counts, one.name))}


# --- the official captures ---------------------------------------------------------------------------------------


def captured(name: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    packet = base64.b64decode(shared(f"data/kite_mocks/ticker_{name}.packet").read_text())
    [row] = read_packets(frame(packet), KiteCounts())
    return row, json.loads(shared(f"data/kite_mocks/ticker_{name}.json").read_text())


@pytest.mark.parametrize("name", ["full", "quote"])
def test_a_captured_packet_reads_as_its_json_says(name: str) -> None:
    row, said = captured(name)
    unit = divisor(row[1])
    prices = (said["last_price"], said["average_price"], *(said["ohlc"][k] for k in ("open", "high", "low", "close")))
    assert (row[2] / unit, row[4] / unit, *(number / unit for number in row[8:12])) == prices
    keys = ("instrument_token", "last_quantity", "volume", "buy_quantity", "sell_quantity")
    assert (row[1], row[3], *row[5:8]) == tuple(said[key] for key in keys)


def test_a_captured_full_packet_is_a_tick_with_its_book_at_its_own_time_wherever_the_host_is() -> None:
    packet = base64.b64decode(shared("data/kite_mocks/ticker_full.packet").read_text())
    _, said = captured("full")
    [tick], _ = heard(INFY, packet)
    assert tick is not None
    assert tick.ts == int(dt.datetime.fromisoformat(said["timestamp"]).timestamp()) * SECOND
    assert (tick.price, tick.oi) == (said["last_price"], said["oi"])
    sides = [tuple((level["price"], level["quantity"]) for level in said["depth"][side]) for side in ("buy", "sell")]
    assert tick.depth == Depth(*sides)
    assert (tick.bid, tick.ask) == (sides[0][0][0], sides[1][0][0])


def test_tokens_are_those_of_the_venues_own_lists() -> None:
    checked = 0
    for name in ("instruments/kite_instruments_nfo_2025-09.csv.gz", "kite_mocks/instruments_all.csv"):
        path = shared(f"data/{name}")
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
            for row in csv.DictReader(file):
                instrument = Instrument(row["exchange"], row["tradingsymbol"], token=row["exchange_token"])
                assert instrument_token(instrument) == int(row["instrument_token"])
                checked += 1
    assert checked > 30_000


# --- numbers -----------------------------------------------------------------------------------------------------


def test_the_figures_of_an_index_stand_high_low_open_close() -> None:
    [row] = read_packets(frame(index(256_265, AT, 2_451_235)), KiteCounts())
    assert row[0] == INDEX_FULL
    assert [number / 100 for number in row[2:7]] == [24512.35, 24512.38, 24512.32, 24512.34, 24512.36]
    [tick], _ = heard(NIFTY, index(256_265, AT, 2_451_235))
    assert tick is not None
    assert (tick.instrument, tick.ts, tick.price, tick.volume) == ("NSE:NIFTY 50", AT * SECOND, 24512.35, 0.0)


@pytest.mark.parametrize(("segment", "number", "price"), [(3, 825_000_000, 82.5), (6, 825_000, 82.5), (1, 8250, 82.5),
                                                           (12, 825_000, 82.5), (2, 8250, 82.5)])  # fmt: skip
def test_prices_have_the_unit_of_their_segment(segment: int, number: int, price: float) -> None:
    assert number / divisor(5 << 8 | segment) == price


@pytest.mark.parametrize("instrument", [default_instrument("NSE", "INFY"), Instrument("BINANCE", "BTCUSDT", token="1")])  # noqa: S106
def test_an_instrument_without_a_number_at_the_venue_is_refused(instrument: Instrument) -> None:
    with pytest.raises(FeedRefused, match=r"daemon\.instruments"):
        instrument_token(instrument)


# --- ticks and what are none -------------------------------------------------------------------------------------


def test_the_first_full_packet_of_a_subscription_is_no_tick() -> None:
    counts = KiteCounts()
    channel = Channel(INFY, counts)
    rows = read_packets(frame(quote(TOKEN, 100), full(TOKEN, AT, 100, 5), full(TOKEN, AT, 101, 7)), counts)
    ticks = [channel.take(row) for row in rows]
    assert [tick and tick.price for tick in ticks] == [None, None, 1.01]
    assert told(counts) == {"untimed": 1, "cached": 1}
    channel.subscribed()
    assert [channel.take(row) for row in rows[:2]] == [None, None]


def test_what_tells_no_time_or_no_price_is_no_tick() -> None:
    ticks, counts = heard(INFY, full(TOKEN, AT, 100), full(TOKEN, 0, 100), full(TOKEN, AT, 0), full(TOKEN, AT, 1 << 31))
    assert [tick is not None for tick in ticks] == [True, False, False, False]
    assert told(counts) == {"cached": 1, "untimed": 1, "unpriced": 2}


def test_a_volume_is_what_the_days_volume_grew_by() -> None:
    day = AT + 86_400
    rows = [(AT, 100), (AT, 130), (AT, 120), (AT + 1, 150), (AT, 200), (AT + 2, 200), (AT + 3, 40), (AT + 4, 45),
            (day, 900), (day + 1, 901)]  # fmt: skip
    ticks, _ = heard(INFY, *(full(TOKEN, seconds, 100, volume) for seconds, volume in rows))
    assert [tick.volume for tick in ticks if tick] == [0, 30, 0, 20, 0, 50, 0, 5, 0, 1]


def test_a_day_begins_at_indian_midnight() -> None:
    midnight = (AT + INDIAN_TIME // SECOND) // 86_400 * 86_400 + 86_400 - INDIAN_TIME // SECOND
    ticks, _ = heard(
        INFY, full(TOKEN, midnight - 2, 100, 10), full(TOKEN, midnight - 1, 100, 15), full(TOKEN, midnight, 100, 90)
    )
    assert [tick.volume for tick in ticks if tick] == [0, 5, 0]


def test_what_was_traded_while_nobody_listened_is_in_no_tick() -> None:
    counts = KiteCounts()
    channel = Channel(INFY, counts)
    packets = read_packets(frame(*(full(TOKEN, AT + n, 100, 100 * n) for n in range(1, 5))), counts)
    assert channel.take(packets[0]) is None
    channel.subscribed()
    assert channel.take(packets[2]) is None
    after = channel.take(packets[3])
    assert after is not None
    assert after.volume == 100


def test_a_book_shows_the_levels_that_there_are() -> None:
    levels = [(10, 9995, 1), (5, 9990, 2)] + [(0, 0, 0)] * 3 + [(7, 10_005, 1)] + [(0, 0, 0)] * 4
    bare = [(0, 9995, 0)] + [(0, 0, 0)] * 9
    books = [full(TOKEN, AT, 10_000, book=book) for book in (levels, levels, bare, None)]
    ticks, _ = heard(INFY, *books)
    seen = [(tick.bid, tick.ask, tick.depth) for tick in ticks if tick]
    book = Depth(((99.95, 10.0), (99.9, 5.0)), ((100.05, 7.0),))
    assert seen == [(99.95, 100.05, book), (99.95, 100.05, book), (99.95, 0.0, None), (0.0, 0.0, None)]


def test_a_gap_is_told_with_its_instrument() -> None:
    counts = KiteCounts()
    assert Channel(INFY, counts).gap(5) == FeedGap("NSE:INFY", 5)
    assert told(counts) == {"gaps": 1}


# --- frames that cannot be read ----------------------------------------------------------------------------------


WHOLE = frame(full(TOKEN, AT, 100), quote(TOKEN, 100), full(TOKEN, AT, 101))


@pytest.mark.parametrize(
    ("said", "packets", "counted"),
    [
        (b"", 0, {"malformed": 1}),
        (b"\x00", 0, {}),
        (b"\x00\x00", 0, {}),
        (b"\x00\x01", 0, {"malformed": 1}),
        (b"\x00\x01\x00", 0, {"malformed": 1}),
        (b"\xff\xff\xff\xff", 0, {"malformed": 1}),
        (b'{"type":"error"}', 0, {"malformed": 1}),
        (WHOLE[:-1], 0, {"malformed": 1}),
        (WHOLE[:100], 0, {"malformed": 1}),
        (WHOLE + b"\x00", 3, {"malformed": 1}),
        (frame(bytes(164)), 0, {"unknown": 1}),
        (frame(b"", b"", quote(TOKEN, 1)), 1, {"unknown": 2}),
        (frame(bytes(164), full(TOKEN, AT, 1), bytes(3)), 1, {"unknown": 2}),
    ],
)
def test_what_cannot_be_read_is_counted(said: bytes, packets: int, counted: dict[str, int]) -> None:
    counts = KiteCounts()
    assert len(read_packets(said, counts)) == packets
    assert told(counts) == counted


def test_packets_of_all_kinds_keep_their_order() -> None:
    kinds = [quote(TOKEN, 1), quote(TOKEN, 2)[:8], index(TOKEN, AT, 3), index(TOKEN, AT, 4)[:28], full(TOKEN, AT, 5)]
    mixed = [kinds[n] for n in (0, 0, 1, 2, 2, 2, 3, 4, 4, 1, 0, 4)]
    rows = read_packets(frame(*mixed), KiteCounts())
    assert [(row[0], row[2]) for row in rows] == [(len(one), int.from_bytes(one[4:8], "big")) for one in mixed]
    assert rows[-1][0] == FULL
    assert rows[-1][17] == bytes(BOOK.size)


def test_texts_are_read_by_their_type() -> None:
    order = read_text('{"type":"order","id":"","data":{"order_id":"1","status":"COMPLETE"}}')
    assert order is not None
    assert (order.type, json.loads(bytes(order.data))["status"]) == ("order", "COMPLETE")
    error = read_text('{"type":"error","data":"Invalid token"}')
    assert error is not None
    assert bytes(error.data) == b'"Invalid token"'
    assert [read_text(text) for text in ("", "{", "[]", '{"type":5}', '"\ud800"')] == [None] * 5


def test_the_price_is_the_number_that_a_person_reads() -> None:
    for number in range(0, 5_000_000, 977):
        [tick], _ = heard(INFY, full(TOKEN, AT, number or 1))
        assert tick is not None
        assert Decimal(repr(tick.price)) == Decimal(number or 1) / 100
