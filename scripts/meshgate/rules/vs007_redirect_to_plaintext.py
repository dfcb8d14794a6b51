"""A redirect that has clients call a host beyond the mesh in plaintext.

What it checks
    The `redirect` of every HTTP route that sidecars use: an `authority` that is no service of the
    mesh and no host of a ServiceEntry, with the scheme http or none, and that `mesh.outside` does
    not name.

    ```yaml
    http:
    - redirect: {authority: mirror.example.com}     # no scheme: that of the request, http
    ```

Why it matters
    The client repeats its request there, with its headers and body, and its proxy passes to a host
    that it does not know what it gets: plaintext. Applications call services of the mesh by http,
    since their proxies bring mutual TLS, so a redirect that keeps the scheme leaves it unencrypted.

How to fix
    Redirect with `scheme: https`, or name the host and the reason in `mesh.outside`.

Known gaps
    Whether a client follows redirects is not known. Redirects of gateways alone are for browsers
    and left out. Hosts of ServiceEntries are called as SE003 says. Where MeshConfig and every
    Sidecar say REGISTRY_ONLY nothing is passed through, and the call fails.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import Mesh
from meshgate.model import JSONObject, Resource, Severity, join_path
from meshgate.rules.context import Context
from meshgate.rules.outside import OutsideHosts
from meshgate.rules.rule import Needs, Phase, Rule, Violation
from meshgate.rules.virtual_service import KIND, MESH


def check(context: Context) -> Iterator[Violation]:
    mesh = context.mesh
    if mesh is None or not mesh.passes_on:
        return
    declared = OutsideHosts(context.environment.mesh)
    for routing in context.resources.of(KIND):
        for index, route in enumerate(routing.spec.get("http") or ()):
            redirect = route.get("redirect") or {}
            host = name_of(str(redirect.get("authority") or ""))
            if (
                not host
                or str(redirect.get("scheme") or "http").lower() == "https"
                or not at_sidecars(routing, route)
                or is_known(mesh, host, routing.namespace or "")
                or declared.covers(host)
            ):
                continue
            yield Violation(
                routing,
                join_path("spec", "http", index, "redirect", "authority"),
                f"clients with a sidecar are told to call {host} by http, which is beyond the mesh "
                "and not named in mesh.outside: what they send there is plaintext",
                about=host,
            )


def name_of(authority: str) -> str:
    """The host of an authority, without its port."""
    if authority.startswith("["):
        return authority.partition("]")[0].removeprefix("[")
    return authority.partition(":")[0].lower()


def at_sidecars(routing: Resource, route: JSONObject) -> bool:
    """Whether sidecars use a route."""
    names = routing.spec.get("gateways") or [MESH]
    matches: list[JSONObject] = route.get("match") or [{}]
    return any(MESH in (each.get("gateways") or names) for each in matches)


def is_known(mesh: Mesh, host: str, namespace: str) -> bool:
    """Whether a name is that of a service, for clients of a namespace."""
    try:
        mesh.service(host, namespace)
    except LookupError:
        # What exportTo or a Sidecar hides is a name of the cluster all the same.
        return any(service.kubernetes for service in mesh.services_of(host))
    return True


RULE = Rule(
    id="VS007",
    name="redirect-to-plaintext",
    severity=Severity.WARNING,
    summary="A redirect has clients call a host beyond the mesh in plaintext.",
    fix="redirect with scheme: https, or name the host and the reason under mesh.outside",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset({KIND}),
    check=check,
)
