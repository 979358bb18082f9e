from __future__ import annotations

import numpy as np
import pytest

from tests.unit.core.indicators.bars import DECLARED, bits, cut, make_walk
from tradingd.core.indicators.catalog import CATALOG, LOOK_BACK
from tradingd.core.indicators.computation import batch
from tradingd.core.indicators.declaration import declare
from tradingd.model.indicator import PRICE_SOURCES, IndicatorDecl

WALK = make_walk(6000)
DEFAULTS = [declare(name, {}) for name in CATALOG]
SMALLEST = [declare(e.name, {p.name: p.minimum for p in e.params}) for e in CATALOG.values()]
OTHERS = [
    *DECLARED.values(),
    declare("hma", {"period": 16}),
    declare("hma", {"period": 3}),
    declare("ema", {"period": 50}),
]
SEEDLESS = [d for d in [*DEFAULTS, *DECLARED.values()] if d.name not in {"obv", "vwap"}]


def test_every_indicator_is_there_with_its_default_output_first() -> None:
    names = "sma ema wma hma dema tema rsi macd bbands atr adx stoch cci obv vwap supertrend"
    assert sorted(CATALOG) == sorted(names.split())
    several = {name: entry.outputs for name, entry in CATALOG.items() if len(entry.outputs) > 1}
    assert several == {
        "macd": ("macd", "signal", "histogram"),
        "bbands": ("middle", "upper", "lower"),
        "adx": ("adx", "plus_di", "minus_di"),
        "stoch": ("k", "d"),
        "supertrend": ("supertrend", "direction"),
    }
    assert all(entry.outputs == (name,) for name, entry in CATALOG.items() if name not in several)


def test_an_entry_either_takes_a_source_or_names_its_inputs() -> None:
    chosen = {name for name, entry in CATALOG.items() if entry.takes_source}
    assert chosen == {"sma", "ema", "wma", "hma", "dema", "tema", "rsi", "macd", "bbands"}
    for name, entry in CATALOG.items():
        assert bool(entry.inputs) is (name not in chosen)
        assert set(entry.inputs) <= set(PRICE_SOURCES)


def test_every_entry_says_what_it_does() -> None:
    for entry in CATALOG.values():
        assert entry.title
        assert entry.convention.endswith(".")
        assert "TA-Lib" in entry.source


def test_no_two_parameters_share_a_name() -> None:
    for entry in CATALOG.values():
        names = [name for p in entry.params for name in (p.name, *p.aliases)]
        assert len(names) == len(set(names)), entry.name


@pytest.mark.parametrize("decl", [*DEFAULTS, *SMALLEST, *OTHERS], ids=str)
def test_the_first_value_is_the_one_after_the_warm_up(decl: IndicatorDecl) -> None:
    columns = dict(WALK, volume=WALK["volume"] + 1)
    values = batch(decl, columns)
    warm_up = CATALOG[decl.name].warm_up(decl)
    default = values[CATALOG[decl.name].outputs[0]]
    assert np.isnan(default[:warm_up]).all()
    assert np.isfinite(default[warm_up:]).all()
    for output in values.values():
        assert np.isfinite(output[warm_up:]).all()


@pytest.mark.parametrize("name", CATALOG)
def test_the_library_takes_the_largest_parameters(name: str) -> None:
    largest = {p.name: p.maximum for p in CATALOG[name].params} | ({"fast": 9_999} if name == "macd" else {})
    for output in batch(declare(name, largest), WALK).values():
        assert len(output) == len(WALK["close"])


@pytest.mark.parametrize("decl", SEEDLESS, ids=str)
def test_n_bars_before_a_session_suffice(decl: IndicatorDecl) -> None:
    """What a look-back can read is, from N bars, what it is from thousands, to the double's last places."""
    count = CATALOG[decl.name].anchor_bars(decl)
    size = len(WALK["close"])
    near, far = batch(decl, cut(WALK, size - count, size)), batch(decl, WALK)
    for output in CATALOG[decl.name].outputs:
        scale = np.nanmax(np.abs(far[output]))
        difference = np.abs(near[output] - far[output][-count:])[-LOOK_BACK - 1 :]
        assert difference.max() <= 1e-12 * scale


def test_what_n_promises_of_a_supertrend() -> None:
    """No count of bars forgets its direction for certain, but once a reversal was seen both runs agree for good."""
    decl = DECLARED["supertrend"]
    count = CATALOG["supertrend"].anchor_bars(decl)
    far, size = batch(decl, WALK), len(WALK["close"])
    for end in range(count, size, 97):
        near = batch(decl, cut(WALK, end - count, end))
        reversals = np.flatnonzero(np.diff(near["direction"][-LOOK_BACK - 50 :]))
        after = LOOK_BACK + 49 - int(reversals[0])
        assert np.array_equal(near["direction"][-after:], far["direction"][end - after : end])
        np.testing.assert_allclose(
            near["supertrend"][-after:], far["supertrend"][end - after : end], rtol=1e-12, atol=0
        )


def test_on_balance_volume_means_its_differences() -> None:
    decl = declare("obv", {})
    count, size = CATALOG["obv"].anchor_bars(decl), len(WALK["close"])
    near, far = batch(decl, cut(WALK, size - count, size))["obv"], batch(decl, WALK)["obv"]
    assert np.array_equal(np.diff(near), np.diff(far[-count:]))
    assert near[-1] != far[-1]


def test_vwap_is_unknown_before_the_first_volume() -> None:
    columns = {name: np.array([10.0, 11.0, 12.0]) for name in ("high", "low", "close")}
    values = batch(declare("vwap", {}), columns | {"volume": np.array([0.0, 2.0, 2.0])})["vwap"]
    assert bits(values).tolist() == bits([np.nan, 11.0, 11.5]).tolist()


def test_derived_sources() -> None:
    columns = {"open": np.array([1.0]), "high": np.array([8.0]), "low": np.array([2.0]), "close": np.array([5.0])}
    found = {s: batch(declare("sma", {"period": 1}, s), columns)["sma"][0] for s in ("hl2", "hlc3", "ohlc4")}
    assert found == {"hl2": 5.0, "hlc3": 5.0, "ohlc4": 4.0}
