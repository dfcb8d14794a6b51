"""Who calls a service port, in as few classes as the rules allow."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from msgspec import structs

from meshgate.mesh.calls import CallClass
from meshgate.mesh.client_groups import ClientClass, ClientGroup, Profile
from meshgate.mesh.cluster import PortClusters
from meshgate.mesh.delivery import BY_PROXY, NO_CLUSTER, Delivery
from meshgate.mesh.lookup import Choice
from meshgate.mesh.order import ORDER
from meshgate.mesh.policy import deliveries
from meshgate.mesh.routing import Reached
from meshgate.mesh.scopes import Scope
from meshgate.mesh.service_lookup import ServiceLookup
from meshgate.mesh.services import Service, ServicePort
from meshgate.mesh.terms import DataPlane, Outcome
from meshgate.mesh.virtual_services import Caller, Destination, VirtualServicePolicy

# Classes of calls that are remembered: a thousand take a megabyte, and a mesh of 100,000 workloads
# with policies has 350,000. Each rule about calls asks for all of them.
MOST_KNOWN = 1_000_000


class CallClasses:
    """The classes of calls to the service ports of a mesh.

    Rules and answers ask for them several times over, so they are remembered.
    """

    __slots__ = ("_count", "_known", "services")

    def __init__(self, services: ServiceLookup) -> None:
        self.services = services
        self._known: dict[tuple[int, int], list[CallClass]] = {}
        self._count = 0

    def of(self, service: Service, port: ServicePort) -> Iterator[CallClass]:
        """Every class of calls to a service port."""
        key = id(service), port.number
        classes = self._known.get(key)
        if classes is None:
            classes = self._known[key] = list(self._judged(service, port))
            self._count += len(classes)
            if self._count > MOST_KNOWN:
                self._known.clear()
                self._count = 0
        return iter(classes)

    def beside(self, service: Service, port: ServicePort) -> Iterator[CallClass]:
        """What becomes of a proxy's requests for a service port that no service gets.

        Those are requests that a sidecar answers (a redirect, a direct response), and copies for
        which it, or a gateway, has no cluster. No service is called by them, so no rule asks.
        """
        routing = self.services.routing
        about = routing.about(service)
        clusters = self.services.clusters(service, port)
        found: dict[tuple[DataPlane, str, Destination | None], list[ClientClass]] = {}
        for caller, scope, group in self._callers(service, port, about) if about else ():
            ends: list[Destination | None] = [
                *routing.lost_copies(caller, scope, service, port),
                *([None] if routing.is_answered(caller, scope, service, port) else ()),
            ]
            for end in ends:
                key = group.plane, group.restricted_by, end
                found.setdefault(key, []).extend(group.classes)
        for each in self.services.clients.gateways:
            if not each.reason:
                for end in routing.lost_copies_of_gateway(each.members[0], service, port):
                    found.setdefault((each.plane, each.restricted_by, end), []).append(each)
        for (plane, _, end), classes in found.items():
            if end is None:
                yield _calls(clusters, _group(plane, classes), (BY_PROXY,))
            else:
                lost = self.led_away(clusters, _group(plane, classes), end)
                yield structs.replace(lost, is_copy=True)

    def _callers(
        self, service: Service, port: ServicePort, about: list[VirtualServicePolicy]
    ) -> Iterator[tuple[Caller, Scope | None, ClientGroup]]:
        """The sidecars that get a service, by what decides on their routes."""
        number = port.number
        for profile in self.services.clients.profiles:
            if profile.plane is not DataPlane.SIDECAR or profile.reason:
                continue
            apart = {id(each): each for each in self._apart(service, about, profile)}
            for each in apart.values():
                if number not in each.uncaptured and self.services.gets(service, each.namespace):
                    caller = Caller(each.namespace, each.labels)
                    yield caller, None, _group(profile.plane, [each])
            for each in profile.uncaptured.get(number, ()):
                apart[id(each)] = each
            rest = profile.rest(apart.values())
            if rest.count and self.services.gets(service, ""):
                yield Caller("", {}), None, rest
        for each in self.services.limited(service):
            if number not in each.uncaptured and number in each.scopes[0].ports(service):
                caller = Caller(each.namespace, each.labels)
                yield caller, each.scopes[0], _group(each.plane, [each])

    def _judged(self, service: Service, port: ServicePort) -> Iterator[CallClass]:
        """The same with the packets that pass and what the servers let in."""
        classes = self._classes(service, port)
        if not self.services.filters.is_empty:
            classes = itertools.chain.from_iterable(map(self.services.filters.split, classes))
        if not self.services.admissions.is_empty:
            classes = itertools.chain.from_iterable(map(self.services.admissions.split, classes))
        return classes

    def _classes(self, service: Service, port: ServicePort) -> Iterator[CallClass]:
        """The same before any policy for packets or of a server is asked."""
        clusters = self.services.clusters(service, port)
        for profile in self.services.clients.profiles:
            if profile.plane is DataPlane.SIDECAR and not profile.reason:
                yield from self._proxied(clusters, profile)
            elif service.kubernetes:
                group = profile.rest(())
                yield _calls(clusters, group, self._without_rules(clusters, profile))
        importing = list(self.services.limited(service))
        for each in importing:
            if port.number not in each.uncaptured:
                yield from self._one(clusters, each)
        bypassing = [
            each for each in self.services.clients.limited if port.number in each.uncaptured
        ]
        if service.kubernetes:
            yield from self._not_importing(clusters, [*importing, *bypassing])
        if bypassing and service.kubernetes:
            sent = clusters.direct(DataPlane.NONE)
            for group in _groups(DataPlane.SIDECAR, bypassing):
                yield _calls(clusters, group, sent)
        for each in self.services.clients.gateways:
            yield from self._gateway(clusters, each)

    def _not_importing(
        self, clusters: PortClusters, others: Iterable[ClientClass]
    ) -> Iterator[CallClass]:
        """The clients whose Sidecar resources hide a service from them; `others` are not."""
        for profile in self.services.clients.limited_profiles:
            without = {id(each): each for each in others if each.profile is profile}
            rest = profile.rest(without.values())
            if rest.count:
                sent = self.services.unknown_host(clusters, profile.classes[0].outbound)
                if profile.reason:
                    sent = clusters.unknown(profile.reason)
                yield _calls(clusters, rest, sent, hidden=True)

    def _proxied(self, clusters: PortClusters, profile: Profile) -> Iterator[CallClass]:
        service, number = clusters.service, clusters.port.number
        about = self.services.routing.about(service)
        bypassing = profile.uncaptured.get(number, ())
        apart = {id(each): each for each in self._apart(service, about, profile)}
        captured = [each for each in apart.values() if number not in each.uncaptured]
        seeing = [each for each in captured if self.services.gets(service, each.namespace)]
        yield from self._distinguished_classes(clusters, profile, seeing, about)
        hidden = [each for each in captured if self.services.is_hidden(service, each.namespace)]
        if hidden:
            yield self._passing(clusters, _group(profile.plane, hidden))
        if bypassing and service.kubernetes:
            yield _calls(
                clusters, _group(profile.plane, bypassing), clusters.direct(DataPlane.NONE)
            )
        for each in bypassing:
            apart[id(each)] = each
        rest = profile.rest(apart.values())
        if rest.count and self.services.gets(service, ""):
            caller = Caller("", {})
            reached = self._reached(caller, None, service, about)
            doubt = self.services.host_doubt(service, rest.plane, caller)
            generic = self.services.rules(service).generic()
            yield from self._routed(clusters, rest, generic, reached, doubt)
            for destination in self._lost(clusters, caller, None, about):
                yield self.led_away(clusters, rest, destination)
        elif rest.count and self.services.is_hidden(service, ""):
            yield self._passing(clusters, rest)

    def _distinguished_classes(
        self,
        clusters: PortClusters,
        profile: Profile,
        classes: Iterable[ClientClass],
        about: list[VirtualServicePolicy],
    ) -> Iterator[CallClass]:
        """The calls of classes that may differ from the rest; those with one answer together."""
        service = clusters.service
        groups: dict[object, tuple[tuple[Choice, ...], Reached | None, str, list[ClientClass]]] = {}
        lost: dict[Destination, list[ClientClass]] = {}
        for each in classes:
            caller = Caller(each.namespace, each.labels)
            choices = self.services.rules(service).choices(each.namespace, each.labels)
            reached = self._reached(caller, None, service, about)
            doubt = self.services.host_doubt(service, profile.plane, caller)
            key = reached, doubt, tuple((choice.place, id(choice.entry)) for choice in choices)
            groups.setdefault(key, (choices, reached, doubt, []))[-1].append(each)
            for destination in self._lost(clusters, caller, None, about):
                lost.setdefault(destination, []).append(each)
        for choices, reached, doubt, members in groups.values():
            group = _group(profile.plane, members)
            yield from self._routed(clusters, group, choices, reached, doubt)
        for destination, members in lost.items():
            yield self.led_away(clusters, _group(profile.plane, members), destination)

    def _passing(self, clusters: PortClusters, group: ClientGroup) -> CallClass:
        """Calls of clients whose proxies do not know the Service, since it is not exported."""
        return _calls(clusters, group, self.services.unknown_host(clusters, ""), hidden=True)

    def _apart(
        self, service: Service, about: list[VirtualServicePolicy], profile: Profile
    ) -> Iterator[ClientClass]:
        """The classes that some rule, route or exportTo may tell from the rest."""
        namespaces = self.services.special(service)
        for each in about:
            namespaces |= each.export_to
            # Where a route leads decides too: a namespace may get another service there, or none.
            routing = self.services.routing
            for host in itertools.chain(routing.named(each), routing.covered(each)):
                namespaces |= self.services.distinguished(host)
            for route in each.routes:
                for match in route.matches:
                    namespaces.add(match.namespace)
                    if match.labels:
                        yield from self.services.clients.sources(match.labels, profile)
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
            choices = self.services.rules(service).choices(each.namespace, each.labels)
            caller = Caller(each.namespace, each.labels)
            about = self.services.routing.about(service)
            reached = self._reached(caller, each.scopes[0], service, about)
            doubt = self.services.host_doubt(service, each.plane, caller)
            yield from self._routed(clusters, group, choices, reached, doubt)
            for destination in self._lost(clusters, caller, each.scopes[0], about):
                yield self.led_away(clusters, group, destination)

    def _gateway(self, clusters: PortClusters, each: ClientClass) -> Iterator[CallClass]:
        """A gateway, which calls only what its routes name."""
        service = clusters.service
        if not self.services.gets(service, each.namespace):
            return
        choices = self.services.rules(service).choices(each.namespace, each.labels)
        reached = self.services.routing.reached_by_gateway(each.members[0], service)
        group = _group(each.plane, [each])
        if each.reason and any(port == clusters.port.number for port, _ in reached):
            yield _calls(clusters, group, clusters.unknown(each.reason))
        else:
            caller = Caller(each.namespace, each.labels)
            doubt = self.services.host_doubt(service, each.plane, caller)
            yield from self._routed(clusters, group, choices, reached, doubt)

    def _reached(
        self,
        caller: Caller,
        scope: Scope | None,
        service: Service,
        about: list[VirtualServicePolicy],
    ) -> Reached | None:
        """What requests reach of a service; None: every port, and no subset."""
        return self.services.routing.reached(caller, scope, service, about) if about else None

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
        return self.services.routing.lost(caller, scope, clusters.service, clusters.port)

    def led_away(
        self, clusters: PortClusters, group: ClientGroup, destination: Destination
    ) -> CallClass:
        """Calls that a route leads to what is no service, or not one with that port."""
        sent: tuple[Delivery, ...] = (NO_CLUSTER,)
        if reason := self.services.routing.unlisted(destination.host):
            sent = (NO_CLUSTER._replace(outcome=Outcome.UNKNOWN, reason=reason),)
        return _calls(clusters, group, sent, led_to=destination)

    def _routed(
        self,
        clusters: PortClusters,
        group: ClientGroup,
        choices: tuple[Choice, ...],
        reached: Reached | None,
        reason: str,
    ) -> Iterator[CallClass]:
        """The calls by subset; `reason`: why it is not known what becomes of them, if it is not."""
        subsets: list[str | None] = [None]
        if reached is not None:
            number = clusters.port.number
            subsets = sorted(
                (subset for port, subset in reached if port == number),
                key=lambda subset: subset or "",
            )
        for subset in subsets:
            sent = (
                clusters.unknown(reason)
                if reason
                else deliveries(clusters, choices, subset, group.plane)
            )
            yield _calls(clusters, group, sent, subset, choices)

    def _without_rules(self, clusters: PortClusters, profile: Profile) -> tuple[Delivery, ...]:
        if profile.reason:
            return clusters.unknown(profile.reason)
        return self.services.direct(clusters, profile.plane)


def _group(plane: DataPlane, classes: Iterable[ClientClass]) -> ClientGroup:
    return ClientGroup(plane, list(classes))


def _groups(plane: DataPlane, classes: Iterable[ClientClass]) -> Iterator[ClientGroup]:
    """One group for each thing that may refuse or drop the calls of its clients."""
    groups: dict[object, list[ClientClass]] = {}
    for each in classes:
        groups.setdefault((each.restricted_by, each.sending), []).append(each)
    for members in groups.values():
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
    restricted = clusters.restricted(sent, group.restricted_by)
    return CallClass(group, clusters, subset, restricted, choices, led_to, hidden)
