"""Which Gateways meet on one proxy."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import DataPlane
from meshgate.mesh.coverage import ISTIO_NETWORKING
from meshgate.mesh.selectors import Labels, labels, matches
from meshgate.model import Resource
from meshgate.rules.context import Context

KIND = "Gateway"


def gateways_by_proxy(context: Context) -> Iterator[tuple[Resource, ...]]:
    """The Gateways of each proxy, those of equal proxies once.

    Where no known workload has the labels that a Gateway selects, there is a proxy with exactly
    these: Gateways that select a part of them are its own, too.
    """
    selecting = [
        (gateway, labels(gateway.spec.get("selector")))
        for gateway in context.resources.of(KIND)
        if gateway.group == ISTIO_NETWORKING
    ]
    known: list[Labels] = [
        workload.labels
        for workload in (context.mesh.workloads if context.mesh is not None else ())
        if workload.plane is DataPlane.GATEWAY
    ]
    assumed = [
        selector
        for _, selector in selecting
        if not any(matches(selector, proxy) for proxy in known)
    ]
    seen: set[tuple[int, ...]] = set()
    for proxy in (*known, *assumed):
        served = tuple(gateway for gateway, selector in selecting if matches(selector, proxy))
        key = tuple(map(id, served))
        if served and key not in seen:
            seen.add(key)
            yield served
