"""What goes wrong with a request, as problem+json (RFC 9457): one shape for every refusal.

A problem has a kind, a sentence for a person, and findings in the words of `tradingd check`, with JSON pointers into
the body. What nobody foresaw is logged in full and answered with nothing of it: no traceback and no exception's text
ever leaves here.
"""

from __future__ import annotations

import enum
import json
from typing import TYPE_CHECKING, Any

import structlog
from aiohttp import web

from tradingd.core.graph.dialects.findings import FINDINGS_MAX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aiohttp.typedefs import Handler

    from tradingd.model.errors import Finding

log = structlog.get_logger()

CONTENT_TYPE = "application/problem+json"


class Kind(enum.Enum):
    """What can be wrong: the HTTP status, and the title that never changes."""

    NOT_JSON = 400, "The body is not JSON that every reader reads alike"
    FOREIGN = 403, "A page of another site may not ask this"
    NO_SUCH_EXECUTION = 404, "There is no such execution"
    NO_SUCH_STRATEGY = 404, "There is no such strategy"
    TOO_SLOW = 408, "The body did not arrive in time"
    LIVE_NOT_ARMED = 409, "Live trading is not armed"
    PAPER_REFUSED = 409, "The paper session cannot be started"
    ENCODED = 415, "The body is compressed"
    MISDIRECTED = 421, "The request is addressed to somebody else"
    REQUEST_REFUSED = 422, "The request cannot be meant like this"
    STRATEGY_REFUSED = 422, "The strategy has errors"
    NO_DATA = 422, "There are no data for this"
    TOO_LONG = 422, "The backtest took too long"
    BACKTEST_REFUSED = 422, "The backtest cannot be run on these data with these settings"
    INTERNAL = 500, "The daemon failed to answer; its log says why"
    DATA_UNREADABLE = 500, "A configured data file cannot be read"
    WORKER_LOST = 500, "The process that ran the backtest has ended"
    FEED_FAILED = 502, "The feed did not give its history"
    TOO_MANY = 503, "Too many executions wait"
    NOT_READY = 503, "The daemon is not ready"
    STOPPING = 503, "The daemon is stopping"

    def __init__(self, status: int, title: str) -> None:
        self.status = status
        self.title = title

    def described(self, detail: str) -> dict[str, Any]:
        """Return a problem of this kind, as an object."""
        kind = self.name.lower().replace("_", "-")
        return {"type": f"urn:tradingd:problem:{kind}", "title": self.title, "detail": detail}


class Problem(Exception):  # noqa: N818 - the RFC's word
    """A request is refused. `more` are members of the answer beside those that every problem has."""

    def __init__(
        self,
        kind: Kind,
        detail: str,
        findings: Sequence[Finding] = (),
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.kind, self.detail = kind, detail
        self._findings, self._headers, self._more = findings, headers, more

    def response(self) -> web.Response:
        """Return the answer."""
        content = self.kind.described(self.detail)
        if self._findings:
            content["findings"] = [finding.as_dict() for finding in self._findings[:FINDINGS_MAX]]
        return _response(self.kind.status, content | self._more, self._headers)


@web.middleware
async def answer_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever a handler raises into an answer."""
    try:
        return await handler(request)
    except Problem as problem:
        return problem.response()
    except web.HTTPException as error:
        if error.status < 400:  # noqa: PLR2004 - a redirection is no problem
            raise
        return _of_server(request, error)
    except web.RequestPayloadError:
        return Problem(Kind.NOT_JSON, "the body is not what its headers say").response()
    except Exception:
        log.exception("http.failed", method=request.method, path=request.path)
        return Problem(Kind.INTERNAL, "this is a fault of the daemon, not of the request").response()


def _of_server(request: web.Request, error: web.HTTPException) -> web.Response:
    """Return an answer for what the server itself refused."""
    headers = {name: value for name, value in error.headers.items() if name == "Allow"}
    details = {
        404: f"there is nothing at {request.path}",
        405: f"{request.method} is not for {request.path}; it takes {headers.get('Allow', 'nothing')}",
        413: f"the body is larger than {request.client_max_size} bytes",
    }
    content = {"type": "about:blank", "title": error.reason, "detail": details.get(error.status, error.reason)}
    return _response(error.status, content, headers)


def _response(status: int, content: dict[str, Any], headers: Mapping[str, str] | None) -> web.Response:
    content = {"status": status} | content
    order = ("type", "title", "status", "detail")
    body = {name: content.pop(name) for name in order} | content
    return web.Response(status=status, body=json.dumps(body).encode(), content_type=CONTENT_TYPE, headers=headers)
