"""Prints alerts as they come: `python -m tradingd.examples.subscriber [--url URL] [--after ID]`.

Live from the channel; or, with --after, from the stream: what came after the entry ID (0: everything that is kept),
then live, and nothing is missed while Redis or this program is away. Redis does not tell a client that it has become
deaf, so silence is answered with a PING.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from redis import Redis
from redis.exceptions import ConnectionError as LostError
from redis.exceptions import RedisError, ResponseError

if TYPE_CHECKING:
    from collections.abc import Iterator

CHANNEL = "tradingd:alerts"
STREAM = "tradingd:alerts:stream"
SILENCE_S = 5.0


def live(redis: Redis) -> Iterator[bytes]:
    """Yield messages of the channel from now on."""
    with redis.pubsub() as channel:  # type: ignore[no-untyped-call]
        channel.subscribe(CHANNEL)
        asked = False
        while True:
            message: dict[str, Any] | None = channel.get_message(timeout=SILENCE_S)
            if message is not None:
                asked = False
                if message["type"] == "message":
                    yield message["data"]
            elif not asked:
                asked = True
                channel.ping()
            else:
                msg = f"no answer for {SILENCE_S:g} s"
                raise LostError(msg)


def kept(redis: Redis, after: str) -> Iterator[tuple[str, bytes]]:
    """Yield the id and the message of each entry of the stream after an id; waits for more at the end."""
    if _key(after) > _key(_top(redis)):
        after = "0"  # the server lost its stream and began a new one
    while True:
        found: Any = redis.xread({STREAM: after}, block=int(SILENCE_S * 1000))
        for _, entries in found or ():
            for id_, fields in entries:
                after = id_.decode()
                yield after, fields[b"alert"]


def _top(redis: Redis) -> str:
    try:
        return str(redis.xinfo_stream(STREAM)["last-generated-id"].decode())
    except ResponseError:
        return "0"  # no stream yet


def _key(id_: str) -> tuple[int, int]:
    ms, _, sequence = id_.partition("-")
    return int(ms), int(sequence or 0)


def show(body: bytes, shown: deque[str]) -> None:
    """Print one alert on a line, once: what was shown lately is a repeat."""
    alert = json.loads(body)
    if alert["id"] in shown:
        return
    shown.append(alert["id"])
    who = alert["strategy_id"] or "tradingd"
    sys.stdout.write(f"{alert['timestamp']}  {alert['alert_type']:8}  {alert['kind']:6}  {who}: {alert['message']}\n")
    sys.stdout.flush()


def follow(url: str, after: str | None) -> None:
    """Print alerts for ever, through whatever happens to the connection."""
    redis = Redis.from_url(url, protocol=2, socket_timeout=2 * SILENCE_S)
    shown: deque[str] = deque(maxlen=1000)
    while True:
        try:
            if after is None:
                for body in live(redis):
                    show(body, shown)
            else:
                for id_, body in kept(redis, after):
                    after = id_  # where to go on after a failure
                    show(body, shown)
        except (RedisError, OSError) as error:
            sys.stderr.write(f"{error}; trying again\n")
            time.sleep(1)


def main() -> None:
    """Read the arguments and follow until interrupted."""
    parser = argparse.ArgumentParser(description="Print alerts of tradingd as they come.")
    parser.add_argument("--url", default="redis://127.0.0.1:6379")
    parser.add_argument("--after", metavar="ID", help="read the stream from here; 0 for all that is kept")
    arguments = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        follow(arguments.url, arguments.after)


if __name__ == "__main__":
    main()
