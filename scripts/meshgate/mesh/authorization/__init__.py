"""Who may call whom: AuthorizationPolicies as Istio enforces them."""

from __future__ import annotations

from meshgate.mesh.authorization.attributes import Address, Chain, Connection, Request
from meshgate.mesh.authorization.authorization import Authorization, Judged
from meshgate.mesh.authorization.enforcement import Enforcer, Server, ServiceName
from meshgate.mesh.authorization.identities import identity_of
from meshgate.mesh.authorization.rule_sets import Judgement

__all__ = [
    "Address",
    "Authorization",
    "Chain",
    "Connection",
    "Enforcer",
    "Judged",
    "Judgement",
    "Request",
    "Server",
    "ServiceName",
    "identity_of",
]
