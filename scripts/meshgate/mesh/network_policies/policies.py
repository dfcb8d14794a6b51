"""NetworkPolicies of Kubernetes (networking.k8s.io/v1), read as the API server takes them."""

from __future__ import annotations

import enum
import re

from msgspec import Struct

from meshgate.mesh.catalog import namespace_of
from meshgate.mesh.network_policies.addresses import AddressSet, network_of, of_network, union
from meshgate.mesh.network_policies.invalid import InvalidPolicyError, mapping, sequence
from meshgate.mesh.network_policies.label_selectors import LabelPattern, label_selector
from meshgate.model import JSON, JSONObject, Resource

_PROTOCOLS = frozenset({"TCP", "UDP", "SCTP"})
_LAST_PORT = 65535
# IsValidPortName: at most 15 characters, one of them a letter.
_PORT_NAME = re.compile(r"(?=.*[a-z])(?!.*--)[a-z0-9](?:[a-z0-9-]{0,13}[a-z0-9])?")


class Direction(enum.StrEnum):
    """Which packets a policy is about: those to the pods it selects, or those from them."""

    INGRESS = "ingress"
    EGRESS = "egress"


class PortRule(Struct, frozen=True):
    """Ports that a rule lets through; `name`: that of a container port, in place of numbers."""

    protocol: str
    first: int = 0
    last: int = _LAST_PORT
    name: str = ""


class Peer(Struct, frozen=True):
    """Whom a rule lets through.

    namespace   the pods' namespace, where there is no `namespaceSelector`; empty: there is one
    block       addresses in place of pods; None: it selects pods
    text        the block as it is written
    """

    namespace: str = ""
    namespaces: LabelPattern | None = None
    pods: LabelPattern = LabelPattern()
    block: AddressSet | None = None
    text: str = ""

    @property
    def is_every_pod(self) -> bool:
        """Whether it selects all pods of the cluster."""
        everywhere = self.namespaces is not None and self.namespaces.is_empty
        return everywhere and self.pods.is_empty and self.block is None


class FilterRule(Struct, frozen=True):
    """One entry of `ingress` or `egress`; no ports: all of them, no peers: everybody."""

    ports: tuple[PortRule, ...]
    peers: tuple[Peer, ...]

    @property
    def is_for_every_pod(self) -> bool:
        """Whether its ports are all that it asks for of pods."""
        return not self.peers or any(peer.is_every_pod for peer in self.peers)


class NetworkPolicy(Struct, frozen=True):
    """One NetworkPolicy. Rules None: it does not isolate pods in that direction."""

    resource: Resource
    namespace: str
    pods: LabelPattern
    ingress: tuple[FilterRule, ...] | None
    egress: tuple[FilterRule, ...] | None

    def rules(self, direction: Direction) -> tuple[FilterRule, ...] | None:
        """The rules of a direction; None: it does not isolate pods there."""
        return self.ingress if direction is Direction.INGRESS else self.egress

    def __str__(self) -> str:
        return f"NetworkPolicy {self.namespace}/{self.resource.name}"


def network_policy(resource: Resource) -> NetworkPolicy:
    """The policy that an object is. Raises InvalidPolicyError.

    Without `policyTypes` it isolates pods for what comes in, and for what goes out where it has
    egress rules (SetDefaults_NetworkPolicy).
    """
    spec = resource.spec
    namespace = namespace_of(resource)
    ingress = sequence(spec.get("ingress"), "spec.ingress")
    egress = sequence(spec.get("egress"), "spec.egress")
    types = set(map(str, sequence(spec.get("policyTypes"), "spec.policyTypes")))
    if not types:
        types = {"Ingress", *(["Egress"] if egress else [])}
    if other := types - {"Ingress", "Egress"}:
        raise InvalidPolicyError(f"spec.policyTypes has {min(other)}")
    incoming = tuple(_rule(item, "from", namespace, "spec.ingress") for item in ingress)
    outgoing = tuple(_rule(item, "to", namespace, "spec.egress") for item in egress)
    return NetworkPolicy(
        resource,
        namespace,
        label_selector(spec.get("podSelector"), "spec.podSelector"),
        incoming if "Ingress" in types else None,
        outgoing if "Egress" in types else None,
    )


def _rule(value: JSON, key: str, namespace: str, path: str) -> FilterRule:
    own = mapping(value, path)
    return FilterRule(
        tuple(_port(item, f"{path}.ports") for item in sequence(own.get("ports"), f"{path}.ports")),
        tuple(
            _peer(item, namespace, f"{path}.{key}")
            for item in sequence(own.get(key), f"{path}.{key}")
        ),
    )


def _port(value: JSON, path: str) -> PortRule:
    own = mapping(value, path)
    protocol = str(own.get("protocol") or "TCP")
    if protocol not in _PROTOCOLS:
        raise InvalidPolicyError(f"{path} has no protocol {protocol}")
    port, end = own.get("port"), own.get("endPort")
    if port is None:
        if end is not None:
            raise InvalidPolicyError(f"{path}: endPort without port")
        return PortRule(protocol)
    if isinstance(port, str):
        if end is not None:
            raise InvalidPolicyError(f"{path}: endPort beside the name {port}")
        if not _PORT_NAME.fullmatch(port):
            raise InvalidPolicyError(f"{path}: {port!r} is no name of a port")
        return PortRule(protocol, name=port)
    last = port if end is None else end
    if not _is_number(port) or not _is_number(last) or not 1 <= port <= last <= _LAST_PORT:
        raise InvalidPolicyError(f"{path} has no ports from {port} to {last}")
    return PortRule(protocol, port, last)


def _is_number(value: JSON) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _peer(value: JSON, namespace: str, path: str) -> Peer:
    own = mapping(value, path)
    block, pods, namespaces = (
        own.get(key) for key in ("ipBlock", "podSelector", "namespaceSelector")
    )
    if block is not None:
        if pods is not None or namespaces is not None:
            raise InvalidPolicyError(f"{path}: ipBlock beside a selector")
        return _block(mapping(block, f"{path}.ipBlock"), f"{path}.ipBlock")
    if pods is None and namespaces is None:
        raise InvalidPolicyError(f"{path} has an entry that names nobody")
    selector = label_selector(pods, f"{path}.podSelector")
    if namespaces is None:
        return Peer(namespace, pods=selector)
    return Peer("", label_selector(namespaces, f"{path}.namespaceSelector"), selector)


def _block(own: JSONObject, path: str) -> Peer:
    text = str(own.get("cidr"))
    network = network_of(text, f"{path}.cidr")
    listed = [str(each) for each in sequence(own.get("except"), f"{path}.except")]
    holes = [network_of(each, f"{path}.except") for each in listed]
    within = of_network(network)
    for hole, name in zip(holes, listed, strict=True):
        if of_network(hole).without(within) or hole.prefixlen <= network.prefixlen:
            raise InvalidPolicyError(f"{path}: {name} is no part of {text}")
    addresses = within.without(union(map(of_network, holes)))
    described = f"{text} without {', '.join(listed)}" if listed else text
    return Peer(block=addresses, text=described)
