"""The filter chains of a gateway's listeners, and who gets through them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from meshgate.mesh import protocols
from meshgate.mesh.gateways import AUTO_PASSTHROUGH, PASSTHROUGH, PLAINTEXT, GatewayServer
from meshgate.mesh.hosts import is_subset
from meshgate.mesh.routes import tcp_route, tls_routes
from meshgate.mesh.terms import Outcome, Transport
from meshgate.mesh.virtual_services import VirtualServicePolicy

_EVERYWHERE = frozenset({"", "0.0.0.0"})  # noqa: S104 - an address that manifests name
_ANY = "*"
ISTIO_MUTUAL = "ISTIO_MUTUAL"
_AT_MESH_TLS = {
    Transport.MTLS: Outcome.OK_MTLS,
    Transport.TLS: Outcome.REFUSED,
    Transport.MTLS_USER: Outcome.MTLS_USER_TERMINATED,
}


class GatewayChain(Struct, frozen=True):
    """One filter chain of a gateway.

    port   the port that is bound on the pod
    names  the TLS server names it answers; empty: all
    mode   `plaintext`, or what its TLS asks for
    """

    server: GatewayServer
    port: int
    names: tuple[str, ...]
    mode: str
    # Of HTTP: requests for some of its hosts are led to HTTPS.
    redirects: bool = False

    @property
    def ends_tls(self) -> bool:
        """Whether it ends TLS with certificates of its own."""
        return self.mode not in {PLAINTEXT, PASSTHROUGH, AUTO_PASSTHROUGH, ISTIO_MUTUAL}

    def answers(self, name: str) -> bool:
        """Whether it takes TLS with a server name."""
        return not self.names or any(is_subset(name, own) for own in self.names)

    def weight(self, name: str) -> int:
        """How specific its answer to a server name is."""
        return max((len(own) for own in self.names if is_subset(name, own)), default=0)


def chains(
    servers: Iterable[GatewayServer], policies: Sequence[VirtualServicePolicy]
) -> Iterator[GatewayChain]:
    """The chains of a gateway (buildGatewayTCPBasedFilterChains).

    `policies` are the VirtualServices that the gateway sees. HTTP is always let in; TCP, and TLS
    that is handed on, only where a route tells where to.
    """
    servers = [server for server in servers if server.bind in _EVERYWHERE]
    redirected = {server.port for server in servers if server.redirects}
    http: set[int] = set()
    handed: dict[int, set[str]] = {}
    for server in servers:
        bound = [policy for policy in policies if server.name in policy.gateways]
        if server.protocol == protocols.HTTP:
            if server.port not in http:
                http.add(server.port)
                yield GatewayChain(
                    server, server.port, (), PLAINTEXT, redirects=server.port in redirected
                )
        elif server.mode == AUTO_PASSTHROUGH:
            yield GatewayChain(server, server.port, (), AUTO_PASSTHROUGH)
        elif server.mode == PASSTHROUGH:
            known = handed.setdefault(server.port, set())
            for names, _ in tls_routes(bound, server):
                if known.isdisjoint(names):
                    known.update(names)
                    shown = () if _ANY in names else tuple(sorted(names))
                    yield GatewayChain(server, server.port, shown, PASSTHROUGH)
        elif server.is_http or tcp_route(bound, server) is not None:
            names = server.names if server.mode != PLAINTEXT else ()
            yield GatewayChain(server, server.port, names, server.mode)


def received(
    gateway_chains: Iterable[GatewayChain], port: int, transport: Transport, name: str
) -> tuple[Outcome, str]:
    """What becomes of bytes that reach a port of a gateway's pod, and why it is unknown.

    `name` is the TLS server name that the client asks for. TLS that no chain answers goes to the
    one that speaks plaintext on the port.
    """
    here = [chain for chain in gateway_chains if chain.port == port]
    plain = next((chain for chain in here if chain.mode == PLAINTEXT), None)
    if transport is Transport.PLAINTEXT:
        # A chain for TLS under every name matches whatever comes, plaintext too: the older decides.
        first = next((chain for chain in here if chain.mode == PLAINTEXT or not chain.names), None)
        if first is None or first.mode != PLAINTEXT:
            return Outcome.REFUSED, ""
        if first.redirects:
            return Outcome.UNKNOWN, f"port {port} leads requests for some hosts to HTTPS"
        return Outcome.OK_PLAINTEXT, ""
    named = [chain for chain in here if chain.mode != PLAINTEXT and chain.answers(name)]
    if not named:
        if plain is None:
            return Outcome.REFUSED, ""
        is_http = plain.server.protocol == protocols.HTTP
        return Outcome.PROTOCOL_ERROR if is_http else Outcome.TLS_TO_APP, ""
    return _behind(max(named, key=lambda each: each.weight(name)), transport)


def _behind(chain: GatewayChain, transport: Transport) -> tuple[Outcome, str]:
    """What becomes of TLS that a chain answers."""
    if chain.mode == PASSTHROUGH:
        return Outcome.TLS_TO_APP, ""
    if chain.mode == ISTIO_MUTUAL:
        return _AT_MESH_TLS[transport], ""
    if chain.mode == AUTO_PASSTHROUGH:
        return Outcome.UNKNOWN, f"Gateway {chain.server.name} hands TLS on by its server name"
    if transport is Transport.MTLS:
        # The client wants a certificate of the mesh, and gets the Gateway's own.
        return Outcome.REFUSED, ""
    return Outcome.UNKNOWN, f"Gateway {chain.server.name} ends TLS with certificates of its own"
