from __future__ import annotations

import os
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.unit.adapters.stores.samples import TS, facts, make_folded
from tradingd.adapters.stores.segments import SegmentReader, SegmentWriter, cut, find_segments
from tradingd.model.market import FoldedTick, Tick

if TYPE_CHECKING:
    from pathlib import Path


def make_tick(seq: int) -> Tick | FoldedTick:
    return make_folded() if seq % 5 == 0 else Tick(f"NSE:{seq % 3}", TS + seq, seq / 7, seq * 1.0, seq / 9, seq / 11)


def write(directory: Path, seqs: range, segment_bytes_max: int = 1 << 20) -> None:
    writer = SegmentWriter(directory, 0, segment_bytes_max)
    for seq in seqs:
        writer.append(seq, make_tick(seq))
    writer.sync(seqs[-1])
    writer.close()


def read(directory: Path) -> SegmentReader:
    reader = SegmentReader(find_segments(directory))
    for seq, tick in reader:
        assert facts(tick) == facts(make_tick(seq))
    return reader


def test_ticks_come_back_to_the_last_bit_in_their_order(tmp_path: Path) -> None:
    write(tmp_path, range(1, 50))
    reader = SegmentReader(find_segments(tmp_path))
    assert [(seq, facts(tick)) for seq, tick in reader] == [(seq, facts(make_tick(seq))) for seq in range(1, 50)]
    assert reader.damage is None


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.0, 5e-324])
def test_a_tick_may_hold_any_float(tmp_path: Path, value: float) -> None:
    writer = SegmentWriter(tmp_path, 0)
    writer.append(1, Tick("A", -(2**63), value, value, value, value))
    writer.close()
    [(_, tick)] = SegmentReader(find_segments(tmp_path))
    assert facts(tick) == facts(Tick("A", -(2**63), value, value, value, value))


def test_an_instrument_is_named_once_in_each_file(tmp_path: Path) -> None:
    write(tmp_path, range(1, 200), segment_bytes_max=4000)
    segments = find_segments(tmp_path)
    assert len(segments) > 2
    assert all(segment.path.read_bytes().count(b"NSE:1") == 1 for segment in segments)


def test_a_full_file_is_followed_by_one_called_by_its_first_tick(tmp_path: Path) -> None:
    write(tmp_path, range(7, 200), segment_bytes_max=4000)
    segments = find_segments(tmp_path)
    assert [segment.path.name for segment in segments[:1]] == ["ticks-0000000000000007.seg"]
    assert all(4000 <= segment.size < 4200 for segment in segments[:-1])
    assert read(tmp_path).seq == 199
    for before, after in pairwise(segments):
        assert [seq for seq, _ in SegmentReader([before])][-1] == after.first - 1


def test_a_file_that_ends_anywhere_gives_the_ticks_that_are_whole(tmp_path: Path) -> None:
    write(tmp_path, range(1, 7))
    [segment] = find_segments(tmp_path)
    content = segment.path.read_bytes()
    ends = []
    for size in range(len(content), -1, -1):
        segment.path.write_bytes(content[:size])
        reader = read(tmp_path)
        assert reader.damage is None or f"{segment.path.name} at byte " in str(reader.damage)
        ends.append(reader.seq)
    assert ends == sorted(ends, reverse=True)
    assert set(ends) == set(range(7))


def test_every_changed_byte_ends_the_reading_where_it_is(tmp_path: Path) -> None:
    write(tmp_path, range(1, 7))
    [segment] = find_segments(tmp_path)
    content = segment.path.read_bytes()
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 1 << position % 8
        segment.path.write_bytes(changed)
        reader = read(tmp_path)
        assert reader.damage is not None
        assert int(str(reader.damage).split(" at byte ")[1].split(":")[0]) <= position


@pytest.mark.parametrize("filler", [b"\0" * 600, b"\xff" * 600, b"\1" * 600, b"\3" * 600])
def test_what_follows_the_last_tick_and_is_none_is_damage(tmp_path: Path, filler: bytes) -> None:
    write(tmp_path, range(1, 7))
    [segment] = find_segments(tmp_path)
    with segment.path.open("ab") as file:
        file.write(filler)
    reader = read(tmp_path)
    assert reader.seq == 6
    assert f"at byte {segment.size}" in str(reader.damage)


def test_a_file_under_another_files_name_is_damage(tmp_path: Path) -> None:
    write(tmp_path, range(1, 7))
    [segment] = find_segments(tmp_path)
    segment.path.rename(tmp_path / "ticks-0000000000000002.seg")
    reader = read(tmp_path)
    assert reader.seq == 0
    assert "the header says" in str(reader.damage)


def test_what_is_cut_is_gone_with_all_that_follows(tmp_path: Path) -> None:
    write(tmp_path, range(1, 200), segment_bytes_max=4000)
    segments = find_segments(tmp_path)
    reader = SegmentReader(segments)
    next(seq for seq, _ in reader if seq == 100)
    assert reader.segment is not None
    cut(segments, reader.segment, reader.offset)
    after = read(tmp_path)
    assert (after.seq, after.damage) == (99, None)


def test_a_file_of_which_nothing_stays_is_removed(tmp_path: Path) -> None:
    write(tmp_path, range(1, 7))
    segments = find_segments(tmp_path)
    reader = SegmentReader(segments)
    next(iter(reader))
    assert reader.segment is not None
    cut(segments, reader.segment, reader.offset)
    assert list(tmp_path.iterdir()) == []


def test_ticks_are_on_the_disk_after_sync_and_not_claimed_before(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, 0, segment_bytes_max=400)
    for seq in range(1, 20):
        writer.append(seq, make_tick(seq))
    assert (writer.written, writer.synced) == (19, 0)
    writer.sync(3)
    assert writer.synced == 19
    writer.close()


def test_a_write_in_part_is_an_error(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, 0)
    writer.append(1, make_tick(1))
    full = os.open("/dev/full", os.O_WRONLY)
    assert writer._fd is not None
    os.dup2(full, writer._fd)
    with pytest.raises(OSError, match="No space left"):
        writer.append(2, make_tick(2))
    os.close(full)
    writer.close()
