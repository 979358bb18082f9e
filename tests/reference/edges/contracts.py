"""Edge cases of contracts: which one a choice stands for, by lists and by the dated rules, in which lots and ticks."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from tests.stories import drawing, entry, leg, start
from tests.unit.core.markets.lists import choose, day, make_chain, make_future, refuse
from tests.unit.core.runs import Run, always, ist
from tradingd.core.markets import order_rules
from tradingd.core.markets.charges import charge
from tradingd.core.markets.contracts import Contracts, DatedContracts
from tradingd.core.markets.listing import RuledContracts, may_expire, unexpected
from tradingd.core.markets.sessions import market
from tradingd.core.settings import ContractSettings, CoreSettings
from tradingd.model.instrument import Instrument, InstrumentKind
from tradingd.model.market import DAY, SECOND, Tick
from tradingd.model.trading import Product, Side

if TYPE_CHECKING:
    from collections.abc import Callable

RULED = RuledContracts((), may_expire())
LISTED = Contracts(
    make_chain("NIFTY", "23-Nov-2026", [26_000], "26NOV")
    + make_chain("NIFTY", "01-Dec-2026", [26_000], "26D01")
    + make_chain("NIFTY", "08-Dec-2026", [26_000], "26D08")
    + make_chain("NIFTY", "29-Dec-2026", [26_000], "26DEC")
    + [make_future("NIFTY", "23-Nov-2026"), make_future("NIFTY", "29-Dec-2026")]
)
STRIKES = range(24_000, 25_001, 50)
SEPTEMBER = Contracts(make_chain("NIFTY", "30-Sep-2025", STRIKES, "25SEP"))
NUMBER = "47001"
FUTURE = replace(make_future("NIFTY", "24-Nov-2026", lot=65), tick_size=Decimal("0.10"))
OPTION = make_chain("NIFTY", "01-Dec-2026", [26_000], "26D01", lot=65)[0]


def _expiries(on: str, expected: dict[str, str], underlying: str = "NIFTY", spot: float = 26_000) -> None:
    """Hold codes against the expiries they stand for, by a list where there is one and by the rules."""
    for contracts in (LISTED, RULED) if on.endswith("Nov-2026") else (RULED,):
        found = {code: choose(contracts, f"{code} ATM CE", underlying, spot, on).expiry for code in expected}
        assert found == {code: day(date) for code, date in expected.items()}, contracts


def on_expiry_day() -> None:
    """A Monday, the 24th being a holiday: the week's contract is the month's, and expires today."""
    _expiries("23-Nov-2026", {"W0": "23-Nov-2026", "M0": "23-Nov-2026", "W1": "01-Dec-2026", "M1": "29-Dec-2026"})


def after_expiry() -> None:
    """Between the monthly expiry and the end of its month there is still a monthly to come."""
    _expiries("25-Nov-2026", {"W0": "01-Dec-2026", "W1": "08-Dec-2026", "M0": "29-Dec-2026"})


def holiday() -> None:
    nse = market("NFO")
    assert nse.session_on(day("24-Nov-2026")) is None
    assert nse.session_from(ist("2026-11-24 10:00")).date == day("25-Nov-2026")
    _expiries("24-Nov-2026", {"W0": "01-Dec-2026"})


def shifted_monthly() -> None:
    _expiries("30-Mar-2026", {"W0": "30-Mar-2026", "M0": "30-Mar-2026"})


def late_holiday() -> None:
    """SENSEX, 15 January 2026: the list has the 14th whatever a rule says, and is told to differ from it."""
    listed = make_chain("SENSEX", "14-Jan-2026", [84_000], "26114", exchange="BFO", lot=20)
    listed += make_chain("SENSEX", "29-Jan-2026", [84_000], "26JAN", exchange="BFO", lot=20)
    contracts = RuledContracts(listed, lambda _, date: date.weekday() < 5)  # as before the holiday was announced
    assert choose(contracts, "W0 ATM CE", "SENSEX", 84_000, "13-Jan-2026", "BFO").expiry == day("14-Jan-2026")
    told = next(unexpected(contracts, day("13-Jan-2026"), lambda _, date: date.weekday() < 5))
    assert told == "SENSEX: the list has an expiry on 2026-01-14 where the rules have 2026-01-15; the list is right"


def re_dated() -> None:
    """A position of 3 September 2025 in the weekly of the 4th, which is that of the 9th a session later."""
    first = replace(make_chain("NIFTY", "04-Sep-2025", [24_500], "25904", lot=75)[0], token=NUMBER)
    second = replace(make_chain("NIFTY", "09-Sep-2025", [24_500], "25909", lot=75)[0], token=NUMBER)
    lists = {day("03-Sep-2025"): [first], day("04-Sep-2025"): [second]}
    index = Instrument("NSE", "NIFTY", InstrumentKind.INDEX)
    begin = start(
        symbol="NIFTY", exchange="NSE", timeframe="1m", strategyType="carryforward",
        tradingInstrument={"type": "options"},
    )  # fmt: skip
    details = {"expiry": "W0", "optionType": "CE", "strikeType": "ATM"}
    bought = leg("p", optionDetails=details, productType="carryForward")
    run = Run(drawing([begin, always("A"), entry("e", bought)], ["start > A > e"]), instruments=[index, first])
    run.engine.contracts = DatedContracts(lists, lists.__getitem__)
    opened = ist("2025-09-03 09:15")
    for at, name, price in (
        (4, first.id, 100.0),
        (5, index.id, 24_500.0),
        (60, index.id, 24_500.0),
        (61, first.id, 100.0),
    ):
        run.session.step(Tick(name, opened + at * SECOND, price))
    run.session.step(Tick(index.id, opened + DAY + 5 * SECOND, 24_500.0))
    (held,) = run.engine.desks["story"].positions.open()
    assert (held.instrument.token, held.instrument.expiry) == (NUMBER, day("09-Sep-2025"))
    assert (held.instrument.symbol, held.instrument.lot_size, held.quantity) == (first.symbol, Decimal(75), Decimal(75))
    assert len(run.orders) == 1  # nothing was closed
    assert run.told()[-1].endswith("now expires on 2025-09-09, not on 2025-09-04; position p stays")


def weekly_after_monthly() -> None:
    listed = Contracts(
        make_chain("BANKNIFTY", "31-Jan-2024", [45_400], "24131")
        + make_chain("BANKNIFTY", "07-Feb-2024", [45_400], "24207")
        + make_chain("BANKNIFTY", "29-Feb-2024", [45_400], "24FEB")
        + [make_future("BANKNIFTY", "29-Feb-2024")]
    )
    for contracts in (listed, RULED):
        for code, date in (("W0", "31-Jan-2024"), ("M0", "29-Feb-2024")):
            assert choose(contracts, f"{code} ATM CE", "BANKNIFTY", 45_442.35, "29-Jan-2024").expiry == day(date)


def no_weekly_series() -> None:
    """Found without a price: before a strategy runs."""
    listed = Contracts(
        make_chain("BANKNIFTY", "27-Jan-2026", [59_000], "26JAN")
        + make_chain("BANKNIFTY", "24-Feb-2026", [59_000], "26FEB")
        + [make_future("BANKNIFTY", "27-Jan-2026"), make_future("BANKNIFTY", "24-Feb-2026")]
    )
    for contracts in (listed, RULED):
        assert "no weekly series" in refuse(contracts, "W0 ATM CE", "BANKNIFTY", 59_000, "05-Jan-2026")
        assert choose(contracts, "M0 ATM CE", "BANKNIFTY", 59_000, "05-Jan-2026").expiry == day("27-Jan-2026")


def replay_of_2024() -> None:
    contract = choose(RULED, "W0 ITM10 CE", "NIFTY", 25_010.9, "01-Aug-2024")
    assert (contract.symbol, contract.lot_size) == ("NIFTY2480124500CE", Decimal(25))
    assert contract.expiry == day("01-Aug-2024")
    session = market("NFO").session_on(day("01-Aug-2024"), contract)
    assert session is not None
    assert session.ts_close == ist("2024-08-01 15:30")
    sold = charge(contract, Product.INTRADAY, Side.SELL, day("01-Aug-2024"), Decimal(160), Decimal(25))
    assert sold.stt == Decimal("0.000625") * 160 * 25


def december_code() -> None:
    """Found by its fields: a list whose symbols say nothing gives the same contract."""
    codes = (("17-Dec-2020", "20D17"), ("24-Dec-2020", "20D24"), ("31-Dec-2020", "20DEC"))
    listed = Contracts([row for date, code in codes for row in make_chain("NIFTY", date, [13_550, 13_600], code)])
    for contracts in (listed, RULED):
        assert choose(contracts, "W0 ATM CE", "NIFTY", 13_590.0, "16-Dec-2020").symbol == "NIFTY20D1713600CE"


def nearest_strike() -> None:
    for code, strike in (("ATM CE", 24_500), ("ITM2 CE", 24_400), ("ITM1 PE", 24_550)):
        assert choose(SEPTEMBER, f"M0 {code}", "NIFTY", 24_512.35, "26-Sep-2025").strike == strike


def tie() -> None:
    for right in ("CE", "PE"):
        for spot, strike in ((24_525.00, 24_500), (24_575.00, 24_550)):
            assert choose(SEPTEMBER, f"M0 ATM {right}", "NIFTY", spot, "26-Sep-2025").strike == strike


def missing_strike() -> None:
    contracts = Contracts(make_chain("NIFTY", "30-Sep-2025", [24_400, 24_450, 24_550, 24_600], "25SEP"))
    for code, strike in (("ATM CE", 24_450), ("OTM1 CE", 24_550)):
        assert choose(contracts, f"M0 {code}", "NIFTY", 24_500.0, "26-Sep-2025").strike == strike


def offset_out_of_range() -> None:
    assert "'ITM60' is not known" in refuse(SEPTEMBER, "M0 ITM60 CE", "NIFTY", 24_512.35, "26-Sep-2025")
    assert "10 strikes below it" in refuse(SEPTEMBER, "M0 ITM11 CE", "NIFTY", 24_512.35, "26-Sep-2025")


def underlying_of_mcx() -> None:
    listed = Contracts(
        [
            make_future("GOLDM", "04-Sep-2026", exchange="MCX"),
            make_future("GOLDPETAL", "31-Aug-2026", exchange="MCX"),
            make_future("GOLD", "05-Oct-2026", exchange="MCX"),
            make_future("GOLD", "04-Dec-2026", exchange="MCX"),
        ]
    )
    found = choose(listed, "M0 FUT", "GOLD", 120_000, "20-Aug-2026", "MCX")
    assert (found.underlying, found.expiry) == ("GOLD", day("05-Oct-2026"))


def mixed_lots() -> None:
    listed = Contracts(
        make_chain("NIFTY", "02-Jan-2025", [23_750], "25102", lot=75)
        + make_chain("NIFTY", "30-Jan-2025", [23_750], "25JAN", lot=25)
    )
    for contracts in (listed, RULED):
        for code, lot in (("W0", 75), ("M0", 25)):
            assert choose(contracts, f"{code} ATM CE", "NIFTY", 23_742.9, "01-Jan-2025").lot_size == lot


def multiplier_of_50() -> None:
    index = Instrument("NSE", "NIFTY", InstrumentKind.INDEX)
    begin = start(symbol="NIFTY", exchange="NSE", timeframe="1m", tradingInstrument={"type": "options"})
    details = {"expiry": "W0", "optionType": "CE", "strikeType": "ATM"}
    drawn = drawing([begin, always("A"), entry("e", leg("p", optionDetails=details, multiplier=50))], ["start > A > e"])
    opened = ist("2026-11-30 09:15")

    def told(settings: CoreSettings) -> tuple[list[str], list[str]]:
        run = Run(drawn, instruments=[index, OPTION], contracts=[OPTION], settings=settings)
        run.session.step(Tick(OPTION.id, opened + 4 * SECOND, 100.0))
        for at in (5, 60):
            run.session.step(Tick(index.id, opened + at * SECOND, 26_000.0))
        return run.told(), [order["quantity"] for order in run.orders]

    refused, nothing = told(CoreSettings())
    assert "multiplier 50 is not the lot" in refused[0]
    assert refused[0].endswith(", 65")
    assert nothing == []
    said, traded = told(replace(CoreSettings(), contracts=ContractSettings(lot_mismatch="contract")))
    assert said == [refused[0].removeprefix("entry p refused: ") + "; trading the contract's lot"]
    assert traded == ["65"]


def off_lot() -> None:
    assert order_rules.off_lot(OPTION, Decimal(65)) == ""
    assert "65" in order_rules.off_lot(OPTION, Decimal(70))


def tick_rounding() -> None:
    for marketable, price in ((True, "101.05"), (False, "101.00")):
        assert order_rules.on_tick(OPTION, Decimal("101.03"), Side.BUY, marketable=marketable) == Decimal(price)


def future_tick() -> None:
    for side, price in ((Side.BUY, "24512.40"), (Side.SELL, "24512.30")):
        assert order_rules.on_tick(FUTURE, Decimal("24512.35"), side, marketable=True) == Decimal(price)
    assert "0.10" in order_rules.off_tick(FUTURE, Decimal("24512.35"))
    made = choose(RULED, "M0 FUT", "NIFTY", 24_512.35, "20-Nov-2026")
    assert made.tick_size == FUTURE.tick_size


ROWS: dict[int, Callable[[], None]] = {
    1: on_expiry_day, 2: after_expiry, 3: holiday, 4: shifted_monthly, 5: late_holiday, 6: re_dated,
    7: weekly_after_monthly, 8: no_weekly_series, 9: replay_of_2024, 10: december_code, 11: nearest_strike, 12: tie,
    13: missing_strike, 14: offset_out_of_range, 15: underlying_of_mcx, 16: mixed_lots, 17: multiplier_of_50,
    18: off_lot, 24: tick_rounding, 25: future_tick,
}  # fmt: skip
