"""What was worked out already of who gets in: servers that the same policies govern share it."""

from __future__ import annotations

from msgspec import Struct, structs

from meshgate.mesh.admission import Admission
from meshgate.mesh.authorization import Authorization, Connection, Enforcer, Server
from meshgate.mesh.authorization.attributes import Kind
from meshgate.mesh.authorization.matchers import Matcher
from meshgate.mesh.authorization.rule_sets import RuleSet
from meshgate.mesh.authorization.strangers import rules_of
from meshgate.mesh.terms import DataPlane
from meshgate.mesh.workloads import GATEWAY_API, Workload


class AskedAdmission(Struct):
    """What rules ask of a connection.

    identities  what they compare identities with
    alike       identities by those of `identities` that match them
    """

    rules: RuleSet
    kinds: frozenset[Kind]
    identities: tuple[Matcher, ...]
    alike: dict[tuple[bool, ...], str]

    def without_rest(self, connection: Connection) -> Connection:
        """The connection as one of those that the rules do not tell from it."""
        identity = connection.identity if self.identities else None
        if identity is not None:
            matching = tuple(matcher.matches(identity) for matcher in self.identities)
            identity = self.alike.setdefault(matching, identity)
        return structs.replace(
            connection,
            identity=identity,
            port=connection.port if Kind.PORT in self.kinds else 0,
            sni=connection.sni if Kind.SNI in self.kinds else "",
        )


class KnownAdmissions:
    """The admissions of a mesh, each worked out once for all servers and connections alike."""

    __slots__ = ("_asked", "_authorization", "_by_connection", "_by_policies", "_policies")

    def __init__(self, authorization: Authorization) -> None:
        self._authorization = authorization
        self._by_connection: dict[tuple[int, Connection], tuple[Server, Admission | None]] = {}
        self._by_policies: dict[tuple[object, ...], Admission | None] = {}
        # The rules are stored with what they ask, so that no others take their identity.
        self._asked: dict[int, AskedAdmission] = {}
        self._policies: dict[int, tuple[Server, tuple[int, ...]]] = {}

    def of(self, server: Server, connection: Connection) -> Admission | None:
        """What a server lets in over a connection; None: no policy applies to it."""
        key = id(server), connection
        known = self._by_connection.get(key)
        if known is None:
            # The server is stored with the answer, so that no other takes its identity.
            known = self._by_connection[key] = server, self._shared(server, connection)
        return known[1]

    def _shared(self, server: Server, connection: Connection) -> Admission | None:
        """The same, worked out for one of the servers to which the same policies apply."""
        if not _is_shared(server):
            return Admission.of(self._authorization, server, connection)
        rules = self._authorization.rules(server, connection.chain)
        asked = self.asked(rules).without_rest(connection)
        key = self.policies_of(server), asked
        if key not in self._by_policies:
            self._by_policies[key] = Admission.of(self._authorization, server, asked)
        admission = self._by_policies[key]
        if admission is None or (admission.server is server and admission.connection == connection):
            return admission
        return admission.at(server, connection)

    def policies_of(self, server: Server) -> tuple[int, ...]:
        """What tells a server from those at which other policies are asked."""
        known = self._policies.get(id(server))
        if known is None:
            applied = self._authorization.applied(server)
            objects = (*applied.policies, *applied.authentications)
            # Doubt about what applies is that of one server.
            is_own = bool(applied.undecided) or not _is_shared(server)
            own = (id(server),) if is_own else ()
            known = self._policies[id(server)] = server, (*map(id, objects), *own)
        return known[1]

    def asked(self, rules: RuleSet) -> AskedAdmission:
        """What rules ask of a connection."""
        known = self._asked.get(id(rules))
        if known is None:
            terms = [
                term
                for rule in rules_of(rules)
                for entry in (*rule.sources, *rule.operations, rule.conditions)
                for term in entry
            ]
            matchers = dict.fromkeys(
                matcher
                for term in terms
                if term.attribute.kind is Kind.IDENTITY
                for matcher in term.matchers
            )
            kinds = frozenset(term.attribute.kind for term in terms)
            known = self._asked[id(rules)] = AskedAdmission(rules, kinds, tuple(matchers), {})
        return known


def _is_shared(server: Server) -> bool:
    """Whether the policies that apply to a server decide, and nothing else of it."""
    return server.enforcer is Enforcer.SIDECAR


def server_of(workload: Workload, *, is_captured: bool = True) -> Server:
    """What policies are matched with at a workload; `is_captured`: its sidecar gets the call."""
    enforcer = {
        DataPlane.SIDECAR: Enforcer.SIDECAR if is_captured else Enforcer.NONE,
        DataPlane.AMBIENT: Enforcer.ZTUNNEL,
        DataPlane.GATEWAY: Enforcer.GATEWAY,
    }.get(workload.plane, Enforcer.NONE)
    gateway = workload.labels.get(GATEWAY_API, "") if enforcer is Enforcer.GATEWAY else ""
    if workload.is_waypoint:
        # Policies of its namespace and by selector are not for it.
        enforcer = Enforcer.WAYPOINT
    return Server(
        workload.namespace, workload.labels, enforcer, gateway, revision=workload.revision
    )
