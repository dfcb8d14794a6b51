"""What clients send, and which DestinationRule says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from e2e.combinations.shapes import (
    BOARDS,
    DATABASE,
    EVERYTHING,
    HEADLESS,
    MIXED,
    Combination,
    aged,
    one,
    peer,
    rule,
    workload,
)
from meshes import ROOT, Object


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
