"""One name stands for one thing: no two classes of the package have the same."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "scripts" / "meshgate"
CLASS = re.compile(r"^ *class (\w+)[(:]", re.MULTILINE)


def test_no_class_name_is_used_for_two_things() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        for name in CLASS.findall(path.read_text(encoding="utf-8")):
            places[name].append(str(path.relative_to(PACKAGE)))

    assert len(places) > 500
    assert {name: where for name, where in places.items() if len(where) > 1} == {}
