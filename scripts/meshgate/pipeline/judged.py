"""From environments to what is said of each: survey, render, schema, mesh, context, rules."""

from __future__ import annotations

import datetime
import functools
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct, structs

from meshgate.errors import MeshgateError, NothingToCheckError, SourcesError
from meshgate.mesh import Mesh
from meshgate.model import (
    BuildRecord,
    Defect,
    Environment,
    Finding,
    NamePatterns,
    Resource,
    ResourceIndex,
    SchemaViolation,
    Scopes,
    Severity,
    substituted,
)
from meshgate.model.sources import sources_of
from meshgate.pipeline.files import Files, Folder
from meshgate.pipeline.nulls import without_refused_nulls
from meshgate.pipeline.renamed_objects import context_by_names
from meshgate.pipeline.repeated_objects import last_of_each
from meshgate.rules import RULES, rules_of
from meshgate.rules.context import Context
from meshgate.rules.judge import judge as judge_rules
from meshgate.rules.rule import Phase
from meshgate.schema import check
from meshgate.source import Build, Locator
from meshgate.yamldoc import scalars

# Any of these says what the policies are about; without one, calls cannot be judged.
INVENTORY_KINDS = (
    "Service",
    "ServiceEntry",
    "WorkloadEntry",
    "Pod",
    "Deployment",
    "ReplicaSet",
    "StatefulSet",
    "DaemonSet",
    "Job",
    "CronJob",
)


LOG = logging.getLogger(__name__)
ORPHAN_FILE = "orphan-file"


class Settings(Struct, frozen=True):
    """How everything is judged.

    today     the day that expiry dates are judged by
    engine    of schemas: auto, kubeconform or jsonschema
    complete  whether the objects are all policies of their mesh, so that a missing one can be told
    """

    today: datetime.date
    engine: str = "auto"
    complete: bool = True


class Judged(Struct, frozen=True, dict=True):
    """One environment, as far as it could be judged.

    build      what it renders to; None: it does not
    inventory  what is known to run there and is not managed here
    context    what rules look at, with the environments it is compared with; None: see `failure`
    failure    why it could not be judged; of SourcesError, `findings` has the whole of it
    """

    environment: Environment
    locate: Locator
    build: Build | None = None
    inventory: tuple[Resource, ...] = ()
    context: Context | None = None
    failure: MeshgateError | None = None
    on_sources: tuple[Finding, ...] = ()

    @property
    def name(self) -> str:
        """The environment's name; empty for loose manifests."""
        return self.environment.name

    @functools.cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What every rule finds, sorted, waived findings included; asked on first use.

        Where the environment could not be judged: what its sources alone show. Raises RuleError.
        """
        if self.context is None:
            return self.on_sources
        return tuple(judge_rules(self.context, RULES, self.locate))

    @functools.cached_property
    def mesh(self) -> Mesh:
        """The mesh; without an inventory one that knows no workload. Raises `failure`."""
        context = self.require_context()
        return context.mesh or Mesh(context.resources.all, self.environment.mesh)

    def mesh_by(self, names: NamePatterns) -> Mesh:
        """The mesh by the names of another environment. Raises `failure`."""
        if self.environment.names == names or self.context is None:
            return self.mesh
        return context_by_names(self.context, names).mesh or self.mesh

    def require_context(self) -> Context:
        """The context. Raises `failure` where there is none."""
        if self.context is None:
            raise self._failed()
        return self.context

    def require_build(self) -> Build:
        """What it renders to, whatever is wrong with that. Raises `failure` where it does not."""
        if self.build is None:
            raise self._failed()
        return self.build

    def _failed(self) -> MeshgateError:
        assert self.failure is not None
        return self.failure


def judge(
    environments: Sequence[Environment], files: Files, settings: Settings
) -> dict[str, Judged]:
    """Judge environments of one place, by name and in their order.

    An environment whose sources have errors is not built; whatever keeps one from being judged is
    its `failure`, and the others are judged all the same. Those given are compared with each other
    as `after` and `clusters` say: see `with_upstream`.
    """
    judged = {each.name: _survey(each, files, settings) for each in environments}
    sound = [each for each in environments if judged[each.name].failure is None]
    builds = files.render(sound)
    for environment in sound:
        build = builds[environment.name]
        judged[environment.name] = (
            Judged(environment, files.locate, failure=build)
            if isinstance(build, MeshgateError)
            else judge_build(environment, build, files, settings)
        )
    contexts = {name: each.context for name, each in judged.items() if each.context is not None}
    for name, each in judged.items():
        LOG.debug("%s: %s", name or "manifests", _progress(each))
    return {
        name: each
        if each.context is None
        else structs.replace(each, context=_compared(each.context, contexts))
        for name, each in judged.items()
    }


def _progress(judged: Judged) -> str:
    """What was done for an environment, for `-v`."""
    if judged.context is None:
        return f"not judged: {judged.failure.what if judged.failure else 'its sources have errors'}"
    resources = judged.context.resources.all
    foreign = sum(each.foreign for each in resources)
    return (
        f"rendered {len(resources) - foreign} objects, read {foreign} of the inventory, "
        f"{len(judged.context.violations)} would be refused by their schema"
    )


def with_upstream(
    wanted: Iterable[Environment], environments: Iterable[Environment] | Mapping[str, Environment]
) -> list[Environment]:
    """The wanted ones and those before them, which rules compare them with.

    `environments`: all of the repository, by name where this is asked again and again.
    """
    known = (
        environments
        if isinstance(environments, Mapping)
        else {environment.name: environment for environment in environments}
    )
    names: dict[str, None] = {}
    stack = [environment.name for environment in wanted][::-1]
    while stack:
        name = stack.pop()
        if name not in names:
            names[name] = None
            stack.extend(known[name].after)
    return [known[name] for name in names]


def judge_sources(
    environment: Environment, defects: Sequence[Defect], files: Files, settings: Settings
) -> tuple[Finding, ...]:
    """What the sources alone already show."""
    context = Context(
        environment=environment,
        resources=ResourceIndex(()),
        today=settings.today,
        record=BuildRecord(defects=tuple(defects)),
    )
    return tuple(judge_rules(context, rules_of(Phase.SOURCE), files.locate))


def context_of(
    environment: Environment,
    build: Build,
    inventory: Sequence[Resource],
    settings: Settings,
) -> Context:
    """What rules look at: refused objects left out. Raises ToolError, SchemaMissingError."""
    given = substituted(build.resources, environment.values, scalars.plain)
    own = tuple(given.resources)
    unknown = {id(resource) for resource, _ in given.unresolved}

    def refusals(resources: Sequence[Resource]) -> list[SchemaViolation]:
        return check(
            resources,
            istio=environment.mesh.istio,
            engine=settings.engine,
            allowed=environment.kinds,
        )

    every = [*own, *inventory]
    first = refusals([r for r in every if id(r) not in unknown])
    every, violations = without_refused_nulls(every, first, refusals)
    own, inventory = tuple(every[: len(own)]), tuple(every[len(own) :])
    refused = {id(violation.resource) for violation in violations} | unknown
    lasting, overwritten = last_of_each(own)
    scopes = Scopes((*own, *inventory))
    resources = ResourceIndex(
        scopes.landed(r) for r in (*lasting, *inventory) if id(r) not in refused
    )
    known = next(resources.of(*INVENTORY_KINDS), None) is not None
    return Context(
        environment=environment,
        resources=resources,
        mesh=Mesh(resources.all, environment.mesh) if known else None,
        today=settings.today,
        record=build.record,
        violations=tuple(violations),
        rendered=own,
        overwritten=overwritten,
        unresolved=given.unresolved,
        complete=settings.complete,
    )


def errors_in_sources(root: Path, environment: str, sources: str) -> SourcesError | None:
    """What is wrong with the sources of an environment that did not build, waived or not."""
    files = Folder(root, cache=None)
    bare = Environment(name=environment, **structs.asdict(sources_of(sources)))
    failure = _survey(bare, files, Settings(datetime.date.min)).failure
    return failure if isinstance(failure, SourcesError) else None


def _survey(environment: Environment, files: Files, settings: Settings) -> Judged:
    """The environment before its build; failed where an error in the sources keeps it from one."""
    # A file that nothing reaches is in nobody's way: it is reported with what is built.
    defects = [each for each in files.survey(environment) if each.kind != ORPHAN_FILE]
    findings = judge_sources(environment, defects, files, settings) if defects else ()
    errors = [
        finding
        for finding in findings
        if finding.severity is Severity.ERROR and finding.waiver is None
    ]
    if not errors:
        return Judged(environment, files.locate)
    return Judged(environment, files.locate, failure=_refused(errors), on_sources=findings)


def cause(finding: Finding) -> str:
    """One finding in a line: `file:line:column: rule name: message`."""
    place = ":".join(map(str, finding.source)) + ": " if finding.source else ""
    return f"{place}{finding.rule} {finding.name}: {finding.message}"


def _refused(errors: Sequence[Finding]) -> SourcesError:
    """The error of sources that must not be built, by the first thing that is wrong."""
    first = errors[0]
    more = f"\nIts sources have {len(errors)} errors." if len(errors) > 1 else ""
    return SourcesError(
        cause(first),
        why=f"Nothing is built from sources that two readers take differently.{more}",
        hint=first.fix,
    )


def judge_build(environment: Environment, build: Build, files: Files, settings: Settings) -> Judged:
    """What was built, as the API server and istiod would take it."""
    judged = Judged(environment, files.locate, build)
    if not build.resources:
        return structs.replace(judged, failure=nothing_rendered(environment))
    try:
        inventory = tuple(files.inventory(environment))
        context = context_of(environment, build, inventory, settings)
        if context.unresolved and (values := files.values(environment)):
            known = {**values, **environment.values}
            environment = structs.replace(environment, found_values=known)
            context = context_of(environment, build, inventory, settings)
    except MeshgateError as error:
        return structs.replace(judged, failure=error)
    return structs.replace(judged, inventory=inventory, context=context)


def _compared(context: Context, contexts: Mapping[str, Context]) -> Context:
    """The context, with the environments it is compared with."""
    environment = context.environment
    return structs.replace(
        context,
        upstream={
            name: context_by_names(contexts[name], environment.names)
            for name in environment.after
            if name in contexts
        },
        siblings={
            name: other
            for name, other in contexts.items()
            if name != environment.name
            and environment.clusters
            and other.environment.clusters == environment.clusters
        },
    )


def nothing_rendered(environment: Environment) -> NothingToCheckError:
    """The error of sources that render to nothing, which is never a pass."""
    where = "its kustomization.yaml" if environment.overlay else "it"
    return NothingToCheckError(
        f"{environment.name}: {environment.source_title} renders to nothing",
        why="An empty result would delete every policy of the environment.",
        hint=f"add resources to {where}, or remove it from environments.yaml",
    )
