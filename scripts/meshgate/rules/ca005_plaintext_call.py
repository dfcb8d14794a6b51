"""A call may run, or runs, in plaintext.

What it checks
    Under a STRICT floor, every port of a workload with a sidecar that also accepts plaintext, by a
    policy or because there is none. And every service port to which a client with a sidecar sends
    plaintext though its host is not outside the mesh.

    ```yaml
    kind: PeerAuthentication
    spec:
      selector: {matchLabels: {app: boards}}
      portLevelMtls: {"9102": {mode: PERMISSIVE}}    # boards:9102 takes both
    ```

Why it matters
    Who asks in plaintext is nobody: no identity, no encryption, no policy on identities. Mutual TLS
    everywhere is what the floor promises; each such port is a place where it is not true yet.

How to fix
    Make the port STRICT once every client has a sidecar. Declare a host that is outside on purpose
    in `mesh.outside`, with its reason.

Known gaps
    Ports that the sidecar does not capture are left out: nothing the mesh does reaches them. A port
    whose policy a waiver of PA001 or PA002 accepts is not told a second time.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import DataPlane, Mesh, Outcome
from meshgate.model import Resource, Severity
from meshgate.rules import peer_authentication as pa
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation

STRICT = "STRICT"
# The rules that tell of the policy itself.
POLICY_RULES = ("PA001", "PA002")
ACCEPTS = frozenset({"PERMISSIVE", "DISABLE"})


def check(context: Context) -> Iterator[Violation]:
    if context.mesh is None:
        return
    if context.environment.require.mtls == STRICT:
        yield from accepted(context)
    yield from sent(context.mesh)


def accepted(context: Context) -> Iterator[Violation]:
    """The ports that take plaintext beside, or instead of, mutual TLS."""
    mesh = context.mesh
    assert mesh is not None
    for workload in mesh.workloads:
        if not workload.has_sidecar:
            continue
        for port in mesh.ports(workload):
            mode = mesh.mode_at(workload, port)
            if not mode.captured or mode.mode is None or mode.mode.value not in ACCEPTS:
                continue
            policy = mode.decided_by.policy
            path = pa.port_path(policy, port) if policy else "spec"
            if policy and is_accepted(context, policy, path):
                continue
            yield Violation(
                policy or workload.resource,
                path,
                f"{workload} accepts plaintext on port {port}: {mode.mode} by "
                f"{policy or 'default, since no policy says otherwise'}",
                related=(RelatedResource(workload.resource, "accepts it"),) if policy else (),
                key=f"{workload}:{port}",
            )


def is_accepted(context: Context, policy: Resource, path: str) -> bool:
    """Whether a waiver already accepts the policy that opens the port."""
    return any(
        waiver.covers(rule, policy.ref, path)
        for waiver in context.environment.waivers
        for rule in POLICY_RULES
    )


def sent(mesh: Mesh) -> Iterator[Violation]:
    """The service ports that clients with a sidecar call in plaintext, outside hosts aside."""
    told: set[tuple[str, int]] = set()
    for call in mesh.call_classes():
        key = call.service.host, call.port.number
        if (
            call.clients.plane is DataPlane.SIDECAR
            and call.clients.count
            and key not in told
            and any(each.outcome is Outcome.OK_PLAINTEXT for each in call.deliveries)
            and not mesh.is_outside(call.service)
        ):
            told.add(key)
            rules = call.policy.rules if call.policy else ()
            yield Violation(
                rules[0] if rules else call.service.resource,
                "spec.host" if rules else "spec",
                f"clients with a sidecar send plaintext to {key[0]}:{key[1]}"
                + (f", as {rules[0]} says" if rules else ""),
                fix="let the server take mutual TLS, or declare the host in mesh.outside",
                related=(RelatedResource(call.service.resource, "is called"),) if rules else (),
                key=f"{key[0]}:{key[1]}",
            )


RULE = Rule(
    id="CA005",
    name="plaintext-call",
    severity=Severity.WARNING,
    summary="A server accepts plaintext, or a client with a sidecar sends it.",
    fix="make the port STRICT once every client has a sidecar",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset(),
    check=check,
)
