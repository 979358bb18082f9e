"""Events as bytes: what the journal reads back is what it was given, to the last bit.

Rare events are JSON with a tag that names the kind and the version of its form. The forms are spelled out here, not
taken from the model, so that a model that grows cannot change what is on disk unnoticed. Ticks, of which there are
millions, are fixed structs. Bytes that are no event raise StoreError and nothing else, whatever they are.
"""

from __future__ import annotations

import datetime as dt  # noqa: TC003 - msgspec reads the annotations of the forms
import math
import struct
from decimal import Decimal  # noqa: TC003 - as above
from typing import TYPE_CHECKING, Any, ClassVar, Self, Union

import msgspec

from tradingd.model.errors import StoreError
from tradingd.model.events import (
    BarMoved,
    BarOpened,
    Deadline,
    FeedGap,
    FlattenRequested,
    HistoryLoaded,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    Pulse,
    StrategiesReplaced,
)
from tradingd.model.instrument import Instrument, InstrumentKind
from tradingd.model.market import Bar, Depth, FoldedTick, Quality, Tick, Timeframe
from tradingd.model.trading import Fill

if TYPE_CHECKING:
    from tradingd.model.events import Event

# --- rare events -----------------------------------------------------------------------------------------------------


class _Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="event"):
    """What one kind of event looks like on disk; its fields are the model's unless it says otherwise."""

    model: ClassVar[type]

    @classmethod
    def of(cls, event: Any) -> Self:
        return cls(*(getattr(event, name) for name in cls.__struct_fields__))

    def event(self) -> Any:
        return self.model(*(getattr(self, name) for name in self.__struct_fields__))


class _Bar(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """A bar as a row, since history is hundreds of them."""

    instrument: str
    timeframe_ns: int
    ts_open: int
    ts_close: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    tick_count: int
    quality: Quality

    @classmethod
    def of(cls, bar: Bar) -> Self:
        return cls(
            bar.instrument, bar.timeframe.ns, bar.ts_open, bar.ts_close,
            _finite(bar.open), _finite(bar.high), _finite(bar.low), _finite(bar.close), _finite(bar.volume),
            bar.tick_count, bar.quality,
        )  # fmt: skip

    def bar(self) -> Bar:
        instrument, timeframe_ns, *told = msgspec.structs.astuple(self)
        return Bar(instrument, Timeframe(timeframe_ns), *told)


class _Instrument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    exchange: str
    symbol: str
    kind: InstrumentKind
    tick_size: Decimal
    lot_size: Decimal
    quantity_step: Decimal
    multiplier: Decimal
    token: str
    underlying: str
    expiry: dt.date | None
    strike: Decimal | None
    right: str
    freeze_quantity: Decimal | None = None  # not in `strategies_replaced/1`

    @classmethod
    def of(cls, instrument: Instrument) -> Self:
        return cls(*(getattr(instrument, name) for name in cls.__struct_fields__))

    def instrument(self) -> Instrument:
        return Instrument(*msgspec.structs.astuple(self))


class _BarClosed(_Form, frozen=True, tag="bar/1"):
    model = Bar
    bar: _Bar

    @classmethod
    def of(cls, event: Bar) -> Self:
        return cls(_Bar.of(event))

    def event(self) -> Bar:
        return self.bar.bar()


class _BarOpened(_Form, frozen=True, tag="bar_opened/1"):
    model = BarOpened
    instrument: str
    ts: int
    price: float

    @classmethod
    def of(cls, event: BarOpened) -> Self:
        return cls(event.instrument, event.ts, _finite(event.price))


class _BarMoved(_Form, frozen=True, tag="bar_moved/1"):
    model = BarMoved
    instrument: str
    ts: int
    price: float

    @classmethod
    def of(cls, event: BarMoved) -> Self:
        return cls(event.instrument, event.ts, _finite(event.price))


class _Pulse(_Form, frozen=True, tag="pulse/1"):
    model = Pulse
    name: str
    ts: int


class _Deadline(_Form, frozen=True, tag="deadline/1"):
    model = Deadline
    ts: int


class _FeedGap(_Form, frozen=True, tag="feed_gap/1"):
    model = FeedGap
    instrument: str
    ts: int


class _FlattenRequested(_Form, frozen=True, tag="flatten_requested/1"):
    model = FlattenRequested
    strategy: str
    ts: int


class _HistoryLoaded(_Form, frozen=True, tag="history_loaded/1"):
    model = HistoryLoaded
    instrument: str
    timeframe_ns: int
    bars: tuple[_Bar, ...]
    ts: int

    @classmethod
    def of(cls, event: HistoryLoaded) -> Self:
        return cls(event.instrument, event.timeframe.ns, tuple(map(_Bar.of, event.bars)), event.ts)

    def event(self) -> HistoryLoaded:
        bars = tuple(bar.bar() for bar in self.bars)
        return HistoryLoaded(self.instrument, Timeframe(self.timeframe_ns), bars, self.ts)


class _StrategiesReplaced(_Form, frozen=True, tag="strategies_replaced/2"):
    model = StrategiesReplaced
    ts: int
    sources: tuple[str, ...]
    instruments: tuple[_Instrument, ...]
    history: tuple[_HistoryLoaded, ...]

    @classmethod
    def of(cls, event: StrategiesReplaced) -> Self:
        instruments = tuple(map(_Instrument.of, event.instruments))
        return cls(event.ts, event.sources, instruments, tuple(map(_HistoryLoaded.of, event.history)))

    def event(self) -> StrategiesReplaced:
        instruments = tuple(form.instrument() for form in self.instruments)
        return StrategiesReplaced(self.ts, self.sources, instruments, tuple(form.event() for form in self.history))


class _StrategiesReplaced1(_StrategiesReplaced, frozen=True, tag="strategies_replaced/1"):
    """As it was before instruments told their freeze quantity; read, never written."""


class _OrderAccepted(_Form, frozen=True, tag="order_accepted/1"):
    model = OrderAccepted
    order: str
    ts: int


class _OrderFilled(_Form, frozen=True, tag="order_filled/2"):
    model = OrderFilled
    id: str
    order: str
    ts: int
    price: Decimal
    quantity: Decimal
    maker: bool
    best: Decimal | None
    worst: Decimal | None

    @classmethod
    def of(cls, event: OrderFilled) -> Self:
        return cls(*(getattr(event.fill, name) for name in cls.__struct_fields__))

    def event(self) -> OrderFilled:
        return OrderFilled(Fill(*msgspec.structs.astuple(self)))


class _OrderCancelled(_Form, frozen=True, tag="order_cancelled/1"):
    model = OrderCancelled
    order: str
    ts: int
    reason: str


class _OrderRejected(_Form, frozen=True, tag="order_rejected/1"):
    model = OrderRejected
    order: str
    ts: int
    reason: str


class _OrderUnknown(_Form, frozen=True, tag="order_unknown/1"):
    model = OrderUnknown
    order: str
    ts: int
    reason: str


class _OrderExpired(_Form, frozen=True, tag="order_expired/1"):
    model = OrderExpired
    order: str
    ts: int
    reason: str


_FORMS: dict[type, type[_Form]] = {
    form.model: form
    for form in (
        _BarClosed, _BarOpened, _BarMoved, _Pulse, _Deadline, _FeedGap, _FlattenRequested, _HistoryLoaded,
        _StrategiesReplaced,
        _OrderAccepted, _OrderFilled, _OrderCancelled, _OrderRejected, _OrderExpired, _OrderUnknown,
    )
}  # fmt: skip
_encoder = msgspec.json.Encoder()
_OLD_FORMS = (_StrategiesReplaced1,)
_decoder: msgspec.json.Decoder[_Form] = msgspec.json.Decoder(Union[(*_FORMS.values(), *_OLD_FORMS)])
_SHOWN = 120


def encode(event: Event) -> bytes:
    """Return a rare event as JSON.

    Raises:
        StoreError: the event has no form, or holds what JSON cannot tell, such as a price that is not a number.
    """
    form = _FORMS.get(event.__class__)
    if form is None:
        msg = f"{event.__class__.__name__} has no form in the journal; codec.py lists those that have"
        raise StoreError(msg)
    try:
        return _encoder.encode(form.of(event))
    except (AttributeError, TypeError, ValueError) as error:
        msg = f"{event!r} cannot be written to the journal: {error}"
        raise StoreError(msg) from error


def decode(content: bytes) -> Event:
    """Return the event that `encode` made these bytes of.

    Raises:
        StoreError: they are no event, or one of a kind or version that this build does not know.
    """
    try:
        event: Event = _decoder.decode(content).event()
    except (ValueError, ArithmeticError, RecursionError) as error:
        shown = content if len(content) <= _SHOWN else content[:_SHOWN] + b"..."
        msg = f"{shown!r} is no event of the journal: {error}"
        raise StoreError(msg) from error
    return event


def _finite(value: float) -> float:
    if not math.isfinite(value):
        msg = f"{value} is not a finite number"
        raise ValueError(msg)
    return float(value)


# --- ticks -----------------------------------------------------------------------------------------------------------

_TICK, _FOLDED, _NAME, _TICK_AND_BOOK, _FOLDED_AND_BOOK = 1, 2, 3, 4, 5
_TICK_FIELDS = struct.Struct("<BIQq4d")
_FOLDED_FIELDS = struct.Struct("<BIQqqQ7d")
_NAME_FIELDS = struct.Struct("<BIH")
_BOOK_FIELDS = struct.Struct("<dbb")  # open interest, levels of bids and asks (-1: no book); then the levels
_LEVEL = struct.Struct("<2d")
_SIZES = {_TICK: _TICK_FIELDS.size, _FOLDED: _FOLDED_FIELDS.size}
_BOOKED = {_TICK_AND_BOOK: _TICK_FIELDS.size, _FOLDED_AND_BOOK: _FOLDED_FIELDS.size}


def pack_tick(number: int, seq: int, tick: Tick | FoldedTick) -> bytes:
    """Return a tick as a record; `number` stands for its instrument.

    Raises:
        struct.error: a value is not of its type, or out of range.
    """
    book = _pack_book(tick) if tick.oi or tick.depth is not None else b""
    if tick.__class__ is Tick:
        kind = _TICK_AND_BOOK if book else _TICK
        return _TICK_FIELDS.pack(kind, number, seq, tick.ts, tick.price, tick.volume, tick.bid, tick.ask) + book
    folded: FoldedTick = tick  # type: ignore[assignment]  # the union has two members
    return _FOLDED_FIELDS.pack(
        _FOLDED_AND_BOOK if book else _FOLDED, number, seq, folded.ts, folded.ts_first, folded.count,
        folded.open, folded.high, folded.low, folded.price, folded.volume, folded.bid, folded.ask,
    ) + book  # fmt: skip


def _pack_book(tick: Tick | FoldedTick) -> bytes:
    """Return what few ticks tell: the open interest and the levels of the book."""
    if tick.depth is None:
        return _BOOK_FIELDS.pack(tick.oi, -1, -1)
    bids, asks = tick.depth
    return _BOOK_FIELDS.pack(tick.oi, len(bids), len(asks)) + b"".join(_LEVEL.pack(*level) for level in (*bids, *asks))


def _unpack_book(content: bytes, start: int) -> tuple[float, Depth | None]:
    oi, bids, asks = _BOOK_FIELDS.unpack_from(content, start)
    if bids < 0:
        return oi, None
    first = start + _BOOK_FIELDS.size
    levels = tuple(_LEVEL.unpack_from(content, first + n * _LEVEL.size) for n in range(bids + asks))
    return oi, Depth(levels[:bids], levels[bids:])


def pack_name(number: int, instrument: str) -> bytes:
    """Return the record that lets `number` stand for an instrument from here on.

    Raises:
        struct.error: the id is longer than 65,535 bytes.
        UnicodeEncodeError: the id is no text.
    """
    name = instrument.encode()
    return _NAME_FIELDS.pack(_NAME, number, len(name)) + name


def record_end(content: bytes, start: int) -> int:
    """Return where the record at `start` says it ends.

    Raises:
        StoreError: no record begins so, or it is cut off.
    """
    kind = content[start]
    size = _SIZES.get(kind) or _varying_size(content, start, kind)
    if start + size > len(content):
        raise StoreError(CUT_OFF)
    return start + size


def _varying_size(content: bytes, start: int, kind: int) -> int:
    book = _BOOKED.get(kind)
    if book is None and kind != _NAME:
        msg = f"no record begins with {kind}"
        raise StoreError(msg)
    told, at = (_NAME_FIELDS, start) if book is None else (_BOOK_FIELDS, start + book)
    if at + told.size > len(content):
        raise StoreError(CUT_OFF)
    if book is None:
        return _NAME_FIELDS.size + int(_NAME_FIELDS.unpack_from(content, start)[2])
    _, bids, asks = _BOOK_FIELDS.unpack_from(content, at)
    levels: int = max(bids, 0) + max(asks, 0)
    return book + _BOOK_FIELDS.size + levels * _LEVEL.size


CUT_OFF = "the record is cut off"


def unpack_record(content: bytes, start: int, end: int, names: dict[int, str]) -> tuple[int, Tick | FoldedTick] | None:
    """Return the sequence number and the tick of the record, or put the name it defines in `names`.

    Raises:
        StoreError: it names an instrument that was not defined, or defines one by what is no text.
    """
    kind = content[start]
    try:
        if kind in (_TICK, _TICK_AND_BOOK):
            _, number, seq, *told = _TICK_FIELDS.unpack_from(content, start)
            book = _unpack_book(content, start + _TICK_FIELDS.size) if kind == _TICK_AND_BOOK else ()
            return seq, Tick(names[number], *told, *book)
        if kind in (_FOLDED, _FOLDED_AND_BOOK):
            return _unpack_folded(content, start, names)
        number = _NAME_FIELDS.unpack_from(content, start)[1]
        names[number] = content[start + _NAME_FIELDS.size : end].decode()
    except KeyError as error:
        msg = f"instrument {error} was not defined before"
        raise StoreError(msg) from error
    except UnicodeDecodeError as error:
        msg = f"an instrument's id is no text: {error}"
        raise StoreError(msg) from error
    return None


def _unpack_folded(content: bytes, start: int, names: dict[int, str]) -> tuple[int, FoldedTick]:
    kind, number, seq, ts, ts_first, count, open_, high, low, price, volume, bid, ask = _FOLDED_FIELDS.unpack_from(
        content, start
    )
    book = _unpack_book(content, start + _FOLDED_FIELDS.size) if kind == _FOLDED_AND_BOOK else ()
    folded = FoldedTick(Tick(names[number], ts, price, volume, bid, ask, *book))
    folded.ts_first, folded.count = ts_first, count
    folded.open, folded.high, folded.low = open_, high, low
    return seq, folded
