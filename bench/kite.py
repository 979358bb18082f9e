"""Kite frames: our decoder beside `struct` packet by packet, in turns in one process; one JSON line for each.

`packets` is bytes to tuples; `ticks` goes on to what the engine takes, prices, growth of volume and book included,
against the same written plainly. Frames are those a ticker sends: 15 quotes and 5 full packets, either apart, in runs
or mixed, and a day's full packets of which one in four has another book.
"""

from __future__ import annotations

import json
import struct
import time
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from tradingd.adapters.feeds.kite_wire import FULL, Channel, KiteCounts, read_packets
from tradingd.model.instrument import Instrument
from tradingd.model.market import SECOND, Depth, Tick

if TYPE_CHECKING:
    from collections.abc import Callable

PACKETS = 200_000
INSTRUMENTS = 20
FORMS = {44: struct.Struct(">11I"), 184: struct.Struct(">16I" + "IIH2x" * 10)}
SHAPES = {"quote": [44] * 20, "full": [184] * 20, "runs": [44] * 15 + [184] * 5, "mixed": [44, 44, 44, 184] * 5}


def one_by_one(frame: bytes) -> list[tuple[int, ...]]:
    """Read the packets of a frame as the protocol describes them, one after the other."""
    (count,) = struct.unpack_from(">H", frame)
    begin, packets = 2, []
    for _ in range(count):
        (length,) = struct.unpack_from(">H", frame, begin)
        packets.append(FORMS[length].unpack_from(frame, begin + 2))
        begin += 2 + length
    return packets


class Plain:
    """Packets as ticks, written plainly."""

    def __init__(self) -> None:
        self.volumes: dict[int, int] = {}

    def ticks(self, frame: bytes) -> list[Tick]:
        """Return the ticks of a frame."""
        ticks = []
        for packet in one_by_one(frame):
            levels = [(packet[n + 1] / 100.0, float(packet[n])) for n in range(16, 46, 3)]
            depth = Depth(tuple(levels[:5]), tuple(levels[5:]))
            before = self.volumes.get(packet[0], packet[4])
            self.volumes[packet[0]] = packet[4]
            ticks.append(Tick(
                f"NSE:{packet[0]}", packet[15] * SECOND, packet[1] / 100.0, float(max(packet[4] - before, 0)),
                levels[0][0], levels[5][0], float(packet[12]), depth,
            ))  # fmt: skip
        return ticks


class Ours:
    """Packets as ticks, as the provider makes them."""

    def __init__(self) -> None:
        self.counts = KiteCounts()
        made = (Instrument("NSE", str(n << 8 | 1), token=str(n)) for n in range(1, INSTRUMENTS + 1))
        self.channels = {channel.token: channel for channel in (Channel(one, self.counts) for one in made)}
        for channel in self.channels.values():
            channel.is_cached = False

    def packets(self, frame: bytes) -> list[tuple[Any, ...]]:
        """Return the packets of a frame."""
        return read_packets(frame, self.counts)

    def ticks(self, frame: bytes) -> list[Tick]:
        """Return the ticks of a frame."""
        taken = [self.channels[packet[1]].take(packet) for packet in read_packets(frame, self.counts)]
        return [tick for tick in taken if tick is not None]


def frames(kinds: list[int], rng: np.random.Generator) -> list[bytes]:
    """Return frames of such packets, as many as are measured."""
    books = {n: _book(rng) for n in range(1, INSTRUMENTS + 1)}
    made = []
    for number in range(PACKETS // len(kinds)):
        packets = []
        for place, kind in enumerate(kinds, 1):
            if rng.random() < 0.25:  # noqa: PLR2004 - a changed book in four
                books[place] = _book(rng)
            price = int(rng.integers(90_000, 110_000))
            seconds = 1_704_166_200 + number // 4
            head = (place << 8 | 1, price, 1, price, 100 * number, 5, 5, price, price, price, price, seconds, 0, 0, 0)
            packet = struct.pack(">16I", *head, seconds) + books[place]
            packets.append(struct.pack(">H", kind) + packet[:kind])
        made.append(struct.pack(">H", len(kinds)) + b"".join(packets))
    return made


def _book(rng: np.random.Generator) -> bytes:
    cells = rng.integers(1, 60_000, 30).tolist()
    return struct.pack(">" + "IIH2x" * 10, *cells)


def measure(work: Callable[[bytes], Any], given: list[bytes]) -> float:
    """Return the seconds in which all frames are read."""
    begin = time.perf_counter()
    for frame in given:
        work(frame)
    return time.perf_counter() - begin


def compare(name: str, given: list[bytes], contestants: dict[str, Callable[[], Callable[[bytes], Any]]]) -> None:
    """Measure in turns, and print a line for each."""
    told: dict[str, list[float]] = {one: [] for one in contestants}
    for _ in range(5):
        for one, made in contestants.items():
            told[one].append(measure(made(), given))
    limit = median(told["struct"])
    for one, seconds in told.items():
        line = {
            "name": f"kite/{name}/{one}", "work": PACKETS, "unit": "packets", "seconds": round(median(seconds), 4),
            "rate": round(PACKETS / median(seconds)), "ratio": round(limit / median(seconds), 4),
        }  # fmt: skip
        print(json.dumps(line), flush=True)


def main() -> None:
    """Check that both read the same, then measure."""
    rng = np.random.default_rng(5)
    for name, kinds in SHAPES.items():
        given = frames(kinds, rng)
        ours = Ours().packets(given[-1])
        for mine, theirs in zip(ours, one_by_one(given[-1]), strict=True):
            assert mine[1:17] == theirs[:16]
        compare(f"packets/{name}", given, {"struct": lambda: one_by_one, "tradingd": lambda: Ours().packets})
    given = frames([FULL] * INSTRUMENTS, rng)
    contestants = Plain(), Ours()
    for frame in given[:50]:
        plain, ours_ = (one.ticks(frame) for one in contestants)
        assert [(t.ts, t.price, t.bid, t.ask, t.depth) for t in plain] == [
            (t.ts, t.price, t.bid, t.ask, t.depth) for t in ours_
        ]
    compare("ticks/full", given, {"struct": lambda: Plain().ticks, "tradingd": lambda: Ours().ticks})


if __name__ == "__main__":
    main()
