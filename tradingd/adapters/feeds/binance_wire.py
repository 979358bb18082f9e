"""What Binance's public market streams say, without a socket: frames in, ticks out, holes by name.

Aggregate trades are numbered without gaps, so what was said twice is dropped and what was not said is known to the
id. A hole is only named here; whoever owns the sockets tries to fill it. A frame that cannot be read is counted:
if it was a trade, the next one's id tells.

Source: Binance Spot API documentation, "WebSocket Streams" and "Market Data endpoints", July 2026.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from tradingd.adapters.feeds.binance_symbols import stream_name
from tradingd.model.errors import FeedError
from tradingd.model.market import Tick

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradingd.model.instrument import Instrument

MILLISECOND = 1_000_000


class Trade(msgspec.Struct):
    """An aggregate trade, as streams and REST spell it."""

    id: int = msgspec.field(name="a")
    price: float = msgspec.field(name="p")
    quantity: float = msgspec.field(name="q")
    ts_ms: int = msgspec.field(name="T")

    @property
    def is_sane(self) -> bool:
        """Whether its figures can be those of a trade."""
        return 0 < self.price < math.inf and 0 <= self.quantity < math.inf and self.ts_ms > 0


class Kline(msgspec.Struct, array_like=True):
    """A bar, as REST spells it: a row of twelve."""

    ts_open_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    ts_close_ms: int
    quote_volume: float
    trades: int


class BookTicker(msgspec.Struct):
    """The best quotes of REST."""

    bid: float = msgspec.field(name="bidPrice")
    ask: float = msgspec.field(name="askPrice")


class ServerTime(msgspec.Struct):
    """What the venue's clock shows."""

    ts_ms: int = msgspec.field(name="serverTime")


class Refusal(msgspec.Struct):
    """Why a request was refused."""

    code: int = 0
    msg: str = ""


class _Quote(msgspec.Struct):
    """The best quotes of a stream; they carry no time."""

    bid: float = msgspec.field(name="b")
    ask: float = msgspec.field(name="a")


class _Frame(msgspec.Struct):
    """A frame of a combined connection."""

    stream: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")


class Channel:
    """One instrument as the venue streams it: its last trade, none before the first, and the quotes known."""

    __slots__ = ("ask", "bid", "instrument", "last_id", "symbol", "ts")

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument.id
        self.symbol = instrument.symbol
        self.last_id: int | None = None
        self.ts = 0
        self.bid = self.ask = 0.0

    def tick(self, trade: Trade, bid: float = 0.0, ask: float = 0.0) -> Tick:
        """Turn a trade into a tick."""
        return Tick(self.instrument, trade.ts_ms * MILLISECOND, trade.price, trade.quantity, bid, ask)


@dataclass(slots=True)
class FeedCounts:
    """What a feed met: trades said twice, frames that could not be read, trades had from REST, gaps told, losses."""

    duplicates: int = 0
    malformed: int = 0
    filled: int = 0
    gaps: int = 0
    lost: int = 0
    stale: int = 0


@dataclass(frozen=True, slots=True)
class Hole:
    """Trades that were not said between `ts` and `tick`; no `ids` where the venue began to count anew."""

    channel: Channel
    ts: int
    ids: range
    tick: Tick


class Notice(enum.Enum):
    """What a venue says about itself."""

    SHUTDOWN = enum.auto()


class Tape:
    """All that one subscription says, in order, as ticks; `ts` is the latest time of all trades.

    Raises:
        FeedError: two instruments are one to the venue.
    """

    def __init__(self, instruments: Sequence[Instrument], counts: FeedCounts) -> None:
        self.ts = 0
        self._counts = counts
        self.channels = [Channel(instrument) for instrument in dict.fromkeys(instruments)]
        self._trades = {f"{stream_name(channel.symbol)}@aggTrade": channel for channel in self.channels}
        self._quotes = {f"{stream_name(channel.symbol)}@bookTicker": channel for channel in self.channels}
        if len(self._trades) < len(self.channels):
            msg = f"{', '.join(c.instrument for c in self.channels)}: two of them have one symbol; subscribe them apart"
            raise FeedError(msg)
        self._frame = msgspec.json.Decoder(_Frame)
        self._trade = msgspec.json.Decoder(Trade, strict=False)
        self._quote = msgspec.json.Decoder(_Quote, strict=False)

    @property
    def streams(self) -> list[str]:
        """What to subscribe to."""
        return [*self._trades, *self._quotes]

    def read(self, frame: bytes) -> Tick | Hole | Notice | None:
        """Take one frame in; return what it makes known, if anything."""
        try:
            said = self._frame.decode(frame)
            if (channel := self._trades.get(said.stream)) is not None:
                return self.take(channel, self._trade.decode(said.data))
            if (channel := self._quotes.get(said.stream)) is not None:
                quote = self._quote.decode(said.data)
                channel.bid, channel.ask = _known(quote.bid), _known(quote.ask)
                return None
        except (msgspec.MsgspecError, UnicodeError):
            self._counts.malformed += 1
            return None
        return Notice.SHUTDOWN if b'"serverShutdown"' in frame else None

    def take(self, channel: Channel, trade: Trade, *, quoted: bool = True) -> Tick | Hole | None:
        """Take one trade in; `quoted` ones happened under the present quotes."""
        ts = trade.ts_ms * MILLISECOND
        if not trade.is_sane:
            self._counts.malformed += 1
            return None
        last_id, ts_last = channel.last_id, channel.ts
        if last_id is not None and trade.id <= last_id and ts <= ts_last:
            self._counts.duplicates += 1
            return None
        tick = channel.tick(trade, channel.bid, channel.ask) if quoted else channel.tick(trade)
        channel.last_id, channel.ts = trade.id, max(ts, ts_last)
        self.ts = max(self.ts, ts)
        if last_id is None or trade.id == last_id + 1:
            return tick
        return Hole(channel, ts_last, range(last_id + 1, trade.id), tick)


def _known(price: float) -> float:
    """Return a quote, 0 where there is none."""
    return price if 0 < price < math.inf else 0.0
