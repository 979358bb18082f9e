"""A backtest answers what a bare loop over the same bars answers, and the same thing however it is asked."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.unit.research.requests import UNLIMITED, backtest, bars, file, once, reversal, ticks
from tradingd.core.settings import CoreSettings, RiskSettings
from tradingd.model.market import MINUTE
from tradingd.research.result import plain

if TYPE_CHECKING:
    from pathlib import Path

    from tradingd.core.performance import Metrics
    from tradingd.research.backtest import DataFile

WARM_UP, T0 = 1_000, 1_704_067_200_000_000_000


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float], list[float]]:
    """60,000 one-minute bars of a random walk with gaps between a close and the next open."""
    rng = np.random.default_rng(20_240_607)
    close = np.round(1000 * np.exp(np.cumsum(rng.standard_normal(60_000) * 4e-4)), 2)
    open_ = np.round(np.concatenate(([1000.0], close[:-1])) + rng.standard_normal(60_000) * 0.05, 2)
    high, low = np.maximum(open_, close) + 0.1, np.minimum(open_, close) - 0.1
    path = tmp_path_factory.mktemp("generated") / "walk.npz"
    stamps = T0 + MINUTE * np.arange(60_000)
    np.savez(path, timestamp=stamps, open=open_, high=high, low=low, close=close, volume=np.full(60_000, 1e6))
    return path, open_.tolist(), close.tolist()


def bare_loop(opens: list[float], closes: list[float]) -> list[tuple[int, int, Decimal]]:
    """Trade RSI 14 by Wilder: below 30 buy, above 70 sell, at the next open; return (bar in, bar out, P&L)."""
    trades: list[tuple[int, int, Decimal]] = []
    gain = loss = 0.0
    bought: int | None = None
    for i in range(1, len(closes) - 1):
        change = closes[i] - closes[i - 1]
        up, down = max(change, 0.0), max(-change, 0.0)
        if i <= 14:
            gain, loss = gain + up / 14, loss + down / 14
        else:
            gain, loss = (gain * 13 + up) / 14, (loss * 13 + down) / 14
        rsi = 100 * gain / (gain + loss)
        if i < WARM_UP:
            continue
        if bought is None and rsi < 30:
            bought = i + 1
        elif bought is not None and rsi > 70:
            trades.append((bought, i + 1, Decimal(str(opens[i + 1])) - Decimal(str(opens[bought]))))
            bought = None
    return trades


def test_trades_are_those_of_a_bare_loop(generated: tuple[Path, list[float], list[float]]) -> None:
    path, opens, closes = generated
    expected = bare_loop(opens, closes)
    assert len(expected) > 100
    start = str(T0 + WARM_UP * MINUTE)
    result = backtest(reversal(), bars("XYZ", path), settings=UNLIMITED, start=start)
    closed = [
        ((p.entry_ts - T0) // MINUTE, ((p.exit_ts or 0) - T0) // MINUTE) for p in result.positions[: len(expected)]
    ]
    assert closed == [(bought, sold) for bought, sold, _ in expected]
    assert [trade["pnl"] for trade in result.trades] == [plain(pnl) for _, _, pnl in expected]
    assert result.metrics.total_pnl == sum(pnl for _, _, pnl in expected)
    assert (result.bars, result.ticks, len(result.curve.ts)) == (60_000, 0, 60_000 - WARM_UP)


def test_what_warms_up_is_not_in_the_figures(generated: tuple[Path, list[float], list[float]]) -> None:
    def figures(*files: DataFile) -> Metrics:
        return backtest(once(), *files, settings=UNLIMITED, start="2024-02-01").metrics

    whole = np.load(generated[0])
    recent = whole["timestamp"] >= np.datetime64("2024-02-01", "ns").astype(int)
    short = generated[0].with_name("recent.npz")
    np.savez(short, **{name: whole[name][recent] for name in whole.files})
    assert figures(bars("XYZ", generated[0])) == figures(bars("XYZ", short))


def test_prices_that_are_not_on_the_grid_are_told(tmp_path: Path) -> None:
    header, stamps = "timestamp,open,high,low,close", [f"2024-01-02T09:{15 + i}:00" for i in range(6)]
    path = file(tmp_path / "fine.csv", header, [(stamp, *[101.2345 + i] * 4) for i, stamp in enumerate(stamps)])
    (told,) = [note for note in backtest(once(), bars("XYZ", path)).notes if "grid" in note]
    assert told.startswith("fine.csv: 6 of 6 closes are not on the grid of XYZ, whose tick is 0.01")
    on_it = file(tmp_path / "grid.csv", header, [(stamp, *[101 + i] * 4) for i, stamp in enumerate(stamps)])
    assert not [note for note in backtest(once(), bars("XYZ", on_it)).notes if "grid" in note]


@pytest.fixture
def morning(tmp_path: Path) -> Path:
    rows = [(f"2024-01-02T09:{15 + i}:00", *[101 + i] * 4) for i in range(6)]
    return file(tmp_path / "morning.csv", "timestamp,open,high,low,close", rows)


def test_a_result_has_the_promised_keys(morning: Path) -> None:
    told = backtest(once(exchange="NSE"), bars("XYZ", morning)).as_dict()
    assert list(told) == [
        "option_pricing", "execution_id", "status", "strategy_id", "metrics", "pnl", "charges", "account", "trades",
        "positions_open", "bars", "ticks", "anomalies", "notes", "decisions_sha256", "seconds",
    ]  # fmt: skip
    anomalies: Any = told["anomalies"]
    assert anomalies == {
        "equal_ts": 0, "backwards": 0, "equal_rows": 0, "late": 0, "outside_session": 0, "quarantined": 0,
        "volume_decreases": 0, "missing_sessions": 0, "max_gap_s": 60.0,
    }  # fmt: skip
    metrics: Any = told["metrics"]
    assert (metrics["total_pnl"], metrics["total_trades"], metrics["profit_factor"]) == ("0", 0, None)
    assert (told["status"], told["strategy_id"]) == ("completed", "once")


def test_an_open_position_is_valued_at_the_last_price(morning: Path) -> None:
    (position,) = backtest(once(exchange="NSE"), bars("XYZ", morning)).positions_open
    assert (position["entry_price"], position["pnl"], position["unrealized_pnl"]) == ("102", "0", "4")


def test_equal_requests_have_one_id_and_others_another(morning: Path, tmp_path: Path) -> None:
    first = backtest(once(), bars("XYZ", morning))
    again = backtest(once(), bars("XYZ", morning))
    assert first.as_dict() | {"seconds": 0} == again.as_dict() | {"seconds": 0}
    rows = [(f"2024-01-02T09:{15 + i}:00", *[102 + i] * 4) for i in range(6)]
    other = file(tmp_path / "other.csv", "timestamp,open,high,low,close", rows)
    others = [
        backtest(once(), bars("XYZ", other)),
        backtest(once(name="twice"), bars("XYZ", morning)),
        backtest(once(), bars("XYZ", morning), settings=UNLIMITED),
        backtest(once(), bars("XYZ", morning), start="2024-01-02T09:16"),
        backtest(once(), bars("XYZ", morning), end="2024-01-02T09:18"),
    ]
    assert len({result.execution_id for result in (first, *others)}) == 6


def test_several_strategies_share_a_run_however_they_are_named(morning: Path, tmp_path: Path) -> None:
    rows = [(f"2024-01-02T09:{15 + i // 6}:{i % 6 * 10:02}", 103 + i) for i in range(36)]
    prices = file(tmp_path / "abc.csv", "timestamp,price", rows)
    documents = [once("XYZ", "NSE", name="b"), once("ABC", "NSE", name="a"), once("XYZ", "NSE", "2m", name="c")]
    data = [bars("XYZ", morning), ticks("ABC", prices)]
    result = backtest(documents, *data)
    assert result.as_dict()["strategy_id"] is None
    assert [(p["strategy_id"], str(p["entry_time"])[11:19]) for p in result.positions_open] == [
        ("b", "09:16:00"), ("a", "09:16:10"), ("c", "09:17:00"),
    ]  # fmt: skip
    assert (result.bars, result.ticks) == (6 + 6, 36)
    swapped = backtest(documents[::-1], *data[::-1])
    assert swapped.as_dict() | {"seconds": 0} == result.as_dict() | {"seconds": 0}


def test_what_a_short_history_means_is_told_unless_there_was_enough(tmp_path: Path) -> None:
    days = [f"2024-{month:02}-{day:02}" for month in range(1, 5) for day in range(1, 29)]
    hours = [f"{hour:02}:{minute}" for hour in range(10, 15) for minute in ("00", "15", "30", "45")]
    rows = [(f"{day}T{hour}", 100, 101, 99, 100) for day in days for hour in hours]
    path = file(tmp_path / "quarters.csv", "timestamp,open,high,low,close", rows)
    asked = reversal(exchange="NSE", timeframe="15m"), bars("XYZ", path)

    def is_short(start: str | None = None) -> bool:
        return any(note.startswith("short_history: rsi-xyz") for note in backtest(*asked, start=start).notes)

    assert is_short()
    assert is_short(start="2024-02-01")
    assert not is_short(start="2024-04-20")


def test_why_an_entry_was_refused_is_told(morning: Path) -> None:
    result = backtest(once(exchange="NSE", quantity=0.5), bars("XYZ", morning))
    assert result.notes[-1] == (
        "once, node buy: entry p1 refused: XYZ: quantity 0.5 is not a multiple of the step 1; 1 would be"
    )


def test_entries_that_the_cap_held_back_are_told(generated: tuple[Path, list[float], list[float]]) -> None:
    def told(settings: CoreSettings) -> list[str]:
        result = backtest(reversal(), bars("XYZ", generated[0]), settings=settings)
        return [note for note in result.notes if "max_entries_per_session" in note]

    assert told(CoreSettings(risk=RiskSettings(max_entries_per_session=1))) == [
        "risk.max_entries_per_session = 1 held back further entries of rsi-xyz"
    ]
    assert told(UNLIMITED) == []


def test_scanning_steps_and_says_so(morning: Path) -> None:
    stepped, scanned = (backtest(once(), bars("XYZ", morning), mode=mode) for mode in ("stepped", "scanned"))
    assert scanned.decisions_sha256 == stepped.decisions_sha256
    assert [note for note in scanned.notes if note.startswith("mode: scanned")]


def test_progress_ends_with_one_and_never_falls(generated: tuple[Path, list[float], list[float]]) -> None:
    shares: list[float] = []
    backtest(reversal(), bars("XYZ", generated[0]), progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1
