"""TLS around a port whose clients bring their own TLS.

What it checks
    The calls of clients with a sidecar to service ports that are declared HTTPS or TLS, where the
    DestinationRule they get says SIMPLE or MUTUAL, or ISTIO_MUTUAL for a host beyond the mesh,
    where no sidecar ends it; and those of a gateway that hands TLS on as it comes.

    ```yaml
    kind: ServiceEntry
    spec:
      hosts: [rates.example.com]
      ports: [{number: 443, name: https, protocol: HTTPS}]    # the application sends TLS
    ---
    kind: DestinationRule
    spec:
      host: rates.example.com
      trafficPolicy: {tls: {mode: SIMPLE}}                     # and the sidecar wraps it again
    ```

Why it matters
    A port that is declared HTTPS or TLS takes the TLS of the application as it is. The rule wraps
    it in TLS once more: the other side finds TLS where it expects a request, and every call fails.
    Where the application sends plain HTTP, hoping for the rule, the sidecar cannot route it.

How to fix
    Where the proxy is to originate TLS, declare the port HTTP, with `targetPort: 443` if need be,
    and let the application send HTTP. Where the application brings TLS, remove the `tls` block.

Known gaps
    Silent where some VirtualService routes HTTP requests of another port to this one: that is the
    other way to originate TLS. What an application really sends is not known.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import CallClass, DataPlane, Delivery, Transport, Verdict, protocols, verdict
from meshgate.model import Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation
from meshgate.rules.virtual_service import http_targets

BY_CLIENT_OR_RULE = frozenset({Transport.TLS, Transport.MTLS_USER})


def check(context: Context) -> Iterator[Violation]:
    mesh = context.mesh
    if mesh is None:
        return
    routed = {(target.host, target.port) for target in http_targets(context.resources, mesh)}
    reported: set[tuple[int, str, int]] = set()
    for call in mesh.call_classes():
        host, port = call.service.host, call.port
        if port.protocol != protocols.TLS or (host, port.number) in routed or not wraps(call):
            continue
        policy = call.policy
        rules = policy.rules if policy is not None else ()
        key = id(rules[0]) if rules else 0, host, port.number
        if not rules or policy is None or key in reported:
            continue
        reported.add(key)
        source = mesh.explain(next(call.clients.members), host, port.number, call.subset).tls
        place = (source.rule, f"{source.path}.mode") if source else (rules[0], "spec.host")
        yield Violation(
            *place,
            f"tls is {policy.tls} toward {host}:{port.number}, which is declared "
            f"{port.name or 'TLS'}: the TLS that clients bring is wrapped in TLS again",
            related=(RelatedResource(call.service.resource, "declares the port", "spec.ports"),),
            key=f"{host}:{port.number}",
        )


def wraps(call: CallClass) -> bool:
    """Whether some of these clients wrap what they are handed; broken calls are CA003's."""
    return (
        call.clients.plane in {DataPlane.SIDECAR, DataPlane.GATEWAY}
        and call.clients.count > 0
        and any(
            (each.transport in BY_CLIENT_OR_RULE or is_beyond(call, each))
            and verdict(each.outcome, each.transport) is not Verdict.BROKEN
            for each in call.deliveries
        )
    )


def is_beyond(call: CallClass, sent: Delivery) -> bool:
    """Whether mutual TLS of the mesh goes to an address beyond it, where no sidecar ends it."""
    return (
        sent.transport is Transport.MTLS
        and call.service.external
        and (sent.endpoint is None or sent.endpoint.workload is None)
    )


RULE = Rule(
    id="DR020",
    name="double-tls",
    severity=Severity.ERROR,
    summary="TLS is originated toward a port that is declared HTTPS or TLS.",
    fix="declare the port HTTP and let clients send HTTP, or remove the tls block",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset({"VirtualService"}),
    check=check,
)
