"""What Kite's ticker shows of each instrument: the day so far, moved by every trade of the tape, as its full packets.

A packet is made once for a trade, however many listen: the lesser modes are the beginnings of the full packet. The
board knows the market up to the present and nothing of who hears it.

Source: Kite Connect 3, "WebSocket streaming".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tradingd.adapters.feeds.kite_wire import BOOK, FORMS, FULL, INDEX_FULL, INDIAN_TIME
from tradingd.model.market import DAY, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tradingd.venues.kite_listing import Listed
    from tradingd.venues.tape import Row, Tape

LEVELS = 5
_ROW_OF_LEVEL = 3  # numbers of a level: quantity, price, orders
_NUMBER_MAX = (1 << 32) - 1


class Told(NamedTuple):
    """A packet, full and with its length before it, of the instrument with that token."""

    token: int
    packet: bytes


class Day:
    """One instrument today; prices are whole numbers, as on the wire. The row that was told last is kept as it came."""

    def __init__(self, listed: Listed) -> None:
        self.listed = listed
        self.date = -1
        self.open = self.high = self.low = self.last = self.close = 0
        self.quantity = self.volume = self.value = 0
        self.ts = self.ts_traded = 0
        self.oi = 0
        self.levels: list[tuple[int, int, int]] = [(0, 0, 0)] * (2 * LEVELS)
        """Five bids and five asks: quantity, price, orders."""

    @property
    def average(self) -> int:
        """The average price of what was traded today."""
        return self.value // self.volume if self.volume else 0

    def depth(self, side: int) -> list[tuple[int, int, int]]:
        """Return the levels of bids (0) or asks (1)."""
        return self.levels[side * LEVELS : (side + 1) * LEVELS]

    def move(self, row: Row) -> None:
        """Take a trade in."""
        _, _, ts, ts_market, price, quantity, _, bid, ask, bid_quantity, ask_quantity, is_quoted = row
        unit = self.listed.unit
        last = round(price * unit)
        date = (ts_market + INDIAN_TIME) // DAY
        if date != self.date:
            self.close = self.last or last
            self.open = self.high = self.low = last
            self.volume = self.value = 0
            self.date = date
        self.high, self.low, self.last = max(self.high, last), min(self.low, last), last
        self.quantity = int(quantity)
        self.volume += self.quantity
        self.value += self.quantity * last
        self.ts = self.ts_traded = ts
        if is_quoted:
            tick = round(float(self.listed.instrument.tick_size) * unit)
            self.levels = [
                *_side(round(bid * unit), -tick, int(bid_quantity)),
                *_side(round(ask * unit), tick, int(ask_quantity)),
            ]

    def packet(self) -> bytes:
        """Return it as a full packet, with its length before it."""
        token, seconds = self.listed.token, self.ts // SECOND
        if self.listed.is_index:
            change = (self.last - self.close) & _NUMBER_MAX
            prices = self.last, self.high, self.low, self.open, self.close, change
            return FORMS[INDEX_FULL].pack(INDEX_FULL, token, *prices, seconds)
        return FORMS[FULL].pack(
            FULL, token, self.last, self.quantity, self.average, self.volume & _NUMBER_MAX,
            self.standing(0), self.standing(1), self.open, self.high, self.low, self.close,
            self.ts_traded // SECOND, self.oi, self.oi, self.oi, seconds,
            BOOK.pack(*(number for level in self.levels for number in level)),
        )  # fmt: skip

    def standing(self, side: int) -> int:
        """Return how much stands in the book to buy (0) or to sell (1)."""
        return sum(quantity for quantity, _, _ in self.depth(side))


class Board:
    """All instruments of a tape, as they are at its present; `now` tells the venue's time."""

    def __init__(self, tape: Tape, listed: Mapping[str, Listed], now: Callable[[], int]) -> None:
        self.days = [Day(listed[symbol]) for symbol in tape.symbols]
        self.by_token = {day.listed.token: day for day in self.days}
        self._now = now
        for index, day in enumerate(self.days):
            for columns in zip(*(column.tolist() for column in tape.trades(index).columns), strict=True):
                day.move((index, *columns))

    def told(self, rows: Iterable[Row]) -> list[Told]:
        """Take trades in, and return the packet of each."""
        packets = []
        for row in rows:
            day = self.days[row[0]]
            day.move(row)
            packets.append(Told(day.listed.token, day.packet()))
        return packets

    def present(self, token: int) -> bytes | None:
        """Return the packet of an instrument now, none of an unknown one: the exchange has said that it is so."""
        day = self.by_token.get(token)
        if day is None:
            return None
        day.ts = max(day.ts, self._now())
        return day.packet()


def _side(best: int, step: int, quantity: int) -> list[tuple[int, int, int]]:
    """Return the levels of one side of a book: what is quoted, and where quantities are known more behind it."""
    if best <= 0:
        return [(0, 0, 0)] * LEVELS
    if not quantity:
        return [(0, best, 0), *[(0, 0, 0)] * (LEVELS - 1)]
    levels = [(quantity * (level + 1), best + step * level, level + 1) for level in range(LEVELS)]
    return [level if level[1] > 0 else (0, 0, 0) for level in levels]
