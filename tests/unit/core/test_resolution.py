"""What a resolution leaves behind: a trace record with all that the contract was chosen from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.stories import drawing, entry, leg, start
from tests.unit.core.markets.lists import make_chain
from tests.unit.core.runs import Run, always, ist
from tradingd.model.instrument import Instrument, InstrumentKind
from tradingd.model.market import SECOND, Tick

if TYPE_CHECKING:
    from tradingd.core.graph.trace import TraceRecord

NIFTY = Instrument("NSE", "NIFTY", InstrumentKind.INDEX)
CHAIN = [
    *make_chain("NIFTY", "04-Jan-2024", range(21_400, 21_700, 50), "24104", lot=50),
    *make_chain("NIFTY", "25-Jan-2024", range(21_400, 21_700, 50), "24JAN", lot=50),
]
OPEN = ist("2024-01-02 09:15")


def traded(prices: dict[str, float] | None = None, **details: Any) -> tuple[Run, list[dict[str, Any]]]:
    """Let an entry run at the first minute's close, with option prices of three seconds before it."""
    begin = start(symbol="NIFTY", exchange="NSE", timeframe="1m", tradingInstrument={"type": "options"})
    chosen = leg("p", optionDetails={"expiry": "W0", "optionType": "CE", "strikeType": "ATM"} | details)
    run = Run(
        drawing([begin, always("A"), entry("e", chosen)], ["start > A > e"]),
        instruments=[NIFTY, *CHAIN],
        contracts=CHAIN,
    )
    run.session.step(Tick(NIFTY.id, OPEN + 5 * SECOND, 21_512.35))
    for strike, price in (prices or {"21500": 100.0}).items():
        run.session.step(Tick(f"NFO:NIFTY24104{strike}CE", OPEN + 57 * SECOND, price))
    run.session.step(Tick(NIFTY.id, OPEN + 60 * SECOND, 21_512.35))
    records: list[TraceRecord] = list(run.engine.strategies[0].trace)
    return run, [r.data["contract_resolved"] for r in records if "contract_resolved" in r.data]


def test_the_contract_and_what_it_was_chosen_from_are_in_the_trace() -> None:
    run, (told,) = traded(strikeType="OTM2")
    assert told == {
        "vpi": "p", "choice": "W0 OTM2 CE", "spot_age_s": 0.0, "instrument": "NFO:NIFTY2410421600CE", "token": "",
        "expiry": "2024-01-04", "lot_size": "50", "tick_size": "0.05", "spot": "21512.35",
        "expiries": ["2024-01-04", "2024-01-25"], "atm": "21500",
        "strikes": ["21400", "21450", "21500", "21550", "21600", "21650"], "quotes": {},
    }  # fmt: skip
    record = next(r for r in run.engine.strategies[0].trace if "contract_resolved" in r.data)
    assert (record.node, record.kind) == ("e", "entry")


def test_a_refusal_is_there_too() -> None:
    _, (told,) = traded(expiry="M1")
    assert told["refused"] == "M1 CE: NIFTY expiries from 2024-01-02 on are 2024-01-25"


def test_by_premium_the_last_prices_are_those_of_the_feeds() -> None:
    run, (told,) = traded({"21400": 181.0, "21500": 112.0, "21550": 88.0}, strikeType="premium", strikeValue=95)
    assert told["quotes"] == {"21400": "181.0", "21500": "112.0", "21550": "88.0"}
    assert [order["instrument"] for order in run.orders] == ["NFO:NIFTY2410421550CE"]
