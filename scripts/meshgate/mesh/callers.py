"""Who calls a service port, in as few classes as the rules allow."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator

from meshgate.mesh.admissions import Admissions
from meshgate.mesh.call_filter import CallFilter
from meshgate.mesh.calls import CallClass, described
from meshgate.mesh.clients import ClientClass, ClientGroup, MeshClients, Profile
from meshgate.mesh.cluster import NO_CLUSTER, NO_PORT, PASSED_THROUGH, Delivery, PortClusters
from meshgate.mesh.destination_rules import DestinationRules
from meshgate.mesh.lookup import Choice, HostRules
from meshgate.mesh.order import ORDER
from meshgate.mesh.policy import ClientPolicy, deliveries, policy, without_rules
from meshgate.mesh.receivers import Receivers
from meshgate.mesh.registry import Registry
from meshgate.mesh.routing import Reached, Routing
from meshgate.mesh.scopes import Scope
from meshgate.mesh.services import Endpoint, Service, ServicePort
from meshgate.mesh.terms import DataPlane, Outcome
from meshgate.mesh.virtual_services import Caller, Destination, VirtualServicePolicy
from meshgate.mesh.waypoints import Waypoints
from meshgate.mesh.workloads import Workload
from meshgate.mesh.ztunnel_calls import ZtunnelCalls


class Callers:
    """The classes of calls of a mesh. Rules, clusters and classes are worked out once."""

    __slots__ = (
        "_clusters",
        "_importers",
        "_rules",
        "_rules_of",
        "admissions",
        "by_ztunnel",
        "clients",
        "filters",
        "receivers",
        "registry",
        "routing",
        "undecided",
    )

    def __init__(
        self,
        registry: Registry,
        rules: DestinationRules,
        receivers: Receivers,
        clients: MeshClients,
        routing: Routing,
        *,
        filters: CallFilter,
        admissions: Admissions,
        waypoints: Waypoints,
    ) -> None:
        self.filters = filters
        self.admissions = admissions
        self.registry = registry
        self.receivers = receivers
        self.clients = clients
        self.undecided = receivers.undecided
        self._rules = rules
        self.routing = routing
        self._rules_of: dict[int, HostRules] = {}
        self._clusters: dict[tuple[int, int], PortClusters] = {}
        self._importers: dict[int, list[ClientClass]] | None = None
        self.by_ztunnel = ZtunnelCalls(waypoints, receivers.undecided, routing, self.rules)

    def rules(self, service: Service) -> HostRules:
        """The rules that some client may find for a service."""
        found = self._rules_of.get(id(service))
        if found is None:
            found = self._rules_of[id(service)] = HostRules(self._rules, service)
        return found

    def clusters(self, service: Service, port: ServicePort) -> PortClusters:
        """The clusters of a service port."""
        key = id(service), port.number
        found = self._clusters.get(key)
        if found is None:
            found = PortClusters(
                self.receivers, service, port, auto=self.receivers.facts.enable_auto_mtls
            )
            self._clusters[key] = found
        return found

    def special(self, service: Service) -> set[str]:
        """The client namespaces that may get another answer than most."""
        return self.rules(service).special | self._told_apart(service.host)

    def _told_apart(self, host: str) -> set[str]:
        """The client namespaces that may get another service for a host, or none."""
        candidates = self.registry.by_host.get(host, ())
        found: set[str] = set()
        for each in candidates:
            if len(candidates) > 1 or not each.is_public:
                found |= {each.namespace, *each.export_to}
        return found

    def classes(self, service: Service, port: ServicePort) -> Iterator[CallClass]:
        """Every class of calls to a service port."""
        found = self._classes(service, port)
        if not self.filters.is_empty:
            found = itertools.chain.from_iterable(map(self.filters.split, found))
        if not self.admissions.is_empty:
            found = itertools.chain.from_iterable(map(self.admissions.split, found))
        return found

    def _classes(self, service: Service, port: ServicePort) -> Iterator[CallClass]:
        """The same before any policy for packets or of a server is asked."""
        clusters = self.clusters(service, port)
        for profile in self.clients.profiles:
            if profile.plane is DataPlane.SIDECAR and not profile.reason:
                yield from self._proxied(clusters, profile)
            elif service.kubernetes:
                group = profile.rest(())
                yield _calls(clusters, group, self._without_rules(clusters, profile))
        importing = list(self._limited(service))
        for each in importing:
            if port.number not in each.uncaptured:
                yield from self._one(clusters, each)
        bypassing = [each for each in self.clients.limited if port.number in each.uncaptured]
        if service.kubernetes:
            yield from self._not_importing(clusters, [*importing, *bypassing])
        if bypassing and service.kubernetes:
            found = clusters.direct(DataPlane.NONE)
            for group in _groups(DataPlane.SIDECAR, bypassing):
                yield _calls(clusters, group, found)
        for each in self.clients.gateways:
            yield from self._gateway(clusters, each)

    def policy(
        self, client: Workload, service: Service, number: int, subset: str | None
    ) -> ClientPolicy:
        """What one client sends to a service port. Raises LookupError for an unknown port."""
        port = service.port(number)
        if port is None:
            raise LookupError(f"{service.host} has no port {number}")
        clusters = self.clusters(service, port)
        found = self._policy(client, clusters, subset)
        cover = self.undecided.client_cover(client)
        found = _restricted(clusters, found, cover.reason if cover is not None else "")
        return self._admitted(found, client)

    def _admitted(self, found: ClientPolicy, client: Workload) -> ClientPolicy:
        """The answer for a client, with the packets that pass and what the servers let in."""
        if self.filters.is_empty and self.admissions.is_empty:
            return found
        return dataclasses.replace(
            found,
            deliveries=self.judged(found.deliveries, client, found.port),
            alternatives=tuple(self._admitted(each, client) for each in found.alternatives),
        )

    def judged(
        self, sent: tuple[Delivery, ...], client: Workload, port: ServicePort
    ) -> tuple[Delivery, ...]:
        """What a client sends, with the packets that pass and what the servers let in."""
        passed = self.filters.filtered(sent, client, port.number)
        return self.admissions.admitted(passed, client, port)

    def _policy(self, client: Workload, clusters: PortClusters, subset: str | None) -> ClientPolicy:
        """What a client sends, whoever may refuse it."""
        service, number = clusters.service, clusters.port.number
        if not client.is_proxied:
            reason = client.plane_reason
            found = clusters.unknown(reason) if reason else self._direct(clusters, client.plane)
            return without_rules(clusters, found, reason)
        if number in client.uncaptured_outbound:
            reason = "the client's proxy does not capture calls to this port"
            return without_rules(clusters, clusters.direct(DataPlane.NONE), reason)
        if self._is_hidden(service, client.namespace):
            return self._not_exported(clusters, client)
        return self._of_sidecar(clusters, client, subset)

    def _of_sidecar(
        self, clusters: PortClusters, client: Workload, subset: str | None
    ) -> ClientPolicy:
        """What the proxy of a client, which knows the service or is kept from it, sends."""
        service, number = clusters.service, clusters.port.number
        choices = self.rules(service).choices(client.namespace, client.labels)
        own = policy(clusters, choices, subset, client.plane)
        reason = self.undecided.client(client) or self.host_doubt(service, client.plane)
        if reason:
            return dataclasses.replace(
                own, deliveries=clusters.unknown(reason), decided=False, reason=reason
            )
        scopes = self.clients.scopes_of(client)
        seen = {number in scope.ports(service) for scope in scopes}
        if len(seen) > 1:
            return without_rules(clusters, clusters.unknown(ORDER), ORDER)
        if seen == {False}:
            return self._not_imported(clusters, scopes[0])
        return own

    def _not_exported(self, clusters: PortClusters, client: Workload) -> ClientPolicy:
        """A Service whose exportTo leaves the client's namespace out."""
        why = f"{clusters.service.resource} is not exported to namespace {client.namespace}"
        scopes = self.clients.scopes_of(client)
        outbound = scopes[0].outbound if scopes else ""
        return without_rules(clusters, self._unknown_host(clusters, outbound), why)

    def _not_importing(
        self, clusters: PortClusters, others: Iterable[ClientClass]
    ) -> Iterator[CallClass]:
        """The clients whose Sidecar resources hide a service from them; `others` are not."""
        for profile in self.clients.limited_profiles:
            without = {id(each): each for each in others if each.profile is profile}
            rest = profile.rest(without.values())
            if rest.count:
                outbound = profile.classes[0].scopes[0].outbound
                found = self._unknown_host(clusters, outbound)
                if profile.reason:
                    found = clusters.unknown(profile.reason)
                yield _calls(clusters, rest, found, hidden=True)

    def _unknown_host(self, clusters: PortClusters, outbound: str) -> tuple[Delivery, ...]:
        """What becomes of calls to a Service that a proxy does not know: passed on, or blocked."""
        if (outbound or self.receivers.facts.outbound_traffic_policy) == "REGISTRY_ONLY":
            return (NO_CLUSTER,)
        return clusters.direct(DataPlane.NONE)

    def _not_imported(self, clusters: PortClusters, scope: Scope) -> ClientPolicy:
        """A service that the client's Sidecar resource leaves out: passed through, or blocked."""
        why = f"Sidecar {scope.policy.namespace}/{scope.policy.name} does not import the service"
        return without_rules(clusters, self._unknown_host(clusters, scope.outbound), why)

    def unseen(self, client: ClientClass, host: str, number: int) -> tuple[Delivery, ...]:
        """What clients get of a host that their proxies do not know; empty: they do know it.

        Proxies pass such calls through as they are, or block them (REGISTRY_ONLY).
        """
        if client.plane is not DataPlane.SIDECAR or client.reason or number in client.uncaptured:
            return ()
        candidates = self.registry.by_host.get(host, ())
        own = self.registry.service_for(host, client.namespace)
        if own is not None and own.kubernetes and own.port(number) is None:
            return (NO_PORT,)
        if own is not None and (
            not client.scopes or any(number in scope.ports(own) for scope in client.scopes)
        ):
            return ()
        outbound = client.scopes[0].outbound if client.scopes else ""
        if (outbound or self.receivers.facts.outbound_traffic_policy) == "REGISTRY_ONLY":
            return (NO_CLUSTER,)
        return self._passed_on(client, candidates, number)

    def _passed_on(
        self, client: ClientClass, services: Iterable[Service], number: int
    ) -> tuple[Delivery, ...]:
        """What becomes of calls that a proxy passes on as they are, to one of these services."""
        for each in services:
            port = each.port(number)
            if each.kubernetes and port is not None:
                clusters = self.clusters(each, port)
                sent = clusters.direct(DataPlane.NONE)
                sent = clusters.restricted(sent, client.restricted_by)
                return self.judged(sent, client.members[0], port)
        if self.undecided.mesh:
            return (PASSED_THROUGH.unknown(self.undecided.mesh),)
        passed_on = PASSED_THROUGH.restricted(client.restricted_by)
        return (self.filters.judged(passed_on, client.members[0], number),)

    def _proxied(self, clusters: PortClusters, profile: Profile) -> Iterator[CallClass]:
        service, number = clusters.service, clusters.port.number
        about = self.routing.about(service)
        bypassing = profile.uncaptured.get(number, ())
        apart = {id(each): each for each in self._apart(service, about, profile)}
        captured = [each for each in apart.values() if number not in each.uncaptured]
        seeing = [each for each in captured if self._gets(service, each.namespace)]
        yield from self._told_apart_classes(clusters, profile, seeing, about)
        hidden = [each for each in captured if self._is_hidden(service, each.namespace)]
        if hidden:
            yield self._passing(clusters, _group(profile.plane, hidden))
        if bypassing and service.kubernetes:
            yield _calls(
                clusters, _group(profile.plane, bypassing), clusters.direct(DataPlane.NONE)
            )
        for each in bypassing:
            apart[id(each)] = each
        rest = profile.rest(apart.values())
        if rest.count and self._gets(service, ""):
            caller = Caller("", {})
            reached = self._reached(caller, None, service, about)
            yield from self._routed(clusters, rest, self.rules(service).generic(), reached)
            for destination in self._lost(clusters, caller, None, about):
                yield self._led_away(clusters, rest, destination)
        elif rest.count and self._is_hidden(service, ""):
            yield self._passing(clusters, rest)

    def _told_apart_classes(
        self,
        clusters: PortClusters,
        profile: Profile,
        classes: Iterable[ClientClass],
        about: list[VirtualServicePolicy],
    ) -> Iterator[CallClass]:
        """The calls of classes that may differ from the rest; those with one answer together."""
        service = clusters.service
        groups: dict[object, tuple[tuple[Choice, ...], Reached | None, list[ClientClass]]] = {}
        lost: dict[Destination, list[ClientClass]] = {}
        for each in classes:
            caller = Caller(each.namespace, each.labels)
            choices = self.rules(service).choices(each.namespace, each.labels)
            reached = self._reached(caller, None, service, about)
            key = reached, tuple((choice.place, id(choice.entry)) for choice in choices)
            groups.setdefault(key, (choices, reached, []))[2].append(each)
            for destination in self._lost(clusters, caller, None, about):
                lost.setdefault(destination, []).append(each)
        for choices, reached, members in groups.values():
            yield from self._routed(clusters, _group(profile.plane, members), choices, reached)
        for destination, members in lost.items():
            yield self._led_away(clusters, _group(profile.plane, members), destination)

    def _passing(self, clusters: PortClusters, group: ClientGroup) -> CallClass:
        """Calls of clients whose proxies do not know the Service, since it is not exported."""
        return _calls(clusters, group, self._unknown_host(clusters, ""), hidden=True)

    def _apart(
        self, service: Service, about: list[VirtualServicePolicy], profile: Profile
    ) -> Iterator[ClientClass]:
        """The classes that some rule, route or exportTo may tell from the rest."""
        namespaces = self.special(service)
        for each in about:
            namespaces |= each.export_to
            for host in self.routing.covered(each):
                namespaces |= self._told_apart(host)
            for route in each.routes:
                for match in route.matches:
                    namespaces.add(match.namespace)
                    if match.labels:
                        yield from self.clients.sources(match.labels, profile)
        # Sorted: sets of text have another order in every run.
        yield from profile.in_namespaces(sorted(namespaces))

    def _one(self, clusters: PortClusters, each: ClientClass) -> Iterator[CallClass]:
        """A class that sees only what its Sidecar resource imports."""
        service, number = clusters.service, clusters.port.number
        seen = {number in scope.ports(service) for scope in each.scopes}
        group = _group(each.plane, [each])
        if each.reason or len(seen) > 1:
            yield _calls(clusters, group, clusters.unknown(each.reason or ORDER))
        elif True in seen:
            choices = self.rules(service).choices(each.namespace, each.labels)
            caller = Caller(each.namespace, each.labels)
            about = self.routing.about(service)
            reached = self._reached(caller, each.scopes[0], service, about)
            yield from self._routed(clusters, group, choices, reached)
            for destination in self._lost(clusters, caller, each.scopes[0], about):
                yield self._led_away(clusters, group, destination)

    def _gateway(self, clusters: PortClusters, each: ClientClass) -> Iterator[CallClass]:
        """A gateway, which calls only what its routes name."""
        service = clusters.service
        if not self._gets(service, each.namespace):
            return
        choices = self.rules(service).choices(each.namespace, each.labels)
        reached = self.routing.reached_by_gateway(each.members[0], service)
        group = _group(each.plane, [each])
        if each.reason and any(port == clusters.port.number for port, _ in reached):
            yield _calls(clusters, group, clusters.unknown(each.reason))
        else:
            yield from self._routed(clusters, group, choices, reached)

    def _reached(
        self,
        caller: Caller,
        scope: Scope | None,
        service: Service,
        about: list[VirtualServicePolicy],
    ) -> Reached | None:
        """What requests reach of a service; None: every port, and no subset."""
        return self.routing.reached(caller, scope, service, about) if about else None

    def _lost(
        self,
        clusters: PortClusters,
        caller: Caller,
        scope: Scope | None,
        about: list[VirtualServicePolicy],
    ) -> Iterable[Destination]:
        """Where requests for a service port are led though the proxy has no such cluster."""
        if not about:
            return ()
        return self.routing.lost(caller, scope, clusters.service, clusters.port)

    def _led_away(
        self, clusters: PortClusters, group: ClientGroup, destination: Destination
    ) -> CallClass:
        """Calls that a route leads to what is no service, or not one with that port."""
        found: tuple[Delivery, ...] = (NO_CLUSTER,)
        if reason := self.routing.unlisted(destination.host):
            found = (NO_CLUSTER._replace(outcome=Outcome.UNKNOWN, reason=reason),)
        return _calls(clusters, group, found, led_to=destination)

    def led_away(
        self, client: Workload, service: Service, port: ServicePort, destination: Destination
    ) -> ClientPolicy:
        """What becomes of one client's calls that a route leads to no cluster."""
        clusters = self.clusters(service, port)
        group = ClientGroup(client.plane, ())
        lost = self._led_away(clusters, group, destination)
        policy = self.routing.leading(service, destination)
        who = str(policy.resource) if policy is not None else "a VirtualService"
        why = f"{who} leads calls to {described(destination)}, which no service at hand has"
        return without_rules(clusters, lost.deliveries, why)

    def answered(self, service: Service, port: ServicePort) -> ClientPolicy:
        """Calls that a redirect or a direct response answers, so that nobody gets them."""
        routing = [each for each in self.routing.about(service) if each.covers(service.host)]
        who = ", ".join(str(each.resource) for each in routing) or "a VirtualService"
        why = f"{who} answers by a redirect or a direct response, or routes nothing of this port"
        return without_rules(self.clusters(service, port), (), why)

    def _is_hidden(self, service: Service, namespace: str) -> bool:
        """Whether clients of a namespace get no service for the host of this Service."""
        return service.kubernetes and self.registry.service_for(service.host, namespace) is None

    def _routed(
        self,
        clusters: PortClusters,
        group: ClientGroup,
        choices: tuple[Choice, ...],
        reached: Reached | None,
    ) -> Iterator[CallClass]:
        reason = self.host_doubt(clusters.service, group.plane)
        subsets: list[str | None] = [None]
        if reached is not None:
            number = clusters.port.number
            subsets = sorted(
                (subset for port, subset in reached if port == number),
                key=lambda subset: subset or "",
            )
        for subset in subsets:
            found = (
                clusters.unknown(reason)
                if reason
                else deliveries(clusters, choices, subset, group.plane)
            )
            yield _calls(clusters, group, found, subset, choices)

    def _without_rules(self, clusters: PortClusters, profile: Profile) -> tuple[Delivery, ...]:
        if profile.reason:
            return clusters.unknown(profile.reason)
        return self._direct(clusters, profile.plane)

    def host_doubt(self, service: Service, plane: DataPlane) -> str:
        """Why it is not known what proxies' calls to a service come to; empty: it is."""
        reason = self.undecided.hosts.get(service.host, "")
        if not reason and plane is DataPlane.GATEWAY:
            return self.by_ztunnel.waypoints.for_gateways(service)
        return reason

    def _direct(self, clusters: PortClusters, plane: DataPlane) -> tuple[Delivery, ...]:
        """What clients get that have no proxy of their own: none at all, or ztunnel."""
        if plane is not DataPlane.AMBIENT:
            return clusters.direct(plane)
        return self.by_ztunnel.sent(clusters)

    def _gets(self, service: Service, namespace: str) -> bool:
        """Whether clients of a namespace get this service for its host."""
        return self.registry.service_for(service.host, namespace) is service

    def take(self, host: str, number: int, endpoint: Endpoint, sent: Delivery) -> Delivery:
        """What becomes of bytes that were worked out in another state of this mesh.

        Raises LookupError where the endpoint is not one of this service port.
        """
        for service in self.registry.by_host.get(host, ()):
            port = service.port(number)
            if port is not None:
                clusters = self.clusters(service, port)
                if any(each is endpoint for each, _ in clusters.endpoints):
                    return clusters.take(sent, endpoint)
        raise LookupError(f"{host}:{number} has no such endpoint")

    def importers(self, host: str) -> Iterator[ClientClass]:
        """The classes whose Sidecar resources import some service of a host."""
        for service in self.registry.by_host.get(host, ()):
            yield from self._limited(service)

    def _limited(self, service: Service) -> Iterable[ClientClass]:
        if self._importers is None:
            self._importers = {}
            for each in self.clients.limited:
                imported = {
                    id(found): found
                    for scope in each.scopes
                    for found in self.registry.imported(scope)
                }
                for found in imported.values():
                    self._importers.setdefault(id(found), []).append(each)
        return self._importers.get(id(service), ())


def _restricted(clusters: PortClusters, policy: ClientPolicy, by_client: str) -> ClientPolicy:
    """The answer for a client, with what may refuse its calls at either end."""
    told = clusters.restricted(policy.deliveries, by_client)
    if told is policy.deliveries:
        return policy
    return dataclasses.replace(
        policy,
        deliveries=told,
        alternatives=tuple(_restricted(clusters, each, by_client) for each in policy.alternatives),
    )


def _group(plane: DataPlane, classes: Iterable[ClientClass]) -> ClientGroup:
    return ClientGroup(plane, list(classes))


def _groups(plane: DataPlane, classes: Iterable[ClientClass]) -> Iterator[ClientGroup]:
    """One group for each thing that may refuse or drop the calls of its clients."""
    found: dict[object, list[ClientClass]] = {}
    for each in classes:
        found.setdefault((each.restricted_by, each.sending), []).append(each)
    for members in found.values():
        yield _group(plane, members)


def _calls(
    clusters: PortClusters,
    group: ClientGroup,
    sent: tuple[Delivery, ...],
    subset: str | None = None,
    choices: tuple[Choice, ...] = (),
    *,
    hidden: bool = False,
    led_to: Destination | None = None,
) -> CallClass:
    """The calls of clients, with what may refuse them at either end."""
    told = clusters.restricted(sent, group.restricted_by)
    return CallClass(group, clusters, subset, told, choices, led_to, hidden)
