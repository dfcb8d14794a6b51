"""A call may run, or runs, in plaintext.

What it checks
    Under a STRICT floor, every port of a workload with a sidecar that also accepts plaintext, by a
    policy or because there is none. And every service port to which a client with a sidecar sends
    plaintext though its host is not outside the mesh; so does a proxy that does not know a Service,
    since a Sidecar resource does not import it or its exportTo leaves the clients out: it passes
    calls of it through as they are.

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
    whose policy a waiver of PA001 or PA002 accepts is not reported a second time; what PA001, PA002
    or PA007 report is named there.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from meshgate.mesh import CallClass, DataPlane, Mesh, Mode, Outcome, Tls
from meshgate.model import Resource, Severity
from meshgate.rules import peer_authentication as pa
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, SharedCause, Violation
from meshgate.rules.wording import listed

STRICT = "STRICT"
# The rules that report the policy itself.
POLICY_RULES = ("PA001", "PA002")
ACCEPTS = frozenset({"PERMISSIVE", "DISABLE"})


def check(context: Context) -> Iterator[Violation]:
    if context.mesh is None:
        return
    if context.environment.require.mtls == STRICT:
        yield from accepted(context)
    yield from sent(context.mesh)
    yield from passed_through(context.mesh)


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
                group=SharedCause(
                    f"{policy.ref if policy else ''} {path} {mode.mode}",
                    f"{workload}:{port}",
                    functools.partial(
                        several_accept,
                        f"{mode.mode} by {policy}"
                        if policy
                        else f"{mode.mode} by default, since no policy says otherwise",
                    ),
                    "make the ports STRICT once every client has a sidecar",
                ),
                about=f"{workload}:{port}",
                by_default=policy is None,
            )


def several_accept(because: str, names: Sequence[str]) -> str:
    """The message on several ports that one policy, or none, opens."""
    return f"{len(names)} ports accept plaintext, {because}: {listed(names)}"


def several_send(because: str, names: Sequence[str]) -> str:
    """The message on several service ports that are called in plaintext."""
    return (
        f"clients with a sidecar send plaintext to {listed(names)}, "
        f"{len(names)} service ports{because}"
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
    reported: set[tuple[str, int]] = set()
    for call in mesh.call_classes():
        key = call.service.host, call.port.number
        if (
            call.clients.plane is DataPlane.SIDECAR
            and call.clients.count
            and not call.hidden
            and key not in reported
            and any(each.by_transport is Outcome.OK_PLAINTEXT for each in call.deliveries)
            and not mesh.is_outside(call.service)
        ):
            reported.add(key)
            cause = cause_of(mesh, call)
            called = call.service.resource
            yield Violation(
                cause.resource,
                cause.path,
                f"clients with a sidecar send plaintext to {key[0]}:{key[1]}{cause.because}",
                fix="let the server take mutual TLS, or declare the host in mesh.outside",
                related=(RelatedResource(called, "is called"),)
                if cause.resource is not called
                else (),
                key=f"{key[0]}:{key[1]}",
                group=SharedCause(
                    f"sent {cause.resource.ref}",
                    f"{key[0]}:{key[1]}",
                    functools.partial(several_send, cause.because),
                    "let the servers take mutual TLS, or declare the hosts in mesh.outside",
                ),
            )


class Cause(NamedTuple):
    """Why plaintext is sent: the object and the path to look at, and the words."""

    resource: Resource
    path: str
    because: str


def cause_of(mesh: Mesh, call: CallClass) -> Cause:
    """The rule that says so; where none has tls, what auto mTLS found at the server."""
    policy = call.policy
    rules = policy.rules if policy is not None else ()
    if policy is None or (rules and (policy.tls is not Tls.NONE or policy.dropped)):
        rule = rules[0] if rules else None
        because = f", as {rule} says" if rule else ""
        return Cause(rule or call.service.resource, "spec.host" if rule else "spec", because)
    if not policy.auto and rules:
        because = f", since {rules[0]} sets no tls for it and auto mTLS does not hold"
        return Cause(rules[0], "spec.host", because)
    for each in call.deliveries:
        endpoint = each.endpoint
        if each.by_transport is not Outcome.OK_PLAINTEXT or endpoint is None:
            continue
        workload = endpoint.workload
        if workload is None or not workload.has_sidecar:
            continue
        decided = mesh.mode_at(workload, endpoint.port).decided_by.policy
        if decided is not None and each.mode is Mode.DISABLE:
            because = f": auto mTLS sends what {decided} makes {workload} take, DISABLE"
            return Cause(decided, pa.port_path(decided, endpoint.port), because)
    return Cause(call.service.resource, "spec", "")


def passed_through(mesh: Mesh) -> Iterator[Violation]:
    """The Services that proxies do not know and pass through, by what hides them from these."""
    by_resource: dict[int, tuple[Resource, dict[str, None]]] = {}
    clients: dict[int, dict[str, None]] = {}
    for call in mesh.call_classes():
        if (
            not call.hidden
            or not call.clients.count
            or mesh.is_outside(call.service)
            or all(each.by_transport is not Outcome.OK_PLAINTEXT for each in call.deliveries)
        ):
            continue
        for each in call.clients.classes:
            hides = each.scopes[0].policy.resource if each.scopes else call.service.resource
            port = f"{call.service.host}:{call.port.number}"
            by_resource.setdefault(id(hides), (hides, {}))[1][port] = None
            clients.setdefault(id(hides), {})[f"{each.members[0]}"] = None
    for key, (hides, ports) in by_resource.items():
        yield Violation(
            hides,
            "spec.egress" if hides.kind == "Sidecar" else "metadata.annotations",
            f"{hides} hides {listed(ports)} from {listed(clients[key])}: their proxies pass such "
            "calls through as they are, in plaintext, and the servers take it",
            fix="import what these clients call, or set outboundTrafficPolicy to REGISTRY_ONLY",
            key="hidden",
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
