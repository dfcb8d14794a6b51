"""Who may call whom: AuthorizationPolicies as Istio enforces them.

`Authorization` answers for one server and one connection: what becomes of one request (`judge`),
which requests are let in (`allowed`), and which of them each policy matches (`explain`).
`access_change` compares two states of a mesh over all requests.
"""

from __future__ import annotations

from meshgate.mesh.authorization.attributes import (
    Address,
    Chain,
    Connection,
    Request,
    outbound_server_name,
)
from meshgate.mesh.authorization.authorization import Authorization, JudgedRequest
from meshgate.mesh.authorization.changes import (
    AccessChange,
    Side,
    access_change,
    opened_between,
)
from meshgate.mesh.authorization.decisions import Allows, DecidingRule, Decision
from meshgate.mesh.authorization.enforcement import Enforcer, Server, ServiceName
from meshgate.mesh.authorization.explanations import PolicyStep, RuleMatch, RuleStep
from meshgate.mesh.authorization.identities import identity_of
from meshgate.mesh.authorization.policies import Action, AuthorizationPolicy
from meshgate.mesh.authorization.rule_sets import RequestJudgement
from meshgate.mesh.authorization.space import Witness

__all__ = [
    "AccessChange",
    "Action",
    "Address",
    "Allows",
    "Authorization",
    "AuthorizationPolicy",
    "Chain",
    "Connection",
    "DecidingRule",
    "Decision",
    "Enforcer",
    "JudgedRequest",
    "PolicyStep",
    "Request",
    "RequestJudgement",
    "RuleMatch",
    "RuleStep",
    "Server",
    "ServiceName",
    "Side",
    "Witness",
    "access_change",
    "identity_of",
    "opened_between",
    "outbound_server_name",
]
