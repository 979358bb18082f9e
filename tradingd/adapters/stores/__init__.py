"""Where the daemon remembers: the journal of events, commands and alerts."""
