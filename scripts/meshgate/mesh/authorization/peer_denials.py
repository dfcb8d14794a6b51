"""PeerAuthentications at ztunnel, where they are DENY policies against plaintext."""

from __future__ import annotations

from typing import NamedTuple

from meshgate.mesh.ambient import Ambient, Denials
from meshgate.mesh.order import ORDER
from meshgate.mesh.peer_authentication import PeerPolicies
from meshgate.mesh.selectors import Labels
from meshgate.mesh.terms import Mode

_STATIC = "istio_converted_static_strict"
_CONVERTED = "converted_peer_authentication_"


class PeerDenials(NamedTuple):
    """The names (NAMESPACE/NAME) under which ztunnel knows what denies plaintext to a port.

    `undecided` says why they are not certain; empty: they are.
    """

    policies: tuple[str, ...] = ()
    undecided: str = ""


class ZtunnelPeerPolicies:
    """The PeerAuthentications of a mesh as ztunnel gets them (convertPeerAuthentication).

    A workload policy that is PERMISSIVE with a STRICT port, in a mesh that is STRICT and a
    namespace without a policy of its own, is never converted: the port takes plaintext.
    """

    __slots__ = ("_ambient", "_root")

    def __init__(self, policies: PeerPolicies) -> None:
        self._ambient = Ambient(policies)
        self._root = policies.root

    def of(self, namespace: str, own: Labels, port: int) -> PeerDenials:
        """What denies plaintext to a port of a workload."""
        first, *others = (
            self._names(denials, port) for denials in self._ambient.denials(namespace, own)
        )
        if any(bool(other) != bool(first) for other in others):
            return PeerDenials(first, ORDER)
        return PeerDenials(first)

    def _names(self, denials: Denials, port: int) -> tuple[str, ...]:
        if denials.mode(port) is not Mode.STRICT:
            return ()
        policy = denials.converted()
        if policy is None:
            return (f"{self._root}/{_STATIC}",)
        return (f"{policy.namespace}/{_CONVERTED}{policy.name}",)
