"""Who may call whom: the AuthorizationPolicies of one mesh, asked about one server port."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from meshgate.mesh.authorization.attributes import Chain, Connection, Normalization, Request
from meshgate.mesh.authorization.call_values import CallValues
from meshgate.mesh.authorization.enforcement import Applied, Enforcer, PolicyIndex, Server
from meshgate.mesh.authorization.identities import TrustDomains
from meshgate.mesh.authorization.peer_denials import ZtunnelPeerPolicies
from meshgate.mesh.authorization.policies import authorization_policy, request_authentication
from meshgate.mesh.authorization.rule_sets import (
    Judgement,
    RuleSet,
    proxy_rule_set,
    ztunnel_rule_set,
)
from meshgate.mesh.authorization.terms import ProxyRule
from meshgate.mesh.catalog import Catalog
from meshgate.mesh.peer_authentication import PeerPolicies
from meshgate.model import MeshFacts, Resource


class Judged(NamedTuple):
    """What becomes of one concrete call.

    rules          the rules that match it, whatever decided
    peer_policies  names of converted PeerAuthentications that deny it (ztunnel)
    undecided      why the judgement is not certain; empty: it is
    """

    judgement: Judgement
    rules: tuple[ProxyRule, ...]
    peer_policies: tuple[str, ...] = ()
    undecided: str = ""


class Authorization:
    """The authorization of one mesh. `rejected` are policies that istiod's webhook refuses."""

    def __init__(
        self, catalog: Catalog, facts: MeshFacts, rejected: Collection[Resource] = ()
    ) -> None:
        refused = set(map(id, rejected))
        self.domains = TrustDomains((facts.trust_domain, *facts.trust_domain_aliases))
        self.normalization = Normalization(facts.path_normalization)
        self._providers = facts.extension_providers
        self.policies = tuple(
            authorization_policy(resource)
            for resource in catalog.of("AuthorizationPolicy")
            if id(resource) not in refused
        )
        self._index = PolicyIndex(
            self.policies,
            (
                request_authentication(resource)
                for resource in catalog.of("RequestAuthentication")
                if id(resource) not in refused
            ),
            facts.root_namespace,
        )
        self._peers = ZtunnelPeerPolicies(PeerPolicies(catalog, facts.root_namespace))
        self._rule_sets: dict[tuple[int, ...], RuleSet] = {}

    @classmethod
    def of(
        cls, resources: Iterable[Resource], facts: MeshFacts, rejected: Collection[Resource] = ()
    ) -> Authorization:
        """The authorization that these objects give."""
        return cls(Catalog(resources, facts), facts, rejected)

    def applied(self, server: Server) -> Applied:
        """The policies that apply to a server."""
        return self._index.applied(server)

    def rules(self, server: Server, chain: Chain) -> RuleSet:
        """The rules that judge calls of a server in a filter chain."""
        policies = self._index.applied(server).policies
        key = (*map(id, policies), list(Chain).index(chain))
        if key not in self._rule_sets:
            self._rule_sets[key] = (
                ztunnel_rule_set(policies)
                if server.enforcer is Enforcer.ZTUNNEL
                else proxy_rule_set(policies, chain, self.domains, self._providers)
            )
        return self._rule_sets[key]

    def judge(
        self, server: Server, connection: Connection, request: Request | None = None
    ) -> Judged:
        """What becomes of one request, or of a connection that is not HTTP (`request` None)."""
        applied = self._index.applied(server)
        values = CallValues(connection, request, applied.issuers, self.normalization)
        judgement, rules = self.rules(server, connection.chain).judge(values.value)
        if server.enforcer is not Enforcer.ZTUNNEL or connection.identity is not None:
            return Judged(judgement, rules, undecided=applied.undecided)
        peers = self._peers.of(server.namespace, server.labels, connection.port)
        if peers.policies:
            judgement = Judgement.DENY
        return Judged(judgement, rules, peers.policies, applied.undecided or peers.undecided)
