from __future__ import annotations

from tests.unit.daemon.cli.runs import RSI, run


def test_words_tell_every_node() -> None:
    result = run("explain", RSI)
    assert result.exit_code == 0
    assert "rsi_14" in result.stdout
    for node in ("oversold", "tell", "buy", "target", "take-profit", "stop", "stop-loss"):
        assert node in result.stdout


def test_code_is_python_that_compiles() -> None:
    result = run("explain", RSI, "--code")
    assert result.exit_code == 0
    compile(result.stdout, "<printed>", "exec")
    assert "def signal_1_is_true():" in result.stdout


def test_mermaid_is_a_flowchart() -> None:
    result = run("explain", RSI, "--mermaid")
    assert result.exit_code == 0
    assert result.stdout.startswith("flowchart TD\n")
    assert result.stdout.count("-->") == 7
