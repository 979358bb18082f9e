"""Where alerts leave the process: one outside system per file, and the relay that feeds them from the outbox."""
