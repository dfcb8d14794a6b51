"""The cases of rules: a folder for each situation, and what is said of it."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import structs

from conftest import TODAY
from meshgate import config, source
from meshgate.effect import effect
from meshgate.model import BuildRecord, Environment, Finding, Position
from meshgate.pipeline import Settings
from meshgate.pipeline.judged import context_of as pipeline_context
from meshgate.rules import RULES
from meshgate.rules.context import Context
from meshgate.rules.judge import judge
from meshgate.rules.rule import Phase, Rule
from places import CACHE, TESTS

CASES = TESTS / "cases"


# Files beside the manifests that say how to judge them. A case of two revisions has its manifests
# in `before/` and `after/`.
RESERVED = frozenset(
    {
        *("environment.yaml", "waivers.yaml", "baseline.yaml", "expectations.yaml"),
        *("inventory.yaml", "other.yaml"),
    }
)


@functools.cache
def cases() -> tuple[Path, ...]:
    """Every case, sorted: more than a thousand folders."""
    return tuple(sorted(folder for folder in CASES.glob("*/*") if folder.is_dir()))


def told(folder: Path, rules: Sequence[Rule] = RULES) -> Iterator[str]:
    """What the rule named by the parent folder says of the case."""
    name = folder.parent.name
    # Waivers are judged by what all rules found; every other rule is asked alone.
    (own,) = [rule for rule in rules if rule.id == name]
    asked = rules if own.phase is Phase.WAIVER else [own]
    for finding in judge(context_of(folder), asked, source.Locator(folder)):
        if finding.rule == name:
            yield from lines(finding)


def context_of(folder: Path) -> Context:
    """Everything a rule may look at in a case."""
    inventory_file = folder / "inventory.yaml"
    inventory = (
        source.read_path(folder, inventory_file).resources if inventory_file.exists() else []
    )

    def judged(environment: Environment, build: source.Build) -> Context:
        return pipeline_context(
            environment,
            build,
            [source.as_foreign(resource) for resource in inventory],
            Settings(datetime.date.fromisoformat(TODAY), "jsonschema"),
        )

    if (folder / "after").is_dir():
        return changed(
            judged(environment_of(folder), built(folder / "before", folder)),
            judged(environment_of(folder), built(folder / "after", folder)),
        )
    context = judged(environment_of(folder), built(folder))
    other = folder / "other.yaml"
    if not other.exists():
        return context
    # What another environment renders, before this one and for the same clusters.
    build = source.Build(source.read_path(folder, other).resources, BuildRecord())
    staging = judged(structs.replace(context.environment, name="staging"), build)
    return structs.replace(context, upstream={"staging": staging}, siblings={"staging": staging})


def changed(before: Context, after: Context) -> Context:
    """The state after a change, with what the change does."""
    assert before.mesh is not None
    assert after.mesh is not None
    told = effect(before.mesh, after.mesh, expected=after.environment.expectations)
    return structs.replace(after, effect=told)


def built(folder: Path, root: Path | None = None) -> source.Build:
    if (folder / "overlay").is_dir():
        defects = source.survey(folder, "overlay")
        if any(
            defect.kind in {"duplicate-key", "integer-key", "remote-reference"}
            for defect in defects
        ):
            return source.Build(resources=[], record=BuildRecord(defects=tuple(defects)))
        rendered = source.render(folder, "overlay", cache=CACHE)
        return source.Build(resources=rendered.resources, record=rendered.record)
    if (folder / "chart").is_dir():
        # Of its files alone: what it renders to needs a program.
        defects = source.survey(folder, '{"helm": {"chart": "chart"}}')
        return source.Build(resources=[], record=BuildRecord(defects=tuple(defects)))
    parts = [
        source.read_path(root or folder, file)
        for file in sorted(folder.glob("*.yaml"))
        if file.name not in RESERVED
    ]
    return source.Build(
        resources=[resource for part in parts for resource in part.resources],
        record=BuildRecord(defects=tuple(defect for part in parts for defect in part.defects)),
    )


def environment_of(folder: Path) -> Environment:
    """The environment of a case: `environment.yaml`, else one named prod with floor STRICT."""
    environment = config.load_environment(
        folder / "environment.yaml",
        waivers=folder / "waivers.yaml",
        expected=folder / "expectations.yaml",
    )
    return structs.replace(environment, baseline=config.load_baseline(folder))


def lines(finding: Finding) -> Iterator[str]:
    severity = finding.severity.value + ("" if finding.decided else "?")
    waived = " (waived)" if finding.waiver else ""
    about = " ".join(part for part in (str(finding.resource or ""), finding.path) if part)
    yield f"{place(finding.source)} {severity} {about}: {finding.message} [{finding.rule}]{waived}"
    for other in finding.related:
        yield f"    {place(other.source)} {other.resource}: {other.message}"


def place(position: Position | None) -> str:
    return f"{position.file}:{position.line}:{position.column}" if position else "-"
