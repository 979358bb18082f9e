"""Run strategies drawn as graphs against market data: backtest, replay, paper and live, one engine.

The package root holds only the version, so that importing it costs nothing.
"""

__version__ = "0.1.0"
