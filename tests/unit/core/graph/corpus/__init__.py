"""Documents that each break one rule of STRATEGY 1, 2 and 5, and their valid twins."""

from tests.unit.core.graph.corpus import conditions, graphs, positions, texts
from tests.unit.core.graph.corpus.case import Case

__all__ = ["CASES", "Case"]

CASES: list[Case] = [*texts.CASES, *graphs.CASES, *conditions.CASES, *positions.CASES]
