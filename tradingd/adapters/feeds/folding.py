"""The sequencer's one queue: many producers on one loop, one consumer, and what gives when it is full.

A live feed cannot wait, and what waits must stay bounded, so waiting ticks of one instrument become one: bars stay
exact, live values skip the prices between. Nothing is ever dropped, and nothing but ticks is ever changed.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING

from tradingd.model.market import FoldedTick, Tick

if TYPE_CHECKING:
    from tradingd.model.events import Event


class FoldingQueue:
    """Holds at most `size` events; once full, the oldest ticks that can fold make room.

    A fold stands where its last tick stood: nobody is overtaken by a later time, so market time runs as it came.
    It spans no multiple of `boundary_ns`, of which the bounds of all bars and sessions must be multiples, and no
    event that is not a tick. The bound is exceeded where nothing can fold.

    `folded` counts the ticks that lost their own place, `overflow` the events that came in above the bound,
    `depth_max` is the most that ever waited.
    """

    def __init__(self, size: int, boundary_ns: int) -> None:
        self.folded = self.overflow = self.depth_max = 0
        self._size, self._boundary = size, boundary_ns
        self._waiting: OrderedDict[int, Event] = OrderedDict()  # by a number of their own: taken from both ends
        self._latest: dict[str, int] = {}  # instrument -> its last tick since the last event that is none
        self._foldable: OrderedDict[int, int] = OrderedDict()  # a tick -> the next of its instrument, if they may fold
        self._number = 0
        self._filled, self._roomy = asyncio.Event(), asyncio.Event()
        self._roomy.set()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, event: Event) -> None:
        """Take an event in, at once."""
        full = len(self._waiting) >= self._size
        if isinstance(event, Tick | FoldedTick):
            before = self._latest.get(event.instrument)
            if before is not None:
                earlier = self._waiting[before]
                if earlier.ts // self._boundary == event.ts // self._boundary:
                    if full:
                        self._waiting[before] = _fold(earlier, event)
                        self._waiting.move_to_end(before)
                        self.folded += 1
                        return
                    self._foldable[before] = self._number
            self._latest[event.instrument] = self._number
        else:
            self._latest.clear()
        if full:
            self._make_room()
        self._waiting[self._number] = event
        self._number += 1
        depth = len(self._waiting)
        self.depth_max = max(self.depth_max, depth)
        if depth >= self._size:
            self._roomy.clear()
        self._filled.set()

    async def get_batch(self, limit: int) -> list[Event]:
        """Wait for at least one event; take at most `limit`."""
        while not self._waiting:
            await self._filled.wait()
        batch = [self._take() for _ in range(min(limit, len(self._waiting)))]
        if not self._waiting:
            self._filled.clear()
        if len(self._waiting) < self._size:
            self._roomy.set()
        return batch

    async def room(self) -> None:
        """Wait until one more event would not fold anything: for a source that can wait, as files can."""
        while len(self._waiting) >= self._size:
            await self._roomy.wait()

    def _take(self) -> Event:
        number, event = self._waiting.popitem(last=False)
        self._foldable.pop(number, None)
        if isinstance(event, Tick | FoldedTick) and self._latest.get(event.instrument) == number:
            del self._latest[event.instrument]
        return event

    def _make_room(self) -> None:
        """Fold the two oldest ticks that can be, at the place of the second."""
        if not self._foldable:
            self.overflow += 1
            return
        first, second = self._foldable.popitem(last=False)
        self._waiting[second] = _fold(self._waiting.pop(first), self._waiting[second])
        self.folded += 1


def _fold(earlier: Event, later: Event) -> FoldedTick:
    """Make two ticks one, in the order in which they came."""
    fold = earlier if isinstance(earlier, FoldedTick) else FoldedTick(earlier)  # type: ignore[arg-type] # a tick
    if isinstance(later, Tick | FoldedTick):
        fold.fold(later)
    return fold
