"""What Kite's ticker says, without a socket: binary frames in, ticks out, and the requests that ask for them.

A frame carries many packets; a packet's kind is its length, and only the full kinds tell the time, so only they
become ticks. Packets are not numbered: what was missed cannot be known, and volumes are the day's so far. The first
full packet after each subscription repeats what was before, so it is no tick either. A frame that cannot be read is
counted; nothing it says can stop the feed.

Source: Kite Connect 3, "WebSocket streaming", and the packets that its official client parses.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING, Any

import msgspec

from tradingd.model.errors import FeedRefused
from tradingd.model.events import FeedGap
from tradingd.model.instrument import InstrumentKind
from tradingd.model.market import DAY, MINUTE, SECOND, Depth, Tick

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tradingd.model.instrument import Instrument

    Packet = tuple[Any, ...]

INDIAN_TIME = 330 * MINUTE
"""How far Indian time is ahead of UTC, in every season."""

LTP, INDEX, INDEX_FULL, QUOTE, FULL = 8, 28, 32, 44, 184
"""The kinds of packets, by their length."""
FORMS = {
    LTP: Struct(">HII"),
    INDEX: Struct(">H7I"),
    INDEX_FULL: Struct(">H8I"),
    QUOTE: Struct(">H11I"),
    FULL: Struct(">H16I120s"),
}
"""A packet behind its length, by that length: big-endian, prices as whole numbers; a full one ends with the book.

index  token, last, high, low, open, close, change, exchange time
other  token, last, last quantity, average, volume, buying and selling quantity, open, high, low, close, time of the
       last trade, open interest and its high and low of the day, exchange time, book
"""
BOOK = Struct(">" + "IIH2x" * 10)
"""Five bids and five asks, the best first: quantity, price, number of orders."""

_TOKEN, _LAST, _VOLUME, _OI, _BOOK = 1, 2, 5, 13, 17  # where a packet has what; its length is at 0
_TS = {INDEX_FULL: 8, FULL: 16}
_PRICE_MAX = 1 << 31  # beyond it the number was negative
_NO_BOOK = bytes(BOOK.size)
_LEVELS = 15  # numbers that are of bids

SEGMENTS = {"NSE": 1, "NFO": 2, "CDS": 3, "BSE": 4, "BFO": 5, "BCD": 6, "MCX": 7, "MCXSX": 8, "NCO": 12, "SIM": 15}
"""The last byte of an instrument's token, by its exchange; that of SIM is the simulated ticker's own."""
INDICES = 9
"""That of an index, whatever its exchange."""
_DIVISORS = {SEGMENTS["CDS"]: 10_000_000.0, SEGMENTS["BCD"]: 10_000.0, SEGMENTS["NCO"]: 10_000.0}


def instrument_token(instrument: Instrument) -> int:
    """Return the number under which the ticker knows an instrument, from the exchange's token of the instrument list.

    Raises:
        FeedRefused: it has no token, or is of an exchange that Kite does not have.
    """
    segment = INDICES if instrument.kind is InstrumentKind.INDEX else SEGMENTS.get(instrument.exchange)
    if segment is None or not instrument.token.isdecimal():
        msg = (
            f"{instrument.id}: the exchange's token is {instrument.token!r}; name today's instrument list of Kite in "
            f"daemon.instruments, which has one for each instrument of {', '.join(SEGMENTS)}"
        )
        raise FeedRefused(msg)
    return int(instrument.token) << 8 | segment


def divisor(token: int) -> float:
    """Return how many units of a packet's prices are one of the market's."""
    return _DIVISORS.get(token & 0xFF, 100.0)


def subscription(tokens: Iterable[int]) -> tuple[str, str]:
    """Return the requests by which instruments are heard in full."""
    wanted = list(tokens)
    return json.dumps({"a": "subscribe", "v": wanted}), json.dumps({"a": "mode", "v": ["full", wanted]})


def cancellation(tokens: Iterable[int]) -> str:
    """Return the request by which instruments are heard no more."""
    return json.dumps({"a": "unsubscribe", "v": list(tokens)})


@dataclass(slots=True)
class KiteCounts:
    """What a feed met: packets that are no ticks and why, frames that cannot be read, errors told, losses, gaps.

    `cached` repeat what was before the subscription, `untimed` tell no time, `unpriced` no price, `strangers` were
    not asked for, `unknown` have no known length.
    """

    cached: int = 0
    untimed: int = 0
    unpriced: int = 0
    strangers: int = 0
    unknown: int = 0
    malformed: int = 0
    errors: int = 0
    gaps: int = 0
    lost: int = 0
    stale: int = 0
    mute: int = 0
    refused: int = 0


class TextMessage(msgspec.Struct):
    """What is said in words: `type` is order, error, message or what is yet to come."""

    type: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")


def read_text(text: str) -> TextMessage | None:
    """Return what a text frame says, none where it is no message."""
    try:
        return _text.decode(text)
    except (msgspec.MsgspecError, UnicodeError):
        return None


_text = msgspec.json.Decoder(TextMessage)


def read_packets(frame: bytes, counts: KiteCounts) -> list[Packet]:
    """Return the packets of a frame as tuples, in their order, their length first; of a heartbeat none.

    Those that follow each other in one length are unpacked at once. A frame that is cut short is left out whole.
    """
    size = len(frame)
    if size == 1:
        return []
    if size == 0:
        counts.malformed += 1
        return []
    left, begin = frame[0] << 8 | frame[1], 2
    packets: list[Packet] = []
    while left and begin + 2 <= size:
        length = frame[begin] << 8 | frame[begin + 1]
        end, run = begin + length + 2, 1
        if left > 1:
            head, step = frame[begin : begin + 2], length + 2
            while run < left and frame[end : end + 2] == head:
                end += step
                run += 1
        if end > size:
            break
        form = FORMS.get(length)
        if form is None:
            counts.unknown += run
        elif run == 1:
            packets.append(form.unpack_from(frame, begin))
        else:
            packets += form.iter_unpack(frame[begin:end])
        begin, left = end, left - run
    if left or begin != size:
        counts.malformed += 1
    return [] if left else packets


class Channel:
    """One instrument as the ticker tells of it; `ts` is the latest time, 0 before the first full packet.

    A volume is the growth of the day's, by the rules of stored counters (`files.print_volume`): a packet that is
    earlier than the latest adds none, of one time the largest holds, and a counter that falls, or is of another
    day, begins anew. What is traded while nobody listens is in no tick.
    """

    __slots__ = (
        "_book", "_counts", "_quotes", "_volume", "divisor", "had_gap", "instrument", "is_cached", "token", "ts",
    )  # fmt: skip

    def __init__(self, instrument: Instrument, counts: KiteCounts) -> None:
        self.instrument = instrument
        self.token = instrument_token(instrument)
        self.divisor = divisor(self.token)
        self.ts = 0
        self.is_cached = True
        self.had_gap = False
        self._counts = counts
        self._volume = 0
        self._book = _NO_BOOK
        self._quotes: tuple[float, float, Depth | None] = (0.0, 0.0, None)

    def subscribed(self) -> None:
        """Note that it is subscribed anew: the next full packet repeats what was before."""
        self.is_cached = True

    def take(self, packet: Packet) -> Tick | None:
        """Take one packet in; return the tick that it is, if it is one."""
        kind = packet[0]
        place = _TS.get(kind)
        if place is None:
            self._counts.untimed += 1
            return None
        ts = packet[place] * SECOND
        was_cached, self.is_cached = self.is_cached, False
        if not ts:
            self._counts.untimed += 1
            return None
        volume = self._grown(ts, packet[_VOLUME], was_cached) if kind == FULL else 0.0
        self.ts = max(self.ts, ts)
        if was_cached:
            self._counts.cached += 1
            return None
        last = packet[_LAST]
        if not 0 < last < _PRICE_MAX:
            self._counts.unpriced += 1
            return None
        if kind == INDEX_FULL:
            return Tick(self.instrument.id, ts, last / self.divisor)
        if packet[_BOOK] != self._book:
            self._book = packet[_BOOK]
            self._quotes = read_book(self._book, self.divisor)
        bid, ask, depth = self._quotes
        return Tick(self.instrument.id, ts, last / self.divisor, volume, bid, ask, float(packet[_OI]), depth)

    def _grown(self, ts: int, volume: int, is_baseline: bool) -> float:  # noqa: FBT001 - hot
        """Return by how much the day's volume grew."""
        before = self._volume
        if ts == self.ts and not is_baseline:
            if volume <= before:
                return 0.0
        elif ts < self.ts:
            return 0.0
        self._volume = volume
        is_new_day = (ts + INDIAN_TIME) // DAY != (self.ts + INDIAN_TIME) // DAY
        return 0.0 if is_baseline or is_new_day or volume < before else float(volume - before)

    def gap(self, ts: int) -> FeedGap:
        """Return that what forms of this instrument at `ts` has a hole."""
        self._counts.gaps += 1
        return FeedGap(self.instrument.id, ts)


def read_book(book: bytes, unit: float) -> tuple[float, float, Depth | None]:
    """Return the best bid and ask, 0 where there is none, and the book where it tells quantities."""
    if book == _NO_BOOK:
        return 0.0, 0.0, None
    cells = BOOK.unpack(book)
    levels = [(price / unit, float(units)) for price, units in zip(cells[1::3], cells[::3], strict=True)]
    bids = tuple(level for level in levels[:5] if level[0])
    asks = tuple(level for level in levels[5:] if level[0])
    depth = Depth(bids, asks) if any(cells[::3]) else None
    return bids[0][0] if bids else 0.0, asks[0][0] if asks else 0.0, depth
