"""A route goes by a claim of a token that nothing verifies there.

What it checks
    Matches of VirtualServices on headers `@request.auth.claims…` (`headers` and `withoutHeaders`),
    against the gateways that the VirtualService is for: whether a RequestAuthentication applies to
    each of their workloads. That sidecars or delegates route by claims is refused by the webhook
    (SH004).

    ```yaml
    kind: VirtualService
    spec:
      gateways: [istio-ingress/public]
      http:
        - match: [{headers: {"@request.auth.claims.group": {exact: admin}}}]
          route: [{destination: {host: admin}}]
    ```

Why it matters
    Claims are there only once a RequestAuthentication has verified the token. Without one the match
    never holds and `withoutHeaders` always does: requests take the route of those who have no
    token.

How to fix
    Add a RequestAuthentication for the gateway's workload, with the issuer of the tokens.

Known gaps
    A RequestAuthentication of another issuer counts as one.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import DataPlane, Mesh, Workload, selectors
from meshgate.mesh.catalog import namespace_of
from meshgate.mesh.short_names import gateway_name
from meshgate.model import JSON, JSONObject, Resource, Severity, join_path
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation
from meshgate.rules.wording import listed

CLAIMS = "@request.auth.claims"
ISTIO = "networking.istio.io"


def check(context: Context) -> Iterator[Violation]:
    mesh = context.mesh
    if mesh is None:
        return
    gateways = {
        (namespace_of(each), each.name): each
        for each in context.resources.of("Gateway")
        if each.group == ISTIO
    }
    for resource in context.resources.of("VirtualService"):
        paths = list(claim_paths(resource))
        if not paths:
            continue
        names: JSON = resource.spec.get("gateways")
        bare: dict[str, Workload] = {}
        for name in map(str, names if isinstance(names, list) else ()):
            place, _, own = gateway_name(name, namespace_of(resource)).partition("/")
            gateway = gateways.get((place, own))
            if gateway is not None:
                bare.update((str(each), each) for each in unverified(mesh, gateway))
        if bare:
            yield Violation(
                resource,
                paths[0],
                f"routes by a claim, and no RequestAuthentication verifies a token at "
                f"{listed(bare)}: no request has the claim",
                fix=f"add a RequestAuthentication for {listed(bare)}",
                related=tuple(
                    RelatedResource(each.resource, "verifies no token")
                    for each in list(bare.values())[:3]
                ),
            )


def claim_paths(resource: Resource) -> Iterator[str]:
    """The places of matches on claims."""
    for number, route in enumerate(_objects(resource.spec.get("http"))):
        for place, match in enumerate(_objects(route.get("match"))):
            for kind in ("headers", "withoutHeaders"):
                headers: JSON = match.get(kind)
                for key in headers if isinstance(headers, dict) else ():
                    if str(key).lower().startswith(CLAIMS):
                        yield join_path("spec", "http", number, "match", place, kind, str(key))


def unverified(mesh: Mesh, gateway: Resource) -> Iterator[Workload]:
    """The workloads of a gateway at which no token is verified."""
    selector = selectors.labels(gateway.spec.get("selector"))
    for workload in mesh.workloads:
        if workload.plane is DataPlane.GATEWAY and selectors.matches(selector, workload.labels):
            server = mesh.admissions.server_of(workload)
            if not mesh.authorization.applied(server).authentications:
                yield workload


def _objects(value: JSON) -> list[JSONObject]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


RULE = Rule(
    id="VS005",
    name="claim-route-without-token",
    severity=Severity.ERROR,
    summary="A route goes by a claim of a token that nothing verifies there.",
    fix="add a RequestAuthentication for the gateway's workload",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset({"Gateway", "VirtualService"}),
    check=check,
)
