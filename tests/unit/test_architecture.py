"""What docs/architecture.md promises: every name in its table exists, and the model needs nothing."""

from __future__ import annotations

import ast
import pkgutil
import re
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

PROJECT = Path(__file__).resolve().parents[2]
OWNERS = {"core", "daemon", "markets", "language", "order path", "feeds", "durability"}


class Row(NamedTuple):
    """One line of the table; `names` are the dotted names it is built as, none where it is not."""

    looked_for: str
    names: list[str]
    owner: str


def table() -> list[Row]:
    text = (PROJECT / "docs/architecture.md").read_text("utf-8")
    lines = text.split("## Names one may look for")[1].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [Row(looked_for, re.findall(r"`([\w.]+)`", built), owner) for looked_for, _, built, owner in cells[2:]]


@pytest.mark.parametrize("name", [name for row in table() for name in row.names])
def test_every_name_in_the_table_exists(name: str) -> None:
    assert pkgutil.resolve_name(name) is not None


def test_every_row_has_an_owner_and_the_core_owes_nothing() -> None:
    rows = table()
    assert {row.owner for row in rows} == OWNERS
    assert [row.looked_for for row in rows if row.owner == "core" and not row.names] == []


@pytest.mark.parametrize("path", sorted((PROJECT / "tradingd/model").rglob("*.py")), ids=lambda path: path.name)
def test_the_model_imports_the_standard_library_alone(path: Path) -> None:
    imports = [
        node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    modules = {alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module or "." for node in imports if isinstance(node, ast.ImportFrom)}
    foreign = {name for name in modules if name.split(".")[0] not in sys.stdlib_module_names}
    assert {name for name in foreign if not name.startswith("tradingd.model")} == set()
