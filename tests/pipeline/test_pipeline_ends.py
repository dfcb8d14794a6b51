"""Every broken repository ends every command that judges alike: same exit code, same first cause.

`validate` says what is wrong; the other commands must not show an answer that rests on it. The
commands that report findings on a change (`diff`), a plan (`steps`) or a cluster (`verify`) judge
the rules of a state elsewhere: there it is held that what cannot be judged ends them as it ends
`validate`. So it is with `check` and `plan`, which judge commits, where the configuration cannot be
read; what they say of a promotion that cannot be judged stands with the guards.

A third of the situations each try half of the commands.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from git import Repo

from broken_repositories import broken, situations
from meshgate import config, source
from meshgate.cli import main
from meshgate.errors import MeshgateError
from meshgate.model import Environment, Finding
from meshgate.pipeline import Files, Folder, Judged, Settings, judged
from meshgate.rules import rules_of
from meshgate.rules.context import Context
from meshgate.rules.judge import Locate
from meshgate.rules.judge import judge as judge_rules
from meshgate.rules.rule import Phase, Rule
from meshgate.source import Build
from policy_repository import copy_policies
from samples import in_sample

pytestmark = pytest.mark.sampled(every=2)

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
# What is asked of commits, of a pinned environment.
OF_COMMITS: tuple[tuple[str, ...], ...] = (
    ("check", "--base", "HEAD~1"),
    ("plan", "prod"),
)
CONFIGURATION = 2
NOT_JUDGED = re.compile(r"meshgate: (\w+)(?:, \w+)*(?: and \w+)? (?:was|were) not judged: ")


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


def once(function: Callable[..., object]) -> Callable[..., object]:
    """The function, with what it gave or raised for the same folder and names remembered."""
    ends: dict[Hashable, tuple[object, MeshgateError | None]] = {}

    def answer(*key: Hashable) -> object:
        if key not in ends:
            try:
                ends[key] = function(*key), None
            except MeshgateError as error:
                ends[key] = None, error
        value, raised = ends[key]
        if raised is not None:
            raise raised
        return value

    return answer


@pytest.fixture
def judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer the same question to the pipeline once: what it is asked is each command's own."""
    judge_build = judged.judge_build
    # Each with all that its key names by `id`, so that nothing else gets that id.
    builds: dict[Hashable, tuple[Judged, object]] = {}
    findings: dict[Hashable, tuple[list[Finding], object]] = {}

    def build_once(
        environment: Environment, build: Build, files: Files, settings: Settings
    ) -> Judged:
        if not isinstance(files, Folder):
            return judge_build(environment, build, files, settings)
        values = json.dumps([resource.value for resource in build.resources], default=str)
        key = (repr(environment), files.root, settings, values, repr(build.record))
        if key not in builds:
            builds[key] = judge_build(environment, build, files, settings), None
        return builds[key][0]

    def rules_once(context: Context, rules: Sequence[Rule], locate: Locate) -> list[Finding]:
        others = (*context.upstream.values(), *context.siblings.values())
        parts = (context.resources, *(other.resources for other in others))
        key = (tuple(map(id, parts)), tuple(rule.id for rule in rules), context.record.defects)
        if context.effect is not None:
            return judge_rules(context, rules, locate)
        if key not in findings:
            findings[key] = judge_rules(context, rules, locate), parts
        return findings[key][0]

    # Read and surveyed anew is only what lies elsewhere: no command changes what it judges.
    for owner, name in ((config, "load"), (source, "survey")):
        monkeypatch.setattr(owner, name, once(getattr(owner, name)))
    monkeypatch.setattr(judged, "judge_build", build_once)
    monkeypatch.setattr(judged, "judge_rules", rules_once)


class Cause(NamedTuple):
    """Why `validate` does not end with 0, in parts, none where it does; of which environment."""

    parts: tuple[str, ...] = ()
    environment: str = "prod"


def first_cause(validated: Ending) -> Cause:
    """The first thing that is wrong."""
    if validated.code == 0:
        return Cause()
    if validated.err:
        first = validated.err.splitlines()[0]
        judged_of = NOT_JUDGED.match(first)
        return Cause((NOT_JUDGED.sub("", first),), judged_of[1] if judged_of else "prod")
    finding = next(
        finding
        for finding in json.loads(validated.out)["findings"]
        if finding["severity"] == "error" and finding["waiver"] is None
    )
    place = "{file}:{line}:{column}".format(**finding["source"]) if finding["source"] else ""
    parts = (place, f"{finding['rule']} {finding['name']}", finding["message"])
    return Cause(parts, finding["environment"])


def says(ended: Ending, cause: Cause) -> bool:
    """Whether a command tells these parts, as a line or as a report that wraps lines."""
    text = " ".join(f"{ended.err} {ended.out}".split())
    return all(" ".join(part.split()) in text for part in cause.parts)


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
    repository = copy_policies(tmp_path_factory.mktemp("unbroken") / "repository")
    with Repo.init(repository, initial_branch="main") as repo:
        repo.git.add("--all")
        repo.git.commit("--message", "policies: unbroken")
    return repository / ".git"


@pytest.mark.sampled
@pytest.mark.usefixtures("judged_once")
@pytest.mark.parametrize(
    "situation",
    [folder for folder in situations() if in_sample(folder.name, 6)],
    ids=lambda folder: folder.name,
)
def test_every_command_ends_alike(
    situation: Path, history: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = broken(situation, tmp_path / "repository")
    monkeypatch.chdir(tmp_path)

    validated = end(repository, "validate", "--format", "json")

    cause = first_cause(validated)
    is_unjudged = unjudged(validated)
    commands = OF_A_STATE
    if is_unjudged:
        shutil.copytree(history, repository / ".git")
        commands = (
            *OF_A_STATE,
            *OF_A_CHANGE,
            ("verify", cause.environment, "--context", "none"),
        )
    if validated.code == CONFIGURATION:
        with Repo(repository) as repo:
            repo.git.add("--all")
            repo.git.commit("--message", "policies: broken")
        commands += OF_COMMITS
    for command in commands:
        if not in_sample(f"{situation.name} {' '.join(command)}", 2):
            continue
        ended = end(repository, *command, *(() if is_unjudged else ("--fail-on", "error")))
        assert ended.code == validated.code, (command, ended.err)
        assert says(ended, cause), (command, ended.err, ended.out)
