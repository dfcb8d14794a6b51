"""The policies that `nox -s proof` drives through the lab: each shows one thing Istio decides.

The lab: `web/app-ui` and `boards/boards` have sidecars, `boards/boards-db` and `lobby/rogue` none.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

from meshes import ROOT, Object, destination_rule, istio, peer_authentication

if TYPE_CHECKING:
    from collections.abc import Iterator

BOARDS = "boards.boards.svc.cluster.local"
DATABASE = "boards-db.boards.svc.cluster.local"
HEADLESS = "boards-headless.boards.svc.cluster.local"
MIXED = "mixed.boards.svc.cluster.local"
EVERYTHING = "*.svc.cluster.local"

# Files that the harness puts there: certificates of the mesh, and of a stranger.
OWN, FOREIGN = "{folder}/user", "{folder}/stranger"

MODES = ("STRICT", "PERMISSIVE", "DISABLE")


class Combination(NamedTuple):
    """One row of the proof. `mesh` changes MeshConfig; `steps`: applied a second apart."""

    group: str
    title: str
    steps: tuple[tuple[Object, ...], ...]
    mesh: Object


def peer(place: str, mode: str | None = None, name: str = "default", **spec: Any) -> Object:
    return peer_authentication(name, place, mode, age=None, **spec)


def rule(place: str, host: str, mode: str | None = None, name: str = "rule", **spec: Any) -> Object:
    return destination_rule(name, place, host, mode, age=None, **spec)


def workload(mode: str | None, name: str = "workload", **spec: Any) -> Object:
    return peer("boards", mode, name, selector={"app": "boards"}, **spec)


def one(group: str, title: str, *objects: Object, **mesh: Any) -> Combination:
    return Combination(group, title, (objects,), mesh)


def aged(group: str, title: str, *steps: Object) -> Combination:
    """Objects of different ages, the oldest first."""
    return Combination(group, title, tuple((each,) for each in steps), {})


def mutual(folder: str) -> Object:
    return {
        "mode": "MUTUAL",
        "clientCertificate": f"{folder}/cert-chain.pem",
        "privateKey": f"{folder}/key.pem",
        "insecureSkipVerify": True,
    }


CLIENTS: dict[str, Object] = {
    "DISABLE": {"mode": "DISABLE"},
    "ISTIO_MUTUAL": {"mode": "ISTIO_MUTUAL"},
    "SIMPLE": {"mode": "SIMPLE", "insecureSkipVerify": True},
    "MUTUAL, a certificate of the mesh": mutual(OWN),
    "MUTUAL, a stranger's certificate": mutual(FOREIGN),
}


def combinations() -> Iterator[Combination]:
    """All of them, in the order of the page."""
    yield from matrix()
    yield from servers()
    yield from lookups()
    yield from merges()
    yield from policies()
    yield from automatic()
    yield from routes()
    yield from entries()


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


def lookups() -> Iterator[Combination]:
    """Which namespace's DestinationRule a client takes."""
    group = "Lookup"
    off, on = "DISABLE", "ISTIO_MUTUAL"
    yield one(group, "client namespace, exact host", rule("web", BOARDS, off))
    yield one(group, "service namespace, exact host", rule("boards", BOARDS, off))
    yield one(group, "root namespace, exact host", rule(ROOT, BOARDS, off))
    yield one(group, "a third namespace is not asked", rule("lobby", BOARDS, off))
    yield one(
        group,
        "a wildcard of the client's namespace hides an exact host of the service's",
        rule("web", EVERYTHING, on),
        rule("boards", DATABASE, off),
    )
    yield one(
        group,
        "the lab's wildcard in the application's namespace",
        rule("boards", EVERYTHING, on),
    )
    yield one(
        group,
        "an exception beside the wildcard, both in the root namespace",
        rule(ROOT, EVERYTHING, on, "wildcard"),
        rule(ROOT, DATABASE, off, "database"),
        rule(ROOT, "rogue.lobby.svc.cluster.local", off, "rogue"),
    )
    yield one(
        group,
        "an exception in the root namespace, a wildcard in the client's",
        rule("web", EVERYTHING, on),
        rule(ROOT, DATABASE, off),
    )
    yield one(
        group,
        "the longest wildcard wins",
        rule("web", "*.cluster.local", on, "short"),
        rule("web", "*.boards.svc.cluster.local", off, "long"),
    )
    yield one(group, "a short name means its own namespace", rule("boards", "boards", off))
    yield one(group, "a short name in another namespace", rule("web", "boards", off))
    yield one(group, "a host with a dot is never completed", rule("web", "boards.boards", off))
    yield one(
        group, "private to the service's namespace", rule("boards", BOARDS, off, exportTo=["."])
    )
    yield one(group, "exported to the client", rule("boards", BOARDS, off, exportTo=["web"]))
    yield one(
        group,
        "exported to others only: the root namespace is asked",
        rule("boards", BOARDS, off, exportTo=["lobby"]),
        rule(ROOT, EVERYTHING, on),
    )
    yield one(
        group,
        "a workload selector that selects the client",
        rule("web", BOARDS, off, workloadSelector={"matchLabels": {"app": "app-ui"}}),
    )
    yield one(
        group,
        "a workload selector that selects another",
        rule("web", BOARDS, off, workloadSelector={"matchLabels": {"app": "other"}}),
    )
    yield one(
        group,
        "rules are private unless they say otherwise",
        rule("boards", BOARDS, off),
        defaultDestinationRuleExportTo=["."],
    )


def merges() -> Iterator[Combination]:
    """Several DestinationRules for one host."""
    group = "Merges"
    plain = {"loadBalancer": {"simple": "ROUND_ROBIN"}}
    yield aged(
        group,
        "the older has a policy without tls: the newer's tls is lost",
        rule("boards", BOARDS, name="older", trafficPolicy=plain),
        rule("boards", BOARDS, "DISABLE", "newer"),
    )
    yield aged(
        group,
        "the older has no policy: the newer's counts",
        rule("boards", BOARDS, name="older"),
        rule("boards", BOARDS, "DISABLE", "newer"),
    )
    yield aged(
        group,
        "different exportTo: the newer wins",
        rule("boards", BOARDS, "ISTIO_MUTUAL", "older"),
        rule("boards", BOARDS, "DISABLE", "newer", exportTo=["*"]),
    )
    yield aged(
        group,
        "exportTo of the newer holds the older's: it is merged, and gone for the others",
        rule("boards", BOARDS, "DISABLE", "older", exportTo=["boards"]),
        rule("boards", BOARDS, "DISABLE", "newer", exportTo=["boards", "web"]),
    )
    yield aged(
        group,
        "a private rule is swallowed by one with a selector",
        rule(
            "web",
            BOARDS,
            "ISTIO_MUTUAL",
            "selects",
            workloadSelector={"matchLabels": {"app": "other"}},
        ),
        rule("web", BOARDS, "DISABLE", "private", exportTo=["."]),
    )


def policies() -> Iterator[Combination]:
    """What of a DestinationRule's policy is the TLS of a port."""
    group = "TLS of a port"

    def ports(own: Object | None, **top: Any) -> Object:
        entry: Object = {"port": {"number": 8080}, "connectionPool": {"tcp": {"maxConnections": 9}}}
        if own is not None:
            entry["tls"] = own
        return {**top, "portLevelSettings": [entry]}

    strict = peer(ROOT, "STRICT")
    on, off = {"mode": "ISTIO_MUTUAL"}, {"mode": "DISABLE"}
    simple = {"mode": "SIMPLE", "insecureSkipVerify": True}
    for title, policy in {
        "a port's own tls": ports(off),
        "a port's own tls, over another": ports(on, tls=off),
        "a port without tls hides DISABLE from Envoy's clusters only": ports(None, tls=off),
        "a port without tls loses SIMPLE": ports(None, tls=simple),
        "a port without tls under ISTIO_MUTUAL": ports(None, tls=on),
        "tls without mode is DISABLE": {"tls": {"sni": "x.example.org"}},
        "a secret without selector: a sidecar sends plaintext": {
            "tls": {"mode": "SIMPLE", "credentialName": "secret"}
        },
        "a policy without tls": {"loadBalancer": {"simple": "RANDOM"}},
        "PASSTHROUGH": {"loadBalancer": {"simple": "PASSTHROUGH"}},
    }.items():
        yield one(group, title, rule("web", BOARDS, trafficPolicy=policy))
    yield one(
        group,
        "a port without tls under ISTIO_MUTUAL, the server's port DISABLE",
        workload("STRICT", ports={8080: "DISABLE"}),
        rule("web", BOARDS, trafficPolicy=ports(None, tls=on)),
    )
    yield one(
        group,
        "ISTIO_MUTUAL to a Service half without sidecars",
        strict,
        rule("web", MIXED, "ISTIO_MUTUAL"),
    )
    yield one(
        group, "DISABLE to a Service half without sidecars", strict, rule("web", MIXED, "DISABLE")
    )


def automatic() -> Iterator[Combination]:
    """Where auto mTLS is a dead end, and where there is none."""
    group = "Auto mTLS"
    yield one(group, "mesh DISABLE, workload STRICT", peer(ROOT, "DISABLE"), workload("STRICT"))
    yield one(
        group,
        "namespace DISABLE, port STRICT",
        peer("boards", "DISABLE"),
        workload(None, ports={8080: "STRICT", 9000: "STRICT"}),
    )
    yield one(group, "headless, workload DISABLE", workload("DISABLE"))
    yield one(group, "headless, DISABLE by rule", rule("web", HEADLESS, "DISABLE"))
    yield one(
        group,
        "headless, STRICT and DISABLE by rule",
        peer(ROOT, "STRICT"),
        rule("web", HEADLESS, "DISABLE"),
    )
    yield one(
        group,
        "headless, ISTIO_MUTUAL and port DISABLE",
        workload("STRICT", ports={8080: "DISABLE", 9000: "DISABLE"}),
        rule("web", HEADLESS, "ISTIO_MUTUAL"),
    )
    off = {"enableAutoMtls": False}
    yield one(group, "off, no policy", **off)
    yield one(group, "off, STRICT", peer(ROOT, "STRICT"), **off)
    yield one(
        group,
        "off, STRICT, a wildcard and its exceptions in the root namespace",
        peer(ROOT, "STRICT"),
        rule(ROOT, EVERYTHING, "ISTIO_MUTUAL", "wildcard"),
        rule(ROOT, DATABASE, "DISABLE", "database"),
        **off,
    )
    yield one(
        group,
        "off, a rule without tls hides the wildcard",
        peer(ROOT, "STRICT"),
        rule(ROOT, EVERYTHING, "ISTIO_MUTUAL", "wildcard"),
        rule("boards", BOARDS, trafficPolicy={"loadBalancer": {"simple": "RANDOM"}}),
        **off,
    )


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
    for title, spec in {
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
    }.items():
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
    imports: Any = {"egress": [{"hosts": ["./*", "boards/boards-db.boards.svc.cluster.local"]}]}
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
            "web",
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
        group, "internal, marked, to a pod without sidecar", entry(database, inside, **marked)
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
