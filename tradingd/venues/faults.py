"""What goes wrong on purpose, so that a client can be tested against it: after so many messages, exactly once.

A fault is placed by a count of messages and not by time, so that a test that runs twice meets it at the same place.
Nothing here touches a socket: a plan turns messages into the steps by which a connection sends them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from tradingd.model.errors import ConfigError
from tradingd.venues.wire import content

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Fault:
    """Strikes once, when the venue has sent `after` messages of market data, all connections counted.

    `disconnect` cuts the connection without a word, `reset` by a RST, `end` by a FIN after all that was said before;
    `mute` leaves it open and says nothing on it for `seconds`, what would have been said is lost; `hush` does so but
    for beats and pings; `delay` holds all that follows back for `seconds`; `skip` leaves out the next `count`
    messages; `duplicate` sends each of them twice, `trickle` byte by byte.
    """

    kind: Literal["disconnect", "reset", "end", "mute", "hush", "delay", "skip", "duplicate", "trickle"]
    after: int
    count: int = 1
    seconds: float = 0.0

    def __post_init__(self) -> None:
        """Check that it can strike."""
        if self.after < 0 or self.count < 1 or self.seconds < 0:
            msg = f"{self}: after and seconds must be at least 0, count at least 1"
            raise ConfigError(msg)


class Pause(NamedTuple):
    """Wait before the next step."""

    seconds: float


class Mute(NamedTuple):
    """Say nothing for a time, beats and pings excepted where `beats`."""

    seconds: float
    beats: bool = False


class Cut(NamedTuple):
    """End the connection: abruptly, by a RST or by a FIN."""

    by: Literal["disconnect", "reset", "end"] = "disconnect"


class Trickle(NamedTuple):
    """Send byte by byte."""

    content: bytes


Step = bytes | Pause | Mute | Cut | Trickle


class Plan:
    """The faults still to come, and how many messages have been sent."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self.sent = 0
        self._coming: list[Fault] = []
        self.add(faults)

    def add(self, faults: Iterable[Fault]) -> None:
        """Plan more; those whose place has passed strike at once."""
        self._coming = sorted([*self._coming, *faults], key=lambda fault: fault.after)

    def steps(self, messages: list[str]) -> list[Step]:
        """Return how to send these; what a cut or a mute loses is not counted."""
        steps: list[Step] = []
        while self._coming and self._coming[0].after < self.sent + len(messages):
            fault = self._coming.pop(0)
            place = max(fault.after - self.sent, 0)
            steps += self._sent(messages[:place])
            messages = messages[place:]
            if fault.kind in {"disconnect", "reset", "end"}:
                return [*steps, Cut(fault.kind)]
            if fault.kind in {"mute", "hush"}:
                return [*steps, Mute(fault.seconds, beats=fault.kind == "hush")]
            if fault.kind == "delay":
                steps.append(Pause(fault.seconds))
                continue
            hit, messages = messages[: fault.count], messages[fault.count :]
            if fault.kind == "duplicate":
                steps += self._sent([message for message in hit for _ in range(2)])
            elif fault.kind == "trickle":
                steps += [Trickle(content([message])) for message in hit]
                self.sent += len(hit)
            else:
                self.sent += len(hit)
            if len(hit) < fault.count:
                self.add([Fault(fault.kind, self.sent, fault.count - len(hit), fault.seconds)])
        return steps + self._sent(messages)

    def _sent(self, messages: list[str]) -> list[Step]:
        self.sent += len(messages)
        return [content(messages)] if messages else []
