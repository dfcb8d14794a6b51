"""A rule or policy of authorization that decides no request.

What it checks
    That the selector of a policy, or of a RequestAuthentication, selects no workload that is known.
    And two things of each enforced ALLOW and DENY rule, proven over all requests: what it asks of
    one attribute excludes itself; or, at every workload and for every client, other rules of the
    same action match all that it matches. The message names these rules.

    ```yaml
    rules:
      - from: [{source: {namespaces: [shop]}}]
      - from: [{source: {namespaces: [shop]}}]            # nothing that the first does not match
        to: [{operation: {methods: [GET]}}]
    ```

Why it matters
    Somebody wrote the rule to let in or keep out something. Where it decides nothing, either that
    does not happen, or the rule is a trap: who removes the other one for good reasons changes
    nothing, and who removes this one is told that it mattered.

How to fix
    Correct the selector or the condition, or remove the rule. Removing it changes nothing for any
    request; `meshgate diff` proves it.

Known gaps
    A DENY that no ALLOW would let in anyway is no finding: it is there against ALLOWs to come. A
    policy without rules stands for the default and is none, either. Servers with more than 400
    rules of one action are not compared, nor are principals that begin with `*`.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import Mesh
from meshgate.mesh.authorization import Action
from meshgate.mesh.authorization.policies import Attachment, request_authentication
from meshgate.model import Resource, Severity
from meshgate.rules import policy_places
from meshgate.rules.context import Context
from meshgate.rules.contradictions import contradiction
from meshgate.rules.covered_rules import CoveredRule, covered_rules
from meshgate.rules.policy_places import rule_path, selected_by
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation
from meshgate.rules.wording import listed


def check(context: Context) -> Iterator[Violation]:
    places = policy_places.of(context)
    if places is None:
        return
    reported: set[tuple[int, int]] = set()
    for policy in policy_places.enforced(context):
        yield from _unselecting(places.mesh, policy.resource, policy.namespace, policy.attachment)
        for number, rule in enumerate(policy.rules):
            reason = contradiction(policy, number, rule, places.mesh.authorization)
            if reason:
                reported.add((id(policy), number))
                yield Violation(
                    policy.resource,
                    rule_path(number),
                    f"the rule matches no request: {reason}",
                    fix="correct the condition, or remove the rule",
                )
    read = {id(each) for each in places.mesh.authorization.resources}
    for resource in context.resources.of("RequestAuthentication"):
        own = request_authentication(resource)
        if id(resource) in read:
            yield from _unselecting(places.mesh, resource, own.namespace, own.attachment)
    for covered in covered_rules(places):
        if (id(covered.policy), covered.number) not in reported:
            yield _superfluous(covered)


def _unselecting(
    mesh: Mesh, resource: Resource, namespace: str, attachment: Attachment
) -> Iterator[Violation]:
    """A selector without workloads."""
    selector = dict(attachment.selector or {})
    if not selector or attachment.targets or selected_by(mesh, namespace, selector):
        return
    is_root = namespace == mesh.facts.root_namespace
    labels = ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
    where = "the mesh" if is_root else f"namespace {namespace}"
    yield Violation(
        resource,
        "spec.selector.matchLabels",
        f"selects no workload of {where}: none has the labels {labels}",
        fix="correct the labels to those of the pods, or remove the policy",
        decided=is_root or mesh.knows(namespace),
    )


def _superfluous(covered: CoveredRule) -> Violation:
    verb = "let in" if covered.policy.action is Action.ALLOW else "denied"
    names = [f"rules[{number}] of {policy}" for policy, number in covered.by]
    return Violation(
        covered.policy.resource,
        rule_path(covered.number),
        f"the rule decides nothing: all that it matches is {verb} by {listed(names)} already",
        fix="remove the rule; nothing changes for any request",
        related=tuple(
            RelatedResource(policy.resource, "decides in its place", rule_path(number))
            for policy, number in covered.by
            if policy is not covered.policy
        )[:3],
        key="covered",
    )


RULE = Rule(
    id="AZ003",
    name="dead-rule",
    severity=Severity.WARNING,
    summary="A rule or policy of authorization decides no request.",
    fix="correct the rule, or remove it",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset({"RequestAuthentication"}),
    check=check,
)
