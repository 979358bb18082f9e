"""Kite's own client against the simulated ticker: every frame parses, to the very figures that our decoder reads.

The client (`kiteconnect`, of the dependency group `clients`) runs in a process of its own, with the interpreter that
`TRADINGD_CLIENTS_PYTHON` names, else in the environment that `make clients` prepares; where it is not, tests skip.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.contracts.kite_feeds import HASTY, frame
from tests.unit.venues.markets import PATIENCE_S
from tradingd.adapters.feeds.kite_wire import BOOK, FORMS, FULL, INDEX_FULL, KiteCounts, divisor, read_packets
from tradingd.model.market import HOUR, SECOND
from tradingd.venues.kite import KiteVenue
from tradingd.venues.kite_command import made_up
from tradingd.venues.kite_rest import Sessions
from tradingd.venues.tape import Tape

PROJECT = Path(__file__).resolve().parents[2]
PYTHON = os.environ.get("TRADINGD_CLIENTS_PYTHON", str(PROJECT / ".venv-clients/bin/python"))
OPEN = 1_735_793_100 * SECOND  # 2025-01-02T10:15 in India
OLD = "yesterday's"

HEAD = """
import json, sys
from kiteconnect import KiteConnect, KiteTicker

def tell(*what):
    print(json.dumps(what, default=lambda value: getattr(value, "isoformat", value.__str__)()), flush=True)
"""

PARSE = """
parse = KiteTicker("key", "token")._parse_binary
for line in sys.stdin:
    tell(parse(bytes.fromhex(line)))
"""

LISTEN = """
port, wanted = sys.argv[1], int(sys.argv[2])
kite = KiteConnect("key", root=f"http://127.0.0.1:{port}")
session = kite.generate_session("a login", "secret")
listed = kite.instruments()
tell("instruments", listed)
names = [f"{row['exchange']}:{row['tradingsymbol']}" for row in listed]
tokens = [row["instrument_token"] for row in listed]
for kind in ("quote", "ohlc", "ltp"):
    tell(kind, getattr(kite, kind)(names))
tell("profile", kite.profile())
tell("candles", kite.historical_data(tokens[0], "2025-01-02 09:15:00", "2025-01-02 10:10:00", "5minute"))
try:
    kite.historical_data(7, "2025-01-02 09:15:00", "2025-01-02 10:15:00", "minute")
except Exception as error:
    tell("refused", type(error).__name__, str(error))
ticker = KiteTicker("key", session["access_token"], root=f"ws://127.0.0.1:{port}")
count = 0

def on_connect(ws, response):
    ws.subscribe(tokens)
    ws.set_mode(ws.MODE_FULL, tokens[1::3])
    ws.set_mode(ws.MODE_LTP, tokens[::3])

def on_message(ws, payload, is_binary):
    tell("frame" if is_binary else "text", payload.hex() if is_binary else payload.decode())

def on_ticks(ws, ticks):
    global count
    tell("ticks", ticks)
    count += len(ticks)
    if count >= wanted:
        ws.close()

ticker.on_connect, ticker.on_message, ticker.on_ticks = on_connect, on_message, on_ticks
ticker.on_order_update = lambda ws, order: tell("order", order)
ticker.on_error = lambda ws, code, reason: tell("error", code, reason)
ticker.on_close = lambda ws, code, reason: ws.stop()
ticker.connect()
"""


def is_installed() -> bool:
    if not Path(PYTHON).exists():
        return False
    return subprocess.run([PYTHON, "-c", "import kiteconnect"], check=False, capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(not is_installed(), reason="no kiteconnect; `make clients` installs official clients")


def officially(packet: tuple[Any, ...]) -> dict[str, Any]:
    """Return what our decoder reads as the official client tells it."""
    kind, token, *numbers = packet
    unit = divisor(token)
    said: dict[str, Any] = {"tradable": token & 0xFF != 9, "mode": "ltp", "instrument_token": token}
    said["last_price"] = numbers[0] / unit
    if kind == 8:
        return said
    said["mode"] = "full" if kind in (FULL, INDEX_FULL) else "quote"
    is_index = kind in (28, 32)
    names = ("high", "low", "open", "close") if is_index else ("open", "high", "low", "close")
    said["ohlc"] = dict(zip(names, (n / unit for n in numbers[1:5] if is_index), strict=False))
    if not is_index:
        said["ohlc"] = dict(zip(names, (n / unit for n in numbers[6:10]), strict=True))
        keys = ("last_traded_quantity", "average_traded_price", "volume_traded", "total_buy_quantity")
        said |= dict(zip((*keys, "total_sell_quantity"), numbers[1:6], strict=True))
        said["average_traded_price"] /= unit
    close = said["ohlc"]["close"]
    said["change"] = (said["last_price"] - close) * 100 / close if close else 0
    if kind == INDEX_FULL:
        said["exchange_timestamp"] = utc(numbers[6])
    if kind == FULL:
        traded, oi, high, low, told, book = numbers[10:]
        said |= {"last_trade_time": utc(traded), "exchange_timestamp": utc(told)}
        said |= {"oi": oi, "oi_day_high": high, "oi_day_low": low}
        cells = BOOK.unpack(book)
        levels = [dict(zip(("quantity", "price", "orders"), cells[n : n + 3], strict=True)) for n in range(0, 30, 3)]
        levels = [level | {"price": level["price"] / unit} for level in levels]
        said["depth"] = {"buy": levels[:5], "sell": levels[5:]}
    return said


def utc(seconds: int) -> str:
    """Return a time as the client tells it on a host whose zone is UTC."""
    return str(np.datetime64(seconds, "s"))


def test_our_decoder_agrees_with_the_official_parser_on_every_packet() -> None:
    rng = np.random.default_rng(11)
    frames = []
    for _ in range(400):
        kinds = rng.choice([8, 28, 32, 44, 184, 164], int(rng.integers(1, 30)))
        packets = []
        for kind in kinds.tolist():
            segment = int(rng.choice([1, 2, 3, 4, 5, 6, 7, 9, 12]))
            token = int(rng.integers(1, 1 << 24)) << 8 | segment
            packets.append(token.to_bytes(4, "big") + rng.bytes(kind - 4))
        frames.append(frame(*packets))
    lines = "".join(f"{one.hex()}\n" for one in frames)
    command = [PYTHON, "-c", HEAD + PARSE]
    environment = os.environ | {"TZ": "UTC"}
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True, env=environment)
    counts = KiteCounts()
    theirs = [json.loads(line)[0] for line in done.stdout.splitlines()]
    assert len(theirs) == len(frames)
    for one, ticks in zip(frames, theirs, strict=True):
        assert [officially(packet) for packet in read_packets(one, counts)] == ticks
    assert counts.unknown > 100
    assert counts.malformed == 0


async def official(port: int, ticks: int) -> list[Any]:
    """Let the official client log in, ask and listen; return what it told, in order."""
    process = await asyncio.create_subprocess_exec(
        PYTHON, "-c", HEAD + LISTEN, str(port), str(ticks), stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, env=os.environ | {"TZ": "UTC"}, limit=1 << 22,
    )  # fmt: skip
    try:
        async with asyncio.timeout(PATIENCE_S):
            out, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, errors.decode()
    return [json.loads(line) for line in out.decode().splitlines()]


async def test_the_official_client_understands_the_ticker_and_every_answer() -> None:
    listed, blocks = made_up(["INFY", "NIFTY", "TCS"], "NSE", [], 7, OPEN - 2 * HOUR, ("NIFTY", 2))
    tape = Tape(blocks, ts_open=OPEN, history_ns=2 * HOUR)
    venue = KiteVenue(tape, listed, sessions=Sessions(access_token=OLD), per_second=HASTY, speed=60.0)
    order = {"order_id": "250102000000001", "status": "COMPLETE", "filled_quantity": 5}
    async with venue.serving() as port:
        talking = asyncio.create_task(official(port, 600))
        while not venue.connections:  # noqa: ASYNC110 - the venue tells nobody
            await asyncio.sleep(0.01)
        venue.tell_order(order)
        told = await talking
    said: dict[str, list[Any]] = {}
    for kind, *what in told:
        said.setdefault(kind, []).append(what[0] if len(what) == 1 else what)
    assert "error" not in said, said["error"]
    assert said["order"] == [order]

    heard = [packet for one in said["frame"] for packet in read_packets(bytes.fromhex(one), KiteCounts())]
    assert [officially(packet) for packet in heard] == [tick for ticks in said["ticks"] for tick in ticks]
    assert {packet[0] for packet in heard} == set(FORMS)
    assert sum(one == "00" for one in said["frame"]) >= 1  # beats

    rows = {row["instrument_token"]: row for row in said["instruments"][0]}
    assert set(rows) == {one.token for one in listed.values()}
    chain = [row for row in rows.values() if row["instrument_type"] in ("CE", "PE")]
    assert len(chain) == 10
    assert {(row["name"], row["segment"], row["expiry"], row["lot_size"]) for row in chain} == {
        ("NIFTY", "NFO-OPT", "2025-01-09", 75)
    }
    quotes, prices = said["quote"][0], said["ltp"][0]
    assert {name: quote["last_price"] for name, quote in quotes.items()} == {
        name: price["last_price"] for name, price in prices.items()
    }
    assert said["ohlc"][0].keys() == quotes.keys() == prices.keys()
    assert quotes["NSE:INFY"]["timestamp"] <= "2025-01-02T10:15:00"
    assert all(side for side in quotes["NFO:" + chain[0]["tradingsymbol"]]["depth"].values())
    assert [candle["date"][11:16] for candle in said["candles"][0]][::6] == ["09:15", "09:45"]
    assert len(said["candles"][0]) == 12
    assert said["refused"] == [["InputException", "invalid token"]]
