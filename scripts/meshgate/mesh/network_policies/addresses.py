"""Sets of IP addresses: the blocks of NetworkPolicies, and what an unknown address may be."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterable
from typing import NamedTuple

from msgspec import Struct

from meshgate.mesh.network_policies.invalid import InvalidPolicyError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# What no pod and no endpoint has as its address (ValidateNonSpecialIP of Kubernetes, and
# multicast and broadcast, which no connection comes from).
_SPECIAL = (
    "0.0.0.0/32",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "224.0.0.0/4",
    "255.255.255.255/32",
    "::/127",
    "::ffff:0:0/96",
    "fe80::/10",
    "ff00::/8",
)
_BITS = {4: 32, 6: 128}


class Interval(NamedTuple):
    """Addresses of one family (4 or 6) from the first to the last, as numbers."""

    family: int
    first: int
    last: int


class AddressSet(Struct, frozen=True):
    """Addresses as sorted intervals that neither meet nor touch."""

    intervals: tuple[Interval, ...]

    def __bool__(self) -> bool:
        return bool(self.intervals)

    def has(self, address: Address) -> bool:
        """Whether an address is in it."""
        number = int(address)
        return any(
            each.family == address.version and each.first <= number <= each.last
            for each in self.intervals
        )

    def without(self, other: AddressSet) -> AddressSet:
        """The addresses that are not in the other set."""
        remaining = list(self.intervals)
        for hole in other.intervals:
            remaining = [part for each in remaining for part in _cut(each, hole)]
        return AddressSet(tuple(remaining))

    def within(self, other: AddressSet) -> AddressSet:
        """The addresses that are in the other set, too."""
        return self.without(self.without(other))


NOTHING = AddressSet(())


def union(sets: Iterable[AddressSet]) -> AddressSet:
    """All addresses of some sets."""
    merged: list[Interval] = []
    for each in sorted(interval for own in sets for interval in own.intervals):
        last = merged[-1] if merged else None
        if last is not None and last.family == each.family and each.first <= last.last + 1:
            merged[-1] = last._replace(last=max(last.last, each.last))
        else:
            merged.append(each)
    return AddressSet(tuple(merged))


@functools.cache
def ordinary(family: int) -> AddressSet:
    """All addresses of a family that a pod, or anything a pod talks to, may have."""
    bits = _BITS[family]
    special = (of_network(ipaddress.ip_network(text)) for text in _SPECIAL)
    return AddressSet((Interval(family, 0, 2**bits - 1),)).without(union(special))


def of_network(network: Network) -> AddressSet:
    """The addresses of a network."""
    first, last = int(network.network_address), int(network.broadcast_address)
    return AddressSet((Interval(network.version, first, last),))


def network_of(text: str, path: str) -> Network:
    """The network of a CIDR, host bits ignored. Raises InvalidPolicyError."""
    if "/" not in text:
        raise InvalidPolicyError(f"{path}: {text!r} is no CIDR")
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise InvalidPolicyError(f"{path}: {text!r} is no CIDR") from error


def _cut(each: Interval, hole: Interval) -> Iterable[Interval]:
    if each.family != hole.family or hole.last < each.first or each.last < hole.first:
        yield each
        return
    if each.first < hole.first:
        yield each._replace(last=hole.first - 1)
    if hole.last < each.last:
        yield each._replace(first=hole.last + 1)
