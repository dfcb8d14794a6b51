"""A call that counts sends plaintext to a port that takes mutual TLS only.

What it checks
    Every call of a client with a proxy to every service port, and the calls of clients without one
    that an expectation wants to work. The client sends plaintext (a rule says DISABLE, names a
    secret that a sidecar cannot load, or auto mTLS comes to plaintext) and the sidecar of the
    server is STRICT on that port.

    ```yaml
    # what the clients use                  # what the server enforces
    kind: DestinationRule                   kind: PeerAuthentication
    spec:                                   spec:
      host: boards.boards.svc.cluster.local   mtls: {mode: STRICT}
      trafficPolicy: {tls: {mode: DISABLE}}
    ```

Why it matters
    The server's sidecar closes the connection before the application sees it: the client answers
    503, each time.

How to fix
    Let the client send mutual TLS: remove the `tls` block, or write ISTIO_MUTUAL. Where the client
    has no sidecar, give it one, or make this one port PERMISSIVE with a waiver.

Known gaps
    Clients without a sidecar that nobody expects are not counted: refusing them is what STRICT is
    for. `meshgate calls` lists them. A service port whose calls cannot be judged at all is reported
    here, once, as not decidable.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import DataPlane, Mesh, Mode, Outcome, Tls, Transport
from meshgate.model import Severity
from meshgate.rules.broken_calls import Broken, broken_calls, violation
from meshgate.rules.call_repairs import repaired_by_rule
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation
from meshgate.rules.undecided_calls import undecided_calls

NO_RULE = (
    "no rule for this host mends it alone: bring what stands behind the port to one mode, every "
    "pod with a sidecar, and let one DestinationRule speak for it"
)


def check(context: Context) -> Iterator[Violation]:
    for broken in broken_calls(context) if context.mesh is not None else ():
        assert context.mesh is not None
        delivery = broken.delivery
        # A gateway refuses plaintext too, but by its own TLS: an application brings that itself.
        strict = delivery.mode is Mode.STRICT or delivery.outcome is Outcome.DENIED
        if delivery.transport is Transport.PLAINTEXT and strict and not broken.is_misread:
            yield violation(
                broken,
                f"calls from {broken.clients} to {broken.target} are plaintext ({broken.sent_by}), "
                f"and {broken.servers} {broken.of_servers('takes', 'take')} mutual TLS only "
                f"({broken.taken_by}): every one is refused",
                fix(context.mesh, broken),
            )
    yield from undecided_calls(context)


def fix(mesh: Mesh, broken: Broken) -> str:
    """What lets the client send mutual TLS, or the server take plaintext."""
    if broken.is_bypassing:
        return (
            f"let the sidecars of {broken.clients} capture port {broken.call.port.number}: an "
            "annotation of their pods (traffic.sidecar.istio.io/) leaves it out"
        )
    if broken.expected:
        return "give the client a sidecar, or make this port PERMISSIVE with a waiver"
    if broken.ends_at(DataPlane.AMBIENT):
        return (
            "no DestinationRule helps: towards ztunnel a sidecar sends mutual TLS through HBONE "
            "only, and it cannot where it calls the pods by their own addresses (a headless "
            "Service); give the client's namespace ambient mode, call a Service with a cluster "
            "address, or make this port PERMISSIVE with a waiver"
        )
    return repaired_by_rule(mesh, broken, Tls.ISTIO_MUTUAL) or NO_RULE


RULE = Rule(
    id="CA001",
    name="plaintext-into-strict",
    severity=Severity.ERROR,
    summary="A call that counts sends plaintext to a STRICT port.",
    fix="let the clients send mutual TLS: a DestinationRule with ISTIO_MUTUAL for this host",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset(),
    check=check,
)
