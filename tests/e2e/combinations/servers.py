"""What servers accept, and which PeerAuthentication says so."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from e2e.combinations.shapes import (
    BOARDS,
    CLIENTS,
    DATABASE,
    MODES,
    Combination,
    aged,
    one,
    peer,
    rule,
    workload,
)
from meshes import ROOT


def matrix() -> Iterator[Combination]:
    """Each mode of a server against everything that a client may send."""
    group = "Conflict matrix"
    yield one(group, "no policy at all")
    for mode in MODES:
        yield one(group, f"{mode}, auto mTLS", peer(ROOT, mode))
    for mode, (title, tls) in itertools.product(MODES, CLIENTS.items()):
        policy = {"tls": tls}
        rules = [
            rule("web", host, name=host.partition(".")[0], trafficPolicy=policy)
            for host in (BOARDS, DATABASE)
        ]
        yield one(group, f"{mode}, {title}", peer(ROOT, mode), *rules)


def servers() -> Iterator[Combination]:
    """Which PeerAuthentication decides."""
    group = "Server modes"
    strict = peer(ROOT, "STRICT")
    yield one(group, "namespace STRICT", peer("boards", "STRICT"))
    yield one(group, "namespace PERMISSIVE under mesh STRICT", strict, peer("boards", "PERMISSIVE"))
    yield one(group, "namespace DISABLE under mesh STRICT", strict, peer("boards", "DISABLE"))
    yield one(group, "workload STRICT", workload("STRICT"))
    yield one(group, "workload PERMISSIVE under mesh STRICT", strict, workload("PERMISSIVE"))
    yield one(group, "workload DISABLE under mesh STRICT", strict, workload("DISABLE"))
    yield one(group, "workload UNSET inherits", peer("boards", "STRICT"), workload("UNSET"))
    for mode, port in itertools.product(MODES, (8080, 9000)):
        above = "PERMISSIVE" if mode == "STRICT" else "STRICT"
        title = f"port {port} {mode}, workload {above}"
        yield one(group, title, workload(above, ports={port: mode}))
    yield one(
        group,
        "port 8080 UNSET takes the workload's mode",
        workload("STRICT", ports={8080: "UNSET"}),
    )
    yield one(
        group,
        "a port of the Service that is no port of the pod",
        workload("STRICT", ports={80: "DISABLE"}),
    )
    yield one(
        group,
        "port entries alone, under mesh STRICT",
        strict,
        workload(None, ports={7000: "DISABLE"}),
    )
    yield aged(
        group,
        "two for one namespace: the older wins",
        peer("boards", "PERMISSIVE", "older"),
        peer("boards", "STRICT", "newer"),
    )
    yield one(
        group,
        "two of one age: the name decides",
        peer("boards", "STRICT", "zeta"),
        peer("boards", "DISABLE", "alpha"),
    )
    yield aged(
        group,
        "an older one that says nothing still counts",
        peer("boards", "UNSET", "older"),
        peer("boards", "STRICT", "newer"),
    )
    yield aged(
        group,
        "two for one workload are not merged",
        workload("STRICT", "older"),
        workload(None, "newer", ports={8080: "DISABLE"}),
    )
    yield one(
        group,
        "a selector in the root namespace selects nobody",
        peer(ROOT, "STRICT", "select", selector={"app": "boards"}),
    )
    yield one(group, "an empty selector is none", peer("boards", "STRICT", spec={"selector": {}}))
