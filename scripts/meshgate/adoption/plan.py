"""All that an environment lacks before it can be pinned and adopted, each with what to write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec import structs

from meshgate.adoption.files import BASELINE, ENVIRONMENTS, toolchain
from meshgate.config import Configuration
from meshgate.errors import MeshgateError, RepositoryError, UsageError
from meshgate.model import Environment, Finding, Severity
from meshgate.pipeline.judged import Judged
from meshgate.promotion.files import state_path
from meshgate.promotion.guards.pr12_findings import GUARD as FINDINGS
from meshgate.promotion.policy_reader import read_policy
from meshgate.promotion.rendering import files_of
from meshgate.repository import changed_files
from meshgate.source import renderer
from meshgate.source.charts import program as helm
from meshgate.source.program import TOOLCHAIN
from meshgate.tools import pinned
from meshgate.wording import agree, plural

PINNED = "pinned"
SHOWN = 5


class MissingPart(NamedTuple):
    """One thing that is missing: what, what to write or do, and whether adoption waits for it."""

    what: str
    todo: tuple[str, ...]
    blocks: bool = True


def lacking(
    root: Path, configuration: Configuration, environment: Environment, judged: Judged
) -> list[MissingPart]:
    """Everything an environment lacks, what adoption waits for first."""
    every = [
        *of_mode(environment),
        *of_policy(configuration, environment),
        *of_toolchain(root, environment),
        *of_commit(root, environment),
        *of_render(judged),
        *of_findings(judged),
        *of_variables(judged),
        *of_sync(root, configuration, environment),
        *of_people(environment),
    ]
    return sorted(every, key=lambda lack: not lack.blocks)


def refusals(root: Path, environment: Environment, judged: Judged) -> list[MissingPart]:
    """What `adopt` would refuse of a pinned environment that has no state yet, beside its rules.

    Nothing for an environment that is floating or adopted: what it lacks is for guards to say. Nor
    for a repository without promotion/: it is judged alone, and nothing is promoted in it.
    """
    if not may_be_refused(root, environment):
        return []
    parts = (of_toolchain(root, environment), of_render(judged), of_undecided(judged))
    return [lack for part in parts for lack in part]


def may_be_refused(root: Path, environment: Environment) -> bool:
    """Whether `refusals` has anything to ask of an environment."""
    begun = (root / TOOLCHAIN).parent.is_dir()
    return (
        environment.mode == PINNED and begun and not (root / state_path(environment.name)).exists()
    )


def of_mode(environment: Environment) -> Iterator[MissingPart]:
    """Pinned, with gates."""
    if environment.mode != PINNED:
        yield MissingPart(
            f"{environment.name} is floating: it follows its sources on main",
            (f"environments.yaml, {environment.name}:", "    mode: pinned"),
        )
    if not environment.gates and not environment.gates_waived:
        yield MissingPart(
            "it has no gates, and does not say why",
            (
                f"environments.yaml, {environment.name}:",
                "    gates: []",
                "    gatesWaived: the first environment that is pinned; gates follow",
            ),
        )


def of_policy(configuration: Configuration, environment: Environment) -> Iterator[MissingPart]:
    """What its rules of promotion say that no promotion acts on."""
    pinned = structs.replace(environment, mode=PINNED)
    if not pinned.gates and not pinned.gates_waived:
        pinned = structs.replace(pinned, gates_waived="to see what else there is")
    others = (pinned if e.name == pinned.name else e for e in configuration.environments)
    try:
        read_policy(structs.replace(configuration, environments=tuple(others)))
    except UsageError as error:
        yield MissingPart(error.what, tuple(filter(None, (error.why, error.hint))))


def of_toolchain(root: Path, environment: Environment) -> Iterator[MissingPart]:
    """The versions that releases are rendered with, and the programs."""
    charts = environment.helm is not None
    if not (root / TOOLCHAIN).is_file():
        text = toolchain(charts=charts)
        yield MissingPart(f"there is no {TOOLCHAIN}", (f"{TOOLCHAIN}:", *_indented(text)))
        return
    try:
        renderer(root, exact=True)
    except MeshgateError as error:
        yield MissingPart(error.what, _todo(error))
    if not charts:
        return
    own = pinned()[helm.NAME].version
    try:
        helm.program(helm.version(root, exact=True))
    except UsageError as error:
        line = f'      helm: "{own}"'
        yield MissingPart(error.what, (f"{TOOLCHAIN}, for the chart:", "    renderer:", line))
    except MeshgateError as error:
        yield MissingPart(error.what, _todo(error))


def of_commit(root: Path, environment: Environment) -> Iterator[MissingPart]:
    """A commit with all of it: releases are made of commits, not of files."""
    files = (ENVIRONMENTS, BASELINE, TOOLCHAIN, f"waivers/{environment.name}.yaml")
    try:
        changed = changed_files(root, "HEAD")
    except RepositoryError as error:
        yield MissingPart(
            "there is no commit to make a release of", (error.what, "git init; git commit")
        )
        return
    if missing := [file for file in files if file in changed]:
        yield MissingPart(
            f"{' and '.join(missing)} {agree(len(missing), 'is', 'are')} not committed",
            (f"git add {' '.join(missing)}", "git commit"),
        )


def of_render(judged: Judged) -> Iterator[MissingPart]:
    """A render, each of whose objects has a file of its own."""
    if judged.failure is not None:
        yield MissingPart(judged.failure.what, _todo(judged.failure))
        return
    try:
        files_of(judged.name, judged.require_build().resources)
    except MeshgateError as error:
        yield MissingPart(error.what, _todo(error))


def of_findings(judged: Judged) -> Iterator[MissingPart]:
    """Errors, and what cannot be decided."""
    errors = [f for f in _open(judged) if f.severity is Severity.ERROR]
    if errors:
        yield MissingPart(
            f"{plural(len(errors), 'finding')} would fail it: mend them, or accept each in "
            f"waivers/{judged.name}.yaml",
            _places(errors),
        )
    yield from of_undecided(judged)


def of_undecided(judged: Judged) -> Iterator[MissingPart]:
    """What cannot be decided, which no promotion takes."""
    undecided = [f for f in _open(judged) if not f.decided and f.severity is not Severity.ERROR]
    if undecided:
        yield MissingPart(
            f"{plural(len(undecided), 'finding')} of {judged.name} cannot be decided, and no "
            f"promotion takes that ({FINDINGS.id}): add what is missing, or accept them",
            _places(undecided),
        )


def of_variables(judged: Judged) -> Iterator[MissingPart]:
    """Variables whose values only objects of the cluster's agent give."""
    context = judged.context
    if context is None:
        return
    given = context.environment.values
    own = judged.environment.values
    if only := sorted(given.keys() - own.keys()):
        yield MissingPart(
            "values of variables come from Flux objects beside the sources, and a promotion is "
            "judged by what was rendered",
            (
                f"environments.yaml, {judged.name}:",
                "    substitute:",
                *(f"      {name}: {given[name]!r}" for name in only),
            ),
        )


def of_sync(
    root: Path, configuration: Configuration, environment: Environment
) -> Iterator[MissingPart]:
    """What clusters need to sync it: `sync` of environments.yaml, and the generated files."""
    if configuration.sync is None:
        yield MissingPart(
            "clusters are not told where this repository is",
            ("environments.yaml:", "    sync:", "      repository: https://HOST/PATH.git"),
            blocks=False,
        )
    elif not any((root / "sync").rglob(f"{environment.name}*")):
        yield MissingPart(
            f"there are no sync objects of {environment.name}",
            ("meshgate sync argocd, or meshgate sync flux",),
            blocks=False,
        )
    if environment.clusters is None:
        yield MissingPart(
            "its clusters are not selected",
            (
                f"environments.yaml, {environment.name}:",
                f"    clusters: {{selector: {{mesh-env: {environment.name}}}}}",
            ),
            blocks=False,
        )


def of_people(environment: Environment) -> Iterator[MissingPart]:
    """Who agrees to promotions and to looser rules."""
    if environment.approvals is None:
        yield MissingPart(
            "nobody has to agree to a promotion, nor to looser rules",
            (
                f"environments.yaml, {environment.name}:",
                "    approvals: {count: 1, rules: {teams: [YOUR-TEAM]}}",
            ),
            blocks=False,
        )


def _open(judged: Judged) -> list[Finding]:
    return [finding for finding in judged.findings if finding.waiver is None]


def _places(findings: Sequence[Finding]) -> tuple[str, ...]:
    shown = [
        f"{':'.join(map(str, f.source)) + ': ' if f.source else ''}{f.rule} {f.message}"
        for f in findings[:SHOWN]
    ]
    more = len(findings) - SHOWN
    if more > 0:
        shown.append(f"and {more} more: meshgate validate {findings[0].environment}")
    return tuple(shown)


def _todo(error: MeshgateError) -> tuple[str, ...]:
    return tuple(line for part in (error.why, error.hint) for line in part.splitlines())


def _indented(text: str) -> Iterator[str]:
    return (f"    {line}" for line in text.splitlines())
