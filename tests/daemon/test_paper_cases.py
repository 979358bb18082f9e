"""Random drawings over random, dirty ticks, through real sockets: paper, its recording and its replay are one.

Each case is a venue, a provider, a queue, a sequencer and a journal of its own. Some connections are cut in the
middle; some queues are so small that ticks fold. Where nothing folds, the backtest of the same ticks decides the
same bytes too.
"""

from __future__ import annotations

import asyncio
import csv
import json
import tempfile
import zoneinfo
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.properties.test_strategies import Case, cases
from tests.stories import document
from tests.unit.research.requests import backtest, ticks
from tradingd.core.settings import CoreSettings, RiskSettings
from tradingd.daemon import state, wiring
from tradingd.daemon.supervisor import Daemon
from tradingd.model.trading import Purpose
from tradingd.venues.clock import AS_FAST_AS_TAKEN
from tradingd.venues.exchange import Exchange
from tradingd.venues.faults import Fault
from tradingd.venues.recorded import read_trades
from tradingd.venues.tape import Tape

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradingd.adapters.stores.recording import Recording

UTC = zoneinfo.ZoneInfo("UTC")
MS = 1_000_000
UNLIMITED = CoreSettings(risk=RiskSettings(max_entries_per_session="none"))
CASES_MAX = 2_000
"""How many cases `make fuzz` draws here: each is a daemon of its own."""


@dataclass(frozen=True)
class Trouble:
    """What goes wrong on the way: after how many messages the line is cut, and how fast a small queue is filled."""

    cut_after: int | None
    speed: float


@st.composite
def troubles(draw: st.DrawFn) -> Trouble:
    """Draw a clean line, one that is cut, or one that is faster than its small queue."""
    kind = draw(st.sampled_from(["clean", "cut", "fold"]))
    return Trouble(
        draw(st.integers(20, 120)) if kind == "cut" else None, 40_000.0 if kind == "fold" else AS_FAST_AS_TAKEN
    )


def written(case: Case, folder: Path) -> Path:
    """Write the ticks, whose times on the wire are whole milliseconds."""
    path = folder / "ticks.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["timestamp", "price", "volume"])
        rows.writerows((ts // MS, price, volume) for ts, price, volume in case.ticks)
    return path


async def trade(case: Case, trouble: Trouble, folder: Path, path: Path) -> Daemon:
    """Trade the case on paper, until every tick has been taken."""
    faults = () if trouble.cut_after is None else (Fault("disconnect", trouble.cut_after),)
    tape = Tape([read_trades({"XYZ": path}, UTC)])
    exchange = Exchange(tape, speed=trouble.speed, faults=faults)
    (folder / "drawn.json").write_text(json.dumps(case.drawn), "utf-8")
    folds = trouble.speed != AS_FAST_AS_TAKEN
    async with exchange.serving() as port:
        config = folder / "tradingd.toml"
        config.write_text(
            f'[daemon]\nstrategies = ["drawn.json"]\nstate_dir = "{folder}/state"\n'
            f'[feed]\nws_url = "ws://127.0.0.1:{port}"\nrest_url = "http://127.0.0.1:{port}"\n'
            f'speed = "max"\nqueue_size = {3 if folds else 1000}\n'
            '[risk]\nmax_entries_per_session = "none"\n[http]\nport = -1\n',
            "utf-8",
        )
        daemon = Daemon(config, {}, ())
        daemon.waits_for_room = not folds
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            running = group.create_task(daemon.run())
            while not (daemon.running and daemon.sequencer.ticks >= len(case.ticks)):
                assert not running.done()
                await asyncio.sleep(0.002)
            daemon.stop()
    return daemon


def test_paper_its_recording_and_its_replay_are_one(record_property: Callable[[str, object], None]) -> None:
    met: Counter[str] = Counter()

    @settings(
        max_examples=min(settings().max_examples, CASES_MAX),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(cases(), troubles())
    def check(case: Case, trouble: Trouble) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            path = written(case, folder)
            paper = asyncio.run(trade(case, trouble, folder, path))
            recording = state.recording(folder / "state")
            decided = paper.session.decisions_sha256
            replayed = wiring.replay(recording)
            assert replayed.divergence is None
            assert replayed.decisions_sha256 == decided
            rerun = wiring.again(recording)
            assert rerun.session.decisions_sha256 == decided
            folded = paper.queue.folded
            if not folded:
                stored = backtest(document(case.drawn), ticks("XYZ", path, exchange="SIM"), settings=UNLIMITED)
                rerun.session.finish()
                assert stored.decisions_sha256 == rerun.session.decisions_sha256
            entered = Counter(c.vpi for c in orders(recording) if c.purpose == Purpose.ENTRY)
        met["cases"] += 1
        met["ordered"] += bool(entered)
        met["re-entered"] += any(n > 1 for n in entered.values())
        met["met bad ticks"] += case.bad > 0
        met["were cut"] += trouble.cut_after is not None
        met["folded"] += folded > 0

    check()
    told = ", ".join(f"{count} {what}" for what, count in met.items())
    record_property("told", f"paper over sockets: {told}")
    for what, share in (
        ("ordered", 0.8),
        ("re-entered", 0.3),
        ("met bad ticks", 0.2),
        ("were cut", 0.1),
        ("folded", 0.1),
    ):
        assert met[what] >= share * met["cases"], f"too tame: {told}"


@dataclass(frozen=True)
class Sent:
    """An order as it was recorded."""

    vpi: str
    purpose: str


def orders(recording: Recording) -> list[Sent]:
    """Return the orders of a recording."""
    commands = [json.loads(content) for _, content in recording.commands()]
    return [Sent(c["vpi"], c["purpose"]) for c in commands if c["command"] == "submit"]
