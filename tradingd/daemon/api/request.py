"""The body of `POST /strategies/execute`: bytes in, what is asked or every reason why not out.

It is read as strictly as a strategy file and by the same reader, so that a strategy is judged alike wherever it comes
from. It touches nothing: whether there are data, or room, is for others to say.
"""

from __future__ import annotations

import datetime as dt
import difflib
import enum
import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tradingd.core.graph.dialects import text
from tradingd.daemon import wiring
from tradingd.daemon.api.problems import Kind, Problem
from tradingd.model.errors import DocumentError, Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tradingd.core.graph.document import Document
    from tradingd.model.instrument import Instrument

WAIT_S_MAX = 60
KEYS = ("strategy", "execution_mode", "start_date", "end_date", "wait_s")
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class Mode(enum.StrEnum):
    """How a strategy is to be run."""

    BACKTEST = "backtest"
    PAPER = "paper"
    LIVE = "live"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked: a strategy, read and as JSON text, and how to run it.

    The dates are days of its exchange, both inclusive; `start_at` is the JSON pointer to its start node.
    """

    mode: Mode
    document: Document
    source: str
    start_at: str
    start: dt.date | None
    end: dt.date | None
    wait_s: float


def read(body: bytes, listed: Iterable[Instrument]) -> Asked:
    """Read a body; `listed` knows better than the venue's defaults what a symbol is. Takes up to a second or two.

    Raises:
        Problem: it is refused.
    """
    asked, findings = text.read(body)
    if findings:
        kind = Kind.NOT_JSON if asked is None else Kind.REQUEST_REFUSED
        raise Problem(kind, findings[0].message, findings)
    if not isinstance(asked, dict):
        msg = f"the body is {text.brief(asked)}; it must be an object with a strategy"
        raise Problem(Kind.REQUEST_REFUSED, msg, [_finding("bad-body", "", msg)])
    if asked.get("execution_mode") == Mode.LIVE:
        raise Problem(Kind.LIVE_NOT_ARMED, "no broker is armed; execution_mode can be backtest or paper")
    fields = _Fields(asked)
    if "strategy" not in asked:
        fields.refuse("missing", "strategy", "there is no strategy; it is an object with nodes and edges")
        raise fields.problem(())
    source = json.dumps(asked["strategy"])
    try:
        document = wiring.document(source, {instrument.id: instrument for instrument in listed})
    except DocumentError as error:
        raise fields.problem(error.findings) from error
    if fields.findings:
        raise fields.problem(())
    return Asked(
        mode=fields.mode,
        document=document,
        source=source,
        start_at=_start_at(asked["strategy"], document),
        start=fields.start,
        end=fields.end,
        wait_s=fields.wait_s,
    )


class _Fields:
    """Everything but the strategy, with what is wrong with it."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self._asked = asked
        self.findings: list[Finding] = []
        for key in asked.keys() - KEYS:
            near = "".join(difflib.get_close_matches(key, KEYS, n=1))
            self.refuse("unknown-key", key, f"there is no such key; a request has {', '.join(KEYS)}", near)
        self.mode = self._mode()
        self.start, self.end = self._date("start_date"), self._date("end_date")
        if self.start and self.end and self.end < self.start:
            self.refuse("bad-value", "end_date", f"{self.end} is before start_date, {self.start}")
        self.wait_s = self._wait_s()
        if self.mode is Mode.PAPER:
            for key in ("start_date", "end_date", "wait_s"):
                if asked.get(key):
                    self.refuse("bad-value", key, "a paper session begins now and has no end to wait for; leave it out")

    def problem(self, findings: Iterable[Finding]) -> Problem:
        """Return the refusal, with the strategy's findings."""
        inner = [replace(finding, pointer=f"/strategy{finding.pointer}") for finding in findings]
        kind = Kind.REQUEST_REFUSED if self.findings else Kind.STRATEGY_REFUSED
        every = [*sorted(self.findings, key=lambda finding: finding.pointer), *inner]
        errors = [finding for finding in every if finding.severity is Severity.ERROR]
        return Problem(kind, f"{len(errors)} error(s), the first: {errors[0].message}", every)

    def refuse(self, code: str, key: str, message: str, suggestion: str = "") -> None:
        """Say what is wrong with a key."""
        self.findings.append(_finding(code, text.pointer(key), message, suggestion))

    def _mode(self) -> Mode:
        asked = self._asked.get("execution_mode", Mode.BACKTEST)
        try:
            return Mode(asked)
        except ValueError:
            near = "".join(difflib.get_close_matches(str(asked), list(Mode), n=1))
            message = f"{text.brief(asked)} is no execution mode; it is one of {', '.join(Mode)}"
            self.refuse("unknown-mode", "execution_mode", message, near)
            return Mode.BACKTEST

    def _date(self, key: str) -> dt.date | None:
        asked = self._asked.get(key)
        if asked is None:
            return None
        try:
            if isinstance(asked, str) and _DATE.fullmatch(asked):
                return dt.date.fromisoformat(asked)
        except ValueError:  # a day that no calendar has: told as any other text
            pass
        self.refuse("bad-value", key, f"{text.brief(asked)} is not a date; write it as 2024-01-31")
        return None

    def _wait_s(self) -> float:
        asked = self._asked.get("wait_s", 0)
        if isinstance(asked, bool) or not isinstance(asked, int | float) or not 0 <= asked <= WAIT_S_MAX:
            self.refuse("bad-value", "wait_s", f"{text.brief(asked)} is not a number of seconds from 0 to {WAIT_S_MAX}")
            return 0
        return asked


def _finding(code: str, pointer: str, message: str, suggestion: str = "") -> Finding:
    return Finding(Severity.ERROR, code, pointer, message, suggestion=suggestion)


def _start_at(strategy: Any, document: Document) -> str:
    """Return where the start node stands in the body."""
    for index, node in enumerate(strategy["nodes"]):
        if node.get("id") == document.start.id:
            return f"/strategy/nodes/{index}"
    return "/strategy"
