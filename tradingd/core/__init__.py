"""The thinking: synchronous, no clock, socket, log or randomness. The same input gives the same output, always."""
