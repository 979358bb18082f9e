"""What can go wrong, as one tree.

    TradingdError
    ├── ConfigError        a setting is wrong                           → fix it, exit code 78
    ├── DocumentError      a strategy document is wrong (has findings)  → fix it, exit code 78
    ├── DataError          a data file or row is wrong                  → fix it, or skip bad rows
    ├── FeedError          a market-data source failed   ┐
    │   └── FeedRefused        it does not have what is asked, and would say so again
    ├── BrokerError        a broker failed               ├ recoverable: retried at the edge, then an event
    │   ├── OrderRefused       it did not take the order, for good
    │   ├── OrderUncertain     it may have taken the order, or not: find out, never send again unasked
    │   ├── BrokerBusy         it did not look at the request: the same may be sent later
    │   └── LoginExpired       its token is not valid any more: a person logs in
    ├── PublisherError     a publisher failed            ┘
    ├── StoreError         the journal failed            ┐ fatal: the process stops, the journal restores
    └── InvariantError     the program contradicts itself┘

A message names what was wrong, where, the value, and what would be right. Rejections by a venue or by
risk are events, not exceptions.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class TradingdError(Exception):
    """Root of every error the project raises on purpose."""


class ConfigError(TradingdError):
    """A configuration key is unknown, malformed or out of range."""


class DataError(TradingdError):
    """A data file, or a row of it, cannot be read; the message names file, line and value."""


class FeedError(TradingdError):
    """A market-data source failed; the adapter retries."""


class FeedRefused(FeedError):  # noqa: N818 - what the source says
    """The source said no, and would again: it does not have what is asked."""


class BrokerError(TradingdError):
    """A broker could not be asked, or its answer not be read; a question may be asked again."""


class OrderRefused(BrokerError):  # noqa: N818 - what the venue says
    """The venue did not take the order, and says why: a definite answer."""


class OrderUncertain(BrokerError):  # noqa: N818 - what is known
    """The order may or may not be at the venue: a timeout, a lost answer, an answer that is known to lie."""


class BrokerBusy(BrokerError):  # noqa: N818 - what the venue says
    """The venue did not look at the request, as with too many a second; the same may be sent again later."""


class LoginExpired(BrokerError):  # noqa: N818 - what the venue says
    """The session with the broker is over: nothing was done, and nothing can be until a person logs in."""


class PublisherError(TradingdError):
    """A publisher could not deliver; the outbox keeps the message."""


class StoreError(TradingdError):
    """The journal could not be written or read; trading stops."""


class InvariantError(TradingdError):
    """The program found itself in a state that its own rules forbid."""


class Severity(enum.StrEnum):
    """How bad a finding is: an error refuses the document, the others are told."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark about a document: what, where, and what would be right.

    `node` is the id of the node concerned, empty for the document as a whole; `pointer` is an RFC 6901 JSON
    pointer into the document as it was given.
    """

    severity: Severity
    code: str
    pointer: str
    message: str
    node: str = ""
    suggestion: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return the finding with the six keys that `check --json` prints."""
        return {
            "severity": str(self.severity),
            "code": self.code,
            "node": self.node,
            "pointer": self.pointer,
            "message": self.message,
            "suggestion": self.suggestion,
        }


class DocumentError(TradingdError):
    """A strategy document is refused; `findings` holds every reason at once."""

    def __init__(self, findings: Sequence[Finding], source: str = "strategy") -> None:
        self.findings = tuple(findings)
        errors = [f for f in self.findings if f.severity is Severity.ERROR]
        lines = [f"{source}: {len(errors)} error(s)"]
        lines += [f"  {f.pointer or '/'}: {f.message}" for f in errors]
        super().__init__("\n".join(lines))
