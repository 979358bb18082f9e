"""What a simulated ticker lists: an instrument for each symbol of its tape, with the tokens that name it on the wire.

The list is published in the columns of Kite's dump, so that whoever reads the real one reads this; symbols that no
list names get the defaults of their exchange. It also says what of a tape the wire cannot carry.
"""

from __future__ import annotations

import csv
import dataclasses
import io
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tradingd.adapters.feeds.kite_wire import divisor, instrument_token
from tradingd.core.markets.sessions import default_instrument
from tradingd.model.errors import DataError
from tradingd.model.instrument import InstrumentKind
from tradingd.model.market import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from tradingd.model.instrument import Instrument
    from tradingd.venues.trades import Trades

_COLUMNS = (
    "instrument_token", "exchange_token", "tradingsymbol", "name", "last_price", "expiry", "strike", "tick_size",
    "lot_size", "instrument_type", "segment", "exchange",
)  # fmt: skip
_FIRST_TOKEN = 1001  # of those that are given here
_NUMBER_MAX = (1 << 32) - 1


class Listed(NamedTuple):
    """An instrument, its number on the wire, and how many units of the wire's prices are one of the market's."""

    instrument: Instrument
    token: int
    unit: float

    @property
    def is_index(self) -> bool:
        """Whether it only quotes."""
        return self.instrument.kind is InstrumentKind.INDEX


def listing(symbols: Iterable[str], exchange: str, known: Iterable[Instrument] = ()) -> dict[str, Listed]:
    """Return what is listed under each symbol: a known instrument, else the default of the exchange."""
    by_symbol = {instrument.symbol: instrument for instrument in known}
    found = {}
    for number, symbol in enumerate(sorted(symbols), _FIRST_TOKEN):
        instrument = by_symbol.get(symbol) or default_instrument(exchange, symbol)
        if not instrument.token:
            instrument = dataclasses.replace(instrument, token=str(number))
        token = instrument_token(instrument)
        found[symbol] = Listed(instrument, token, divisor(token))
    return found


def dump(listed: Iterable[Listed]) -> str:
    """Return instruments as Kite publishes its list."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for one in listed:
        i = one.instrument
        strike, expiry = i.strike or 0, i.expiry or ""
        segment = "INDICES" if one.is_index else f"{i.exchange}-{'FUT' if i.right == 'FUT' else 'OPT'}"
        kind, name = (i.right, i.underlying) if i.right else ("EQ", i.symbol)
        where = segment if one.is_index or i.right else i.exchange
        writer.writerow(
            [one.token, i.token, i.symbol, name, 0.0, expiry, strike, i.tick_size, i.lot_size, kind, where, i.exchange]
        )
    return out.getvalue()


def on_the_wire(parts: Mapping[str, Trades], listed: Mapping[str, Listed], scale: float = 1.0) -> dict[str, Trades]:
    """Return trades as the ticker tells them: in whole seconds; `scale` makes their quantities whole numbers.

    Raises:
        DataError: a price has more decimals than its segment's, or a quantity is no whole number.
    """
    return {symbol: _carried(trades, listed[symbol], scale) for symbol, trades in parts.items()}


def _carried(trades: Trades, one: Listed, scale: float) -> Trades:
    for column in (trades.price, trades.bid, trades.ask):
        _check(one, "price", column, np.rint(column * one.unit) / one.unit)
    quantity, bid_quantity, ask_quantity = (
        np.rint(column * scale) for column in (trades.quantity, trades.bid_quantity, trades.ask_quantity)
    )
    if scale == 1.0:
        _check(one, "quantity", trades.quantity, quantity)
    return dataclasses.replace(
        trades,
        ts=trades.ts // SECOND * SECOND,
        ts_market=trades.ts_market // SECOND * SECOND,
        quantity=quantity,
        bid_quantity=bid_quantity,
        ask_quantity=ask_quantity,
    )


def _check(one: Listed, what: str, told: NDArray[np.float64], carried: NDArray[np.float64]) -> None:
    wrong = np.flatnonzero((told != carried) | (told < 0) | (told * one.unit > _NUMBER_MAX))
    if len(wrong):
        value = told[wrong[0]].item()
        msg = (
            f"{one.instrument.id}: a {what} of {value!r} is not carried by the ticker, which tells whole 1/{one.unit:g}"
        )
        raise DataError(msg)
