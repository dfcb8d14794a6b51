"""PeerAuthentications at ztunnel, where they are DENY policies against plaintext."""

from __future__ import annotations

from msgspec import Struct, structs

from meshgate.mesh.ambient import Ambient, Denials
from meshgate.mesh.order import ORDER
from meshgate.mesh.peer_authentication import PeerPolicies
from meshgate.mesh.selectors import Labels
from meshgate.mesh.terms import Mode
from meshgate.model import Resource

_STATIC = "istio_converted_static_strict"
_CONVERTED = "converted_peer_authentication_"


class PeerDenials(Struct, frozen=True):
    """What denies plaintext to a port.

    policies   names (NAMESPACE/NAME) under which ztunnel knows it
    resources  the PeerAuthentications it was made of
    undecided  why that is not certain; empty: it is
    """

    policies: tuple[str, ...] = ()
    resources: tuple[Resource, ...] = ()
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
            self._denials(denials, port) for denials in self._ambient.denials(namespace, own)
        )
        if any(bool(other.policies) != bool(first.policies) for other in others):
            return structs.replace(first, undecided=ORDER)
        return first

    def _denials(self, denials: Denials, port: int) -> PeerDenials:
        if denials.mode(port) is not Mode.STRICT:
            return PeerDenials()
        decides = denials.decided_by(port).policy
        resources = (decides,) if decides is not None else ()
        policy = denials.converted()
        if policy is None:
            return PeerDenials((f"{self._root}/{_STATIC}",), resources)
        return PeerDenials((f"{policy.namespace}/{_CONVERTED}{policy.name}",), resources)
