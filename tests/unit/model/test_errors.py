from __future__ import annotations

from tradingd.model.errors import DocumentError, Finding, Severity, TradingdError


def test_a_refused_document_tells_every_error_with_its_place() -> None:
    findings = [
        Finding(Severity.ERROR, "no-start", "", "there is no start node"),
        Finding(Severity.ERROR, "unknown-key", "/nodes/1/data/foo", "foo is unknown", "n1", "food"),
        Finding(Severity.WARNING, "never-closed", "/nodes/2", "nothing closes p"),
    ]
    error = DocumentError(findings, "a.json")
    assert str(error) == "a.json: 2 error(s)\n  /: there is no start node\n  /nodes/1/data/foo: foo is unknown"
    assert error.findings == tuple(findings)
    assert isinstance(error, TradingdError)


def test_a_finding_as_check_prints_it() -> None:
    finding = Finding(Severity.ERROR, "unknown-key", "/nodes/1/data/foo", "foo is unknown", "n1", "food")
    assert finding.as_dict() == {
        "severity": "error",
        "code": "unknown-key",
        "node": "n1",
        "pointer": "/nodes/1/data/foo",
        "message": "foo is unknown",
        "suggestion": "food",
    }
