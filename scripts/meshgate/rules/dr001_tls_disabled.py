"""A client that is told to send plaintext into the mesh.

What it checks
    Every `tls` block of a DestinationRule, for mode DISABLE: the rule's own, one of an entry in
    `portLevelSettings`, of a subset, and of a subset's port. A host that is outside the mesh may
    have it: the hosts of `mesh.outside`, the API server, Services whose workloads, by the
    inventory, have no sidecar, and hosts beyond the cluster domain that a ServiceEntry places
    outside (`location: MESH_EXTERNAL`, its default). A host that is declared in `mesh.outside` and
    has a sidecar after all is a finding of its own.

    ```yaml
    spec:
      host: userprofile.boards.svc.cluster.local
      trafficPolicy:
        tls: {mode: DISABLE}   # plaintext, though userprofile has a sidecar
    ```

Why it matters
    A `tls` block overrides auto mTLS. With DISABLE every client that gets the rule sends
    plaintext: readable on the way and without the caller's identity where the server is
    PERMISSIVE, refused with a 503 where it is STRICT. A wrong declaration opens the same door for
    every rule to come.

How to fix
    Remove the block, so that auto mTLS decides for each endpoint, or write ISTIO_MUTUAL. If the
    host has no sidecar on purpose, declare it in `mesh.outside` with the reason.

Known gaps
    A subset's DISABLE counts whether or not a route uses the subset. In ambient, ztunnel ignores
    DestinationRules, and a sidecar still tunnels to endpoints that take HBONE. `tls` without
    `mode`, which means DISABLE too, is DR008's. Whether a host beyond the cluster domain that no
    ServiceEntry names runs in the mesh is not decidable, and the finding says so. A wildcard over
    more than one namespace is never outside by the inventory alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import Tls
from meshgate.model import Severity
from meshgate.rules import destination_rule as dr
from meshgate.rules import inventory
from meshgate.rules.call_repairs import CAUTION
from meshgate.rules.context import Context
from meshgate.rules.outside import Outside
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation


def check(context: Context) -> Iterator[Violation]:
    outside = Outside(context)
    for rule in dr.seen(context):
        disabled = [place for place in rule.places if place.mode == Tls.DISABLE]
        if not disabled or (is_outside := outside.has(rule.host)):
            continue
        then = (
            "and nothing here tells whether that host is in the mesh"
            if is_outside is None
            else "readable on the way, refused by a server that is STRICT"
        )
        for place in disabled:
            if place.port is not None and is_raw(context, rule.host, place.port):
                continue
            yield Violation(
                rule.resource,
                place.path("tls", "mode"),
                f"tls is DISABLE{place.where}: clients send plaintext to {rule.host}, {then}",
                fix=f"{'set mode' if place.port else 'remove this tls block or set mode'} to "
                f"ISTIO_MUTUAL once its servers take it{CAUTION}; if {rule.host} has no sidecar on "
                "purpose, declare it in mesh.outside",
                decided=is_outside is not None,
            )
    yield from wrongly_declared(context)


def is_raw(context: Context, host: str, port: int) -> bool:
    """Whether no sidecar gets what is sent to a service port: then only plaintext works there.

    Annotations (`excludeInboundPorts`, `includeInboundPorts`) keep ports from sidecars, and auto
    mTLS does not look at them.
    """
    known = inventory.of(context)
    endpoints = [
        endpoint
        for service in (known.services(host) if known is not None else ())
        for endpoint in service.endpoints.get(port, ())
    ]
    return bool(endpoints) and all(
        endpoint.workload is not None
        and endpoint.workload.has_sidecar
        and not endpoint.workload.captures(endpoint.port)
        for endpoint in endpoints
    )


def wrongly_declared(context: Context) -> Iterator[Violation]:
    """Hosts of `mesh.outside` that have a sidecar after all."""
    known = inventory.of(context)
    if known is None:
        return
    for declared in context.environment.mesh.outside:
        for service in known.services(declared.host):
            inside = [each for each in inventory.workloads(service) if each.has_sidecar]
            if inside:
                yield Violation(
                    None,
                    "",
                    f"mesh.outside declares {declared.host} ({declared.reason}), but "
                    f"{', '.join(map(str, inside))} behind {service.host} has a sidecar",
                    fix=f"remove {declared.host} from mesh.outside",
                    related=(RelatedResource(service.resource, "is its Service", "spec"),),
                    source=declared.source,
                    key=service.host,
                )


RULE = Rule(
    id="DR001",
    name="tls-disabled",
    severity=Severity.ERROR,
    summary="A DestinationRule makes clients send plaintext to a host of the mesh.",
    fix="remove the tls block, set ISTIO_MUTUAL, or declare the host in mesh.outside",
    phase=Phase.STATE,
    needs=Needs.FACTS,
    sharper_with=Needs.INVENTORY,
    kinds=frozenset({dr.KIND, "ServiceEntry"}),
    check=check,
)
