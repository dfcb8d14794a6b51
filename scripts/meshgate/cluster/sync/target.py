"""What one environment is synced from, and what its sync may touch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from msgspec import Struct, structs

from meshgate import source
from meshgate.config import Configuration
from meshgate.errors import MeshgateError, UsageError
from meshgate.model import (
    CLUSTER_WIDE_KINDS,
    Environment,
    Resource,
    SyncSettings,
    WindowEntry,
    put_in,
)
from meshgate.pipeline.cluster_names import cluster_names
from meshgate.pipeline.judged import nothing_rendered
from meshgate.schema.catalog import ServedKinds, catalog_of
from meshgate.yamldoc import scalars

PINNED = "pinned"
BRANCH = "main"
VOWELS = "aeiou"


class AllowedKind(NamedTuple):
    """One kind that the sync may write."""

    group: str
    kind: str

    @property
    def plural(self) -> str:
        """Its name in an RBAC rule: how the CRDs of Istio, and Kubernetes, call their resources."""
        name = self.kind.lower()
        if name.endswith("s"):
            return name if name.endswith("endpoints") else f"{name}es"
        if name.endswith("y") and name[-2] not in VOWELS:
            return f"{name[:-1]}ies"
        return f"{name}s"

    @property
    def cluster_wide(self) -> bool:
        """Whether its objects have no namespace."""
        return self.kind in CLUSTER_WIDE_KINDS


class SyncTarget(Struct, frozen=True):
    """What Argo CD or Flux needs to know to sync one environment.

    path      what is synced, relative to the repository
    folders   what the path is built from, itself included
    windows   those that hold for this environment
    rendered  what the overlay gives, and what is synced today where that is older
    has_variables  whether what is synced has variables, which its agent has to give values
    """

    environment: Environment
    sync: SyncSettings
    name: str  # of its objects: mesh-policies-prod
    path: str
    folders: tuple[str, ...]
    kinds: tuple[AllowedKind, ...]
    namespaces: tuple[str, ...]
    windows: tuple[WindowEntry, ...]
    rendered: tuple[Resource, ...]
    has_variables: bool = False

    @property
    def revision(self) -> str:
        """The tag or the branch that is followed."""
        return self.sync.tag or self.sync.branch or BRANCH

    @property
    def pinned(self) -> bool:
        """Whether it follows what was promoted; else its overlay."""
        return self.environment.mode == PINNED

    @property
    def selector(self) -> Mapping[str, str]:
        """Labels of its clusters; none where environments.yaml does not say."""
        return self.environment.clusters.selector if self.environment.clusters else {}

    @property
    def waves(self) -> Sequence[Mapping[str, str]]:
        """Labels of the clusters that are synced one group after the other; none: all at once."""
        clusters = self.environment.clusters
        return (clusters.waves or ()) if clusters else ()

    @property
    def cluster_names(self) -> tuple[str, ...]:
        """How Argo CD calls its clusters."""
        return cluster_names(self.environment)


def targets(
    root: Path,
    configuration: Configuration,
    environments: Iterable[Environment],
    *,
    cache: Path | None,
    progress: Callable[[], object] | None = None,
) -> list[SyncTarget]:
    """The targets of these environments, in their order.

    Raises UsageError where environments.yaml does not say enough, what a build raises, and
    NothingToCheckError where one renders to nothing: a cluster would be let do nothing with that.
    """
    sync = configuration.sync
    if sync is None:
        raise UsageError(
            "environments.yaml has no `sync`",
            why="A cluster must be told where this repository is.",
            hint="add `sync: {repository: https://HOST/PATH.git}`",
        )
    if sync.branch and sync.tag:
        raise UsageError(
            "environments.yaml: `sync` has a branch and a tag", hint="a cluster follows one of them"
        )
    wanted = list(environments)
    sources = [environment.sources for environment in wanted]
    built = source.render_all(root, sources, cache=cache, progress=progress)
    listed = []
    for environment in wanted:
        build = built[environment.sources]
        if isinstance(build, MeshgateError):
            raise build
        if not build.resources:
            raise nothing_rendered(environment)
        own = put_in(build.resources, environment.values, scalars.plain)
        variable = [each.value for each in own] != [each.value for each in build.resources]
        rendered = [*own, *_promoted(root, environment)]
        target = _target(root, configuration, sync, environment, rendered)
        listed.append(structs.replace(target, has_variables=variable and not target.pinned))
    return listed


def _promoted(root: Path, environment: Environment) -> Sequence[Resource]:
    """What a pinned environment syncs today, which may be older than its overlay."""
    if environment.mode != PINNED:
        return ()
    return list(source.read_folder(root, f"rendered/{environment.name}"))


def _target(
    root: Path,
    configuration: Configuration,
    sync: SyncSettings,
    environment: Environment,
    rendered: Sequence[Resource],
) -> SyncTarget:
    name = environment.name
    is_pinned = environment.mode == PINNED
    path = f"rendered/{name}" if is_pinned else _followed(environment)
    return SyncTarget(
        environment=environment,
        sync=sync,
        name=f"{configuration.sync_name}-{name}",
        path=path,
        folders=(path,) if is_pinned else _folders(root, path),
        kinds=_kinds(environment, rendered),
        namespaces=_namespaces(name, rendered, sync.namespaces),
        windows=tuple(
            window for window in configuration.windows if name in (window.environments or (name,))
        ),
        rendered=tuple(rendered),
    )


def _followed(environment: Environment) -> str:
    """The only folder that a floating environment is built from. Raises UsageError."""
    folders = source.named_folders(environment.sources)
    if len(folders) != 1 or environment.helm is not None:
        raise UsageError(
            f"{environment.name} is built from {environment.source_title}: no agent syncs that as "
            "one folder with exactly what is judged here",
            why="A floating environment is synced from its sources.",
            hint="set `mode: pinned`, so that clusters sync rendered/"
            f"{environment.name}; or keep the sync objects that you have",
        )
    return folders[0]


def _folders(root: Path, overlay: str) -> tuple[str, ...]:
    """The folders an overlay is built from: beside it two levels deep, elsewhere one."""
    top = PurePosixPath(overlay).parts[0]
    paths = [PurePosixPath(name).parts for name in source.inputs(root, overlay)]
    return tuple(
        sorted({"/".join(parts[: 2 if parts[0] == top else 1]) for parts in (*paths,) if parts})
    )


def _kinds(environment: Environment, rendered: Sequence[Resource]) -> tuple[AllowedKind, ...]:
    """The kinds that may be rendered, each with its group; of any kind those that are.

    Raises UsageError.
    """
    known = catalog_of(environment.mesh.istio)
    names = environment.kinds
    if names is None:
        return tuple(sorted({AllowedKind(each.group, each.kind) for each in rendered}))
    return tuple(sorted({_allowed(name, known, environment.name) for name in names}))


def _allowed(name: str, known: ServedKinds, environment: str) -> AllowedKind:
    groups = sorted(kind.group for kind in known.named(name))
    mesh = [group for group in groups if group in known.mesh_groups]
    if not groups:
        raise UsageError(
            f"environments.yaml: {environment} requires the kind {name!r}, of no known API group",
            hint="correct `require.kinds`; `meshgate validate` names the kinds it knows",
        )
    return AllowedKind((mesh or groups)[0], name)


def _namespaces(
    environment: str, rendered: Iterable[Resource], allowed: Collection[str] | None
) -> tuple[str, ...]:
    used = {resource.namespace: resource for resource in rendered if resource.namespace}
    if allowed is None:
        return tuple(sorted(used))
    for namespace in sorted(used.keys() - allowed):
        raise UsageError(
            f"{environment}: {used[namespace]} is in a namespace that `sync.namespaces` of "
            "environments.yaml does not have",
            why="No cluster would accept it from this repository.",
            hint=f"add {namespace} there, if policies may be written to it",
        )
    return tuple(sorted(allowed))
