"""A client that policies let in by its identity sends plaintext, which proves none.

What it checks
    Each call of a client with a sidecar, or of a gateway, that policies of authorization deny and
    that is sent in plaintext: whether they would let in some request of it if it proved the
    identity of its service account. The finding is at what makes it plaintext, a DestinationRule of
    the client or a PeerAuthentication of the server with DISABLE.

    ```yaml
    # the ALLOW of cart is for principals: [cluster.local/ns/shop/sa/web]
    kind: DestinationRule
    spec:
      host: cart
      trafficPolicy: {tls: {mode: DISABLE}}     # and web is nobody
    ```

Why it matters
    Both objects are right by themselves. Together they answer 403 to the very client that the ALLOW
    names, and nothing in the policy tells why.

How to fix
    Let the client send the mesh's mutual TLS: ISTIO_MUTUAL, or no TLS setting where auto mTLS is
    on; and let the port take it.

Known gaps
    Clients without a sidecar have no identity by any setting; those that are expected are reported
    by CA008.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import structs

from meshgate.mesh import (
    Allows,
    CallClass,
    DataPlane,
    Delivery,
    Mesh,
    Mode,
    Outcome,
    Transport,
    Workload,
)
from meshgate.mesh.authorization import identity_of
from meshgate.model import Resource, Severity
from meshgate.rules import peer_authentication as pa
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation
from meshgate.rules.wording import listed

PROXIED = frozenset({DataPlane.SIDECAR, DataPlane.GATEWAY})
FIX = "let the client send mutual TLS of the mesh"


def check(context: Context) -> Iterator[Violation]:
    mesh = context.mesh
    if mesh is None or mesh.authorization.is_empty:
        return
    groups: dict[int, tuple[Resource | None, str, dict[str, None], dict[str, None]]] = {}
    for call in mesh.call_classes():
        if call.clients.plane not in PROXIED:
            continue
        for sent in call.deliveries:
            clients = [str(each) for each in meant(mesh, call, sent)]
            if clients:
                cause, path = plaintext_by(mesh, call, sent)
                group = groups.setdefault(id(cause), (cause, path, {}, {}))
                group[2].update(dict.fromkeys(clients))
                group[3][f"{call.service.host}:{call.port.number}"] = None
    for cause, path, clients_, hosts in groups.values():
        is_server = cause is not None and cause.kind == "PeerAuthentication"
        one = len(clients_) == 1
        yield Violation(
            cause,
            path,
            f"policies let {listed(clients_)} in at {listed(hosts)} by "
            f"{'its identity' if one else 'their identities'}, and plaintext proves none: "
            f"{'it is' if one else 'they are'} denied",
            fix="set the mode of the port to STRICT"
            if is_server
            else "set the mode to ISTIO_MUTUAL",
            related=related(mesh, groups[id(cause)][2]),
        )


def meant(mesh: Mesh, call: CallClass, sent: Delivery) -> Iterator[Workload]:
    """The clients that policies deny for want of an identity."""
    admission = sent.admission
    if (
        sent.outcome is not Outcome.DENIED
        or sent.transport is not Transport.PLAINTEXT
        or admission is None
    ):
        return

    def lets_in(identity: str) -> bool:
        proven = structs.replace(admission.connection, identity=identity)
        access = mesh.authorization.allowed(admission.server, proven)
        return access.allows in {Allows.ALL, Allows.SOME}

    if lets_in(mesh.admissions.stranger):
        yield from (each for each in call.clients.members if lets_in(identity_in(mesh, each)))
        return
    # Nobody else's identity matters: fleets have very many clients.
    for own in mesh.admissions.named_classes(admission.server, admission.connection.chain):
        if call.clients.has(own) and lets_in(identity_in(mesh, own.members[0])):
            yield from own.members


def identity_in(mesh: Mesh, client: Workload) -> str:
    """What a certificate of a client would prove."""
    return identity_of(mesh.facts.trust_domain, client.namespace, client.service_account)


def plaintext_by(mesh: Mesh, call: CallClass, sent: Delivery) -> tuple[Resource | None, str]:
    """What makes a call plaintext, and the place in it; None: no object that is known."""
    rules = call.policy.rules if call.policy is not None else ()
    end = sent.endpoint
    if sent.mode is Mode.DISABLE and end is not None and end.workload is not None:
        decided = mesh.mode_at(end.workload, end.port).decided_by
        policy = decided.policy
        return policy, pa.port_path(policy, end.port) if policy is not None else ""
    return (rules[-1], "spec.trafficPolicy") if rules else (None, "")


def related(mesh: Mesh, clients: dict[str, None]) -> tuple[RelatedResource, ...]:
    """Some of the clients."""
    workloads = (mesh.workload(*name.split("/", 1)) for name in list(clients)[:3])
    return tuple(RelatedResource(each.resource, "is denied") for each in workloads)


RULE = Rule(
    id="AZ018",
    name="identity-lost-in-plaintext",
    severity=Severity.ERROR,
    summary="A client that policies let in by its identity sends plaintext.",
    fix=FIX,
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset({"AuthorizationPolicy"}),
    check=check,
)
