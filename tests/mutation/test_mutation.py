"""The tool that changes the package: what it leaves out, which tests it asks, what it writes."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from mutation.notice import changed_line
from mutation.reach import by_line, ordered
from mutation.run import PAGE, PARTS, ROOT, Mutant, page
from mutation.unseen import Unseen

MODULE = """\
from functools import cache

LIMIT = 3
TOOL = "tool"


@cache
def answer(first: int | None, *, wide: bool = False) -> str | None:
    if first is None or wide:
        return f"{first:x}"[:12] + "a" * (LIMIT - 1)
    names: dict[str, int | None] = {}
    if names == "a" or TOOL != wide or len(names) == LIMIT:
        return names and f"{first[:12]}"


class Value(Struct, frozen=True):
    size: int | None = 0
"""


def place(text: str, occurrence: int = 0) -> tuple[int, int]:
    """Line and column of a text in the module."""
    start = [match.start() for match in re.finditer(re.escape(text), MODULE)][occurrence]
    before = MODULE[:start]
    return before.count("\n") + 1, start - before.rfind("\n") - 1


OPERATION = "core/ReplaceBinaryOperator_BitOr_Add"


@pytest.mark.parametrize(
    ("operator", "text", "occurrence", "is_unseen"),
    [
        (OPERATION, "| None, *", 0, True),
        (OPERATION, "| None:", 0, True),
        (OPERATION, "| None]", 0, True),
        (OPERATION, "| None = 0", 0, True),
        ("core/ReplaceBinaryOperator_Mul_Div", "*, wide", 0, True),
        ("core/ReplaceBinaryOperator_Mul_Div", "* (LIMIT", 0, False),
        ("core/ReplaceFalseWithTrue", "False", 0, False),
        ("core/ReplaceTrueWithFalse", "True", 0, True),
        ("core/RemoveDecorator", "@cache", 0, True),
        ("core/NumberReplacer", "12", 0, False),
        ("core/NumberReplacer", "12", 1, True),
        ("core/NumberReplacer", "3", 0, False),
        ("core/NumberReplacer", "0", 0, False),
        ("core/ReplaceComparisonOperator_Is_Eq", "is None", 0, True),
        ("core/ReplaceComparisonOperator_Is_Lt", "is None", 0, True),
        ("core/ReplaceComparisonOperator_Is_IsNot", "is None", 0, False),
        ("core/ReplaceOrWithAnd", "or wide", 0, False),
        ("core/ReplaceComparisonOperator_Eq_Lt", '== "a"', 0, True),
        ("core/ReplaceComparisonOperator_Eq_NotEq", '== "a"', 0, False),
        ("core/ReplaceComparisonOperator_NotEq_GtE", "!= wide", 0, True),
        ("core/ReplaceComparisonOperator_Eq_Lt", "== LIMIT", 0, False),
    ],
)
def test_what_no_run_can_notice_is_left_out(
    operator: str, text: str, occurrence: int, *, is_unseen: bool
) -> None:
    assert Unseen(MODULE).holds(operator, *place(text, occurrence)) is is_unseen


def test_a_line_is_tried_on_the_tests_that_reach_its_statement() -> None:
    texts = ("if first", "return f", "names: dict", "if names", "LIMIT = 3", "def answer", "size")
    asked, given, unreached, last, *of_import = (place(text)[0] for text in texts)
    contexts = {
        1: [""],
        asked: ["a.py::test_one|run", "a.py::test_two[x-1]|run"],
        given: ["a.py::test_two[x-1]|run"],
        last: ["b.py::Group::test_three|run", "b.py::test_four|setup"],
    }
    reached = by_line(MODULE, contexts)
    every = ["a.py::test_one", "a.py::test_two", "b.py::Group::test_three", "b.py"]

    assert reached[asked] == ["a.py::test_one", "a.py::test_two"]
    assert reached[given] == ["a.py::test_two"]
    assert reached[unreached] == []
    # What runs at import, and the head of a function, is reached by all that reach anything in it.
    assert [reached[line] for line in of_import] == [every] * 3
    assert ordered(every, ["b.py", "a.py"]) == ["b.py", "a.py::test_one", "a.py::test_two"]


def test_the_line_that_was_changed_is_found(tmp_path: Path) -> None:
    before, after = tmp_path / "before.py", tmp_path / "after.py"
    before.write_text(MODULE)
    after.write_text(MODULE)
    assert changed_line(before, after) is None
    after.write_text(MODULE.replace("LIMIT - 1", "LIMIT + 1"))
    assert changed_line(before, after) == place("LIMIT - 1")[0]
    after.write_text(MODULE.rpartition("\n    size")[0] + "\n")
    assert changed_line(before, after) == place("size")[0]


@pytest.mark.parametrize("name", PARTS)
def test_a_part_names_what_is_there(name: str) -> None:
    part = PARTS[name]

    assert [path for path in part.paths if not (ROOT / path).exists()] == []
    assert len(part.files) == len(set(part.files)) == len(part.tests)


def test_the_page_of_the_model_is_as_the_tool_writes_it() -> None:
    """But for its figures and its rows, which are those of a run."""
    survivors = [
        Mutant("a.py", 1, "core/AddNot", "SURVIVED", ""),
        Mutant("b.py", 2, "core/AddNot", "SURVIVED", ""),
    ]
    written = page(survivors, 9, {"b.py": {2}}, argparse.Namespace(sample=2, seed=1))

    def frame(text: str) -> list[str]:
        lines = re.sub(r"\d+", "N", text).splitlines()
        return [line for line in lines if not re.match(r"\| .*\.py \|", line)]

    assert frame(PAGE.read_text(encoding="utf-8")) == frame(written)
