"""Two Gateways open one port of one proxy for the same host.

What it checks
    Servers of different Gateways with equal port numbers and addresses that name one host, where
    one gateway workload serves both (where none is known: where their selectors are equal, or one
    is a part of the other). Istio compares hosts as text (CheckDuplicates in
    pilot/pkg/model/gateway.go), with the namespace before the slash: a wildcard beside a host below
    it is no conflict, since Envoy takes the more specific one.

Why it matters
    The proxy can listen once. Of the two servers one wins by age, and with it its TLS settings:
    the other application is answered with the wrong certificate, or not at all.

How to fix
    Give each host to one Gateway, or merge the servers into one.

Known gaps
    Selectors that differ and meet on one pod are compared where the inventory has the pod.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from meshgate.model import Resource, Severity, join_path
from meshgate.rules.context import Context
from meshgate.rules.gateway_proxies import KIND, gateways_by_proxy
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation


class ServerHost(Struct, frozen=True):
    """One host of one server, as Istio compares it: `.` before the slash is the Gateway's own."""

    gateway: Resource
    path: str
    host: str
    port: int
    bind: str


def check(context: Context) -> Iterator[Violation]:
    reported: set[frozenset[int]] = set()
    for served in gateways_by_proxy(context):
        servers: dict[object, list[ServerHost]] = {}
        for gateway in served:
            for opened in hosts_of(gateway):
                servers.setdefault((opened.port, opened.bind), []).append(opened)
        for alike in servers.values():
            yield from overlapping(alike, reported)


def hosts_of(gateway: Resource) -> Iterator[ServerHost]:
    """The hosts a Gateway opens ports for."""
    for number, server in enumerate(gateway.spec.get("servers") or ()):
        port = (server.get("port") or {}).get("number") or 0
        for index, host in enumerate(server.get("hosts") or ()):
            path = join_path("spec", "servers", number, "hosts", index)
            place, slash, name = str(host).rpartition("/")
            own = f"{gateway.namespace if place == '.' else place}{slash}{name}"
            yield ServerHost(gateway, path, own, port, str(server.get("bind") or ""))


def overlapping(alike: list[ServerHost], reported: set[frozenset[int]]) -> Iterator[Violation]:
    """One finding for each pair of Gateways, at the one that comes later by name."""
    known: dict[str, list[ServerHost]] = {}
    for opened in sorted(alike, key=lambda each: (each.host, str(each.gateway))):
        others = known.setdefault(opened.host, [])
        for other in others:
            pair = frozenset((id(other.gateway), id(opened.gateway)))
            if other.gateway is not opened.gateway and pair not in reported:
                reported.add(pair)
                yield Violation(
                    opened.gateway,
                    opened.path,
                    f"{opened.host} on port {opened.port} is also opened by {other.gateway} "
                    f"({other.host}), for the same proxies: the older one wins",
                    related=(RelatedResource(other.gateway, "opens the same port", other.path),),
                    key=str(other.gateway),
                )
        others.append(opened)


RULE = Rule(
    id="GW002",
    name="conflicting-gateways",
    severity=Severity.WARNING,
    summary="Two Gateways of one proxy open one port for one host.",
    fix="give each host to one Gateway, or merge the servers into one",
    phase=Phase.STATE,
    needs=Needs.POLICIES,
    sharper_with=Needs.INVENTORY,
    kinds=frozenset({KIND}),
    check=check,
)
