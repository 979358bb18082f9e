"""What the HTTP API sees of the daemon: its strategies, its paper sessions, its figures. It decides nothing."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from tradingd.adapters.publishers.envelope import envelope
from tradingd.daemon.api.app import PaperRefusedError
from tradingd.model.errors import ConfigError, FeedError
from tradingd.research.backtest import outcome

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from tradingd.core.graph.view import StrategyView
    from tradingd.daemon.api.metrics import Counters
    from tradingd.daemon.desired import Desired
    from tradingd.daemon.supervisor import Daemon
    from tradingd.model.ports import Provider
    from tradingd.model.trading import Alert

PAPER = "paper-"


class HttpHost:
    """The daemon, as `daemon.api` asks for it."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    @property
    def desired(self) -> Desired:
        """What the configuration wants."""
        return self._daemon.desired

    @property
    def base(self) -> Path:
        """What paths of the configuration are relative to."""
        return self._daemon.base

    @property
    def provider(self) -> Provider:
        """Who gives the history of the feed."""
        return self._daemon.provider

    @property
    def ready(self) -> bool:
        """Whether the feed is there."""
        return self._daemon.ready

    def state(self, strategy_id: str) -> tuple[StrategyView, ZoneInfo] | None:
        """Return a strategy's picture and its exchange's zone."""
        engine = self._daemon.session.engine
        desk = engine.desks.get(strategy_id)
        if desk is None:
            return None
        feed = desk.feed
        market_data = {"price": feed.price if feed.ts else None, "ts": feed.ts, "bar": desk.last_bar}
        view = engine.roster.by_id[strategy_id].view(market_data, tuple(desk.recent))
        return view, feed.market.zone

    def published(self, alert: Alert) -> bytes:
        """Return an alert as it was published."""
        return envelope(alert, self._daemon.journal.created_ms, self._daemon.zone(alert))

    async def start_paper(self, source: str) -> str:
        """Let a strategy trade on paper beside those of the configuration, until the daemon stops."""
        try:
            return PAPER + await self._daemon.post(source)
        except (ConfigError, FeedError) as error:
            raise PaperRefusedError(str(error)) from error

    def paper_result(self, execution_id: str) -> Mapping[str, Any] | None:
        """Return what a posted strategy has done so far; figures of equity are those of the whole account."""
        daemon, name = self._daemon, execution_id.removeprefix(PAPER)
        if not execution_id.startswith(PAPER) or name not in daemon.posted:
            return None
        desk = daemon.session.engine.desks[name]
        curve = copy.deepcopy(daemon.curve)
        curve.end_session()
        told = outcome(
            daemon.session, curve, execution_id=execution_id, bars=desk.bars(), ticks=daemon.sequencer.ticks, only=name
        ).as_dict() | {"status": "running"}
        return {key: value for key, value in told.items() if key not in ("execution_id", "seconds")}

    def counters(self) -> Counters:
        """Return the figures that there are."""
        daemon = self._daemon
        engine, sequencer = daemon.session.engine, daemon.sequencer
        desks = engine.desks
        figures: dict[str, Any] = {
            "feed_messages_total": {(daemon.settings.feed.provider,): sequencer.ticks},
            "feed_connected": {(daemon.settings.feed.provider,): int(daemon.ready)},
            "bars_total": {
                (feed.instrument.symbol, str(line.timeframe)): line.series.count
                for feed in engine.feeds.values()
                for line in feed.lines
            },
            "ticks_late_total": engine.counts.late,
            "ticks_outside_session_total": engine.counts.outside_session,
            "ticks_ahead_total": sequencer.ahead,
            "queue_folded_total": daemon.queue.folded,
            "queue_depth_max": daemon.queue.depth_max,
            "events_total": sequencer.seq,
            "commands_total": daemon.session.commands,
            "market_time_seconds": engine.now / 1e9,
            "trades_total": {(name,): len(desk.positions.closed) for name, desk in desks.items()},
            "positions_open": {(name,): len(desk.positions.open()) for name, desk in desks.items()},
            "pnl_realized": {(name,): float(desk.positions.realized) for name, desk in desks.items()},
            "equity": engine.equity,
            "strategies": len(engine.strategies),
        }
        if daemon.settings.redis.url:
            figures["redis_connected"] = int(daemon.relay.connected)
            figures["alerts_published_total"] = {("redis",): daemon.relay.delivered}
        if daemon.last_reload is not None:
            figures["config_last_reload_successful"] = int(bool(daemon.last_reload["ok"]))
        return figures
