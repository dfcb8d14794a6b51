"""One certificate in several servers of one gateway.

What it checks
    Servers of Gateway resources that one gateway workload serves (where none is known: whose
    selectors are equal, or one a part of the other), on one port, with one certificate
    (`credentialName` or the same file) and different hosts.

    ```yaml
    # Gateway a: hosts [a.example.com], credentialName wildcard
    # Gateway b: hosts [b.example.com], credentialName wildcard    # same selector, same port
    ```

Why it matters
    A browser that has an HTTP/2 connection for a.example.com uses it for b.example.com too, since
    the certificate covers both. The gateway has picked the filter chain by the first name, which
    has no route for the second: 404. (IST0138 of `istioctl analyze`.)

How to fix
    Make one server of them, with all hosts, or give each host a certificate of its own.

Known gaps
    Certificates of different names that cover the same hosts are not compared.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from meshgate.model import JSONObject, Resource, Severity, join_path
from meshgate.rules.context import Context
from meshgate.rules.gateway_proxies import KIND, gateways_by_proxy
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation
from meshgate.rules.wording import listed


class TlsServer(Struct, frozen=True):
    """One server of a Gateway with a certificate; `place` is the path of what names it."""

    gateway: Resource
    place: str
    hosts: tuple[str, ...]


def check(context: Context) -> Iterator[Violation]:
    reported: set[tuple[int, str]] = set()
    for served in gateways_by_proxy(context):
        groups: dict[object, list[TlsServer]] = {}
        for gateway in served:
            for key, server in servers(gateway):
                groups.setdefault(key, []).append(server)
        for first, *others in groups.values():
            for other in others:
                mark = id(other.gateway), other.place
                if set(other.hosts) != set(first.hosts) and mark not in reported:
                    reported.add(mark)
                    yield shared(first, other)


def servers(gateway: Resource) -> Iterator[tuple[tuple[object, str], TlsServer]]:
    """The servers of a Gateway with the port and certificate of each."""
    for index, server in enumerate(gateway.spec.get("servers") or ()):
        tls: JSONObject = server.get("tls") or {}
        for key in ("credentialName", "serverCertificate"):
            if tls.get(key):
                place = join_path("spec", "servers", index, "tls", key)
                names = tuple(str(each).rpartition("/")[2] for each in server.get("hosts") or ())
                number = (server.get("port") or {}).get("number")
                yield (number, str(tls[key])), TlsServer(gateway, place, names)
                break


def shared(first: TlsServer, other: TlsServer) -> Violation:
    """The finding on the later one of two servers."""
    return Violation(
        other.gateway,
        other.place,
        f"{listed(other.hosts)} and {listed(first.hosts)} of {first.gateway} have one certificate "
        "and servers of their own: a client that reuses an HTTP/2 connection gets 404",
        related=(RelatedResource(first.gateway, "has the same certificate", first.place),),
        key=f"{first.gateway}{first.place}",
    )


RULE = Rule(
    id="GW003",
    name="shared-certificate",
    severity=Severity.WARNING,
    summary="Servers of one gateway have one certificate and different hosts.",
    fix="make one server of them, or give each host a certificate of its own",
    phase=Phase.STATE,
    needs=Needs.POLICIES,
    sharper_with=Needs.INVENTORY,
    kinds=frozenset({KIND}),
    check=check,
)
