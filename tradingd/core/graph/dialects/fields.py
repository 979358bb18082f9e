"""What the models of a dialect are made of: parts that account for every key, and the types of their fields.

A key is *read* (a field), *carried* (kept for display by whoever draws it, never looked at here) or *inert* (known,
not executed, refused when switched on); the last two are rows of `keys.toml`. Anything else is an error. A check
stands at the field it concerns, so that one wrong field never hides another.
"""

# Annotations are evaluated here: pydantic reads them.
import functools
import tomllib
from dataclasses import dataclass, field
from decimal import Decimal
from importlib import resources
from typing import Annotated, Any, NoReturn

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from tradingd.core.graph.dialects.spellings import Vocabulary
from tradingd.core.graph.dialects.text import brief
from tradingd.model.instrument import InstrumentKind
from tradingd.model.trading import Product

NAME_MAX = 200
AMOUNT_MAX = 10**12
LOOK_BACK_MAX = 500


def refuse(code: str, message: str, options: tuple[str, ...] = (), spellings: tuple[str, ...] = ()) -> NoReturn:
    """Refuse a value that cannot be; `options` are what could stand there, `spellings` other ways to write them.

    Raises:
        PydanticCustomError: always; pydantic adds the place.
    """
    raise PydanticCustomError(code, "{message}", {"message": message, "options": options, "spellings": spellings})


@dataclass(frozen=True, slots=True)
class LineFacts:
    """One instrument and timeframe that expressions may read; `outputs` as in `Facts`."""

    role: str
    name: str
    outputs: "dict[str, tuple[str, ...] | None]"


@dataclass(slots=True)
class Facts:
    """What a part must know beyond itself: of the start node, where that could be read; other checks are left out.

    `kind` is what the drawing says is traded, none where it says nothing and the symbol itself is.
    `outputs` has the outputs of each declared indicator, none for one that could not be read. `parts` notes which
    model judged which object, so that an unknown key can be compared with the ones that model knows; `switched_on`
    the inert keys that were met switched on, as (object, key).
    """

    start_read: bool = False
    symbol: str | None = None
    kind: InstrumentKind | None = None
    product: Product | None = None
    outputs: dict[str, tuple[str, ...] | None] | None = None
    parts: dict[int, "type[Part]"] = field(default_factory=dict)
    switched_on: list[tuple[dict[str, Any], str]] = field(default_factory=list)
    lines: list[LineFacts] = field(default_factory=list)

    def first(self, role: str) -> int:
        """Return the index of an instrument's first line.

        Raises:
            PydanticCustomError: the instrument is not watched.
        """
        own = [i for i, line in enumerate(self.lines) if line.role == role]
        if not own:
            refuse("unknown-instrument", "the supporting instrument is read, but supportingInstrumentEnabled is not on")
        return own[0]

    def line(self, role: str | None, name: str | None) -> int | None:
        """Return the index of the line that is meant, none where the start node could not be read.

        Raises:
            PydanticCustomError: no line is meant, or several could be.
        """
        if not self.lines:
            return None
        own = {line.name: i for i, line in enumerate(self.lines) if line.role == (role or "TI")}
        if not own:
            refuse("unknown-instrument", "the supporting instrument is read, but supportingInstrumentEnabled is not on")
        if name is None and len(own) > 1:
            refuse("missing-key", "there are several timeframes: say which, as timeframeId", tuple(own))
        if name is None:
            return next(iter(own.values()))
        if name not in own:
            refuse("unknown-timeframe", f"timeframe {brief(name)} is not declared by the start node", tuple(own))
        return own[name]

    @classmethod
    def of(cls, info: ValidationInfo) -> "Facts":
        """Return the facts a validation was started with, else none known."""
        return info.context if isinstance(info.context, cls) else cls()


_TABLE = tomllib.loads(resources.files(__package__).joinpath("keys.toml").read_text(encoding="utf-8"))


def _describe_unread(schema: dict[str, Any], part: type["Part"]) -> None:
    properties = schema.setdefault("properties", {})
    for key in sorted(part.carried()):
        properties[key] = {"description": "Kept for display."}
    for key in sorted(part.inert()):
        properties[key] = {"description": "Known, not executed: to be left off."}
    schema["patternProperties"] = {"^_": {}, "Preview$": {}}


class Part(BaseModel):
    """One object of a document."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, alias_generator=to_camel, json_schema_extra=_describe_unread
    )

    @classmethod
    @functools.cache
    def carried(cls) -> frozenset[str]:
        """Return the keys kept for display."""
        rows = (_TABLE.get(one.__name__, {}) for one in cls.__mro__)
        return frozenset(key for row in rows for key in row.get("carried", ())) - _read_keys(cls)

    @classmethod
    @functools.cache
    def inert(cls) -> dict[str, list[object]]:
        """Return the keys that are known and not executed, with the values that are off."""
        rows = (_TABLE.get(one.__name__, {}).get("inert", {}) for one in reversed(cls.__mro__))
        return {key: off for row in rows for key, off in row.items() if key not in _read_keys(cls)}

    @classmethod
    def carries(cls, key: str) -> bool:
        """Whether the key is kept for display only."""
        return key in cls.carried() or key.startswith("_") or key.endswith("Preview")

    @classmethod
    def keys(cls) -> dict[str, str]:
        """Return every key with what becomes of it: read, inert or carried."""
        told = [(_read_keys(cls), "read"), (cls.inert(), "inert"), (cls.carried(), "carried")]
        return {key: what for keys, what in told for key in sorted(keys)}

    @classmethod
    def key(cls, name: str) -> str:
        """Return the key of a field."""
        field_ = cls.model_fields.get(name)
        return (field_ and field_.alias) or name

    @model_validator(mode="before")
    @classmethod
    def _account(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, dict):
            return value
        facts = Facts.of(info)
        facts.parts[id(value)] = cls
        inert = cls.inert()
        if not inert.keys().isdisjoint(value):
            facts.switched_on += [
                (value, key)
                for key, off in inert.items()
                if key in value and not (_is_off(value[key]) or _is_listed(value[key], off, facts))
            ]
        return {key: item for key, item in value.items() if key not in inert and not cls.carries(key)}


def _is_listed(value: Any, off: list[object], facts: Facts) -> bool:
    return value in off or ("symbol" in off and facts.symbol in (None, value))


def _is_off(value: Any) -> bool:
    """Whether a setting does nothing: empty, zero or false, by its own `enabled`, or by those of all its members."""
    if isinstance(value, dict):
        if "enabled" in value:
            return not value["enabled"]
        if "conditions" in value:
            return _is_off(value["conditions"])
        switches = [member for member in value.values() if isinstance(member, dict) and "enabled" in member]
        return all(_is_off(member) for member in switches or value.values())
    if isinstance(value, list):
        return all(_is_off(item) for item in value)
    return not value


def _read_keys(part: type[Part]) -> set[str]:
    return {field_.alias or name for name, field_ in part.model_fields.items()}


@dataclass(frozen=True, eq=False)
class Spelled:
    """Marks a field that holds one word of a vocabulary, however it is spelled."""

    vocabulary: Vocabulary[Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        usual = (s for spelled in self.vocabulary.spellings for s in (spelled, spelled.upper(), spelled.capitalize()))
        return {"type": "string", "enum": list(dict.fromkeys(usual))}

    def _read(self, value: Any) -> Any:
        known = self.vocabulary
        if not isinstance(value, str):
            refuse("wrong-type", f"{brief(value)} is no {known.what}; write a text", known.suggested)
        word = known.find(value)
        if word is not None:
            return word
        if known.is_later(value):
            refuse("not-supported", f"{known.what} {brief(value)} is not supported", known.suggested)
        refuse(known.code, f"{known.what} {brief(value)} is unknown", known.suggested, known.spellings)


def _printable(value: str) -> str:
    if not value.strip():
        refuse("empty", "this text is blank; write a name")
    if not value.isprintable():
        refuse("bad-text", f"{brief(value)} holds characters that cannot be printed")
    return value


def _none_if_blank(value: Any) -> Any:
    return None if value == "" else value


def _whole(value: Any) -> Any:
    """Read 14.0 as 14: JSON has one kind of number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float):
        refuse("wrong-type", f"{brief(value)} is no number")
    return Decimal(str(value))


Name = Annotated[str, Field(max_length=NAME_MAX), AfterValidator(_printable)]
"""A printable name."""
MaybeName = Annotated[Name | None, BeforeValidator(_none_if_blank)]
"""A printable name; empty means none."""
Label = Annotated[str, Field(max_length=10_000)]
"""Any text for a person."""
Whole = Annotated[int, BeforeValidator(_whole)]
"""A whole number."""
Number = Annotated[Decimal, BeforeValidator(_decimal), WithJsonSchema({"type": "number"})]
"""An exact number."""
Amount = Annotated[
    Decimal,
    BeforeValidator(_decimal),
    Field(gt=0, le=AMOUNT_MAX),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": AMOUNT_MAX}),
]
"""An exact number above zero."""
