"""Where market data come from: live feeds, data files, instrument lists."""
