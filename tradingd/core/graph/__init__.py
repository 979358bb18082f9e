"""Station 3, values to intents: documents, their dialects, and strategies as they run."""
