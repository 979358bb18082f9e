"""What the models of a dialect are made of: parts that account for every key, and the types of their fields.

A key is *read* (a field), *inert* (a field marked `Inert`: known, not executed, refused when switched on) or
*carried* (listed by its part: kept for display by whoever draws it, never looked at here). Anything else is an
error. A check stands at the field it concerns, so that one wrong field never hides another.
"""

# Annotations are evaluated here: pydantic reads them.
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, ClassVar, NoReturn

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


@dataclass(slots=True)
class Facts:
    """What a part must know beyond itself: of the start node, where that could be read; other checks are left out.

    `kind` is what the drawing says is traded, none where it says nothing and the symbol itself is.
    `outputs` has the outputs of each declared indicator, none for one that could not be read. `parts` notes which
    model judged which object, so that an unknown key can be compared with the ones that model knows.
    """

    start_read: bool = False
    symbol: str | None = None
    kind: InstrumentKind | None = None
    product: Product | None = None
    outputs: dict[str, tuple[str, ...] | None] | None = None
    parts: dict[int, "type[Part]"] = field(default_factory=dict)

    @classmethod
    def of(cls, info: ValidationInfo) -> "Facts":
        """Return the facts a validation was started with, else none known."""
        return info.context if isinstance(info.context, cls) else cls()


def _describe_carried(schema: dict[str, Any], part: type["Part"]) -> None:
    for key in sorted(part.carried):
        schema["properties"][key] = {"description": "Kept for display."}
    schema["patternProperties"] = {"^_": {}, "Preview$": {}}


class Part(BaseModel):
    """One object of a document; `carried` are the keys it keeps for display."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, alias_generator=to_camel, json_schema_extra=_describe_carried
    )
    carried: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def carries(cls, key: str) -> bool:
        """Whether the key is kept for display only."""
        return key in cls.carried or key.startswith("_") or key.endswith("Preview")

    @classmethod
    def keys(cls) -> dict[str, str]:
        """Return every key with what becomes of it: read, inert or carried."""
        table = {f.alias or name: "inert" if _is_inert(f.metadata) else "read" for name, f in cls.model_fields.items()}
        return table | dict.fromkeys(sorted(cls.carried), "carried")

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
        Facts.of(info).parts[id(value)] = cls
        return {key: item for key, item in value.items() if not cls.carries(key)}


@dataclass(frozen=True, eq=False)
class Inert:
    """Marks a key that is known and not executed: it passes when off, empty, one of `defaults`, or the own symbol."""

    defaults: tuple[object, ...] = ()
    own_symbol: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_after_validator_function(self._check, handler(source))

    def _check(self, value: Any, info: ValidationInfo) -> Any:
        if _is_off(value) or value in self.defaults or (self.own_symbol and Facts.of(info).symbol in (None, value)):
            return value
        message = f"{brief(value)} switches on what is not supported; switch it off or remove it"
        refuse("not-supported", message)


def _is_inert(metadata: list[Any]) -> bool:
    return any(isinstance(mark, Inert) for mark in metadata)


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


@dataclass(frozen=True, eq=False)
class Spelled:
    """Marks a field that holds one word of a vocabulary, however it is spelled."""

    vocabulary: Vocabulary[Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.vocabulary.spellings)}

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
Off = Annotated[Any, Inert()]
"""A key that is known and not executed."""
