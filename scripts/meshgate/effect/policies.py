"""Policies that change where the inventory knows nothing of what they are about."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.effect.changes import UndecidedPolicy
from meshgate.mesh import Mesh
from meshgate.model import Resource, ResourceRef


def open_policies(before: Mesh, after: Mesh) -> Iterator[UndecidedPolicy]:
    """Changed PeerAuthentications and DestinationRules of namespaces without inventory."""
    was, will = _policies(before), _policies(after)
    for ref in dict.fromkeys((*was, *will)):
        old, new = was.get(ref), will.get(ref)
        if old is not None and new is not None and old[0].spec == new[0].spec:
            continue
        policy, namespace = new or old  # type: ignore[misc]
        if namespace and not (before.knows(namespace) or after.knows(namespace)):
            yield UndecidedPolicy(policy, f"the inventory knows nothing of namespace {namespace}")


def _policies(mesh: Mesh) -> dict[ResourceRef, tuple[Resource, str]]:
    """Each policy with the namespace that it is about; empty: about more than one."""
    found = {}
    root, domain = mesh.facts.root_namespace, mesh.facts.cluster_domain
    for policy in mesh.peer_policies.all.values():
        about = "" if policy.namespace == root else policy.namespace
        found[policy.resource.ref] = policy.resource, about
    for rule in mesh.rules.all.values():
        name, _, rest = rule.host.partition(".")
        namespace, _, suffix = rest.partition(".")
        about = namespace if name and suffix == f"svc.{domain}" else ""
        found[rule.resource.ref] = rule.resource, about
    return found
