"""Subsets, VirtualServices and Sidecars."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from e2e.combinations.shapes import BOARDS, DATABASE, Combination, one, peer, rule
from e2e.lab import MARKER_HOST
from meshes import ROOT, Object, istio


def routes() -> Iterator[Combination]:
    """Subsets and VirtualServices."""
    group = "Routes"

    def subset(name: str, tls: Object | None = None, **policy: Any) -> Object:
        own: Object = {"name": name, "labels": {"app": "boards"}}
        settings = {**policy, **({"tls": tls} if tls is not None else {})}
        return {**own, "trafficPolicy": settings} if settings else own

    def send(*destinations: Object) -> Object:
        weight = 100 // len(destinations)
        routed = [{"destination": each, "weight": weight} for each in destinations]
        return istio("VirtualService", "route", "boards", hosts=[BOARDS], http=[{"route": routed}])

    off, on = {"mode": "DISABLE"}, {"mode": "ISTIO_MUTUAL"}
    to_subset = send({"host": BOARDS, "subset": "v1"})
    yield one(
        group, "a subset that no route names", rule("boards", BOARDS, subsets=[subset("v1", off)])
    )
    shapes: dict[str, Object] = {
        "a subset's own tls": {"subsets": [subset("v1", off)]},
        "a subset takes the rule's tls": {"subsets": [subset("v1")], "trafficPolicy": {"tls": off}},
        "a subset's tls over the rule's": {
            "subsets": [subset("v1", on)],
            "trafficPolicy": {"tls": off},
        },
        "a subset's port over its own tls": {
            "subsets": [
                subset("v1", off, portLevelSettings=[{"port": {"number": 8080}, "tls": on}])
            ]
        },
    }
    for title, spec in shapes.items():
        yield one(group, title, rule("boards", BOARDS, **spec), to_subset)
    yield one(group, "a subset that is not there", rule("boards", BOARDS), to_subset)
    yield one(
        group,
        "STRICT, a subset without tls over ISTIO_MUTUAL",
        peer(ROOT, "STRICT"),
        rule("boards", BOARDS, subsets=[subset("v1")], trafficPolicy={"tls": on}),
        to_subset,
    )
    detour = send({"host": DATABASE, "port": {"number": 8080}})
    yield one(group, "a route to another host", detour)
    yield one(
        group,
        "a route to another host, with a rule for that",
        detour,
        rule("web", DATABASE, "ISTIO_MUTUAL"),
    )
    yield one(
        group,
        "two destinations",
        send({"host": BOARDS}, {"host": DATABASE, "port": {"number": 8080}}),
        rule("web", DATABASE, "ISTIO_MUTUAL"),
    )
    # The lab's own marker is needed to know when a proxy has its configuration.
    imported = ["./*", f"boards/{DATABASE}", f"{ROOT}/{MARKER_HOST}"]
    imports: Any = {"egress": [{"hosts": imported}]}
    yield one(
        group, "a Sidecar that leaves a service out", istio("Sidecar", "default", "web", **imports)
    )
    yield one(
        group,
        "a Sidecar that leaves a service out, and the server is STRICT",
        peer(ROOT, "STRICT"),
        istio("Sidecar", "default", "web", **imports),
    )
    yield one(
        group,
        "a Sidecar that lets nothing else out",
        istio(
            "Sidecar", "default", "web", outboundTrafficPolicy={"mode": "REGISTRY_ONLY"}, **imports
        ),
    )
