from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.markets.lists import answer_to, choose, day, make_chain, make_future, refuse
from tradingd.core.markets.contracts import Contracts, DatedContracts, Refusal, Resolution
from tradingd.model.errors import DataError
from tradingd.model.instrument import Instrument, InstrumentKind
from tradingd.model.trading import EXPIRY_CODES, PREMIUM, STRIKE_CODES, OptionChoice

if TYPE_CHECKING:
    import datetime as dt

STRIKES = range(24_300, 24_701, 50)
NIFTY = Contracts(
    [
        *make_chain("NIFTY", "07-Oct-2025", STRIKES, lot=75),
        *make_chain("NIFTY", "14-Oct-2025", STRIKES, lot=75),
        *make_chain("NIFTY", "28-Oct-2025", STRIKES, lot=75),
        make_future("NIFTY", "28-Oct-2025", lot=75),
        make_future("NIFTY", "25-Nov-2025", lot=75),
    ]
)


def test_a_resolution_tells_what_it_was_chosen_from() -> None:
    answer = answer_to(NIFTY, "W1 OTM1 CE", "NIFTY", 24512.35, "01-Oct-2025")
    assert isinstance(answer, Resolution)
    assert answer.instrument.symbol == "NIFTY 24550 CE 14-Oct-2025"
    assert answer.expiry == day("14-Oct-2025")
    assert answer.expiries == (day("07-Oct-2025"), day("14-Oct-2025"), day("28-Oct-2025"))
    assert answer.strikes == tuple(map(Decimal, STRIKES))
    assert (answer.atm, answer.spot) == (Decimal(24500), Decimal("24512.35"))


def test_a_future_is_counted_by_month_and_has_no_strike() -> None:
    assert choose(NIFTY, "M1 FUT", "NIFTY", 24512.35, "01-Oct-2025").expiry == day("25-Nov-2025")
    assert "no weekly series of FUT" in refuse(NIFTY, "W0 FUT", "NIFTY", 24512.35, "01-Oct-2025")
    assert "2025-10-28, 2025-11-25" in refuse(NIFTY, "M2 FUT", "NIFTY", 24512.35, "01-Oct-2025")


@pytest.mark.parametrize("spot", [None, 0, 0.0, -24500.0, math.nan, math.inf, Decimal("NaN")])
@pytest.mark.parametrize("code", ["W0 ATM CE", "M0 FUT"])
def test_without_a_price_nothing_is_chosen(code: str, spot: Decimal | float | None) -> None:
    assert "the price of NIFTY is" in refuse(NIFTY, code, "NIFTY", spot, "01-Oct-2025")


@pytest.mark.parametrize(("spot", "listed"), [(24275, True), (24274.95, False), (24725, True), (24725.05, False)])
def test_a_price_beyond_the_listed_strikes_is_not_moved_to_their_end(spot: float, *, listed: bool) -> None:
    answer = answer_to(NIFTY, "W0 ATM CE", "NIFTY", spot, "01-Oct-2025")
    assert isinstance(answer, Resolution) is listed


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("W0 OTM5 CE", "24500 is at the money, with 4 strikes below it and 4 above"),
        ("W0 ITM5 CE", "24500 is at the money, with 4 strikes below it and 4 above"),
        ("W3 ATM CE", "2025-10-07, 2025-10-14, 2025-10-28"),
        ("M1 ATM PE", "2025-10-28"),
        ("W5 ATM CE", "'W5' is not known"),
        ("W0 ITM21 CE", "'ITM21' is not known"),
        ("W0 ATM XX", "'XX' is not known; known are CE, PE, FUT"),
    ],
)
def test_what_is_not_listed_is_refused_with_what_is(code: str, reason: str) -> None:
    assert reason in refuse(NIFTY, code, "NIFTY", 24500.0, "01-Oct-2025")


def test_an_underlying_or_a_segment_without_contracts_is_refused() -> None:
    assert refuse(NIFTY, "W0 ATM CE", "NIFTYX", 1.0, "01-Oct-2025") == "NFO lists no contracts of NIFTYX"
    assert refuse(NIFTY, "W0 ATM CE", "NIFTY", 1.0, "01-Oct-2025", "BFO") == "BFO lists no contracts of NIFTY"
    assert refuse(NIFTY, "W0 ATM CE", "NIFTY", 1.0, "01-Oct-2025", "") == "no segment lists no contracts of NIFTY"


def test_a_right_that_the_expiry_does_not_list_is_refused_not_looked_for_elsewhere() -> None:
    puts = make_chain("NIFTY", "07-Oct-2025", STRIKES, rights="PE")
    contracts = Contracts([*puts, *make_chain("NIFTY", "28-Oct-2025", STRIKES)])
    assert "listed: none" in refuse(contracts, "W0 ATM CE", "NIFTY", 24500.0, "01-Oct-2025")


def test_at_the_money_is_counted_in_the_strikes_of_that_right() -> None:
    chain = make_chain("X", "07-Oct-2025", [100, 110, 120], rights="CE") + make_chain(
        "X", "07-Oct-2025", [100, 120, 130], rights="PE"
    )
    contracts = Contracts([*chain, *make_chain("X", "28-Oct-2025", [100])])
    assert choose(contracts, "W0 ATM CE", "X", 112.0, "01-Oct-2025").strike == 110
    assert choose(contracts, "W0 ATM PE", "X", 112.0, "01-Oct-2025").strike == 120


def test_a_missing_series_is_found_without_a_price() -> None:
    monthly_only = Contracts(make_chain("BANKNIFTY", "28-Oct-2025", [54_000]))
    choice = OptionChoice("W0", "ATM", "CE")
    answer = monthly_only.expiries(choice, "NFO", "BANKNIFTY", day("01-Oct-2025"))
    assert isinstance(answer, Refusal)
    assert "BANKNIFTY has no weekly series" in answer.reason


def test_a_contract_listed_twice_is_an_error_that_names_both() -> None:
    twin = make_chain("NIFTY", "07-Oct-2025", [24_500], "X", rights="CE")
    with pytest.raises(DataError, match="NFO:NIFTY 24500 CE 07-Oct-2025 and NFO:NIFTYX24500CE are the same contract"):
        Contracts([*make_chain("NIFTY", "07-Oct-2025", [24_500]), *twin])


def test_a_derivative_without_its_terms_is_an_error() -> None:
    with pytest.raises(DataError, match="NFO:X has expiry None and strike None"):
        Contracts([Instrument("NFO", "X", InstrumentKind.OPTION, underlying="NIFTY")])


def test_quarters_and_years_are_counted_by_their_last_months() -> None:
    dates = ("28-Oct-2025", "25-Nov-2025", "30-Dec-2025", "31-Mar-2026", "30-Jun-2026", "29-Dec-2026")
    contracts = Contracts(
        [row for date in dates for row in make_chain("NIFTY", date, [24_500])] + [make_future("NIFTY", "30-Dec-2025")]
    )
    for code, date in (("Q0", "30-Dec-2025"), ("Q1", "31-Mar-2026"), ("Y0", "30-Dec-2025"), ("Y1", "29-Dec-2026")):
        assert choose(contracts, f"{code} ATM CE", "NIFTY", 24_500, "20-Oct-2025").expiry == day(date)
    assert choose(contracts, "Q0 FUT", "NIFTY", 24_500, "20-Oct-2025").expiry == day("30-Dec-2025")
    assert choose(contracts, "Q0 ATM CE", "NIFTY", 24_500, "31-Dec-2025").expiry == day("31-Mar-2026")
    short = Contracts([row for date in dates[:2] for row in make_chain("X", date, [100])])
    assert "X expiries from 2025-10-20 on are none" in refuse(short, "Q0 ATM CE", "X", 100, "20-Oct-2025")


class TestByPremium:
    """The option whose price is nearest to the one that is wanted."""

    PRICES: ClassVar = {24_400: 131.0, 24_450: 99.0, 24_500: 101.0, 24_550: 48.0, 24_600: 0.0}

    def answer(self, premium: str | None, prices: dict[int, float], right: str = "CE") -> Resolution | Refusal:
        choice = OptionChoice("W0", PREMIUM, right, None if premium is None else Decimal(premium))

        def price_of(row: Instrument) -> float | None:
            return None if row.strike is None else prices.get(int(row.strike))

        return NIFTY.resolve(choice, "NFO", "NIFTY", 24512.35, day("01-Oct-2025"), price_of)

    @pytest.mark.parametrize(("premium", "strike"), [("98", 24_450), ("120", 24_400), ("70", 24_550), ("1", 24_550)])
    def test_the_nearest_of_those_that_have_a_price(self, premium: str, strike: int) -> None:
        for right in ("CE", "PE"):
            found = self.answer(premium, self.PRICES, right)
            assert isinstance(found, Resolution)
            assert (found.instrument.strike, found.instrument.right, found.atm) == (
                Decimal(strike),
                right,
                Decimal(24_500),
            )

    def test_of_two_equally_near_the_lower_strike(self) -> None:
        found = self.answer("100", self.PRICES)
        assert isinstance(found, Resolution)
        assert found.instrument.strike == 24_450

    def test_the_prices_it_was_chosen_by_are_told(self) -> None:
        found = self.answer("100", {24_550: 48.05, 24_300: 210.5})
        assert isinstance(found, Resolution)
        assert found.quotes == ((Decimal(24_300), Decimal("210.5")), (Decimal(24_550), Decimal("48.05")))
        assert found.as_dict()["quotes"] == {"24300": "210.5", "24550": "48.05"}

    @pytest.mark.parametrize(
        ("premium", "prices", "reason"),
        [
            ("100", {}, "none of its options has a price to be chosen by"),
            (None, PRICES, "the premium wanted is None; it must be above 0"),
            ("0", PRICES, "the premium wanted is 0; it must be above 0"),
        ],
    )
    def test_otherwise_it_is_refused(self, premium: str | None, prices: dict[int, float], reason: str) -> None:
        found = self.answer(premium, prices)
        assert isinstance(found, Refusal)
        assert found.reason.endswith(reason)


class TestAContractThatIsHeld:
    """What the list of another day makes of it."""

    NUMBER: ClassVar = "47001"
    HELD: ClassVar = replace(make_chain("NIFTY", "07-Oct-2025", [24_500], lot=75)[0], token=NUMBER)

    def now(self, **changed: Any) -> Instrument:
        return Contracts([replace(self.HELD, **changed)]).current(self.HELD, day("01-Oct-2025"))

    def test_another_expiry_is_taken_over_and_nothing_else(self) -> None:
        expiry = day("06-Oct-2025")
        assert self.now(expiry=expiry, symbol="OTHER", lot_size=Decimal(65)) == replace(self.HELD, expiry=expiry)

    def test_the_same_expiry_changes_nothing(self) -> None:
        assert self.now(lot_size=Decimal(65)) is self.HELD

    @pytest.mark.parametrize("changed", [{"strike": Decimal(25_000)}, {"underlying": "BANKNIFTY"}, {"token": "1"}])
    def test_a_token_that_was_given_anew_is_another_contract(self, changed: dict[str, Any]) -> None:
        assert self.now(expiry=day("28-Oct-2025"), **changed) is self.HELD


class TestListsByDay:
    """A session is answered by the last list not after it."""

    LISTS: ClassVar = {
        day("26-Dec-2024"): make_chain("NIFTY", "27-Mar-2025", [23_750], "25MAR", lot=25),
        day("27-Dec-2024"): make_chain("NIFTY", "27-Mar-2025", [23_750], "25MAR", lot=75),
    }

    def test_each_day_has_its_own_lots(self) -> None:
        contracts = DatedContracts(self.LISTS, self.LISTS.__getitem__)
        days = {"26-Dec-2024": 25, "27-Dec-2024": 75, "02-Jan-2025": 75}
        for date, lot in [*days.items(), ("26-Dec-2024", 25)]:
            assert choose(contracts, "M0 ATM CE", "NIFTY", 23_750, date).lot_size == lot

    def test_before_the_first_there_is_none(self) -> None:
        contracts = DatedContracts(self.LISTS, self.LISTS.__getitem__)
        reason = refuse(contracts, "M0 ATM CE", "NIFTY", 23_750, "25-Dec-2024")
        assert reason == "no instrument list is dated 2024-12-25 or before; the first is of 2024-12-26"

    def test_a_list_is_read_once_while_days_go_on(self) -> None:
        read: list[dt.date] = []

        def load(date: dt.date) -> list[Instrument]:
            read.append(date)
            return self.LISTS[date]

        contracts = DatedContracts(self.LISTS, load)
        for date in ("26-Dec-2024", "26-Dec-2024", "27-Dec-2024", "30-Dec-2024", "31-Dec-2024"):
            choose(contracts, "M0 ATM CE", "NIFTY", 23_750, date)
        assert read == list(self.LISTS)


class TestWhichExpiryIsMonthly:
    """The evidence, strongest first."""

    def test_a_future_expires_with_it(self) -> None:
        """A weekly of the same month follows; in symbols that say nothing, the future decides."""
        contracts = Contracts(
            [
                *make_chain("BANKNIFTY", "25-Jan-2024", [47_000]),
                *make_chain("BANKNIFTY", "31-Jan-2024", [47_000]),
                *make_chain("BANKNIFTY", "29-Feb-2024", [47_000]),
                make_future("BANKNIFTY", "25-Jan-2024"),
                make_future("BANKNIFTY", "29-Feb-2024"),
            ]
        )
        assert choose(contracts, "M0 ATM CE", "BANKNIFTY", 47_000, "22-Jan-2024").expiry == day("25-Jan-2024")
        assert choose(contracts, "M1 ATM CE", "BANKNIFTY", 47_000, "22-Jan-2024").expiry == day("29-Feb-2024")

    def test_futures_of_later_months_show_that_the_month_has_passed(self) -> None:
        contracts = Contracts(
            [
                *make_chain("BANKNIFTY", "31-Jan-2024", [47_000]),
                *make_chain("BANKNIFTY", "29-Feb-2024", [47_000]),
                make_future("BANKNIFTY", "29-Feb-2024"),
            ]
        )
        assert choose(contracts, "M0 ATM CE", "BANKNIFTY", 47_000, "29-Jan-2024").expiry == day("29-Feb-2024")

    def test_the_symbol_says_so(self) -> None:
        contracts = Contracts(
            make_chain("BANKNIFTY", "31-Jan-2024", [47_000], "24131")
            + make_chain("BANKNIFTY", "29-Feb-2024", [47_000], "24FEB")
        )
        assert choose(contracts, "M0 ATM CE", "BANKNIFTY", 47_000, "29-Jan-2024").symbol == "BANKNIFTY24FEB47000CE"

    def test_a_date_in_a_symbol_is_not_mistaken_for_a_month(self) -> None:
        """26MAR26 begins like a monthly symbol of 2026."""
        contracts = Contracts(
            make_chain("SENSEX", "26-Mar-2026", [80_000], "26MAR26") + make_chain("SENSEX", "31-Mar-2026", [80_000])
        )
        assert choose(contracts, "M0 ATM CE", "SENSEX", 80_000, "20-Mar-2026").expiry == day("31-Mar-2026")

    def test_weekly_futures_prove_nothing(self) -> None:
        dates = ("03-Jan-2025", "07-Jan-2025", "28-Jan-2025")
        contracts = Contracts(
            [make_future("SENSEX", date, exchange="BFO") for date in (*dates, "25-Feb-2025")]
            + [row for date in (*dates, "25-Feb-2025") for row in make_chain("SENSEX", date, [79_000], exchange="BFO")]
        )
        resolved = [choose(contracts, f"M{k} FUT", "SENSEX", 79_000, "01-Jan-2025", "BFO").expiry for k in (0, 1)]
        assert resolved == [day("28-Jan-2025"), day("25-Feb-2025")]

    def test_futures_that_expire_on_other_days_than_options_say_nothing_of_these(self) -> None:
        contracts = Contracts(
            [
                *make_chain("GOLD", "27-Nov-2026", [120_000], exchange="MCX"),
                make_future("GOLD", "04-Dec-2026", exchange="MCX"),
            ]
        )
        assert choose(contracts, "M0 ATM CE", "GOLD", 120_000, "20-Nov-2026", "MCX").expiry == day("27-Nov-2026")
        assert choose(contracts, "M0 FUT", "GOLD", 120_000, "20-Nov-2026", "MCX").expiry == day("04-Dec-2026")

    def test_failing_all_else_it_is_the_last_of_its_month(self) -> None:
        dates = ("07-Oct-2025", "14-Oct-2025", "28-Oct-2025", "25-Nov-2025")
        contracts = Contracts([row for date in dates for row in make_chain("X", date, [100])])
        assert choose(contracts, "M0 ATM CE", "X", 100, "01-Oct-2025").expiry == day("28-Oct-2025")
        assert choose(contracts, "M1 ATM CE", "X", 100, "01-Oct-2025").expiry == day("25-Nov-2025")


@given(
    st.sets(st.integers(1, 400), min_size=1, max_size=60),
    st.decimals(1, 400, places=2),
    st.sampled_from(STRIKE_CODES[:-1]),
    st.sampled_from(["CE", "PE"]),
)
def test_every_choice_is_the_strike_counted_by_hand_or_refused(
    strikes: set[int], spot: Decimal, code: str, right: str
) -> None:
    listed = sorted(strikes)
    nearest = min(listed, key=lambda strike: (abs(strike - spot), strike))
    dearer = [strike for strike in listed if strike > nearest]
    cheaper = [strike for strike in reversed(listed) if strike < nearest]
    steps = int(code[3:] or 0)
    beside = dearer if (code[:3] == "OTM") == (right == "CE") else cheaper
    expected = ([nearest, *beside] + [None] * 20)[steps]
    if len(listed) > 1 and not (
        listed[0] - Decimal(listed[1] - listed[0]) / 2 <= spot <= listed[-1] + Decimal(listed[-1] - listed[-2]) / 2
    ):
        expected = None

    answer = answer_to(
        Contracts(make_chain("X", "28-Oct-2025", strikes)), f"M0 {code} {right}", "X", spot, "01-Oct-2025"
    )

    assert (answer.instrument.strike if isinstance(answer, Resolution) else None) == expected


def test_the_codes_of_the_language_are_those_that_resolve() -> None:
    strikes = range(1000, 5001, 100)
    dates = ("07-Oct-2025", "14-Oct-2025", "21-Oct-2025", "28-Oct-2025", "25-Nov-2025", "30-Dec-2025", "29-Dec-2026")
    contracts = Contracts([row for date in dates for row in make_chain("X", date, strikes)])
    for expiry in EXPIRY_CODES:
        for strike in STRIKE_CODES:
            choice = OptionChoice(expiry, strike, "CE", Decimal(7) if strike == PREMIUM else None)
            answer = contracts.resolve(choice, "NFO", "X", 3000.0, day("01-Oct-2025"), lambda _: 7.0)
            assert isinstance(answer, Resolution), answer
