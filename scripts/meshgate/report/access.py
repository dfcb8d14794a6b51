"""What AuthorizationPolicies let in of a call, in words and as JSON."""

from __future__ import annotations

from meshgate.effect.codec import place
from meshgate.effect.describe import owner
from meshgate.mesh import Admission, Allows, Delivery, Verdict
from meshgate.model import JSONObject, join_path
from meshgate.report.view import View

# How many requests a cell of a table lists.
LISTED = 3


def as_json(view: View, delivery: Delivery) -> JSONObject | None:
    """The authorization of the contract: everything is let in where no policy applies.

    None: policies are not asked, as the call fails before.
    """
    admission = delivery.admission
    if admission is None:
        works = delivery.verdict in {Verdict.WORKS, Verdict.DEPENDS}
        unlimited = {"allows": Allows.ALL, "requests": ["all"], "reason": "", "decidedBy": []}
        return unlimited if works else None
    decision = admission.decision
    return {
        "allows": admission.allows,
        "requests": list(decision.requests),
        "reason": admission.reason or decision.left_open,
        "decidedBy": [
            {
                "resource": owner(each.resource),
                "action": each.action,
                "rule": each.rule,
                "source": place(view.locate(each.resource, rule_path(each.rule))),
            }
            for each in decision.decided_by
        ],
    }


def rule_path(rule: int | None) -> str:
    """Where a rule stands in its policy; None: the policy as a whole."""
    return join_path("spec", "rules", rule) if rule is not None else "spec"


def deciders(admission: Admission) -> str:
    """The policies that decide: `shop/deny-all, shop/allow-web`."""
    names = (owner(each.resource) for each in admission.decision.decided_by)
    return ", ".join(dict.fromkeys(names))


def describe(admission: Admission) -> str:
    """What is let in, in a few words; empty: everything, or it is not known."""
    if admission.allows is Allows.NONE:
        return f"by {deciders(admission)}"
    if admission.allows is not Allows.SOME:
        return ""
    requests = admission.decision.requests
    more = f" and {len(requests) - LISTED} more" if len(requests) > LISTED else ""
    return f"only {'; '.join(requests[:LISTED])}{more}"
