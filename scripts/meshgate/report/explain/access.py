"""Which policies of authorization are asked, what each says of the client, and who repairs it."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.effect.describe import owner
from meshgate.mesh import Admission, Allows, Delivery, PolicyStep, RuleMatch, Workload
from meshgate.mesh.selectors import Labels
from meshgate.report.access import deciders, rule_path
from meshgate.report.explain import manifests
from meshgate.report.explain.explanation import CallRepair, Case, Chapter, Statement

TITLE = "Who gets in"
NOBODY = "nobody, as nothing proves an identity"


def who_gets_in(case: Case) -> Iterator[Chapter]:
    """The policies in the order in which the server asks them; nothing where there is none."""
    lines: list[Statement] = []
    for delivery, _ in case.sorts():
        for answer in delivery.alternatives or (delivery,):
            if answer.admission is not None:
                lines += _admission(case, answer, answer.admission)
    if lines:
        yield Chapter(TITLE, tuple(dict.fromkeys(lines)))


def _admission(case: Case, delivery: Delivery, admission: Admission) -> Iterator[Statement]:
    end = delivery.endpoint
    assert end is not None
    who = admission.connection.identity or NOBODY
    place = f"{end.workload or end.address}:{end.port}"
    if delivery.passage is not None:
        place += f", by way of {delivery.passage},"
    yield Statement(f"To {place} the client is {who}.")
    for step in admission.steps():
        yield from _policy(case, step)
    yield Statement(_conclusion(admission), mark=_MARKS.get(admission.allows, ""))


_MARKS = {Allows.ALL: "works", Allows.NONE: "broken"}


def _conclusion(admission: Admission) -> str:
    decision = admission.decision
    if admission.reason:
        return f"So it is not known what gets in: {admission.reason}."
    if admission.allows is Allows.ALL:
        return "So every request gets in."
    if admission.allows is Allows.NONE:
        names = deciders(admission)
        return f"So no request gets in: {names} {'decide' if ', ' in names else 'decides'}."
    token = " The token of a request decides with it." if decision.depends_on_token else ""
    others = f" Of the others it is not known: {decision.left_open}." if decision.left_open else ""
    return (
        f"So these requests get in: {'; '.join(decision.requests) or 'by token only'}."
        f"{token}{others}"
    )


def _policy(case: Case, step: PolicyStep) -> Iterator[Statement]:
    policy = step.policy
    name = f"{policy.action} {owner(policy.resource)}"
    place = case.view.locate(policy.resource, "spec")
    if step.ignored:
        yield Statement(f"{name} decides nothing: {step.ignored}.", place, "hidden")
        return
    if not step.rules:
        yield Statement(f"{name} has no rules, so that it matches nothing.", place)
    for rule in step.rules:
        what = f"{rule.says}"
        if rule.says is RuleMatch.SOME:
            what += f" of this client: {'; '.join(rule.requests)}"
        if rule.unjudged:
            what += f"; {', '.join(rule.unjudged)} cannot be judged on this port"
        where = case.view.locate(policy.resource, rule_path(rule.number))
        mark = "hidden" if rule.says in {RuleMatch.NONE, RuleMatch.DROPPED} else "decides"
        yield Statement(f"{name}, rule {rule.number + 1}: {what}.", where, mark)


def admission_repairs(case: Case, delivery: Delivery, labels: Labels) -> Iterator[CallRepair]:
    """Let the client in: out of what denies it, and into what allows.

    `labels` select the server.
    """
    admission, end = delivery.admission, delivery.endpoint
    assert admission is not None
    assert end is not None
    denying = [
        (step, rule)
        for step in admission.steps()
        if step.policy.action == "DENY" and not step.ignored
        for rule in step.rules
        if rule.says is RuleMatch.ALL
    ]
    for step, rule in denying:
        yield CallRepair(
            f"Take this client out of rule {rule.number + 1} of {owner(step.policy.resource)}: a "
            "DENY wins over every ALLOW."
        )
    if denying or not isinstance(end.workload, Workload):
        return
    identity = admission.connection.identity
    who = f"the client, {identity}," if identity else "whoever reaches the port"
    passage = delivery.passage
    if passage is not None and admission.server.services and identity:
        yield CallRepair(
            f"Let {who} in by an ALLOW policy for the Service, which {passage} asks: it adds to "
            "the others, and takes nothing away.",
            manifests.allow_at_waypoint(
                passage.service.namespace,
                passage.service.name,
                f"{passage.service.name}-from-{case.client.namespace}-{case.client.name}",
                identity,
                passage.port,
            ),
        )
        return
    yield CallRepair(
        f"Let {who} in by an ALLOW policy of its own: it adds to the others, and takes nothing "
        "away. Name methods and paths in it where not every request is wanted.",
        manifests.allow(
            f"{end.workload.name}-from-{case.client.namespace}-{case.client.name}",
            end.workload.namespace,
            labels,
            identity,
            end.port,
        ),
    )
