"""Policies that a whole namespace or mesh rests on, and whether they are protected from pruning.

How an object is pruned is said by annotations of the object. They stand in its source under
`policies/`, so that `rendered/` stays byte for byte what promotion writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshgate.model import Resource
from meshgate.rules.sync_metadata import decides_for_many

ARGOCD = ("argocd.argoproj.io/sync-options", "Prune=confirm")
FLUX = ("kustomize.toolkit.fluxcd.io/prune", "disabled")


def unprotected(agent: str, resources: Iterable[Resource]) -> Iterator[Resource]:
    """The defaults of a namespace or mesh that this agent would prune without asking."""
    for resource in resources:
        if decides_for_many(resource) and not is_protected(agent, resource):
            yield resource


def is_protected(agent: str, resource: Resource) -> bool:
    """Whether the agent asks, or refuses, before it prunes this object."""
    if agent == "flux":
        key, value = FLUX
        return value in {resource.annotations.get(key), resource.labels.get(key)}
    options = str(resource.annotations.get(ARGOCD[0], "")).split(",")
    return not {"Prune=confirm", "Prune=false"}.isdisjoint(option.strip() for option in options)
