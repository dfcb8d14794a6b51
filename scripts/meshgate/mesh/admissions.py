"""Who gets in at each endpoint: the calls of a class of clients, distinguished by identity."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from msgspec import structs

from meshgate.mesh import protocols
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
from meshgate.mesh.authorization.attributes import Kind
from meshgate.mesh.authorization.matchers import Form, Matcher, PatternMatcher, TextMatcher
from meshgate.mesh.authorization.rule_sets import RuleSet
from meshgate.mesh.authorization.strangers import SOME_NAME, rules_of, stranger
from meshgate.mesh.authorization.terms import Term
from meshgate.mesh.calls import CallClass
from meshgate.mesh.clients import ClientClass, ClientGroup, MeshClients
from meshgate.mesh.cluster import Delivery
from meshgate.mesh.known_admissions import KnownAdmissions, server_of
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
_CHAINS = {
    protocols.HTTP: (Chain.HTTP,),
    # What the first bytes of a connection tell.
    protocols.AUTO: (Chain.HTTP, Chain.TCP),
}
# What matchers of whole namespaces and service accounts compare behind the trust domain.
_WITHIN = re.compile(r"(?:\.\*|\[\^/\]\+)/ns/((?:[A-Za-z0-9_]|\\.)+)/(?:sa/.*|\.\*)")


class Admissions:
    """What the policies of a mesh let in of every call. Cheap where there is no policy."""

    def __init__(self, authorization: Authorization, receivers: Receivers) -> None:
        self.authorization = authorization
        self._receivers = receivers
        self._trust_domain = receivers.facts.trust_domain
        self._servers: dict[tuple[int, bool], Server | None] = {}
        self._waypoints: dict[tuple[object, ...], Server | None] = {}
        self._unnamed: dict[tuple[object, ...], Server | None] = {}
        self._known = KnownAdmissions(authorization)
        # By what of a delivery, and of its client, decides.
        self._sent: dict[tuple[object, ...], Admission | None] = {}
        self._classes: dict[tuple[object, ...], tuple[ClientClass, ...]] = {}
        self._at_ports: dict[tuple[object, ...], PortAuthorization] = {}
        self._by_namespace: dict[str, dict[str, list[ClientClass]]] = {}
        self._by_matcher: dict[Matcher, frozenset[str] | None] = {}
        self._apart: dict[int, tuple[RuleSet, frozenset[str]]] = {}

    @property
    def is_empty(self) -> bool:
        """Whether no policy says anything of any call."""
        return self.authorization.is_empty

    def file(self, clients: MeshClients) -> None:
        """Take in the classes of clients, each of which has one service account."""
        for each in clients.classes:
            own = self._by_namespace.setdefault(each.namespace, {})
            own.setdefault(self._identity(each.members[0]), []).append(each)

    def split(self, call: CallClass) -> Iterator[CallClass]:
        """The calls of a class in as many classes as policies tell apart."""
        governed = [each for each in call.deliveries if self._governs(each)]
        if not governed:
            yield call
            return
        apart = self._distinguished(call, governed)
        rest = call.clients.leaving_out(apart)
        groups: dict[tuple[object, ...], tuple[tuple[Delivery, ...], list[ClientClass]]] = {}
        for each in apart:
            admitted = self.admitted(call.deliveries, each.members[0], call.port)
            key = tuple((item.outcome, item.admission) for item in admitted)
            groups.setdefault(key, (admitted, []))[1].append(each)
        first = next(rest.members, None)
        if first is not None:
            admitted = self.admitted(call.deliveries, first, call.port)
            yield structs.replace(call, clients=rest, deliveries=admitted)
        for admitted, classes in groups.values():
            group = ClientGroup(call.clients.plane, classes)
            yield structs.replace(call, clients=group, deliveries=admitted)

    def admitted(
        self, deliveries: tuple[Delivery, ...], client: Workload, port: ServicePort
    ) -> tuple[Delivery, ...]:
        """The deliveries of a client with what policies let in."""
        if self.is_empty or not any(map(self._governs, deliveries)):
            return deliveries
        return tuple(self.judged(each, client, port.protocol) for each in deliveries)

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
        return {identity for own in self._by_namespace.values() for identity in own}

    def judged_as(self, sent: Delivery, identity: str | None) -> Delivery:
        """One delivery of whoever proves this identity; None: nothing is proven.

        What policies say is in it also where it is not known how the bytes are taken.
        """
        if sent.outcome is not Outcome.UNKNOWN or sent.on_wire is not None or self.is_empty:
            return self.judged(sent, identity or "")
        assert sent.endpoint is not None
        server = self.server(sent.endpoint)
        if server is None:
            return sent
        admissions = self._connections(server, sent, identity or "", "")
        return sent._replace(admission=self._over_all(server, admissions))

    def over(self, sent: Delivery, identity: str | None) -> dict[Connection, Admission]:
        """What policies decide for each connection that a delivery may be; empty: none applies."""
        assert sent.endpoint is not None
        server = self.server(sent.endpoint)
        if server is None:
            return {}
        admissions = {
            connection: self._known.of(server, connection)
            for connection in self._connections(server, sent, identity or "", "")
        }
        return {key: each for key, each in admissions.items() if each is not None}

    def over_waypoint(self, passage: Passage, identity: str) -> dict[Connection, Admission]:
        """What the policies of a waypoint decide for each connection; empty: none applies."""
        server = self.waypoint(passage)
        if server is None:
            return {}
        admissions = {
            each: self._known.of(server, each) for each in self._at_waypoint(passage, identity)
        }
        return {key: each for key, each in admissions.items() if each is not None}

    def waypoint_rules(self, passage: Passage) -> dict[Chain, RuleSet]:
        """The rules of a waypoint by filter chain; empty: no policy applies."""
        server = self.waypoint(passage)
        if server is None:
            return {}
        chains = _CHAINS.get(passage.protocol, (Chain.TCP,))
        return {chain: self.authorization.rules(server, chain) for chain in chains}

    def chains(self, workload: Workload, port: int) -> tuple[Chain, ...]:
        """The filter chains in which a port of a workload judges calls."""
        server = server_of(workload, is_captured=workload.captures(port))
        return self._chains(server, Endpoint.of(workload, port), "")

    def rules(self, workload: Workload, port: int, chain: Chain) -> RuleSet:
        """The rules of a port of a workload in a filter chain; none where nothing enforces them."""
        server = server_of(workload, is_captured=workload.captures(port))
        return self.authorization.rules(server, chain)

    def deciding(self, workload: Workload, port: int) -> tuple[Resource, ...]:
        """The policies and RequestAuthentications that apply at a port of a workload."""
        server = server_of(workload, is_captured=workload.captures(port))
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
        server = self.server(sent.endpoint)
        if server is None:
            return None
        identity = self._identity(client) if client is not None else None
        port = sent.endpoint.port
        key = id(server), port, sent.transport, sent.name, sent.tunnel, protocol, identity
        if key not in self._sent:
            admission = self._over_all(server, self._connections(server, sent, client, protocol))
            self._sent[key] = admission
        return self._sent[key]

    def _by_waypoint(
        self, sent: Delivery, passage: Passage, client: Workload | str | None
    ) -> Admission | None:
        """What a waypoint lets in of a client, and the endpoint of the waypoint."""
        place = self.waypoint(passage)
        first = None
        if place is not None:
            first = self._over_all(place, self._at_waypoint(passage, client))
        assert sent.endpoint is not None
        server = self.server(sent.endpoint)
        if server is None:
            return first
        as_sent = sent._replace(passage=None)
        names = (
            identity_of(self._trust_domain, passage.namespace, each) for each in passage.accounts
        )
        connections = [
            each
            for name in names
            for each in self._connections(server, as_sent, name, passage.protocol)
        ]
        return _both(first, self._over_all(server, connections))

    def _at_waypoint(self, passage: Passage, client: Workload | str | None) -> Iterator[Connection]:
        """The connections that a waypoint sees: to the Service port, by the client's identity."""
        identities = [self._identity(client) or None if client is not None else None]
        if client is None:
            identities = [None, self.stranger]
        for chain in _CHAINS.get(passage.protocol, (Chain.TCP,)):
            # The application may speak TLS itself.
            for name in ("",) if chain is Chain.HTTP else ("", SOME_NAME):
                for each in identities:
                    yield Connection(chain, passage.port, each, sni=name)

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
        return self._chains(self.server_of(workload), endpoint, "")

    def at_port(self, workload: Workload, port: int | None) -> PortAuthorization:
        """What policies decide for a port of a workload; None: nothing declares it."""
        number = OTHER_PORT if port is None else port
        server = server_of(workload, is_captured=port is None or workload.captures(port))
        chains = self.chains_at(workload, number)
        key = server.key, chains, port
        if key not in self._at_ports:
            self._at_ports[key] = port_authorization(self.authorization, server, chains, port)
        return self._at_ports[key]

    def named(self, rules: RuleSet) -> frozenset[str]:
        """The identities of known clients that some rule may treat otherwise than all others."""
        return self._named(rules)

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
        is_captured = workload.captures(endpoint.port)
        key = id(workload), is_captured
        if key not in self._servers:
            server = server_of(workload, is_captured=is_captured)
            self._servers[key] = server if self._applies(server) else None
        return self._servers[key]

    def _applies(self, server: Server) -> bool:
        applied = self.authorization.applied(server)
        return bool(applied.policies or applied.authentications or applied.undecided)

    def _governs(self, sent: Delivery) -> bool:
        if sent.passage is not None and self.waypoint(sent.passage) is not None:
            return True
        return sent.endpoint is not None and self.server(sent.endpoint) is not None

    def _identity(self, client: Workload | str) -> str:
        if isinstance(client, str):
            return client
        return identity_of(self._trust_domain, client.namespace, client.service_account)

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
        self, server: Server, sent: Delivery, client: Workload | str | None, protocol: str
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
        for chain in self._chains(server, sent.endpoint, protocol):
            for name in names:
                for each in identities:
                    yield Connection(
                        chain,
                        port,
                        each,
                        sni="" if chain is Chain.ZTUNNEL else name,
                        trusts_headers=server.enforcer is not Enforcer.GATEWAY,
                    )

    def _chains(self, server: Server, endpoint: Endpoint, protocol: str) -> tuple[Chain, ...]:
        if server.enforcer is Enforcer.ZTUNNEL:
            return (Chain.ZTUNNEL,)
        if server.enforcer is Enforcer.GATEWAY:
            # Its servers' protocols decide, of which several may listen.
            return (Chain.HTTP, Chain.TCP)
        if endpoint.workload is not None:
            protocol = self._receivers.protocol(endpoint.workload, endpoint.port)
        return _CHAINS.get(protocol, (Chain.TCP,))

    def _distinguished(self, call: CallClass, governed: Iterable[Delivery]) -> list[ClientClass]:
        """The classes whose identities some policy of the servers names, or may name."""
        classes: dict[int, ClientClass] = {}
        for sent in governed:
            for each in (sent, *sent.alternatives):
                if each.endpoint is None or not (each.tunnel or each.transport in _PROVEN):
                    continue
                for server, chain in self._asked(each, call.port.protocol):
                    for own in self.named_classes(server, chain):
                        classes[id(own)] = own
        return [each for each in classes.values() if call.clients.has(each)]

    def named_classes(self, server: Server, chain: Chain) -> tuple[ClientClass, ...]:
        """The classes whose identities some rule of a server may tell from all others."""
        key = id(server), chain
        if key not in self._classes:
            self._classes[key] = tuple(
                own
                for identity in self._named(self.authorization.rules(server, chain))
                for own in self._by_namespace[identity.split("/")[2]][identity]
            )
        return self._classes[key]

    def _asked(self, sent: Delivery, protocol: str) -> Iterator[tuple[Server, Chain]]:
        """Where policies are asked about the client of a delivery, and in which chains."""
        assert sent.endpoint is not None
        if sent.passage is not None:
            # Behind a waypoint the client is the waypoint.
            server = self.waypoint(sent.passage)
            chains = _CHAINS.get(sent.passage.protocol, (Chain.TCP,))
        else:
            server = self.server(sent.endpoint)
            chains = self._chains(server, sent.endpoint, protocol) if server is not None else ()
        if server is not None:
            yield from ((server, chain) for chain in chains)

    def _named(self, rules: RuleSet) -> frozenset[str]:
        """The identities of clients that some rule may treat otherwise than all others."""
        if id(rules) not in self._apart:
            named = {
                identity
                for matcher in _identity_matchers(rules)
                for identity in self._matching(matcher) or ()
            }
            # The rules are stored with the answer, so that no others take their identity.
            self._apart[id(rules)] = rules, frozenset(named)
        return self._apart[id(rules)][1]

    def _matching(self, matcher: Matcher) -> frozenset[str] | None:
        """The identities of clients that a matcher matches; None: all of them."""
        if matcher not in self._by_matcher:
            if isinstance(matcher, TextMatcher) and matcher.form is Form.PRESENT:
                self._by_matcher[matcher] = None
            else:
                candidates = self._candidates(matcher)
                self._by_matcher[matcher] = frozenset(filter(matcher.matches, candidates))
        return self._by_matcher[matcher]

    def _candidates(self, matcher: Matcher) -> Iterable[str]:
        """The identities that a matcher may match: those of the namespace that it names."""
        namespace = None
        if isinstance(matcher, TextMatcher) and matcher.form is Form.EXACT:
            _, *rest = matcher.text.split("/")
            namespace = rest[1] if len(rest) > 1 else ""
        elif isinstance(matcher, PatternMatcher):
            within = _WITHIN.fullmatch(matcher.pattern)
            namespace = re.sub(r"\\(.)", r"\1", within[1]) if within else None
        if namespace is not None:
            return self._by_namespace.get(namespace, {})
        return (identity for own in self._by_namespace.values() for identity in own)


def _identity_matchers(rules: RuleSet) -> Iterator[Matcher]:
    seen: dict[Matcher, None] = {}
    for rule in rules_of(rules):
        for entry in (*rule.sources, rule.conditions):
            seen.update(dict.fromkeys(_matchers(entry)))
    yield from seen


def _matchers(entry: Iterable[Term]) -> Iterator[Matcher]:
    for term in entry:
        if term.attribute.kind is Kind.IDENTITY:
            yield from term.matchers


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
