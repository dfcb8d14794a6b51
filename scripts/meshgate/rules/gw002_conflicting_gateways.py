"""Two Gateways open one port of one proxy for the same host.

What it checks
    Servers of different Gateways with equal selectors and port numbers whose hosts overlap, a
    wildcard with a host below it included.

Why it matters
    The proxy can listen once. Of the two servers one wins by age, and with it its TLS settings:
    the other application is answered with the wrong certificate, or not at all.

How to fix
    Give each host to one Gateway, or merge the servers into one.

Known gaps
    Selectors that differ and still meet on one pod are not compared; the namespace before the slash
    in a host is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from meshgate.mesh import hosts
from meshgate.mesh.hosts import HostIndex
from meshgate.model import Resource, Severity, join_path
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation

KIND = "Gateway"


class Opened(NamedTuple):
    """One host of one server."""

    gateway: Resource
    path: str
    host: str
    port: int


def check(context: Context) -> Iterator[Violation]:
    servers: dict[tuple[object, int], list[Opened]] = {}
    for gateway in context.resources.of(KIND):
        if gateway.group == "networking.istio.io":
            selector = tuple(sorted((gateway.spec.get("selector") or {}).items()))
            for opened in hosts_of(gateway):
                servers.setdefault((selector, opened.port), []).append(opened)
    for found in servers.values():
        yield from overlapping(found)


def hosts_of(gateway: Resource) -> Iterator[Opened]:
    """The hosts a Gateway opens ports for, without the namespace before the slash."""
    for number, server in enumerate(gateway.spec.get("servers") or ()):
        port = (server.get("port") or {}).get("number") or 0
        for index, host in enumerate(server.get("hosts") or ()):
            path = join_path("spec", "servers", number, "hosts", index)
            yield Opened(gateway, path, str(host).rpartition("/")[2], port)


def overlapping(found: list[Opened]) -> Iterator[Violation]:
    """One finding for each pair of Gateways, at the one that comes later by name."""
    index: HostIndex[list[Opened]] = HostIndex()
    told: set[frozenset[int]] = set()
    for opened in sorted(found, key=widest_first):
        for others in index.covering(opened.host):
            for other in others:
                pair = frozenset((id(other.gateway), id(opened.gateway)))
                if other.gateway is not opened.gateway and pair not in told:
                    told.add(pair)
                    yield Violation(
                        opened.gateway,
                        opened.path,
                        f"{opened.host} on port {opened.port} is also opened by {other.gateway} "
                        f"({other.host}), for the same proxies: the older one wins",
                        related=(
                            RelatedResource(other.gateway, "opens the same port", other.path),
                        ),
                        key=str(other.gateway),
                    )
        known = index.get(opened.host)
        if known is None:
            index[opened.host] = [opened]
        else:
            known.append(opened)


def widest_first(opened: Opened) -> tuple[bool, int, str]:
    """Wildcards before what they cover."""
    return not hosts.is_wildcard(opened.host), len(opened.host), str(opened.gateway)


RULE = Rule(
    id="GW002",
    name="conflicting-gateways",
    severity=Severity.WARNING,
    summary="Two Gateways with one selector open one port for overlapping hosts.",
    fix="give each host to one Gateway, or merge the servers into one",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset({KIND}),
    check=check,
)
