"""Short names in the HTTP routes of a VirtualService, as its own namespace means them."""

from __future__ import annotations

from meshgate.mesh import hosts
from meshgate.model import JSON, JSONObject

# The gateway name that stands for all sidecars.
MESH = "mesh"


def gateway_name(name: str, namespace: str) -> str:
    """A gateway's name as `namespace/name` (resolveGatewayName)."""
    if name == MESH:
        return name
    place, slash, own = name.partition("/")
    if slash:
        return f"{namespace if place == '.' else place}/{own}"
    own, dot, rest = name.partition(".")
    return f"{rest.partition('.')[0]}/{own}" if dot else f"{namespace}/{name}"


def resolved(route: JSONObject, namespace: str, domain: str) -> JSONObject:
    """An HTTP route with its hosts and gateways in full (ResolveVirtualServiceShortnames).

    What is in full already stays as it is.
    """

    def full(destination: JSON) -> JSON:
        if not isinstance(destination, dict) or not destination.get("host"):
            return destination
        return {**destination, "host": hosts.expand(str(destination["host"]), namespace, domain)}

    def with_destination(item: JSON) -> JSON:
        if not isinstance(item, dict):
            return item
        return {**item, "destination": full(item.get("destination"))}

    def of_gateways(match: JSON) -> JSON:
        named = match.get("gateways") if isinstance(match, dict) else None
        if not isinstance(match, dict) or not isinstance(named, list):
            return match
        return {**match, "gateways": [gateway_name(str(each), namespace) for each in named]}

    changed = dict(route)
    for key, change in (
        ("route", with_destination),
        ("mirrors", with_destination),
        ("match", of_gateways),
    ):
        items = route.get(key)
        if isinstance(items, list):
            changed[key] = [change(each) for each in items]
    if "mirror" in route:
        changed["mirror"] = full(route["mirror"])
    return changed
