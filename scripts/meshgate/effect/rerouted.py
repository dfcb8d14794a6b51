"""Requests that a route takes elsewhere, compared by the host that their client means."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from meshgate.effect.calls import SentCall, alike, place, service_of, state
from meshgate.effect.changes import CallChange, EndpointName
from meshgate.effect.clients import AllClients, Clients, CommonClass
from meshgate.effect.verdicts import Change, Judgement, call_verdict, judged, may_work
from meshgate.mesh import ClientClass, Mesh, Verdict
from meshgate.mesh.requests import Target
from meshgate.mesh.virtual_services import Destination, VirtualServicePolicy
from meshgate.model import Resource

# A destination, and whether its host is a service with that port.
Aim = tuple[Destination, bool]
HostPort = tuple[str, int]


class EndpointAnswer(Struct, frozen=True):
    """What becomes of requests at one endpoint of one destination."""

    destination: Destination
    end: EndpointName | None
    sent: SentCall

    @property
    def key(self) -> tuple[Destination, EndpointName | None]:
        """Equal on both sides for the same way to the same place."""
        return self.destination, self.end


class Rerouted:
    """The calls that routes take elsewhere between two meshes.

    `changes` name the host that the client means. `has` knows the destinations that calls
    are no longer, or newly, made to only since a route says so.
    """

    def __init__(self, before: Mesh, after: Mesh, clients: AllClients) -> None:
        self._before = before
        self._after = after
        self.changes: list[CallChange] = []
        # By common class of clients: the destinations that routes give or take away.
        self._moved: dict[int, set[Destination]] = {}
        routes = _Routes(before, after)
        groups: dict[
            object, tuple[list[CommonClass], HostPort, tuple[list[EndpointAnswer], ...]]
        ] = {}
        for common in clients.classes:
            if common.before is None or common.after is None:
                continue
            for host, port in routes.asked_by(common.before, common.after):
                then = self._aims(before, common.before, host, port)
                now = self._aims(after, common.after, host, port)
                if not then or not now or then == now:
                    continue
                moved = self._moved.setdefault(id(common), set())
                moved.update(destination for destination, _ in then ^ now)
                sides = (
                    _arrivals(before, common.before, then),
                    _arrivals(after, common.after, now),
                )
                key = host, port, *(tuple(map(_print, side)) for side in sides)
                groups.setdefault(key, ([], (host, port), sides))[0].append(common)
        for classes, (host, port), (was, will) in groups.values():
            count = sum(len(common.members) for common in classes)
            members = Clients(classes, count, classes[0])
            route = routes.deciding(host)
            self.changes += _changes(members, host, port, (was, will), route)

    def has(self, clients: Clients, host: str, port: int, sent: SentCall) -> bool:
        """Whether a route, and nothing else, begins or ends what these clients send there."""
        if sent.call is None or not self._moved:
            return False
        destination = sent.call.led_to or Destination(host, port, sent.call.subset)
        return all(destination in self._moved.get(id(each), ()) for each in clients.classes)

    def _aims(self, mesh: Mesh, client: ClientClass, host: str, port: int) -> frozenset[Aim]:
        return frozenset(
            (each, mesh.requests.target(client, each).call is not None)
            for each in mesh.requests.destinations(client, host, port)
        )


class _Routes:
    """The VirtualServices of both sides that may take requests elsewhere than before."""

    def __init__(self, before: Mesh, after: Mesh) -> None:
        ports: dict[str, set[int]] = {}
        for service in itertools.chain(before.services, after.services):
            ports.setdefault(service.host, set()).update(port.number for port in service.ports)
        self._gateways = before, after
        self._changed: dict[str, Resource] = {}
        self._all: dict[HostPort, None] = {}
        self._asked: dict[HostPort, None] = {}
        services = _services(before), _services(after)
        old, new = _by_name(before), _by_name(after)
        for name in dict.fromkeys((*new, *old)):
            sides = [
                (mesh, policies[name])
                for mesh, policies in ((after, new), (before, old))
                if name in policies
            ]
            hosts = {
                host: policy.resource
                for mesh, policy in reversed(sides)
                for host in mesh.routed_hosts(policy)
            }
            for host in hosts:
                asked = {(host, port): None for port in sorted(ports.get(host, {80}))}
                self._all |= asked
            if _differs([policy for _, policy in sides]) or _lost(sides, services):
                for host, resource in hosts.items():
                    self._changed.setdefault(host, resource)
                    self._asked |= {(host, port): None for port in sorted(ports.get(host, {80}))}

    def asked_by(self, before: ClientClass, after: ClientClass) -> Iterable[HostPort]:
        """The hosts and ports that these clients may find elsewhere."""
        if before.plane is not after.plane:
            return ()
        of_gateways = [
            mesh.requests.asked_of(client)
            for mesh, client in zip(self._gateways, (before, after), strict=True)
        ]
        if any(of_gateways):
            return sorted(set.union(*of_gateways))
        if _limits(before) != _limits(after):
            return self._all
        return self._asked

    def deciding(self, host: str) -> Resource | None:
        """The VirtualService that takes requests for a host elsewhere."""
        return self._changed.get(host)


def _limits(client: ClientClass) -> list[object]:
    return [scope.policy.spec for scope in client.scopes] if client.is_limited else []


def _services(mesh: Mesh) -> dict[str, frozenset[int]]:
    by_host: dict[str, frozenset[int]] = {}
    for service in mesh.services:
        numbers = frozenset(port.number for port in service.ports)
        by_host[service.host] = by_host.get(service.host, frozenset()) | numbers
    return by_host


def _by_name(mesh: Mesh) -> dict[tuple[str, str], VirtualServicePolicy]:
    return {(policy.namespace, policy.name): policy for policy in mesh.virtual_services}


def _differs(sides: list[VirtualServicePolicy]) -> bool:
    """Whether a VirtualService is on one side only, or routes otherwise, its delegates included."""
    first, *others = sides
    return not others or any(
        (first.hosts, first.gateways, first.export_to, first.routes)
        != (other.hosts, other.gateways, other.export_to, other.routes)
        for other in others
    )


def _lost(
    sides: list[tuple[Mesh, VirtualServicePolicy]],
    services: tuple[Mapping[str, frozenset[int]], ...],
) -> bool:
    """Whether a host that a route names is another service than before, or none any more."""
    before, after = services
    return any(
        before.get(each.host) != after.get(each.host)
        for _, policy in sides
        for route in policy.routes
        for each in route.named
    )


def _arrivals(mesh: Mesh, client: ClientClass, aims: Iterable[Aim]) -> list[EndpointAnswer]:
    answers: list[EndpointAnswer] = []
    for destination, _ in sorted(aims, key=lambda aim: (*aim[0][:2], aim[0].subset or "")):
        target: Target = mesh.requests.target(client, destination)
        for delivery in target.deliveries:
            sent = SentCall(target.call, delivery)
            answers.append(EndpointAnswer(destination, place(delivery.endpoint), sent))
    return answers


def _print(arrival: EndpointAnswer) -> object:
    return arrival.key, arrival.sent.delivery[1:5], arrival.sent.delivery.alternatives


def _changes(
    clients: Clients,
    host: str,
    port: int,
    sides: tuple[list[EndpointAnswer], ...],
    route: Resource | None,
) -> Iterator[CallChange]:
    for old, new in _pairs(*sides):
        judgement = _judged(host, old, new)
        if judgement is not None:
            yield CallChange(
                clients,
                host,
                port,
                state(old.sent),
                state(new.sent),
                judgement.change,
                counts=True,
                decided=judgement.decided,
                reason=judgement.reason,
                service=service_of(old.sent, new.sent),
                route=route,
            )


def _judged(host: str, old: EndpointAnswer, new: EndpointAnswer) -> Judgement | None:
    """What becomes of requests for a host that arrive at one place instead of another."""
    was, will = old.sent.delivery, new.sent.delivery
    judgement = judged(was, will)
    aims = old.destination.host, new.destination.host
    led = aims[1] not in {aims[0], host}
    if led and may_work(was) and call_verdict(will) is not Verdict.BROKEN:
        return Judgement(Change.LED_AWAY, decided=True)
    if judgement is None and (old.end is None or new.end is None or old.end[:4] != new.end[:4]):
        return Judgement(Change.MOVED, decided=True)
    return judgement


def _pairs(
    before: list[EndpointAnswer], after: list[EndpointAnswer]
) -> Iterator[tuple[EndpointAnswer, EndpointAnswer]]:
    """What requests met before, and what they meet instead.

    The same destination and endpoint is no change. The same workload or subset is paired; what is
    left is set against what took its place.
    """
    had, has = {each.key for each in before}, {each.key for each in after}
    old = [each for each in before if each.key not in has]
    new = [each for each in after if each.key not in had]
    paired = [(was, will) for was in old for will in new if _same(was, will)]
    yield from paired
    old = [each for each in old if all(each is not was for was, _ in paired)]
    new = [each for each in new if all(each is not will for _, will in paired)]
    pairs: dict[tuple[int, int], tuple[EndpointAnswer, EndpointAnswer]] = {}
    for was in old:
        will = (new or after)[0]
        pairs[id(was), id(will)] = was, will
    for will in new:
        was = (old or before)[0]
        pairs[id(was), id(will)] = was, will
    yield from pairs.values()


def _same(was: EndpointAnswer, will: EndpointAnswer) -> bool:
    """Whether two arrivals of one service are the same call by subset or workload."""
    if was.destination.host != will.destination.host:
        return False
    return alike((was.destination.subset, was.end), (will.destination.subset, will.end))
