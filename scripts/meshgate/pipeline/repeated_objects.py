"""Objects that stand more than once among those of one environment."""

from __future__ import annotations

from collections.abc import Iterable

from meshgate.model import Resource


def last_of_each(
    resources: Iterable[Resource],
) -> tuple[list[Resource], tuple[tuple[Resource, Resource], ...]]:
    """Each object as it lasts, and the ones that are overwritten, each with what overwrites it.

    A cluster has one object of a group, kind, namespace and name; of several, the last that is
    applied lasts. Objects without a name are left alone: no cluster stores them.
    """
    every = list(resources)
    last = {_key(each): each for each in every}
    overwritten = tuple(
        (each, last[_key(each)]) for each in every if each.name and last[_key(each)] is not each
    )
    lost = {id(each) for each, _ in overwritten}
    return [each for each in every if id(each) not in lost], overwritten


def _key(resource: Resource) -> tuple[str, str, str | None, str]:
    return resource.group, resource.kind, resource.namespace, resource.name
