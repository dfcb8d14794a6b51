"""A policy of authorization that istiod's webhook refuses, with all its rules.

What it checks
    Each AuthorizationPolicy with a violation of SH002, SH003 or SH004: what is lost with it. One
    bad value takes the whole object along. A DENY that is not there denies nobody; an ALLOW that is
    not there lets nobody in, unless it would have been the only one of a workload, which is then
    open.

    ```yaml
    action: DENY
    rules:
      - to: [{operation: {paths: ["/admin/*"]}}]
      - from: [{source: {ipBlocks: [10.0.0.1/33]}}]      # and /admin/* is open, too
    ```

Why it matters
    The message of the webhook names one value. That the other rules are gone with it, and what that
    opens, nobody is told.

How to fix
    Correct what SH004 names at this object.

Known gaps
    Where an older version of the policy is in the cluster, that one stays.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Resource, Severity
from meshgate.rules import policy_places
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation
from meshgate.wording import plural

FIX = "correct what SH004 or SH002 names at this object"


def check(context: Context) -> Iterator[Violation]:
    refused: dict[int, Resource] = {}
    for violation in context.violations:
        if violation.resource.kind == policy_places.KIND:
            refused.setdefault(id(violation.resource), violation.resource)
    for resource in refused.values():
        rules = resource.spec.get("rules")
        count = len(rules) if isinstance(rules, list) else 0
        yield Violation(
            resource,
            "spec",
            f"istiod refuses the policy as a whole, with {plural(count, 'rule')}: "
            + _lost(str(resource.spec.get("action") or "ALLOW")),
        )


def _lost(action: str) -> str:
    match action:
        case "DENY":
            return "what they deny gets in"
        case "CUSTOM":
            return "the authorizer is not asked"
        case "AUDIT":
            return "nothing is logged"
        case _:
            return (
                "whom they let in stays out, and where no other ALLOW policy applies everybody "
                "gets in"
            )


RULE = Rule(
    id="AZ016",
    name="policy-refused-whole",
    severity=Severity.ERROR,
    summary="The webhook refuses a policy with all its rules: what is lost with it.",
    fix=FIX,
    phase=Phase.STATE,
    needs=Needs.POLICIES,
    kinds=frozenset(),
    check=check,
)
