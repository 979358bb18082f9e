"""What is asked for at the moment: prices, times, positions, variables, and bars of the session, as values.

Gives the function of each such operand, the same for compiled conditions and for the plain evaluator, so that both see
one moment. It only looks; whatever is not there is unknown.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from tradingd.core.graph.arithmetic import NAN, gather
from tradingd.core.graph.conditions import Evaluator
from tradingd.core.graph.expressions import (
    Candle,
    CandleAt,
    CandleRange,
    Column,
    CurrentTime,
    ExternalTrigger,
    GlobalVariable,
    IndicatorValue,
    Live,
    Mark,
    NodeVariable,
    Pnl,
    PositionValue,
    TimeOfDay,
    Trailing,
)
from tradingd.model.trading import PositionStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tradingd.core.graph.arithmetic import Value
    from tradingd.core.graph.expressions import Operand
    from tradingd.core.graph.strategy import StrategyRuntime
    from tradingd.model.trading import Position


@dataclass(slots=True)
class Opening:
    """The session's last position of a slot, with its underlying's price when it was opened and closed."""

    position: Position
    underlying: float
    underlying_at_exit: float = NAN


class Reading:
    """The eyes of one strategy.

    `history` has, by line and name, the columns that are searched by time: `ts_open` and fields.
    """

    def __init__(self, strategy: StrategyRuntime, history: Mapping[tuple[int, str], list[float]]) -> None:
        self._strategy = strategy
        self._history = history
        self._evaluator = Evaluator(self.value, 1.0, [])

    def value(self, operand: Operand, back: int = 0) -> Value:
        """Return the value of a leaf, so many bars further back where it is a column."""
        if isinstance(operand, Column) and operand.back >= 0:
            values = self._strategy.lists.get(operand)
            return NAN if values is None else values[-1 - operand.back - back]
        return self.of(operand)()

    def expression(self, operand: Operand) -> Value:
        """Return the value of any expression."""
        return self._evaluator.operand(operand)

    def of(  # noqa: C901, PLR0911, PLR0912 - one line an operand
        self, operand: Operand
    ) -> Callable[[], Value]:
        """Return the function that answers what is asked for."""
        strategy = self._strategy
        match operand:
            case Live(name, line, vpi):
                return partial(self._live, name, line, vpi)
            case CurrentTime():
                return lambda: strategy.time
            case TimeOfDay(second):
                return lambda: strategy.sight.time_of_day(second)
            case PositionValue(vpi, name):
                return partial(self._position, vpi, name)
            case Pnl(part, vpi, underlying):
                return partial(self._pnl, part, vpi, underlying=underlying)
            case Trailing(vpi):
                return partial(self._trailing, vpi)
            case NodeVariable(node, name):
                return lambda: strategy.kept.get((node, name), NAN)
            case GlobalVariable(name):
                return lambda: strategy.variables.get(name, NAN)
            case ExternalTrigger(pulse):
                return lambda: strategy.pulse == pulse
            case CandleAt():
                return partial(self._candle_at, operand)
            case CandleRange():
                return partial(self._range, operand)
            case Candle(name, _, line):
                return lambda: strategy.sight.forming(line, name)
            case IndicatorValue(key, output, _, line):
                return lambda: strategy.sight.forming_indicator(line, key, output)
            case _:
                return lambda: NAN

    # --- prices and positions ----------------------------------------------------------------------------------

    def _live(self, name: str, line: int, vpi: str) -> Value:
        sight = self._strategy.sight
        if not vpi:
            return sight.live(line, name)
        slot = self._strategy.desk.slots.get(vpi)
        return NAN if slot is None or slot.position is None else sight.live_of(slot.position, name)

    def _trailing(self, vpi: str) -> Value:
        slot, guard = self._strategy.desk.slots.get(vpi), self._strategy.guards.get(vpi)
        return NAN if slot is None or slot.position is None or guard is None else guard.level(slot.position)

    def _price(self, opening: Opening) -> float:
        return self._strategy.sight.live_of(opening.position, "ltp")

    def _unrealized(self, opening: Opening) -> float:
        position = opening.position
        if not position.quantity:
            return 0.0
        held = float(position.quantity * position.side.sign * position.instrument.multiplier)
        return (self._price(opening) - float(position.entry_price)) * held

    def _underlying(self, part: str, opening: Opening) -> float:
        position = opening.position
        unit = position.side.sign * float(position.instrument.multiplier)
        now = self._strategy.sight.live(0, "ltp")
        open_ = (now - opening.underlying) * float(position.quantity) * unit if position.quantity else 0.0
        exit_ = now if opening.underlying_at_exit != opening.underlying_at_exit else opening.underlying_at_exit
        closed = (exit_ - opening.underlying) * float(position.exited) * unit if position.exited else 0.0
        return {"unrealized": open_, "realized": closed}.get(part, open_ + closed)

    def _pnl(self, part: str, vpi: str, *, underlying: bool) -> Value:
        openings = self._strategy.openings
        if vpi and vpi not in openings:
            return NAN
        chosen = openings[vpi][-1:] if vpi else [one for slot in openings.values() for one in slot]
        total = 0.0
        for opening in chosen:
            if underlying:
                total += self._underlying(part, opening)
                continue
            if part != "unrealized":
                total += float(opening.position.pnl)
            if part != "realized":
                total += self._unrealized(opening)
        return total

    def _position(self, vpi: str, name: str) -> Value:
        openings = self._strategy.openings.get(vpi)
        if not openings:
            return NAN
        answer = _ANSWERS[name](self, openings[-1])
        return NAN if answer is None or answer == "" else answer

    def choice_of(self, position: Position) -> str:
        """Return by which strike a position's contract was chosen, empty where by none."""
        legs = [leg for leg in self._strategy.plan.document.legs if leg.vpi == position.vpi]
        return legs[0].choice.strike if legs and legs[0].choice is not None else ""

    # --- bars of the session -----------------------------------------------------------------------------------

    def _candle_at(self, operand: CandleAt) -> Value:
        values = self._history[operand.line, operand.field]
        if operand.number is not None:
            i = self._nth(operand.line, operand.number)
        else:
            i = self._holding(operand.line, self._strategy.sight.time_of_day(operand.second or 0), holds=True)
        return values[i] if 0 <= i < len(values) else NAN

    def _range(self, operand: CandleRange) -> Value:
        values = self._history[operand.line, operand.field]
        begin = self._begin(operand.line, operand.begin)
        if begin < 0:
            return NAN
        end = len(values)
        if operand.count > 0:
            end = begin + operand.count
        elif operand.count < 0:
            begin, end = begin + operand.count, begin
        elif operand.end is not None and operand.end.time is not None:
            until = self.expression(operand.end.time)
            if isinstance(until, float) or self._strategy.time < until:  # type: ignore[operator] # a time, or unknown
                return NAN
            end = bisect_left(self._history[operand.line, "ts_open"], until, begin)
        if begin < self._first(operand.line) or end > len(values):
            return NAN
        return gather(operand.how, values[begin:end])

    def _begin(self, line: int, mark: Mark) -> int:
        """Return the index of the bar a range is counted from, -1 where there is none."""
        if mark.number is not None:
            return self._nth(line, mark.number)
        ts = NAN if mark.time is None else self.expression(mark.time)
        return -1 if isinstance(ts, float) else self._holding(line, ts, holds=False)  # type: ignore[arg-type] # a time

    def _first(self, line: int) -> int:
        """Return the index of the first bar there is."""
        stamps = self._history[line, "ts_open"]
        return max(0, len(stamps) - self._strategy.sight.bars_of(line))

    def _nth(self, line: int, number: int) -> int:
        stamps = self._history[line, "ts_open"]
        i = bisect_left(stamps, self._strategy.sight.ts_open, self._first(line)) + number - 1
        return i if i < len(stamps) else -1

    def _holding(self, line: int, ts: int, *, holds: bool) -> int:
        """Return the index of the bar of this session that holds a time; the next one where it need not."""
        stamps, sight = self._history[line, "ts_open"], self._strategy.sight
        first = self._first(line)
        i = bisect_right(stamps, ts, first) - 1
        inside = i >= first and stamps[i] >= sight.ts_open and ts < stamps[i] + sight.width(line)
        if inside or holds:
            return i if inside else -1
        return max(i + 1, bisect_left(stamps, sight.ts_open, first))


def _status(position: Position) -> str:
    if position.status is PositionStatus.CLOSED:
        return "closed"
    return "partially_closed" if position.exited else "open"


_ANSWERS: dict[str, Callable[[Reading, Opening], Any]] = {
    "entryPrice": lambda _, o: float(o.position.entry_price),
    "exitPrice": lambda _, o: None if o.position.exit_price is None else float(o.position.exit_price),
    "currentPrice": lambda r, o: r._price(o) if o.position.quantity else None,  # noqa: SLF001 - its own table
    "quantity": lambda _, o: float(o.position.quantity / o.position.instrument.lot_size),
    "multiplier": lambda _, o: float(o.position.instrument.lot_size * o.position.instrument.multiplier),
    "status": lambda _, o: _status(o.position),
    "underlyingPriceOnEntry": lambda _, o: o.underlying,
    "underlyingPriceOnExit": lambda _, o: o.underlying_at_exit,
    "unrealizedPnl": lambda r, o: r._unrealized(o),  # noqa: SLF001
    "realizedPnl": lambda _, o: float(o.position.pnl),
    "pnl": lambda r, o: float(o.position.pnl) + r._unrealized(o),  # noqa: SLF001
    "instrumentName": lambda _, o: o.position.instrument.symbol,
    "instrumentType": lambda _, o: str(o.position.instrument.kind),
    "symbol": lambda _, o: o.position.instrument.symbol,
    "expiryDate": lambda _, o: o.position.instrument.expiry and o.position.instrument.expiry.isoformat(),
    "strikePrice": lambda _, o: None if o.position.instrument.strike is None else float(o.position.instrument.strike),
    "optionType": lambda _, o: o.position.instrument.right,
    "strikeType": lambda r, o: r.choice_of(o.position),
    "underlyingName": lambda _, o: o.position.instrument.underlying,
    "entryTime": lambda _, o: o.position.entry_ts,
    "exitTime": lambda _, o: o.position.exit_ts if o.position.status is PositionStatus.CLOSED else None,
    "trailingPositionPrice": lambda r, o: r._trailing(o.position.vpi),  # noqa: SLF001
}
"""How each property of a position is found; none and empty are unknown."""
