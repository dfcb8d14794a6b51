"""Every broken repository ends every command that judges alike: same exit code, same first cause.

`validate` says what is wrong; the other commands must not show an answer that rests on it. The
commands that report findings on a change (`diff`) or a plan (`steps`) judge the rules of a state
elsewhere: there it is held that what cannot be judged ends them as it ends `validate`.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from git import Repo

from broken_repositories import broken, copy_sources, situations
from meshgate.cli import main
from meshgate.rules import rules_of
from meshgate.rules.rule import Phase

# What a state is asked for; each fails by the same findings if it is told to.
OF_A_STATE: tuple[tuple[str, ...], ...] = (
    ("posture",),
    ("calls",),
    ("explain", "boards/app-ui", "boards:8080"),
    ("render",),
    ("report", "--format", "html=page.html"),
)
OF_A_CHANGE: tuple[tuple[str, ...], ...] = (
    ("diff", "--base", "HEAD"),
    ("steps", "--base", "HEAD"),
    ("report", "--base", "HEAD", "--format", "html=page.html"),
)


class Ending(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


def end(repository: Path, *arguments: str) -> Ending:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["-C", str(repository), *arguments, "--engine", "jsonschema"])
    return Ending(code, out.getvalue(), err.getvalue())


def first_cause(validated: Ending) -> tuple[str, ...]:
    """What says why `validate` does not end with 0, in parts; none where it does."""
    if validated.code == 0:
        return ()
    if validated.err:
        return (validated.err.splitlines()[0],)
    first = next(
        finding
        for finding in json.loads(validated.out)["findings"]
        if finding["severity"] == "error" and finding["waiver"] is None
    )
    place = "{file}:{line}:{column}".format(**first["source"]) if first["source"] else ""
    return (place, f"{first['rule']} {first['name']}", first["message"])


def says(ended: Ending, cause: tuple[str, ...]) -> bool:
    """Whether a command tells these parts, as a line or as a report that wraps lines."""
    text = " ".join(f"{ended.err} {ended.out}".split())
    return all(" ".join(part.split()) in text for part in cause)


def unjudged(validated: Ending) -> bool:
    """Whether an environment, or all of them, could not be judged."""
    if validated.code != 1:
        return validated.code != 0
    sources = {rule.id for rule in rules_of(Phase.SOURCE)}
    return any(
        finding["rule"] in sources and finding["severity"] == "error" and finding["waiver"] is None
        for finding in json.loads(validated.out)["findings"]
    )


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This repository as a commit, before it is broken."""
    repository = copy_sources(tmp_path_factory.mktemp("unbroken") / "repository")
    with Repo.init(repository, initial_branch="main") as repo:
        repo.git.add("--all")
        repo.git.commit("--message", "policies: unbroken")
    return repository / ".git"


@pytest.mark.parametrize("situation", situations(), ids=lambda folder: folder.name)
def test_every_command_ends_alike(
    situation: Path, history: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = broken(situation, tmp_path / "repository")
    monkeypatch.chdir(tmp_path)

    validated = end(repository, "validate", "--format", "json")

    told = unjudged(validated)
    commands = OF_A_STATE
    if told:
        shutil.copytree(history, repository / ".git")
        commands = (*OF_A_STATE, *OF_A_CHANGE)
    cause = first_cause(validated)
    for command in commands:
        ended = end(repository, *command, *(() if told else ("--fail-on", "error")))
        assert ended.code == validated.code, (command, ended.err)
        assert says(ended, cause), (command, ended.err, ended.out)
