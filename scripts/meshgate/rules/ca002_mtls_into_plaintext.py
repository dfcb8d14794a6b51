"""The mesh's mutual TLS is sent to something that cannot take it.

What it checks
    Every call of a client with a proxy that sends the mesh's mutual TLS to a port in mode DISABLE,
    or to a workload without a sidecar.

    ```yaml
    # a rule for every host...              # ...and a server that opted out
    kind: DestinationRule                   kind: PeerAuthentication
    spec:                                   spec:
      host: "*.svc.cluster.local"             selector: {matchLabels: {app: legacy}}
      trafficPolicy:                          mtls: {mode: DISABLE}
        tls: {mode: ISTIO_MUTUAL}
    ```

Why it matters
    The handshake reaches an HTTP filter as bytes that are no request, or the application itself.
    The client answers 503.

How to fix
    Add an exact DestinationRule for the host with mode DISABLE where the clients look first, or
    make the server take mutual TLS: PERMISSIVE instead of DISABLE, a sidecar instead of none.

Known gaps
    An application that ends the mesh's mutual TLS itself, with certificates of the mesh's CA, is
    taken for one that cannot.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import DataPlane, Tls, Transport
from meshgate.model import Severity
from meshgate.rules.broken_calls import Broken, broken_calls, violation
from meshgate.rules.call_repairs import repaired_by_rule, repaired_by_server
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation

NO_RULE = (
    "no rule for this host mends it alone: bring what stands behind the port to one mode, every "
    "pod with a sidecar or none, and let one DestinationRule speak for it"
)


def check(context: Context) -> Iterator[Violation]:
    for broken in broken_calls(context):
        if broken.delivery.transport is Transport.MTLS and not broken.is_misread:
            yield violation(
                broken,
                f"calls from {broken.clients} to {broken.target} are the mesh's mutual TLS "
                f"({broken.sent_by}), and {broken.servers} cannot take it ({broken.taken_by}): "
                "every one fails",
                fix(context, broken),
            )


def fix(context: Context, broken: Broken) -> str:
    """What lets the server take the call, or the client send what the server takes."""
    assert context.mesh is not None
    host = broken.call.service.host
    if broken.ends_at(DataPlane.GATEWAY):
        name = broken.delivery.name or host
        return (
            f"write a host of the Gateway as sni beside the tls mode: the client asks for {name}, "
            "and a server with tls mode ISTIO_MUTUAL answers its own hosts only"
        )
    by_rule = repaired_by_rule(context.mesh, broken, Tls.DISABLE)
    if not broken.is_captured:
        tail = "no PeerAuthentication reaches a port that is not captured"
        return f"{by_rule}; {tail}" if by_rule else f"{NO_RULE}; {tail}"
    if broken.has_sidecar:
        by_server = repaired_by_server(broken, context.environment.require.mtls)
        waived = f"{by_rule}, with a waiver for DR001" if by_rule else NO_RULE
        return by_server or waived
    mixed = any(
        each.endpoint and each.endpoint.workload and each.endpoint.workload.has_sidecar
        for each in broken.call.deliveries
    )
    waived = ", with a waiver for DR001" if by_rule and mixed else ""
    return f"{by_rule or NO_RULE}{waived}, or give the server a sidecar"


RULE = Rule(
    id="CA002",
    name="mtls-into-plaintext",
    severity=Severity.ERROR,
    summary="The mesh's mutual TLS is sent to a DISABLE port or a workload without sidecar.",
    fix="add an exact DestinationRule with mode DISABLE, or let the server take mutual TLS",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset(),
    check=check,
)
