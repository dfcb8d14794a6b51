"""Objects that are meant for one revision, and the proxies that may not be of its control plane.

An object with `istio.io/rev` is read by the control plane of exactly that revision
(config.LabelsInRevision). What `istio.io/rev` of a namespace or pod names may be a tag, and no file
tells which revision a tag stands for: only the revision that the mesh facts state is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from meshgate.mesh.catalog import Catalog, revision_of
from meshgate.model import MeshFacts, Resource

# What the reasons end with; whoever reads them can tell by it what makes the answer known.
NOT_STATED = "mesh.revision is not stated"
MAY_BE_TAG = "what their labels name may be a tag"


class LabelledObject(NamedTuple):
    """An object with `istio.io/rev`. `seen`: the control plane that is modelled reads it."""

    resource: Resource
    seen: bool

    def about(self, stated: str) -> str:
        """Why it is not known whether it counts, after its kind and name."""
        label = revision_of(self.resource)
        if stated:
            return (
                f"is for revision {label}, and it is not known whether their proxies are of it "
                f"(mesh.revision is {stated}; {MAY_BE_TAG})"
            )
        return f"is for revision {label} alone, and {NOT_STATED}"


class Revisions:
    """The labelled objects of one mesh."""

    __slots__ = ("_by_kind", "stated")

    def __init__(self, catalog: Catalog, facts: MeshFacts) -> None:
        self.stated = facts.revision
        self._by_kind: dict[str, list[LabelledObject]] = {}
        for resource in catalog.labelled:
            label = revision_of(resource)
            seen = not self.stated or label == self.stated
            self._by_kind.setdefault(resource.kind, []).append(LabelledObject(resource, seen))

    def of(self, *kinds: str) -> Iterator[LabelledObject]:
        """The labelled objects of these kinds."""
        for kind in kinds:
            yield from self._by_kind.get(kind, ())

    def is_open(self, revision: str) -> bool:
        """Whether it is not known which labelled objects a proxy gets.

        revision  what its labels name; empty for ztunnel's workloads, whose control plane is the
                  one that is modelled
        """
        return not self.stated or revision not in {"", self.stated}
