"""Which configured files a strategy is run on."""

from __future__ import annotations

import csv
import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.stories import drawing, entry, exit_, leg, start
from tests.unit.core.runs import always
from tests.unit.daemon.api.hosts import (
    CONFIG,
    FIRST_DAY,
    FakeFeed,
    FakeHost,
    Inline,
    asking,
    body,
    configured,
    dipping,
    posted,
    save_bars,
)
from tradingd.core.markets.sessions import market
from tradingd.examples.market import minute_bars
from tradingd.model.errors import FeedError, FeedRefused
from tradingd.model.market import MINUTE, Bar, Timeframe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MINUTES_OF_A_DAY = 1440


class Counting(Inline):
    """Counts the jobs by name."""

    def __init__(self) -> None:
        self.done: list[str] = []

    async def call(self, job: Callable[..., Any], *arguments: object) -> Any:
        self.done.append(job.__name__)
        return await super().call(job, *arguments)


def at(day: str) -> int:
    return market("SIM").ts_of(dt.date.fromisoformat(day), dt.time.min)


def files(*rows: str) -> str:
    return f"[data]\nfiles = [{', '.join(f'{{{row}}}' for row in rows)}]\n"


def save_days(path: Path) -> None:
    """Write the same market as `save_bars`, a bar a day."""
    fine = minute_bars(3 * MINUTES_OF_A_DAY, 7)
    days = {name: column.reshape(3, -1) for name, column in fine.items()}
    first, last = {"timestamp", "open"}, {"close", "volume"}
    columns = {name: c[:, 0] for name, c in days.items() if name in first}
    columns |= {name: c[:, -1] for name, c in days.items() if name in last}
    np.savez(path, high=days["high"].max(1), low=days["low"].min(1), **columns)


async def test_of_several_files_the_first_that_fits_is_read(tmp_path: Path) -> None:
    save_bars(tmp_path / "fine.npz")
    save_days(tmp_path / "days.npz")
    config = files('symbol = "XYZ", path = "days.npz"', 'symbol = "XYZ", path = "fine.npz", timeframe = "1m"')
    async with asking(configured(tmp_path, config)) as client:
        _, minutes = await posted(client, body(dipping(), wait_s=60))
        _, days = await posted(client, body(dipping(timeframe="1d"), wait_s=60))
        assert (minutes["results"]["bars"], days["results"]["bars"]) == (3 * MINUTES_OF_A_DAY, 3)


async def test_bars_that_are_too_wide_are_refused_with_what_there_is(tmp_path: Path) -> None:
    save_days(tmp_path / "days.npz")
    async with asking(configured(tmp_path, files('symbol = "XYZ", path = "days.npz"'))) as client:
        status, problem = await posted(client, body(dipping()))
        assert (status, problem["findings"][0]["pointer"]) == (422, "/strategy/nodes/0/data/timeframe")
        assert "bars of 1d" in problem["detail"]


async def test_a_file_of_another_exchange_is_not_the_strategys(tmp_path: Path) -> None:
    save_bars(tmp_path / "xyz.npz")
    config = files('symbol = "XYZ", path = "xyz.npz", exchange = "BINANCE"')
    async with asking(configured(tmp_path, config)) as client:
        status, problem = await posted(client, body(dipping()))
        assert (status, problem["available"]) == (422, {"symbols": ["BINANCE:XYZ"]})


async def test_ticks_are_data_too(tmp_path: Path) -> None:
    fine = minute_bars(2 * MINUTES_OF_A_DAY, 7)
    np.savez(tmp_path / "ticks.npz", timestamp=fine["timestamp"], price=fine["close"])
    config = files('symbol = "XYZ", path = "ticks.npz", kind = "ticks"')
    async with asking(configured(tmp_path, config)) as client:
        _, answer = await posted(client, body(dipping(), end_date=FIRST_DAY, wait_s=60))
        assert answer["results"]["ticks"] == MINUTES_OF_A_DAY


async def test_a_hole_between_the_days_is_known_before_anything_runs(tmp_path: Path) -> None:
    bars = minute_bars(10 * MINUTES_OF_A_DAY, 7)
    keep = np.r_[0 : 2 * MINUTES_OF_A_DAY, 8 * MINUTES_OF_A_DAY : 10 * MINUTES_OF_A_DAY]
    np.savez(tmp_path / "xyz.npz", **{name: column[keep] for name, column in bars.items()})
    async with asking(configured(tmp_path)) as client:
        status, problem = await posted(client, body(start_date="2025-01-04", end_date="2025-01-09"))
        assert status == 422
        assert problem["available"] == {"start_date": "2025-01-02", "end_date": "2025-01-11"}
        assert (await posted(client, body(start_date="2025-01-04", end_date="2025-01-10")))[0] == 202


async def test_days_are_those_of_the_exchange(tmp_path: Path) -> None:
    opens = 1_736_135_100_000_000_000 + 60_000_000_000 * np.arange(60)  # Monday 2025-01-06 09:15 in India: 03:45 UTC
    flat = np.full(60, 100.0)
    np.savez(tmp_path / "a.npz", timestamp=opens, open=flat, high=flat, low=flat, close=flat)
    late = opens[0] - 4 * 3_600_000_000_000  # 2025-01-05 in UTC
    np.savez(tmp_path / "b.npz", timestamp=[late], price=[100.0])
    config = files('symbol = "A", path = "a.npz", exchange = "NSE"', 'symbol = "B", path = "b.npz", kind = "ticks"')
    async with asking(configured(tmp_path, config)) as client:
        _, problem = await posted(client, body(dipping(symbol="A", exchange="NSE"), start_date="2026-01-01"))
        assert problem["available"] == {"start_date": "2025-01-06", "end_date": "2025-01-06"}
        _, problem = await posted(client, body(dipping(symbol="B", exchange="NSE"), start_date="2026-01-01"))
        assert problem["available"] == {"start_date": "2025-01-06", "end_date": "2025-01-06"}


async def test_options_bring_the_files_of_their_contracts(tmp_path: Path) -> None:
    contract = "NIFTY25JAN100CE"
    names = "exchange_token,tradingsymbol,name,expiry,strike,tick_size,lot_size,instrument_type,segment,exchange"
    (tmp_path / "list.csv").write_text(f"{names}\n1,{contract},NIFTY,2025-01-30,100,0.05,75,CE,NFO-OPT,NFO\n")
    opens = 1_736_135_100_000_000_000 + 60_000_000_000 * np.arange(60)
    for name, price in (("spot", 100.0), ("call", 5.0), ("other", 7.0)):
        flat = np.full(60, price)
        np.savez(tmp_path / f"{name}.npz", timestamp=opens, open=flat, high=flat, low=flat, close=flat)
    bought = leg("p1", productType="intraday", optionDetails={"expiry": "M0", "strikeType": "ATM", "optionType": "CE"})
    nodes = [
        start(symbol="NIFTY", exchange="NSE", tradingInstrument={"type": "options", "underlyingType": "index"}),
        always("yes"), entry("buy", bought), always("then"), exit_("sell"),
    ]  # fmt: skip
    config = '[daemon]\ninstruments = "list.csv"\n' + files(
        'symbol = "NIFTY", path = "spot.npz"',
        f'symbol = "{contract}", path = "call.npz"',
        'symbol = "OTHER", path = "other.npz", exchange = "NSE"',
    )
    async with asking(configured(tmp_path, config)) as client:
        status, answer = await posted(client, body(drawing(nodes, ["start > yes > buy > then > sell"]), wait_s=60))
        assert (status, answer["status"]) == (200, "completed"), answer
        assert [trade["instrument"] for trade in answer["results"]["trades"]] == [contract]
        assert answer["results"]["bars"] == 120


async def test_a_file_is_looked_into_once_and_again_when_it_has_changed(tmp_path: Path) -> None:
    save_bars(tmp_path / "xyz.npz")
    workers = Counting()
    async with asking(configured(tmp_path), workers) as client:
        for name in ("a", "b"):
            await posted(client, body(dipping(name), wait_s=60))
        assert workers.done == ["contents", "results", "results"]
        save_bars(tmp_path / "xyz.npz", days=2)
        await posted(client, body(dipping("a"), wait_s=60))
        assert workers.done[3:] == ["contents", "results"]


async def test_a_file_that_cannot_be_read_is_the_daemons_fault_and_its_path_its_secret(tmp_path: Path) -> None:
    save_bars(tmp_path / "xyz.npz")
    async with asking(configured(tmp_path)) as client:
        (tmp_path / "xyz.npz").unlink()
        status, missing = await posted(client, body())
        assert (status, missing["type"]) == (500, "urn:tradingd:problem:data-unreadable")
        with (tmp_path / "xyz.npz").open("w", newline="") as file:
            csv.writer(file).writerows([["timestamp", "open", "high", "low", "close"], ["today", 1, 1, 1, 1]])
        status, broken = await posted(client, body())
        assert status == 500
        assert "xyz.npz:2" in broken["detail"]
        assert str(tmp_path) not in str(missing) + str(broken)


async def test_a_pattern_has_its_files_when_they_are_asked_for(tmp_path: Path) -> None:
    save_bars(tmp_path / "ABC.npz")
    async with asking(configured(tmp_path, files('path = "{symbol}.npz", exchange = "SIM"'))) as client:
        status, problem = await posted(client, body())
        assert (status, problem["available"]) == (422, {"symbols": ["SIM:ABC"]})
        save_bars(tmp_path / "XYZ.npz", days=1)
        assert (await posted(client, body(wait_s=60)))[1]["results"]["bars"] == MINUTES_OF_A_DAY


async def test_files_that_contradict_each_other_later_are_the_daemons_fault(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    save_bars(tmp_path / "a/XYZ.npz")
    async with asking(configured(tmp_path, files('path = "*/{symbol}.npz"'))) as client:
        save_bars(tmp_path / "b/XYZ.npz")
        status, problem = await posted(client, body())
        assert (status, problem["type"]) == (500, "urn:tradingd:problem:data-unreadable")
        assert str(tmp_path) not in str(problem)


# --- the feed's history ------------------------------------------------------------------------------------------

NOTHING = "[data]\nfiles = []\n"
M1 = Timeframe(MINUTE)


def given(folder: Path, config: str = NOTHING, days: int = 3) -> FakeHost:
    """A host whose feed has the bars of `save_bars`, and whose time is their end."""
    told = minute_bars(days * MINUTES_OF_A_DAY, 7)
    rows = zip(*(told[name].tolist() for name in ("timestamp", "open", "high", "low", "close", "volume")), strict=True)
    bars = [Bar("SIM:XYZ", M1, ts, ts + MINUTE, *figures) for ts, *figures in rows]
    host = configured(folder, config)
    host.provider = FakeFeed(bars, bars[-1].ts_close)
    return host


async def test_what_no_file_has_is_run_on_the_feeds_history(tmp_path: Path) -> None:
    host = given(tmp_path)
    save_bars(tmp_path / "xyz.npz")
    asked = body(start_date="2025-01-03", end_date="2025-01-03", wait_s=60)
    async with asking(host) as client, asking(configured(tmp_path)) as other:
        status, answer = await posted(client, asked)
        _, expected = await posted(other, asked)
        assert (status, answer["status"]) == (200, "completed"), answer
        again = await posted(client, asked)
    [(name, width, count, until)] = host.provider.asked[:1]
    assert (name, width, until) == ("SIM:XYZ", M1, at("2025-01-04"))
    results = answer["results"]
    assert len(results["trades"]) > 3
    assert results["decisions_sha256"] == expected["results"]["decisions_sha256"]
    assert results["bars"] == count < 2 * MINUTES_OF_A_DAY
    [note] = [note for note in results["notes"] if "history" in note]
    assert "from the history of https://api.binance.com; their SHA-256 is " in note
    assert again[1]["execution_id"] == answer["execution_id"]


async def test_bars_that_differ_are_another_execution(tmp_path: Path) -> None:
    host = given(tmp_path)
    async with asking(host) as client:
        _, first = await posted(client, body(start_date=FIRST_DAY))
        host.provider.bars[-1].close += 1
        _, second = await posted(client, body(start_date=FIRST_DAY))
        assert first["execution_id"] != second["execution_id"]


async def test_files_come_first_and_the_feed_for_days_and_bars_that_they_have_not(tmp_path: Path) -> None:
    save_bars(tmp_path / "xyz.npz", days=2)
    host = given(tmp_path, CONFIG, days=5)
    async with asking(host) as client:
        await posted(client, body(start_date="2025-01-03", end_date="2025-01-05"))
        assert host.provider.asked == []
        status, _ = await posted(client, body(start_date="2025-01-05"))
        assert (status, len(host.provider.asked)) == (202, 1)
        await posted(client, body(dipping(timeframe="30s"), start_date="2025-01-05"))
        assert host.provider.asked[1][1] == Timeframe.parse("30s")


@pytest.mark.parametrize(
    ("asked", "pointer", "told", "available"),
    [
        ({}, "/strategy/nodes/0/data/symbol", "is asked for its history where a first day is given", {}),
        (
            {"start_date": "2025-01-09"},
            "/start_date",
            "any of these days; its last trade is of 2025-01-05",
            "2025-01-05",
        ),
        ({"start_date": "2024-01-01", "end_date": "2024-01-02"}, "/start_date", "any of these days", "2025-01-05"),
        ({"start_date": "2024-01-01"}, "/start_date", "532,800 bars of 1m, and https://api.binance.com is asked", {}),
        ({"start_date": "0001-01-01"}, "/start_date", "is asked for at most 50,000", {}),
    ],
)
async def test_what_the_feed_has_not_either_is_told(
    tmp_path: Path, asked: dict[str, str], pointer: str, told: str, available: Any
) -> None:
    async with asking(given(tmp_path)) as client:
        status, problem = await posted(client, body(**asked))
        assert status == 422
        assert problem["findings"][0]["pointer"] == pointer
        assert told in problem["detail"]
        assert problem["available"] == ({"end_date": available} if available else {})


async def test_a_symbol_that_the_feed_refuses_is_no_data(tmp_path: Path) -> None:
    host = given(tmp_path)
    host.provider.error = FeedRefused("refused with -1121, Invalid symbol.")
    async with asking(host) as client:
        status, problem = await posted(client, body(start_date=FIRST_DAY))
        assert (status, problem["type"]) == (422, "urn:tradingd:problem:no-data")
        assert "Invalid symbol" in problem["detail"]


async def test_a_feed_that_does_not_answer_is_told_as_such(tmp_path: Path) -> None:
    host = given(tmp_path)
    host.provider.error = FeedError("https://api.binance.com: connection refused")
    async with asking(host) as client:
        status, problem = await posted(client, body(start_date=FIRST_DAY))
        assert (status, problem["type"]) == (502, "urn:tradingd:problem:feed-failed")
        assert problem["detail"] == "https://api.binance.com: connection refused"


async def test_the_feed_is_left_alone_where_that_is_wished(tmp_path: Path) -> None:
    host = given(tmp_path, NOTHING + 'history = "none"\n')
    async with asking(host) as client:
        status, problem = await posted(client, body(start_date=FIRST_DAY))
        assert (status, problem["detail"]) == (
            422, "there are no data of SIM:XYZ; data.files of the configuration has nothing",
        )  # fmt: skip
    assert host.provider.asked == []
