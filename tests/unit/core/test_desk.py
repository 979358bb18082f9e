"""From intent to order: which contract, how much, under which number, or why not; and what is told with it."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any, Literal

import pytest

from tests.stories import T0, Story, alert, drawing, entry, exit_, leg, signal, start
from tests.unit.core.markets.lists import make_chain
from tests.unit.core.runs import ACME, XYZ, Run, always, compare, feed_bars, ist, when
from tradingd.core.settings import ContractSettings, CoreSettings, RiskSettings
from tradingd.model.instrument import Instrument, InstrumentKind
from tradingd.model.market import DAY, MINUTE, SECOND, Tick

NIFTY = Instrument("NSE", "NIFTY", InstrumentKind.INDEX, tick_size=Decimal("0.05"))
CHAIN = [
    *make_chain("NIFTY", "04-Jan-2024", range(21400, 21700, 50), lot=65),
    *make_chain("NIFTY", "25-Jan-2024", range(21400, 21700, 50), lot=50),
]
OPEN = ist("2024-01-02 09:15")


def lot_mismatch(choice: Literal["refuse", "contract"]) -> CoreSettings:
    return replace(CoreSettings(), contracts=ContractSettings(lot_mismatch=choice))


def option(**data: Any) -> dict[str, Any]:
    """Draw a leg in this week's call at the money, unless told otherwise."""
    details = {"expiry": "W0", "optionType": "CE", "strikeType": "ATM"} | data.pop("details", {})
    return leg("p", optionDetails=details, **data)


def option_run(drawn_leg: dict[str, Any], *, timeframe: str = "1m", data_for: str = "NIFTY", **run: Any) -> Run:
    """Draw an entry at the first bar's close, and an exit at the next; the contracts `data_for` trade at 100."""
    begin = start(symbol="NIFTY", exchange="NSE", timeframe=timeframe, tradingInstrument={"type": "options"})
    drawn = drawing([begin, always("A"), entry("e", drawn_leg), always("B"), exit_("x")], ["start > A > e > B > x"])
    quoted = [row for row in CHAIN if row.symbol.startswith(data_for)]
    made = Run(drawn, instruments=[NIFTY, *quoted], contracts=CHAIN, **run)
    for row in quoted:
        made.session.step(Tick(row.id, OPEN + SECOND, 100.0))
    return made


def index(run: Run, second: int, price: float = 21_503.0) -> None:
    run.session.step(Tick(NIFTY.id, OPEN + second * SECOND, price))


# --- contracts ---------------------------------------------------------------------------------------------------


def test_an_option_is_chosen_at_the_entry_and_traded_in_its_own_lots_to_the_end() -> None:
    run = option_run(option(quantity=2))
    index(run, 5)
    index(run, 60)
    (sent,) = run.orders
    assert sent["instrument"] == "NFO:NIFTY 21500 CE 04-Jan-2024"
    assert sent["quantity"] == "130"
    run.session.step(Tick(sent["instrument"], OPEN + 61 * SECOND, 100.0))
    index(run, 120, 21_620.0)  # at the money has moved; the exit closes what is held
    assert run.orders[1]["instrument"] == sent["instrument"]
    run.session.step(Tick(sent["instrument"], OPEN + 121 * SECOND, 110.05))
    (closed,) = run.engine.desks["story"].positions.closed
    assert closed.pnl == Decimal("10.05") * 130
    assert closed.instrument.multiplier == 1


@pytest.mark.parametrize(
    ("details", "symbol"),
    [
        ({"strikeType": "OTM1"}, "NIFTY 21550 CE 04-Jan-2024"),
        ({"strikeType": "ITM1", "optionType": "PE"}, "NIFTY 21550 PE 04-Jan-2024"),
        ({"expiry": "M0"}, "NIFTY 21500 CE 25-Jan-2024"),
    ],
)
def test_other_contracts(details: dict[str, str], symbol: str) -> None:
    run = option_run(option(details=details))
    index(run, 5)
    index(run, 60)
    assert run.orders[0]["instrument"] == f"NFO:{symbol}"


def refusal(run: Run) -> str:
    """Return why the only entry was refused; nothing was sent."""
    assert run.orders == []
    critical = [one for one in run.alerts("risk") if one["alert_type"] == "critical"]
    assert [one["node"] for one in critical] == ["e"]
    message: str = critical[0]["message"]
    assert message.startswith("entry p refused: ")
    return message.removeprefix("entry p refused: ")


def test_an_old_spot_is_no_spot() -> None:
    run = option_run(option(), timeframe="5m")
    index(run, 5)
    run.session.step(Tick(CHAIN[0].id, OPEN + 301 * SECOND, 100.0))  # the bar closes at its deadline
    assert refusal(run) == "the price of NIFTY is 296 s old, contracts.spot_age_s_max is 60"


def test_how_old_a_spot_may_be_is_a_setting() -> None:
    settings = replace(CoreSettings(), contracts=ContractSettings(spot_age_s_max=296))
    run = option_run(option(), timeframe="5m", settings=settings)
    index(run, 5)
    run.session.step(Tick(CHAIN[0].id, OPEN + 301 * SECOND, 100.0))
    assert len(run.orders) == 1


def test_a_spot_beyond_the_listed_strikes_is_refused_and_nothing_is_clamped() -> None:
    run = option_run(option())
    index(run, 5)
    index(run, 60, 22_000.0)
    assert refusal(run) == "W0 ATM CE of NIFTY 2024-01-04: no strike is at 22000.0; listed: 21400 to 21650"


def test_a_contract_that_is_not_listed_is_refused() -> None:
    run = option_run(option(details={"strikeType": "OTM9"}))
    index(run, 5)
    index(run, 60)
    assert refusal(run).startswith("W0 OTM9 CE of NIFTY 2024-01-04: not listed; 21500 is at the money")


def test_a_contract_without_prices_is_refused() -> None:
    run = option_run(option(), data_for="NIFTY 21600")
    index(run, 5)
    index(run, 60)
    assert refusal(run) == "there is no market data for NIFTY 21500 CE 04-Jan-2024"


def test_a_refused_entry_is_spent() -> None:
    run = option_run(option(), data_for="NIFTY 21600")
    for second in range(0, 600, 20):
        index(run, second)
    assert len(run.alerts("risk")) == 1
    assert run.told("order") == ["entry e opened nothing"]


# --- lots and multipliers ----------------------------------------------------------------------------------------


def test_a_multiplier_that_is_the_lot_says_nothing_new() -> None:
    run = option_run(option(multiplier=65))
    index(run, 5)
    index(run, 60)
    assert run.orders[0]["quantity"] == "65"
    assert run.told() == []


def test_a_multiplier_that_is_not_the_lot_refuses_the_entry_with_both_numbers() -> None:
    run = option_run(option(multiplier=50))
    index(run, 5)
    index(run, 60)
    assert refusal(run) == "multiplier 50 is not the lot of NIFTY 21500 CE 04-Jan-2024, 65"


def test_or_trades_the_contracts_lot_and_says_so() -> None:
    run = option_run(option(multiplier=50, quantity=3), settings=lot_mismatch("contract"))
    index(run, 5)
    index(run, 60)
    assert run.orders[0]["quantity"] == "195"
    (told,) = run.alerts("risk")
    assert told["alert_type"] == "warning"
    assert (
        told["message"] == "multiplier 50 is not the lot of NIFTY 21500 CE 04-Jan-2024, 65; trading the contract's lot"
    )
    run.session.step(Tick(run.orders[0]["instrument"], OPEN + 61 * SECOND, 100.0))
    assert run.engine.desks["story"].positions.cash == -19_500


@pytest.mark.parametrize("mismatch", ["refuse", "contract"])
def test_where_there_are_no_lots_the_multiplier_is_money_per_point_once(
    mismatch: Literal["refuse", "contract"],
) -> None:
    nodes = [start(), signal("A", 0), entry("e", leg("p", quantity=2, multiplier=50)), signal("B", 2), exit_("x")]
    story = Story(drawing(nodes, ["start > A > e > B > x"]), lot_mismatch(mismatch)).run(4)
    assert story.orders() == ["0 entry buy p 2", "2 exit sell p 2"]
    (closed,) = story.desk.positions.closed
    assert closed.pnl == 2 * 50 * 2  # from the open of bar 1 to that of bar 3
    assert story.desk.positions.cash == closed.pnl


# --- risk --------------------------------------------------------------------------------------------------------


def equity_run(drawn_leg: dict[str, Any], instrument: Instrument = ACME) -> Run:
    begin = start(symbol=instrument.symbol, exchange="NSE")
    run = Run(drawing([begin, always("A"), entry("e", drawn_leg)], ["start > A > e"]), instruments=[instrument])
    for second in (5, 60):
        run.session.step(Tick(instrument.id, OPEN + second * SECOND, 100.0))
    return run


def test_an_index_cannot_be_traded() -> None:
    run = equity_run(leg("p"), replace(ACME, kind=InstrumentKind.INDEX))
    assert refusal(run) == "ACME is an index: it quotes, but cannot be traded"


def test_a_limit_off_the_grid_is_refused() -> None:
    run = equity_run(leg("p", orderType="limit", limitPrice=100.12))
    assert refusal(run) == "ACME: limit price 100.12 is not a multiple of the tick 0.05; 100.10 or 100.15 would be"


def test_a_limit_stands_on_the_grid_of_its_instrument_however_it_was_written() -> None:
    for written in (100, 100.0, 100.00, 1e2):
        run = equity_run(leg("p", orderType="limit", limitPrice=written))
        assert run.orders[0]["limit_price"] == "100.00"


def test_shares_are_whole() -> None:
    told = refusal(equity_run(leg("p", quantity=1.5)))
    assert told == "ACME: quantity 1.5 is not a multiple of the step 1; 1.0 or 2.0 would be"


def test_the_cap_counts_entries_of_one_session() -> None:
    nodes = [start(), always("A"), entry("e", "p"), always("B"), exit_("x", {"maxReEntries": None})]
    settings = replace(CoreSettings(), risk=RiskSettings(max_entries_per_session=3))
    run = Run(drawing(nodes, ["start > A > e > B > x"]), settings=settings)
    for minute in range(2 * DAY // MINUTE):
        run.session.step(Tick(XYZ.id, T0 + minute * MINUTE, 100.0))
    assert len([one for one in run.orders if one["purpose"] == "entry"]) == 6


# --- numbers -----------------------------------------------------------------------------------------------------


def test_order_ids_begin_again_each_session_and_alerts_have_their_own() -> None:
    nodes = [start(), signal("A", 0, 1441), entry("e", "p"), signal("B", 2, 1443), exit_("x")]
    run = Run(drawing(nodes, ["start > A > e > B > x"]))
    feed_bars(run, 0, 1445)
    assert [one["id"] for one in run.orders] == ["c478362401011", "c478362401012", "c478362401021", "c478362401022"]
    alerts = [one["id"] for one in run.alerts("fill")]
    assert alerts == ["c47836240101-a1", "c47836240101-a2", "c47836240102-a1", "c47836240102-a2"]


def test_position_ids_begin_again_each_session_too() -> None:
    nodes = [
        start(),
        signal("A", 0, 4, 1441),
        entry("e", "p"),
        signal("B", 2, 6, 1443),
        exit_("x", {"maxReEntries": 1}),
    ]
    story = Story(drawing(nodes, ["start > A > e > B > x"])).run(1445)
    assert [p.id for p in story.desk.positions.closed] == [
        "story-20240101-p-r1", "story-20240101-p-r2", "story-20240102-p-r1",
    ]  # fmt: skip


def test_an_order_is_good_for_its_session() -> None:
    nodes = [start(symbol="ACME", exchange="NSE"), always("A"), entry("e", leg("p", orderType="limit", limitPrice=1))]
    run = Run(drawing(nodes, ["start > A > e"]), instruments=[ACME])
    for second in (5, 60):
        run.session.step(Tick(ACME.id, OPEN + second * SECOND, 100.0))
    (order,) = run.engine.desks["story"].book.working.values()
    assert (order.ts_valid, order.ts_expiry) == (OPEN, ist("2024-01-02 15:30"))
    run.session.step(Tick(ACME.id, OPEN + DAY, 0.5))
    assert not run.engine.desks["story"].book.working
    assert run.engine.desks["story"].positions.open() == []


# --- what is told ------------------------------------------------------------------------------------------------


def test_an_alert_carries_price_indicators_and_what_the_signal_saw() -> None:
    begin = start(indicators={"ma": {"type": "sma", "period": 2}, "slow": {"type": "sma", "period": 3}})
    seen = [compare("close", ">", "$ma@1"), compare("$slow", ">", 1)]
    run = Run(drawing([begin, when("A", *seen), alert("say", "look here")], ["start > A > say"]))
    feed_bars(run, 0, 2)
    (told,) = run.alerts("alert")
    assert told["message"] == "look here"
    assert (told["strategy"], told["node"], told["alert_type"]) == ("story", "say", "info")
    assert told["ts"] == T0 + 3 * MINUTE
    assert told["price"] == 102.0
    assert told["indicators"] == {"ma": 101.5, "slow": 101.0}
    assert told["operands"] == {"close": 102.0, "ma[-1]": 100.5, "slow": 101.0}


def test_a_fill_is_told_without_exponents() -> None:
    satoshi = Decimal("0.00000001")
    coin = Instrument("BINANCE", "PEPE", InstrumentKind.SPOT, tick_size=satoshi, quantity_step=satoshi)
    begin = start(symbol="PEPE", exchange="BINANCE")
    drawn = drawing([begin, always("A"), entry("e", leg("p", quantity=0.0000005))], ["start > A > e"])
    run = Run(drawn, instruments=[coin])
    for second in (0, 60, 61):
        run.session.step(Tick(coin.id, T0 + second * SECOND, 0.00000085))
    assert run.orders[0]["quantity"] == "0.0000005"
    assert run.told("fill") == ["entry buy 0.0000005 PEPE at 0.00000085"]


def test_the_latest_alerts_are_kept_and_no_more() -> None:
    story = Story(drawing([start(), signal("A", *range(0, 400, 2)), alert("say")], ["start > A > say"])).run(300)
    assert len(story.desk.recent) == 50
    assert story.desk.recent[-1].id == "c47836240101-a47"  # the 151st


def test_a_strategy_can_be_looked_at() -> None:
    """The seven names of an execution context."""
    begin = start(indicators={"ma": {"type": "sma", "period": 2}, "slow": {"type": "sma", "period": 9}})
    signal_a = when("A", compare("$ma", ">", 0), compare("close", ">", 0))
    nodes = [begin, signal_a, entry("e", "p"), when("B", compare("$slow", ">", 10**6)), exit_("x")]
    story = Story(drawing(nodes, ["start > A > e > B > x"]))
    story.run(12)
    bar = story.desk._series.last
    view = story.strategy.view({"price": 112.0, "ts": 1, "bar": bar}, tuple(story.desk.recent))
    names = ["strategy_id", "current_time", "market_data", "indicators", "positions", "alerts", "execution_state"]
    assert list(type(view).__dataclass_fields__) == names
    assert (view.strategy_id, view.current_time) == ("story", T0 + 13 * MINUTE)
    assert view.indicators == {"ma": {"sma": 111.5}, "slow": {"sma": 108.0}}
    assert [p.vpi for p in view.positions] == ["p"]
    assert view.execution_state == {"start": "idle", "A": "idle", "e": "idle", "B": "armed", "x": "idle"}
    assert [a.kind for a in view.alerts] == ["fill"]


def test_before_it_is_warm_a_view_says_so() -> None:
    begin = start(indicators={"ma": {"type": "sma", "period": 5}})
    story = Story(drawing([begin, when("A", compare("$ma", ">", 0)), entry("e", "p")], ["start > A > e"])).run(2)
    view = story.strategy.view({}, ())
    assert view.indicators == {"ma": {"sma": None}}
    assert view.execution_state == {"start": "armed", "A": "idle", "e": "idle"}
    assert json.dumps(view.indicators)
