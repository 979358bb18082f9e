"""The settings of the daemon itself: where it keeps its state, where its data come from, whom it tells.

None of them can change a decision; those that can are in `core.settings`. Plain frozen dataclasses, read and
checked by `daemon.config`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar, Literal

from pydantic import SecretStr

_STRICT: dict[str, Any] = {"extra": "forbid"}
_UNSAID = SecretStr("")


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonSettings:
    """`daemon.*`: what runs. `strategies` are files or globs, relative to the file that names them.

    `state_dir` keeps the journal, `socket` (empty: `control.sock` in it) is where `tradingd ctl` knocks.
    `instruments` is an instrument list, or the folder in which `tradingd instruments load` keeps them, empty for none.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    mode: Literal["paper"] = "paper"
    strategies: tuple[str, ...] = ()
    state_dir: str = "/var/lib/tradingd"
    socket: str = ""
    instruments: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketSettings:
    """`markets.*`: `calendar` is a file of holidays and sessions over ours, relative to the file that names it.

    Its rows are those of `core.markets.calendar`; empty for none.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    calendar: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """`engine.*`: a deadline falls due `clock_grace_ms` after the venue's clock has passed it."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    clock_grace_ms: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSettings:
    """`feed.*`: a venue that speaks the protocol of `provider`, at these addresses.

    Kite lets in who names an `api_key` and the day's `access_token`; with the `api_secret` a login can be completed
    here. Both are secrets, and told to the venue alone. `speed` is 0 for a real venue, whose time is ours; a simulated
    one runs `speed` times as fast, or as fast as it is read (`max`). `queue_size` is how many events may wait before
    ticks are folded; `stale_s` how long silence may last.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    provider: Literal["binance", "kite"] = "binance"
    ws_url: str = "wss://stream.binance.com:9443"
    rest_url: str = "https://api.binance.com"
    api_key: str = ""
    api_secret: SecretStr = _UNSAID
    access_token: SecretStr = _UNSAID
    speed: Decimal | Literal["max"] = Decimal(0)
    queue_size: int = 10_000
    stale_s: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisSettings:
    """`redis.*`: where alerts go; an empty `url` keeps them in the journal's outbox only."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """`http.*`: the HTTP API; port 0 lets the system choose, -1 turns it off.

    A backtest that has run for `backtest_s_max` is ended, and has failed.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    host: str = "127.0.0.1"
    port: int = 8642
    backtest_s_max: int = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredData:
    """One entry of `data.files`: a file of one symbol, or a pattern that names many.

    In `path`, relative to the file that names it, `*` and `?` stand for any text and any character, and `{symbol}`
    for the symbol: for `symbol` where that is given, else each file's symbol is what stands there.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    path: str
    symbol: str = ""
    kind: Literal["bars", "ticks"] = "bars"
    timeframe: str = ""
    exchange: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSettings:
    """`data.*`: what a backtest is run on that names no files itself, as one asked for over HTTP never does.

    What no file has is asked of the `history` of the feed, as bars, unless that is `none`.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    files: tuple[StoredData, ...] = field(default_factory=tuple)
    history: Literal["feed", "none"] = "feed"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """`log.*`: `auto` writes for people on a terminal and JSON lines elsewhere."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "console", "json"] = "auto"
