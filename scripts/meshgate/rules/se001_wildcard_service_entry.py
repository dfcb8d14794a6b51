"""A wildcard ServiceEntry under a wildcard rule with mutual TLS.

What it checks
    Wildcard hosts of ServiceEntries outside the mesh, and whether a wildcard DestinationRule with
    ISTIO_MUTUAL covers them.

    ```yaml
    kind: ServiceEntry                   kind: DestinationRule
    spec:                                spec:
      hosts: ["*.partner.example.com"]     host: "*"
      location: MESH_EXTERNAL              trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}
    ```

Why it matters
    Servers out there get the mesh's handshake, which they cannot answer. With a wildcard nobody can
    list which hosts that breaks.

How to fix
    Narrow the rule to the cluster's own hosts, or add a DestinationRule for the wildcard of the
    ServiceEntry with mode DISABLE or SIMPLE.

Known gaps
    Which clients get the rule is not looked at: it is reported wherever it lives on a lookup path.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import Mesh, Tls, hosts
from meshgate.mesh.service_entries import is_external
from meshgate.model import Resource, Severity, join_path
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation

KIND = "ServiceEntry"


def check(context: Context) -> Iterator[Violation]:
    mesh = context.mesh
    if mesh is None:
        return
    for entry in context.resources.of(KIND):
        if not is_external(entry):
            continue
        for index, host in enumerate(entry.spec.get("hosts") or ()):
            if not hosts.is_wildcard(host):
                continue
            rule = catching(mesh, host)
            if rule is not None:
                yield Violation(
                    entry,
                    join_path("spec", "hosts", index),
                    f"{host} is outside the mesh, and {rule} sends the mesh's mutual TLS to every "
                    "host below it",
                    related=(RelatedResource(rule, "catches these hosts", "spec.host"),),
                )


def catching(mesh: Mesh, host: str) -> Resource | None:
    """The most specific rule that covers a wildcard host, if it is a wildcard with mutual TLS."""
    covering = sorted(mesh.rules.covering(host), key=lambda rule: -len(rule.host))
    if not covering or not hosts.is_wildcard(covering[0].host):
        return None
    return covering[0].resource if covering[0].mode == Tls.ISTIO_MUTUAL else None


RULE = Rule(
    id="SE001",
    name="wildcard-service-entry",
    severity=Severity.WARNING,
    summary="A wildcard ServiceEntry host is caught by a wildcard rule with mutual TLS.",
    fix="narrow the wildcard rule, or add a rule for the host of the ServiceEntry",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset({KIND}),
    check=check,
)
