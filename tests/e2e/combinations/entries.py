"""Hosts outside the cluster's own registry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from e2e.combinations.shapes import Combination, one, peer, rule
from meshes import ROOT, Object, istio

ENTRY_HOST = "entry.example.org"
ENTRY_ADDRESS = "240.0.0.10"


def entries() -> Iterator[Combination]:
    """ServiceEntries over the pods of the lab."""
    group = "ServiceEntry"
    boards, database = "10.77.0.12", "10.77.0.13"

    def entry(address: str, location: str, **endpoint: Any) -> Object:
        return istio(
            "ServiceEntry",
            "entry",
            "boards",
            hosts=[ENTRY_HOST],
            addresses=[ENTRY_ADDRESS],
            location=location,
            resolution="STATIC",
            ports=[
                {"number": 8080, "name": "http", "protocol": "HTTP"},
                {"number": 9000, "name": "tcp", "protocol": "TCP"},
            ],
            endpoints=[{"address": address, **endpoint}],
        )

    inside, outside = "MESH_INTERNAL", "MESH_EXTERNAL"
    marked = {"labels": {"security.istio.io/tlsMode": "istio"}}
    yield one(group, "external, to a pod with sidecar", entry(boards, outside))
    yield one(group, "external, to a STRICT pod", peer(ROOT, "STRICT"), entry(boards, outside))
    yield one(group, "internal, to a pod with sidecar", entry(boards, inside))
    yield one(group, "internal, its endpoint marked as mTLS", entry(boards, inside, **marked))
    yield one(
        group,
        "internal, its endpoint has a service account",
        entry(boards, inside, serviceAccount="boards"),
    )
    yield one(
        group,
        "external, DISABLE by rule",
        entry(boards, outside),
        rule("web", ENTRY_HOST, "DISABLE"),
    )
    yield one(
        group,
        "external, ISTIO_MUTUAL by rule",
        entry(boards, outside),
        rule("web", ENTRY_HOST, "ISTIO_MUTUAL"),
    )
    yield one(
        group,
        "a wildcard meets entries too",
        entry(database, outside),
        rule("web", "*.org", "ISTIO_MUTUAL"),
    )
