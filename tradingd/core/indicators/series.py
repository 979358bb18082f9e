"""A series: the closed bars of one instrument and timeframe, and every indicator value declared on them.

Compiled conditions read plain lists, so this keeps plain lists: they grow by append and are cut in place, and a
reference taken once stays good for the life of the series. Under the session anchor a value must not depend on
when the program started: at each session's open every handle is opened anew over its own N bars, and what a
look-back can still read of the days before is taken from that same run. Bars never carry NaN (the adapters
refuse them), so a NaN here always means: no value.
"""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tradingd.core.indicators.catalog import CATALOG
from tradingd.core.indicators.computation import Call
from tradingd.core.indicators.sources import READ
from tradingd.model.errors import InvariantError
from tradingd.model.market import Bar, Quality, Timeframe

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradingd.core.indicators.catalog import Entry
    from tradingd.core.indicators.computation import Column
    from tradingd.model.indicator import IndicatorDecl

_TRIM_EVERY = 4096
_NEVER = -(1 << 62)
_GAP = Quality.GAP  # an enum's members are looked up the slow way


class _Line:
    """One handle between the columns it reads and the lists it writes; `step` moves it by one bar.

    Before it has the bars it needs a line waits, and writes NaN; one that resets sleeps until a session opens.
    """

    def __init__(self, entry: Entry, call: Call, inputs: list[list[float]], anchor_bars: int) -> None:
        self.outputs: dict[str, list[float]] = {output: [] for output in call.function.outputs}
        self.anchor_bars = anchor_bars
        self.resets = entry.resets
        self.has_value = False
        self.step: Callable[[], None] = self._sleep if entry.resets else self._wait
        self._call = call
        self._inputs = inputs
        self._waited = 0
        self._peek: Callable[..., Any] | None = None

    def peek(self, output: str, inputs: list[float]) -> float:
        """Return an output as one more bar with these inputs would make it, NaN where there is no value yet."""
        if self._peek is None:
            return nan
        answer = self._peek(*inputs)
        values = answer if isinstance(answer, tuple) else (answer,)
        value = float(values[self._call.function.outputs.index(output)])
        return value or nan if self._call.function.zero_is_unknown else value

    def restart(self) -> None:
        """Begin afresh with the next bar."""
        self._waited = 0
        self._peek = None
        self.step = self._wait

    def reopen(self, bars: int, reach: int) -> None:
        """Open over the last `bars` bars; the last `reach` values become those of this run."""
        if bars <= self._call.warm_up:
            return  # still waiting: nothing but NaN is written yet
        for output, array in self._run(bars).items():
            tail = array[-reach:].tolist()
            self.outputs[output][-len(tail) :] = tail

    def forget(self, bars: int, reach: int) -> None:
        """Of the last `reach` values, leave only those of the last `bars` bars."""
        for values in self.outputs.values():
            start, end = len(values) - reach, len(values) - bars
            values[start:end] = [nan] * (end - start)

    def _sleep(self) -> None:
        for values in self.outputs.values():
            values.append(nan)

    def _wait(self) -> None:
        self._sleep()
        self._waited += 1
        if self._waited > self._call.warm_up:
            for output, array in self._run(self._waited).items():
                self.outputs[output][-1] = float(array[-1])

    def _run(self, bars: int) -> dict[str, Column]:
        """Open the handle over the last `bars` bars and return its values on them."""
        update, outputs = self._call.open([np.array(values[-bars:], np.float64) for values in self._inputs])
        self.step = self._mover(update)
        self._peek = update.__self__.peek  # type: ignore[attr-defined] # a bound method of the handle
        self.has_value = True
        return outputs

    def _mover(self, update: Callable[..., Any]) -> Callable[[], None]:
        """Return the step of an open handle."""
        newest, appends = _newest(update, self._inputs), [values.append for values in self.outputs.values()]
        append = appends[0]

        def several() -> None:
            for append, value in zip(appends, newest()):  # noqa: B905 - checking the length costs as much as the rest
                append(float(value))

        if len(appends) > 1:
            return several
        if self._call.function.zero_is_unknown:
            return lambda: append(newest() or nan)
        return lambda: append(newest())


def _newest(update: Callable[..., Any], inputs: list[list[float]]) -> Callable[[], Any]:
    """Return what updates a handle with the newest bar of its inputs; one and three are nearly all there is."""
    if len(inputs) == 1:
        (only,) = inputs
        return lambda: update(only[-1])
    if len(inputs) == 3:  # noqa: PLR2004 - high, low, close
        high, low, close = inputs
        return lambda: update(high[-1], low[-1], close[-1])
    return lambda: update(*[values[-1] for values in inputs])


class Series:
    """Closed bars and indicator values of one instrument and timeframe.

    Declare everything that will be read (`column`, `indicator`), then push. A list's `[-1]` belongs to the last
    closed bar, and `[-1 - back]` always exists: NaN where there is no such bar, or no value yet.

    `begin_session` belongs before the first bar of every session, of history too. Under the `session` anchor it
    opens every handle anew; under `run` a series goes on from its first bar. Either way entries that reset begin
    afresh there, and have no value in a session whose open was not announced.

    `short_history` says that at the last session open some indicator had fewer bars than its N, so that its values
    may depend on where the history begins. Never under `run`, where the first bar is the anchor by definition.
    """

    def __init__(self, instrument: str, timeframe: Timeframe, anchor: Literal["session", "run"]) -> None:
        self.instrument = instrument
        self.timeframe = timeframe
        self.anchor = anchor
        self.count = 0
        self.last: Bar | None = None
        self.short_history = False
        self._columns: dict[str, list[float]] = {}
        self._feeds: list[tuple[Callable[[float], None], Callable[[Bar], float]]] = []
        self._lines: dict[tuple[IndicatorDecl, str], _Line] = {}
        self._moves: list[_Line] = []
        self._cold: list[_Line] = []
        self._reach = 1
        self._gap_at = _NEVER
        self._opened_at: int | None = None
        self._trim_at = _TRIM_EVERY

    def column(self, name: str, back: int) -> list[float]:
        """Return the list of a price source, readable `back` bars before the last.

        Raises:
            InvariantError: declared only after the first bar was pushed.
        """
        if name not in self._columns:
            self._refuse_late(name)
            values = self._columns[name] = [nan] * self._reach
            self._feeds.append((values.append, READ[name]))
        self._deepen(name, back)
        return self._columns[name]

    def indicator(self, decl: IndicatorDecl, output: str, back: int) -> list[float]:
        """Return the list of an output, readable `back` bars before the last; equal declarations share one handle.

        Under the session anchor, a look-back that reaches more than `catalog.LOOK_BACK` bars before the session
        finds NaN there where N bars do not suffice.

        Raises:
            InvariantError: declared only after the first bar was pushed.
        """
        call = next(c for c in Call.of(decl) if output in c.function.outputs)
        line = self._lines.get((decl, call.function.name))
        if line is None:
            self._refuse_late(str(decl))
            entry = CATALOG[decl.name]
            line = _Line(entry, call, [self.column(name, 0) for name in entry.reads(decl)], entry.anchor_bars(decl))
            for values in line.outputs.values():
                values.extend([nan] * self._reach)
            self._lines[decl, call.function.name] = line
            self._moves.append(line)
            self._cold.append(line)
        self._deepen(str(decl), back)
        return line.outputs[output]

    def peek(self, decl: IndicatorDecl, output: str, bar: Bar) -> float:
        """Return an output as it would be if this bar closed now, NaN where there is no value yet."""
        line = next(line for (known, _), line in self._lines.items() if known == decl and output in line.outputs)
        return line.peek(output, [float(READ[name](bar)) for name in CATALOG[decl.name].reads(decl)])

    def serves(self, wanted: str | IndicatorDecl, output: str, back: int) -> bool:
        """Whether a price source or an indicator's output can be read here without being declared anew."""
        if back >= self._reach:
            return False
        if isinstance(wanted, str):
            return wanted in self._columns
        return any(decl == wanted and output in line.outputs for (decl, _), line in self._lines.items())

    @property
    def anchor_bars(self) -> int:
        """How many closed bars make every value here independent of where they begin: the history to ask for."""
        return max((line.anchor_bars for line in self._moves), default=self._reach)

    @property
    def warm(self) -> bool:
        """Whether every declared indicator has had a value, and there is a bar at all."""
        if self._cold:
            self._cold = [line for line in self._cold if not line.has_value]
        return self.count > 0 and not self._cold

    @property
    def last_gap(self) -> int:
        """How many bars before the last one the nearest bar of quality `gap` lies; huge where there is none."""
        return self.count - self._gap_at

    def push(self, bar: Bar) -> None:
        """Append one closed bar: columns first, then the indicators that read them."""
        self.last = bar
        self.count = count = self.count + 1
        if bar.quality is _GAP:
            self._gap_at = count
        for append, read in self._feeds:
            append(read(bar))
        for line in self._moves:
            line.step()
        if count == self._trim_at:
            self._trim()

    def begin_session(self) -> None:
        """Announce that the next bar is the first of a session."""
        if self._opened_at is None:
            self._opened_at = self.count
        self.short_history = False
        for line in self._moves:
            known = self.count - self._opened_at if line.resets else self.count
            bars = min(known, line.anchor_bars)
            if line.resets:
                line.restart()
            elif self.anchor == "session":
                line.reopen(bars, self._reach)
            if self.anchor == "session":
                line.forget(bars, self._reach)
                self.short_history |= bars < line.anchor_bars

    def _lists(self) -> list[list[float]]:
        return [*self._columns.values(), *(values for line in self._moves for values in line.outputs.values())]

    def _refuse_late(self, what: str) -> None:
        if self.count:
            where = f"{self.instrument} {self.timeframe}"
            msg = f"{where}: {what} was declared after {self.count} bars; declare it before the first"
            raise InvariantError(msg)

    def _deepen(self, what: str, back: int) -> None:
        """Let every list be read `back` bars before the last."""
        missing = back + 1 - self._reach
        if missing > 0:
            self._refuse_late(f"{what} {back} bars back")
            self._reach = back + 1
            for values in self._lists():
                values[:0] = [nan] * missing

    def _trim(self) -> None:
        """Drop what neither a look-back nor the next session's anchor will read."""
        keep = max([self._reach, *(line.anchor_bars for line in self._moves)])
        for values in self._lists():
            del values[:-keep]
        self._trim_at += max(_TRIM_EVERY, keep)
