"""The demonstration: a made-up market, a Redis-protocol server and the daemon, all on this machine, for a while.

Nothing is simulated that a user would not run: the venue is a process of its own behind real sockets, the lines that
appear are read back from Redis as any subscriber would, and what the daemon recorded can be replayed afterwards.
Everything it starts ends with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import tempfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from redis.asyncio import Redis
from redis.exceptions import RedisError

from tradingd.adapters.publishers.redis import CHANNEL
from tradingd.daemon.redis_server import redis_server
from tradingd.daemon.supervisor import Daemon
from tradingd.model.errors import PublisherError
from tradingd.model.market import SECOND

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from redis.asyncio.client import PubSub

    from tradingd.daemon.redis_server import RedisServer

STRATEGIES = ("ema_crossover", "rsi_reversal", "volatility_alert")
_START_S_MAX, _LAST_LINES_S_MAX = 15, 2


@dataclass(frozen=True, slots=True)
class Demo:
    """What is asked of a demonstration: `span_s` of our time, 0 for as long as it is let; the venue is `speed` fast."""

    seed: int
    speed: int
    span_s: int
    redis_url: str

    async def run(self, out: TextIO) -> int:
        """Run it, telling `out` what happens; return the exit code.

        Raises:
            PublisherError: the Redis that was named does not answer.
        """
        with tempfile.TemporaryDirectory(prefix="tradingd-demo-") as folder:
            async with self._venue() as port, redis_server(self.redis_url) as redis:
                config = self._configure(Path(folder), port, redis)
                span = self.span_s * self.speed * SECOND if self.span_s else None
                daemon = Daemon(config, {}, (), span)  # no setting of the user's changes what is shown
                self._introduce(out, port, redis, folder)
                async with self._subscriber(redis, out):
                    code = await daemon.run()
                _summarize(daemon, out)
                return code

    @contextlib.asynccontextmanager
    async def _venue(self) -> AsyncIterator[int]:
        """Start the simulated exchange in a process of its own, and yield its port."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tradingd.venues.exchange", "--seed", str(self.seed), "--speed", str(self.speed),
            stdout=asyncio.subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        try:
            if process.stdout is None:
                msg = "the simulated exchange has no standard output"
                raise RuntimeError(msg)
            async with asyncio.timeout(_START_S_MAX):
                ready = json.loads(await process.stdout.readline())
            yield int(ready["port"])
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()

    def _configure(self, folder: Path, port: int, redis: RedisServer) -> Path:
        """Write the strategies and a configuration, as an operator would."""
        for name in STRATEGIES:
            source = resources.files("tradingd.examples").joinpath(f"{name}.json").read_text("utf-8")
            (folder / f"{name}.json").write_text(source, "utf-8")
        config = folder / "tradingd.toml"
        venue = f"127.0.0.1:{port}"
        lines = (
            "[daemon]", 'strategies = ["*.json"]', f'state_dir = "{folder}/state"',
            "[feed]", f'ws_url = "ws://{venue}"', f'rest_url = "http://{venue}"', f"speed = {self.speed}",
            "[redis]", f'url = "{redis.url}"',
            "[risk]", 'max_entries_per_session = "none"',
            "[http]", "port = 0",
            "[log]", 'level = "error"',
        )  # fmt: skip
        config.write_text("\n".join(lines) + "\n", "utf-8")
        return config

    def _introduce(self, out: TextIO, port: int, redis: RedisServer, folder: str) -> None:
        ends = f"for {self.span_s} s" if self.span_s else "until Ctrl-C"
        out.write(
            f"tradingd demo, {ends}: no account, no network, nothing but this machine\n"
            f"  exchange   ws://127.0.0.1:{port}, made up from seed {self.seed}, {self.speed} times as fast as life\n"
            f"  redis      {redis.label}: channel {CHANNEL}, stream {CHANNEL}:stream\n"
            f"  strategies {', '.join(STRATEGIES)}, on paper\n"
            f"  state      {folder}/state, gone afterwards\n\n"
        )
        out.flush()

    @contextlib.asynccontextmanager
    async def _subscriber(self, redis: RedisServer, out: TextIO) -> AsyncIterator[None]:
        """Print what is published, as a subscriber of one's own would read it."""
        async with Redis.from_url(redis.url, protocol=2) as client, client.pubsub() as listener:
            try:
                await listener.subscribe(CHANNEL)
            except (RedisError, OSError) as error:
                msg = f"no Redis answers, {redis.label}: {error}; name one that runs, or none for one of our own"
                raise PublisherError(msg) from error
            printing = asyncio.create_task(_print(listener, out))
            try:
                yield
                with contextlib.suppress(TimeoutError, RedisError):
                    async with asyncio.timeout(_LAST_LINES_S_MAX):
                        await listener.ping()  # what was published before comes before the answer
                        await printing
            finally:
                printing.cancel()
                await asyncio.wait({printing})


async def _print(listener: PubSub, out: TextIO) -> None:
    """Print alerts until a ping is answered, or Redis fails."""
    try:
        async for message in listener.listen():
            if message["type"] == "pong":
                return
            if message["type"] == "message":
                alert = json.loads(message["data"])
                who = alert["strategy_id"] or "tradingd"
                out.write(f"{alert['timestamp'][11:19]}  {alert['kind']:6} {who:18} {alert['message']}\n")
                out.flush()
    except RedisError as error:
        out.write(f"no more lines, Redis failed: {error}\n")
        out.flush()


def _summarize(daemon: Daemon, out: TextIO) -> None:
    status = daemon.status()
    out.write("\n  strategy            trades  open      realized P&L\n")
    out.writelines(
        f"  {row['id']:18} {row['trades']:7} {row['positions_open']:5} {row['realized_pnl']:>17}\n"
        for row in status["strategies"]
    )
    out.write(
        f"\n  {status['events']} events, {status['commands']} commands, {daemon.relay.delivered} alerts delivered\n"
        f"  decisions_sha256 {status['decisions_sha256']}\n"
    )
    out.flush()
