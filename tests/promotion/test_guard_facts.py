"""What is to be known of a guard stands in its file: its id is written nowhere else in the code."""

from __future__ import annotations

import ast
import re

from meshgate.promotion.guards import GUARDS
from places import REPOSITORY

PACKAGE = REPOSITORY / "scripts" / "meshgate"
ID = re.compile(r"PR\d\d")


def test_no_id_of_a_guard_stands_outside_its_file() -> None:
    files = {guard.id: f"{guard.id.lower()}_" for guard in GUARDS}
    written = {
        (node.value, path.name)
        for path in PACKAGE.rglob("*.py")
        if ID.search(text := path.read_text(encoding="utf-8"))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if ID.fullmatch(node.value)
    }

    assert {guard for guard, _ in written} == set(files)
    assert {(guard, name) for guard, name in written if not name.startswith(files[guard])} == set()


def test_guards_of_a_commit_are_not_asked_by_rules_of_before() -> None:
    """What these ask of a commit is the same under any rules, or, of PR21, may be gone since."""
    asked = {guard.id for guard in GUARDS if not guard.follows_rules}

    assert asked == {"PR01", "PR02", "PR03", "PR04", "PR05", "PR20", "PR21", "PR23"}
