"""Which families of addresses the pods of a cluster may have."""

from __future__ import annotations

from meshgate.mesh.catalog import Catalog


def address_families(catalog: Catalog) -> tuple[int, ...]:
    """The families of addresses that pods may have: IPv4, unless a Service says otherwise."""
    families: set[str] = set()
    for service in catalog.of("Service"):
        listed = service.spec.get("ipFamilies")
        if isinstance(listed, list):
            families.update(map(str, listed))
        address = str(service.spec.get("clusterIP") or "")
        if ":" in address:
            families.add("IPv6")
        elif "." in address:
            families.add("IPv4")
    if "IPv6" not in families:
        return (4,)
    return (4, 6) if "IPv4" in families else (6,)
