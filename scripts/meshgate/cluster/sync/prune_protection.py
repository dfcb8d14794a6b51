"""Policies that a whole namespace or mesh rests on, and whether they are protected from pruning.

How an object is pruned is said by annotations of the object. They stand in its source under
`policies/`, so that `rendered/` stays byte for byte what promotion writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshgate.model import Resource

ARGOCD = ("argocd.argoproj.io/sync-options", "Prune=confirm")
FLUX = ("kustomize.toolkit.fluxcd.io/prune", "disabled")


def unprotected(agent: str, resources: Iterable[Resource]) -> Iterator[Resource]:
    """The defaults of a namespace or mesh that this agent would prune without asking."""
    for resource in resources:
        if decides_for_many(resource) and not is_protected(agent, resource):
            yield resource


def decides_for_many(resource: Resource) -> bool:
    """Whether it is a PeerAuthentication without selector, or a rule for a wildcard host."""
    if resource.kind == "PeerAuthentication":
        selector = resource.spec.get("selector")
        return not (isinstance(selector, dict) and selector.get("matchLabels"))
    return resource.kind == "DestinationRule" and str(resource.spec.get("host")).startswith("*")


def is_protected(agent: str, resource: Resource) -> bool:
    """Whether the agent asks, or refuses, before it prunes this object."""
    if agent == "flux":
        key, value = FLUX
        return value in {resource.annotations.get(key), resource.labels.get(key)}
    options = str(resource.annotations.get(ARGOCD[0], "")).split(",")
    return not {"Prune=confirm", "Prune=false"}.isdisjoint(option.strip() for option in options)
