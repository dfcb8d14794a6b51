"""What stands at an endpoint, and what becomes of the bytes that arrive there."""

from __future__ import annotations

from msgspec import Struct, structs

from meshgate.mesh import outcome, protocols
from meshgate.mesh.ambient import Ambient, at_ztunnel
from meshgate.mesh.chains import received
from meshgate.mesh.injection import no_namespace
from meshgate.mesh.order import ORDER
from meshgate.mesh.packet_filter import PacketFilter
from meshgate.mesh.peer_authentication import PeerPolicies
from meshgate.mesh.registry import Registry
from meshgate.mesh.routing import Routing
from meshgate.mesh.scopes import SidecarScopes
from meshgate.mesh.servers import DecidedBy, ServerClass, ServerMode, Servers
from meshgate.mesh.services import Endpoint, Service, ServicePort
from meshgate.mesh.terms import DataPlane, Level, Mode, Outcome, Transport, Verdict, verdict
from meshgate.mesh.undecided import Undecided
from meshgate.mesh.workloads import AGENT_PORTS, GATEWAY_API, TLS_MODE, Workload
from meshgate.model import MeshFacts, Resource

# Bytes that the application gets.
_ARRIVES = frozenset({Outcome.OK_PLAINTEXT, Outcome.OK_MTLS, Outcome.MTLS_USER_TERMINATED})


class World(Struct, frozen=True):
    """What is enforced in one possible order of creation.

    namespace  the mode that clients infer for the service's namespace
    port       the mode by which clients mark the endpoint, and which a sidecar there enforces
    """

    namespace: Mode
    port: Mode


class Arrival(Struct, frozen=True):
    """Bytes that reach an endpoint; `name` is their TLS server name, which gateways look at."""

    world: World
    transport: Transport
    name: str = ""


class Receivers:
    """The receiving side of a mesh."""

    __slots__ = (
        "_ambient",
        "_classes",
        "_hbone",
        "_registry",
        "_routing",
        "_scopes",
        "_servers",
        "facts",
        "packets",
        "undecided",
    )

    def __init__(
        self,
        registry: Registry,
        policies: PeerPolicies,
        scopes: SidecarScopes,
        routing: Routing,
        *,
        undecided: Undecided,
        packets: PacketFilter,
        facts: MeshFacts,
    ) -> None:
        self._registry = registry
        self._scopes = scopes
        self._routing = routing
        self.facts = facts
        self.undecided = undecided
        self.packets = packets
        self._servers = Servers(policies)
        self._ambient = Ambient(policies)
        # Sidecars of an ambient mesh take HBONE too (ISTIO_META_ENABLE_HBONE in its profile).
        self._hbone = facts.data_plane == "ambient"
        self._classes: dict[int, ServerClass] = {}

    def server_class(self, workload: Workload) -> ServerClass:
        """The class of a workload as a server."""
        server = self._classes.get(id(workload))
        if server is None:
            server = self._servers.of(workload.namespace, workload.labels)
            self._classes[id(workload)] = server
        return server

    def worlds(self, endpoint: Endpoint) -> tuple[World, ...]:
        """What an endpoint's port may enforce; the first is that of a fresh cluster."""
        workload = endpoint.workload
        if workload is not None and workload.plane is DataPlane.AMBIENT:
            denials = self._ambient.denials(workload.namespace, workload.labels)
            worlds = [
                World(each.slots.namespace_mode(), each.mode(endpoint.port)) for each in denials
            ]
        else:
            server = (
                self._servers.of(endpoint.namespace, endpoint.labels)
                if workload is None
                else self.server_class(workload)
            )
            worlds = [
                World(each.namespace_mode(), each.mode(endpoint.port)) for each in server.slots
            ]
        return tuple(dict.fromkeys(worlds)) if len(worlds) > 1 else tuple(worlds)

    def enforced(self, endpoint: Endpoint, world: World) -> Mode | None:
        """The mode that something before the application enforces; None: nothing does."""
        workload = endpoint.workload
        if workload is None:
            return world.port if endpoint.mtls else None
        if workload.plane is DataPlane.AMBIENT:
            return world.port
        if workload.plane is DataPlane.SIDECAR and workload.captures(endpoint.port):
            return world.port
        return None

    def takes_tunnel(self, endpoint: Endpoint) -> bool:
        """Whether sidecars and gateways send HBONE to the endpoint, which has no sidecar then."""
        workload = endpoint.workload
        return workload is not None and workload.plane is DataPlane.AMBIENT

    def takes_hbone(self, endpoint: Endpoint) -> bool:
        """Whether ztunnel sends HBONE to the endpoint; it never sends a sidecar's own mTLS."""
        workload = endpoint.workload
        if workload is None:
            return False
        return workload.plane is DataPlane.AMBIENT or (
            self._hbone and workload.plane is DataPlane.SIDECAR
        )

    def server_mode_without(
        self, workload: Workload, port: int | None, policy: Resource
    ) -> ServerMode:
        """What a workload with a sidecar would enforce if a PeerAuthentication were not there."""
        return self.server_class(workload).without(policy).mode(port)

    def server_mode(self, workload: Workload, port: int | None) -> ServerMode:
        """What a workload enforces on a container port; None: on ports that no port table names."""
        mode = self._server_mode(workload, port)
        if self.undecided.modes:
            mode = structs.replace(mode, decided=False, reason=self.undecided.modes)
        may_refuse = self.undecided.may_refuse(workload, port)
        return structs.replace(mode, may_refuse=may_refuse) if may_refuse else mode

    def _server_mode(self, workload: Workload, port: int | None) -> ServerMode:
        plane = workload.plane
        if plane is DataPlane.AMBIENT:
            return self._ambient.server_mode(workload.namespace, workload.labels, port)
        if plane is DataPlane.SIDECAR:
            mode = self.server_class(workload).mode(port)
            if port is not None and not workload.captures(port):
                why = f"the sidecar does not capture port {port}"
                return structs.replace(mode, captured=False, reason=why)
            reason = self.undecided.server(workload)
            return structs.replace(mode, decided=False, reason=reason) if reason else mode
        if plane is DataPlane.UNKNOWN:
            mode = _without_effect(workload.plane_reason)
            return structs.replace(mode, decided=False)
        if plane is DataPlane.GATEWAY:
            return _without_effect("only the servers of Gateway resources count at a gateway")
        return _without_effect("the workload has no sidecar")

    def ports(self, workload: Workload) -> list[int]:
        """The ports of a workload that are declared, targeted by a Service or named by a policy."""
        numbers = {port.number for port in workload.ports if port.protocol == "TCP"}
        numbers.update(self._registry.targeted(workload))
        if workload.plane in {DataPlane.SIDECAR, DataPlane.AMBIENT}:
            for slots in self.server_class(workload).slots:
                if slots.workload is not None:
                    numbers.update(slots.workload.ports)
        return sorted(numbers)

    def receive(
        self, workload: Workload, port: int, transport: Transport, *, tunnel: bool = False
    ) -> tuple[Outcome, str]:
        """What becomes of bytes that reach a workload's container port directly.

        `tunnel`: they come to ztunnel by HBONE, by which it takes them whatever the mode.
        """
        if self.undecided.mesh:
            return Outcome.UNKNOWN, self.undecided.mesh
        endpoint = Endpoint(
            workload.namespace,
            workload,
            None,
            port,
            workload.labels,
            workload.labels.get(TLS_MODE) == "istio",
        )
        first, *others = [
            (Outcome.OK_MTLS, "")
            if tunnel
            else self._at_workload(workload, port, Arrival(world, transport))
            for world in self.worlds(endpoint)
        ]
        if any(other != first for other in others):
            return Outcome.UNKNOWN, ORDER
        if reason := self.undecided.may_change_at(endpoint):
            return Outcome.UNKNOWN, reason
        reason = self.undecided.may_refuse(workload, port)
        if reason and verdict(first[0], transport) in {Verdict.WORKS, Verdict.DEPENDS}:
            return Outcome.UNKNOWN, reason
        return first

    def may_change(self, workload: Workload, port: int) -> str:
        """Why not even policies tell who gets in at a port, whose proxy is changed; empty: they do.

        An object that is not read may take the filters away that enforce them.
        """
        if workload.plane is DataPlane.SIDECAR and not workload.captures(port):
            return ""
        if workload.plane in {DataPlane.SIDECAR, DataPlane.GATEWAY, DataPlane.AMBIENT}:
            return self.undecided.server(workload)
        return ""

    def outcome(
        self, service: Service, port: ServicePort, endpoint: Endpoint, arrival: Arrival
    ) -> tuple[Outcome, str]:
        """What becomes of bytes sent to an endpoint, and why it is unknown where it is."""
        if endpoint.workload is not None:
            end = self._at_workload(endpoint.workload, endpoint.port, arrival)
            if port.protocol == protocols.TCP and end[0] in _ARRIVES:
                return self._spoken(endpoint.workload, endpoint.port, end)
            return end
        if service.external:
            # An address outside the mesh and the inventory.
            return Outcome.EXTERNAL, ""
        if endpoint.mtls:
            mode = arrival.world.port
            return outcome.at_sidecar(mode, arrival.transport, port.protocol), ""
        return outcome.at_application(arrival.transport), ""

    def _spoken(
        self, workload: Workload, port: int, end: tuple[Outcome, str]
    ) -> tuple[Outcome, str]:
        """What becomes of bytes of TCP at a sidecar, which may expect HTTP there.

        The oldest service that leads to the port declares its protocol, another one the caller's.
        """
        captured = workload.plane is DataPlane.SIDECAR and workload.captures(port)
        if captured and self.protocol(workload, port) == protocols.HTTP:
            return Outcome.PROTOCOL_ERROR, ""
        return end

    def _at_workload(self, workload: Workload, port: int, arrival: Arrival) -> tuple[Outcome, str]:
        plane, transport = workload.plane, arrival.transport
        if plane is DataPlane.UNKNOWN and not _taken_either_way(workload, arrival):
            return Outcome.UNKNOWN, _undecided_plane(workload)
        if plane is DataPlane.AMBIENT:
            return at_ztunnel(arrival.world.port, transport), ""
        if plane is DataPlane.GATEWAY and port not in AGENT_PORTS:
            return self._at_gateway(workload, port, arrival)
        if plane is DataPlane.SIDECAR and workload.captures(port):
            reason = self.undecided.server(workload)
            if reason:
                return Outcome.UNKNOWN, f"{workload}: {reason}"
            protocol = self.protocol(workload, port)
            return outcome.at_sidecar(arrival.world.port, transport, protocol), ""
        return outcome.at_application(transport), ""

    def _at_gateway(self, workload: Workload, port: int, arrival: Arrival) -> tuple[Outcome, str]:
        reason = self.undecided.server(workload)
        if not reason and GATEWAY_API in workload.labels:
            reason = "a Gateway of the Gateway API sets its listeners"
        if reason:
            return Outcome.UNKNOWN, f"{workload}: {reason}"
        chains = self._routing.chains(workload)
        return received(chains, port, arrival.transport, arrival.name)

    def protocol(self, workload: Workload, port: int) -> str:
        """The protocol of the inbound filter chain (buildInboundChainConfigs).

        A Sidecar resource's ingress replaces the ports of the Services.
        """
        for scope in self._scopes.of(workload)[:1]:
            if scope.policy.ingress:
                return scope.policy.ingress.get(port, protocols.AUTO)
        return self._registry.protocol(workload, port)


def _taken_either_way(workload: Workload, arrival: Arrival) -> bool:
    """Whether a machine takes these bytes with a proxy as it does without one."""
    return (
        workload.kind == "WorkloadEntry"
        and arrival.transport is Transport.PLAINTEXT
        and arrival.world.port is not Mode.STRICT
    )


def _without_effect(reason: str) -> ServerMode:
    return ServerMode(None, DecidedBy(Level.DEFAULT, None), reason=reason)


def _undecided_plane(workload: Workload) -> str:
    """Why it is not known whether a workload has a sidecar; one reason for a whole namespace."""
    reason = workload.plane_reason
    return reason if reason == no_namespace(workload.namespace) else f"{workload}: {reason}"
