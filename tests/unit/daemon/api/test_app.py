"""What a client of the HTTP interface sees, request by request."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.stories import Story, alert, document, drawing, entry, start
from tests.unit.core.runs import always
from tests.unit.daemon.api.hosts import (
    CONFIG,
    FIRST_DAY,
    LAST_DAY,
    FakeHost,
    Gated,
    asking,
    body,
    configured,
    dipping,
    posted,
    save_bars,
)
from tradingd.core.settings import CoreSettings
from tradingd.research.backtest import DataFile, Request, run

if TYPE_CHECKING:
    from pathlib import Path

WAIT = {"wait_s": 60}


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    save_bars(tmp_path / "xyz.npz")
    return configured(tmp_path)


@pytest.fixture(scope="module")
def shared_host(tmp_path_factory: pytest.TempPathFactory) -> FakeHost:
    folder = tmp_path_factory.mktemp("shared")
    save_bars(folder / "xyz.npz")
    return configured(folder)


def pointers(problem: dict[str, Any]) -> list[str]:
    return [finding["pointer"] for finding in problem["findings"]]


# --- backtests ---------------------------------------------------------------------------------------------------


async def test_a_backtest_answers_what_the_research_package_answers(host: FakeHost) -> None:
    drawn = dipping()
    data = [DataFile(symbol="XYZ", kind="bars", path=host.base / "xyz.npz")]
    asked = Request(documents=[document(drawn)], data=data, start="2025-01-03", end="2025-01-03")
    expected = json.loads(json.dumps(run(asked).as_dict()))
    del expected["seconds"], expected["execution_id"]
    async with asking(host) as client:
        status, answer = await posted(client, body(drawn, start_date="2025-01-03", end_date="2025-01-03", **WAIT))
        again = await client.get(f"/strategies/executions/{answer['execution_id']}")
        assert (status, answer["status"]) == (200, "completed")
        assert answer["results"] == expected
        assert len(expected["trades"]) > 3
        assert await again.json() == answer


async def test_without_waiting_the_answer_comes_later(host: FakeHost) -> None:
    workers = Gated()
    workers.answer = b'{"status":"completed"}'
    async with asking(host, Looking(workers)) as client:
        response = await client.post("/strategies/execute", data=body())
        answer = await response.json()
        where = response.headers["Location"]
        assert response.status == 202
        assert answer["status"] in {"queued", "running"}
        assert answer["results"] is None
        assert where == f"/strategies/executions/{answer['execution_id']}"
        workers.gate.set()
        assert (await posted(client, body(**WAIT)))[0] == 200
        done = await (await client.get(where)).json()
        assert done == {
            "execution_id": answer["execution_id"],
            "status": "completed",
            "results": {"status": "completed"},
        }


async def test_equal_requests_are_one_execution_and_others_are_not(host: FakeHost) -> None:
    workers = Gated()
    async with asking(host, Looking(workers)) as client:
        ids = [
            (await posted(client, content))[1]["execution_id"]
            for content in (
                body(),
                body(),
                body(start_date="1999-01-01", execution_mode="backtest"),
                body(start_date=FIRST_DAY),
                body(end_date="2025-01-03"),
                body(dipping("other")),
            )
        ]
        assert ids[0] == ids[1]
        assert ids[2] == ids[3]
        assert len(set(ids)) == 4


async def test_data_that_changed_on_disk_are_another_execution(host: FakeHost) -> None:
    async with asking(host) as client:
        _, first = await posted(client, body(**WAIT))
        save_bars(host.base / "xyz.npz", days=2)
        _, second = await posted(client, body(**WAIT))
        assert first["execution_id"] != second["execution_id"]
        assert (first["results"]["bars"], second["results"]["bars"]) == (3 * 1440, 2 * 1440)


async def test_a_backtest_that_cannot_be_run_says_why_without_a_path(host: FakeHost) -> None:
    refusing = CONFIG + '\n[simulation]\nintrabar = "strict"\n'
    limited = entry("buy", {"vpi": "p1", "positionType": "buy", "orderType": "limit", "limitPrice": 990, "quantity": 1,
                            "priority": 1, "vpt": "", "productType": "carryForward"})  # fmt: skip
    drawn = drawing([start(), always("yes"), limited], ["start > yes > buy"], "resting")
    async with asking(configured(host.base, refusing)) as client:
        status, answer = await posted(client, body(drawn, **WAIT))
        assert (status, answer["status"], answer["results"]) == (200, "failed", None)
        assert answer["error"]["type"] == "urn:tradingd:problem:backtest-refused"
        assert "simulation.intrabar" in answer["error"]["detail"]
        assert str(host.base) not in json.dumps(answer)


async def test_an_execution_that_never_was_is_told_from_nothing(host: FakeHost) -> None:
    async with asking(host) as client:
        response = await client.get("/strategies/executions/bt-0000000000000000")
        problem = await response.json(content_type="application/problem+json")
        assert response.status == 404
        assert "is forgotten" in problem["detail"]


# --- refusals ----------------------------------------------------------------------------------------------------


async def test_every_finding_of_a_strategy_is_told_at_its_place(host: FakeHost) -> None:
    drawn = dipping()
    drawn["nodes"][1]["data"]["conditions"]["conditions"][0]["operator"] = "<<"
    drawn["nodes"][2]["data"]["positions"][0]["quantity"] = -1
    async with asking(host) as client:
        status, problem = await posted(client, body(drawn))
        assert status == 422
        assert problem["type"] == "urn:tradingd:problem:strategy-refused"
        assert "/strategy/nodes/1/data/conditions/conditions/0/operator" in pointers(problem)
        assert "/strategy/nodes/2/data/positions/0/quantity" in pointers(problem)


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"execution_mode": "backtset"}, "/execution_mode"),
        ({"execution_mode": None}, "/execution_mode"),
        ({"execution_mode": ["live"]}, "/execution_mode"),
        ({"start_date": "2025-02-30"}, "/start_date"),
        ({"start_date": "2025-01-02T09:15:00"}, "/start_date"),
        ({"end_date": 20250102}, "/end_date"),
        ({"start_date": "2025-01-03", "end_date": "2025-01-02"}, "/end_date"),
        ({"wait_s": -1}, "/wait_s"),
        ({"wait_s": 61}, "/wait_s"),
        ({"wait_s": True}, "/wait_s"),
        ({"data": "/etc/passwd"}, "/data"),
        ({"execution_mode": "paper", "start_date": "2025-01-02"}, "/start_date"),
        ({"execution_mode": "paper", "wait_s": 5}, "/wait_s"),
    ],
)
async def test_a_wrong_field_is_named(host: FakeHost, more: dict[str, Any], pointer: str) -> None:
    async with asking(host) as client:
        status, problem = await posted(client, body(**more))
        assert status == 422
        assert pointers(problem) == [pointer]
        assert host.started == []


async def test_a_misspelt_mode_is_never_live_and_the_right_word_is_suggested(host: FakeHost) -> None:
    async with asking(host) as client:
        _, problem = await posted(client, body(execution_mode="Paper"))
        assert problem["findings"][0]["suggestion"] == "paper"


async def test_live_is_refused_whatever_else_is_asked(host: FakeHost) -> None:
    async with asking(host) as client:
        for strategy in (dipping(), {}):
            status, problem = await posted(client, body(strategy, execution_mode="live"))
            assert (status, problem["type"]) == (409, "urn:tradingd:problem:live-not-armed")


@pytest.mark.parametrize(
    ("dates", "pointer"),
    [
        ({"start_date": "2025-01-05"}, "/start_date"),
        ({"end_date": "2025-01-01"}, "/end_date"),
        ({"start_date": "2026-01-01", "end_date": "9999-12-31"}, "/start_date"),
    ],
)
async def test_days_without_data_are_refused_with_those_that_have_some(
    host: FakeHost, dates: dict[str, str], pointer: str
) -> None:
    async with asking(host) as client:
        status, problem = await posted(client, body(**dates))
        assert (status, problem["type"]) == (422, "urn:tradingd:problem:no-data")
        assert pointers(problem) == [pointer]
        assert problem["available"] == {"start_date": FIRST_DAY, "end_date": LAST_DAY}


async def test_days_far_beyond_the_data_mean_all_of_them(host: FakeHost) -> None:
    async with asking(host) as client:
        _, everything = await posted(client, body(**WAIT))
        _, beyond = await posted(client, body(start_date="0001-01-01", end_date="9999-12-31", **WAIT))
        assert beyond["results"] == everything["results"]


async def test_a_symbol_without_data_is_refused_with_those_there_are(host: FakeHost) -> None:
    async with asking(host) as client:
        status, problem = await posted(client, body(dipping(symbol="ABC")))
        assert (status, problem["type"]) == (422, "urn:tradingd:problem:no-data")
        assert pointers(problem) == ["/strategy/nodes/0/data/symbol"]
        assert problem["available"] == {"symbols": ["SIM:XYZ"]}


async def test_a_body_may_have_a_mebibyte_and_no_more(host: FakeHost) -> None:
    async with asking(host) as client:
        content = body()
        padded = content[:-1] + b" " * ((1 << 20) - len(content)) + b"}"
        assert (await posted(client, padded))[0] in {200, 202}
        status, problem = await posted(client, padded + b" ")
        assert (status, problem["status"], problem["title"]) == (413, 413, "Request Entity Too Large")


async def test_what_is_no_json_is_told_with_its_place(host: FakeHost) -> None:
    async with asking(host) as client:
        for content in (b"", b"{", b"strategy=1", b"\xff\xfe", b"[" * 500_000, b'{"strategy": NaN'):
            status, problem = await posted(client, content)
            assert (status, problem["type"]) == (400, "urn:tradingd:problem:not-json")
        status, problem = await posted(client, b'{"strategy": {}, "strategy": {}}')
        assert (status, pointers(problem)) == (422, ["/strategy"])


async def test_what_is_not_there_is_a_problem_too(host: FakeHost) -> None:
    async with asking(host) as client:
        missing = await client.get("/nothing")
        wrong = await client.get("/strategies/execute")
        assert (missing.status, wrong.status, wrong.headers["Allow"]) == (404, 405, "POST")
        assert missing.content_type == wrong.content_type == "application/problem+json"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
FIELDS = st.fixed_dictionaries(
    {"strategy": JSON},
    optional={
        "execution_mode": JSON | st.sampled_from(["backtest", "paper", "live"]),
        "start_date": JSON | st.dates().map(str),
        "end_date": JSON | st.dates().map(str),
        "wait_s": JSON,
    },
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(content=st.binary() | (JSON | FIELDS).map(lambda value: json.dumps(value).encode()))
@example(content=b'{"strategy": {"nodes": [{}], "edges": 1}}')
@example(content=b'{"strategy": {"nodes": [{"id": "\\ud800"}]}, "\\ud800": "\\ud800"}')
@example(content=b'{"strategy": 1e999, "wait_s": 1e999}')
async def test_no_body_makes_the_daemon_fail(shared_host: FakeHost, content: bytes) -> None:
    async with asking(shared_host) as client:
        response = await client.post("/strategies/execute", data=content)
        problem = await response.json(content_type="application/problem+json")
        assert 400 <= response.status < 500
        assert response.status == problem["status"]
        assert {"type", "title", "detail"} < problem.keys()


def places(value: Any, place: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place, *(found for key, item in inner for found in places(item, (*place, key)))]


PLACES = places(dipping())[1:]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(where=st.sampled_from(PLACES), value=JSON)
async def test_no_distorted_strategy_makes_the_daemon_fail(
    shared_host: FakeHost, where: tuple[str | int, ...], value: Any
) -> None:
    drawn: Any = dipping()
    inner = drawn
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = value
    async with asking(shared_host, Looking(Gated())) as client:
        status, answer = await posted(client, body(drawn))
        assert status == 202 or (400 <= status < 500 and answer["status"] == status)


# --- paper -------------------------------------------------------------------------------------------------------


async def test_paper_starts_a_session_and_its_result_so_far_can_be_had(host: FakeHost) -> None:
    async with asking(host) as client:
        status, answer = await posted(client, body(execution_mode="paper"))
        assert (status, answer) == (202, {"execution_id": "paper-1", "status": "running", "results": None})
        assert [json.loads(source) for source in host.started] == [dipping()]
        host.sessions["paper-1"] = {"status": "running", "trades": []}
        response = await client.get("/strategies/executions/paper-1")
        assert await response.json() == answer | {"results": {"status": "running", "trades": []}}


async def test_paper_that_cannot_start_says_why(host: FakeHost) -> None:
    host.refusal = "the strategy dip runs already"
    async with asking(host) as client:
        status, problem = await posted(client, body(execution_mode="paper"))
        assert (status, problem["detail"]) == (409, "the strategy dip runs already")


# --- state -------------------------------------------------------------------------------------------------------


async def test_a_strategy_tells_its_state_by_the_seven_names(host: FakeHost) -> None:
    drawn = drawing(
        [start(), always("yes"), entry("buy", "p1"), alert("tell", "bought")], ["start > yes > buy", "yes > tell"], "s"
    )
    story = Story(drawn).run(3)
    feed = story.desk.feed
    view = story.strategy.view({"price": feed.price, "ts": feed.ts, "bar": None}, tuple(story.desk.recent))
    host.views["a b/c"] = view
    async with asking(host) as client:
        response = await client.get("/strategies/a%20b%2Fc/state")
        state = await response.json()
        assert list(state) == [
            "strategy_id", "current_time", "market_data", "indicators", "positions", "alerts", "execution_state",
        ]  # fmt: skip
        assert state["current_time"] == "2024-01-01T05:34:00+05:30"
        assert state["market_data"] == {"price": 103.0, "time": "2024-01-01T05:34:00+05:30", "bar": None}
        assert [(p["status"], p["entry_price"]) for p in state["positions"]] == [("open", "101")]
        assert Decimal(state["positions"][0]["quantity"]) == 1
        first = state["alerts"][0]
        assert (first["kind"], first["message"]) == ("alert", "bought")
        assert state["execution_state"]["yes"] in {"idle", "armed", "working"}


async def test_a_strategy_that_does_not_run_has_no_state(host: FakeHost) -> None:
    async with asking(host) as client:
        response = await client.get("/strategies/nobody/state")
        assert response.status == 404
        assert "nobody" in (await response.json(content_type="application/problem+json"))["detail"]


# --- operation ---------------------------------------------------------------------------------------------------


async def test_healthy_always_ready_only_when_it_trades(host: FakeHost) -> None:
    async with asking(host) as client:
        assert (await client.get("/-/ready")).status == 200
        host.ready = False
        assert (await client.get("/-/healthy")).status == 200
        assert (await client.get("/-/ready")).status == 503


async def test_figures_are_there_for_prometheus(host: FakeHost) -> None:
    host.figures = {"events_total": 5, "positions_open": {('say "hi"',): 2}}
    async with asking(host) as client:
        await posted(client, body(**WAIT))
        response = await client.get("/metrics")
        page = await response.text()
        assert response.content_type == "text/plain"
        assert "tradingd_events_total 5.0" in page
        assert r'tradingd_positions_open{strategy="say \"hi\""} 2.0' in page
        assert 'tradingd_executions{status="completed"} 1.0' in page


async def test_what_nobody_foresaw_is_logged_and_not_told(host: FakeHost) -> None:
    host.figures = {"no_such_metric": 1}
    async with asking(host) as client:
        response = await client.get("/metrics")
        text = await response.text()
        assert (response.status, response.content_type) == (500, "application/problem+json")
        assert "no_such_metric" not in text
        assert "Traceback" not in text


# --- who may ask -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "evil.example:8642", "Origin": "http://evil.example:8642"}, 421),
        ({"Host": "evil.example"}, 421),
        ({"Host": "a b"}, 421),
        ({"Host": "localhost:8642", "Origin": "http://localhost:8642"}, 200),
        ({"Host": "[::1]:8642"}, 200),
    ],
)
async def test_a_page_of_another_site_may_not_ask(host: FakeHost, headers: dict[str, str], status: int) -> None:
    async with asking(host) as client:
        assert (await client.get("/-/healthy", headers=headers)).status == status


async def test_where_it_listens_to_others_they_may_call_it_by_any_name(host: FakeHost) -> None:
    async with asking(configured(host.base, CONFIG + '\n[http]\nhost = "0.0.0.0"\n')) as client:
        assert (await client.get("/metrics", headers={"Host": "trader.lan:8642"})).status == 200


async def test_default_settings_decide_the_backtest(host: FakeHost) -> None:
    costly = CONFIG + "\n[simulation]\nslippage_bps = 10\n"
    drawn = dipping()
    data = [DataFile(symbol="XYZ", kind="bars", path=host.base / "xyz.npz")]
    free = run(Request(documents=[document(drawn)], data=data, settings=CoreSettings()))
    async with asking(configured(host.base, costly)) as client:
        _, answer = await posted(client, body(drawn, **WAIT))
        assert Decimal(answer["results"]["metrics"]["total_pnl"]) < free.metrics.total_pnl


class Looking(Gated):
    """Looks into files at once; backtests wait for the gate of another."""

    def __init__(self, backtests: Gated) -> None:
        super().__init__()
        self._backtests = backtests

    async def call(self, job: Any, *arguments: object) -> Any:
        if job.__name__ == "contents":
            return job(*arguments)
        return await self._backtests.call(job, *arguments)
