"""NetworkPolicies tried out address by address, straight from Kubernetes' words, for comparison."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import NamedTuple

from meshes import Object


class Pod(NamedTuple):
    """A pod, with the labels of its namespace and its named ports."""

    namespace: str
    place_labels: dict[str, str]
    labels: dict[str, str]
    ports: dict[str, int]


def connects(policies: list[Object], client: Pod, server: Pod, port: int) -> set[bool]:
    """Whether a TCP connection is let through, for every address that its ends may have."""
    return {
        leaves and enters
        for leaves in _at(policies, "egress", client, server, port)
        for enters in _at(policies, "ingress", server, client, port)
    }


def _at(policies: list[Object], way: str, subject: Pod, other: Pod, port: int) -> set[bool]:
    isolating = [each for each in policies if _isolates(each, way, subject)]
    if not isolating:
        return {True}
    target = subject if way == "ingress" else other
    return {
        any(
            _lets(rule, way, policy, other, address) and _has_port(rule, target, port)
            for policy in isolating
            for rule in policy["spec"].get(way) or []
        )
        for address in addresses(policies)
    }


def addresses(policies: list[Object]) -> Iterator[ipaddress.IPv4Address]:
    """Enough addresses that every set of blocks treats every other one like one of them."""
    found = {ipaddress.IPv4Address("10.0.0.1")}
    for policy in policies:
        for way, key in (("ingress", "from"), ("egress", "to")):
            for rule in policy["spec"].get(way) or []:
                for peer in rule.get(key) or []:
                    block = peer.get("ipBlock")
                    for text in [block["cidr"], *block.get("except", [])] if block else []:
                        network = ipaddress.ip_network(text)
                        for number in (
                            int(network.network_address) - 1,
                            int(network.network_address),
                            int(network.broadcast_address),
                            int(network.broadcast_address) + 1,
                        ):
                            if 0 <= number < 2**32:
                                found.add(ipaddress.IPv4Address(number))
    last = ipaddress.IPv4Address("255.255.255.255")
    for address in found:
        special = address.is_loopback or address.is_link_local or address.is_multicast
        if not special and not address.is_unspecified and address != last:
            yield address


def _isolates(policy: Object, way: str, pod: Pod) -> bool:
    spec = policy["spec"]
    types = spec.get("policyTypes")
    if not types:
        types = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
    if way.capitalize() not in types or policy["metadata"]["namespace"] != pod.namespace:
        return False
    return _chosen(spec["podSelector"], pod.labels)


def _lets(
    rule: Object, way: str, policy: Object, other: Pod, address: ipaddress.IPv4Address
) -> bool:
    peers = rule.get("from" if way == "ingress" else "to")
    if not peers:
        return True
    for peer in peers:
        if "ipBlock" in peer:
            block = peer["ipBlock"]
            inside = address in ipaddress.ip_network(block["cidr"])
            if inside and not any(
                address in ipaddress.ip_network(hole) for hole in block.get("except", [])
            ):
                return True
            continue
        if "namespaceSelector" in peer:
            there = _chosen(peer["namespaceSelector"], other.place_labels)
        else:
            there = policy["metadata"]["namespace"] == other.namespace
        if there and _chosen(peer.get("podSelector", {}), other.labels):
            return True
    return False


def _has_port(rule: Object, target: Pod, port: int) -> bool:
    ports = rule.get("ports")
    if not ports:
        return True
    for each in ports:
        if each.get("protocol", "TCP") != "TCP":
            continue
        wanted = each.get("port")
        if wanted is None:
            return True
        if isinstance(wanted, str):
            if target.ports.get(wanted) == port:
                return True
        elif wanted <= port <= each.get("endPort", wanted):
            return True
    return False


def _chosen(selector: Object, labels: dict[str, str]) -> bool:
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for term in selector.get("matchExpressions", []):
        key, values = term["key"], term.get("values", [])
        holds = {
            "In": key in labels and labels[key] in values,
            "NotIn": key not in labels or labels[key] not in values,
            "Exists": key in labels,
            "DoesNotExist": key not in labels,
        }
        if not holds[term["operator"]]:
            return False
    return True
