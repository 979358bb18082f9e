"""Positions and exits as models, of both dialects: what is bought and sold, how much, and how often again.

They are judged by themselves and by what the start node says is traded; nothing here knows prices, lots or what
is open. An absent number is absent: no editor's default is put in its place.
"""

# Annotations are evaluated here: pydantic reads them.
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator

from tradingd.core.graph.dialects import spellings
from tradingd.core.graph.dialects.fields import (
    AMOUNT_MAX,
    Amount,
    Facts,
    MaybeName,
    Number,
    Part,
    Spelled,
    Whole,
    refuse,
)
from tradingd.core.graph.dialects.protections import TrailingConfig
from tradingd.core.graph.document import ExitQuantity
from tradingd.model.instrument import InstrumentKind
from tradingd.model.trading import PREMIUM, OptionChoice, OrderType, Product, Side

_DERIVATIVES = (InstrumentKind.OPTION, InstrumentKind.FUTURE)


def _limit_price(price: Any, info: ValidationInfo) -> Any:
    order_type = info.data.get("order_type")
    if order_type is OrderType.LIMIT and price is None:
        refuse("missing-key", "a limit order needs limitPrice")
    if order_type is OrderType.MARKET and price is not None:
        refuse("unexpected-key", f"a market order has no limitPrice ({price}); remove it or write orderType limit")
    return price


class OptionDetails(Part):
    """Which contract of the symbol a position takes, resolved when the entry runs."""

    expiry: Annotated[str, Spelled(spellings.EXPIRIES)] = Field(description="W0-W4 weeks, M0-M2 months ahead.")
    option_type: Annotated[str, Spelled(spellings.OPTION_TYPES)] | None = Field(
        None, description="CE, PE or FUT; FUT where absent in a futures strategy.", validate_default=True
    )
    strike_type: Annotated[str, Spelled(spellings.STRIKES)] | None = Field(
        None, description="ATM, ITM1-ITM20, OTM1-OTM20, premium; none for a future.", validate_default=True
    )
    strike_value: Number | None = Field(
        None, description="The premium wanted, where strikeType is premium.", validate_default=True
    )

    @field_validator("option_type")
    @classmethod
    def _tradable(cls, right: str | None, info: ValidationInfo) -> str | None:
        facts = Facts.of(info)
        if not facts.start_read:
            return right
        if facts.kind is InstrumentKind.FUTURE and right not in (None, "FUT"):
            refuse("unknown-value", f"this strategy trades futures, not {right}", ("FUT",))
        if right is None and facts.kind is not InstrumentKind.FUTURE:
            refuse("missing-key", "an option needs optionType, CE or PE")
        return right or "FUT"

    @field_validator("strike_type")
    @classmethod
    def _struck(cls, strike: str | None, info: ValidationInfo) -> str | None:
        right = info.data.get("option_type")
        if right in ("CE", "PE") and strike is None:
            refuse("missing-key", "an option needs strikeType, as ATM")
        if right == "FUT" and strike is not None:
            refuse("unexpected-key", f"a future has no strike ({strike}); remove it")
        return strike

    @field_validator("strike_value")
    @classmethod
    def _priced(cls, value: Decimal | None, info: ValidationInfo) -> Decimal | None:
        if info.data.get("strike_type") == PREMIUM and (value is None or value <= 0):
            refuse("missing-key", "strikeType is premium: say which one, as strikeValue, above 0")
        return value

    def choice(self) -> OptionChoice:
        """Return the contract as it is asked for."""
        premium = self.strike_value if self.strike_type == PREMIUM else None
        return OptionChoice(self.expiry, self.strike_type or "", self.option_type or "", premium)


class PositionPart(Part):
    """One position that an entry opens."""

    id: MaybeName = Field(None, description="Its id on the canvas; the vpi where that is absent.")
    vpi: MaybeName = Field(None, description="Virtual position id, unique in the strategy.", validate_default=True)
    vpt: MaybeName = Field(None, description="Tag; an exit may close all positions of a tag.")
    priority: Annotated[Whole, Field(ge=1)] | None = Field(
        1, description="Stage: equal ones together, lower ones first."
    )
    position_type: Annotated[Side, Spelled(spellings.SIDES)] = Field(description="buy or sell.")
    order_type: Annotated[OrderType, Spelled(spellings.ORDER_TYPES)] = Field(description="market or limit.")
    limit_price: Amount | None = Field(None, description="Price of a limit order.", validate_default=True)
    quantity: Amount = Field(description="Lots.")
    multiplier: Amount | None = Field(None, description="The lot size that is expected, checked when the entry runs.")
    product_type: Annotated[Product, Spelled(spellings.PRODUCTS)] | None = Field(
        None, description="intraday or carryForward; the strategyType where absent.", validate_default=True
    )
    option_details: OptionDetails | None = Field(
        None, description="Which contract, of derivatives.", validate_default=True
    )
    max_entries: Annotated[Whole, Field(ge=1)] | None = Field(
        None, description="Entries of this position in a session."
    )
    trailing_config: TrailingConfig | None = Field(None, description="How its stop follows the price.")

    @field_validator("vpi")
    @classmethod
    def _identified(cls, vpi: str | None, info: ValidationInfo) -> str | None:
        if vpi is None and info.data.get("id", "") is None:
            refuse("missing-key", "a position needs a vpi, the name other nodes know it by")
        return vpi

    _priced = field_validator("limit_price")(_limit_price)

    @field_validator("product_type")
    @classmethod
    def _kept(cls, product: Product | None, info: ValidationInfo) -> Product | None:
        facts = Facts.of(info)
        if product is None and facts.start_read and facts.product is None:
            message = "say productType, intraday or carryForward, or give the start node a strategyType"
            refuse("missing-key", message)
        return product

    @field_validator("option_details")
    @classmethod
    def _contract(cls, details: Any, info: ValidationInfo) -> Any:
        facts = Facts.of(info)
        if facts.kind in _DERIVATIVES and details is None:
            refuse("missing-key", f"a strategy that trades {facts.kind}s needs optionDetails: which contract")
        if facts.start_read and facts.kind not in _DERIVATIVES and details is not None:
            message = "optionDetails names a contract, but tradingInstrument.type is neither options nor futures"
            refuse("unexpected-key", message)
        return details


class OrderConfig(Part):
    """What an exit closes, and how."""

    order_type: Annotated[OrderType, Spelled(spellings.ORDER_TYPES)] = Field(
        OrderType.MARKET, description="market (default) or limit."
    )
    limit_price: Amount | None = Field(None, description="Price of a limit order.", validate_default=True)
    quantity: Annotated[ExitQuantity, Spelled(spellings.QUANTITIES)] = Field(
        ExitQuantity.ALL, description="all (default), a percentage of what is open, or specific lots."
    )
    partial_quantity_percentage: Number | None = Field(
        None, description="Percent, above 0 and at most 100; where quantity is percentage.", validate_default=True
    )
    specific_quantity: Number | None = Field(
        None, description="Lots, above 0; where quantity is specific.", validate_default=True
    )
    target_position_vpi: MaybeName = Field(None, description="Closes this position only.")
    exit_by_tag: bool | None = Field(None, description="false: targetTag is left alone.")
    target_tag: MaybeName = Field(None, description="Closes the positions of this tag.", validate_default=True)

    @property
    def tag(self) -> str | None:
        """The tag it closes by, none where that is switched off."""
        return None if self.exit_by_tag is False else self.target_tag

    _priced = field_validator("limit_price")(_limit_price)

    @field_validator("partial_quantity_percentage", "specific_quantity")
    @classmethod
    def _amount(cls, amount: Any, info: ValidationInfo) -> Any:
        by = ExitQuantity.SPECIFIC if info.field_name == "specific_quantity" else ExitQuantity.PERCENTAGE
        if info.data.get("quantity") is not by:
            return amount
        if amount is None:
            refuse("missing-key", f"quantity is {by.value}, but how much is not said")
        if not 0 < amount <= (100 if by is ExitQuantity.PERCENTAGE else AMOUNT_MAX):
            most = " and at most 100" if by is ExitQuantity.PERCENTAGE else ""
            refuse("out-of-range", f"{amount} is out of range; it must be more than 0{most}")
        return amount

    @field_validator("target_tag")
    @classmethod
    def _tagged(cls, tag: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("exit_by_tag") and tag is None:
            refuse("missing-key", "exitByTag is on, but targetTag does not say which tag")
        return tag


class ReEntryConfig(Part):
    """Whether, and how often, the strategy may enter again after this exit."""

    enabled: bool = Field(default=False, description="Whether there is re-entry at all.")
    group_number: Whole | None = Field(1, description="Exits of one group share one budget.")
    max_re_entries: Whole | None = Field(None, description="Re-entries; null: no limit; absent: none.")
    max_entries: Whole | None = Field(None, description="All entries, the first included; null: no limit.")

    @field_validator("group_number", "max_re_entries", "max_entries")
    @classmethod
    def _counted(cls, number: int | None, info: ValidationInfo) -> int | None:
        least = 0 if info.field_name == "max_re_entries" else 1
        if info.data.get("enabled") and number is not None and number < least:
            refuse("out-of-range", f"{number} is out of range; it must be at least {least}")
        return number
