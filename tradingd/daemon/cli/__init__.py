"""The command line: `tradingd VERB`, one module per verb. Nothing heavy is imported before a verb needs it."""
