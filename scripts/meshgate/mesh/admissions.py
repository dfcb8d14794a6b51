"""Who gets in at each endpoint: the calls of a class of clients, distinguished by identity."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from msgspec import structs

from meshgate.mesh.admission import Admission
from meshgate.mesh.authorization import (
    Allows,
    Authorization,
    Chain,
    Connection,
    Enforcer,
    Server,
    identity_of,
)
from meshgate.mesh.authorization.rule_sets import RuleSet
from meshgate.mesh.authorization.strangers import SOME_NAME, stranger
from meshgate.mesh.calls import CallClass
from meshgate.mesh.client_groups import ClientClass, ClientGroup
from meshgate.mesh.clients import MeshClients
from meshgate.mesh.delivery import Delivery
from meshgate.mesh.enforcement_points import (
    EnforcementPoint,
    EnforcementPoints,
    chains_for,
)
from meshgate.mesh.known_admissions import KnownAdmissions, server_of
from meshgate.mesh.named_identities import NamedIdentities
from meshgate.mesh.port_authorization import (
    OTHER_PORT,
    PortAuthorization,
    port_authorization,
)
from meshgate.mesh.receivers import Receivers
from meshgate.mesh.services import Endpoint, ServicePort
from meshgate.mesh.terms import Outcome, Transport, Verdict, verdict
from meshgate.mesh.waypoints import Passage
from meshgate.mesh.workloads import Workload
from meshgate.model import Resource

_MAY_WORK = frozenset({Verdict.WORKS, Verdict.DEPENDS})
_PROVEN = frozenset({Transport.MTLS})
# The identity of any client that no rule of a server tells from others.
_UNNAMED = object()


class Admissions:
    """What the policies of a mesh let in of every call. Cheap where there is no policy."""

    def __init__(self, authorization: Authorization, receivers: Receivers) -> None:
        self.authorization = authorization
        self._known = KnownAdmissions(authorization)
        self._identities = NamedIdentities(receivers.facts.trust_domain)
        self._points = EnforcementPoints(authorization, receivers, self._known, self._identities)
        self._trust_domain = receivers.facts.trust_domain
        # By what of a point, of a delivery and of its client decides.
        self._sent: dict[tuple[object, ...], Admission | None] = {}
        self._at_ports: dict[tuple[object, ...], PortAuthorization] = {}

    @property
    def is_empty(self) -> bool:
        """Whether no policy says anything of any call."""
        return self.authorization.is_empty

    def file(self, clients: MeshClients) -> None:
        """Take in the classes of clients, each of which has one service account."""
        self._identities.file(clients)

    def split(self, call: CallClass) -> Iterator[CallClass]:
        """The calls of a class in as many classes as policies tell apart."""
        governed = [each for each in call.deliveries if self._governs(each, call.port.protocol)]
        if not governed:
            yield call
            return
        apart = self._distinguished(call, governed)
        rest = call.clients.leaving_out(apart)
        groups: dict[tuple[object, ...], tuple[tuple[Delivery, ...], list[ClientClass]]] = {}
        for each in apart:
            admitted = self._all_judged(call.deliveries, each.members[0], call.port)
            key = tuple((item.outcome, item.admission) for item in admitted)
            groups.setdefault(key, (admitted, []))[1].append(each)
        first = next(rest.members, None)
        if first is not None:
            admitted = self._all_judged(call.deliveries, first, call.port)
            yield structs.replace(call, clients=rest, deliveries=admitted)
        for admitted, classes in groups.values():
            group = ClientGroup(call.clients.plane, classes)
            yield structs.replace(call, clients=group, deliveries=admitted)

    def admitted(
        self, deliveries: tuple[Delivery, ...], client: Workload, port: ServicePort
    ) -> tuple[Delivery, ...]:
        """The deliveries of a client with what policies let in."""
        if self.is_empty or not any(self._governs(each, port.protocol) for each in deliveries):
            return deliveries
        return self._all_judged(deliveries, client, port)

    def _all_judged(
        self, deliveries: tuple[Delivery, ...], client: Workload, port: ServicePort
    ) -> tuple[Delivery, ...]:
        return tuple([self.judged(each, client, port.protocol) for each in deliveries])

    def judged(self, sent: Delivery, client: Workload | str | None, protocol: str = "") -> Delivery:
        """One delivery with what policies let in of it; `protocol` is that of the Service port.

        `client` None: nothing is known of it; a text: only its identity, empty for none.
        """
        if sent.alternatives:
            answers = tuple(self.judged(each, client, protocol) for each in sent.alternatives)
            return sent._replace(alternatives=answers)
        admission = self._admission(sent, client, protocol)
        return sent if admission is None else _with(sent, admission)

    @property
    def stranger(self) -> str:
        """An identity of the mesh that no file names."""
        return stranger(self.authorization.domains)

    @property
    def identities(self) -> set[str]:
        """The identities of all clients."""
        return set(self._identities.all)

    def judged_as(self, sent: Delivery, identity: str | None) -> Delivery:
        """One delivery of whoever proves this identity; None: nothing is proven.

        What policies say is in it also where it is not known how the bytes are taken.
        """
        if sent.outcome is not Outcome.UNKNOWN or sent.on_wire is not None or self.is_empty:
            return self.judged(sent, identity or "")
        assert sent.endpoint is not None
        point = self._points.at(sent.endpoint, "")
        if point is None:
            return sent
        connections = self._connections(point.server, sent, identity or "", point.rules.chains)
        return sent._replace(admission=self._over_all(point.server, connections))

    def over(self, sent: Delivery, identity: str | None) -> dict[Connection, Admission]:
        """What policies decide for each connection that a delivery may be; empty: none applies."""
        assert sent.endpoint is not None
        point = self._points.at(sent.endpoint, "")
        if point is None:
            return {}
        admissions = {
            connection: self._known.of(point.server, connection)
            for connection in self._connections(
                point.server, sent, identity or "", point.rules.chains
            )
        }
        return {key: each for key, each in admissions.items() if each is not None}

    def over_waypoint(self, passage: Passage, identity: str) -> dict[Connection, Admission]:
        """What the policies of a waypoint decide for each connection; empty: none applies."""
        server = self._points.waypoint(passage)
        if server is None:
            return {}
        admissions = {
            each: self._known.of(server, each) for each in self._at_waypoint(passage, identity)
        }
        return {key: each for key, each in admissions.items() if each is not None}

    def waypoint_rules(self, passage: Passage) -> dict[Chain, RuleSet]:
        """The rules of a waypoint by filter chain; empty: no policy applies."""
        server = self._points.waypoint(passage)
        if server is None:
            return {}
        chains = chains_for(passage.protocol)
        return {chain: self.authorization.rules(server, chain) for chain in chains}

    def chains(self, workload: Workload, port: int) -> tuple[Chain, ...]:
        """The filter chains in which a port of a workload judges calls."""
        server = server_of(workload, is_captured=workload.captures(port))
        return self._points.chains(server, Endpoint.of(workload, port), "")

    def rules(self, workload: Workload, port: int, chain: Chain) -> RuleSet:
        """The rules of a port of a workload in a filter chain; none where nothing enforces them."""
        server = server_of(workload, is_captured=workload.captures(port))
        return self.authorization.rules(server, chain)

    def deciding(self, workload: Workload, port: int) -> tuple[Resource, ...]:
        """The policies and RequestAuthentications that apply at a port of a workload."""
        return self._deciding(server_of(workload, is_captured=workload.captures(port)))

    def deciding_at_waypoint(self, passage: Passage) -> tuple[Resource, ...]:
        """The same of a waypoint."""
        server = self._points.waypoint(passage)
        return () if server is None else self._deciding(server)

    def _deciding(self, server: Server) -> tuple[Resource, ...]:
        applied = self.authorization.applied(server)
        policies = (each.resource for each in applied.policies)
        return *policies, *(each.resource for each in applied.authentications)

    def _admission(
        self, sent: Delivery, client: Workload | str | None, protocol: str
    ) -> Admission | None:
        """What is let in; None: no policy is asked."""
        if self.is_empty or sent.endpoint is None:
            return None
        if verdict(_wire(sent), sent.transport) not in _MAY_WORK:
            return None
        if sent.passage is not None:
            return self._by_waypoint(sent, sent.passage, client)
        point = self._points.at(sent.endpoint, protocol)
        return self._at(point, sent, client) if point is not None else None

    def _at(
        self, point: EnforcementPoint, sent: Delivery, client: Workload | str | None
    ) -> Admission | None:
        """What a point lets in: that is worked out once for all points and clients alike."""
        server, rules = point.server, point.rules
        own = None
        if client is not None and (sent.tunnel or sent.transport in _PROVEN):
            own = self._identity(client)
        # An identity that is no client's here may be named all the same.
        is_alike = own in self._identities and own not in rules.named
        assert sent.endpoint is not None
        port = sent.endpoint.port
        key = (
            rules.likeness,
            port if rules.asks_port else 0,
            sent.name if rules.asks_name else "",
            sent.transport,
            sent.tunnel,
            _UNNAMED if is_alike else own,
        )
        if key not in self._sent:
            connections = self._connections(server, sent, client, rules.chains)
            self._sent[key] = self._over_all(server, connections)
        known = self._sent[key]
        if known is None:
            return None
        one = known.connection
        if known.server is server and one.port == port and one.identity == (own or None):
            return known
        return known.at(server, next(self._connections(server, sent, client, rules.chains)))

    def _by_waypoint(
        self, sent: Delivery, passage: Passage, client: Workload | str | None
    ) -> Admission | None:
        """What a waypoint lets in of a client, and the endpoint of the waypoint."""
        place = self._points.waypoint(passage)
        first = None
        if place is not None:
            first = self._over_all(place, self._at_waypoint(passage, client))
        assert sent.endpoint is not None
        point = self._points.at(sent.endpoint, passage.protocol)
        if point is None:
            return first
        as_sent = sent._replace(passage=None)
        names = (
            identity_of(self._trust_domain, passage.namespace, each) for each in passage.accounts
        )
        connections = [
            each
            for name in names
            for each in self._connections(point.server, as_sent, name, point.rules.chains)
        ]
        return _both(first, self._over_all(point.server, connections))

    def _at_waypoint(self, passage: Passage, client: Workload | str | None) -> Iterator[Connection]:
        """The connections that a waypoint sees: to the Service port, by the client's identity."""
        identities = [self._identity(client) or None if client is not None else None]
        if client is None:
            identities = [None, self.stranger]
        for chain in chains_for(passage.protocol):
            # The application may speak TLS itself.
            for name in ("",) if chain is Chain.HTTP else ("", SOME_NAME):
                for each in identities:
                    yield Connection(chain, passage.port, each, sni=name)

    def is_closed(self, workload: Workload) -> bool:
        """Whether an ALLOW policy applies to a workload, or files do not tell whether one does."""
        server = server_of(workload, is_captured=True)
        chain = Chain.ZTUNNEL if server.enforcer is Enforcer.ZTUNNEL else Chain.TCP
        is_open = bool(self.authorization.applied(server).undecided)
        return is_open or self.authorization.rules(server, chain).is_closed

    def server_of(self, workload: Workload) -> Server:
        """What policies are matched with at a workload, on ports that its proxy captures."""
        return server_of(workload, is_captured=True)

    def chains_at(self, workload: Workload, port: int) -> tuple[Chain, ...]:
        """What may judge connections to a port; several where files do not tell which it is."""
        endpoint = Endpoint(workload.namespace, workload, None, port, workload.labels, mtls=False)
        return self._points.chains(self.server_of(workload), endpoint, "")

    def at_port(self, workload: Workload, port: int | None) -> PortAuthorization:
        """What policies decide for a port of a workload; None: nothing declares it."""
        number = OTHER_PORT if port is None else port
        server = server_of(workload, is_captured=workload.captures(number))
        chains = self.chains_at(workload, number)
        key = server.key, chains, port
        if key not in self._at_ports:
            self._at_ports[key] = port_authorization(self.authorization, server, chains, port)
        return self._at_ports[key]

    def named(self, rules: RuleSet) -> frozenset[str]:
        """The identities of known clients that some rule may treat otherwise than all others."""
        return self._identities.named(rules)

    def _governs(self, sent: Delivery, protocol: str) -> bool:
        if sent.passage is not None and self._points.waypoint(sent.passage) is not None:
            return True
        return sent.endpoint is not None and self._points.at(sent.endpoint, protocol) is not None

    def _identity(self, client: Workload | str) -> str:
        if isinstance(client, str):
            return client
        return self._identities.of(client)

    def _over_all(self, server: Server, connections: Iterable[Connection]) -> Admission | None:
        """What is let in, over all that files leave open of a connection."""
        combined: Admission | None = None
        for connection in connections:
            other = self._known.of(server, connection)
            if combined is None or other is None:
                combined = other
            elif combined.allows is not other.allows or (
                combined.allows is Allows.SOME and combined != other
            ):
                reason = _doubt(combined.connection, connection)
                return structs.replace(combined, reason=reason, key=(*combined.key, reason))
        return combined

    def _connections(
        self,
        server: Server,
        sent: Delivery,
        client: Workload | str | None,
        chains: Iterable[Chain],
    ) -> Iterator[Connection]:
        """The connections that a delivery may be; several where files leave open which."""
        assert sent.endpoint is not None
        port = sent.endpoint.port
        is_proven = sent.tunnel or sent.transport in _PROVEN
        identity = (self._identity(client) or None) if is_proven and client is not None else None
        identities = [identity]
        if sent.transport is Transport.MTLS_USER or (is_proven and client is None):
            identities = [None, self.stranger]
        names = [sent.name]
        if sent.transport is Transport.PLAINTEXT:
            names = [""]
        elif (sent.tunnel or sent.transport is not Transport.MTLS) and (
            server.enforcer is not Enforcer.ZTUNNEL
        ):
            names = ["", sent.name or SOME_NAME]
        for chain in chains:
            for name in names:
                for each in identities:
                    yield Connection(
                        chain,
                        port,
                        each,
                        sni="" if chain is Chain.ZTUNNEL else name,
                        trusts_headers=server.enforcer is not Enforcer.GATEWAY,
                    )

    def _distinguished(self, call: CallClass, governed: Iterable[Delivery]) -> list[ClientClass]:
        """The classes whose identities some policy of the servers names, or may name."""
        classes: dict[ClientClass, None] = {}
        for sent in governed:
            for each in (sent, *sent.alternatives):
                if each.endpoint is not None and (each.tunnel or each.transport in _PROVEN):
                    classes.update(dict.fromkeys(self._classes_at(each, call.port.protocol)))
        return [each for each in classes if call.clients.has(each)]

    def _classes_at(self, sent: Delivery, protocol: str) -> Iterable[ClientClass]:
        """The classes that some rule which is asked about a delivery may tell from all others."""
        assert sent.endpoint is not None
        if sent.passage is not None:
            # Behind a waypoint the client is the waypoint.
            rules = self.waypoint_rules(sent.passage).values()
            return itertools.chain.from_iterable(map(self._identities.classes, rules))
        point = self._points.at(sent.endpoint, protocol)
        return point.rules.classes if point is not None else ()

    def named_classes(self, server: Server, chain: Chain) -> tuple[ClientClass, ...]:
        """The classes whose identities some rule of a server may tell from all others."""
        return self._identities.classes(self.authorization.rules(server, chain))


def _doubt(first: Connection, second: Connection) -> str:
    """Why it is not known what is let in: how two possible connections differ."""
    if first.chain is not second.chain:
        return (
            f"policies say another thing of HTTP than of TCP, and no file tells which of them "
            f"port {first.port} speaks"
        )
    if first.sni != second.sni:
        return "policies ask for a server name that files do not tell"
    return "policies ask for the identity of a certificate that files do not tell"


def _both(first: Admission | None, last: Admission | None) -> Admission | None:
    """What gets through two places of which each lets something in; the first that decides."""
    if first is None or last is None:
        return last if first is None else first
    for allows in (Allows.NONE, Allows.UNKNOWN):
        for each in (first, last):
            if each.allows is allows:
                return each
    if Allows.ALL in {first.allows, last.allows}:
        return last if first.allows is Allows.ALL else first
    reason = "policies of its waypoint and of the server itself let some requests in, each others"
    return structs.replace(first, reason=reason, key=(*first.key, *last.key, reason))


def _wire(sent: Delivery) -> Outcome:
    """How a call ends as far as TLS goes."""
    return sent.on_wire or sent.outcome


def _with(sent: Delivery, admission: Admission) -> Delivery:
    """A delivery of which policies let that in."""
    match admission.allows:
        case Allows.NONE:
            # Whatever else may refuse it.
            return sent._replace(
                outcome=Outcome.DENIED, reason="", on_wire=None, admission=admission
            )
        case Allows.UNKNOWN:
            reason = "; ".join(filter(None, (admission.reason, sent.reason)))
            return sent._replace(
                outcome=Outcome.UNKNOWN, reason=reason, on_wire=_wire(sent), admission=admission
            )
        case _:
            return sent._replace(admission=admission)
