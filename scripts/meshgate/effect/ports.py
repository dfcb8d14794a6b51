"""What a change does to server ports."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.effect.changes import PortChange, PortState, Strength
from meshgate.mesh import DataPlane, Mesh, Mode, ServerMode, Workload

# How much a port refuses. Without a mode it takes what the application takes.
_STRENGTH = {Mode.STRICT: 2, Mode.PERMISSIVE: 1, Mode.DISABLE: 0, None: 0}


def port_changes(before: Mesh, after: Mesh) -> Iterator[PortChange]:
    """The ports of workloads that both meshes have, where the mode changes."""
    was = {(each.namespace, each.name, each.kind): each for each in before.workloads}
    for workload in after.workloads:
        old = was.get((workload.namespace, workload.name, workload.kind))
        if old is not None:
            known = {*before.ports(old), *after.ports(workload)}
            # Where no port is known, what holds for any of them.
            for port in sorted(known) or (None,):
                first = port_state(before, old, port)
                second = port_state(after, workload, port)
                yield from _changed(workload, port, first, second)


def _changed(
    workload: Workload, port: int | None, before: PortState, after: PortState
) -> Iterator[PortChange]:
    if before.decided and after.decided:
        difference = strength(after.mode, workload) - strength(before.mode, workload)
        if difference:
            yield PortChange(workload, port, before, after, _direction(difference))
        return
    was, will = before.modes or (before.mode,), after.modes or (after.mode,)
    ranks = {strength(new, workload) - strength(old, workload) for old in was for new in will}
    if (set(was), before.decided) == (set(will), after.decided) and len(set(was)) > 1:
        return
    if ranks == {0}:
        return
    # The gravest of what may be.
    reason = after.reason or before.reason
    yield PortChange(
        workload, port, before, after, _direction(min(ranks)), decided=False, reason=reason
    )


def _direction(difference: int) -> Strength:
    """Of the least that may be: where a port may stay as it is, it may not get weaker."""
    return Strength.LOOSENED if difference < 0 else Strength.TIGHTENED


def strength(mode: Mode | None, workload: Workload) -> int:
    """How much a port refuses: more is stricter. DISABLE does not keep ztunnel from taking mTLS."""
    if mode is Mode.DISABLE and workload.plane is DataPlane.AMBIENT:
        mode = Mode.PERMISSIVE
    return _STRENGTH[mode]


def port_state(mesh: Mesh, workload: Workload, port: int | None) -> PortState:
    """What one port enforces; no mode where its sidecar does not capture it."""
    answer = mesh.mode_at(workload, port)
    return PortState(
        _enforced(answer),
        answer.decided_by,
        answer.decided,
        answer.reason,
        tuple(dict.fromkeys(_enforced(each) for each in answer.alternatives)),
    )


def _enforced(answer: ServerMode) -> Mode | None:
    return answer.mode if answer.captured else None
