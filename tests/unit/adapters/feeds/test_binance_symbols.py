"""Symbols in the names of streams: Binance's as Binance writes them, others so that they can be read back."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingd.adapters.feeds.binance_symbols import stream_name, symbol_of


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("BTCUSDT", "btcusdt"),
        ("1INCHUSDT", "1inchusdt"),
        ("NIFTY 50", "nifty_2050"),
        ("M&M", "m_26m"),
        ("BAJAJ-AUTO", "bajaj_2dauto"),
        ("A_B", "a_5fb"),
        ("aB", "_61b"),
        ("币安", "_e5_b8_81_e5_ae_89"),
    ],
)
def test_a_symbol_and_how_its_streams_begin(symbol: str, name: str) -> None:
    assert stream_name(symbol) == name
    assert symbol_of(f"{name}@kline_1m") == symbol


@given(st.text(min_size=1))
def test_every_symbol_is_read_back_and_needs_no_escaping_in_a_url(symbol: str) -> None:
    name = stream_name(symbol)
    assert symbol_of(name) == symbol
    assert quote(name, safe="") == name == name.lower()


@pytest.mark.parametrize("stream", ["", "@aggTrade", "BTCUSDT@aggTrade", "a_", "a_4", "a_zz", "_41", "_ff", "nifty 50"])
def test_what_names_no_symbol(stream: str) -> None:
    with pytest.raises(ValueError, match="names no symbol"):
        symbol_of(stream)
