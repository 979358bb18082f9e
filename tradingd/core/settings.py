"""The settings that can change a decision, with their defaults.

Plain frozen dataclasses, so that the core needs no configuration library; `daemon.config` reads TOML and the
environment into them and refuses unknown keys. Equal settings are part of what makes two runs equal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar, Literal

_STRICT: dict[str, Any] = {"extra": "forbid"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BarSettings:
    """`bars.*`: `bar_grace_ms` after its end a bar closes without a further tick."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    bar_grace_ms: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class IndicatorSettings:
    """`indicators.*`: where a series begins; `auto` is `session`, and `run` for 24x7 markets."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    anchor: Literal["auto", "session", "run"] = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """`session.*`: `intraday_exit` is a time before the session's end (`15m`), a time of day (`15:10`) or `none`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    intraday_exit: str = "15m"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSettings:
    """`orders.*`: what becomes of the filled part of an entry that stayed incomplete; how long an exit waits.

    Where a venue takes no market orders, an exit goes out with a limit; if it does not fill, the limit follows the
    price every `chase_s` seconds.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    incomplete_entry: Literal["keep", "close"] = "keep"
    chase_s: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractSettings:
    """`contracts.*`: what a document's `multiplier` that is not the contract's lot does; how old a spot may be."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    lot_mismatch: Literal["refuse", "contract"] = "refuse"
    spot_age_s_max: int = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskSettings:
    """`risk.*`: entries of one strategy in one session, `none` lifts the cap."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    max_entries_per_session: int | Literal["none"] = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeSettings:
    """`charges.*`: what the broker takes, a plan of the data file; `zero` leaves taxes and exchange charges."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    plan: Literal["standard", "zero"] = "standard"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationSettings:
    """`simulation.*`: how the simulated exchange fills, and what the paper account begins with.

    `slippage_bps` worsens market and stop fills; `half_spread_ticks` does so where the data has no bid and ask, and
    what the book shown is too thin for fills `beyond_depth_ticks` behind it. An order is seen by the exchange
    `latency_ms` after it was sent, and meets no quote that is older than `quote_age_s_max`. At most
    `max_volume_share` of the volume of a print, or of a bar that is met inside, is ours (`none`: no bound; a bar's
    open shows no volume). `pessimistic_ticks` is how much worse a fill may have been in the pessimistic valuation.
    `intrabar = "strict"` refuses to guess the path inside a bar. `option_pricing = "black76"` prices contracts that
    there is no market data for, from their underlying and a yearly `volatility`.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    intrabar: Literal["synthetic", "strict"] = "synthetic"
    slippage_bps: Decimal = Decimal(0)
    half_spread_ticks: Decimal = Decimal(0)
    beyond_depth_ticks: Decimal = Decimal(1)
    pessimistic_ticks: Decimal = Decimal(1)
    latency_ms: int = 0
    quote_age_s_max: int = 10
    max_volume_share: Decimal | Literal["none"] = Decimal(1)
    option_pricing: Literal["none", "black76"] = "none"
    volatility: Decimal | Literal["none"] = "none"
    starting_cash: Decimal = Decimal(1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreSettings:
    """All of them together, and the rows of the operator's own calendar, as TOML (`core.markets.calendar`)."""

    bars: BarSettings = field(default_factory=BarSettings)
    indicators: IndicatorSettings = field(default_factory=IndicatorSettings)
    session: SessionSettings = field(default_factory=SessionSettings)
    orders: OrderSettings = field(default_factory=OrderSettings)
    contracts: ContractSettings = field(default_factory=ContractSettings)
    risk: RiskSettings = field(default_factory=RiskSettings)
    charges: ChargeSettings = field(default_factory=ChargeSettings)
    simulation: SimulationSettings = field(default_factory=SimulationSettings)
    calendar: str = ""
