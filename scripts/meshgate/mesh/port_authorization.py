"""What authorization policies decide for one server port: who is let in at all."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence

from msgspec import Struct, structs

from meshgate.mesh.authorization import (
    Action,
    Allows,
    Authorization,
    AuthorizationPolicy,
    Chain,
    Connection,
    Enforcer,
    Server,
)
from meshgate.mesh.authorization.attributes import Kind
from meshgate.mesh.authorization.rule_sets import RuleSet
from meshgate.mesh.authorization.strangers import TooManyIdentitiesError, examples, rules_of
from meshgate.mesh.authorization.terms import Entry, ProxyRule

# No rule names this port: it stands for all that have no entry of their own.
OTHER_PORT = 0


class AuthorizationState(enum.StrEnum):
    """How a port is closed, if it is.

    NOT_ENFORCED  no proxy of the mesh stands before it, or it does not capture the port
    NO_POLICY     nothing applies: everybody gets in
    DENY_LIST     everybody gets in whom no DENY policy names
    ALLOW_LIST    nobody gets in whom no ALLOW policy names
    DEFAULT_DENY  an ALLOW policy applies, and none lets anybody in
    CUSTOM        an external authorizer is asked, and no ALLOW policy applies
    UNDECIDED     files do not tell
    """

    NOT_ENFORCED = "not-enforced"
    NO_POLICY = "no-policy"
    DENY_LIST = "deny-list"
    ALLOW_LIST = "allow-list"
    DEFAULT_DENY = "default-deny"
    CUSTOM = "custom"
    UNDECIDED = "undecided"


class PortAuthorization(Struct, frozen=True):
    """The policies of a port, in the order of evaluation, and what they come to.

    admitted  identities that some request gets in with, `None` for no identity; those that no file
              names have `?` for what is free. Given for an ALLOW_LIST only
    reason    why it is not decided
    """

    state: AuthorizationState
    policies: tuple[AuthorizationPolicy, ...] = ()
    admitted: tuple[str | None, ...] = ()
    reason: str = ""

    @property
    def is_closed(self) -> bool:
        """Whether what no policy lets in is denied."""
        return self.state in {AuthorizationState.ALLOW_LIST, AuthorizationState.DEFAULT_DENY}

    @property
    def decided(self) -> bool:
        """Whether files tell."""
        return self.state is not AuthorizationState.UNDECIDED


_ORDER = (Action.CUSTOM, Action.DENY, Action.ALLOW)


def port_authorization(
    authorization: Authorization, server: Server, chains: Sequence[Chain], port: int | None
) -> PortAuthorization:
    """What policies decide for a port; None: nothing declares it.

    `chains` are what may judge its connections.
    """
    if server.enforcer is Enforcer.NONE:
        return PortAuthorization(AuthorizationState.NOT_ENFORCED)
    applied = authorization.applied(server)
    policies = tuple(
        sorted(
            (each for each in applied.policies if each.action in _ORDER and not each.dry_run),
            key=lambda each: _ORDER.index(each.action),
        )
    )
    if applied.undecided:
        return PortAuthorization(AuthorizationState.UNDECIDED, policies, reason=applied.undecided)
    number = OTHER_PORT if port is None else port
    answers = {chain: _of_chain(authorization, server, chain, number, policies) for chain in chains}
    first, *others = answers.values()
    if any(other.state is not first.state for other in others):
        states = " or ".join(dict.fromkeys(str(each.state) for each in answers.values()))
        reason = (
            f"{states}: policies say another thing of HTTP than of TCP, and no file tells which of "
            "them the port speaks"
        )
        return PortAuthorization(AuthorizationState.UNDECIDED, policies, reason=reason)
    admitted = dict.fromkeys(each for answer in answers.values() for each in answer.admitted)
    return structs.replace(first, admitted=tuple(admitted))


def _of_chain(
    authorization: Authorization,
    server: Server,
    chain: Chain,
    port: int,
    policies: tuple[AuthorizationPolicy, ...],
) -> PortAuthorization:
    rules = authorization.rules(server, chain)
    allow = [rule for rule in rules.allow if _concerns(rule, port)]
    deciding = tuple(
        policy
        for policy in policies
        if policy.action is Action.ALLOW
        or any(rule.policy is policy and _concerns(rule, port) for rule in rules_of(rules))
    )
    if rules.is_closed and allow:
        try:
            admitted = _admitted(authorization, server, chain, port, rules)
        except TooManyIdentitiesError as error:
            return PortAuthorization(AuthorizationState.UNDECIDED, deciding, reason=str(error))
        state = AuthorizationState.ALLOW_LIST if admitted else AuthorizationState.DEFAULT_DENY
        return PortAuthorization(state, deciding, admitted)
    if rules.is_closed:
        state = AuthorizationState.DEFAULT_DENY
    elif any(policy.action is Action.DENY for policy in deciding):
        state = AuthorizationState.DENY_LIST
    elif deciding:
        state = AuthorizationState.CUSTOM
    else:
        state = AuthorizationState.NO_POLICY
    return PortAuthorization(state, deciding)


def _admitted(
    authorization: Authorization, server: Server, chain: Chain, port: int, rules: RuleSet
) -> tuple[str | None, ...]:
    """The identities of which some request gets in, or may."""
    trusts = server.enforcer is not Enforcer.GATEWAY
    asked: Iterable[str | None] = (None, *examples(rules.allow, authorization.domains))
    return tuple(
        identity
        for identity in asked
        if authorization.allowed(
            server, Connection(chain, port, identity, trusts_headers=trusts)
        ).allows
        is not Allows.NONE
    )


def _concerns(rule: ProxyRule, port: int) -> bool:
    """Whether a rule may match anything on a port."""
    return (
        bool(rule.sources)
        and _fits(rule.conditions, port)
        and any(_fits(entry, port) for entry in rule.operations)
    )


def _fits(entry: Entry, port: int) -> bool:
    return all(term.holds(port) for term in entry if term.attribute.kind is Kind.PORT)
