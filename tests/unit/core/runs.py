"""Engines with a simulated exchange behind them, for tests that ask what came out; and short ways to say instants."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tests.stories import T0, document
from tradingd.core.engine import Engine
from tradingd.core.graph.plan import plan
from tradingd.core.markets.contracts import Contracts
from tradingd.core.session import Session
from tradingd.core.settings import CoreSettings
from tradingd.core.simulator import Simulator
from tradingd.model.events import BarOpened
from tradingd.model.instrument import Instrument, InstrumentKind
from tradingd.model.market import MINUTE, SECOND, Bar, Timeframe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tradingd.core.performance import EquityCurve
    from tradingd.model.commands import Command

IST = dt.timezone(dt.timedelta(hours=5, minutes=30))
M1, M5 = Timeframe(MINUTE), Timeframe(5 * MINUTE)
XYZ = Instrument("SIM", "XYZ", InstrumentKind.SPOT, quantity_step=Decimal("0.01"))
ACME = Instrument("NSE", "ACME", tick_size=Decimal("0.05"))


def ist(text: str) -> int:
    """`2024-01-01 09:15` in Indian time, in ns."""
    return round(dt.datetime.fromisoformat(text).replace(tzinfo=IST).timestamp()) * SECOND


def compare(lhs: Any, operator: str, rhs: Any, **more: Any) -> dict[str, Any]:
    """Draw one comparison; a number is a constant, `close` or `close@1` a field of a bar, `$name` an indicator."""
    return {"lhs": _operand(lhs), "operator": operator, "rhs": _operand(rhs)} | more


def _operand(what: Any) -> dict[str, Any]:
    if not isinstance(what, str):
        return {"type": "constant", "value": what}
    name, _, back = what.partition("@")
    offset = {"offset": int(back or 0)}
    if name.startswith("$"):
        return {"type": "indicator", "name": name[1:]} | offset
    return {"type": "market_data", "field": name} | offset


def when(name: str, *leaves: dict[str, Any], logic: str = "and", **data: Any) -> dict[str, Any]:
    """Draw a signal."""
    group = {"type": "group", "operator": logic, "conditions": list(leaves)}
    return {"id": name, "type": "signalNode", "data": {"conditions": group} | data}


def always(name: str) -> dict[str, Any]:
    """Draw a signal that is true at every bar."""
    return when(name, compare("close", ">", 0))


class Run:
    """Drawings on an engine, with a simulated exchange; `said` collects every command as plain data."""

    def __init__(
        self,
        *drawn: dict[str, Any],
        instruments: Sequence[Instrument] = (XYZ,),
        contracts: Iterable[Instrument] = (),
        settings: CoreSettings | None = None,
        trade_from: int = 0,
        curve: EquityCurve | None = None,
    ) -> None:
        settings = settings or CoreSettings()
        plans = [plan(document(one)) for one in drawn]
        self.engine = Engine(plans, instruments, Contracts(contracts), settings, trade_from=trade_from, curve=curve)
        self.simulator = Simulator(settings.simulation)
        self.session = Session(self.engine, self.simulator, self._on_command)
        self.said: list[dict[str, Any]] = []
        self.bytes: list[bytes] = []

    def _on_command(self, _: Command, content: bytes) -> None:
        self.bytes.append(content)
        self.said.append(json.loads(content))

    @property
    def orders(self) -> list[dict[str, Any]]:
        """What was sent."""
        return [one for one in self.said if one["command"] == "submit"]

    def alerts(self, kind: str) -> list[dict[str, Any]]:
        """Return what was told of a kind."""
        return [one for one in self.said if one["command"] == "alert" and one["kind"] == kind]

    def told(self, kind: str = "risk") -> list[str]:
        """Return the messages of a kind of alerts."""
        return [one["message"] for one in self.alerts(kind)]


def flat_bar(instrument: Instrument, ts: int, price: float, volume: float = 0.0) -> Bar:
    """Return a one-minute bar of a single price and a single tick."""
    return Bar(instrument.id, M1, ts, ts + MINUTE, price, price, price, price, volume, 1)


def feed_bars(run: Run, first: int, last: int, instrument: Instrument = XYZ) -> None:
    """Feed one-minute bars by number, as stories do: at 100 + k, with their number as volume."""
    for k in range(first, last + 1):
        ts = T0 + k * MINUTE
        run.session.step(BarOpened(instrument.id, ts, 100.0 + k))
        run.session.step(flat_bar(instrument, ts, 100.0 + k, float(k)))


def bars_of(run: Run, instrument: Instrument, timeframe: Timeframe, events: Iterable[Any]) -> Iterator[Bar]:
    """Feed market events, then the end of the data; yield the bars of one line as they close."""
    line = next(line for line in run.engine.feeds[instrument.id].lines if line.timeframe == timeframe)
    count = 0
    for event in events:
        run.session.step(event)
        if line.series.count > count and line.series.last is not None:
            count = line.series.count
            yield line.series.last
    run.session.finish()
    if line.series.count > count and line.series.last is not None:
        yield line.series.last


def ohlcv(bar: Bar) -> tuple[float, ...]:
    """Return the figures of a bar."""
    return bar.open, bar.high, bar.low, bar.close, bar.volume
