"""Hosts: how a short name is read, and which rule's host is the most specific for a service."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Generic, TypeVar

V = TypeVar("V")


def expand(host: str, namespace: str, domain: str) -> str:
    """The host as Istio compares it (ResolveShortnameToFQDN).

    `*`, an IP address and anything with a dot stay as they are; a short name is the service of
    that name in the rule's own namespace.
    """
    if not host or host == "*" or "." in host or is_address(host):
        return host
    return of_service(host, namespace, domain)


def of_service(name: str, namespace: str, domain: str) -> str:
    """The full host of a Service of the cluster."""
    return f"{name}.{namespace}.svc.{domain}"


def service_namespace(host: str, domain: str) -> str | None:
    """The namespace a host names: `boards` for `*.boards.svc.cluster.local`; None: not one."""
    head, separator, rest = host.rpartition(f".svc.{domain}")
    name, _, namespace = head.rpartition(".")
    return namespace if separator and not rest and name else None


def is_in_cluster(host: str, domain: str) -> bool:
    """Whether a host is, or covers, names under the cluster domain."""
    return "." not in host or overlap(host, f"*.{domain}")


def is_wildcard(host: str) -> bool:
    """Whether the host starts with `*`; elsewhere a star is an ordinary character."""
    return host.startswith("*")


def is_address(host: str) -> bool:
    """Whether this is an IP address."""
    return address_of(host) is not None


def address_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The IP address that a text is; None: it is none."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_subset(host: str, other: str) -> bool:
    """Whether every name of `host` is one of `other` (host.Name.SubsetOf)."""
    if not is_wildcard(other):
        return host == other
    if is_wildcard(host):
        return len(host) >= len(other) and host.endswith(other[1:])
    return host.endswith(other[1:])


def overlap(host: str, other: str) -> bool:
    """Whether some name belongs to both hosts (host.Name.Matches)."""
    return is_subset(host, other) or is_subset(other, host)


class HostIndex(Generic[V]):
    """Values by host, looked up by the hosts that cover a service's host.

    A lookup costs one dictionary access per distinct wildcard length, whatever the number of hosts.
    """

    __slots__ = ("_lengths", "_specific", "_wildcards")

    def __init__(self) -> None:
        self._specific: dict[str, V] = {}
        self._wildcards: dict[str, V] = {}
        # Lengths of the suffixes after the star, longest first.
        self._lengths: list[int] = []

    def __setitem__(self, host: str, value: V) -> None:
        if not is_wildcard(host):
            self._specific[host] = value
            return
        suffix = host[1:]
        if len(suffix) not in self._lengths:
            self._lengths = sorted({*self._lengths, len(suffix)}, reverse=True)
        self._wildcards[suffix] = value

    def get(self, host: str) -> V | None:
        """The value of this very host."""
        if is_wildcard(host):
            return self._wildcards.get(host[1:])
        return self._specific.get(host)

    def covering(self, host: str) -> Iterator[V]:
        """Values of all hosts that cover this one, the most specific first (MostSpecificHostMatch).

        A wildcard service host is covered by the same wildcard, then by shorter suffixes.
        """
        name = host
        if is_wildcard(host):
            name = host[1:]
        elif (exact := self._specific.get(host)) is not None:
            yield exact
        size = len(name)
        for length in self._lengths:
            if length <= size:
                value = self._wildcards.get(name[size - length :])
                if value is not None:
                    yield value

    def most_specific(self, host: str) -> V | None:
        """The value of the most specific host that covers this one."""
        return next(self.covering(host), None)

    def items(self) -> Iterator[tuple[str, V]]:
        """Every host with its value."""
        yield from self._specific.items()
        for suffix, value in self._wildcards.items():
            yield f"*{suffix}", value
