"""TLS of the client's own meets a sidecar that cannot take it.

What it checks
    Every call of a client with a proxy whose rule says SIMPLE or MUTUAL, to a port where a sidecar
    refuses that handshake or takes it for a broken request.

    ```yaml
    kind: DestinationRule
    spec:
      host: userprofile.boards.svc.cluster.local
      trafficPolicy: {tls: {mode: SIMPLE}}     # userprofile is STRICT
    ```

Why it matters
    A STRICT sidecar wants a client certificate of the mesh; a PERMISSIVE one looks for the mesh's
    own protocol name and finds none. The client answers 503.

How to fix
    Write ISTIO_MUTUAL, or remove the `tls` block so that auto mTLS decides.

Known gaps
    A handshake that is handed through to the application works if the application ends it; such
    calls are not reported here. MUTUAL with certificates of the mesh's own CA may work and is
    reported by `meshgate calls` as mtls-user-terminated.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import Tls, Transport
from meshgate.model import Severity
from meshgate.rules.broken_calls import broken_calls, violation
from meshgate.rules.call_repairs import repaired_by_rule
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation

OWN_TLS = {Transport.TLS: "TLS without a client certificate", Transport.MTLS_USER: "MUTUAL"}


NO_RULE = (
    "no mode of this rule mends it alone: bring what stands behind the port to one mode, every pod "
    "with a sidecar"
)


def check(context: Context) -> Iterator[Violation]:
    for broken in broken_calls(context) if context.mesh is not None else ():
        assert context.mesh is not None
        transport = broken.delivery.transport
        if transport in OWN_TLS and broken.has_sidecar:
            yield violation(
                broken,
                f"calls from {broken.clients} to {broken.target} are {OWN_TLS[transport]} "
                f"({broken.sent_by}), and the {broken.of_servers('sidecar', 'sidecars')} of "
                f"{broken.servers} cannot take it ({broken.taken_by}): every one fails",
                repaired_by_rule(context.mesh, broken, Tls.ISTIO_MUTUAL) or NO_RULE,
            )


RULE = Rule(
    id="CA003",
    name="tls-into-mesh",
    severity=Severity.ERROR,
    summary="SIMPLE or MUTUAL meets a sidecar that cannot take it.",
    fix="set the mode to ISTIO_MUTUAL, or remove the tls block so that auto mTLS decides",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset(),
    check=check,
)
