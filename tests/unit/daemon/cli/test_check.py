from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.unit.daemon.cli.runs import EMA, RSI, make_document, run

if TYPE_CHECKING:
    from pathlib import Path


def test_good_strategies_exit_0_with_their_remarks() -> None:
    result = run("check", EMA, RSI)
    assert result.exit_code == 0
    assert f"{EMA}: ok\n" in result.stdout
    assert f"{RSI}: ok\n" in result.stdout
    assert "warm-up" in result.stdout
    assert "error" not in result.stdout
    assert "configuration" not in result.stdout


def test_an_error_exits_78_with_its_place_and_what_would_be_right(tmp_path: Path) -> None:
    refused = make_document(tmp_path, tradingInstrument={"type": "option"}, exchange="NSEE")
    result = run("check", EMA, refused)
    assert result.exit_code == 78
    assert f"{EMA}: ok\n" in result.stdout
    assert f"{refused}: refused\n" in result.stdout
    assert "/nodes/0/data/exchange (start)" in result.stdout
    assert "NSEE" in result.stdout
    assert "[NSE]" in result.stdout


def test_json_has_every_finding_with_its_six_keys(tmp_path: Path) -> None:
    refused = make_document(tmp_path, exchange="NSEE", colour="red")
    result = run("check", EMA, refused, "--json")
    assert result.exit_code == 78
    printed = json.loads(result.stdout)
    assert [(file["file"], file["ok"]) for file in printed["files"]] == [(str(EMA), True), (str(refused), False)]
    assert printed["ok"] is False
    findings = [finding for file in printed["files"] for finding in file["findings"]]
    assert all(list(f) == ["severity", "code", "node", "pointer", "message", "suggestion"] for f in findings)
    errors = {finding["pointer"] for finding in findings if finding["severity"] == "error"}
    assert {"/nodes/0/data/exchange", "/nodes/0/data/colour"} <= errors


def test_a_warning_is_told_and_exits_0(tmp_path: Path) -> None:
    document = json.loads(EMA.read_text("utf-8"))
    document["nodes"] = [node for node in document["nodes"] if node["id"] not in ("death", "sell")]
    document["edges"] = [edge for edge in document["edges"] if edge["target"] not in ("death", "sell")]
    path = tmp_path / "unclosed.json"
    path.write_text(json.dumps(document), "utf-8")
    result = run("check", path)
    assert result.exit_code == 0
    assert "warning never-closed" in result.stdout


def test_a_configuration_is_checked_alone_or_beside_strategies(tmp_path: Path) -> None:
    good, wrong = tmp_path / "good.toml", tmp_path / "wrong.toml"
    good.write_text("[risk]\nmax_entries_per_session = 5\n", "utf-8")
    wrong.write_text("[risk]\nmax_entris = 5\n", "utf-8")
    assert run("check", "-c", good).stdout == f"{good}: ok\n"
    result = run("check", EMA, "-c", wrong)
    assert result.exit_code == 78
    assert f"{wrong}: refused\n" in result.stdout
    assert f"{EMA}: ok\n" in result.stdout
    assert "/risk/max_entris" in result.stdout


def test_the_environment_is_checked_too() -> None:
    result = run("check", EMA, "--json", env={"TRADINGD__RISK__MAX": "5"})
    assert result.exit_code == 78
    assert json.loads(result.stdout)["files"][0]["file"] == "configuration"
    assert run("check").stdout == "configuration: ok\n"


def test_what_is_no_json_is_refused_not_raised(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    for content in (b"", b"{", b"[]", b"\xff", b'{"id": NaN}'):
        path.write_bytes(content)
        result = run("check", path)
        assert result.exit_code == 78, content
        assert f"{path}: refused" in result.stdout


def test_what_a_configuration_names_is_checked_with_it(tmp_path: Path) -> None:
    config = tmp_path / "own.toml"
    for name in ("a", "b"):
        make_document(tmp_path, f"{name}.json")
    lines = ("[daemon]", 'strategies = ["*.json"]', 'instruments = "none.csv"', "[data]",
             'files = [{path = "none.npz", symbol = "X", timeframe = "5x"}]')  # fmt: skip
    config.write_text("\n".join(lines), "utf-8")
    result = run("check", "-c", config, "--json")
    assert result.exit_code == 78
    of_config, a, b = json.loads(result.stdout)["files"]
    pointers = [finding["pointer"] for finding in of_config["findings"]]
    assert pointers == ["/data/files/0/timeframe", "/data/files/0/path", "/daemon/instruments"]
    assert "none.npz" in of_config["findings"][1]["message"]
    assert (a["ok"], b["ok"]) == (True, False)
    assert f"is the id of {tmp_path / 'a.json'} already" in b["findings"][-1]["message"]


def test_a_strategy_is_checked_with_the_instruments_of_the_configuration(tmp_path: Path) -> None:
    """An equity that the list calls an index cannot be traded."""
    names = "exchange_token,tradingsymbol,name,expiry,strike,tick_size,lot_size,instrument_type,segment,exchange"
    (tmp_path / "list.csv").write_text(f"{names}\n1,DEMO,DEMO,,0,0,1,EQ,INDICES,NSE\n", "utf-8")
    make_document(tmp_path, "demo.json", exchange="NSE")
    config = tmp_path / "own.toml"
    config.write_text('[daemon]\nstrategies = ["demo.json"]\n', "utf-8")
    assert run("check", "-c", config).exit_code == 0
    config.write_text('[daemon]\nstrategies = ["demo.json"]\ninstruments = "list.csv"\n', "utf-8")
    assert run("check", "-c", config).exit_code == 78
