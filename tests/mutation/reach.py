"""Which tests reach which line, so that a change is tried on those alone."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

import coverage

# For each module, by its path, and for each of its lines: the tests that reach it, in their order.
Reached: TypeAlias = dict[str, dict[int, list[str]]]

REACHED = Path("reached.json")
PYTEST = (sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider")
DATA = ".coverage.reach"
SETUP, PARAMETERS = "setup", "["


def run_tests(tests: Iterable[str], *options: str) -> int:
    """Run tests of the tree that this is called in, until the first that fails; the exit code."""
    environment = {**os.environ, "PYTHONPATH": "scripts", "COVERAGE_FILE": DATA}
    # Modules are compiled with their digests, so that no change is judged by another's bytecode.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return subprocess.run([*PYTEST, *options, *tests], check=False, env=environment).returncode


def compile_by_digest() -> None:
    """Compile each module; its bytecode is used for exactly its text, whatever time it is of."""
    argv = ["compileall", "-q", "--invalidation-mode", "checked-hash", "scripts", "tests/support"]
    subprocess.run([sys.executable, "-m", *argv], check=True)


def measure(modules: Iterable[str], tests: Iterable[str]) -> Reached:
    """Run tests of the tree that this is called in, and see which lines each of them reaches."""
    files = list(tests)
    code = run_tests(files, "--cov=scripts/meshgate", "--cov-context=test", "--cov-report=")
    if code:
        raise SystemExit(f"the tests fail without any change: {' '.join(files)}")
    data = coverage.CoverageData(DATA)
    data.read()
    return {
        module: by_line(
            Path(module).read_text("utf-8"), data.contexts_by_lineno(str(Path(module).resolve()))
        )
        for module in modules
    }


def by_line(text: str, contexts: dict[int, list[str]]) -> dict[int, list[str]]:
    """The tests for each line: those that reach any line of its statement.

    What runs when a module is imported is reached by all that reach anything in it: a constant, the
    default of a field. Empty: no test does.
    """
    every = range(1, len(text.splitlines()) + 1)
    wanted = dict.fromkeys(every, every)
    for function in ast.walk(ast.parse(text)):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            # From the outside in: the innermost statement is the last to say.
            for statement in ast.walk(function):
                if isinstance(statement, ast.stmt):
                    wanted.update(_lines(statement))
    return {
        line: list(dict.fromkeys(test for each in lines for test in _tests(contexts.get(each, ()))))
        for line, lines in wanted.items()
    }


def _lines(statement: ast.stmt) -> Iterator[tuple[int, range]]:
    """Each line of a statement, with those that are reached where it is.

    Of one with others in it: what is before the first of them, for itself.
    """
    every = range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
    yield from ((line, every) for line in every)
    body = getattr(statement, "body", None)
    if body and not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        head = range(statement.lineno, max(body[0].lineno, statement.lineno + 1))
        yield from ((line, head) for line in head)


def _tests(contexts: Iterable[str]) -> Iterator[str]:
    """The tests of contexts of pytest-cov, `file::test[parameters]|run`.

    What is reached while a test is set up counts for its whole file: the others may share it.
    """
    for context in contexts:
        test, _, phase = context.partition("|")
        name = test.partition(PARAMETERS)[0]
        if name:
            yield name.partition("::")[0] if phase == SETUP else name


def ordered(tests: Iterable[str], files: list[str]) -> list[str]:
    """Tests in the order of their files; no test of a file that is asked whole."""
    chosen = set(tests)
    left = [test for test in chosen if "::" not in test or test.partition("::")[0] not in chosen]
    return sorted(left, key=lambda test: (files.index(test.partition("::")[0]), test))


def write(reached: Reached) -> None:
    """Leave it to the command that tries a change."""
    REACHED.write_text(json.dumps(reached), encoding="utf-8")


def read() -> Reached:
    """What was left."""
    document = json.loads(REACHED.read_text("utf-8"))
    return {
        module: {int(line): tests for line, tests in lines.items()}
        for module, lines in document.items()
    }
