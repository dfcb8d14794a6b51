"""A field of HTTP in a policy that is enforced on a TCP port.

What it checks
    Each enforced ALLOW and DENY rule with a field that exists in HTTP only (`methods`, `paths`,
    `hosts`, `requestPrincipals`, `request.headers[…]`, `request.auth.*` and their `not` forms)
    against the ports of the workloads it applies to whose protocol is TCP, by the name or the
    `appProtocol` of their Service. There Istio drops the whole ALLOW rule, and of a DENY rule
    only the field, so that it denies more than it says. A rule whose `ports` leave the TCP ports
    out is meant for the others and is no finding. A port without a declared protocol is not
    decidable.

    ```yaml
    action: DENY
    rules:
      - to: [{operation: {methods: [DELETE]}}]    # denies every connection of a TCP port
    ```

Why it matters
    The DENY takes a database or a broker off the network at the moment it is applied. The ALLOW
    lets nobody in there and switches on the default-deny. Neither shows in any status.

How to fix
    Give the operation the `ports` that speak HTTP; for the TCP ports write rules with identities
    and `ports` only. Or declare the protocol of the port, if it is HTTP.

Known gaps
    Gateways, whose servers may be of several protocols, are left out. For ztunnel see AZ008.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import DataPlane, Workload, protocols
from meshgate.mesh.authorization import Action, AuthorizationPolicy
from meshgate.mesh.authorization.attributes import Chain
from meshgate.mesh.authorization.policies import PolicyRule
from meshgate.mesh.authorization.proxy_rules import http_only_fields
from meshgate.model import Severity
from meshgate.rules import policy_places
from meshgate.rules.context import Context
from meshgate.rules.policy_places import PolicyPlaces, rule_path
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation
from meshgate.rules.wording import listed
from meshgate.wording import agree

DECLARE = "declare the protocol of the port, by the name or the appProtocol of the Service's port"


def check(context: Context) -> Iterator[Violation]:
    places = policy_places.of(context)
    if places is None:
        return
    for policy in policy_places.enforced(context):
        if policy.action is Action.CUSTOM:
            continue
        for number, rule in enumerate(policy.rules):
            fields = http_only_fields(rule)
            if fields:
                yield from _violations(places, policy, number, rule, fields)


def _violations(
    places: PolicyPlaces,
    policy: AuthorizationPolicy,
    number: int,
    rule: PolicyRule,
    fields: list[str],
) -> Iterator[Violation]:
    tcp: dict[str, Workload] = {}
    other: dict[str, Workload] = {}
    http: set[int] = set()
    for workload, port in places.ports(policy):
        if workload.plane is not DataPlane.SIDECAR:
            continue
        chains = places.chains(workload, port)
        if chains == (Chain.HTTP,):
            http.add(port)
        elif may_concern(rule, port):
            declared = chains == (Chain.TCP,)
            (tcp if declared else other)[f"{workload}:{port}"] = workload
    names = listed([f"`{field}`" for field in fields])
    verb = agree(len(fields), "is", "are")
    if tcp:
        effect = (
            "the whole rule is dropped there and lets nobody in"
            if policy.action is Action.ALLOW
            else "dropped there, and the rule denies all that its other fields leave"
        )
        yield Violation(
            policy.resource,
            rule_path(number),
            f"{names} {verb} of HTTP, and {listed(tcp)} {agree(len(tcp), 'is', 'are')} TCP: "
            + effect,
            fix=_fix(http, tcp),
            related=tuple(
                RelatedResource(workload.resource, "has the TCP port")
                for workload in list(dict.fromkeys(tcp.values()))[:3]
            ),
        )
    asked = {key: each for key, each in other.items() if is_served(places, each, key)}
    if asked:
        speak = agree(len(asked), "speaks", "speak")
        yield Violation(
            policy.resource,
            rule_path(number),
            f"{names} {verb} of HTTP, and no file tells whether "
            f"{listed(asked)} {speak} it: over TCP the rule means something else",
            fix=DECLARE,
            decided=False,
            key="undeclared",
        )


def is_served(places: PolicyPlaces, workload: Workload, name: str) -> bool:
    """Whether a Service targets the port, so that somebody could declare its protocol."""
    port = int(name.rpartition(":")[2])
    targeted = any(bound == port for _, _, bound in places.mesh.targets(workload))
    return targeted and places.mesh.protocol_at(workload, port) == protocols.AUTO


def may_concern(rule: PolicyRule, port: int) -> bool:
    """Whether the rule may be about a port: `ports` and `destination.port` do not exclude it."""
    text = str(port)
    for condition in rule.conditions:
        if condition.key == "destination.port" and (
            (condition.values and text not in condition.values) or text in condition.excluded
        ):
            return False
    return not rule.operations or any(
        text in fields.get("ports", (text,)) and text not in fields.get("notPorts", ())
        for fields in rule.operations
    )


def _fix(http: set[int], tcp: dict[str, Workload]) -> str:
    closed = {int(name.rpartition(":")[2]) for name in tcp}
    ports = ", ".join(f'"{port}"' for port in sorted(http - closed))
    if ports:
        return f"give each operation of the rule `ports: [{ports}]`, which speak HTTP"
    return f"{DECLARE}, if it is HTTP; else ask for identities and ports only"


RULE = Rule(
    id="AZ004",
    name="http-field-on-tcp-port",
    severity=Severity.ERROR,
    summary="A rule with a field of HTTP is dropped, or denies more, on a TCP port.",
    fix=DECLARE,
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset({"AuthorizationPolicy"}),
    check=check,
)
