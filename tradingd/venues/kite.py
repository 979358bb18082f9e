"""The simulated Kite ticker: a market made up or recorded, served as Kite serves the real one.

It is a process of its own, `python -m tradingd.venues.kite`; a test may serve it in its own loop instead. The ticker
and its REST share an address. Sessions can be let expire, as they do every morning. It takes no orders, but has the
place from which to tell of them.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tradingd.adapters.feeds.kite_rest import PER_SECOND
from tradingd.venues.connection import Limits
from tradingd.venues.kite_board import Board
from tradingd.venues.kite_rest import NETWORK, TOKEN, KiteError, KiteRest, Sessions
from tradingd.venues.kite_subscriber import KiteSubscriber, order_update
from tradingd.venues.venue import Venue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tradingd.venues.kite_board import Told
    from tradingd.venues.kite_listing import Listed
    from tradingd.venues.tape import Row, Tape

CONNECTIONS_MAX = 3
LIMITS = Limits(messages_per_s=1000, ping_every_s=1.0, pong_within_s=math.inf, lifetime_s=math.inf)
"""A beat every second, to which nobody answers."""


class KiteVenue(Venue):
    """A venue in Kite's words, over a tape whose symbols are `listed`; options are those of `Venue`."""

    def __init__(
        self,
        tape: Tape,
        listed: Mapping[str, Listed],
        *,
        sessions: Sessions | None = None,
        per_second: Mapping[str, int] = PER_SECOND,
        **options: Any,
    ) -> None:
        super().__init__(tape, limits=LIMITS, **options)
        self.sessions = sessions or Sessions()
        self.board = Board(tape, listed, self.now)
        self._rest = KiteRest(tape, self.board, self.sessions, self.now, _monotonic, per_second)

    def expire(self) -> None:
        """End the session, and with it the connections."""
        self.sessions.expire()
        for connection in self.connections:
            connection.close(1000, "")

    def tell_order(self, order: dict[str, Any]) -> None:
        """Tell every client what became of an order, in the fields of Kite's order book."""
        for connection in self.connections:
            connection.say(order_update(order))

    def _application(self) -> web.Application:
        application = super()._application()
        application.on_response_prepare.append(self._rest.stamp)
        return application

    def _routes(self) -> Sequence[web.RouteDef]:
        routes = [web.get("/", self._serve), *self._rest.routes()]
        return [*routes, web.post("/sim/expire", self._expire)] if self._with_control else routes

    def _middlewares(self) -> Sequence[Any]:
        return [self._rest.admitted]

    def _told(self, rows: Sequence[Row]) -> Sequence[Told]:
        return self.board.told(rows)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if not self.sessions.admits(request.query.get("api_key", ""), request.query.get("access_token", "")):
            raise KiteError(TOKEN, "Incorrect `api_key` or `access_token`.")
        if len(self.connections) >= CONNECTIONS_MAX:
            raise KiteError(NETWORK, "Too many connections")
        return await self._attend(request, KiteSubscriber(self.board))

    async def _expire(self, _request: web.Request) -> web.Response:
        self.expire()
        return web.json_response({"status": "success", "data": True})


def _monotonic() -> float:
    return asyncio.get_running_loop().time()


if __name__ == "__main__":
    from tradingd.venues.kite_command import main

    main()
