"""A strategy in NIFTY options on the day a test needs, and short ways to tell its market what happens."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tests.stories import drawing, entry, exit_, leg, start
from tests.unit.core.markets.lists import make_chain, make_future
from tests.unit.core.runs import Run, compare, ist, when
from tradingd.core.settings import CoreSettings, SimulationSettings
from tradingd.model.instrument import Instrument, InstrumentKind
from tradingd.model.market import Tick

if TYPE_CHECKING:
    from tradingd.core.account import Account
    from tradingd.core.positions import Positions
    from tradingd.model.trading import Position

NIFTY = Instrument("NSE", "NIFTY", InstrumentKind.INDEX, tick_size=Decimal("0.05"))
EXPIRY = "2026-07-21"
CHAIN = make_chain("NIFTY", "21-Jul-2026", range(24_300, 24_701, 50), "26721", lot=65)
FUTURE = make_future("NIFTY", "28-Jul-2026", lot=65)
CALL = next(row for row in CHAIN if row.strike == 24_500 and row.right == "CE")


def simulated(**settings: Any) -> CoreSettings:
    """Return settings of which those of the simulation are told."""
    return replace(CoreSettings(), simulation=SimulationSettings(**settings))


class Options(Run):
    """Enters at the close of a minute above 24,490, exits at that of one above 24,600 or below 24,400."""

    def __init__(
        self, side: str = "buy", settings: CoreSettings | None = None, *, day: str = EXPIRY, **drawn: Any
    ) -> None:
        self.day = day
        details = drawn.pop("details", {"expiry": "W0", "strikeType": "ATM", "optionType": "CE"})
        re_entry, limit = drawn.pop("re_entry", None), drawn.pop("limit_exit", None)
        exiting = {} if limit is None else {"orderType": "limit", "limitPrice": limit}
        bought = leg("p", positionType=side, optionDetails=details, **drawn)
        nodes = [
            start(symbol="NIFTY", exchange="NSE", tradingInstrument={"type": "options"}),
            when("A", compare("close", ">", 24_490)),
            entry("e", bought),
            when("B", compare("close", ">", 24_600), compare("close", "<", 24_400), logic="or"),
            exit_("x", re_entry, **exiting),
        ]
        quoted = [] if settings is not None and settings.simulation.option_pricing != "none" else [*CHAIN, FUTURE]
        super().__init__(
            drawing(nodes, ["start > A > e > B > x"]), instruments=[NIFTY, *quoted], contracts=[*CHAIN, FUTURE],
            settings=settings,
        )  # fmt: skip

    def at(self, time: str) -> int:
        """Return a time of the day, `10:00` or `10:00:30`."""
        return ist(f"{self.day} {time}")

    def index(self, time: str, price: float) -> None:
        """Let the index tick."""
        self.session.step(Tick(NIFTY.id, self.at(time), price))

    def option(self, time: str, price: float, instrument: Instrument = CALL, **quote: Any) -> None:
        """Let an option tick."""
        self.session.step(Tick(instrument.id, self.at(time), price, **quote))

    def opened(self, price: float = 150.0, day: str | None = None) -> Position:
        """Open the position at a price, in the minutes before 10:02, and return it."""
        self.day = day or self.day
        self.option("10:00", price)
        self.index("10:00", 24_495.0)
        self.index("10:01", 24_495.0)
        self.option("10:01:01", price)
        (position,) = self.positions.open()
        return position

    def minutes(self, first: str, last: str, price: float) -> None:
        """Let the index tick at every minute of an hour, both included."""
        hour, begin = first.split(":")
        for minute in range(int(begin), int(last.split(":")[1]) + 1):
            self.index(f"{hour}:{minute:02d}", price)

    @property
    def positions(self) -> Positions:
        """The strategy's positions."""
        return self.engine.desks["story"].positions

    @property
    def account(self) -> Account:
        """The paper account."""
        return self.engine.clearing.account
