"""The touching: asyncio, one outside system a file. Adapters speak model types and never meet the core."""
