"""Which control plane sees which object."""

from __future__ import annotations

from collections.abc import Iterable

from meshgate.model import MeshFacts, Resource

REVISION_LABEL = "istio.io/rev"


def revision(resource: Resource) -> str | None:
    """The one revision an object is meant for; None: every control plane."""
    label = resource.labels.get(REVISION_LABEL)
    return None if label is None else str(label)


def is_seen(resource: Resource, facts: MeshFacts) -> bool:
    """Whether the environment's control plane reads the object (Istio's LabelsInRevision)."""
    return not facts.revision or revision(resource) in (None, facts.revision)


def planes(resources: Iterable[Resource], facts: MeshFacts) -> list[list[Resource]]:
    """What each control plane reads, one list for each revision.

    An environment that names its revision has one. Without a name, each revision that some object
    is labelled for gets its own list: two objects for two revisions never meet.
    """
    seen = [resource for resource in resources if is_seen(resource, facts)]
    named = sorted({label for resource in seen if (label := revision(resource)) is not None})
    if len(named) <= 1:
        return [seen]
    return [[r for r in seen if revision(r) in (None, name)] for name in named]
