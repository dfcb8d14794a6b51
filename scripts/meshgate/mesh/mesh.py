"""The mesh as its policies and inventory describe it: who may call whom, and what is sent."""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from meshgate.mesh import hosts
from meshgate.mesh.admissions import Admissions
from meshgate.mesh.authorization import Allows, Authorization
from meshgate.mesh.authorization.rule_sets import RuleSet
from meshgate.mesh.call_filter import CallFilter
from meshgate.mesh.callers import Callers
from meshgate.mesh.calls import Call, CallClass
from meshgate.mesh.catalog import Catalog, Hidden
from meshgate.mesh.chains import GatewayChain
from meshgate.mesh.client_groups import ClientClass
from meshgate.mesh.clients import MeshClients
from meshgate.mesh.delivery import Delivery
from meshgate.mesh.destination_rules import DestinationRules
from meshgate.mesh.explain import Explanation, Landing, steps, tls_source
from meshgate.mesh.gateways import Gateways
from meshgate.mesh.membership import MeshMembership, is_outside, membership
from meshgate.mesh.packet_filter import PacketFilter
from meshgate.mesh.peer_authentication import PeerPolicies
from meshgate.mesh.policy import ClientPolicy
from meshgate.mesh.port_authorization import PortAuthorization
from meshgate.mesh.receivers import Receivers
from meshgate.mesh.registry import Registry
from meshgate.mesh.requests import Requests
from meshgate.mesh.routing import Routing
from meshgate.mesh.scopes import SidecarScopes
from meshgate.mesh.servers import ServerClass, ServerMode
from meshgate.mesh.service_lookup import ServiceLookup
from meshgate.mesh.services import Endpoint, Service, ServicePort
from meshgate.mesh.terms import DataPlane, Outcome, Transport
from meshgate.mesh.undecided import Undecided, Unread
from meshgate.mesh.unread.mesh_config import Contradiction
from meshgate.mesh.unread.revisions import open_policies
from meshgate.mesh.virtual_services import (
    Caller,
    Destination,
    VirtualServicePolicy,
    virtual_services,
)
from meshgate.mesh.waypoints import Enrolment, Passage, Waypoints, accounts_of_gateways
from meshgate.mesh.workloads import Workload
from meshgate.model import MeshFacts, Resource


class Mesh:
    """The decisions of one Istio control plane on rendered policies and inventory.

    Everything is worked out when it is asked for, and once.
    """

    def __init__(self, resources: Iterable[Resource], facts: MeshFacts) -> None:
        self.facts = facts
        catalog = Catalog(resources, facts)
        self._registry = Registry(catalog, facts)
        self.peer_policies = PeerPolicies(catalog, facts.root_namespace)
        self.rules = DestinationRules(catalog, facts)
        # Objects of another revision, or in namespaces that the control plane does not discover.
        self.hidden: tuple[Hidden, ...] = tuple(catalog.hidden)
        self.namespaces = catalog.namespaces
        self._undecided = undecided = Undecided(catalog, facts)
        # Which packets NetworkPolicies let through.
        self.packets = PacketFilter(catalog, facts, undecided, self._registry.workloads)
        self.authorization = Authorization(catalog, facts)
        self.virtual_services = virtual_services(catalog, facts.cluster_domain)
        self._scopes = SidecarScopes(catalog, facts.root_namespace, self.virtual_services)
        gateways = Gateways(catalog, self._registry)
        self._routing = Routing(self.virtual_services, self._registry, gateways)
        self._receivers = Receivers(
            self._registry,
            self.peer_policies,
            self._scopes,
            self._routing,
            undecided=undecided,
            packets=self.packets,
            facts=facts,
        )
        self.filters = CallFilter(self.packets)
        self.admissions = Admissions(self.authorization, self._receivers)
        self.clients = MeshClients(
            self._registry.workloads,
            self.rules,
            self._scopes,
            self._routing.labels(),
            undecided.client,
            restriction=undecided.client_restriction,
            packets=self.packets,
            by_account=not self.authorization.is_empty,
        )
        self.filters.file(self.clients)
        self.admissions.file(self.clients)
        services = ServiceLookup(
            self._registry,
            self.rules,
            self._receivers,
            self.clients,
            self._routing,
            filters=self.filters,
            admissions=self.admissions,
            waypoints=Waypoints(catalog, facts, accounts_of_gateways(self._registry.workloads)),
        )
        self._callers = Callers(services)
        # Where requests go, asked by the host that their client means.
        self.requests = Requests(services)
        self._by_name: dict[tuple[str, str], list[Workload]] = {}
        for workload in self._registry.workloads:
            self._by_name.setdefault((workload.namespace, workload.name), []).append(workload)

    @property
    def workloads(self) -> list[Workload]:
        """Every workload, sorted by namespace, name and kind; WorkloadEntries last."""
        return self._registry.workloads

    @property
    def services(self) -> list[Service]:
        """Every service: Kubernetes Services and each host of each ServiceEntry."""
        return self._registry.services

    def workload(self, namespace: str, name: str, kind: str = "") -> Workload:
        """The workload of this name. Raises LookupError where there is none."""
        for workload in self._by_name.get((namespace, name), ()):
            if not kind or workload.kind == kind:
                return workload
        raise LookupError(f"no workload {namespace}/{name}")

    def selected(self, namespace: str, selector: dict[str, str]) -> list[Workload]:
        """The workloads of a namespace that a label selector selects."""
        index = self._registry.index.get(namespace)
        return index.select(selector) if index is not None else []

    def service(self, name: str, namespace: str) -> Service:
        """The service that a client in the namespace means by a host or short name.

        Raises LookupError where there is none, or where it is not visible there.
        """
        for host in self._names(name, namespace):
            service = self._registry.service_for(host, namespace)
            if service is not None:
                return service
        raise LookupError(f"no service {name} for clients in namespace {namespace}")

    def services_of(self, host: str) -> Sequence[Service]:
        """The services of exactly this host: several where ServiceEntries share it."""
        return self._registry.by_host.get(self._registry.aliases.get(host, host), ())

    def called(self, client: Workload, name: str, port: int = 0) -> Service:
        """The service that a client reaches by a name: exportTo only binds proxies.

        Raises LookupError where nothing has the name.
        """
        if client.is_proxied and port not in client.uncaptured_outbound:
            try:
                return self.service(name, client.namespace)
            except LookupError:
                # DNS knows every Service, also those that exportTo hides from the proxy.
                if client.plane is not DataPlane.SIDECAR:
                    raise
        for host in self._names(name, client.namespace):
            for service in self._registry.by_host.get(host, ()):
                if service.kubernetes:
                    return service
        return self.service(name, client.namespace)

    def _names(self, name: str, namespace: str) -> Iterator[str]:
        """The hosts that a name may mean in a namespace, aliases resolved."""
        domain = self.facts.cluster_domain
        for host in (
            name,
            hosts.of_service(name, namespace, domain),
            f"{name}.svc.{domain}",
            f"{name}.{domain}",
        ):
            yield self._registry.aliases.get(host, host)

    @property
    def passes_on(self) -> bool:
        """Whether some proxy passes on, as it is, what goes to a host that it does not know."""
        return self._scopes.pass_on(self.facts)

    def knows(self, namespace: str) -> bool:
        """Whether the inventory has any workload or Service of a namespace."""
        return namespace in self._registry.index or namespace in self._registry.by_namespace

    @property
    def contradictions(self) -> tuple[Contradiction, ...]:
        """What MeshConfig, where the inventory has it, says otherwise than the declared facts."""
        return self._undecided.contradictions

    @functools.cached_property
    def unread(self) -> tuple[Unread, ...]:
        """The objects that the model does not read and calls depend on, with what they cover."""
        return (
            *self._undecided.unread(self._registry),
            *self._callers.services.by_ztunnel.unread(self._registry),
            *itertools.starmap(Unread, open_policies(self.authorization, self.workloads)),
        )

    def enrolment(self, service: Service) -> Enrolment | None:
        """The waypoint before a service for calls of ztunnel; None: there is none."""
        return self._callers.services.by_ztunnel.waypoints.of_service(service)

    def membership(self, service: Service) -> MeshMembership:
        """Whether the workloads behind a service are in the mesh, by the inventory."""
        return membership(service)

    def is_outside(self, service: Service) -> bool:
        """Whether a service is outside the mesh: declared so, or known to have no sidecar."""
        return is_outside(service, self.facts)

    def server_mode(self, namespace: str, workload: str, port: int | None) -> ServerMode:
        """What a workload enforces on a container port; None: on ports that no port table names.

        Raises LookupError where the inventory has no such workload.
        """
        return self.mode_at(self.workload(namespace, workload), port)

    def mode_at(self, workload: Workload, port: int | None) -> ServerMode:
        """What a workload enforces on a container port; None: on ports that no port table names."""
        return self._receivers.server_mode(workload, port)

    def authorization_at(self, workload: Workload, port: int | None) -> PortAuthorization:
        """What authorization policies decide for a port; None: nothing declares it."""
        return self.admissions.at_port(workload, port)

    def mode_without(self, workload: Workload, port: int | None, policy: Resource) -> ServerMode:
        """What a workload with a sidecar would enforce if a PeerAuthentication were not there."""
        return self._receivers.server_mode_without(workload, port, policy)

    def server_class(self, workload: Workload) -> ServerClass:
        """The class of a workload as a server: those that no PeerAuthentication tells apart."""
        return self._receivers.server_class(workload)

    def ports(self, workload: Workload) -> list[int]:
        """The ports of a workload that are declared, targeted by a Service or named by a policy."""
        return self._receivers.ports(workload)

    def targets(self, workload: Workload) -> list[tuple[Service, int, int]]:
        """The Services of a workload: each with a port of its own and the container's behind it."""
        return self._registry.targets(workload)

    def listening(self, workload: Workload) -> set[int]:
        """The same with the ports that Gateway resources open on a gateway."""
        return {*self.ports(workload), *(chain.port for chain in self.gateway_chains(workload))}

    def protocol_at(self, workload: Workload, port: int) -> str:
        """The protocol of a workload's inbound filter chain for a container port."""
        return self._receivers.protocol(workload, port)

    def receive(self, workload: Workload, port: int, transport: Transport) -> tuple[Outcome, str]:
        """What becomes of bytes that reach a workload's container port directly.

        The second value says why the outcome is unknown.
        """
        outcome, reason = self._receivers.receive(workload, port, transport)
        sent = Delivery(Endpoint.of(workload, port), transport, None, outcome, reason)
        sent = self.filters.judged(sent, self.packets.anybody, port)
        judged = self.admissions.judged(sent, None)
        if judged.admission is not None and judged.admission.allows is Allows.SOME:
            return Outcome.UNKNOWN, "policies let some requests in, and others not"
        return judged.outcome, judged.reason

    def met_by(self, workload: Workload, port: int, identity: str | None) -> Delivery:
        """What becomes of a call to a port of a workload, of whoever proves an identity.

        None: nothing is proven, of plaintext; a gateway that ends TLS itself gets TLS. Port 0: one
        that no file names. What policies say is in it also where it is not known how the bytes are
        taken.
        """
        transport = Transport.MTLS if identity else Transport.PLAINTEXT
        tunnel = identity is not None and workload.plane is DataPlane.AMBIENT
        outcome, reason = self._receivers.receive(workload, port, transport, tunnel=tunnel)
        mode = self._receivers.server_mode(workload, port).mode
        end = Endpoint.of(workload, port)
        sent = Delivery(end, transport, mode, outcome, reason, tunnel=tunnel)
        if workload.plane is DataPlane.GATEWAY and outcome is Outcome.REFUSED and not identity:
            sent = self._tls_to_gateway(workload, port, sent)
        if port:
            sent = self.filters.judged(sent, self.packets.anybody, port)
        if self._receivers.may_change(workload, port):
            return sent
        return self.admissions.judged_as(sent, identity)

    def met_by_waypoint(self, workload: Workload, port: int, identity: str) -> Iterator[Delivery]:
        """What becomes of calls to a port by way of waypoints, of whoever proves an identity there.

        Only ztunnel sends calls that way. None: no waypoint stands before the port's services.
        """
        for sent in self._callers.by_waypoint(workload, port):
            passed = self.filters.judged(sent, self.packets.anybody, port)
            yield self.admissions.judged(passed, identity)

    def waypoint_rules(self, workload: Workload, port: int) -> Iterator[RuleSet]:
        """The rules of the waypoints before the services of a port."""
        for sent in self._callers.by_waypoint(workload, port):
            if sent.passage is not None:
                yield from self.admissions.waypoint_rules(sent.passage).values()

    def _tls_to_gateway(self, workload: Workload, port: int, sent: Delivery) -> Delivery:
        """What a gateway takes under certificates of its own; else what is sent in plaintext."""
        for chain in self.gateway_chains(workload):
            if chain.port == port and chain.ends_tls:
                return sent._replace(
                    transport=Transport.TLS,
                    outcome=Outcome.UNKNOWN,
                    reason=f"Gateway {chain.server.name} ends TLS with certificates of its own",
                    on_wire=Outcome.MTLS_USER_TERMINATED,
                )
        return sent

    def passages(self) -> dict[tuple[str, int], Passage]:
        """The waypoints that judge calls of ztunnel, by host and port of the service."""
        return {
            (service.host, port.number): enrolment.passage._replace(
                port=port.number, protocol=port.protocol
            )
            for service in self.services
            if (enrolment := self._callers.services.by_ztunnel.waypoints.of_service(service))
            is not None
            and enrolment.passage is not None
            for port in service.ports
        }

    def is_closed(self, workload: Workload) -> bool:
        """Whether an ALLOW policy applies to a workload, so that what none allows is denied."""
        return self.admissions.is_closed(workload)

    def admitted(self, client: Workload, sent: Delivery) -> Delivery:
        """What a client sends to an endpoint, with what the policies here let in of it."""
        passed = self.filters.judged(sent, client, 0)
        return self.admissions.judged(passed, client)

    def take(self, host: str, port: int, endpoint: Endpoint, sent: Delivery) -> Delivery:
        """What becomes of the bytes of `sent`, worked out in another state of this mesh.

        Raises LookupError where the endpoint is not one of this service port.
        """
        return self._callers.take(host, port, endpoint, sent)

    def client_policy(
        self, client: Workload, host: str, port: int, subset: str | None = None
    ) -> ClientPolicy:
        """What a client sends to a service port, and to a subset of it.

        Raises LookupError for a host that the client cannot mean, or a port it has not.
        """
        return self._callers.policy(client, self.called(client, host, port), port, subset)

    def rewriting(self, service: Service) -> Resource | None:
        """A VirtualService by which requests arrive otherwise than they were sent; None: none does.

        A path or header that a client sends is then not the one that the server's policies see.
        """
        for policy in self._routing.about(service):
            if policy.covers(service.host) and any(route.rewrites for route in policy.http):
                return policy.resource
        return None

    def routes(self, client: Workload, host: str, port: int) -> frozenset[Destination]:
        """All destinations that a sidecar's requests for a service port may be routed to.

        What the sidecar answers by itself goes nowhere.

        Raises LookupError as `client_policy` does.
        """
        service = self.service(host, client.namespace)
        own = service.port(port)
        if own is None:
            raise LookupError(f"{service.host} has no port {port}")
        scopes = self.clients.scopes_of(client)
        caller = Caller(client.namespace, client.labels)
        return self._routing.routes(caller, scopes[0] if scopes else None, service, own)

    def routed_hosts(self, policy: VirtualServicePolicy) -> set[str]:
        """The hosts that a VirtualService is for: its own, and services its wildcards cover."""
        return {*policy.hosts, *self._routing.covered(policy)}

    def gateway_chains(self, workload: Workload) -> tuple[GatewayChain, ...]:
        """The filter chains that Gateway resources give a gateway workload."""
        return self._routing.chains(workload)

    def explain(
        self, client: Workload, host: str, port: int, subset: str | None = None
    ) -> Explanation:
        """One call step by step. Raises LookupError as `client_policy` does."""
        service = self.called(client, host, port)
        policy = self._callers.policy(client, service, port, subset)
        rules = self._callers.services.rules(service)
        choice = rules.choices(client.namespace, client.labels)[0]
        landings = tuple(
            Landing(
                delivery,
                self.mode_at(delivery.endpoint.workload, delivery.endpoint.port)
                if delivery.endpoint is not None and delivery.endpoint.workload is not None
                else None,
            )
            for delivery in policy.deliveries
        )
        is_ruled = policy.discovery is not None
        return Explanation(
            client,
            policy,
            steps(self.rules, rules, choice, client, service) if is_ruled else (),
            tls_source(policy.entry, port, subset),
            landings,
        )

    def explain_detours(self, client: Workload, host: str, port: int) -> list[Explanation]:
        """What becomes of a sidecar's calls that routes lead to no cluster, each way once.

        Where routes lead to nothing at all, the proxy answers by itself: then there is one without
        deliveries. Raises LookupError as `client_policy` does.
        """
        service = self.service(host, client.namespace)
        own = service.port(port)
        if own is None:
            raise LookupError(f"{service.host} has no port {port}")
        scopes = self.clients.scopes_of(client)
        scope = scopes[0] if scopes else None
        caller = Caller(client.namespace, client.labels)
        policies = [
            self._callers.led_away(client, service, own, destination)
            for destination in self._routing.lost(caller, scope, service, own)
        ]
        if not policies and not self._routing.routes(caller, scope, service, own):
            policies = [self._callers.answered(service, own)]
        return [
            Explanation(
                client,
                policy,
                (),
                None,
                tuple(Landing(delivery, None) for delivery in policy.deliveries),
            )
            for policy in policies
        ]

    def call_classes(self, services: Iterable[Service] | None = None) -> Iterator[CallClass]:
        """All calls in classes: of every service, or of these."""
        for service in self.services if services is None else services:
            for port in service.ports:
                yield from self._callers.calls.of(service, port)

    def request_classes(self, service: Service, port: ServicePort) -> Iterator[CallClass]:
        """The calls of a service port, and what else becomes of requests for it.

        That is what proxies answer by themselves, and copies for which they have no cluster.
        """
        yield from self._callers.calls.of(service, port)
        yield from self._callers.calls.beside(service, port)

    def importers(self, host: str) -> Iterator[ClientClass]:
        """The classes whose Sidecar resources limit them, and import some service of a host."""
        return self._callers.services.importers(host)

    def unseen(self, client: ClientClass, host: str, port: int) -> tuple[Delivery, ...]:
        """What clients get of a host that their proxies do not know; empty: they do know it.

        Proxies pass such calls through as they are, or block them (REGISTRY_ONLY).
        """
        return self._callers.unseen(client, host, port)

    def counts(self) -> Counter[Outcome]:
        """How many calls end how, over all clients, without listing them."""
        counted: Counter[Outcome] = Counter()
        for each in self.call_classes():
            counted.update(each.outcomes)
        return counted

    def calls(
        self,
        client: Workload | None = None,
        services: Iterable[Service] | None = None,
        port: int | None = None,
        *,
        only_broken: bool = False,
    ) -> Iterator[Call]:
        """The calls one by one: of one client or all, to some services or all, one port or all."""
        own = self.clients.class_of(client) if client is not None else None
        for each in self.call_classes(services):
            if port is not None and each.port.number != port:
                continue
            if only_broken and not each.broken:
                continue
            if client is not None and (own is None or not each.clients.has(own)):
                continue
            yield from each.calls([client] if client is not None else None, only_broken=only_broken)
