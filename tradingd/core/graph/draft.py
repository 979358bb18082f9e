"""A document as far as it could be read: what an importer hands over for judgement.

A person wants to hear of every fault at once, so a node that could not be read keeps its place in the graph and
the rest is judged around it. Nothing here runs: only a draft without errors becomes a strategy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tradingd.core.graph.document import Document, Kind, Node

Pointers = Mapping[tuple[str | int, ...], str]
"""JSON pointers into the text by paths of the canonical document, as `("nodes", 3, "legs", 0)` or `("edges", 2)`."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A node that could not be read: its id (empty: none) and kind (none: unknown) are nearly all there is of it.

    `returns`: it is a signal that leads back to an entry.
    """

    id: str
    kind: Kind | None
    returns: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """The graph as drawn, repeated edges included.

    `document` is none where the start node could not be read, and lacks the nodes that could not. `edges_read` says
    that every edge could be.
    """

    nodes: tuple[Node | Unread, ...]
    edges: tuple[tuple[str, str], ...]
    document: Document | None
    edges_read: bool
    pointers: Pointers

    def at(self, *path: str | int) -> str:
        """Return the pointer of a path, or of the nearest thing around it that has one."""
        while path and path not in self.pointers:
            path = path[:-1]
        return self.pointers.get(path, "")
