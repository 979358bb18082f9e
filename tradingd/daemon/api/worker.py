"""A worker process: jobs come in on standard input, answers go out on standard output, one at a time.

It exists so that no backtest ever holds up what trades. It ends with the daemon, however that ends: when its input
is over, in the middle of a job or not. Frames are eight bytes of length and a pickle; both ends are ours.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

LENGTH = 8
NICE = 10

Job = tuple["Callable[..., Any]", tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Crashed:
    """The answer to a job that raised: its traceback, for the daemon's log."""

    trace: str


def frame(value: Any) -> bytes:
    """Return a value as it is sent."""
    content = pickle.dumps(value)
    return len(content).to_bytes(LENGTH) + content


def main() -> None:
    """Do jobs until the input is over."""
    for number in (signal.SIGINT, signal.SIGTERM):  # sent to the whole group: it is the daemon who decides
        signal.signal(number, signal.SIG_IGN)
    with suppress(OSError):  # a sandbox may forbid to be nice
        os.nice(NICE)
    with suppress(OSError):  # where memory runs out, this goes before what trades
        Path("/proc/self/oom_score_adj").write_text("1000", "ascii")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not get between the answers
    jobs: SimpleQueue[Job] = SimpleQueue()
    threading.Thread(target=_listen, args=(jobs,), daemon=True).start()
    while True:
        job, arguments = jobs.get()
        try:
            answer = frame(job(*arguments))
        except Exception:  # noqa: BLE001 - told to the daemon, which logs it
            answer = frame(Crashed(traceback.format_exc()))
        answers.write(answer)
        answers.flush()


def _listen(jobs: SimpleQueue[Job]) -> None:
    """Take jobs in; end the process when the daemon is gone, whatever it is doing."""
    read = sys.stdin.buffer.read
    while length := read(LENGTH):
        jobs.put(pickle.loads(read(int.from_bytes(length))))  # noqa: S301 - from the daemon that started us
    os._exit(0)
