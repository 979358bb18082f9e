"""Data files over all that Hypothesis can write: what is written is read, and nothing but DataError is raised."""

from __future__ import annotations

import gzip
import io
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tradingd.adapters.feeds.files import parse_instant, print_volume, read_bars, read_ticks
from tradingd.adapters.feeds.instants import NOT_A_TIME, InstantColumn
from tradingd.model.errors import DataError
from tradingd.model.market import HOUR, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

ZONES = st.sampled_from([UTC, ZoneInfo("Asia/Kolkata"), ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe")])
INSTANTS = st.integers(10**17, 9_000_000_000 * SECOND)  # 1973 to 2255
AMOUNTS = st.floats(0, 1e15, allow_subnormal=False)
PRICES = st.floats(1e-9, 1e12)
TICKS = st.lists(st.tuples(INSTANTS, PRICES, AMOUNTS, AMOUNTS, AMOUNTS), min_size=1, max_size=40)


def iso(ts: int, offset_h: int, fraction: int) -> str:
    """Spell `ts`, of which `fraction` digits below the second are not zero, as a clock `offset_h` off UTC shows it."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=ts // SECOND, hours=offset_h)
    digits = f"{ts % SECOND:09d}"[:fraction]
    return f"{moment:%Y-%m-%dT%H:%M:%S}{'.' * bool(fraction)}{digits}{offset_h:+03d}:00"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files") / "data"


SPELLINGS: dict[str, Callable[[int], str]] = {
    "epoch": str,
    "UTC": lambda ts: iso(ts, 0, 9),
    "offsets that change": lambda ts: iso(ts, ts % 23 - 11, 9),
}


@given(rows=TICKS, zone=ZONES, spelling=st.sampled_from(sorted(SPELLINGS)), zipped=st.booleans())
def test_ticks_written_as_csv_are_read_back(
    path: Path, rows: list[tuple[float, ...]], zone: ZoneInfo, spelling: str, zipped: bool
) -> None:
    lines = [f"{SPELLINGS[spelling](int(ts))},{','.join(map(repr, values))}" for ts, *values in rows]
    text = "\r\n".join(["timestamp,price,volume,bid,ask", *lines]).encode()
    path.write_bytes(gzip.compress(text) if zipped else text)
    ticks = read_ticks(path, zone)
    columns = (ticks.ts, ticks.price, ticks.volume, ticks.bid, ticks.ask)
    assert [column.tolist() for column in columns] == [list(column) for column in zip(*rows, strict=True)]


@given(rows=TICKS, zone=ZONES)
def test_ticks_saved_as_arrays_are_read_back(path: Path, rows: list[tuple[int, ...]], zone: ZoneInfo) -> None:
    names = ("ts", "price", "volume", "bid", "ask")
    arrays: dict[str, Any] = dict(zip(names, map(np.array, zip(*rows, strict=True)), strict=True))
    with path.open("wb") as file:
        np.savez(file, **arrays)
    ticks = read_ticks(path, zone)
    columns = (ticks.ts, ticks.price, ticks.volume, ticks.bid, ticks.ask)
    assert [column.tolist() for column in columns] == [list(column) for column in zip(*rows, strict=True)]


@given(
    rows=st.lists(st.tuples(INSTANTS, st.sampled_from([1.0, 2.0])), min_size=1, max_size=30),
    again=st.lists(st.integers(0, 29), max_size=30),
)
def test_disorder_is_counted_as_a_plain_reader_counts_it(
    path: Path, rows: list[tuple[int, float]], again: list[int]
) -> None:
    rows = rows + [rows[index % len(rows)] for index in again]
    path.write_text("ts,price\n" + "".join(f"{ts},{price}\n" for ts, price in rows))
    steps = [later[0] - earlier[0] for earlier, later in pairwise(rows)]
    ticks = read_ticks(path, UTC)
    assert ticks.equal_ts == steps.count(0)
    assert ticks.backwards == sum(step < 0 for step in steps)
    assert ticks.equal_rows == len(rows) - len(set(rows))
    assert ticks.max_gap_s == max([0, *steps]) / SECOND


STAMPS = st.one_of(
    st.builds(iso, INSTANTS, st.integers(-12, 12), st.integers(0, 9)),
    st.from_regex(
        r"\A *[0-9]{4}-?[01][0-9]-?[0-3][0-9]([T ][0-2][0-9]:?[0-6][0-9](:?[0-6][0-9](\.[0-9]{0,10})?)?)? *\Z"
    ),
    st.integers(0, 10**20).map(str),
    st.text("0123456789-:+.TZ \0_e", max_size=30),
    st.text(max_size=60),
)


@given(stamps=st.lists(STAMPS, min_size=1, max_size=30), repeats=st.integers(1, 3), zone=ZONES)
def test_a_column_of_times_reads_as_each_of_them_alone(stamps: list[str], repeats: int, zone: ZoneInfo) -> None:
    column = InstantColumn(zone)
    read = np.concatenate([column.read_texts(stamps) for _ in range(repeats)]).tolist()
    assert read == [instant for _, instant in alone(stamps, zone)] * repeats


def alone(stamps: list[str], zone: ZoneInfo) -> list[tuple[str, int]]:
    """Read each stamp by itself; only those of the first good one's kind count."""
    kind, result = None, []
    for stamp in stamps:
        try:
            instant, _ = parse_instant(stamp, zone)
        except DataError:
            result.append((stamp, NOT_A_TIME))
            continue
        epoch = stamp.strip().split(".")[0]
        is_epoch = epoch.isdigit() and len(epoch) != len("20210528")
        this = (len(epoch.lstrip("0")) - 9) // 3 if is_epoch else "iso"
        kind = this if kind is None else kind
        result.append((stamp, instant if this == kind else NOT_A_TIME))
    return result


@given(
    rows=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 50)), min_size=1, max_size=40),
    width=st.sampled_from([SECOND, 11 * HOUR]),
    zone=ZONES,
)
def test_print_volume_follows_its_rule_row_by_row(rows: list[tuple[int, int]], width: int, zone: ZoneInfo) -> None:
    ts = np.array([1_700_000_000 * SECOND + tick * width for tick, _ in rows])
    counter = np.array([float(value) for _, value in rows])
    assert print_volume(ts, counter, zone).tolist() == print_volume_plainly(ts, counter, zone)


@given(
    prints=st.lists(st.tuples(st.integers(1, 5), st.integers(0, 9)), min_size=2, max_size=30),
    replays=st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30), st.integers(1, 9)), max_size=5),
)
def test_a_feed_that_replays_itself_adds_no_volume(
    prints: list[tuple[int, int]], replays: list[tuple[int, int, int]]
) -> None:
    steps, volumes = np.array(prints).T
    live = list(zip(np.cumsum(steps).tolist(), np.cumsum(volumes).tolist(), strict=True))
    rows = [(row, True) for row in live]
    for place, back, count in replays:
        end = min(place, len(rows))
        repeated = [row for row, _ in rows[max(end - back, 0) : end]][:count]
        rows[end:end] = [(row, False) for row in repeated]
    ts, counter = np.array([row for row, _ in rows]).T
    volume = print_volume((1_700_000_000 + ts) * SECOND, counter.astype(float), UTC)
    assert volume[[is_live for _, is_live in rows]].tolist() == [0, *volumes[1:].tolist()]
    assert volume.sum() == volumes[1:].sum()


def print_volume_plainly(ts: NDArray[np.int64], counter: NDArray[np.float64], zone: ZoneInfo) -> list[float]:
    latest, day, base, result = -1, None, 0.0, []
    for instant, value in zip(ts.tolist(), counter.tolist(), strict=True):
        today = datetime.fromtimestamp(instant // SECOND, zone).date()
        gain = 0.0
        if instant > latest:
            gain = max(value - base, 0.0) if today == day else 0.0
            latest, day, base = instant, today, value
        elif instant == latest and value > base:
            gain, base = value - base, value
        result.append(gain)
    return result


def make_npz() -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, ts=np.arange(50) * SECOND + 1_700_000_000 * SECOND, price=np.ones(50))
    return buffer.getvalue()


CSV = b"timestamp,price,volume\n" + b"".join(b"2021-05-28 09:15:%02d,5,1\n" % second for second in range(50))
GOOD_FILES = (
    CSV,
    CSV.replace(b"price", b"open,high,low,close").replace(b",5,", b",5,5,5,5,"),
    gzip.compress(CSV),
    make_npz(),
)


@st.composite
def damaged_files(draw: st.DrawFn) -> bytes:
    content = bytearray(draw(st.sampled_from(GOOD_FILES)))
    for _ in range(draw(st.integers(1, 8))):
        place = draw(st.integers(0, len(content) - 1))
        content[place : place + draw(st.integers(0, 4))] = draw(st.binary(max_size=4))
    return bytes(content[: draw(st.integers(1, len(content)))]) if draw(st.booleans()) and content else bytes(content)


HOSTILE = st.one_of(
    damaged_files(),
    st.binary(max_size=300),
    st.binary(max_size=300).map(lambda rest: b"PK\x03\x04" + rest),
    st.binary(max_size=300).map(lambda rest: b"\x1f\x8b\x08" + rest),
    st.binary(max_size=300).map(lambda rest: b"ts,price\n1700000000,5\n" + rest),
    st.binary(max_size=300).map(lambda rest: gzip.compress(b"ts,price,volume\n" + rest)),
)


@given(content=HOSTILE, zone=ZONES, skip=st.booleans())
def test_hostile_bytes_are_refused_with_the_files_name(path: Path, content: bytes, zone: ZoneInfo, skip: bool) -> None:
    assume(content)
    path.write_bytes(content)
    for read in (read_ticks, read_bars):
        try:
            read(path, zone, skip_bad_rows=skip)
        except DataError as error:
            assert str(path) in str(error)  # noqa: PT017 - to be read is as good as to be refused
