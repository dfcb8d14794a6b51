"""AuthorizationPolicies and the workloads they are enforced for, by the mesh model."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

from msgspec import Struct

from meshgate.mesh import DataPlane, Mesh, Workload
from meshgate.mesh.authorization import Action, Authorization, AuthorizationPolicy, Server
from meshgate.mesh.authorization.attributes import Chain
from meshgate.model import MeshFacts, ResourceIndex
from meshgate.rules.context import Context

KIND = "AuthorizationPolicy"
ENFORCED = frozenset({DataPlane.SIDECAR, DataPlane.AMBIENT, DataPlane.GATEWAY})
# What decides on requests; AUDIT only logs.
DECIDING = frozenset({Action.ALLOW, Action.DENY, Action.CUSTOM})


class EnforcedPlace(Struct, frozen=True):
    """Workloads that no policy of authorization tells apart, and how policies meet them."""

    server: Server
    workloads: tuple[Workload, ...]
    policies: tuple[AuthorizationPolicy, ...]


class PolicyPlaces(Struct, frozen=True, eq=False):
    """Every policy of a mesh with the places where it is enforced."""

    mesh: Mesh
    places: tuple[EnforcedPlace, ...]
    by_policy: dict[int, list[EnforcedPlace]]

    def of(self, policy: AuthorizationPolicy) -> Sequence[EnforcedPlace]:
        """Where a policy is enforced."""
        return self.by_policy.get(id(policy), ())

    def ports(self, policy: AuthorizationPolicy) -> Iterator[tuple[Workload, int]]:
        """Each known port of each workload that a policy is enforced for, where it is captured."""
        for place in self.of(policy):
            for workload in place.workloads:
                for port in self.mesh.ports(workload):
                    if workload.plane is DataPlane.AMBIENT or workload.captures(port):
                        yield workload, port

    def chains(self, workload: Workload, port: int) -> tuple[Chain, ...]:
        """What may judge connections to a port."""
        return self.mesh.admissions.chains_at(workload, port)


def of(context: Context) -> PolicyPlaces | None:
    """The places of an environment; None: there is no inventory."""
    return None if context.mesh is None else _of(context.mesh)


def policies(context: Context) -> tuple[AuthorizationPolicy, ...]:
    """The policies of an environment that can be read, with or without an inventory."""
    if context.mesh is not None:
        every = context.mesh.authorization.policies
    else:
        every = authorization(context).policies
    return tuple(policy for policy in every if not policy.fault)


def enforced(context: Context) -> Iterator[AuthorizationPolicy]:
    """The policies that decide on requests: neither AUDIT nor a dry run."""
    for policy in policies(context):
        if policy.action in DECIDING and not policy.dry_run:
            yield policy


def authorization(context: Context) -> Authorization:
    """The authorization of an environment."""
    if context.mesh is not None:
        return context.mesh.authorization
    return _authorization(context.resources, context.environment.mesh)


def selected_by(mesh: Mesh, namespace: str, selector: dict[str, str]) -> list[Workload]:
    """The workloads that labels select from a namespace; from the root namespace, everywhere."""
    is_root = namespace == mesh.facts.root_namespace
    names = mesh.namespaces if is_root else [namespace]
    return [each for name in names for each in mesh.selected(name, selector)]


def rule_path(number: int) -> str:
    """The place of a rule in its policy."""
    return f"spec.rules[{number}]"


@functools.lru_cache(maxsize=4)
def _authorization(resources: ResourceIndex, facts: MeshFacts) -> Authorization:
    # What else there is matters to the judgement of policies alone: without one it is not read.
    has_policies = any(each.kind == "AuthorizationPolicy" for each in resources.all)
    return Authorization.of(resources.all if has_policies else (), facts)


# Several rules ask for the same mesh: it is looked through once.
@functools.lru_cache(maxsize=4)
def _of(mesh: Mesh) -> PolicyPlaces:
    alike: dict[tuple[object, ...], tuple[Server, list[Workload]]] = {}
    if not mesh.authorization.is_empty:
        for workload in mesh.workloads:
            if workload.plane in ENFORCED:
                server = mesh.admissions.server_of(workload)
                alike.setdefault(server.key, (server, []))[1].append(workload)
    places = []
    by_policy: dict[int, list[EnforcedPlace]] = {}
    for server, workloads in alike.values():
        applied = mesh.authorization.applied(server).policies
        place = EnforcedPlace(server, tuple(workloads), applied)
        places.append(place)
        for policy in applied:
            by_policy.setdefault(id(policy), []).append(place)
    return PolicyPlaces(mesh, tuple(places), by_policy)
