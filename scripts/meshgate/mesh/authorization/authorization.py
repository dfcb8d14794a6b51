"""Who may call whom: the AuthorizationPolicies of one mesh, asked about one server port."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from msgspec import Struct, structs

from meshgate.mesh.address_families import address_families
from meshgate.mesh.authorization.access import AccessSet, access_sets
from meshgate.mesh.authorization.attributes import (
    Chain,
    Connection,
    Normalization,
    Request,
    TokenIssuers,
)
from meshgate.mesh.authorization.boxes import TooComplexError
from meshgate.mesh.authorization.call_values import CallValues
from meshgate.mesh.authorization.decisions import (
    Allows,
    DecidingRule,
    Decision,
    by_default,
    decision,
    unknown,
)
from meshgate.mesh.authorization.enforcement import Applied, Enforcer, PolicyIndex, Server
from meshgate.mesh.authorization.explanations import PolicyStep, policy_steps
from meshgate.mesh.authorization.identities import TrustDomains
from meshgate.mesh.authorization.peer_denials import PeerDenials, ZtunnelPeerPolicies
from meshgate.mesh.authorization.policies import (
    AuthorizationPolicy,
    authorization_policy,
    request_authentication,
)
from meshgate.mesh.authorization.projection import FreeRuleSet, UndecidableError, project
from meshgate.mesh.authorization.proxy_rules import rule_fault
from meshgate.mesh.authorization.rule_sets import (
    RequestJudgement,
    RuleSet,
    proxy_rule_set,
    ztunnel_rule_set,
)
from meshgate.mesh.authorization.terms import ProxyRule
from meshgate.mesh.catalog import Catalog
from meshgate.mesh.peer_authentication import PeerPolicies
from meshgate.mesh.revisions import LabelledObject, Revisions
from meshgate.model import MeshFacts, Resource


class JudgedRequest(Struct, frozen=True):
    """What becomes of one concrete call.

    rules          the rules that match it, whatever decided
    peer_policies  names of converted PeerAuthentications that deny it (ztunnel)
    undecided      why the judgement is not certain; empty: it is
    """

    judgement: RequestJudgement
    rules: tuple[ProxyRule, ...]
    peer_policies: tuple[str, ...] = ()
    undecided: str = ""


class Authorization:
    """The authorization of one mesh. `rejected` are objects that istiod's webhook refuses."""

    def __init__(
        self, catalog: Catalog, facts: MeshFacts, rejected: Collection[Resource] = ()
    ) -> None:
        refused = set(map(id, rejected))
        self.domains = TrustDomains((facts.trust_domain, *facts.trust_domain_aliases))
        self.normalization = Normalization(facts.path_normalization)
        self.families = address_families(catalog)
        self._providers = facts.extension_providers
        self.policies = tuple(
            _readable(authorization_policy(resource))
            for resource in catalog.of("AuthorizationPolicy")
            if id(resource) not in refused
        )
        authentications = tuple(
            request_authentication(resource)
            for resource in catalog.of("RequestAuthentication")
            if id(resource) not in refused
        )
        self.revisions = Revisions(catalog, facts)
        self._index = PolicyIndex(
            self.policies, authentications, facts.root_namespace, self.revisions
        )
        # The objects behind it all.
        self.resources: tuple[Resource, ...] = (
            *(policy.resource for policy in self.policies),
            *(authentication.resource for authentication in authentications),
        )
        self._peers = ZtunnelPeerPolicies(PeerPolicies(catalog, facts.root_namespace))
        self._rule_sets: dict[tuple[object, ...], RuleSet] = {}
        # What a connection is asked about, by rules, connection and verified tokens.
        self._free: dict[tuple[int, Connection, TokenIssuers], FreeRuleSet] = {}
        # Many clients are one to the policies of a server.
        self._decisions: dict[FreeRuleSet, Decision] = {}

    @classmethod
    def of(
        cls, resources: Iterable[Resource], facts: MeshFacts, rejected: Collection[Resource] = ()
    ) -> Authorization:
        """The authorization that these objects give."""
        return cls(Catalog(resources, facts), facts, rejected)

    @property
    def is_empty(self) -> bool:
        """Whether there is no policy at all, so that everything is let in."""
        return self._index.is_empty

    @property
    def settings(self) -> tuple[object, ...]:
        """What of the mesh decides what policies mean."""
        return (
            self.domains,
            self.normalization,
            self._providers,
            self._index.root,
            self.families,
        )

    def applied(self, server: Server) -> Applied:
        """The policies that apply to a server."""
        return self._index.applied(server)

    def of_revisions(self, server: Server) -> Iterator[LabelledObject]:
        """The objects of one revision of which it is not known whether a server gets them."""
        return self._index.of_revisions(server)

    def trusts(self, identity: str | None) -> bool:
        """Whether the TLS layer of a server lets an identity in, before any policy is asked."""
        return identity is None or self.domains.trusts(identity)

    def rules(self, server: Server, chain: Chain) -> RuleSet:
        """The rules that judge calls of a server in a filter chain."""
        policies = self._index.applied(server).policies
        key = (*map(id, policies), chain)
        if key not in self._rule_sets:
            self._rule_sets[key] = (
                ztunnel_rule_set(policies)
                if chain is Chain.ZTUNNEL
                else proxy_rule_set(policies, chain, self.domains, self._providers)
            )
        return self._rule_sets[key]

    def judge(
        self, server: Server, connection: Connection, request: Request | None = None
    ) -> JudgedRequest:
        """What becomes of one request, or of a connection that is not HTTP (`request` None)."""
        applied = self._index.applied(server)
        values = CallValues(connection, request, applied.issuers, self.normalization)
        judgement, rules = self.rules(server, connection.chain).judge(values.value)
        if values.is_unauthenticated:
            judgement = RequestJudgement.UNAUTHENTICATED
        peers = self._peer_denials(server, connection)
        if peers.policies:
            judgement = RequestJudgement.DENY
        return JudgedRequest(judgement, rules, peers.policies, applied.undecided or peers.undecided)

    def allowed(self, server: Server, connection: Connection) -> Decision:
        """What policies let in over a connection to a server."""
        reason = self.undecided(server, connection)
        if reason:
            return unknown(reason)
        peers = self._peer_denials(server, connection)
        if peers.policies:
            decided = (DecidingRule(resource, "DENY", None) for resource in peers.resources)
            return Decision(Allows.NONE, decided_by=tuple(decided))
        rules = self.free_rules(server, connection)
        if rules not in self._decisions:
            self._decisions[rules] = self._decision(rules)
        applied = self._index.applied(server)
        enforced = (policy for policy in applied.policies if not policy.dry_run)
        return by_default(self._decisions[rules], rules, enforced)

    def undecided(self, server: Server, connection: Connection) -> str:
        """Why it is not certain which policies apply; empty: it is."""
        applied = self._index.applied(server)
        return applied.undecided or self._peer_denials(server, connection).undecided

    def explain(self, server: Server, connection: Connection) -> tuple[PolicyStep, ...]:
        """Each policy that applies, in the order of evaluation, with the requests it matches.

        Raises TooComplexError and UndecidableError where the decision is unknown for them.
        """
        rules = self.free_rules(server, connection)
        (access,) = access_sets([rules], self.normalization, self.families)
        applied = self._index.applied(server)
        return tuple(policy_steps(applied, access, rules))

    def free_rules(self, server: Server, connection: Connection) -> FreeRuleSet:
        """The rules of a server for one connection."""
        issuers = self._index.applied(server).issuers
        rules = self.rules(server, connection.chain)
        # The rules are kept, so that no others take their identity.
        key = id(rules), connection, issuers
        if key not in self._free:
            self._free[key] = project(rules, connection, issuers)
        return self._free[key]

    def access(self, server: Server, connection: Connection) -> AccessSet:
        """The exact set of requests that policies let in.

        Raises TooComplexError and UndecidableError.
        """
        rules = self.free_rules(server, connection)
        return access_sets([rules], self.normalization, self.families)[0]

    def peers_deny(self, server: Server, connection: Connection) -> bool:
        """Whether ztunnel denies the connection for being plaintext."""
        return bool(self._peer_denials(server, connection).policies)

    def _decision(self, rules: FreeRuleSet) -> Decision:
        try:
            (access,) = access_sets([rules], self.normalization, self.families)
            return decision(access, rules)
        except (TooComplexError, UndecidableError) as error:
            return unknown(str(error))

    def _peer_denials(self, server: Server, connection: Connection) -> PeerDenials:
        if server.enforcer is not Enforcer.ZTUNNEL or connection.identity is not None:
            return PeerDenials()
        return self._peers.of(server.namespace, server.labels, connection.port)


def _readable(policy: AuthorizationPolicy) -> AuthorizationPolicy:
    """The policy, with its fault where a rule of it has no meaning."""
    if policy.fault:
        return policy
    fault = next(filter(None, map(rule_fault, policy.rules)), "")
    return structs.replace(policy, fault=fault, rules=()) if fault else policy
