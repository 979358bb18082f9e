"""What the data of a backtest cover of the sessions there were: days without a row, and days nobody knows about.

A session without a row is missing data, since holidays are no sessions; where the calendar ends, none can be told from
the other. Nothing is made up in the place of what is missing: it is counted and told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tradingd.model.errors import ConfigError

if TYPE_CHECKING:
    import datetime as dt

    from tradingd.core.markets.sessions import Market
    from tradingd.model.instrument import Instrument
    from tradingd.research.events import Rows

_SHOWN = 10
"""Of many dates, so many are named."""


def missing(rows: Rows, instrument: Instrument, venue: Market) -> list[dt.date]:
    """Return the dates between the first and the last row on which there was a session and is no row in it.

    Raises:
        ConfigError: the rows go on where the venue's calendar has ended.
    """
    times = rows.ts_others
    if not len(times):
        return []
    first, last = venue.date_of(int(times[0])), venue.date_of(int(times[-1]))
    if venue.calendar is not None:
        if last > venue.calendar.known_to:
            msg = (
                f"the data of {instrument.id} go on until {last}, but the calendar of {venue.name} is known until "
                f"{venue.calendar.known_to}; end there (--end {venue.calendar.known_to}), or name a file in "
                "markets.calendar with the holidays that follow and a row of [[known]]"
            )
            raise ConfigError(msg)
        first = max(first, venue.calendar.known_from)
    sessions = list(venue.sessions(first, last, instrument))
    begins = np.searchsorted(times, np.array([session.ts_open for session in sessions], np.int64))
    ends = np.searchsorted(times, np.array([session.ts_close for session in sessions], np.int64))
    return [session.date for session, empty in zip(sessions, (begins == ends).tolist(), strict=True) if empty]


def told(rows: Rows, instrument: Instrument, venue: Market, dates: list[dt.date]) -> list[str]:
    """Say what is missing, and from when on it can be said."""
    notes = []
    if dates:
        more = f" and {len(dates) - _SHOWN} more" if len(dates) > _SHOWN else ""
        notes.append(
            f"{instrument.id}: no row in {len(dates)} session(s) of {venue.name}, which are missing data, not "
            f"holidays: {', '.join(map(str, dates[:_SHOWN]))}{more}"
        )
    if venue.calendar is not None and len(rows) and venue.date_of(int(rows.ts_others[0])) < venue.calendar.known_from:
        notes.append(
            f"{instrument.id}: holidays and special sessions of {venue.name} are known from "
            f"{venue.calendar.known_from} on; before, every weekday counts as one with its usual hours"
        )
    return notes
