"""Small instrument lists in the forms in which they are published."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

HEADER = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,"
    "instrument_type,segment,exchange"
)
OPTION = "12020482,46955,NIFTY25O2024550CE,NIFTY,0.0,2025-10-20,24550.0,0.05,75,CE,NFO-OPT,NFO"
FUTURE = "13568258,53001,NIFTY25SEPFUT,NIFTY,0.0,2025-09-30,0.0,0.1,75,FUT,NFO-FUT,NFO"
SHARE = "738561,2885,RELIANCE,RELIANCE INDUSTRIES,0.0,,0.0,0.1,1,EQ,NSE,NSE"
INDEX = "256265,1001,NIFTY 50,NIFTY 50,0.0,,0.0,0.0,0,EQ,INDICES,NSE"


def write(path: Path, *rows: str, header: str = HEADER) -> Path:
    """Write a list in the columns of Kite's dump."""
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return path


def write_json(path: Path, content: Any) -> Path:
    """Write a JSON list, packed where the name says so."""
    text = json.dumps(content).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def upstox(number: int = 57352, **changed: Any) -> dict[str, Any]:
    """Return a row of Upstox's master: a NIFTY call, which expires at the end of 21 July 2026 in India."""
    return {
        "weekly": True, "segment": "NSE_FO", "name": "NIFTY", "exchange": "NSE", "expiry": 1784658599000,
        "instrument_type": "CE", "underlying_symbol": "NIFTY", "instrument_key": f"NSE_FO|{number}", "lot_size": 65,
        "freeze_quantity": 1755.0, "exchange_token": str(number), "minimum_lot": 65, "tick_size": 5.0,
        "trading_symbol": "NIFTY 24300 CE 21 JUL 26", "strike_price": 24300.0, "qty_multiplier": 1.0,
    } | changed  # fmt: skip


def binance(**changed: Any) -> dict[str, Any]:
    """Return a symbol of Binance's exchangeInfo."""
    filters = [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01000000", "maxPrice": "1000000.00", "tickSize": "0.01000000"},
        {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.00000000", "stepSize": "0.00001000"},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0.0", "maxQty": "328.37710865", "stepSize": "0.00000000"},
    ]
    return {"symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "filters": filters} | changed
