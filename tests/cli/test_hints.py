"""Every command and option that a message, a help or a page names is one that there is.

Messages are found in the code: in each text, `meshgate COMMAND --option` and what follows a hint's
"with" or "add" are tried on the parsers themselves.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

from meshgate.cli import COMMANDS, parser_for
from places import REPOSITORY

PACKAGE = REPOSITORY / "scripts/meshgate"
# What is code in a text: between backticks, or a line of its own, as in the examples of a help.
CODE = re.compile(r"`([^`]+)`|^[ \t$]*((?:kubectl )?meshgate .*)$", re.MULTILINE)
COMMAND = re.compile(
    r"(?:^|[|&;$] |kubectl )meshgate ((?:-C \S+ |--?[a-z]\S* )*)([a-z][a-z-]+)([^\n;:|]*)",
    re.MULTILINE,
)
# A line of prose may begin with the name.
VERBS = frozenset({"is", "reads", "says"})
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


def texts(file: Path) -> Iterator[tuple[int, str]]:
    """Every text of a module; what a message fills in is one word."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
        elif isinstance(node, ast.JoinedStr):
            yield (
                node.lineno,
                "".join(
                    str(part.value) if isinstance(part, ast.Constant) else "WORD"
                    for part in node.values
                ),
            )


@functools.cache
def options_of(command: str) -> frozenset[str]:
    """The options of a command, and of those below it."""
    found: set[str] = set()
    stack = [parser_for([command])]
    while stack:
        for action in stack.pop()._actions:  # noqa: SLF001 - argparse has no public way
            found.update(action.option_strings)
            if isinstance(action.choices, dict):
                stack += [
                    each
                    for name, each in action.choices.items()
                    if name == command or name not in COMMANDS
                ]
    return frozenset(found)


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Each command that a text names, and the words around it."""
    for code in CODE.findall(text):
        for before, command, after in COMMAND.findall("".join(code)):
            yield command, f"{before} {after}"


def wrong(text: str) -> list[str]:
    """What a text names that is not there."""
    found = []
    for command, words in commands(text):
        if command in VERBS:
            continue
        if command not in COMMANDS:
            found.append(f"meshgate {command}")
            continue
        missing = [each for each in OPTION.findall(words) if each not in options_of(command)]
        found += [f"meshgate {command} {each}" for each in missing]
    return found


def test_what_messages_and_help_name_is_there() -> None:
    named = 0
    missing = []
    for file in sorted(PACKAGE.rglob("*.py")):
        for line, text in texts(file):
            named += len(list(commands(text)))
            missing += [f"{file.relative_to(PACKAGE)}:{line}: {each}" for each in wrong(text)]

    assert named > 150
    assert missing == []


def test_what_pages_name_is_there() -> None:
    pages = [*(REPOSITORY / "docs").rglob("*.md"), REPOSITORY / "README.md"]
    texts = {page: page.read_text("utf-8") for page in pages if page.name != "cli.md"}
    assert len(texts) > 100
    missing = {page: wrong(text.replace("```", "")) for page, text in texts.items()}
    assert {page: found for page, found in missing.items() if found} == {}


def test_it_can_fail() -> None:
    assert wrong("run `meshgate dif --base X`") == ["meshgate dif"]
    assert wrong("run `meshgate diff --branch main`") == ["meshgate diff --branch"]
    assert wrong("`meshgate -C DIR validate --fail-on error`") == []
    assert wrong("`meshgate inventory capture --context X`") == []
