"""The journal over all that Hypothesis can write, and over every byte that can go bad."""

from __future__ import annotations

import asyncio
import shutil
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.adapters.stores.samples import facts
from tests.unit.adapters.stores.story import (
    CREATED_MS,
    HEADER,
    command_of,
    crash,
    decide_again,
    event_of,
    has_command,
    tell,
    told,
)
from tradingd.adapters.stores.codec import decode, encode, record_end, unpack_record
from tradingd.adapters.stores.journal import Journal
from tradingd.adapters.stores.recording import read
from tradingd.adapters.stores.segments import Segment, SegmentReader, SegmentWriter, find_segments
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
    from collections.abc import Callable
    from pathlib import Path

    from tradingd.model.events import Event

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
TIMES = st.integers(-(2**63), 2**63 - 1)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False)
SIZES = st.decimals("0.000001", "1000000", allow_nan=False)
TIMEFRAMES = st.builds(Timeframe, st.integers(1, 2**62))
COUNTS = st.integers(0, 2**62)
BARS = st.builds(
    Bar, TEXTS, TIMEFRAMES, TIMES, TIMES, FINITE, FINITE, FINITE, FINITE, FINITE, COUNTS, st.sampled_from(Quality)
)
HISTORIES = st.builds(HistoryLoaded, TEXTS, TIMEFRAMES, st.lists(BARS, max_size=3).map(tuple), TIMES)
INSTRUMENTS = st.builds(
    Instrument, TEXTS, TEXTS, st.sampled_from(InstrumentKind), SIZES, SIZES, SIZES, SIZES, TEXTS, TEXTS,
    st.none() | st.dates(), st.none() | AMOUNTS, TEXTS,
)  # fmt: skip
REPLACEMENTS = st.builds(
    StrategiesReplaced,
    TIMES,
    st.lists(TEXTS, max_size=3).map(tuple),
    st.lists(INSTRUMENTS, max_size=2).map(tuple),
    st.lists(HISTORIES, max_size=2).map(tuple),
)
RARE: st.SearchStrategy[Event] = st.one_of(
    BARS,
    HISTORIES,
    REPLACEMENTS,
    st.builds(BarOpened, TEXTS, TIMES, FINITE),
    st.builds(BarMoved, TEXTS, TIMES, FINITE),
    st.builds(Pulse, TEXTS, TIMES),
    st.builds(Deadline, TIMES),
    st.builds(FeedGap, TEXTS, TIMES),
    st.builds(FlattenRequested, TEXTS, TIMES),
    st.builds(OrderAccepted, TEXTS, TIMES),
    st.builds(OrderFilled, st.builds(Fill, TEXTS, TEXTS, TIMES, AMOUNTS, AMOUNTS)),
    st.builds(OrderCancelled, TEXTS, TIMES, TEXTS),
    st.builds(OrderRejected, TEXTS, TIMES, TEXTS),
    st.builds(OrderExpired, TEXTS, TIMES, TEXTS),
    st.builds(OrderUnknown, TEXTS, TIMES, TEXTS),
)
LEVELS = st.lists(st.tuples(st.floats(), st.floats()), max_size=20).map(tuple)
BOOKS = st.none() | st.builds(Depth, LEVELS, LEVELS)
TICKS = st.builds(Tick, st.sampled_from(["A", "NSE:TCS", "मोटर्स"]), TIMES, *[st.floats()] * 5, BOOKS)


@st.composite
def folds(draw: st.DrawFn) -> FoldedTick:
    first, *others = draw(st.lists(TICKS, min_size=1, max_size=4))
    folded = FoldedTick(first)
    for tick in others:
        folded.fold(tick)
    return folded


@given(event=RARE)
def test_any_rare_event_comes_back_to_the_last_bit(event: Event) -> None:
    assert facts(decode(encode(event))) == facts(event)


@given(content=st.binary(max_size=200))
def test_bytes_give_an_event_or_a_store_error(content: bytes) -> None:
    with pytest.raises(StoreError):
        decode(content)


@given(event=RARE, data=st.data())
def test_an_event_that_was_tampered_with_is_an_event_or_a_store_error(event: Event, data: st.DataObject) -> None:
    content = bytearray(encode(event))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3) | st.sampled_from(JSON_PARTS))
        if not content:
            break
    try:
        again = decode(bytes(content))
    except StoreError:
        return
    assert again.ts == again.ts


JSON_PARTS = [
    b"null",
    b"[",
    b"{",
    b'"',
    b"1e999",
    b'"NaN"',
    b"9" * 400,
    b'"Infinity"',
    b'"1e-999999"',
    b"true",
    b"\\u0000",
]


@given(ticks=st.lists(TICKS | folds(), max_size=30), segment_bytes_max=st.integers(1, 2000))
def test_any_ticks_come_back_to_the_last_bit_over_any_number_of_files(
    tmp_path_factory: pytest.TempPathFactory, ticks: list[Tick | FoldedTick], segment_bytes_max: int
) -> None:
    directory = tmp_path_factory.mktemp("segments")
    writer = SegmentWriter(directory, 0, segment_bytes_max)
    for seq, tick in enumerate(ticks, 1):
        writer.append(seq, tick)
    writer.sync(len(ticks))
    writer.close()
    reader = SegmentReader(find_segments(directory))
    assert [(seq, facts(tick)) for seq, tick in reader] == list(enumerate(map(facts, ticks), 1))
    shutil.rmtree(directory)


@given(content=st.binary(min_size=1, max_size=200) | st.sampled_from([b"\1", b"\2", b"\3"]).map(lambda k: k * 150))
def test_bytes_give_a_tick_a_name_or_a_store_error(content: bytes) -> None:
    names: dict[int, str] = {}
    for number in (0, 0x01010101, 0x02020202):
        names[number] = "A"
    try:
        end = record_end(content, 0)
        found = unpack_record(content, 0, end, names)
    except StoreError:
        return
    assert end <= len(content)
    assert found is None or isinstance(found[1], Tick | FoldedTick)


@given(content=st.binary(max_size=300))
def test_a_file_of_any_bytes_is_a_damaged_segment(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "ticks-0000000000000001.seg"
    path.write_bytes(content)
    reader = SegmentReader([Segment(path, 1, len(content))])
    assert list(reader) == []
    assert reader.damage is not None


@given(steps=st.lists(st.tuples(st.integers(0, 25), st.sampled_from(["go on", "commit", "sync", "crash"])), max_size=8))
@settings(max_examples=25)
def test_after_any_crashes_the_story_is_told_once_and_whole(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, str]]
) -> None:
    path = tmp_path_factory.mktemp("journals")
    asyncio.run(live_through(path, steps))
    shutil.rmtree(path)


async def live_through(path: Path, steps: list[tuple[int, str]]) -> None:
    """Tell the story through crashes, and see after each that all that was acknowledged is there."""
    journal = Journal.create(path / "0", HEADER, CREATED_MS)
    acknowledged = 0
    for n, (count, step) in enumerate(steps, 1):
        tell(journal, count)
        if step == "commit":
            await journal.commit()
            acknowledged = max(acknowledged, last_record(journal.last_seq))
        elif step == "sync":
            await journal.sync_ticks()
            acknowledged = journal.last_seq
        elif step == "crash":
            after = crash(journal.path, path / str(n))
            await journal.close()
            journal = Journal.open(after)
            assert journal.last_seq >= acknowledged
            decide_again(journal)
    await journal.close()
    events, commands = told(read(journal.path))
    assert events == [(seq, repr(event_of(seq))) for seq in range(1, journal.last_seq + 1)]
    assert commands == [(seq, command_of(seq)) for seq in range(1, journal.last_seq + 1) if has_command(seq)]


def last_record(seq: int) -> int:
    """Return the last event up to `seq` that a commit makes durable for its own sake or for a command's."""
    return max(
        (n for n in range(1, seq + 1) if has_command(n) or not isinstance(event_of(n), Tick | FoldedTick)), default=0
    )


# --- bytes that go bad ---------------------------------------------------------------------------------------------

FILES = ("acknowledged", "journal.sqlite", "journal.sqlite-wal", "segments")


async def make_crashed(path: Path) -> Path:
    """Return a journal as a crash left it: some of it in the database, some in the log, and all of it acknowledged."""
    journal = Journal.create(path / "live", HEADER, CREATED_MS)
    for _ in range(15):
        tell(journal, 20)
        await journal.commit()
    await journal.close()
    journal = Journal.open(journal.path)
    for _ in range(3):
        tell(journal, 20)
        await journal.commit()
    await journal.sync_ticks()
    after = crash(journal.path, path / "crashed")
    await journal.close()
    return after


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asyncio.run(make_crashed(tmp_path_factory.mktemp("crashed")))


@pytest.fixture(scope="module")
def flipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("flipped") / "state"


def flip(crashed: Path, flipped: Path, data: st.DataObject) -> str:
    """Copy the journal with one byte changed; return the name of the file it is in."""
    shutil.rmtree(flipped, ignore_errors=True)
    crash(crashed, flipped)
    name = data.draw(st.sampled_from(FILES))
    paths = sorted(flipped.glob("segments/*")) if name == "segments" else [flipped / name]
    path = data.draw(st.sampled_from(paths))
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    return name


def attempt(act: Callable[[], Any]) -> Any:
    """Return what `act` returns, or that it raised StoreError."""
    try:
        return act()
    except StoreError:
        return StoreError


@given(data=st.data())
@settings(max_examples=200)
def test_a_changed_byte_is_found_or_means_nothing(crashed: Path, flipped: Path, data: st.DataObject) -> None:
    name = flip(crashed, flipped, data)
    found = attempt(lambda: told(read(flipped)))
    assert found in (StoreError, told(read(crashed)))
    if name in ("segments", "acknowledged"):  # where no byte is spare
        assert found is StoreError


@given(data=st.data())
@settings(max_examples=60)
def test_a_journal_with_a_changed_byte_is_not_gone_on_with_as_if_it_ended_there(
    crashed: Path, flipped: Path, data: st.DataObject
) -> None:
    whole = read(crashed)
    flip(crashed, flipped, data)

    async def reopen() -> tuple[int, int, dict[str, str]]:
        journal = Journal.open(flipped)
        await journal.close()
        return journal.last_seq, journal.command_count, journal.header

    found = attempt(lambda: asyncio.run(reopen()))
    assert found in (StoreError, (max(seq for seq, _ in whole.events()), len(list(whole.commands())), HEADER))


def test_decimals_keep_their_zeros() -> None:
    event = decode(encode(OrderFilled(Fill("1", "2", 3, Decimal("1.500"), Decimal("0E-8")))))
    assert isinstance(event, OrderFilled)
    assert (str(event.fill.price), str(event.fill.quantity)) == ("1.500", "0E-8")
