"""The inputs of istioctl's own analyzers, and what meshgate says of each message they expect.

Which rule should tell the same is read from `docs/parity.md`; what istioctl expects, from the test
grid beside the inputs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

FOLDER = "pkg/config/analysis"
GRID = f"{FOLDER}/analyzers/analyzers_test.go"
MESSAGES = f"{FOLDER}/msg/messages.gen.go"
NOTHING = "\N{EN DASH}"
PARITY = Path(__file__).parents[2] / "docs" / "parity.md"

_CODE = re.compile(r'(\w+) = diag\.NewMessageType\(diag\.\w+, "(IST\d+)"')
_CASE = re.compile(r"^\t\{\n(.*?)^\t\},\n", re.MULTILINE | re.DOTALL)
_FILES = re.compile(r"inputFiles:\s*\[\]string\{(.*?)\}", re.DOTALL)
_EXPECTED = re.compile(r'\{msg\.(\w+), "([^"]*)"\}')
_TEXT = re.compile(r'"([^"]+)"')
_ROW = re.compile(r"^\| (IST\d+) \|[^|]*\|([^|]*)\|", re.MULTILINE)
_RULE = re.compile(r"\[([A-Z]{2}\d{3})\]")


class Expected(NamedTuple):
    """A message that istioctl expects: its code, and the object it is about (`Kind name`)."""

    code: str
    kind: str
    name: str


class Input(NamedTuple):
    """Files that are analyzed together, and what istioctl's analyzers say of them."""

    files: tuple[str, ...]
    expected: tuple[Expected, ...]


class Finding(NamedTuple):
    """A finding of meshgate, by the object it is at."""

    rule: str
    kind: str
    name: str


def inputs(module: Path) -> Iterator[Input]:
    """Every input of the test grid."""
    codes = dict(_CODE.findall((module / MESSAGES).read_text(encoding="utf-8")))
    for case in _CASE.findall((module / GRID).read_text(encoding="utf-8")):
        listed = _FILES.search(case)
        files = _TEXT.findall(listed[1]) if listed else []
        expected = [
            Expected(codes[message], kind, name.rpartition("/")[2])
            for message, about in _EXPECTED.findall(case)
            for kind, _, name in [about.partition(" ")]
        ]
        if files:
            yield Input(tuple(f"{FOLDER}/analyzers/{file}" for file in files), tuple(expected))


def rules_of_codes() -> dict[str, frozenset[str]]:
    """The rules that tell the same, by code; empty where the page says why none does."""
    rows = _ROW.findall(PARITY.read_text(encoding="utf-8"))
    return {code: frozenset(_RULE.findall(rules)) for code, rules in rows}


def compared(
    module: Path, lint: Callable[[tuple[str, ...]], list[Finding]]
) -> dict[str, dict[str, int]]:
    """By code: messages expected, told at the same object, told elsewhere in the input.

    `lint` gives the findings on some files that are looked at together.
    """
    same = rules_of_codes()
    rows: dict[str, dict[str, int]] = {}
    for each in inputs(module):
        found = lint(each.files) if any(same[item.code] for item in each.expected) else []
        for item in each.expected:
            row = rows.setdefault(item.code, {"expected": 0, "there": 0, "elsewhere": 0})
            row["expected"] += 1
            told = [finding for finding in found if finding.rule in same[item.code]]
            if any(finding[1:] == item[1:] for finding in told):
                row["there"] += 1
            elif told:
                row["elsewhere"] += 1
    return rows


def table(rows: dict[str, dict[str, int]]) -> Iterator[str]:
    """The published table."""
    same = rules_of_codes()
    yield "| Code | Expected | Told at the object | Told elsewhere | Rules |"
    yield "|---|---:|---:|---:|---|"
    for code, row in sorted(rows.items()):
        rules = ", ".join(f"[{rule}](rules/{rule}.md)" for rule in sorted(same[code]))
        yield (
            f"| {code} | {row['expected']} | {row['there']} | {row['elsewhere']} "
            f"| {rules or NOTHING} |"
        )
