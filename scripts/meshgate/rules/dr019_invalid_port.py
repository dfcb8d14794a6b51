"""A port setting that no port can have.

What it checks
    `portLevelSettings` of a DestinationRule, of the rule and of each subset: numbers that are no
    port, a number that is listed twice, and, with an inventory, one that no service behind the
    host has.

    ```yaml
    portLevelSettings:
      - port: {number: 8080}
        tls: {mode: ISTIO_MUTUAL}
      - port: {number: 8080}          # never looked at
        connectionPool: {tcp: {maxConnections: 10}}
    ```

Why it matters
    Istio accepts all of them. An entry for a port that is not there holds for nothing: the usual
    slip is the container's port, which PeerAuthentication wants, in place of the Service's. Of two
    entries for one port the first makes the connection, and its missing `tls` may still be taken
    from the second where endpoints are marked: the two halves of istiod then disagree.

How to fix
    Write the number of the Service's port, not of the container's, once.

Known gaps
    A host that the inventory does not know is DR005's. UDP ports have no TLS and count as missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshgate.mesh import Service
from meshgate.mesh.destination_rule import DestinationRule, PolicyPlace
from meshgate.model import Severity
from meshgate.rules import destination_rule as dr
from meshgate.rules import inventory
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation
from meshgate.rules.wording import listed

LAST_PORT = 65535


def check(context: Context) -> Iterator[Violation]:
    known = inventory.of(context)
    for rule in dr.seen(context):
        entries = [place for place in rule.places if place.port is not None]
        services = known.services(rule.host) if known and entries else []
        ports = {port.number for service in services for port in service.ports}
        first: dict[tuple[str | None, int | None], PolicyPlace] = {}
        for place in entries:
            path = place.path("port", "number")
            if not 0 < (place.port or 0) <= LAST_PORT:
                yield Violation(
                    rule.resource, path, f"{place.port} is no port: the entry holds for nothing"
                )
            elif (place.subset, place.port) in first:
                other = first[place.subset, place.port].path("port", "number")
                yield Violation(
                    rule.resource,
                    path,
                    f"port {place.port} is listed twice: the first entry counts, not this one",
                    related=(RelatedResource(rule.resource, "the entry that counts", other),),
                )
            else:
                first[place.subset, place.port] = place
                if services and place.port not in ports:
                    yield missing(rule, place, services)


def missing(rule: DestinationRule, place: PolicyPlace, services: Sequence[Service]) -> Violation:
    """The finding on a port that no service behind the host has."""
    numbers = sorted({port.number for service in services for port in service.ports})
    behind = sorted(
        {
            number
            for service in services
            for number, endpoints in service.endpoints.items()
            if any(endpoint.port == place.port for endpoint in endpoints)
        }
    )
    has = f"it has {listed(map(str, numbers))}" if numbers else "it has none"
    hint = f"; {place.port} is the container's port behind {listed(map(str, behind))}"
    return Violation(
        rule.resource,
        place.path("port", "number"),
        f"{rule.host} has no port {place.port}, {has}: the entry holds for nothing"
        + (hint if behind else ""),
        fix=f"write the Service's port {listed(map(str, behind or numbers))}",
        related=(RelatedResource(services[0].resource, "is the service", "spec.ports"),),
    )


RULE = Rule(
    id="DR019",
    name="invalid-port",
    severity=Severity.ERROR,
    summary="An entry of portLevelSettings for a port that is not there, or listed twice.",
    fix="write the number of the Service's port, once",
    phase=Phase.STATE,
    needs=Needs.POLICIES,
    sharper_with=Needs.INVENTORY,
    kinds=frozenset({dr.KIND}),
    check=check,
)
