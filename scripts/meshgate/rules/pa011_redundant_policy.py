"""A PeerAuthentication without which every port would enforce the same.

What it checks
    Each policy with workloads in its reach: whether any of their ports, or the ports that no table
    names, would enforce another mode if the policy were not there.

Why it matters
    Nothing is wrong with it. A policy that changes nothing is one more thing to read, and it will
    hold its mode when a wider policy changes: sometimes that is the point.

How to fix
    Remove it, or keep it on purpose with a waiver that says why.

Known gaps
    A policy is compared alone: of two that say the same, each is reported as redundant. The
    mesh-wide policy is never reported: it holds for what nobody has added yet.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

from meshgate.mesh import Mesh, Workload
from meshgate.model import Resource, Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, SharedCause, Violation
from meshgate.rules.wording import listed

KIND = "PeerAuthentication"


def check(context: Context) -> Iterator[Violation]:
    mesh = context.mesh
    if mesh is None:
        return
    reached: dict[int, Resource] = {}
    instead: dict[int, Resource | None] = {}
    needed: set[int] = set()
    for workload in one_of_each_class(mesh):
        ports = (None, *mesh.ports(workload))
        for slot in mesh.server_class(workload).candidates:
            for each in slot:
                policy = each.resource
                if id(policy) not in reached:
                    reached[id(policy)] = policy
                    without = mesh.mode_without(workload, None, policy)
                    instead[id(policy)] = without.decided_by.policy
                if id(policy) not in needed and any(
                    changes(mesh, workload, port, policy) for port in ports
                ):
                    needed.add(id(policy))
    for key, policy in reached.items():
        # The mesh-wide policy also holds for what comes next: PA007 wants it.
        mesh_wide = policy.namespace == mesh.facts.root_namespace
        if key not in needed and not policy.foreign and not mesh_wide:
            wider = instead[key]
            yield Violation(
                policy,
                "spec",
                "every port of every workload would enforce the same without this policy",
                group=SharedCause(
                    f"{wider.ref if wider else ''}",
                    f"{policy.namespace}/{policy.name}",
                    functools.partial(several, wider),
                    "remove the policies, or keep them on purpose with waivers that say why",
                ),
            )


def several(wider: Resource | None, names: Sequence[str]) -> str:
    """The message on several policies that change nothing."""
    by = f"{wider} gives" if wider else "Istio gives by default"
    return (
        f"{len(names)} policies say what {by} without them, for every port of every workload: "
        f"{listed(names)}"
    )


def one_of_each_class(mesh: Mesh) -> Iterator[Workload]:
    """A workload of each set that no PeerAuthentication and no port tells apart."""
    seen: set[tuple[int, tuple[int, ...]]] = set()
    for workload in mesh.workloads:
        if workload.has_sidecar:
            key = id(mesh.server_class(workload)), tuple(mesh.ports(workload))
            if key not in seen:
                seen.add(key)
                yield workload


def changes(mesh: Mesh, workload: Workload, port: int | None, policy: Resource) -> bool:
    """Whether a port enforces another mode without the policy, in some order of creation."""
    now, then = mesh.mode_at(workload, port), mesh.mode_without(workload, port, policy)
    return {now.mode, *(each.mode for each in now.alternatives)} != {
        then.mode,
        *(each.mode for each in then.alternatives),
    }


RULE = Rule(
    id="PA011",
    name="redundant-policy",
    severity=Severity.INFO,
    summary="A policy that changes no effective mode.",
    fix="remove the policy, or keep it on purpose with a waiver that says why",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset(),
    check=check,
)
