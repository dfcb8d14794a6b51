"""Which of two objects is older, where files and the inventory tell."""

from __future__ import annotations

from collections.abc import Iterable

from meshgate.mesh.order import created
from meshgate.model import Resource


class Ages:
    """The objects of one kind, each once, and when each was created.

    What is managed replaces its own copy in the inventory, and is as old as that copy.
    """

    def __init__(self, resources: Iterable[Resource]) -> None:
        given = list(resources)
        foreign = [resource for resource in given if resource.foreign]
        managed = {identity(r) for r in given if not r.foreign} if foreign else set()
        copies = [resource for resource in foreign if identity(resource) in managed]
        dropped = {id(resource) for resource in copies}
        self.resources = [resource for resource in given if id(resource) not in dropped]
        self._copies = {identity(resource): _stamp(resource) for resource in copies}

    def created(self, resource: Resource) -> str:
        """The time as sortable text; empty where nothing tells it."""
        if stamp := _stamp(resource):
            return stamp
        return self._copies.get(identity(resource), "") if self._copies else ""

    def order(self, resource: Resource) -> tuple[str, str, str]:
        """What istiod sorts by (sortConfigByCreationTime): age, then name, then namespace."""
        return self.created(resource), resource.name, resource.namespace or ""

    def may_precede(self, resource: Resource, other: Resource) -> bool:
        """Whether istiod may sort one object before the other."""
        if self.created(resource) and self.created(other):
            return self.order(resource) < self.order(other)
        return True

    def contenders(self, resources: Iterable[Resource]) -> list[Resource]:
        """The objects that may be the oldest: those of unknown age, and the oldest of the rest."""
        among = list(resources)
        if len(among) == 1:
            return among
        first = min((r for r in among if self.created(r)), key=self.order, default=None)
        return [r for r in among if r is first or not self.created(r)]


def identity(resource: Resource) -> tuple[str, str, str | None, str]:
    """What the API server knows an object by, whatever version it is written in."""
    return resource.group, resource.kind, resource.namespace, resource.name


def _stamp(resource: Resource) -> str:
    return created(resource.metadata.get("creationTimestamp"))
