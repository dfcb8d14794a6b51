"""A port entry that silently drops the rule's TLS.

What it checks
    Entries of `portLevelSettings` without a `tls` block, where the policy around them has one. In a
    subset the policy around is the subset's, or else the rule's own for that port.

    ```yaml
    trafficPolicy:
      tls: {mode: ISTIO_MUTUAL}
      portLevelSettings:
        - port: {number: 8080}
          connectionPool: {tcp: {maxConnections: 10}}   # and no tls
    ```

Why it matters
    An entry replaces the whole policy for its port; nothing is inherited. TLS that the rule
    originates (SIMPLE, MUTUAL) is lost and plaintext is sent. ISTIO_MUTUAL turns into what auto
    mTLS would send, or into plaintext where auto mTLS is off, and an exemption of the port in a
    PeerAuthentication is then not looked at. DISABLE turns into mTLS for headless services.

How to fix
    Repeat the `tls` block in the entry.

Known gaps
    Where one port is listed twice only the first entry counts; DR019 reports the second.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import Tls
from meshgate.mesh.destination_rule import DestinationRule, PolicyPlace
from meshgate.mesh.terms import ORIGINATED
from meshgate.model import Severity
from meshgate.rules import destination_rule as dr
from meshgate.rules import inventory
from meshgate.rules.call_repairs import CAUTION
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation


def check(context: Context) -> Iterator[Violation]:
    auto = context.environment.mesh.enable_auto_mtls
    for rule in dr.seen(context):
        for entry, around in dropping(rule):
            mode = around.mode or Tls.DISABLE
            yield Violation(
                rule.resource,
                entry.path(),
                f"the entry for{entry.where.removeprefix(' at')} has no tls and replaces the "
                f"policy around it, whose tls is {mode}: {consequence(mode, auto=auto)}",
                fix=fix(context, rule, mode),
                related=(RelatedResource(rule.resource, f"tls {mode}", around.path("tls")),),
            )


def dropping(rule: DestinationRule) -> Iterator[tuple[PolicyPlace, PolicyPlace]]:
    """Entries without tls that count, each with the policy whose tls they drop."""
    places: dict[tuple[str | None, int | None], PolicyPlace] = {}
    for place in rule.places:
        places.setdefault((place.subset, place.port), place)
    for (subset, port), place in places.items():
        if port is None or place.tls is not None:
            continue
        around = places[subset, None]
        if subset is not None and around.tls is None:
            around = places.get((None, port)) or places.get((None, None)) or around
        if around.tls is not None:
            yield place, around


def fix(context: Context, rule: DestinationRule, mode: str) -> str:
    """What to write into the entry: nothing that DR001 or DR010 would refuse there, too."""
    known = inventory.of(context)
    in_mesh = known is not None and any(
        workload.has_sidecar
        for service in known.services(rule.host)
        for workload in inventory.workloads(service)
    )
    if mode == Tls.DISABLE or (mode in ORIGINATED and in_mesh):
        return "write tls with mode ISTIO_MUTUAL around the entry and into it, if it is in the mesh"
    return f"repeat the tls block in the entry: mode {mode}{CAUTION}"


def consequence(mode: str, *, auto: bool) -> str:
    """What is sent to the port instead."""
    if mode in ORIGINATED:
        return "TLS is not originated on this port, clients send plaintext"
    if not auto:
        return "auto mTLS is off, so clients send plaintext on this port"
    if mode == Tls.DISABLE:
        return "clients of a headless service send mTLS on this port"
    return (
        "auto mTLS decides for this port, without looking at what a PeerAuthentication says of it"
    )


RULE = Rule(
    id="DR009",
    name="port-entry-drops-tls",
    severity=Severity.ERROR,
    summary="An entry of portLevelSettings without tls drops the TLS around it.",
    fix="repeat the tls block in the entry",
    phase=Phase.STATE,
    needs=Needs.POLICIES,
    kinds=frozenset({dr.KIND}),
    check=check,
)
