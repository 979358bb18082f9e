"""The simulated exchange: a market of its own, made up or recorded, served as Binance serves the real one.

It is a process of its own, `python -m tradingd.venues.exchange`, so that what runs against it crosses real sockets;
a test may serve it in its own loop instead. It takes no orders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from tradingd.venues.rest import Rest, RestError, in_binances_words, read_unit
from tradingd.venues.subscriber import RequestError, Subscriber, parsed
from tradingd.venues.venue import Venue

if TYPE_CHECKING:
    from collections.abc import Sequence


class Exchange(Venue):
    """A venue in Binance's words; connections are closed with a `serverShutdown` event."""

    def _routes(self) -> Sequence[web.RouteDef]:
        return [
            *Rest(self.tape, self.now).routes(),
            web.get("/stream", self._serve_combined),
            web.get("/ws", self._serve_raw),
            web.get("/ws/{streams:.+}", self._serve_raw),
        ]

    def _middlewares(self) -> Sequence[Any]:
        return [in_binances_words]

    async def _serve_combined(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, request.query.get("streams", ""), combined=True)

    async def _serve_raw(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, request.match_info.get("streams", ""), combined=False)

    async def _serve(self, request: web.Request, streams: str, *, combined: bool) -> web.StreamResponse:
        subscriber = Subscriber(self.tape, combined=combined, unit=read_unit("timeUnit", request.query))
        try:
            names = tuple(parsed(filter(None, streams.split("/"))))
        except RequestError as error:
            raise RestError(error.code, str(error)) from error
        # Not before the client is connected, as the market goes on until then.
        return await self._attend(request, subscriber, lambda ts: subscriber.subscribe(names, ts))


if __name__ == "__main__":
    from tradingd.venues.command import main

    main()
