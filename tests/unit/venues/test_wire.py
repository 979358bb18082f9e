"""The words of Binance's streams, held against its documentation and against captured messages."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from tests.shared import shared
from tests.unit.venues.markets import T0
from tradingd.model.market import MINUTE
from tradingd.venues.klines import Kline
from tradingd.venues.wire import (
    MICROSECOND,
    MILLISECOND,
    Words,
    content,
    ping_frame,
    pong_frame,
    shutdown_text,
    text_frame,
)

TS = T0 + 1_234_567_000


def payload(frame: str) -> Any:
    """Return what a text frame of up to 64 KiB says."""
    data = content([frame])
    assert data[0] == 0x81
    size, start = (data[1], 2) if data[1] < 126 else (int.from_bytes(data[2:4], "big"), 4)
    assert len(data) == start + size
    return json.loads(data[start:])


def test_a_trade() -> None:
    words = Words("BTCUSDT", combined=True, unit=MILLISECOND)
    assert payload(words.trade(12, TS - 5_000_000, TS, 61837.63, 0.02, True)) == {
        "stream": "btcusdt@aggTrade",
        "data": {
            "e": "aggTrade", "E": 1735776001234, "s": "BTCUSDT", "a": 12, "p": "61837.63000000", "q": "0.02000000",
            "f": 12, "l": 12, "T": 1735776001229, "m": True, "M": True,
        },
    }  # fmt: skip


def test_times_in_microseconds_and_a_raw_stream() -> None:
    words = Words("NIFTY 50", combined=False, unit=MICROSECOND)
    trade = payload(words.trade(12, TS, TS, 1.0, 0.0, False))
    assert (trade["s"], trade["E"], trade["T"], trade["m"]) == ("NIFTY 50", TS // 1000, TS // 1000, False)
    bar = payload(words.kline(Kline.flat(T0, 1.0), "1m", MINUTE, TS, is_closed=False))
    assert bar["k"]["T"] == (T0 + MINUTE) // 1000 - 1


def test_the_best_prices_are_told_as_they_are_in_a_capture() -> None:
    path = shared("data/crypto_ws/hftbacktest/binance_spot_btcusdt_20240808.gz")
    with gzip.open(path, "rt") as file:
        captured = next(line.split(" ", 1)[1] for line in file if "bookTicker" in line)
    told = json.loads(captured)["data"]
    words = Words("BTCUSDT", combined=True, unit=MILLISECOND)
    frame = words.quote(told["u"], *(float(told[key]) for key in ("b", "B", "a", "A")))
    assert frame[4:] == captured.strip()


def test_a_kline_is_told_as_it_is_in_a_capture() -> None:
    lines = shared("data/crypto_ws/cryptofeed/BINANCE.ws.1.0").read_text("utf-8").splitlines()
    told = next(json.loads(line.split(": ", 1)[1]) for line in lines if '"e":"kline"' in line)
    k = told["data"]["k"]
    open_, high, low, close, volume, turnover, buys, bought = (float(k[key]) for key in "ohlcvqVQ")
    ts_open = k["t"] * MILLISECOND
    bar = Kline(ts_open, open_, high, low, close, volume, turnover, k["n"], buys, bought, k["f"], k["L"])
    words = Words(told["data"]["s"], combined=True, unit=MILLISECOND)
    said = payload(words.kline(bar, k["i"], MINUTE, told["data"]["E"] * MILLISECOND, is_closed=k["x"]))
    assert said == told
    assert list(said["data"]["k"]) == list(k)


@pytest.mark.parametrize("size", [0, 125, 126, 1023, 1024, 65_535, 65_536])
def test_frames_of_every_length(size: int) -> None:
    data = content([text_frame("x" * size)])
    head = {True: 2, size >= 126: 4, size > 65_535: 10}[True]
    assert data[head:] == b"x" * size
    assert {2: data[1:2], 4: data[2:4], 10: data[2:10]}[head] == size.to_bytes({2: 1, 4: 2, 10: 8}[head], "big")


def test_pings_and_pongs_carry_any_bytes() -> None:
    assert content([ping_frame(b"\x00\xff")]) == b"\x89\x02\x00\xff"
    assert content([pong_frame(b"\x80")]) == b"\x8a\x01\x80"


def test_the_end_is_announced() -> None:
    event = {"e": "serverShutdown", "E": T0 // MILLISECOND}
    assert json.loads(shutdown_text(T0, combined=False, unit=MILLISECOND)) == event
    assert json.loads(shutdown_text(T0, combined=True, unit=MILLISECOND)) == {
        "stream": "!serverShutdown",
        "data": event,
    }
