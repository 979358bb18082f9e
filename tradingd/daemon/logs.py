"""How the daemon speaks: structlog, for people on a terminal, as JSON lines elsewhere.

Event names are dotted nouns and past participles (`feed.lost`, `config.reloaded`), never sentences; values are
fields. Nothing is logged per tick.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from tradingd.daemon.settings import LogSettings


def configure(settings: LogSettings) -> None:
    """Set structlog up for this process; everything goes to standard error."""
    people = settings.format == "console" or (settings.format == "auto" and sys.stderr.isatty())
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if people else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
