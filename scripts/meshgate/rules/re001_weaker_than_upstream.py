"""A port that is weaker here than in the environment before.

What it checks
    Every port of every workload with a sidecar that the environment named in `after` has too: its
    mode must not be weaker here, unless `waivers/<environment>.yaml` declares the difference.

    ```yaml
    # waivers/prod.yaml
    differences:
      - workload: boards/boards
        port: 9102
        owner: team-boards
        reason: prod still scrapes without certificates
        expires: 2027-01-31
    ```

Why it matters
    What was tried before is not what runs here. A change that is safe with a STRICT server may meet
    a PERMISSIVE one, and the last environment is the one that counts.

How to fix
    Bring the stronger policy here, or declare the difference with an owner and an end date.

Known gaps
    Workloads are compared by namespace and name, which `names:` maps between environments; one that
    exists here only is not compared. Where no name is common, the finding is that nothing is
    comparable.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from meshgate.effect.comparable import HINT, is_comparable
from meshgate.mesh import Mesh, ServerMode, Workload
from meshgate.model import Position, Severity
from meshgate.rules import peer_authentication as pa
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, SharedCause, Violation
from meshgate.rules.waiver_use import declared_differences
from meshgate.rules.wording import listed


def check(context: Context) -> Iterator[Violation]:
    mesh = context.mesh
    if mesh is None:
        return
    declared = declared_differences(context)
    for name, before in context.upstream.items():
        if before.mesh is not None and not is_comparable(before.mesh, mesh):
            yield incomparable(name)
        elif before.mesh is not None:
            for workload in mesh.workloads:
                if workload.has_sidecar and (str(workload), None) not in declared:
                    yield from weaker(mesh, before.mesh, workload, name, declared)


def incomparable(upstream: str) -> Violation:
    """No workload has a name that both environments know."""
    return Violation(
        None,
        "",
        f"nothing here is comparable with {upstream}: no workload has the namespace and name of "
        "one there, so whether ports are weaker is not known",
        fix=HINT,
        decided=False,
        source=Position("environments.yaml", 1, 1),
        key=upstream,
    )


def weaker(
    mesh: Mesh,
    before: Mesh,
    workload: Workload,
    upstream: str,
    declared: set[tuple[str, int | None]],
) -> Iterator[Violation]:
    """The findings on one workload: its ports that nobody has declared to differ."""
    for port, here, there in weaker_ports(mesh, before, workload):
        if (str(workload), port) in declared:
            continue
        policy = here.decided_by.policy
        then = there.decided_by.policy
        yield Violation(
            policy or workload.resource,
            pa.port_path(policy, port) if policy else "spec",
            f"{workload}:{port} is {here.mode} here and {there.mode} in {upstream}",
            related=(
                RelatedResource(workload.resource, "is the server"),
                *((RelatedResource(then, f"decides in {upstream}"),) if then else ()),
            ),
            key=f"{workload}:{port} {upstream}",
            group=SharedCause(
                f"{policy.ref if policy else ''} {here.mode} {upstream} {there.mode}",
                f"{workload}:{port}",
                functools.partial(several, f"{here.mode} here and {there.mode} in {upstream}"),
            ),
            about=f"{workload}:{port}",
            by_default=policy is None,
        )


class WeakerPort(NamedTuple):
    """A container port with what is enforced on it here and in the environment before."""

    port: int
    here: ServerMode
    there: ServerMode


def weaker_ports(mesh: Mesh, before: Mesh, workload: Workload) -> Iterator[WeakerPort]:
    """The ports of one workload that are weaker than in the environment before."""
    try:
        same = before.workload(workload.namespace, workload.name, workload.kind)
    except LookupError:
        return
    for port in mesh.ports(workload):
        here, there = mesh.mode_at(workload, port), before.mode_at(same, port)
        if here.mode and there.mode and pa.is_weaker(here.mode, there.mode):
            yield WeakerPort(port, here, there)


def several(modes: str, names: Sequence[str]) -> str:
    """The message on several ports that one policy makes weaker."""
    return f"{len(names)} ports are {modes}: {listed(names)}"


RULE = Rule(
    id="RE001",
    name="weaker-than-upstream",
    severity=Severity.ERROR,
    summary="A port is weaker here than in the environment before.",
    fix="bring the stronger policy here, or declare the difference in waivers/<environment>.yaml",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset(),
    check=check,
)
