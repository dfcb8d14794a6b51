"""VirtualService (validation.ValidateVirtualService)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshgate.model import JSONObject, Resource
from meshgate.schema import golang
from meshgate.schema.webhook.export_to import export_to
from meshgate.schema.webhook.hosts import host
from meshgate.schema.webhook.http_route import http_route, is_claim
from meshgate.schema.webhook.listeners import subnet
from meshgate.schema.webhook.problem import Path, Problem, port_number
from meshgate.schema.webhook.routes import gateway_names, weighted
from meshgate.schema.webhook.selectors import tags

MESH = "mesh"
# Set by istiod on what it made from a route of the Gateway API.
SEMANTICS = "internal.istio.io/route-semantics"
# The SNI that AUTO_PASSTHROUGH uses between clusters.
BETWEEN_CLUSTERS = re.compile(
    r"outbound_\.*[^_]*[0-9][^_]*_[^_]*_[^_]*[a-zA-Z][^_]*(_.*)?", re.DOTALL
)
ROUTES = ("http", "tls", "tcp")


def problems(resource: Resource) -> Iterator[Problem]:
    """What the webhook refuses in a VirtualService."""
    spec = resource.spec
    hosts, gateways = spec.get("hosts", []), spec.get("gateways", [])
    converted = resource.annotations.get(SEMANTICS) == "gateway"
    if not hosts:
        yield from _delegate(spec)
    yield from gateway_names(gateways, ("spec", "gateways"), converted=converted)
    at_gateway = bool(gateways) and MESH not in gateways
    if not at_gateway:
        yield from _claims(spec)
    yield from _hosts(spec, at_gateway=at_gateway)
    if not any(spec.get(kind) for kind in ROUTES):
        yield Problem(("spec",), "has no route: set `http`, `tls` or `tcp`")
    for index, route in enumerate(spec.get("http", ())):
        yield from http_route(route, ("spec", "http", index), delegate=not hosts)
    for index, route in enumerate(spec.get("tls", ())):
        yield from _tls_route(route, spec, ("spec", "tls", index))
    for index, route in enumerate(spec.get("tcp", ())):
        path = ("spec", "tcp", index)
        for position, match in enumerate(route.get("match", ())):
            yield from _connection(match, (*path, "match", position))
        yield from _destinations(route, path)
    yield from export_to(resource)


def _delegate(spec: JSONObject) -> Iterator[Problem]:
    """Without hosts it can only be what another VirtualService delegates to."""
    for field in ("gateways", "tls", "tcp"):
        if spec.get(field):
            yield Problem(("spec", field), "has no place in a VirtualService without `hosts`")


def _claims(spec: JSONObject) -> Iterator[Problem]:
    for index, route in enumerate(spec.get("http", ())):
        for position, match in enumerate(route.get("match", ())):
            for field in ("headers", "withoutHeaders"):
                for name in match.get(field, ()):
                    if is_claim(name):
                        path = ("spec", "http", index, "match", position, field, name)
                        yield Problem(path, "routing by JWT claims works at gateways only")


def _hosts(spec: JSONObject, *, at_gateway: bool) -> Iterator[Problem]:
    names: list[str] = spec.get("hosts", [])
    faults = []
    for index, name in enumerate(names):
        fault = _host(name, at_gateway=at_gateway, sni=at_gateway and _has_sni(spec))
        if fault is not None and not golang.is_ip(name):
            faults.append(Problem(("spec", "hosts", index), fault))
        elif fault is None and name == "*" and not at_gateway:
            faults.append(
                Problem(
                    ("spec", "hosts", index), "`*` is allowed at gateways only, not in the mesh"
                )
            )
    yield from faults or _overlaps(names)


def _host(name: str, *, at_gateway: bool, sni: bool) -> str | None:
    if at_gateway and sni and name.startswith("outbound_"):
        return _between_clusters(name)
    return host(name)


def _between_clusters(name: str) -> str | None:
    if BETWEEN_CLUSTERS.fullmatch(name):
        return None
    return f"`{name}` must be outbound_.<port>_._.<host>"


def _overlaps(names: list[str]) -> Iterator[Problem]:
    """No host covers another one; wildcards are compared by their ends."""
    for index, name in enumerate(names):
        for before in names[:index]:
            if _overlap(before, name):
                yield Problem(
                    ("spec", "hosts", index), f"`{name}` is covered by `{before}` or covers it"
                )
                break


def _overlap(one: str, other: str) -> bool:
    """Whether a name could be both (host.Name.Matches)."""
    if one.startswith("*") and other.startswith("*"):
        return one[1:].endswith(other[1:]) or other[1:].endswith(one[1:])
    if one.startswith("*"):
        return other.endswith(one[1:])
    if other.startswith("*"):
        return one.endswith(other[1:])
    return one == other


def _has_sni(spec: JSONObject) -> bool:
    return any(
        match.get("sniHosts") for route in spec.get("tls", ()) for match in route.get("match", ())
    )


def _tls_route(route: JSONObject, spec: JSONObject, path: Path) -> Iterator[Problem]:
    if not route.get("match"):
        yield Problem(path, "a TLS route needs at least one `match`")
    for index, match in enumerate(route.get("match", ())):
        here = (*path, "match", index)
        if not match.get("sniHosts"):
            yield Problem(here, "a TLS match needs at least one entry in `sniHosts`")
        for position, name in enumerate(match.get("sniHosts", ())):
            fault = _sni(name, spec)
            if fault is not None:
                yield Problem((*here, "sniHosts", position), fault)
        yield from _connection(match, here)
    yield from _destinations(route, path)


def _sni(name: str, spec: JSONObject) -> str | None:
    at_gateway = MESH not in spec.get("gateways", [])
    fault = _host(name, at_gateway=at_gateway, sni=True)
    if fault is not None:
        return None if golang.is_ip(name) else fault
    hosts = spec.get("hosts", [])
    if any(_within(name, wide) for wide in hosts):
        return None
    return f"`{name}` is within none of `hosts`"


def _within(name: str, wide: str) -> bool:
    """Whether every name that `name` stands for is one of `wide` (host.Name.SubsetOf)."""
    if not wide.startswith("*"):
        return name == wide
    if name.startswith("*"):
        return len(name) >= len(wide) and name[1:].endswith(wide[1:])
    return name.endswith(wide[1:])


def _connection(match: JSONObject, path: Path) -> Iterator[Problem]:
    """What matches of TLS and TCP routes have in common."""
    for index, block in enumerate(match.get("destinationSubnets", ())):
        yield from subnet(block, (*path, "destinationSubnets", index))
    if match.get("port", 0):
        yield from port_number(match["port"], (*path, "port"))
    yield from tags(match.get("sourceLabels", {}), (*path, "sourceLabels"))
    yield from gateway_names(match.get("gateways", []), (*path, "gateways"))


def _destinations(route: JSONObject, path: Path) -> Iterator[Problem]:
    if not route.get("route"):
        yield Problem(path, "the route goes nowhere: `route` is missing")
    yield from weighted(route.get("route", []), (*path, "route"))
