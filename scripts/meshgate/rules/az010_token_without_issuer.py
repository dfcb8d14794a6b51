"""A policy asks for a token that nothing at the workload verifies.

What it checks
    Each enforced rule with `requestPrincipals` or a `when` on `request.auth.*`, or their `not`
    forms, against the RequestAuthentications of the workloads that it is enforced for. A token
    counts only where one of them verifies its issuer. Without one, what asks for a token matches
    nothing, and what asks for the absence of one matches every request. Where all
    RequestAuthentications are known, a request principal of another issuer than theirs is reported,
    too.

    ```yaml
    action: DENY
    rules:
      - from: [{source: {notRequestPrincipals: ["*"]}}]   # and nobody verifies a token: denies all
    ```

Why it matters
    The ALLOW lets nobody in and the DENY everybody out, or, the other way round, an ALLOW by
    `notRequestPrincipals` lets everybody in.

How to fix
    Add a RequestAuthentication with the issuer for the workload, in its namespace or the root
    namespace.

Known gaps
    At ztunnel tokens are not judged at all (AZ008). Whether the keys of the issuer can be had is
    not known.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import DataPlane, Workload
from meshgate.mesh.authorization import Action, AuthorizationPolicy
from meshgate.mesh.authorization.policy_values import PolicyValue, policy_values
from meshgate.model import Severity
from meshgate.rules import policy_places
from meshgate.rules.context import Context
from meshgate.rules.policy_places import PolicyPlaces
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation
from meshgate.rules.wording import listed

KEYS = "request.auth."
PRINCIPAL = "request.auth.principal"


def check(context: Context) -> Iterator[Violation]:
    places = policy_places.of(context)
    if places is None:
        return
    for policy in policy_places.enforced(context):
        asked = [value for value in policy_values(policy) if value.key.startswith(KEYS)]
        if not asked:
            continue
        bare = without_issuer(places, policy)
        if bare:
            reported: set[tuple[int, bool]] = set()
            for value in asked:
                if (value.rule, value.negated) not in reported:
                    reported.add((value.rule, value.negated))
                    yield _nobody(policy, value, bare)
        else:
            yield from _others(places, policy, asked)


def without_issuer(places: PolicyPlaces, policy: AuthorizationPolicy) -> list[Workload]:
    """The workloads with a proxy at which no token is verified."""
    return [
        workload
        for place in places.of(policy)
        if not places.mesh.authorization.applied(place.server).authentications
        for workload in place.workloads
        if workload.plane is not DataPlane.AMBIENT
    ]


def _nobody(policy: AuthorizationPolicy, value: PolicyValue, bare: list[Workload]) -> Violation:
    names = listed(map(str, bare))
    effect = {
        (Action.ALLOW, False): "it lets nobody in",
        (Action.ALLOW, True): "it holds for everybody, with or without a token",
        (Action.DENY, False): "it denies nobody",
        (Action.DENY, True): "it holds for everybody, and so everybody is denied",
    }.get((policy.action, value.negated), "the authorizer sees no token")
    return Violation(
        policy.resource,
        value.path,
        f"`{value.name}` asks for a token, and no RequestAuthentication verifies one at {names}: "
        + effect,
        fix=f"add a RequestAuthentication with the issuer for {listed(map(str, bare))}",
        related=tuple(
            RelatedResource(workload.resource, "verifies no token") for workload in bare[:3]
        ),
    )


def _others(
    places: PolicyPlaces, policy: AuthorizationPolicy, asked: list[PolicyValue]
) -> Iterator[Violation]:
    """Whole request principals of issuers that no workload of the policy verifies."""
    issuers: set[str] = set()
    for place in places.of(policy):
        authentications = places.mesh.authorization.applied(place.server).authentications
        if any(each.any_issuer for each in authentications):
            return
        issuers.update(issuer for each in authentications for issuer in each.issuers)
    if not issuers:
        return
    for value in asked:
        issuer, slash, _ = value.value.rpartition("/")
        is_whole = value.key == PRINCIPAL and slash and not value.value.startswith("*")
        if is_whole and issuer not in issuers:
            yield Violation(
                policy.resource,
                value.path,
                f"no RequestAuthentication verifies tokens of `{issuer}`, only of "
                f"{listed(sorted(issuers))}: "
                + ("it excludes nobody" if value.negated else "nothing matches"),
                fix="write the issuer as the RequestAuthentication has it, or add it there",
            )


RULE = Rule(
    id="AZ010",
    name="token-without-issuer",
    severity=Severity.ERROR,
    summary="A policy asks for a token, and nothing at the workload verifies one.",
    fix="add a RequestAuthentication with the issuer for the workload",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset({"AuthorizationPolicy"}),
    check=check,
)
