"""A policy of authorization that is not what decides, for its kind comes first or counts nothing.

What it checks
    Dry-run policies, which count as absent: a dry-run ALLOW does not even switch on the
    default-deny. AUDIT policies, which only log. And CUSTOM policies at workloads that ALLOW or
    DENY policies govern as well: their authorizer is asked first, and its denial ends the request.

    ```yaml
    metadata:
      annotations: {istio.io/dry-run: "true"}     # denies nobody
    spec:
      action: DENY
    ```

Why it matters
    None of these is a fault. But who reads the policy, or counts policies, takes it for one that
    decides.

How to fix
    Remove the annotation once the logs say that the policy is right. Else nothing is to be done.

Known gaps
    There is no order among policies of one action: neither name nor age decides.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh.authorization import Action, AuthorizationPolicy
from meshgate.mesh.authorization.policies import DRY_RUN
from meshgate.model import Severity, join_path
from meshgate.rules import policy_places
from meshgate.rules.context import Context
from meshgate.rules.policy_places import PolicyPlaces
from meshgate.rules.rule import Needs, Phase, Rule, Violation
from meshgate.rules.wording import listed

DRY = {
    Action.ALLOW: "it lets nobody in, and keeps nobody out",
    Action.DENY: "it denies nobody",
}


def check(context: Context) -> Iterator[Violation]:
    places = policy_places.of(context)
    for policy in policy_places.policies(context):
        if policy.dry_run:
            yield Violation(
                policy.resource,
                join_path("metadata", "annotations", DRY_RUN),
                f"a dry run counts as absent: {DRY.get(policy.action, 'it decides nothing')}",
                fix=f"remove the annotation {DRY_RUN} once its logs say that it is right",
            )
        elif policy.action is Action.AUDIT:
            yield Violation(policy.resource, "spec.action", "AUDIT only logs: it decides nothing")
        elif policy.action is Action.CUSTOM and places is not None:
            yield from _first(places, policy)


def _first(places: PolicyPlaces, policy: AuthorizationPolicy) -> Iterator[Violation]:
    """A CUSTOM policy beside others."""
    others = dict.fromkeys(
        str(other)
        for place in places.of(policy)
        for other in place.policies
        if other.action in {Action.ALLOW, Action.DENY} and not other.dry_run
    )
    if others:
        yield Violation(
            policy.resource,
            "spec.action",
            f"the authorizer {policy.provider} is asked before {listed(others)}: what it denies "
            "they cannot let in, and what it lets in they may still deny",
        )


RULE = Rule(
    id="AZ009",
    name="shadowed-by-age-or-kind",
    severity=Severity.INFO,
    summary="A dry run or AUDIT that decides nothing, or a CUSTOM that decides before others.",
    fix="nothing, if that is what it is for",
    phase=Phase.STATE,
    needs=Needs.POLICIES,
    sharper_with=Needs.INVENTORY,
    kinds=frozenset({"AuthorizationPolicy"}),
    check=check,
)
