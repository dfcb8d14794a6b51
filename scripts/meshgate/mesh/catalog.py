"""The objects that one control plane sees, each once; other revisions are left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct

from meshgate.mesh import selectors
from meshgate.mesh.coverage import GROUPS, CoverageColumn, coverage_of
from meshgate.mesh.order import created
from meshgate.mesh.selectors import Labels
from meshgate.model import CLUSTER_WIDE_KINDS, JSON, MeshFacts, Resource

# Where an object without namespace lands when nobody says otherwise.
DEFAULT_NAMESPACE = "default"

REVISION_LABEL = "istio.io/rev"

_ISTIO_GROUPS = frozenset(
    {"extensions.istio.io", "networking.istio.io", "security.istio.io", "telemetry.istio.io"}
)


class Namespace(Struct, frozen=True):
    """What is known of a namespace."""

    name: str
    labels: Labels
    annotations: Labels
    resource: Resource


class Hidden(Struct, frozen=True):
    """An object that this control plane does not see."""

    resource: Resource
    reason: str  # revision | discovery


class Catalog:
    """The objects of one mesh by kind, as one control plane sees them."""

    __slots__ = ("_by_kind", "_created", "hidden", "labelled", "namespaces", "repeated")

    def __init__(self, resources: Iterable[Resource], facts: MeshFacts) -> None:
        # By API group and kind.
        self._by_kind: dict[tuple[str, str], list[Resource]] = {}
        # Further copies of an object, as two files may hold them: no rivals of the one that counts.
        self.repeated: list[Resource] = []
        # A managed object keeps the age of its copy in the cluster.
        self._created: dict[int, str] = {}
        self.hidden: list[Hidden] = []
        # Istio's objects that are meant for one revision, also those of another one.
        self.labelled: list[Resource] = []
        objects = self._distinct(resources)
        self.namespaces = {
            resource.name: Namespace(
                resource.name,
                namespace_labels(resource.name, resource.labels),
                selectors.labels(resource.annotations),
                resource,
            )
            for resource in objects
            if resource.kind == "Namespace"
        }
        unseen = self._undiscovered(facts)
        self.repeated = [each for each in self.repeated if not _hidden(each, facts, unseen)]
        for resource in objects:
            if (
                resource.group in _ISTIO_GROUPS
                and revision_of(resource) is not None
                and namespace_of(resource) not in unseen
            ):
                self.labelled.append(resource)
            if reason := _hidden(resource, facts, unseen):
                self.hidden.append(Hidden(resource, reason))
            else:
                key = resource.group, resource.kind
                self._by_kind.setdefault(key, []).append(resource)

    def of(self, *kinds: str) -> Sequence[Resource]:
        """The objects of these kinds, each of the API group that the name stands for here."""
        if len(kinds) == 1:
            return self._by_kind.get((GROUPS[kinds[0]], kinds[0]), ())
        return [each for kind in kinds for each in self._by_kind.get((GROUPS[kind], kind), ())]

    def of_group(self, group: str, *kinds: str) -> list[Resource]:
        """The objects of these kinds of an API group."""
        return [each for kind in kinds for each in self._by_kind.get((group, kind), ())]

    def created(self, resource: Resource) -> str:
        """The object's age as sortable text; empty: files do not tell."""
        known = self._created.get(id(resource))
        return known if known is not None else created(resource.metadata.get("creationTimestamp"))

    def _distinct(self, resources: Iterable[Resource]) -> list[Resource]:
        """One object per identity: what is managed replaces its copy in the inventory."""
        by_key: dict[tuple[str, str, str, str], Resource] = {}
        for resource in resources:
            row = coverage_of(resource.group, resource.kind)
            if row is None or row.column is CoverageColumn.IRRELEVANT:
                continue
            key = (resource.kind, namespace_of(resource), resource.name, resource.group)
            other = by_key.get(key)
            if other is None:
                by_key[key] = resource
                continue
            chosen, copy = (resource, other) if not resource.foreign else (other, resource)
            by_key[key] = chosen
            if copy.foreign == chosen.foreign:
                self.repeated.append(copy)
            if not chosen.metadata.get("creationTimestamp"):
                self._created[id(chosen)] = self.created(copy)
        # Sorted, so that the order of documents decides nothing.
        return [by_key[key] for key in sorted(by_key)]

    def _undiscovered(self, facts: MeshFacts) -> frozenset[str]:
        """Known namespaces that no discovery selector selects."""
        if not facts.discovery_selectors:
            return frozenset()
        return frozenset(
            name
            for name, namespace in self.namespaces.items()
            if not any(
                selectors.matches_expression(selector, namespace.labels)
                for selector in facts.discovery_selectors
            )
        )


def control_planes(resources: Iterable[Resource], facts: MeshFacts) -> list[MeshFacts]:
    """The facts of each control plane that some objects are meant for.

    There is one where the mesh facts name its revision, or where objects are labelled for one at
    most. Else each revision that some object is labelled for has its own: two objects for two
    revisions never meet.
    """
    named = sorted({label for each in resources if (label := revision_of(each))})
    if facts.revision or len(named) <= 1:
        return [facts]
    return [msgspec.structs.replace(facts, revision=name) for name in named]


def revision_of(resource: Resource) -> str | None:
    """The one revision an object is meant for; None: every control plane."""
    label = resource.labels.get(REVISION_LABEL)
    return None if label is None else str(label)


def namespace_of(resource: Resource) -> str:
    """The namespace an object is applied to: `default` for one that names none."""
    if resource.kind in CLUSTER_WIDE_KINDS:
        return ""
    return resource.namespace or DEFAULT_NAMESPACE


def namespace_labels(name: str, own: JSON) -> Labels:
    """The labels of a Namespace, with the one that the API server adds."""
    return {"kubernetes.io/metadata.name": name, **selectors.labels(own)}


def _hidden(resource: Resource, facts: MeshFacts, unseen: frozenset[str]) -> str:
    if unseen and namespace_of(resource) in unseen:
        return "discovery"
    if facts.revision and resource.group in _ISTIO_GROUPS:
        # config.LabelsInRevision: no label means every revision.
        wanted = revision_of(resource)
        if wanted is not None and wanted != facts.revision:
            return "revision"
    return ""
