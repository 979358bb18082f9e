"""The first bar of a paper session: whole where we heard all of it, else one that no entry may be decided by.

A venue in this process has traded a price a second, all of them above what the strategy waits for: so it enters at
the end of the first bar that it may read.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.stories import drawing, entry, exit_, start
from tests.unit.core.runs import compare, when
from tradingd.core.markets.sessions import market
from tradingd.daemon import state, wiring
from tradingd.daemon.supervisor import Daemon
from tradingd.model.events import FeedGap
from tradingd.model.market import MINUTE, SECOND
from tradingd.venues.clock import AS_FAST_AS_TAKEN
from tradingd.venues.exchange import Exchange
from tradingd.venues.recorded import read_trades
from tradingd.venues.tape import Tape

if TYPE_CHECKING:
    from pathlib import Path

MIDNIGHT = market("SIM").ts_of(dt.date(2025, 1, 2), dt.time.min)
BOUND_S = 30
SPEED, AS_TAKEN = 300, '"max"'


def drawn(symbol: str = "XYZ", name: str = "above") -> dict[str, Any]:
    nodes = [
        start(symbol=symbol),
        when("up", compare("close", ">", 100)),
        entry("buy", "p1"),
        when("far", compare("close", ">", 10_000)),
        exit_("sell"),
    ]
    return drawing(nodes, ["start > up > buy > far > sell"], name)


def tape(folder: Path, first: int, begin: int, seconds: int, *symbols: str) -> Tape:
    """A price a second from `first` on, of which those before `begin` have been told already."""
    paths = {symbol: folder / f"{symbol}.csv" for symbol in symbols}
    for path in paths.values():
        rows = [f"{(first + n * SECOND) // 1_000_000},{110 + n % 7 / 100},1" for n in range(seconds)]
        path.write_text("\n".join(["timestamp,price,volume", *rows]), "utf-8")
    return Tape([read_trades(paths, dt.UTC)], ts_open=begin)


async def traded(folder: Path, told: Tape, ticks: int, posted: dict[str, Any] | None = None) -> Daemon:
    """Trade on paper until so many ticks have been taken; `posted` is added while time goes on."""
    (folder / "drawn.json").write_text(json.dumps(drawn()), "utf-8")
    exchange = Exchange(told, speed=SPEED if posted else AS_FAST_AS_TAKEN)
    async with exchange.serving() as port:
        config = folder / "tradingd.toml"
        config.write_text(
            f'[daemon]\nstrategies = ["drawn.json"]\nstate_dir = "{folder}/state"\n'
            f'[feed]\nws_url = "ws://127.0.0.1:{port}"\nrest_url = "http://127.0.0.1:{port}"\n'
            f"speed = {SPEED if posted else AS_TAKEN}\n[http]\nport = -1\n",
            "utf-8",
        )
        daemon = Daemon(config, {}, ())
        async with asyncio.timeout(BOUND_S), asyncio.TaskGroup() as group:
            running = group.create_task(daemon.run())
            while not daemon.running:
                assert not running.done()
                await asyncio.sleep(0.002)
            if posted is not None:
                await daemon.post(json.dumps(posted))
            while daemon.sequencer.ticks < ticks:
                assert not running.done()
                await asyncio.sleep(0.002)
            daemon.stop()
    return daemon


def entered(daemon: Daemon, name: str = "above") -> int:
    """When the strategy entered, in ns."""
    [position] = daemon.session.engine.desks[name].positions.open()
    return position.entry_ts


@pytest.mark.parametrize(
    ("first", "begin", "enters"),
    [
        (MIDNIGHT + 30 * SECOND, MIDNIGHT + 200 * SECOND, MIDNIGHT + 5 * MINUTE),  # a bar later: the first is partial
        (MIDNIGHT + 30 * SECOND, MIDNIGHT + 30 * SECOND, MIDNIGHT + MINUTE),  # it was never traded before
        (MIDNIGHT - MINUTE, MIDNIGHT, MIDNIGHT + MINUTE),  # it was, before the session
    ],
)
async def test_no_entry_is_decided_by_a_bar_of_which_a_part_was_missed(
    tmp_path: Path, first: int, begin: int, enters: int
) -> None:
    daemon = await traded(tmp_path, tape(tmp_path, first, begin, 480, "XYZ"), 480 - (begin - first) // SECOND)
    assert entered(daemon) // MINUTE * MINUTE == enters
    recording = state.recording(tmp_path / "state")
    gaps = [event for _, event in recording.events() if isinstance(event, FeedGap)]
    assert len(gaps) == (enters == MIDNIGHT + 5 * MINUTE)
    assert wiring.replay(recording).divergence is None
    assert wiring.again(recording).session.decisions_sha256 == daemon.session.decisions_sha256


async def test_an_instrument_that_is_added_later_begins_with_a_partial_bar_too(tmp_path: Path) -> None:
    told = tape(tmp_path, MIDNIGHT, MIDNIGHT + 90 * SECOND, 900, "OTHER", "XYZ")
    daemon = await traded(tmp_path, told, 1200, drawn("OTHER", "other"))
    recording = state.recording(tmp_path / "state")
    gap, first, *_ = [event for _, event in recording.events() if getattr(event, "instrument", "") == "SIM:OTHER"]
    assert isinstance(gap, FeedGap)
    assert entered(daemon, "other") // MINUTE >= first.ts // MINUTE + 2
    assert wiring.replay(recording).divergence is None
