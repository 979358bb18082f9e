"""What one client of a simulated Kite ticker hears: its instruments, each in its mode, and beats where all is quiet.

A synchronous object without I/O: requests and packets go in, frames come out. As on the real ticker a request is not
answered; an instrument shows itself at once when it is subscribed and when its mode changes, and what is not a
number, or not listed, is passed over.

Source: Kite Connect 3, "WebSocket streaming".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from tradingd.adapters.feeds.kite_wire import FULL, INDEX, INDEX_FULL, LTP, QUOTE
from tradingd.venues.wire import binary_frame, dumps, text_frame

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tradingd.venues.kite_board import Board, Told

    Mode = Literal["ltp", "quote", "full"]

TOKENS_MAX = 3000
_PACKETS_MAX = 20  # in a frame
_LENGTHS = {"ltp": {FULL: LTP, INDEX_FULL: LTP}, "quote": {FULL: QUOTE, INDEX_FULL: INDEX}}
_BEAT = binary_frame(b"\x00")


class KiteSubscriber:
    """One client's view of the board."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._modes: dict[int, Mode] = {}
        self._is_settled = False

    @property
    def is_listening(self) -> bool:
        """Whether it hears anything, and has said how, or had a beat's time to: clients subscribe before that."""
        return bool(self._modes) and self._is_settled

    # --- requests --------------------------------------------------------------------------------------------

    def reply(self, text: str, ts: int) -> list[str]:  # noqa: ARG002 - the board knows the time
        """Do what a request asks; return what is shown because of it, or the error."""
        try:
            request = json.loads(text)
            action, value = request["a"], request["v"]
        except (ValueError, KeyError, TypeError):
            return [_error(f"{text[:80]!r} is no request")]
        if action == "mode" and isinstance(value, list) and len(value) == 2 and value[0] in ("ltp", "quote", "full"):  # noqa: PLR2004 - a mode and its instruments
            self._is_settled = True
            return self._listen(_numbers(value[1]), value[0])
        if action == "subscribe" and isinstance(value, list):
            return self._listen(_numbers(value), None)
        if action == "unsubscribe" and isinstance(value, list):
            for token in _numbers(value):
                self._modes.pop(token, None)
            return []
        return [_error(f"{text[:80]!r} asks for nothing that there is")]

    def _listen(self, tokens: Sequence[int], mode: Mode | None) -> list[str]:
        known = [token for token in tokens if token in self._board.by_token]
        if mode is not None:
            known = [token for token in known if token in self._modes]
        wanted = {token: mode or self._modes.get(token, "quote") for token in known}
        if len(self._modes | wanted) > TOKENS_MAX:
            return [_error(f"more than {TOKENS_MAX} instruments on one connection")]
        self._modes |= wanted
        shown = ((token, self._board.present(token)) for token in known)
        return _frames(_cut(packet, self._modes[token]) for token, packet in shown if packet is not None)

    # --- the market ------------------------------------------------------------------------------------------

    def frames(self, told: Sequence[Told]) -> list[str]:
        """Return what it hears of packets, many in a frame."""
        modes = self._modes
        return _frames(_cut(packet, modes[token]) for token, packet in told if token in modes)

    def closed(self, ts: int) -> list[str]:  # noqa: ARG002 - nothing here ends with time
        """Return nothing: only trades are told."""
        return []

    def beat(self, payload: bytes) -> str:  # noqa: ARG002 - a beat says nothing
        """Return a frame of a single byte."""
        self._is_settled = bool(self._modes)
        return _BEAT

    def shutdown(self, ts: int) -> str:  # noqa: ARG002 - it comes without a word
        """Return no last words."""
        return ""


def order_update(order: dict[str, Any]) -> str:
    """Return the frame that tells a client what became of an order."""
    return text_frame(dumps({"type": "order", "id": "", "data": order}))


def _error(message: str) -> str:
    return text_frame(dumps({"type": "error", "data": message}))


def _numbers(values: Any) -> list[int]:
    given = values if isinstance(values, list) else []
    return list(dict.fromkeys(value for value in given if isinstance(value, int) and not isinstance(value, bool)))


def _cut(packet: bytes, mode: Mode) -> bytes:
    """Return a full packet as a mode has it: its beginning, with the length of that."""
    if mode == "full":
        return packet
    length = _LENGTHS[mode][len(packet) - 2]
    return length.to_bytes(2, "big") + packet[2 : length + 2]


def _frames(packets: Iterable[bytes]) -> list[str]:
    every = list(packets)
    parts = (every[first : first + _PACKETS_MAX] for first in range(0, len(every), _PACKETS_MAX))
    return [binary_frame(len(part).to_bytes(2, "big") + b"".join(part)) for part in parts]
