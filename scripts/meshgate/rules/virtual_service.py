"""What rules read in a VirtualService."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import JSONObject, Resource, join_path

KIND = "VirtualService"
PROTOCOLS = ("http", "tls", "tcp")


def destinations(service: Resource) -> Iterator[tuple[str, JSONObject]]:
    """Every destination of a VirtualService with its path, mirrors included."""
    for protocol in PROTOCOLS:
        for number, route in enumerate(service.spec.get(protocol) or ()):
            for index, each in enumerate(route.get("route") or ()):
                path = join_path("spec", protocol, number, "route", index, "destination")
                yield path, each.get("destination") or {}
            if route.get("mirror"):
                yield join_path("spec", protocol, number, "mirror"), route["mirror"]
            for index, each in enumerate(route.get("mirrors") or ()):
                path = join_path("spec", protocol, number, "mirrors", index, "destination")
                yield path, each.get("destination") or {}
