"""TLS of one's own toward a server that expects the mesh's.

What it checks
    SIMPLE and MUTUAL `tls` blocks, on each level of a DestinationRule, whose host has workloads
    with a sidecar at the ports and in the subset that the block is for.

    ```yaml
    spec:
      host: userprofile.boards.svc.cluster.local
      trafficPolicy:
        tls: {mode: SIMPLE}   # userprofile has a sidecar
    ```

Why it matters
    The server's sidecar ends the mesh's own mutual TLS. A STRICT one asks for a certificate of the
    mesh, which SIMPLE does not show and MUTUAL shows from elsewhere; under PERMISSIVE it takes the
    handshake for a broken request, or hands it to an application that does not speak TLS.

How to fix
    Write ISTIO_MUTUAL, or remove the block so that auto mTLS decides.

Known gaps
    Ports that the sidecar does not capture are left alone, and so are ports in DISABLE mode whose
    application may end TLS itself. Certificates of a MUTUAL block that chain to the mesh's CA are
    not recognized.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import Endpoint, Mesh, Mode, Outcome, Service, Transport, Workload
from meshgate.mesh.destination_rule import DestinationRule, PolicyPlace
from meshgate.mesh.terms import ORIGINATED
from meshgate.model import Severity
from meshgate.rules import destination_rule as dr
from meshgate.rules import inventory
from meshgate.rules.call_repairs import CAUTION
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation
from meshgate.rules.wording import listed
from meshgate.wording import agree


def check(context: Context) -> Iterator[Violation]:
    known = inventory.of(context)
    if known is None:
        return
    for rule in dr.seen(context):
        for place in rule.places:
            if place.mode not in ORIGINATED:
                continue
            met = {
                str(workload): service
                for service in known.services(rule.host)
                for workload in sidecars(known.mesh, rule, place, service)
            }
            if met:
                yield Violation(
                    rule.resource,
                    place.path("tls", "mode"),
                    f"tls is {place.mode}{place.where} toward {rule.host}, but the "
                    f"{agree(len(met), 'sidecar', 'sidecars')} of {listed(met)} "
                    f"{agree(len(met), 'ends', 'end')} the mesh's mutual TLS and no other",
                    fix="set mode to ISTIO_MUTUAL"
                    + ("" if place.port else ", or remove this tls block")
                    + CAUTION,
                    related=tuple(
                        RelatedResource(service.resource, "is its Service", "metadata.name")
                        for service in list(dict.fromkeys(met.values()))[:1]
                    ),
                )


def sidecars(
    mesh: Mesh, rule: DestinationRule, place: PolicyPlace, service: Service
) -> Iterator[Workload]:
    """The workloads of a service that meet this TLS with a sidecar."""
    taken = {p.port for p in rule.places if p.subset == place.subset and p.port is not None}
    for number, ends in service.endpoints.items():
        if number != place.port and (place.port is not None or number in taken):
            continue
        for endpoint in ends:
            if dr.is_in_subset(rule, place.subset, endpoint.labels) and refuses(mesh, endpoint):
                assert endpoint.workload is not None
                yield endpoint.workload


def refuses(mesh: Mesh, endpoint: Endpoint) -> bool:
    """Whether a sidecar stands there that does not pass this TLS on to its application."""
    workload = endpoint.workload
    if workload is None or not workload.has_sidecar or not workload.captures(endpoint.port):
        return False
    outcome, _ = mesh.receive(workload, endpoint.port, Transport.TLS)
    opened = mesh.mode_at(workload, endpoint.port).mode is Mode.DISABLE
    return not (opened and outcome is Outcome.TLS_TO_APP)


RULE = Rule(
    id="DR010",
    name="one-way-tls-to-mesh",
    severity=Severity.ERROR,
    summary="SIMPLE or MUTUAL toward a workload that has a sidecar.",
    fix="set mode to ISTIO_MUTUAL, or remove the tls block",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset({dr.KIND}),
    check=check,
)
