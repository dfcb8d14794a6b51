"""No module of the package imports itself by way of others, not even for the types alone.

What is imported inside a function is imported when that runs, and is no part of this.
"""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "scripts" / "meshgate"


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that are run, or read by a type checker, when a module is imported."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef):
            yield child
            yield from outside_functions(child)


def imported(path: Path, modules: set[str]) -> Iterator[str]:
    for node in outside_functions(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from modules.intersection(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            yield from names & modules
            if names - modules and node.module in modules:
                yield node.module


def test_no_module_imports_itself_by_way_of_others() -> None:
    paths = {name_of(path): path for path in PACKAGE.rglob("*.py")}
    graph = {name: set(imported(path, set(paths))) - {name} for name, path in paths.items()}

    assert sum(map(len, graph.values())) > len(graph), "next to nothing is imported"
    # Raises CycleError, which names the modules of a circle.
    assert set(graphlib.TopologicalSorter(graph).static_order()) == set(paths)
