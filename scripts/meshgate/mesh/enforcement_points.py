"""Where policies judge what arrives: the proxy of an endpoint, its ztunnel, or a waypoint."""

from __future__ import annotations

from msgspec import Struct

from meshgate.mesh import protocols
from meshgate.mesh.authorization import Authorization, Chain, Enforcer, Server
from meshgate.mesh.authorization.attributes import Kind
from meshgate.mesh.client_groups import ClientClass
from meshgate.mesh.known_admissions import KnownAdmissions, server_of
from meshgate.mesh.named_identities import NamedIdentities
from meshgate.mesh.receivers import Receivers
from meshgate.mesh.services import Endpoint
from meshgate.mesh.waypoints import Passage

_CHAINS = {
    protocols.HTTP: (Chain.HTTP,),
    # What the first bytes of a connection tell.
    protocols.AUTO: (Chain.HTTP, Chain.TCP),
}


class Rules(Struct, frozen=True, eq=False):
    """What the policies of some points ask, in the chains that may judge what arrives there.

    Several chains where files do not tell which of them it is.

    likeness   equal for points at which the same is decided of the same connection
    asks_port  whether the port decides, or is told
    asks_name  whether the server name of the TLS handshake decides
    named      the identities of clients that some rule may treat otherwise than all others
    classes    the classes of these clients
    """

    likeness: tuple[object, ...]
    chains: tuple[Chain, ...]
    asks_port: bool
    asks_name: bool
    named: frozenset[str]
    classes: tuple[ClientClass, ...]


class EnforcementPoint(Struct, frozen=True, eq=False):
    """What policies are matched with at a port, and what they ask there."""

    server: Server
    rules: Rules


class EnforcementPoints:
    """The places of a mesh to which some policy applies, each made once."""

    def __init__(
        self,
        authorization: Authorization,
        receivers: Receivers,
        known: KnownAdmissions,
        identities: NamedIdentities,
    ) -> None:
        self._authorization = authorization
        self._receivers = receivers
        self._known = known
        self._identities = identities
        self._points: dict[tuple[object, ...], EnforcementPoint | None] = {}
        self._rules: dict[tuple[object, ...], Rules] = {}
        # One server for all ports alike: by whether its proxy captures them.
        self._servers: dict[tuple[int, bool], Server | None] = {}
        self._unnamed: dict[tuple[object, ...], Server | None] = {}
        self._waypoints: dict[tuple[object, ...], Server | None] = {}

    def at(self, endpoint: Endpoint, protocol: str) -> EnforcementPoint | None:
        """The point before an endpoint; None: no policy applies.

        `protocol` is that of the Service port, by which an endpoint outside the inventory goes.
        """
        workload = endpoint.workload
        key: tuple[object, ...] = id(workload), endpoint.port
        if workload is None:
            if not endpoint.mtls:
                return None
            key = endpoint.namespace, frozenset(endpoint.labels.items()), endpoint.port, protocol
        try:
            return self._points[key]
        except KeyError:
            point = self._points[key] = self._point(endpoint, protocol)
            return point

    def _point(self, endpoint: Endpoint, protocol: str) -> EnforcementPoint | None:
        server = self.server(endpoint)
        if server is None:
            return None
        chains = self.chains(server, endpoint, protocol)
        likeness = *self._known.policies_of(server), chains
        if likeness not in self._rules:
            self._rules[likeness] = self._asked(server, chains, likeness)
        return EnforcementPoint(server, self._rules[likeness])

    def _asked(
        self, server: Server, chains: tuple[Chain, ...], likeness: tuple[object, ...]
    ) -> Rules:
        rules = [self._authorization.rules(server, chain) for chain in chains]
        kinds = frozenset().union(*(self._known.asked(each).kinds for each in rules))
        return Rules(
            likeness,
            chains,
            # What is in doubt between two chains is told with the port.
            asks_port=Kind.PORT in kinds or len(chains) > 1,
            asks_name=Kind.SNI in kinds or len(chains) > 1,
            named=frozenset().union(*map(self._identities.named, rules)),
            classes=tuple(
                dict.fromkeys(own for each in rules for own in self._identities.classes(each))
            ),
        )

    def server(self, endpoint: Endpoint) -> Server | None:
        """What policies are matched with at an endpoint; None: no policy applies."""
        workload = endpoint.workload
        if workload is None:
            if not endpoint.mtls:
                return None
            labels = endpoint.namespace, frozenset(endpoint.labels.items())
            if labels not in self._unnamed:
                server = Server(endpoint.namespace, endpoint.labels, Enforcer.SIDECAR)
                self._unnamed[labels] = server if self._applies(server) else None
            return self._unnamed[labels]
        key = id(workload), workload.captures(endpoint.port)
        if key not in self._servers:
            server = server_of(workload, is_captured=key[1])
            self._servers[key] = server if self._applies(server) else None
        return self._servers[key]

    def waypoint(self, passage: Passage) -> Server | None:
        """What policies are matched with at a waypoint; None: no policy applies."""
        key = passage[:2], passage.service
        if key not in self._waypoints:
            server = Server(
                passage.namespace,
                {},
                Enforcer.WAYPOINT,
                gateway=passage.name,
                services=(passage.service,),
            )
            self._waypoints[key] = server if self._applies(server) else None
        return self._waypoints[key]

    def chains(self, server: Server, endpoint: Endpoint, protocol: str) -> tuple[Chain, ...]:
        """What may judge connections to an endpoint of a server."""
        if server.enforcer is Enforcer.ZTUNNEL:
            return (Chain.ZTUNNEL,)
        if server.enforcer is Enforcer.GATEWAY:
            # Its servers' protocols decide, of which several may listen.
            return (Chain.HTTP, Chain.TCP)
        if endpoint.workload is not None:
            protocol = self._receivers.protocol(endpoint.workload, endpoint.port)
        return chains_for(protocol)

    def _applies(self, server: Server) -> bool:
        applied = self._authorization.applied(server)
        return bool(applied.policies or applied.authentications or applied.undecided)


def chains_for(protocol: str) -> tuple[Chain, ...]:
    """The chains of a proxy for a protocol."""
    return _CHAINS.get(protocol, (Chain.TCP,))
