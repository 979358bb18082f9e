"""Configuration: text from outside to the settings the core is given, with the origin of every value.

Five layers, each over the one before: the defaults, a TOML file, the credential directory that a service manager
names (a file a key, `redis.url`), the environment (`TRADINGD__RISK__...`), and `--set`. A key that nobody reads is as
wrong as a bad value, since whoever wrote it believes that it holds; so each fault is told, all at once, with its key,
value, origin and what would be right. What a setting does is not decided here.
"""

# Annotations are evaluated here: pydantic reads them.
import datetime as dt
import difflib
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_type_hints

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from tradingd.core.markets.sessions import calendar_faults
from tradingd.core.settings import (
    BarSettings,
    ChargeSettings,
    ContractSettings,
    CoreSettings,
    IndicatorSettings,
    OrderSettings,
    RiskSettings,
    SessionSettings,
    SimulationSettings,
)
from tradingd.daemon.settings import (
    DaemonSettings,
    DataSettings,
    EngineSettings,
    FeedSettings,
    HttpSettings,
    LogSettings,
    MarketSettings,
    RedisSettings,
    StoredData,
)
from tradingd.model.errors import ConfigError, Finding, Severity
from tradingd.model.market import Timeframe

PREFIX = "TRADINGD__"


class Settings(BaseSettings):
    """Everything that can be configured; the groups are those of `core.settings` and `daemon.settings`."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, title="tradingd configuration")

    bars: BarSettings = BarSettings()
    indicators: IndicatorSettings = IndicatorSettings()
    session: SessionSettings = SessionSettings()
    orders: OrderSettings = OrderSettings()
    contracts: ContractSettings = ContractSettings()
    risk: RiskSettings = RiskSettings()
    charges: ChargeSettings = ChargeSettings()
    simulation: SimulationSettings = SimulationSettings()
    markets: MarketSettings = MarketSettings()
    daemon: DaemonSettings = DaemonSettings()
    engine: EngineSettings = EngineSettings()
    feed: FeedSettings = FeedSettings()
    redis: RedisSettings = RedisSettings()
    http: HttpSettings = HttpSettings()
    data: DataSettings = DataSettings()
    log: LogSettings = LogSettings()


class Bound(NamedTuple):
    """The numbers a key takes, both ends included; with `above`, the lower one is not."""

    least: int
    most: int | None = None
    above: bool = False

    def admits(self, number: Decimal) -> bool:
        """Whether the number is within the bounds."""
        high_enough = number > self.least if self.above else number >= self.least
        return high_enough and (self.most is None or number <= self.most)

    def keywords(self) -> dict[str, int]:
        """Return the bounds as JSON Schema writes them."""
        most = {} if self.most is None else {"maximum": self.most}
        return {"exclusiveMinimum" if self.above else "minimum": self.least} | most

    def __str__(self) -> str:
        most = "" if self.most is None else f" and at most {self.most}"
        return f"{'above' if self.above else 'of at least'} {self.least}{most}"


BOUNDS = {
    "bars.bar_grace_ms": Bound(0),
    "contracts.spot_age_s_max": Bound(0),
    "orders.chase_s": Bound(1),
    "risk.max_entries_per_session": Bound(0),
    "simulation.slippage_bps": Bound(0),
    "simulation.half_spread_ticks": Bound(0),
    "simulation.beyond_depth_ticks": Bound(0),
    "simulation.pessimistic_ticks": Bound(0),
    "simulation.latency_ms": Bound(0),
    "simulation.quote_age_s_max": Bound(0),
    "simulation.volatility": Bound(0, 10, above=True),
    "simulation.max_volume_share": Bound(0, 1, above=True),
    "simulation.starting_cash": Bound(0, above=True),
    "engine.clock_grace_ms": Bound(0),
    "feed.speed": Bound(0),
    "feed.queue_size": Bound(1),
    "feed.stale_s": Bound(1),
    "http.port": Bound(-1, 65535),
    "http.backtest_s_max": Bound(1),
}
"""The bounds of every number there is."""

_INTRADAY_EXIT = "session.intraday_exit"
_CALENDAR = "markets.calendar"
_WORDS = {
    str: "a text",
    SecretStr: "a text",
    bool: "true or false",
    tuple[str, ...]: "a list of texts",
    tuple[StoredData, ...]: "a list of tables, each with a path",
}
"""What keys take that are neither numbers nor words from a list."""
_TIME_OF_DAY = r"([01]\d|2[0-3]):[0-5]\d"
_UNKNOWN = "config-unknown-key"
_POINTED = str.maketrans({".": "/", "[": "/", "]": None})


@dataclass(frozen=True, slots=True)
class Layer:
    """Values from one place, by their dotted keys."""

    origin: str
    values: Mapping[str, Any]


def load(
    path: Path | None = None, environment: Mapping[str, str] | None = None, overrides: Iterable[str] = ()
) -> Settings:
    """Return the settings of a file, an environment and overrides written as `KEY=VALUE`.

    Raises:
        ConfigError: something in them is wrong; the message names every fault.
    """
    settings, findings = examine(path, environment, overrides)
    if settings is None:
        faults = [f"  {finding.message}" for finding in findings]
        raise ConfigError("\n".join([f"the configuration has {len(faults)} error(s)", *faults]))
    return settings


def examine(
    path: Path | None = None, environment: Mapping[str, str] | None = None, overrides: Iterable[str] = ()
) -> tuple[Settings | None, list[Finding]]:
    """Return the settings, none where anything is wrong, and all that is wrong; pointers are into the settings."""
    layers, findings = _layers(path, environment or {}, overrides)
    settings, faults = _settle(layers)
    findings += faults
    if settings is not None and settings.markets.calendar:
        findings += _calendar_findings(settings.markets.calendar, layers)
    return None if findings else settings, findings


def origins(
    path: Path | None = None, environment: Mapping[str, str] | None = None, overrides: Iterable[str] = ()
) -> list[tuple[str, str, str]]:
    """Return every key with its effective value, as text, and where that comes from; passwords are not shown."""
    settings = load(path, environment, overrides)
    layers, _ = _layers(path, environment or {}, overrides)
    told = {key: layer.origin for layer in layers for key in layer.values}
    shown = []
    for key in _HINTS:
        group, _, name = key.partition(".")
        value = getattr(getattr(settings, group), name)
        text = json.dumps(value, default=str) if not isinstance(value, Decimal) else str(value)
        shown.append((key, re.sub(r"://[^@/]*@", "://***@", text), told.get(key, "default")))
    return shown


def core_settings(settings: Settings) -> CoreSettings:
    """Return the part that the core is given, the operator's calendar as it stands in its file."""
    groups = {name: getattr(settings, name) for name in (f.name for f in fields(CoreSettings)) if name != "calendar"}
    return CoreSettings(**groups, calendar=_calendar(settings.markets.calendar))


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a configuration file."""
    found = Settings.model_json_schema()
    groups = {name: part["$ref"].rpartition("/")[2] for name, part in found["properties"].items()}
    for key, bound in BOUNDS.items():
        group, name = key.split(".")
        found["$defs"][groups[group]]["properties"][name] |= bound.keywords()
    exits = found["$defs"]["SessionSettings"]["properties"]["intraday_exit"]
    exits["pattern"] = rf"^(none|{_TIME_OF_DAY}|\d{{1,5}} *[A-Za-z]+)$"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


# --- the layers ----------------------------------------------------------------------------------------------


def _layers(
    path: Path | None, environment: Mapping[str, str], overrides: Iterable[str]
) -> tuple[list[Layer], list[Finding]]:
    """Return what each place says, the strongest last, and what could not be read."""
    layers = [_from_environment(environment), _from_overrides(overrides)]
    findings = []
    try:
        if environment.get("CREDENTIALS_DIRECTORY"):
            layers.insert(0, _from_credentials(Path(environment["CREDENTIALS_DIRECTORY"])))
        if path is not None:
            layers.insert(0, _from_file(path))
    except ConfigError as error:
        findings.append(Finding(Severity.ERROR, "config-unreadable", "", str(error)))
    return layers, findings


def _from_credentials(folder: Path) -> Layer:
    """Read a credential directory: each file named as a key holds its value; others are somebody else's."""
    try:
        values = {
            file.name: file.read_text("utf-8").strip() for file in sorted(folder.iterdir()) if file.name in _HINTS
        }
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{folder}: {error}; a credential is a text file named after its key, as redis.url"
        raise ConfigError(msg) from error
    return Layer("credentials", values)


def _from_file(path: Path) -> Layer:
    try:
        content = tomllib.loads(path.read_text("utf-8-sig"), parse_float=Decimal)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        msg = f"{path}: {error}; a configuration is a TOML file in UTF-8"
        raise ConfigError(msg) from error
    values = dict(_flat(content))
    calendar = values.get(_CALENDAR)
    if isinstance(calendar, str) and calendar:
        values[_CALENDAR] = str(path.parent / calendar)
    return Layer(str(path), values)


def _from_environment(environment: Mapping[str, str]) -> Layer:
    named = {name.removeprefix(PREFIX): text for name, text in environment.items() if name.startswith(PREFIX)}
    return Layer("environment", {k.lower().replace("__", "."): value_of(text) for k, text in sorted(named.items())})


def _from_overrides(overrides: Iterable[str]) -> Layer:
    pairs = (text.partition("=") for text in overrides)
    return Layer("--set", {key.strip(): value_of(text) for key, _, text in pairs})


def value_of(text: str) -> Any:
    """Return a value written as TOML; a bare word, or a time of day, is the text itself."""
    text = text.strip()
    try:
        read = tomllib.loads(f"value = {text}", parse_float=Decimal)
    except tomllib.TOMLDecodeError:
        return text
    value = read.pop("value")
    return text if read or isinstance(value, dt.date | dt.time) else value


def _flat(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        if isinstance(value, dict) and f"{prefix}{key}" not in _HINTS:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


# --- judging them --------------------------------------------------------------------------------------------

_HINTS: dict[str, Any] = {
    f"{name}.{key}": hint
    for name, group in Settings.model_fields.items()
    for key, hint in get_type_hints(group.annotation).items()
    if not key.startswith("_")
}
"""The type of every key."""


class _Source(PydanticBaseSettingsSource):
    """One layer as pydantic-settings takes it; its own environment source would pass over keys that are unknown."""

    def __init__(self, settings_cls: type[BaseSettings], layer: Layer) -> None:
        super().__init__(settings_cls)
        self._nested: dict[str, dict[str, Any]] = {}
        for key, value in layer.values.items():
            group, _, name = key.partition(".")
            self._nested.setdefault(group, {})[name] = value

    def __call__(self) -> dict[str, Any]:
        return dict(self._nested)

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002 - the library's
        return self._nested.get(field_name), field_name, False


def _settle(layers: Sequence[Layer]) -> tuple[Settings | None, list[Finding]]:
    findings = [_unknown(key, layer) for layer in layers for key in layer.values if key not in _HINTS]
    known = [Layer(one.origin, {key: value for key, value in one.values.items() if key in _HINTS}) for one in layers]

    class Layered(Settings):
        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *_: Any, **__: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return tuple(_Source(settings_cls, layer) for layer in reversed(known))

    settings, places = None, []
    try:
        settings = Layered()
    except ValidationError as error:
        places = [fault["loc"] for fault in error.errors()]
    given = {key: (value, layer.origin) for layer in known for key, value in layer.values.items()}
    entries = [place[2:] for place in places if place[:2] == ("data", "files") and len(place) > 2]  # noqa: PLR2004 - inside
    findings += [_wrong_entry(number, "".join(map(str, at)), *given["data.files"]) for number, *at in entries]
    wrong = {".".join(map(str, place[:2])) for place in places} - ({"data.files"} if entries else set())
    findings += [
        finding(key, *told, f"it must be {_wanted(key)}")
        for key, told in given.items()
        if key in wrong or not _sensible(key, told[0])
    ]
    return settings, findings


def _wrong_entry(number: Any, name: str, files: Any, origin: str) -> Finding:
    """Say what is wrong with an entry of `data.files`, or with its key `name`."""
    place, entry, hints = f"data.files[{number}]", files[number], get_type_hints(StoredData)
    known = ", ".join(key for key in hints if not key.startswith("_"))
    if not isinstance(entry, dict) or name not in entry:
        return finding(place, entry, origin, f"it must be a table with a path; it may have {known}")
    if name not in hints:
        near = "".join(difflib.get_close_matches(name, hints, n=1, cutoff=0.5))
        why = f"there is no such key; an entry may have {known}"
        return finding(f"{place}.{name}", entry[name], origin, why, near, code=_UNKNOWN)
    wanted = " or ".join(get_args(hints[name])) or _WORDS[str]
    return finding(f"{place}.{name}", entry[name], origin, f"it must be {wanted}")


def _sensible(key: str, value: Any) -> bool:
    """Whether a value, of the right type or not, is one that its key can mean."""
    if key == _INTRADAY_EXIT:
        return isinstance(value, str) and _is_exit_time(value)
    if key not in BOUNDS:
        return True
    try:
        return not isinstance(value, bool) and BOUNDS[key].admits(Decimal(value))
    except (InvalidOperation, TypeError, ValueError):
        return True  # no number: a word, which its type has judged


def _is_exit_time(text: str) -> bool:
    if text == "none" or re.fullmatch(_TIME_OF_DAY, text):
        return True
    try:
        Timeframe.parse(text)
    except ValueError:
        return False
    return True


def _calendar(path: str) -> str:
    return Path(path).read_text("utf-8-sig") if path else ""


def _calendar_findings(path: str, layers: Sequence[Layer]) -> list[Finding]:
    origin = next(layer.origin for layer in reversed(layers) if _CALENDAR in layer.values)
    try:
        faults = calendar_faults(_calendar(path))
    except (OSError, UnicodeDecodeError) as error:
        faults = [f"{error}; a calendar is a TOML file in UTF-8"]
    return [finding(_CALENDAR, path, origin, fault, code="config-bad-calendar") for fault in faults]


def _wanted(key: str) -> str:
    """Say what a key takes."""
    if key == _INTRADAY_EXIT:
        return "a time before the session's end as 15m, a time of day as 15:10, or none"
    hint = _HINTS[key]
    if hint in _WORDS:
        return _WORDS[hint]
    parts = (hint,) if hint in (int, Decimal) else get_args(hint)
    words = [str(word) for part in parts if part not in (int, Decimal) for word in get_args(part) or (part,)]
    words += [f"a {'whole ' if part is int else ''}number {BOUNDS[key]}" for part in parts if part in (int, Decimal)]
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _unknown(key: str, layer: Layer) -> Finding:
    near = "".join(difflib.get_close_matches(key, _HINTS, n=1, cutoff=0.5))
    group = key.partition(".")[0]
    if near and key not in Settings.model_fields:
        hint = f"did you mean {near}?"
    elif group in Settings.model_fields:
        hint = f"{group} has {', '.join(known for known in _HINTS if known.startswith(f'{group}.'))}"
    else:
        hint = f"keys begin with {', '.join(f'{name}.' for name in Settings.model_fields)}"
    why = f"there is no such key; {hint}"
    return finding(key, layer.values[key], layer.origin, why, near, code=_UNKNOWN)


def finding(  # noqa: PLR0913 - the parts of a message
    key: str, value: Any, origin: str, why: str, suggestion: str = "", *, code: str = "config-bad-value"
) -> Finding:
    """Return what is wrong with the value of a key, as `data.files[0].path`; `origin` is where it was written."""
    shown = value if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False, default=str)
    if _HINTS.get(key) is SecretStr:
        shown = "***"
    message = f"{key} = {shown} ({origin}): {why}"
    pointer = f"/{key.translate(_POINTED)}"
    return Finding(Severity.ERROR, code, pointer, message, suggestion=suggestion)
