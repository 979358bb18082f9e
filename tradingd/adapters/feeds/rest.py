"""One request to a venue over REST, and whether one that failed is worth asking again.

What every venue's REST has in common is kept here: requests take a bounded time, a venue that is busy or broken is
asked later, and where it says when, then. What an answer means is its reader's to say. It retries nothing itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

import aiohttp

from tradingd.model.errors import FeedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OK, FORBIDDEN, BANNED, TOO_MANY, SERVER_ERRORS = 200, 403, 418, 429, 500
RETRY_S = 30.0
"""The longest that a venue may ask us to wait, and that we ask again."""


class UnavailableError(FeedError):
    """The venue did not answer, or asked to be asked later: after `later_s`, where it said when."""

    def __init__(self, message: str, later_s: float | None = None) -> None:
        super().__init__(message)
        self.later_s = later_s


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: bytes
    headers: Mapping[str, str]


def again(error: Exception) -> bool | float:
    """Whether to ask again, or after how many seconds."""
    if not isinstance(error, UnavailableError):
        return False
    return True if error.later_s is None else error.later_s <= RETRY_S and error.later_s


async def ask(  # noqa: PLR0913 - the parts of a request
    http: aiohttp.ClientSession,
    method: str,
    url: str,
    timeout_s: float,
    query: Mapping[str, str | int] | Sequence[tuple[str, str]],
    *,
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
) -> Answer:
    """Ask a venue once.

    Raises:
        UnavailableError: there is no answer, or one that asks to be asked later; the message names no header or form.
    """
    asked = f"{url}?{urlencode(query)}" if query else url
    try:
        async with http.request(
            method, url, params=query, headers=headers, data=form, timeout=aiohttp.ClientTimeout(timeout_s)
        ) as response:
            status, body = response.status, await response.read()
            later = response.headers.get("Retry-After", "")
            answer = Answer(status, body, response.headers)
    except (aiohttp.ClientError, TimeoutError) as error:
        msg = f"{asked}: {str(error) or type(error).__name__}"
        raise UnavailableError(msg) from error
    if status in {TOO_MANY, BANNED} or status >= SERVER_ERRORS:
        msg = f"{asked}: status {status}"
        raise UnavailableError(msg, float(later) if later.isdecimal() else None)
    return answer
