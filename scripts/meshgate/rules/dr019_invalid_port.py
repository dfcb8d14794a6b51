"""A port setting that no port can have.

What it checks
    `portLevelSettings` of a DestinationRule, of the rule and of each subset: numbers that are no
    port, and a number that is listed twice.

    ```yaml
    portLevelSettings:
      - port: {number: 8080}
        tls: {mode: ISTIO_MUTUAL}
      - port: {number: 8080}          # never looked at
        connectionPool: {tcp: {maxConnections: 10}}
    ```

Why it matters
    Istio accepts both. An entry for port 0 or 99999 holds for nothing. Of two entries for one port
    the first makes the connection, and its missing `tls` may still be taken from the second where
    endpoints are marked: the two halves of istiod then disagree.

How to fix
    Write the number of the Service's port, not of the container's, once.

Known gaps
    Whether a Service has the port needs an inventory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshgate.model import Severity
from meshgate.rules import destination_rule as dr
from meshgate.rules.rule import RelatedResource, Rule, Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshgate.rules.context import Context

LAST_PORT = 65535


def check(context: Context) -> Iterator[Violation]:
    for rule in dr.seen(context):
        first: dict[tuple[str | None, int], dr.Place] = {}
        for place in rule.places:
            if place.port is None:
                continue
            path = place.path("port", "number")
            if not 0 < place.port <= LAST_PORT:
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


RULE = Rule(
    id="DR019",
    name="invalid-port",
    severity=Severity.ERROR,
    summary="An entry of portLevelSettings for a number that is no port, or listed twice.",
    fix="write the number of the Service's port, once",
    needs="P (R)",
    kinds=frozenset({dr.KIND}),
    check=check,
)
