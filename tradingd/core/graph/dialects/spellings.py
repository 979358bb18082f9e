"""Every spelling of every word, in one place: builders, people and brokers write the same thing differently.

A word is matched without regard to case; what is not listed here is not understood, and the nearest listed
spelling is suggested. The first spelling of a word is the one that is suggested and documented.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from tradingd.core.graph.document import ExitQuantity, Measure, Trigger
from tradingd.core.graph.expressions import Gathering, Logic, Op
from tradingd.model.instrument import InstrumentKind
from tradingd.model.trading import EXPIRY_CODES, RIGHTS, STRIKE_CODES, AlertType, OrderType, Product, Side

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Word = TypeVar("Word")


@dataclass(frozen=True, slots=True)
class Vocabulary(Generic[Word]):
    """The words one field may hold, each with its spellings.

    `what` names the field's meaning in messages; `code` is the finding of a word that is not here; `later` are
    spellings that are understood but not executed.
    """

    what: str
    words: Mapping[Word, tuple[str, ...]]
    code: str = "unknown-value"
    later: tuple[str, ...] = ()

    @property
    def spellings(self) -> tuple[str, ...]:
        """Every spelling, the suggested ones of all words first."""
        first = [spelled[0] for spelled in self.words.values()]
        return (*first, *(s for spelled in self.words.values() for s in spelled[1:]))

    @property
    def suggested(self) -> tuple[str, ...]:
        """One spelling of each word."""
        return tuple(spelled[0] for spelled in self.words.values())

    def find(self, text: str) -> Word | None:
        """Return the word that is spelled so, none if no word is."""
        folded = text.strip().casefold()
        for word, spelled in self.words.items():
            if any(folded == s.casefold() for s in spelled):
                return word
        return None

    def is_later(self, text: str) -> bool:
        """Whether the word is known but not executed yet."""
        return text.strip().casefold() in {s.casefold() for s in self.later}


def _codes(codes: Iterable[str]) -> dict[str, tuple[str, ...]]:
    return {code: (code,) for code in codes}


OPERATORS = Vocabulary(
    "operator",
    {
        Op.LT: ("<", "lt", "less_than", "lessThan", "less than", "is_below"),
        Op.GT: (">", "gt", "greater_than", "greaterThan", "greater than", "is_above"),
        Op.LE: ("<=", "le", "lte", "less_than_or_equal", "lessThanOrEqual", "less_than_or_equal_to", "=<", "≤"),
        Op.GE: (
            ">=", "ge", "gte", "greater_than_or_equal", "greaterThanOrEqual", "greater_than_or_equal_to", "=>", "≥",
        ),
        Op.EQ: ("==", "=", "===", "eq", "equal", "equals", "equal_to", "equalTo"),
        Op.NE: (
            "!=", "<>", "!==", "ne", "neq", "not_equal", "notEqual", "not_equals", "notEquals", "not_equal_to", "≠",
        ),
        Op.CROSSES_ABOVE: (
            "crosses_above", "crossesAbove", "crosses above", "cross_above", "crossAbove", "crossover", "cross_over",
            "crosses_over", "crossesOver", "crosses_up",
        ),
        Op.CROSSES_BELOW: (
            "crosses_below", "crossesBelow", "crosses below", "cross_below", "crossBelow", "crossunder", "cross_under",
            "crosses_under", "crossesUnder", "crosses_down",
        ),
        Op.BETWEEN: ("between", "is_between", "isBetween"),
        Op.NOT_BETWEEN: ("not_between", "notBetween", "not between"),
        Op.IN: ("in", "is_in", "isIn", "one_of", "oneOf"),
        Op.NOT_IN: ("not_in", "notIn", "not in"),
    },
    code="unknown-operator",
)  # fmt: skip

LOGIC = Vocabulary(
    "group operator", {Logic.AND: ("and", "all", "&&"), Logic.OR: ("or", "any", "||"), Logic.NOT: ("not", "!")}
)

TRIGGERS = Vocabulary("trigger", {Trigger.LEVEL: ("level",), Trigger.EDGE: ("edge",)})

FIELDS = Vocabulary(
    "market data field",
    {
        "open": ("open", "o"),
        "high": ("high", "h"),
        "low": ("low", "l"),
        "close": ("close", "c"),
        "volume": ("volume", "vol", "v"),
    },
)

LIVE_FIELDS = Vocabulary(
    "live field",
    {
        "ltp": ("ltp", "price", "last_price"),
        "underlying_ltp": ("underlying_ltp", "underlyingLtp"),
        "position_ltp": ("position_ltp", "positionLtp"),
        "bid": ("bid",),
        "ask": ("ask",),
        "volume": ("volume",),
        "oi": ("oi", "open_interest", "openInterest"),
    },
)

ROLES = Vocabulary("instrument", {"TI": ("TI", "trading"), "SI": ("SI", "supporting")})

SELECTIONS = Vocabulary(
    "selection of a bar",
    {"offset": ("offset",), "by_time": ("by_time", "byTime"), "by_number": ("by_number", "byNumber")},
)

GATHERINGS = Vocabulary(
    "aggregation",
    {
        Gathering.MIN: ("min", "lowest"),
        Gathering.MAX: ("max", "highest"),
        Gathering.AVG: ("avg", "average", "mean"),
        Gathering.SUM: ("sum",),
        Gathering.FIRST: ("first",),
        Gathering.LAST: ("last",),
        Gathering.COUNT: ("count",),
    },
    later=("none",),
)

STATUSES = Vocabulary(
    "position status",
    {"open": ("Open",), "closed": ("Close", "Closed"), "partially_closed": ("Partially closed", "partially_closed")},
)

EXCHANGES = Vocabulary("exchange", _codes(("NSE", "BSE", "NFO", "BFO", "BINANCE", "SIM")))

INSTRUMENTS = Vocabulary(
    "trading instrument",
    {
        InstrumentKind.OPTION: ("options", "option"),
        InstrumentKind.FUTURE: ("futures", "future"),
        InstrumentKind.EQUITY: ("stock", "stocks", "equity", "equities"),
        InstrumentKind.INDEX: ("index",),
        InstrumentKind.SPOT: ("spot", "crypto"),
    },
)

UNDERLYINGS = Vocabulary("underlying", {"index": ("index",), "stock": ("stock", "equity")}, later=("indexFuture",))

SIDES = Vocabulary("position type", {Side.BUY: ("buy", "long"), Side.SELL: ("sell", "short")})

ORDER_TYPES = Vocabulary(
    "order type",
    {OrderType.MARKET: ("market", "mkt"), OrderType.LIMIT: ("limit", "lmt")},
    later=("stop", "sl", "sl-m", "stop_limit", "stopLimit"),
)

PRODUCTS = Vocabulary(
    "product",
    {
        Product.INTRADAY: ("intraday", "mis", "intra_day"),
        Product.CARRY_FORWARD: (
            "carryForward", "carry_forward", "carry forward", "positional", "overnight", "delivery", "nrml", "cnc",
        ),
    },
)  # fmt: skip

EXPIRIES = Vocabulary("expiry", _codes(EXPIRY_CODES))

STRIKES = Vocabulary("strike", _codes(STRIKE_CODES))

OPTION_TYPES = Vocabulary(
    "option type", dict(zip(RIGHTS, (("CE", "call"), ("PE", "put"), ("FUT", "future", "futures")), strict=True))
)

QUANTITIES = Vocabulary(
    "exit quantity",
    {
        ExitQuantity.ALL: ("all",),
        ExitQuantity.PERCENTAGE: ("percentage", "percent"),
        ExitQuantity.SPECIFIC: ("specific", "lots"),
    },
)

ALERT_TYPES = Vocabulary(
    "alert type",
    {AlertType.INFO: ("info",), AlertType.WARNING: ("warning", "warn"), AlertType.CRITICAL: ("critical", "error")},
)

MEASURES = Vocabulary(
    "measure",
    {
        Measure.PERCENTAGE: ("percentage", "percent", "%"),
        Measure.POINTS: ("points", "point"),
        Measure.PNL: ("pnl", "p&l"),
    },
)

LEVELS = Vocabulary("level", {Measure.PRICE: ("price", "absolute"), **MEASURES.words})

TRAILS = Vocabulary("trail type", _codes(("position", "underlying")))

EXIT_TYPES = Vocabulary("exit type", _codes(("specific", "all")))

VOCABULARIES = (
    OPERATORS, LOGIC, TRIGGERS, FIELDS, LIVE_FIELDS, ROLES, SELECTIONS, GATHERINGS, STATUSES, EXCHANGES, INSTRUMENTS,
    UNDERLYINGS, SIDES, ORDER_TYPES, PRODUCTS, EXPIRIES, STRIKES, OPTION_TYPES, QUANTITIES, ALERT_TYPES, MEASURES,
    LEVELS, TRAILS, EXIT_TYPES,
)  # fmt: skip
"""All of them, for whoever lists what is understood."""
