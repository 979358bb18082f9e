"""Figures for Prometheus: the names and their meaning, as one table, and the page they make.

Whoever has figures gives them by these names; one that is not in the table is a mistake and fails loudly. Labels are
words of the configuration, never ids of orders or executions, of which there is no end.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

import tradingd
from tradingd.model.errors import InvariantError

Counters = Mapping[str, float | Mapping[tuple[str, ...], float]]
"""Figures by the names of `METRICS`: a number, or one for each combination of label values."""


class Metric(NamedTuple):
    """A figure; a name that ends in `_total` only grows."""

    name: str
    help: str
    labels: tuple[str, ...] = ()


METRICS = (
    Metric("feed_messages_total", "Messages taken from a feed.", ("feed",)),
    Metric("feed_connected", "Whether a feed is connected.", ("feed",)),
    Metric("feed_gap_seconds", "Time since the last message of a feed.", ("feed",)),
    Metric("bars_total", "Bars closed.", ("symbol", "timeframe")),
    Metric("ticks_late_total", "Ticks of bars that had closed."),
    Metric("ticks_outside_session_total", "Ticks outside of every session."),
    Metric("ticks_ahead_total", "Ticks refused, since they were stamped ahead of the clock."),
    Metric("queue_folded_total", "Ticks folded into another by a full queue."),
    Metric("queue_depth_max", "The most events that ever waited."),
    Metric("events_total", "Events the engine took."),
    Metric("commands_total", "Commands the engine gave."),
    Metric("market_time_seconds", "Market time, as seconds since the epoch."),
    Metric("orders_total", "Orders by the state they came to.", ("strategy", "status")),
    Metric("fills_total", "Fills.", ("strategy",)),
    Metric("trades_total", "Positions closed.", ("strategy",)),
    Metric("positions_open", "Positions open.", ("strategy",)),
    Metric("pnl_realized", "Realized P&L, charges apart.", ("strategy",)),
    Metric("pnl_unrealized", "P&L of open positions at the last price.", ("strategy",)),
    Metric("equity", "Cash and open positions at the last price."),
    Metric("drawdown_ratio", "Fall of equity below its highest mark, as a share of it."),
    Metric("strategies", "Strategies that run."),
    Metric("redis_connected", "Whether alerts reach Redis."),
    Metric("alerts_published_total", "Alerts delivered.", ("channel",)),
    Metric("alerts_waiting", "Alerts in the outbox that are not delivered yet."),
    Metric("config_last_reload_successful", "Whether the last reload was taken."),
    Metric("config_last_reload_success_timestamp_seconds", "When a reload was last taken."),
    Metric("executions", "Backtests asked for over HTTP that are remembered.", ("status",)),
    Metric("build_info", "What runs: always 1.", ("version", "python")),
)

PREFIX = "tradingd_"
_BY_NAME = {metric.name: metric for metric in METRICS}


class _Figures(Collector):
    """Asks for the figures when they are wanted."""

    def __init__(self, counters: Callable[[], Counters]) -> None:
        self._counters = counters

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        yield _family("build_info", {(tradingd.__version__, platform.python_version()): 1})
        for name, value in self._counters().items():
            yield _family(name, value)


def _family(name: str, value: float | Mapping[tuple[str, ...], float]) -> CounterMetricFamily | GaugeMetricFamily:
    metric = _BY_NAME.get(name)
    if metric is None:
        msg = f"metric {name!r} is not in the table of metrics"
        raise InvariantError(msg)
    kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
    family = kind(PREFIX + name, metric.help, labels=metric.labels)
    for labels, number in (value if isinstance(value, Mapping) else {(): value}).items():
        family.add_metric(labels, number)
    return family


def registry(counters: Callable[[], Counters]) -> CollectorRegistry:
    """Return a registry of its own: these figures, and those of the process."""
    made = CollectorRegistry()
    made.register(_Figures(counters))
    ProcessCollector(registry=made)
    return made


def page(figures: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """Return the page and its content type, as a client that sent `Accept: accept` wants it."""
    encode, content_type = choose_encoder(accept)
    return encode(figures), content_type
