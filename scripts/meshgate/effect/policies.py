"""Changed policies that cannot be judged: not read, or about what the inventory does not know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshgate.effect.changes import UndecidedPolicy
from meshgate.mesh import Mesh, Unread
from meshgate.model import Resource, ResourceRef

# How many of the workloads that an object covers are named.
NAMED = 3


def open_policies(before: Mesh, after: Mesh) -> Iterator[UndecidedPolicy]:
    """Changed policies of namespaces without inventory, and changed objects that are not read."""
    was, will = _policies(before), _policies(after)
    for ref, (policy, namespace) in (was | will).items():
        old, new = was.get(ref), will.get(ref)
        if old is not None and new is not None and old[0].spec == new[0].spec:
            continue
        if namespace and not (before.knows(namespace) or after.knows(namespace)):
            yield UndecidedPolicy(policy, f"the inventory knows nothing of namespace {namespace}")
    yield from _unread(before, after)


def changed_authorization(before: Mesh, after: Mesh) -> Iterator[Resource]:
    """The AuthorizationPolicies and RequestAuthentications that are not what they were."""
    return _changed(before.authorization.resources, after.authorization.resources)


def changed_network_policies(before: Mesh, after: Mesh) -> Iterator[Resource]:
    """The NetworkPolicies that are not what they were."""
    return _changed(
        (each.resource for each in before.packets.policies),
        (each.resource for each in after.packets.policies),
    )


def _changed(before: Iterable[Resource], after: Iterable[Resource]) -> Iterator[Resource]:
    was, will = ({each.ref: each for each in side} for side in (before, after))
    for ref, changed in (was | will).items():
        old, new = was.get(ref), will.get(ref)
        if old is None or new is None or _decides_by(old) != _decides_by(new):
            yield changed


def _decides_by(resource: Resource) -> tuple[object, ...]:
    return resource.spec, resource.annotations, resource.labels


def _unread(before: Mesh, after: Mesh) -> Iterator[UndecidedPolicy]:
    """Changed objects that calls depend on and that the model does not read.

    One that covers nothing on either side changes no call, where it is known what there is.
    """
    was = {each.resource.ref: each for each in before.unread}
    will = {each.resource.ref: each for each in after.unread}
    for ref, changed in (was | will).items():
        old, new = was.get(ref), will.get(ref)
        if old is not None and new is not None and _content(old) == _content(new):
            continue
        policy = changed.resource
        covered = dict.fromkeys(name for side in (old, new) if side for name in side.covered)
        namespace = policy.namespace or ""
        if covered:
            yield UndecidedPolicy(policy, f"it {changed.reason}: {_few(covered)}", unread=True)
        elif not (before.workloads and after.workloads):
            yield UndecidedPolicy(policy, f"it {changed.reason}", unread=True)
        elif namespace and not (before.knows(namespace) or after.knows(namespace)):
            yield UndecidedPolicy(policy, f"the inventory knows nothing of namespace {namespace}")


def _few(names: Iterable[str]) -> str:
    first = list(names)
    more = f" and {len(first) - NAMED} more" if len(first) > NAMED else ""
    return ", ".join(first[:NAMED]) + more


def _content(unread: Unread) -> tuple[object, ...]:
    """What an object decides by, and whom it covers."""
    resource = unread.resource
    return resource.spec, resource.annotations, resource.labels, unread.reason, unread.covered


def _policies(mesh: Mesh) -> dict[ResourceRef, tuple[Resource, str]]:
    """Each policy with the namespace that it is about; empty: about more than one."""
    by_ref = {}
    root, domain = mesh.facts.root_namespace, mesh.facts.cluster_domain
    for policy in mesh.peer_policies.all.values():
        about = "" if policy.namespace == root else policy.namespace
        by_ref[policy.resource.ref] = policy.resource, about
    for rule in mesh.rules.all.values():
        name, _, rest = rule.host.partition(".")
        namespace, _, suffix = rest.partition(".")
        about = namespace if name and suffix == f"svc.{domain}" else ""
        by_ref[rule.resource.ref] = rule.resource, about
    for resource in mesh.authorization.resources:
        namespace = resource.namespace or ""
        by_ref[resource.ref] = resource, "" if namespace == root else namespace
    for filtering in mesh.packets.policies:
        by_ref[filtering.resource.ref] = filtering.resource, filtering.namespace
    return by_ref
