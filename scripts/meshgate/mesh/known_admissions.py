"""What was worked out already of who gets in: servers that the same policies govern share it."""

from __future__ import annotations

from msgspec import structs

from meshgate.mesh.admission import Admission
from meshgate.mesh.authorization import Authorization, Chain, Connection, Enforcer, Server
from meshgate.mesh.authorization.attributes import Kind
from meshgate.mesh.authorization.rule_sets import RuleSet
from meshgate.mesh.authorization.strangers import rules_of
from meshgate.mesh.terms import DataPlane
from meshgate.mesh.workloads import GATEWAY_API, Workload


class KnownAdmissions:
    """The admissions of a mesh, each worked out once for all servers and connections alike."""

    __slots__ = ("_authorization", "_by_connection", "_by_policies", "_names_matter", "_policies")

    def __init__(self, authorization: Authorization) -> None:
        self._authorization = authorization
        self._by_connection: dict[tuple[int, Connection], tuple[Server, Admission | None]] = {}
        self._by_policies: dict[tuple[object, ...], Admission | None] = {}
        self._names_matter: dict[int, tuple[RuleSet, bool]] = {}
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
        if server.enforcer is not Enforcer.SIDECAR:
            return Admission.of(self._authorization, server, connection)
        asked = connection
        if connection.sni and not self._asks_for_names(server, connection.chain):
            asked = structs.replace(connection, sni="")
        key = self._policies_of(server), asked
        if key not in self._by_policies:
            self._by_policies[key] = Admission.of(self._authorization, server, asked)
        admission = self._by_policies[key]
        if admission is None or (admission.server is server and admission.connection == connection):
            return admission
        return structs.replace(admission, server=server, connection=connection)

    def _policies_of(self, server: Server) -> tuple[int, ...]:
        """What tells a server from those to which other policies apply."""
        known = self._policies.get(id(server))
        if known is None:
            applied = self._authorization.applied(server)
            objects = (*applied.policies, *applied.authentications)
            # Doubt about what applies is that of one server.
            doubt = (id(server),) if applied.undecided else ()
            known = self._policies[id(server)] = server, (*map(id, objects), *doubt)
        return known[1]

    def _asks_for_names(self, server: Server, chain: Chain) -> bool:
        """Whether a rule of a server asks for the server name that its client sent."""
        rules = self._authorization.rules(server, chain)
        known = self._names_matter.get(id(rules))
        if known is None:
            asks = any(
                term.attribute.kind is Kind.SNI
                for rule in rules_of(rules)
                for entry in (*rule.sources, *rule.operations, rule.conditions)
                for term in entry
            )
            known = self._names_matter[id(rules)] = rules, asks
        return known[1]


def server_of(workload: Workload, *, is_captured: bool = True) -> Server:
    """What policies are matched with at a workload; `is_captured`: its sidecar gets the call."""
    enforcer = {
        DataPlane.SIDECAR: Enforcer.SIDECAR if is_captured else Enforcer.NONE,
        DataPlane.AMBIENT: Enforcer.ZTUNNEL,
        DataPlane.GATEWAY: Enforcer.GATEWAY,
    }.get(workload.plane, Enforcer.NONE)
    gateway = workload.labels.get(GATEWAY_API, "") if enforcer is Enforcer.GATEWAY else ""
    return Server(
        workload.namespace, workload.labels, enforcer, gateway, revision=workload.revision
    )
