"""Kite's frames: what is written is read, whatever it is; what was not written so is counted, and stops nothing."""

from __future__ import annotations

import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.contracts.kite_feeds import frame
from tests.unit.venues.markets import make_trades
from tradingd.adapters.feeds.kite_wire import FORMS, Channel, KiteCounts, read_packets
from tradingd.model.market import SECOND
from tradingd.venues.kite_board import Board
from tradingd.venues.kite_listing import listing, on_the_wire
from tradingd.venues.tape import Tape

PACKETS = st.sampled_from(sorted(FORMS)).flatmap(lambda kind: st.binary(min_size=kind, max_size=kind))
ROWS = st.lists(
    st.tuples(st.integers(0, 400), st.integers(1, 9_000_000), st.integers(0, 5000), st.integers(0, 9_000_000)),
    min_size=1, max_size=40,
)  # fmt: skip
INFY = listing(["INFY"], "NSE")["INFY"]


def plainly(packet: bytes) -> tuple[object, ...]:
    """Read a packet number by number."""
    numbers = struct.unpack(f">{min(len(packet), 64) // 4}I", packet[:64])
    return (len(packet), *numbers, packet[64:]) if len(packet) == 184 else (len(packet), *numbers)


@given(st.lists(PACKETS, max_size=12))
def test_every_packet_of_every_frame_is_read_as_it_was_written(packets: list[bytes]) -> None:
    counts = KiteCounts()
    assert read_packets(frame(*packets), counts) == [plainly(one) for one in packets]
    assert counts == KiteCounts()


@given(st.one_of(st.binary(max_size=600), st.lists(st.binary(max_size=200), max_size=6).map(lambda p: frame(*p))))
def test_nothing_that_comes_stops_the_feed(content: bytes) -> None:
    """A frame is whole, or nothing of it is believed; what is left out is counted."""
    counts = KiteCounts()
    packets = read_packets(content, counts)
    channel = Channel(INFY.instrument, counts)
    for packet in packets:
        channel.take(packet)
    promised = int.from_bytes(content[:2], "big") if len(content) > 1 else 0
    assert len(packets) + counts.unknown in ({promised} if not counts.malformed else {0, promised})


@given(st.lists(PACKETS, min_size=1, max_size=4), st.data())
def test_a_frame_that_is_cut_short_says_nothing(packets: list[bytes], data: st.DataObject) -> None:
    whole = frame(*packets)
    counts = KiteCounts()
    cut = whole[: data.draw(st.integers(2, len(whole) - 1))]
    assert read_packets(cut, counts) == []
    assert counts.malformed == 1


@given(ROWS)
def test_what_the_venue_shows_is_what_was_traded(rows: list[tuple[int, int, int, int]]) -> None:
    """From trades to packets and back: price, quotes, and volumes as a stored counter would have them."""
    made = make_trades(*((s, p / 100, q, b / 100, b / 100) for s, p, q, b in rows))
    present = np.maximum.accumulate(made.ts)
    made.quantity[made.ts < present] = 0  # as a counter of the day has it: late rows know nothing new
    trades = on_the_wire({"INFY": made}, {"INFY": INFY})["INFY"]
    tape = Tape([{"INFY": trades}])
    board = Board(tape, {"INFY": INFY}, lambda: tape.ts)
    counts = KiteCounts()
    channel = Channel(INFY.instrument, counts)
    first = board.present(INFY.token)
    assert first is not None
    told = [first, *(one.packet for one in board.told(tape.take(1000)))]
    ticks = [channel.take(one) for packet in told for one in read_packets(b"\x00\x01" + packet, counts)][1:]
    expected = zip(*(column.tolist() for column in (trades.ts, trades.price, trades.quantity, trades.bid)), strict=True)
    assert [(tick.ts, tick.price, tick.volume, tick.bid) for tick in ticks if tick] == list(expected)
    assert counts == KiteCounts(cached=1)


def test_the_boards_of_two_days_begin_anew() -> None:
    day = 86_400
    trades = on_the_wire(
        {"INFY": make_trades((0, 10.0, 5), (1, 12.0, 5), (day, 9.0, 7), (day + 1, 9.5, 1))}, {"INFY": INFY}
    )
    tape = Tape([trades])
    board = Board(tape, {"INFY": INFY}, lambda: tape.ts)
    rows = [read_packets(b"\x00\x01" + told.packet, KiteCounts())[0] for told in board.told(tape.take(10))]
    assert [row[5] for row in rows] == [5, 10, 7, 8]  # volume
    assert [row[8:12] for row in rows][1:3] == [(1000, 1200, 1000, 1000), (900, 900, 900, 1200)]
    assert rows[0][16] * SECOND == trades["INFY"].ts[0]
