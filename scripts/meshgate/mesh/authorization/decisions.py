"""What policies decide for one client at one server port, with what decides and examples."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from functools import cached_property

from msgspec import Struct, structs

from meshgate.mesh.authorization.access import AccessSet
from meshgate.mesh.authorization.boxes import TooComplexError, intersections, uncovered
from meshgate.mesh.authorization.cover import described, permitted_requests
from meshgate.mesh.authorization.policies import Action, AuthorizationPolicy
from meshgate.mesh.authorization.projection import FreeRule, FreeRuleSet
from meshgate.mesh.authorization.space import Witness
from meshgate.model import Resource


class Allows(enum.StrEnum):
    """Which requests reach the application."""

    ALL = "all"
    SOME = "some"
    NONE = "none"
    UNKNOWN = "unknown"


class DecidingRule(Struct, frozen=True):
    """A policy that decides; `rule` None: that it applies and no rule of it matches."""

    resource: Resource
    action: str
    rule: int | None


class Decision(Struct, frozen=True, eq=False, dict=True):
    """What policies let in of one client at one server port. Compared by identity.

    decided_by  what decides, in the order of evaluation
    reason      why it is unknown
    permitted   an example of what is let in; None: nothing is
    denied      an example of what is denied; None: nothing is
    access      the exact set; None: it is unknown, or ztunnel denies plaintext
    left_open   what an external authorizer decides, where other requests are let in for certain;
                empty: nothing
    """

    allows: Allows
    decided_by: tuple[DecidingRule, ...] = ()
    reason: str = ""
    permitted: Witness | None = None
    denied: Witness | None = None
    access: AccessSet | None = None
    left_open: str = ""

    @property
    def depends_on_token(self) -> bool:
        """Whether it is the token that decides on some request, or may be."""
        return self.allows is Allows.SOME and self.access is not None and self.access.asks_for_token

    @cached_property
    def requests(self) -> tuple[str, ...]:
        """What is let in for certain, in the fewest words; `all` alone where everything is.

        What an external authorizer is asked about is not in it.
        """
        return permitted_requests(self.access.certain()) if self.access is not None else ()


def unknown(reason: str) -> Decision:
    """The decision of a question that cannot be answered."""
    return Decision(Allows.UNKNOWN, reason=reason)


def decision(access: AccessSet, rules: FreeRuleSet) -> Decision:
    """The decision that a set gives, by its rules alone. Raises TooComplexError."""
    permitted, denied = access.first_permitted(), access.first_denied()
    decided_by = tuple(_decided_by(access, rules))
    asked = _asked(access) if permitted is not None else ""
    reason = _doubt(access) if permitted is not None else ""
    certain = access.certain().first_permitted() if asked else permitted
    if permitted is None:
        allows = Allows.NONE
    elif reason or certain is None:
        allows = Allows.UNKNOWN
        reason = reason or asked
    else:
        allows = Allows.SOME if denied is not None or asked else Allows.ALL
    witness = certain or permitted
    return Decision(
        allows,
        decided_by,
        reason,
        access.witness(witness) if witness is not None else None,
        access.witness(denied) if denied is not None else None,
        access,
        asked if allows is Allows.SOME else "",
    )


def _asked(access: AccessSet) -> str:
    """What an external authorizer decides, in words; empty: nothing."""
    if not access.asked:
        return ""
    requests = ", ".join(described(access, access.asked))
    return f"the authorizer {', '.join(sorted(access.providers))} decides on {requests}"


def _doubt(access: AccessSet) -> str:
    """Why files do not tell what becomes of some request; empty: they do."""
    if access.asks_for_addresses:
        try:
            hangs = access.hangs_on_addresses()
        except TooComplexError as error:
            return f"addresses of pods may decide, which files do not tell: {error}"
        if hangs:
            return "addresses of pods decide, which files do not tell"
    return ""


def by_default(
    known: Decision, rules: FreeRuleSet, policies: Iterable[AuthorizationPolicy]
) -> Decision:
    """The same with the policies that deny by being there: no ALLOW rule matches any request.

    Rules may be the same at servers of other policies: those that have none are all alike.
    `policies` are the enforced ones that apply to the server.
    """
    if not rules.is_closed or known.access is None:
        return known
    if any(each.action == Action.ALLOW for each in known.decided_by):
        return known
    closing = (
        DecidingRule(policy.resource, str(policy.action), None)
        for policy in policies
        if policy.action is Action.ALLOW
    )
    return structs.replace(known, decided_by=(*known.decided_by, *closing))


def _decided_by(access: AccessSet, rules: FreeRuleSet) -> Iterator[DecidingRule]:
    """The rules that match any request, of CUSTOM, DENY and ALLOW."""
    for group in (rules.unauthorized, rules.custom, rules.deny, rules.allow):
        for free in group:
            if matches_any(access, rules, free):
                yield _reference(free)


def matches_any(access: AccessSet, rules: FreeRuleSet, free: FreeRule) -> bool:
    """Whether a rule matches any request that there can be."""
    boxes = access.space.rule_boxes((free,), rules.issuers)
    return bool(intersections(access.universe, boxes))


def matches_all(access: AccessSet, rules: FreeRuleSet, free: FreeRule) -> bool:
    """Whether a rule matches every request that there can be."""
    boxes = access.space.rule_boxes((free,), rules.issuers)
    return all(uncovered(box, boxes) is None for box in access.universe)


def _reference(free: FreeRule) -> DecidingRule:
    rule = free.rule
    return DecidingRule(rule.policy.resource, str(rule.action), rule.index)
