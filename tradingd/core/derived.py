"""Prices of contracts that there is no market data for, made from those of their underlying by Black's formula.

Made only where the settings say so, and every result says so. As long as such a contract is held or an order in it
works, each event of the underlying is preceded by a tick of the contract, an event like any other: matched, journaled
and replayed. So a drawn exit, the account and the simulated exchange see one price, and a recording holds it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tradingd.core.markets.contracts import Contracts
from tradingd.core.markets.listing import RuledContracts, may_expire
from tradingd.core.markets.pricing import option_price, years
from tradingd.model.errors import ConfigError
from tradingd.model.market import DAY, Bar, Tick

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tradingd.core.feed import Feed
    from tradingd.core.markets.sessions import Market
    from tradingd.core.settings import CoreSettings, SimulationSettings
    from tradingd.model.events import MarketEvent
    from tradingd.model.instrument import Instrument


def contracts_of(instruments: Iterable[Instrument], settings: CoreSettings) -> Contracts:
    """Return what options and futures are resolved against: a list and, where prices are made, the rules beside it."""
    if settings.simulation.option_pricing == "none":
        return Contracts(instruments)
    return RuledContracts(instruments, may_expire(settings.calendar))


@dataclass(slots=True, eq=False)
class _Made:
    """A contract, and what it is of."""

    feed: Feed
    underlying: Feed


@dataclass(slots=True, eq=False)
class DerivedPrices:
    """The contracts without a market of their own, by id. `active` are those that need a price, by underlying.

    Raises:
        ConfigError: prices are to be made, but of what volatility is not said.
    """

    settings: SimulationSettings
    contracts: dict[str, _Made] = field(init=False, default_factory=dict)
    active: dict[str, list[_Made]] = field(init=False, default_factory=dict)
    volatility: float = field(init=False, default=0.0)
    _expiries: dict[str, int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Take the volatility."""
        if self.settings.option_pricing == "none":
            return
        if self.settings.volatility == "none":
            msg = 'simulation.option_pricing = "black76" needs simulation.volatility, per year, as 0.15'
            raise ConfigError(msg)
        self.volatility = float(self.settings.volatility)

    def __str__(self) -> str:
        """Return what prices are made of, empty where none was needed."""
        told = f"{self.settings.option_pricing} at volatility {self.settings.volatility}"
        return told if self.contracts else ""

    @property
    def enabled(self) -> bool:
        """Whether prices are made."""
        return self.settings.option_pricing != "none"

    def take(self, feed: Feed, underlying: Feed, now: int) -> None:
        """Price a contract from here on; at once, as of its underlying's last price."""
        made = self.contracts.get(feed.instrument.id)
        if made is None:
            made = self.contracts[feed.instrument.id] = _Made(feed, underlying)
        session = feed.market.session_at(now, feed.instrument)
        if session is not None and session is not feed.session:
            feed.roll(session, now)
        feed.price, feed.ts = self.price(feed.instrument, feed.market, underlying.price, now), now

    def forget(self, name: str) -> None:
        """A contract has a market of its own from here on."""
        made = self.contracts.pop(name, None)
        if made is not None and made in self.active.get(made.underlying.instrument.id, ()):
            self.active[made.underlying.instrument.id].remove(made)

    def attend(self, wanted: Iterable[str]) -> None:
        """Say which instruments are held or about to be."""
        self.active.clear()
        for name in wanted:
            made = self.contracts.get(name)
            if made is not None:
                group = self.active.setdefault(made.underlying.instrument.id, [])
                if made not in group:
                    group.append(made)

    def price(self, instrument: Instrument, venue: Market, spot: float, ts: int) -> float:
        """Return the price of a contract on its grid, at least a tick; a future's is the spot's."""
        value = spot
        if instrument.strike is not None:
            time = years(ts, self._expiry(instrument, venue, ts))
            value = option_price(instrument.right, spot, float(instrument.strike), time, self.volatility)
        return float(max(instrument.price(value), instrument.tick_size))

    def _expiry(self, instrument: Instrument, venue: Market, ts: int) -> int:
        """Return when a contract ends: with its last session, beyond the calendar at the hour of the next one."""
        known = self._expiries.get(instrument.id)
        if known is None and instrument.expiry is not None:
            session, following = venue.session_on(instrument.expiry, instrument), venue.session_from(ts)
            days = (instrument.expiry - following.date).days
            known = following.ts_close + days * DAY if session is None else session.ts_close
            self._expiries[instrument.id] = known
        return ts if known is None else known

    def ticks(self, event: MarketEvent) -> list[Tick]:
        """Return the ticks that go before an event of an underlying; a bar's stand for its last price."""
        made = self.active.get(event.instrument, ())
        ts, spot = (event.ts_close - 1, event.close) if isinstance(event, Bar) else (event.ts, event.price)
        return [
            Tick(one.feed.instrument.id, ts, self.price(one.feed.instrument, one.feed.market, spot, ts))
            for one in made
            if spot > 0
            and (one.feed.ts_open <= ts < one.feed.ts_close or one.feed.market.session_at(ts, one.feed.instrument))
        ]
