"""Builders of small instrument lists."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING

from tradingd.core.markets.contracts import Contracts, Refusal, Resolution
from tradingd.model.instrument import Instrument, InstrumentKind
from tradingd.model.trading import OptionChoice

if TYPE_CHECKING:
    from collections.abc import Iterable


def day(text: str) -> dt.date:
    return dt.datetime.strptime(text, "%d-%b-%Y").replace(tzinfo=dt.UTC).date()


def make_chain(
    underlying: str,
    expiry: str,
    strikes: Iterable[float],
    code: str = "",
    *,
    exchange: str = "NFO",
    lot: int = 1,
    rights: str = "CE PE",
) -> list[Instrument]:
    """List options of one expiry. `code` is what symbols say between underlying and strike; else the date is."""
    date = day(expiry)
    return [
        Instrument(
            exchange=exchange,
            symbol=f"{underlying}{code}{strike:g}{right}" if code else f"{underlying} {strike:g} {right} {expiry}",
            kind=InstrumentKind.OPTION,
            tick_size=Decimal("0.05"),
            lot_size=Decimal(lot),
            underlying=underlying,
            expiry=date,
            strike=Decimal(str(strike)),
            right=right,
        )
        for strike in strikes
        for right in rights.split()
    ]


def make_future(underlying: str, expiry: str, *, exchange: str = "NFO", lot: int = 1) -> Instrument:
    return Instrument(
        exchange=exchange,
        symbol=f"{underlying} FUT {expiry}",
        kind=InstrumentKind.FUTURE,
        tick_size=Decimal("0.1"),
        lot_size=Decimal(lot),
        underlying=underlying,
        expiry=day(expiry),
        right="FUT",
    )


def choose(
    contracts: Contracts, code: str, underlying: str, spot: Decimal | float | None, on: str, segment: str = "NFO"
) -> Instrument:
    """Resolve `W0 ATM CE` or `M0 FUT`, which must be found."""
    answer = answer_to(contracts, code, underlying, spot, on, segment)
    assert isinstance(answer, Resolution), answer
    return answer.instrument


def refuse(
    contracts: Contracts, code: str, underlying: str, spot: Decimal | float | None, on: str, segment: str = "NFO"
) -> str:
    """Resolve a code that must be refused, and return the reason."""
    answer = answer_to(contracts, code, underlying, spot, on, segment)
    assert isinstance(answer, Refusal), answer
    return answer.reason


def answer_to(
    contracts: Contracts, code: str, underlying: str, spot: Decimal | float | None, on: str, segment: str = "NFO"
) -> Resolution | Refusal:
    expiry, *strike, right = code.split()
    return contracts.resolve(OptionChoice(expiry, "".join(strike), right), segment, underlying, spot, day(on))
