"""Workloads that a change closes by default, or opens: the first and the last ALLOW policy."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from meshgate.mesh import DataPlane, Mesh, Workload
from meshgate.mesh.authorization import Action
from meshgate.model import Resource

_ENFORCED = frozenset({DataPlane.SIDECAR, DataPlane.AMBIENT, DataPlane.GATEWAY})


class Closure(Struct, frozen=True):
    """A workload that is closed by default on one side of a change only.

    closes    it is so afterwards; else it was so before
    policies  the ALLOW policies that close it there
    """

    workload: Workload
    closes: bool
    policies: tuple[Resource, ...]


def closures(before: Mesh, after: Mesh) -> Iterator[Closure]:
    """The workloads of both meshes of which the default changes, where files tell."""
    if before.authorization.is_empty and after.authorization.is_empty:
        return
    known = {(each.namespace, each.name, each.kind): each for each in before.workloads}
    for workload in after.workloads:
        old = known.get((workload.namespace, workload.name, workload.kind))
        if old is None or not {old.plane, workload.plane} <= _ENFORCED:
            continue
        was, will = _allowing(before, old), _allowing(after, workload)
        if was is not None and will is not None and bool(was) is not bool(will):
            yield Closure(workload, bool(will), will or was)


def _allowing(mesh: Mesh, workload: Workload) -> tuple[Resource, ...] | None:
    """The enforced ALLOW policies of a workload; None: files do not tell which apply."""
    applied = mesh.authorization.applied(mesh.admissions.server_of(workload))
    if applied.undecided:
        return None
    return tuple(
        policy.resource
        for policy in applied.policies
        if policy.action is Action.ALLOW and not policy.dry_run
    )
