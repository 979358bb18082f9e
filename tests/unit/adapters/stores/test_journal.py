from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.unit.adapters.stores.samples import TS, facts, make_events
from tests.unit.adapters.stores.story import (
    CREATED_MS,
    HEADER,
    alert_of,
    command_of,
    crash,
    decide_again,
    descriptors_of,
    event_of,
    has_alert,
    has_command,
    spoil,
    tell,
    told,
)
from tradingd.adapters.stores.journal import STAGED_ROWS_MAX, Journal
from tradingd.adapters.stores.recording import read
from tradingd.model.errors import StoreError
from tradingd.model.events import Deadline
from tradingd.model.market import Tick

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def make_journal(path: Path) -> Journal:
    return Journal.create(path / "state", HEADER, CREATED_MS)


def events_of(path: Path) -> list[int]:
    """Return the numbers of the events that a journal holds, having compared each with the story."""
    events = list(read(path).events())
    assert [facts(event) for _, event in events] == [facts(event_of(seq)) for seq, _ in events]
    return [seq for seq, _ in events]


async def alerts_of(path: Path) -> list[tuple[int, bytes]]:
    journal = Journal.open(path)
    unsent = await journal.unsent(1_000_000)
    await journal.close()
    return unsent


# --- what is kept --------------------------------------------------------------------------------------------------


async def test_every_event_and_command_is_read_back_in_order(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    events = make_events()
    for seq, event in enumerate(events, 1):
        journal.event(seq, event)
        journal.command(seq, b"command %d" % seq)
    await journal.commit()
    await journal.close()
    recording = read(journal.path)
    assert [(seq, facts(event)) for seq, event in recording.events()] == list(enumerate(map(facts, events), 1))
    assert list(recording.commands()) == [(seq, b"command %d" % seq) for seq in range(1, len(events) + 1)]


async def test_the_header_says_what_was_given_and_when(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    assert (journal.header, journal.created_ms, journal.last_seq, journal.command_count) == (HEADER, CREATED_MS, 0, 0)
    await journal.close()
    recording = read(journal.path)
    assert (recording.header, recording.created_ms) == (HEADER, CREATED_MS)


async def test_a_journal_goes_on_where_it_ended(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    for count in (3, 40, 1, 200):
        tell(journal, count)
        await journal.close()
        journal = Journal.open(journal.path)
    assert (journal.last_seq, journal.command_count, journal.header) == (244, 48, HEADER)
    await journal.close()
    assert events_of(journal.path) == list(range(1, 245))
    assert len(await alerts_of(journal.path)) == 24


async def test_the_directory_is_for_its_owner_alone(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o755)
    journal = make_journal(tmp_path)
    await journal.close()
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o700


# --- what is durable when ------------------------------------------------------------------------------------------


async def test_what_was_committed_survives_a_crash_and_what_was_staged_does_not(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    tell(journal, 70)
    await journal.commit()
    tell(journal, 35)
    after = crash(journal.path, tmp_path / "after")
    await journal.close()
    assert events_of(after) == list(range(1, 77))  # 71 to 76 are ticks, 77 would be a record
    assert [seq for seq, _ in read(after).commands()] == list(range(5, 71, 5))
    assert len(await alerts_of(after)) == 7


async def test_the_ticks_that_followed_a_lost_event_are_cut_and_their_numbers_used_again(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    tell(journal, 105)
    after = crash(journal.path, tmp_path / "after")
    await journal.close()
    again = Journal.open(after)
    assert again.last_seq == 6
    decide_again(again)
    tell(again, 200)
    await again.close()
    assert events_of(after) == list(range(1, 207))
    assert list(read(after).commands()) == [(seq, command_of(seq)) for seq in range(5, 207, 5)]


async def test_a_commit_has_the_ticks_before_it_on_the_disk(tmp_path: Path) -> None:
    """What cannot be synced can have no consequence: the command is not there either."""
    journal = make_journal(tmp_path)
    tell(journal, 20)
    await journal.commit()
    tell(journal, 4)
    spoil(".seg", "/dev/null")
    journal.command(24, b"never")
    with pytest.raises(StoreError, match="Invalid argument"):
        await journal.commit()
    await journal.close()
    assert b"never" not in [body for _, body in read(journal.path).commands()]


async def test_synced_ticks_come_with_the_events_between_them(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    tell(journal, 8)  # of which 7 is a record
    await journal.sync_ticks()
    after = crash(journal.path, tmp_path / "after")
    await journal.close()
    assert events_of(after) == list(range(1, 9))


async def test_what_is_taken_while_a_commit_runs_is_not_claimed_with_it(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    for n in range(30):
        tell(journal, 6)
        commit = asyncio.create_task(journal.commit())
        await asyncio.sleep(0)
        tell(journal, 8)  # ticks among them, which may be synced with the others, and a record, which is not
        await commit
        events_of(crash(journal.path, tmp_path / f"after-{n}"))
    await journal.close()


async def test_callers_that_commit_at_once_all_get_what_they_staged(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)

    async def stage_and_commit() -> None:
        tell(journal, 3)
        mine = journal.last_seq
        await journal.commit()
        after = crash(journal.path, tmp_path / f"after-{mine}")
        assert events_of(after)[:mine] == list(range(1, mine + 1))

    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(stage_and_commit())
    await journal.close()


async def test_a_caller_with_nothing_of_its_own_waits_for_what_is_on_its_way(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    tell(journal, 500)
    first = asyncio.create_task(journal.commit())
    await asyncio.sleep(0)
    await journal.commit()
    after = crash(journal.path, tmp_path / "after")
    assert len(list(read(after).commands())) == 100
    await first
    await journal.close()


async def test_a_cancelled_commit_is_not_taken_back(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    tell(journal, 50)
    task = asyncio.create_task(journal.commit())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    tell(journal, 50)
    await journal.close()
    assert events_of(journal.path) == list(range(1, 101))


async def test_synced_ticks_are_missed_when_they_are_lost(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    for seq in range(1, 100):
        journal.event(seq, Tick("A", seq, 1.0))
    await journal.sync_ticks()
    [segment] = (journal.path / "segments").iterdir()
    os.truncate(segment, segment.stat().st_size - 1)
    with pytest.raises(StoreError, match=rf"{segment.name} at byte \d+: the record is cut off"):
        list(read(journal.path).events())
    await journal.close()
    with pytest.raises(StoreError, match="the record is cut off"):
        Journal.open(journal.path)


async def test_ticks_that_were_not_synced_may_be_torn(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    for seq in range(1, 100):
        journal.event(seq, Tick("A", seq, 1.0))
    after = crash(journal.path, tmp_path / "after")
    await journal.close()
    [segment] = (after / "segments").iterdir()
    os.truncate(segment, segment.stat().st_size - 1)
    assert [seq for seq, _ in read(after).events()] == list(range(1, 99))
    again = Journal.open(after)
    assert again.last_seq == 98
    again.event(99, Deadline(99))
    await again.close()
    assert [seq for seq, _ in read(after).events()] == list(range(1, 100))


# --- the outbox ----------------------------------------------------------------------------------------------------


async def test_alerts_wait_in_the_outbox_until_they_are_sent(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    assert journal.alert(0, TS, b"starting") == 1
    journal.event(1, Deadline(1))
    assert [journal.alert(1, TS, b"%d" % n) for n in range(2, 6)] == [2, 3, 4, 5]
    assert await journal.unsent(10) == []
    await journal.commit()
    assert await journal.unsent(2) == [(1, b"starting"), (2, b"2")]
    await journal.mark_sent([1, 3])
    after = crash(journal.path, tmp_path / "after")
    await journal.close()
    assert read(after).unsent() == 3
    assert await alerts_of(after) == [(2, b"2"), (4, b"4"), (5, b"5")]
    again = Journal.open(after)
    assert again.alert(1, TS, b"6") == 6
    await again.close()


async def test_an_alert_that_was_changed_is_not_sent(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    for text in (b"first", b"buy at 100", b"third"):
        journal.alert(0, TS, text)
    await journal.close()
    with sqlite3.connect(journal.path / "journal.sqlite") as connection:
        connection.execute("UPDATE outbox SET body = ? WHERE n = 2", (b"buy at 900",))
    connection.close()
    again = Journal.open(journal.path)
    with pytest.raises(StoreError, match="outbox 2 is not what was written"):
        await again.unsent(10)
    await again.close()


# --- what is refused -----------------------------------------------------------------------------------------------


async def test_a_second_opener_is_told_who_has_it(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    for attempt in (Journal.open, lambda path: Journal.create(path, HEADER, CREATED_MS)):
        with pytest.raises(StoreError, match=rf"{journal.path}: process {os.getpid()} has it open"):
            attempt(journal.path)
    tell(journal, 10)
    await journal.close()
    assert events_of(journal.path) == list(range(1, 11))


async def test_a_journal_is_not_made_over_another(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    await journal.close()
    with pytest.raises(StoreError, match="holds a journal already"):
        make_journal(tmp_path)


@pytest.mark.parametrize("attempt", [Journal.open, read])
def test_a_directory_without_a_journal_is_refused(tmp_path: Path, attempt: object) -> None:
    assert callable(attempt)
    with pytest.raises(StoreError, match="no journal was made here"):
        attempt(tmp_path)


async def test_an_event_out_of_turn_is_refused(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    tell(journal, 3)
    for seq in (3, 5):
        with pytest.raises(StoreError, match=rf"event {seq} was given .* where 4 comes next"):
            journal.event(seq, Tick("A", 1, 1.0))
    with pytest.raises(StoreError, match=r"event 4 is given as a cause, and the last .* is 3"):
        journal.command(4, b"")
    tell(journal, 1)
    await journal.close()


async def test_more_than_the_bound_is_not_staged(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    for seq in range(1, STAGED_ROWS_MAX + 1):
        journal.event(seq, Deadline(seq))
    for attempt in (
        lambda: journal.event(STAGED_ROWS_MAX + 1, Deadline(1)),
        lambda: journal.command(1, b""),
        lambda: journal.alert(1, 1, b""),
    ):
        with pytest.raises(StoreError, match="10000 rows wait"):
            attempt()
    await journal.commit()
    journal.event(STAGED_ROWS_MAX + 1, Deadline(1))
    await journal.close()
    assert len(list(read(journal.path).events())) == STAGED_ROWS_MAX + 1


async def test_a_closed_journal_takes_nothing(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    await journal.close()
    await journal.close()
    with pytest.raises(StoreError, match="closed"):
        journal.event(1, Deadline(1))
    with pytest.raises(StoreError, match="closed"):
        await journal.commit()


# --- a disk that fails ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "device", "said"),
    [
        (".seg", "/dev/full", "No space left"),
        (".seg", "/dev/null", "Invalid argument"),  # takes all that is written, and will not sync
        (".sqlite-wal", "/dev/full", "full|disk I/O error"),
        ("acknowledged", "/dev/full", "No space left"),
    ],
)
async def test_after_a_failure_of_the_disk_every_call_raises(tmp_path: Path, file: str, device: str, said: str) -> None:
    journal = make_journal(tmp_path)
    tell(journal, 20)
    await journal.commit()
    good = {spoiled: os.dup(spoiled) for spoiled in descriptors_of(file)}
    assert good
    spoil(file, device)
    with pytest.raises(StoreError, match=said):  # noqa: PT012 - either may be the first to meet the disk
        tell(journal, 20)
        await journal.commit()
    for spoiled, fd in good.items():  # the disk is well again, and the journal must not believe it
        os.dup2(fd, spoiled)
        os.close(fd)
    refused: list[Callable[[], object]] = [
        lambda: journal.event(journal.last_seq + 1, Deadline(1)),
        lambda: journal.event(journal.last_seq + 1, Tick("SIM:0", 1, 1.0)),
        lambda: journal.command(1, b""),
        lambda: journal.alert(1, 1, b""),
    ]
    for attempt in refused:
        with pytest.raises(StoreError, match=said):
            attempt()
    for wait in (journal.commit(), journal.sync_ticks(), journal.unsent(1), journal.mark_sent([1])):
        with pytest.raises(StoreError, match=said):
            await wait
    await journal.close()
    again = Journal.open(journal.path)
    assert again.last_seq >= 20
    decide_again(again)
    tell(again, 20)
    await again.close()
    assert events_of(journal.path) == list(range(1, again.last_seq + 1))


async def test_a_value_that_is_no_tick_fails_the_journal(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    with pytest.raises(StoreError, match="has failed"):
        journal.event(1, Tick("A", 2**80, 1.0))
    await journal.close()


# --- kill ----------------------------------------------------------------------------------------------------------


def kill_after(path: Path, lines: int, *, honest: bool = True) -> int:
    """Let another process tell the story, kill it after so many lines, and return what it said was durable."""
    command = [sys.executable, "-m", "tests.unit.adapters.stores.story", str(path), "honest" if honest else "dishonest"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        said += process.stdout.readlines()
    whole = [line for line in said if line.endswith("\n")]
    return int(whole[-1])


def check_story(path: Path, acknowledged: int) -> int:
    """See that the journal is a prefix of the story that holds all that was acknowledged; return how long it is."""
    recording = read(path)
    length = len(events_of(path))
    assert length >= acknowledged
    commands = list(recording.commands())
    assert commands == [(seq, command_of(seq)) for seq in range(1, length + 1) if has_command(seq)][: len(commands)]
    assert len(commands) >= acknowledged // 5
    return length


async def test_a_journal_killed_again_and_again_loses_and_doubles_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state"
    moments = np.random.default_rng(20260714).integers(1, 60, 20)
    lengths = [check_story(path, kill_after(path, int(lines))) for lines in moments]
    assert lengths == sorted(lengths)
    journal = Journal.open(path)
    decide_again(journal)
    await journal.close()
    whole = range(1, journal.last_seq + 1)
    assert list(read(path).commands()) == [(seq, command_of(seq)) for seq in whole if has_command(seq)]
    alerts = [alert_of(seq) for seq in whole if has_alert(seq)]
    assert await alerts_of(path) == list(enumerate(alerts, 1))


def test_a_journal_that_does_not_keep_its_word_is_found(tmp_path: Path) -> None:
    acknowledged = kill_after(tmp_path / "state", 30, honest=False)
    with pytest.raises(AssertionError):
        check_story(tmp_path / "state", acknowledged)


# --- reading -------------------------------------------------------------------------------------------------------


async def test_a_live_journal_is_read_as_it_was_when_reading_began(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    tell(journal, 100)
    await journal.commit()
    recording = read(journal.path)
    events = recording.events()
    first = [next(events) for _ in range(10)]
    tell(journal, 100)
    await journal.commit()
    assert [seq for seq, _ in [*first, *events]] == list(range(1, 101))
    assert told(recording) == told(recording)
    assert len(told(recording)[1]) == 20
    assert len(told(read(journal.path))[1]) == 40
    await journal.close()


async def test_reading_changes_nothing_of_what_is_read(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    tell(journal, 100)
    await journal.commit()
    after = crash(journal.path, tmp_path / "after")
    await journal.close()
    files = [path for path in sorted(after.rglob("*")) if path.is_file() and not path.name.endswith("-shm")]
    before = [path.read_bytes() for path in files]
    told(read(after))
    assert [path.read_bytes() for path in files] == before


async def test_a_missing_segment_is_missed(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    for _ in range(3):
        tell(journal, 20)
        await journal.close()
        journal = Journal.open(journal.path)
    await journal.close()
    sorted((journal.path / "segments").iterdir())[1].unlink()
    with pytest.raises(StoreError, match="event 23 is missing"):  # 21 and 22 are records
        list(read(journal.path).events())


@pytest.mark.parametrize("table", ["records", "commands", "outbox"])
async def test_a_missing_last_row_is_missed_by_both_who_read_and_who_open(tmp_path: Path, table: str) -> None:
    journal = make_journal(tmp_path)
    tell(journal, 60)
    await journal.close()
    key = "seq" if table == "records" else "n"
    with sqlite3.connect(journal.path / "journal.sqlite") as connection:
        connection.execute(f"DELETE FROM {table} WHERE {key} = (SELECT max({key}) FROM {table})")  # noqa: S608
    connection.close()
    for attempt in (read, Journal.open):
        with pytest.raises(StoreError, match=rf"{table} up to .* were acknowledged"):
            attempt(journal.path)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE meta SET value = '0.2' WHERE key = 'engine'", "the header is not what was written"),
        ("PRAGMA user_version = 2", "no journal of schema version 1: application 0x74726164, version 2"),
        ("PRAGMA application_id = 7", "no journal of schema version 1"),
        ("DROP TABLE outbox", "no such table"),
    ],
)
async def test_a_database_that_is_not_this_journals_is_refused(tmp_path: Path, statement: str, said: str) -> None:
    journal = make_journal(tmp_path)
    await journal.close()
    with sqlite3.connect(journal.path / "journal.sqlite") as connection:
        connection.execute(statement)
    connection.close()
    for attempt in (read, Journal.open):
        with pytest.raises(StoreError, match=said):
            attempt(journal.path)
